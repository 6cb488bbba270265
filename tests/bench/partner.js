// Measures the partner API: the list of a thousand lights, commands, and what five hundred listeners to its events cost.
// The clients are Node's, in one process on the same machine: their own time is in the figures.
import { startBridge, until, usage } from "../e2e/harness.js";
import { Api, Listener, linkClient } from "../e2e/partner.js";
import { median } from "./table.js";

const quick = process.argv.includes("--quick");
const runs = quick ? 5 : 20;
const LISTENERS = 500, LIGHTS = 1000;
const ends = [];
const t = { after: (end) => ends.push(end) };

async function timed(work) {
    const begin = process.hrtime.bigint();
    await work();
    return Number(process.hrtime.bigint() - begin) / 1e6;
}

/** The middle of so many. */
async function several(count, work) {
    const values = [];
    for (let i = 0; i < count; i++) {
        values.push(await timed(() => work(i)));
    }
    return median(values);
}

const row = (figure, unit, { value, least, most }) =>
    console.log(`${figure.padEnd(58)} ${unit.padEnd(4)} ${value.toFixed(2)} (${least.toFixed(2)}-${most.toFixed(2)})`);

async function main() {
    const bridge = await startBridge(t, { extra: { virtual: { lights: LIGHTS }, partner: { requests_per_minute: 100000 }, log: { level: "warn" } } });
    const { access_token: token } = await linkClient(bridge, "bench");
    const ask = async (method, path, body) => {
        const response = await fetch(`${bridge.publicUrl}${path}`, {
            method,
            headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
            body: body && JSON.stringify(body),
        });
        return response.json();
    };
    const lights = await ask("GET", "/v1/lights/all");
    const lamp = lights.find((l) => l.product.capabilities.has_color);
    const put = (brightness) => ask("PUT", `/v1/lights/id:${lamp.id}/state`, { power: "on", brightness, duration: 0 });
    const memory = (figure) => {
        const { rss } = usage(bridge.program.pid);
        row(figure, "MB", median([rss / 1024]));
    };
    console.log(`${lights.length} lights in memory; medians of ${runs} (least-most)`);
    row(`list of ${lights.length} lights`, "ms", await several(runs, () => ask("GET", "/v1/lights/all")));
    row("state of one light, to its answer", "ms", await several(runs * 5, (i) => put((i % 97 + 1) / 100)));
    memory("memory, no listeners");
    const listeners = Array.from({ length: LISTENERS }, () => new Listener(t, bridge, token));
    row(`${LISTENERS} listeners connected and greeted`, "ms", await several(1, () => until("greetings", () => listeners.every((l) => l.events.length > 0), 60)));
    memory(`memory, ${LISTENERS} listeners`);
    row(`from a command to the last of ${LISTENERS} listeners`, "ms", await several(runs, (i) => {
        const brightness = (i % 2 ? 500 + i : 100 + i) / 1000;
        const all = Promise.all(listeners.map((l) => new Promise((done) => {
            l.heard = (event) => event.data.brightness === brightness && done();
        })));
        return Promise.all([put(brightness), all]);
    }));
    await Promise.all(listeners.map((l) => l.close()));
}

let rc = 0;
try {
    await main();
} catch (error) {
    console.error(`bench: not measured: ${error.stack}`);
    rc = 1;
}
for (const end of ends.reverse()) {
    await end();
}
process.exit(rc);
