// lightbridge-sim with its standard input, for the tests that tell lamps what happens to them.
import { spawn } from "node:child_process";
import { patience, simulator, until } from "./harness.js";

/** A line of each one's `list`, and the bridge's address of what it says. */
const FAMILIES = {
    zigbee2mqtt: {
        line: /^ *(?<number>\d+) {2}(?<power>\w+) +(?<topic>\S.*?) +(?<address>0x[0-9a-f]{16}) /,
        address: (lamp) => lamp.address,
    },
    tasmota: {
        args: ["--discovery", "20"],
        line: /^ *(?<number>\d+) {2}(?<power>\w+) +(?<topic>\S+) +(?<mac>[0-9A-F]{12}) {2}(?<kind>[\w-]+)/,
        address: ({ mac }) => `mac/${mac}/1`,
    },
    homeassistant: {
        line: /^ *(?<number>\d+) {2}(?<power>\w+) +(?<topic>\S+) +(?<mac>[0-9a-f]{12}) {2}(?<kind>[\w-]+)/,
        address: ({ mac }) => `mac/${mac.toUpperCase()}/ESPlightlamp`, // of the kinds of ESPHome
    },
    shelly: {
        line: /^ *(?<number>\d+) {2}(?<power>\w+) +(?<mac>[0-9A-F]{12}) (?<topic>\S+) (?<part>[\w:]*)/,
        address: ({ mac, part }) => `mac/${mac}/${part}`,
    },
    wled: {
        line: /^ *(?<number>\d+) {2}(?<power>\w+) +(?<mac>[0-9A-F]{12}) (?<topic>\S+) (?<part>[\w:]*)/,
        address: ({ mac }) => `wled/${mac.slice(6)}`, // as without its host
    },
};

export class Simulated {
    /** `what`: a family; `args` beside the broker's. Ready when it says so. */
    static async start(t, broker, what, args = []) {
        const sim = new Simulated();
        sim.what = what;
        sim.family = FAMILIES[what];
        sim.said = "";
        const words = [what, "--broker", broker.url, ...(sim.family.args ?? []), ...args.map(String)];
        sim.child = spawn(simulator, words, { stdio: ["pipe", "pipe", "pipe"] });
        sim.child.stdout.on("data", (d) => (sim.said += d));
        sim.child.stderr.on("data", (d) => (sim.said += d));
        sim.child.stdin.on("error", () => {});
        sim.ended = new Promise((done) => sim.child.once("exit", (code, signal) => done({ code, signal })));
        t.after(() => sim.stop());
        await until("the simulator to be ready", () => /^ready: /m.test(sim.said), 60);
        return sim;
    }

    /** What it says to an order. */
    async answer(line) {
        const before = this.said.length;
        this.order(line);
        this.order("help"); // whose last line is the same for all
        await until(`its answer to ${line}`, () => /^ {2}quit .*\n/m.test(this.said.slice(before)), 30);
        return this.said.slice(before);
    }

    /** Its lamps: [{number, power, on, level (in percent, where it has one), mac, topic, kind or part, address}]. */
    async lamps() {
        const found = [];
        for (const line of (await this.answer("list")).split("\n")) {
            const lamp = this.family.line.exec(line)?.groups;
            const [, level, most] = /, level (\d+)\/(\d+)$/.exec(line) ?? [];
            if (lamp) {
                const address = this.family.address(lamp);
                found.push({ ...lamp, number: Number(lamp.number), on: lamp.power === "on", address, ...(most && { level: (100 * level) / most }) });
            }
        }
        return found;
    }

    order(line) {
        this.child.stdin.write(`${line}\n`);
    }

    /** SIGTERM; its end must be a good one. */
    async stop() {
        if (!this.end) {
            this.child.kill("SIGTERM");
            const late = setTimeout(() => this.child.kill("SIGKILL"), 15000 * patience);
            this.end = await this.ended;
            clearTimeout(late);
            if (this.end.code !== 0) {
                throw new Error(`lightbridge-sim ended badly (${this.end.signal ?? this.end.code}):\n${this.said.slice(-4000)}`);
            }
        }
    }
}
