// The things that are measured: this bridge as it is, this bridge with optimistic lamps, the peer. Each has a broker of its
// own with the same thousand lamps behind it, so that all can stay up while one is measured.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { allDefinitions, deviceEntry, lightsOf } from "../e2e/catalogue.js";
import { Cloud } from "../e2e/cloud.js";
import { Program, binaries, freePort, installation, lightbridge, scratch } from "../e2e/harness.js";
import { startBridge, startBroker, until } from "../e2e/harness.js";

const mqtt = createRequire(new URL("../e2e/package.json", import.meta.url))("mqtt");
const KEPT_MS = 5000; // fetch() keeps its connections for four seconds
const here = dirname(fileURLToPath(import.meta.url));
const load = join(binaries, "tests/bench/bench-load");

/** Lamps: models of the real catalogue that are one light with a level. */
export function lamps(count) {
    const models = allDefinitions().filter((d) => {
        const lights = lightsOf(d);
        return lights.length === 1 && lights[0].endpoint === null && lights[0].on && lights[0].level;
    });
    return Array.from({ length: count }, (_, i) => {
        const definition = models[i % models.length];
        const ieee = `0x00158d00${(0x10000000 + i).toString(16)}`;
        return {
            ieee,
            name: `lamp-${String(i).padStart(4, "0")}`,
            white: Boolean(lightsOf(definition)[0].mired),
            entry: deviceEntry(definition, ieee, `lamp-${String(i).padStart(4, "0")}`),
        };
    });
}

/** bench-load's answer to one measurement. */
async function measured(words) {
    const child = spawn(load, words.map(String), { stdio: ["ignore", "pipe", "pipe"] });
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (d) => (out.stdout += d));
    child.stderr.on("data", (d) => (out.stderr += d));
    const [code] = await once(child, "close");
    if (code !== 0) {
        throw new Error(out.stderr.trim() || `bench-load ended with ${code}`);
    }
    return JSON.parse(out.stdout);
}

class System {
    constructor(key, t, network) {
        Object.assign(this, { key, t, network });
    }

    async start() {
        this.folder = scratch(this.t);
        // a broker that does not hold small messages back: Nagle's delay would hide what is measured
        this.broker = await startBroker(this.t, { config: "set_tcp_nodelay true\n" });
        await this.startItself();
    }

    get pid() {
        return this.program.pid;
    }

    /** Zigbee2MQTT's part: the retained list, then a state of each lamp. Questions for states are not answered, or the
     *  answers would mix with the states of a storm; a lamp that has reported is not asked twice. */
    async announce() {
        const client = (this.watching = mqtt.connect(this.broker.url, { protocolVersion: 4 }));
        await once(client, "connect");
        this.t.after(() => client.endAsync());
        client.on("message", () => (this.asked = Date.now()));
        await client.subscribeAsync("zigbee2mqtt/+/get");
        const publish = (topic, value, retain) =>
            client.publishAsync(`zigbee2mqtt/${topic}`, JSON.stringify(value), { qos: 1, retain });
        await publish("bridge/state", { state: "online" }, true);
        const list = this.network.map((l) => l.entry);
        await publish("bridge/devices", list, true);
        await this.settled();
        const white = { color_mode: "color_temp", color_temp: 370 };
        const state = (l) => ({ state: "ON", brightness: 254, ...(l.white ? white : {}) });
        await Promise.all(this.network.map((l) => publish(l.name, state(l), false)));
    }

    /** The bridge asks the lamps for their states slowly, one by one: waits until that is over. */
    async quiet() {
        await until("the questions for states to end", () => Date.now() - (this.asked ?? 0) > 3000, 150);
        await this.watching.endAsync();
    }

    /** All lamps are listed; their names under which the webhook knows them are kept for bench-load. */
    async settled() {
        const listed = async () => {
            const list = await this.devices();
            return list.length === this.network.length && list;
        };
        const devices = await until(`${this.key} to list ${this.network.length} lights`, listed, 60);
        const ids = new Map(devices.map((d) => [d.friendlyName, d.externalDeviceId]));
        const line = (l) => `${ids.get(l.name)} ${l.name} ${l.ieee} ${l.white ? "white" : "dimmer"}\n`;
        this.lampsFile = join(this.folder, "lamps");
        writeFileSync(this.lampsFile, this.network.map(line).join(""));
    }

    measure(what, options = {}) {
        const { port, token, lampsFile, pid } = this;
        const words = { port, token, broker: this.broker.port, lamps: lampsFile, pid, ...options };
        return measured([what, ...Object.entries(words).flatMap(([k, v]) => [`--${k}`, v])]);
    }

    /** kB: what it has of the memory, its share of what it shares, what is its own. */
    memory() {
        const text = readFileSync(`/proc/${this.pid}/smaps_rollup`, "utf8");
        const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)[1]);
        return { rss: number("Rss"), pss: number("Pss"), anonymous: number("Anonymous") };
    }

    /** How often a second any of its threads was woken; after a while, so that no connection of ours is open any more. */
    async wakeUps(seconds) {
        await sleep(KEPT_MS);
        const count = () =>
            readdirSync(`/proc/${this.pid}/task`)
                .map((id) => readFileSync(`/proc/${this.pid}/task/${id}/status`, "utf8"))
                .reduce((sum, text) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)[1]), 0);
        const before = count();
        await sleep(seconds * 1000);
        return (count() - before) / seconds;
    }

    /** Ends it; then it can be started again and again for its first answer. */
    stop() {
        return this.program.stop();
    }

    firstAnswer() {
        return measured(["start", "--port", this.port, "--", ...this.command]);
    }
}

export class Bridge extends System {
    constructor(key, t, network, { optimistic }) {
        super(key, t, network);
        this.optimistic = optimistic;
    }

    async startItself() {
        const mqttSection = [{ name: "home", url: this.broker.url, ...(this.optimistic ? { optimistic: "yes" } : {}) }];
        const place = await installation(this.t, { extra: { mqtt: mqttSection, log: { level: "info" } } });
        const bridge = await startBridge(this.t, { place });
        this.program = bridge.program;
        this.port = place.publicPort;
        this.command = [lightbridge, "run", "--config", place.file];
        this.cloud = new Cloud(bridge);
        await this.cloud.link();
        this.token = this.cloud.tokens.access_token;
    }

    async devices() {
        const answer = await this.cloud.discover();
        return answer.devices ?? [];
    }
}

export class Peer extends System {
    async startItself() {
        this.port = await freePort();
        this.token = "a-token-of-the-peer-as-long-as-an-ordinary-one-of-the-bridge-is-so-that-both-read-the-same-bytes";
        this.command = [process.execPath, join(here, "peer.js"), this.port, this.broker.url, this.token].map(String);
        process.env.NODE_ENV = "production";
        this.program = new Program(this.t, "peer", this.command[0], this.command.slice(1), { folder: this.folder });
        await until("the peer to answer", async () => (await fetch(`http://127.0.0.1:${this.port}/healthz`)).ok, 20);
    }

    async devices() {
        const response = await fetch(`http://127.0.0.1:${this.port}/smartthings/schema`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({
                headers: { schema: "st-schema", version: "1.0", interactionType: "discoveryRequest", requestId: "1" },
                authentication: { tokenType: "Bearer", token: this.token },
            }),
        });
        return (await response.json()).devices ?? [];
    }
}
