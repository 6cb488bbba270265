// lightbridge-sim tasmota with its standard input, for the tests of the dialect.
import { spawn } from "node:child_process";
import { patience, simulator, until } from "./harness.js";

export class Tasmota {
    /** `args` beside the broker's; ready when it says so. */
    static async start(t, broker, args = []) {
        const sim = new Tasmota();
        sim.said = "";
        sim.child = spawn(simulator, ["tasmota", "--broker", broker.url, "--discovery", "20", ...args], { stdio: ["pipe", "pipe", "pipe"] });
        sim.child.stdout.on("data", (d) => (sim.said += d));
        sim.child.stderr.on("data", (d) => (sim.said += d));
        sim.child.stdin.on("error", () => {});
        sim.ended = new Promise((done) => sim.child.once("exit", (code, signal) => done({ code, signal })));
        t.after(() => sim.stop());
        await until("the simulator to be ready", () => /^ready: /m.test(sim.said));
        return sim;
    }

    /** Modules by what `list` says: [{number, power, topic, mac, kind}]. */
    async modules() {
        const before = this.said.length;
        this.order("list");
        this.order("stats"); // its answer is the last one
        await until("its answer to list", () => /^\d+ commands/m.test(this.said.slice(before)));
        return [...this.said.slice(before).matchAll(/^ *(\d+) {2}(\w+) +(\S+) +([0-9A-F]{12}) {2}([\w-]+)/gm)].map(
            ([, number, power, topic, mac, kind]) => ({ number: Number(number), power, topic, mac, kind }),
        );
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
