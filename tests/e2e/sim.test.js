// lightbridge-sim zigbee2mqtt against what somebody else wrote: the catalogue that Zigbee2MQTT itself uses, a real broker
// and npm's client. What the tests of the bridge take for Zigbee2MQTT must be like it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import mqtt from "mqtt";
import { allDefinitions } from "./catalogue.js";
import { Program, patience, scratch, simulator, startBroker, until } from "./harness.js";

/** The simulator with standard input, and everything that it publishes. */
async function startSim(t, broker, args = []) {
    const folder = scratch(t);
    const sim = new Program(t, "sim", simulator, ["zigbee2mqtt", "--broker", broker.url, ...args], { folder });
    sim.mustEndWell = true;
    await until("the simulator to be ready", () => {
        sim.check();
        return /^ready: /m.test(sim.log());
    });
    return sim;
}

class Listener {
    static async open(t, broker, filter = "zigbee2mqtt/#") {
        const l = new Listener();
        l.messages = []; // {topic, text, retain}
        l.client = mqtt.connect(broker.url, { reconnectPeriod: 0, protocolVersion: 4 });
        l.client.on("message", (topic, payload, packet) => l.messages.push({ topic, text: payload.toString(), retain: packet.retain }));
        await once(l.client, "connect");
        t.after(() => l.client.endAsync(true));
        await l.client.subscribeAsync(filter);
        return l;
    }

    /** The messages on a topic below the base. */
    on(topic) {
        return this.messages.filter((m) => m.topic === `zigbee2mqtt/${topic}`).map((m) => m.text);
    }

    last(topic) {
        const texts = this.on(topic);
        return texts.length ? JSON.parse(texts.at(-1) || "null") : undefined;
    }

    send(topic, payload) {
        return this.client.publishAsync(`zigbee2mqtt/${topic}`, typeof payload === "string" ? payload : JSON.stringify(payload));
    }

    until(topic, what, probe) {
        return until(`${topic}: ${what}`, () => this.on(topic).some((text) => text && probe(JSON.parse(text))));
    }

    logged(pattern) {
        return until(`a line on bridge/logging like ${pattern}`, () => this.on("bridge/logging").some((text) => pattern.test(JSON.parse(text).message)));
    }
}

const ofType = (entry, type) => entry.definition.exposes.filter((e) => e.type === type);

test("each kind of lamp exposes what a model of the catalogue exposes, to the letter", { timeout: 120_000 * patience }, async (t) => {
    const real = { light: new Map(), switch: new Map() };
    for (const definition of allDefinitions()) {
        for (const type of ["light", "switch"]) {
            const exposes = definition.exposes.filter((e) => e.type === type);
            if (exposes.length > 0) {
                const key = JSON.stringify(exposes);
                real[type].set(key, [...(real[type].get(key) ?? []), `${definition.vendor} ${definition.model}`]);
            }
        }
    }
    const listed = spawnSync(simulator, ["zigbee2mqtt", "--shapes"], { encoding: "utf8" }).stdout.trim().split("\n");
    const broker = await startBroker(t);
    await startSim(t, broker, ["--shape", "each", "--lamps", String(listed.length), "--others", "5", "--quiet"]);
    const listener = await Listener.open(t, broker, "zigbee2mqtt/bridge/devices");
    await until("bridge/devices", () => listener.last("bridge/devices"));
    const devices = listener.last("bridge/devices");
    assert.equal(devices[0].type, "Coordinator");
    const lamps = devices.filter((d) => d.friendly_name.startsWith("Lamp "));
    assert.equal(lamps.length, listed.length);

    const seen = new Set();
    const wrong = [];
    for (const [i, lamp] of lamps.entries()) {
        const type = ofType(lamp, "light").length > 0 ? "light" : "switch";
        const key = JSON.stringify(ofType(lamp, type));
        const models = real[type].get(key) ?? [];
        if (!models.includes(`${lamp.definition.vendor} ${lamp.definition.model}`)) {
            wrong.push(`${lamp.definition.vendor} ${lamp.definition.model}: ${key.slice(0, 400)}`);
        }
        const weight = Number(/^ *\d+ +(\d+)/.exec(listed[i])[1]);
        if (type === "light" && weight !== models.length) {
            wrong.push(`${listed[i]}: ${models.length} models in the catalogue`);
        }
        seen.add(`${type} ${key}`);
    }
    assert.deepEqual(wrong, []);
    const missing = [...real.light].filter(([key]) => !seen.has(`light ${key}`)).map(([, models]) => models[0]);
    assert.deepEqual(missing, [], "kinds of light that nobody simulates");
    t.diagnostic(`${lamps.length} kinds, all ${real.light.size} sets of lights of the catalogue`);
});

test("retained documents, availability, last will and a proper end", async (t) => {
    const broker = await startBroker(t);
    const sim = await startSim(t, broker, ["--lamps", "3", "--lost", "1"]);
    const listener = await Listener.open(t, broker);
    await until("everything that is retained", () => listener.on("bridge/definitions").length > 0 && listener.messages.filter((m) => m.topic.endsWith("/availability")).length === 3);
    assert.deepEqual(listener.last("bridge/state"), { state: "online" });
    const info = listener.last("bridge/info");
    assert.equal(info.config.availability.enabled, true);
    assert.equal(Object.keys(info.config.devices).length, 3);
    assert.ok(JSON.stringify(info).length > 20_000, "bridge/info is as large as the real one");
    assert.ok(listener.on("bridge/definitions")[0].length > 200_000, "so is bridge/definitions");
    const states = listener.messages.filter((m) => m.topic.endsWith("/availability"));
    assert.deepEqual(states.map((m) => [m.retain, JSON.parse(m.text).state]).sort(), [[true, "offline"], [true, "online"], [true, "online"]].sort());
    assert.equal(listener.on("Lamp 1").length, 0, "states are not retained");

    await sim.stop();
    await listener.until("bridge/state", "offline when it ends", (s) => s.state === "offline");
    assert.deepEqual(listener.on("bridge/state").map((text) => JSON.parse(text).state), ["online", "offline"], "said once: the will is not needed");
    const again = await startSim(t, broker, ["--lamps", "3"]);
    await until("online again", () => listener.last("bridge/state").state === "online");
    again.expected = true;
    await again.kill("SIGKILL");
    await until("the will", () => listener.last("bridge/state").state === "offline");
});

test("commands: echoes, colours, clamping, words, errors", async (t) => {
    const broker = await startBroker(t);
    await startSim(t, broker, ["--lamps", "1", "--shape", "LED2109G6", "--reports", "2"]); // 250..454 mired, xy, hs
    const z = await Listener.open(t, broker);
    const name = "Lamp 1";
    const clear = () => z.messages.splice(0);

    await z.send(`${name}/set`, { state: "ON", brightness: 100 });
    await until("three identical messages", () => z.on(name).length === 3);
    assert.deepEqual(new Set(z.on(name)).size, 1);
    assert.equal(z.last(name).state, "ON");
    assert.equal(z.last(name).brightness, 100);

    await z.send(`${name}/set`, { brightness: 0 });
    await z.until(name, "brightness 0 turns off", (s) => s.state === "OFF" && s.brightness === 0);
    await z.send(`${name}/set`, "on");
    await z.until(name, "a bare word; the level comes back", (s) => s.state === "ON" && s.brightness === 100);
    await z.send(`${name}/set/brightness`, "77");
    await z.until(name, "an attribute in the topic", (s) => s.brightness === 77);

    await until("three messages of each of the four", () => z.on(name).length === 12);
    clear();
    await z.send(`${name}/set`, { color: { hue: 120, saturation: 100 } });
    await z.until(name, "a colour", (s) => s.color_mode === "hs");
    const green = z.last(name).color;
    assert.deepEqual([green.hue, green.saturation, green.h, green.s], [120, 100, 120, 100]);
    assert.ok(Math.abs(green.x - 0.1725) < 0.0002 && Math.abs(green.y - 0.7468) < 0.0002, JSON.stringify(green));
    await z.send(`${name}/set`, { color: { x: 0.3, y: 0.3 } });
    await z.until(name, "xy", (s) => s.color_mode === "xy" && s.color.x === 0.3 && s.color.hue === undefined);
    await z.send(`${name}/set`, { color_temp: 9999 });
    await z.until(name, "clamped, and the colour rewritten", (s) => s.color_mode === "color_temp" && s.color_temp === 454 && Math.abs(s.color.x - 0.5056) < 0.002);

    await until("three messages of each of the three", () => z.on(name).length === 9);
    clear();
    await z.send(`${name}/set`, { brightness: 300 });
    await z.logged(/^Publish 'set' 'brightness' to 'Lamp 1' failed: 'Error: Brightness value of message: '\{"brightness":300\}' invalid/);
    await z.send(`${name}/set`, { colour: "red" });
    await z.logged(/^No converter available for 'colour' on 'Lamp 1': \("red"\)$/);
    await z.send(`${name}/set`, "garbage");
    await z.logged(/^Invalid message 'undefined', skipping\.\.\.$/);
    await z.send("Nobody/set", { state: "ON" });
    await z.logged(/^Entity 'Nobody' is unknown$/);
    assert.equal(z.on(name).length, 0, "none of them is answered by a state");

    await z.send("0x00158d0001000001/get", { state: "" });
    await until("an answer to /get, on the name", () => z.on(name).length === 1);
});

test("a transition: the target at once, then what the lamp passes through; off keeps the level for the next on", async (t) => {
    const broker = await startBroker(t);
    await startSim(t, broker, ["--lamps", "1", "--shape", "81810", "--reports", "0"]);
    const z = await Listener.open(t, broker);
    await z.send("Lamp 1/set", { state: "ON", brightness: 100 });
    await z.until("Lamp 1", "on", (s) => s.state === "ON");
    z.messages.splice(0);
    await z.send("Lamp 1/set", { state: "OFF", transition: 0.4 });
    await z.until("Lamp 1", "the end of the fade", (s) => s.brightness === 0);
    const told = z.on("Lamp 1").map((text) => JSON.parse(text));
    assert.deepEqual(new Set(told.map((s) => s.state)), new Set(["OFF"]));
    assert.deepEqual(told.map((s) => s.brightness), [100, 75, 50, 25, 0]);
    await z.send("Lamp 1/set", { state: "ON" });
    await z.until("Lamp 1", "the level of before", (s) => s.state === "ON" && s.brightness === 100);
});

test("rename, remove, groups, permit_join: requests and what they publish", async (t) => {
    const broker = await startBroker(t);
    await startSim(t, broker, ["--lamps", "3", "--shape", "81810", "--reports", "0"]);
    const z = await Listener.open(t, broker);
    await until("what is retained", () => z.last("Lamp 3/availability"));
    z.messages.splice(0);

    await z.send("bridge/request/device/rename", { from: "Lamp 1", to: "Hall/door", transaction: "a1" });
    await z.until("bridge/response/device/rename", "ok", (r) => r.status === "ok" && r.transaction === "a1" && r.data.to === "Hall/door");
    assert.deepEqual(z.on("Lamp 1"), [""], "the old topic is cleared");
    assert.deepEqual(z.on("Lamp 1/availability"), [""]);
    assert.deepEqual(z.last("Hall/door/availability"), { state: "online" });
    const order = z.messages.map((m) => m.topic.slice("zigbee2mqtt/".length));
    assert.ok(order.indexOf("Lamp 1") < order.indexOf("bridge/devices") && order.indexOf("bridge/devices") < order.indexOf("Hall/door"));
    assert.ok(z.last("bridge/devices").some((d) => d.friendly_name === "Hall/door"));
    await z.send("Hall/door/set", { state: "ON" });
    await z.until("Hall/door", "obeys under its new name", (s) => s.state === "ON");
    await z.send("bridge/request/device/rename", { from: "Nobody", to: "Somebody", transaction: 2 });
    await z.until("bridge/response/device/rename", "error", (r) => r.status === "error" && r.error === "Device 'Nobody' does not exist" && r.transaction === 2);

    await z.send("bridge/request/group/add", { friendly_name: "Both", id: 9 });
    await z.until("bridge/response/group/add", "ok", (r) => r.data.id === 9);
    for (const device of ["Hall/door", "Lamp 2"]) {
        await z.send("bridge/request/group/members/add", { group: "Both", device });
    }
    await z.until("bridge/groups", "two members", (g) => g[0]?.members.length === 2);
    await z.send("Both/set", { state: "ON", brightness: 50 });
    await z.until("Both", "the group's state", (s) => s.state === "ON" && s.brightness === 50);
    await z.until("Lamp 2", "its member's", (s) => s.state === "ON" && s.brightness === 50);

    z.messages.splice(0);
    await z.send("bridge/request/device/remove", "Lamp 2");
    await z.until("bridge/response/device/remove", "ok", (r) => r.status === "ok" && r.data.id === "Lamp 2");
    assert.ok(!z.last("bridge/devices").some((d) => d.friendly_name === "Lamp 2"));
    assert.deepEqual(z.on("Lamp 2"), [""]);
    assert.equal(z.last("bridge/groups")[0].members.length, 1);
    await z.send("bridge/request/permit_join", { time: 254 });
    await z.until("bridge/response/permit_join", "ok", (r) => r.data.time === 254);
    assert.equal(z.last("bridge/info").permit_join, true);
});

test("the forms that settings change: attributes, plain availability, null, pessimistic, retain", async (t) => {
    const broker = await startBroker(t);
    const one = ["--lamps", "1", "--shape", "LED2109G6"];
    await startSim(t, broker, [...one, "--base", "a", "--output", "attribute", "--availability", "text", "--reports", "0"]);
    await startSim(t, broker, [...one, "--base", "b", "--homeassistant", "--unknown", "--retain"]);
    await startSim(t, broker, [...one, "--base", "c", "--pessimistic", "--reports", "0", "--availability", "none"]);
    const z = await Listener.open(t, broker, "#");
    const texts = (topic) => z.messages.filter((m) => m.topic === topic).map((m) => m.text);
    await z.client.publishAsync("a/Lamp 1/set", '{"color":{"x":0.3,"y":0.4}}');
    await until("attributes", () => texts("a/Lamp 1/color-x").includes("0.3") && texts("a/Lamp 1/color_mode").includes("xy"));
    assert.deepEqual(texts("a/Lamp 1"), []);
    assert.deepEqual(texts("a/Lamp 1/availability"), ["online"]);

    await until("nulls", () => texts("b/Lamp 1").length > 0);
    const unknown = JSON.parse(texts("b/Lamp 1")[0]);
    assert.deepEqual([unknown.state, unknown.brightness, unknown.color, unknown.linkquality], [null, null, null, null]);
    assert.ok(z.messages.find((m) => m.topic === "b/Lamp 1").retain);

    await z.client.publishAsync("c/Lamp 1/set", '{"state":"ON"}');
    await z.client.publishAsync("c/Lamp 1/set", '{"nonsense":1}');
    await until("the error behind it", () => texts("c/bridge/logging").length > 0);
    assert.deepEqual(texts("c/Lamp 1"), [], "nothing without a report");
    await z.client.publishAsync("c/Lamp 1/get", '{"state":""}');
    await until("its state when asked", () => texts("c/Lamp 1").some((text) => JSON.parse(text).state === "ON"));
    assert.ok(!z.messages.some((m) => m.topic === "c/Lamp 1/availability"));
});

test("the broker goes and comes back: the simulator finds it", async (t) => {
    const broker = await startBroker(t);
    const sim = await startSim(t, broker, ["--lamps", "2", "--shape", "81810", "--reports", "0"]);
    broker.expected = true;
    await broker.kill("SIGKILL");
    const again = await startBroker(t, { folder: broker.folder, port: broker.port });
    await until("ready a second time", () => sim.log().match(/^ready: /gm)?.length === 2);
    const z = await Listener.open(t, again);
    await z.send("Lamp 2/set", { state: "ON" });
    await z.until("Lamp 2", "obeys", (s) => s.state === "ON");
});

test("lines of standard input: what happens to lamps", async (t) => {
    const broker = await startBroker(t);
    const child = spawn(simulator, ["zigbee2mqtt", "--broker", broker.url, "--lamps", "4", "--shape", "81810", "--reports", "0"]);
    t.after(() => child.kill("SIGKILL"));
    let said = "";
    child.stdout.on("data", (d) => (said += d));
    await until("ready", () => /^ready: 4 lamps/m.test(said));
    const z = await Listener.open(t, broker);
    const type = (line) => child.stdin.write(`${line}\n`);
    const orderly = async (lamp) => {
        await z.send(`Lamp ${lamp}/set`, { state: "TOGGLE" });
        await z.send("Lamp 4/set", { state: "TOGGLE" });
    };
    type("wall 1");
    await z.until("Lamp 1", "the wall", (s) => s.state === "ON");
    type("offline 2");
    await z.until("Lamp 2/availability", "lost", (s) => s.state === "offline");
    type("silent 3");
    type("slow 1 100");
    await until("it knows", () => type("list") && /, silent, level /.test(said) && /, slow, level /.test(said));
    z.messages.splice(0);
    await orderly(1);
    await orderly(2);
    await orderly(3);
    await until("the answers", () => z.on("Lamp 4").length === 3 && z.on("Lamp 1").length === 1);
    assert.deepEqual([z.on("Lamp 2").length, z.on("Lamp 3").length], [0, 0]);
    assert.equal(z.messages.find((m) => m.topic === "zigbee2mqtt/Lamp 4").text, z.on("Lamp 4")[0]);

    type("stale 4");
    type("remove 2");
    await z.until("bridge/devices", "one less", (d) => !d.some((e) => e.friendly_name === "Lamp 2"));
    z.messages.splice(0);
    await z.send("Lamp 4/set", { brightness: 7 });
    await until("old, then new", () => z.on("Lamp 4").length === 2);
    assert.deepEqual(z.on("Lamp 4").map((text) => JSON.parse(text).brightness), [254, 7]);
    type("join 2");
    await z.until("bridge/event", "interviewed", (e) => e.type === "device_interview" && e.data.status === "successful" && e.data.ieee_address === "0x00158d0001000002");
    assert.ok(z.last("bridge/devices").some((d) => d.friendly_name === "0x00158d0001000002" && d.interview_state === "SUCCESSFUL"));
    assert.ok(z.on("bridge/devices").some((text) => JSON.parse(text).some((d) => d.interview_state === "IN_PROGRESS" && !d.definition)));
    type("group Hall = 1 4");
    await z.until("bridge/groups", "a group", (g) => g[0]?.friendly_name === "Hall" && g[0].members.length === 2);
    type("restart crash");
    await z.until("bridge/state", "the will", (s) => s.state === "offline");
    await until("ready again", () => said.match(/^ready: /gm).length === 2);
    await z.until("Lamp 4", "cached states after a start", (s) => s.brightness === 7);
    type("wall 99");
    type("dance");
    await until("what is wrong with them", () => /no: wall needs a lamp, a number from 1 to 4/.test(said) && /no: "dance" is no word/.test(said));
    type("quit");
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
});

test("the same seed makes the same run, another another", async (t) => {
    const runs = [];
    for (const seed of ["5", "5", "6"]) {
        const broker = await startBroker(t);
        const sim = await startSim(t, broker, ["--lamps", "40", "--seed", seed, "--wall", "0.01", "--lost", "3", "--reports", "0"]);
        const listener = await Listener.open(t, broker, "zigbee2mqtt/bridge/devices");
        await until("hands on switches", () => sim.log().match(/^a hand switches .*$/gm)?.length >= 60);
        runs.push({ devices: listener.on("bridge/devices")[0], walls: sim.log().match(/^a hand switches .*$/gm).slice(0, 60) });
        await sim.stop();
        await broker.stop();
    }
    assert.equal(runs[0].devices, runs[1].devices);
    assert.deepEqual(runs[0].walls, runs[1].walls);
    assert.notEqual(runs[0].devices, runs[2].devices);
    assert.notDeepEqual(runs[0].walls, runs[2].walls);
});

test("the command line: help, version, mistakes", () => {
    const run = (...args) => spawnSync(simulator, args, { encoding: "utf8" });
    assert.match(run("--help").stdout, /zigbee2mqtt/);
    assert.equal(run("--help").status, 0);
    assert.match(run("--version").stdout, /^lightbridge-sim \d+\.\d+\.\d+$/m);
    assert.match(run("zigbee2mqtt", "--help").stdout, /--seed S/);
    for (const [args, words] of [
        [[], /usage/],
        [["coffee"], /unknown word "coffee"/],
        [["zigbee2mqtt", "--lamps", "-1"], /--lamps: "-1" is no whole number from 0 to 90000/],
        [["zigbee2mqtt", "--broker", "http://a"], /mqtt:\/\/HOST:PORT/],
        [["zigbee2mqtt", "--shape", "toaster"], /"toaster" is no kind of lamp/],
        [["zigbee2mqtt", "--output", "yaml"], /json, attribute or both/],
    ]) {
        const result = run(...args);
        assert.equal(result.status, 2, args.join(" "));
        assert.match(result.stderr, words);
    }
});
