// lightbridge-sim shelly and wled with their standard input, for the tests of these dialects.
import { spawn } from "node:child_process";
import { patience, simulator, until } from "./harness.js";

export class Wifi {
    /** `what`: shelly or wled; `args` beside the broker's. Ready when it says so. */
    static async start(t, broker, what, args = []) {
        const sim = new Wifi();
        sim.said = "";
        sim.child = spawn(simulator, [what, "--broker", broker.url, ...args.map(String)], { stdio: ["pipe", "pipe", "pipe"] });
        sim.child.stdout.on("data", (d) => (sim.said += d));
        sim.child.stderr.on("data", (d) => (sim.said += d));
        sim.child.stdin.on("error", () => {});
        sim.ended = new Promise((done) => sim.child.once("exit", (code, signal) => done({ code, signal })));
        t.after(() => sim.stop());
        await until("the simulator to be ready", () => /^ready: /m.test(sim.said));
        return sim;
    }

    /** Its lamps by what `list` says: [{number, on, mac, topic, part}]. */
    async lamps() {
        const before = this.said.length;
        this.order("list");
        this.order("topic 1"); // whose answer is the last one
        await until("its answer to list", () => /^no: the new topic/m.test(this.said.slice(before)));
        return [...this.said.slice(before).matchAll(/^ *(\d+) {2}(\w+) *([0-9A-F]{12}) (\S+) (\S*)$/gm)].map(
            ([, number, on, mac, topic, part]) => ({ number: Number(number), on: on === "on", mac, topic, part }),
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
