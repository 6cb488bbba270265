// Lamps that announce themselves by Home Assistant discovery, behind a real mosquitto, from the SmartThings side and back.
// Announcements, states and commands one by one are tests/unit/mqtt, time and lost messages tests/contract.
import assert from "node:assert/strict";
import test from "node:test";
import mqtt from "mqtt";
import { Cloud, statesOf } from "./cloud.js";
import { startBridge, startBroker, startSim, until } from "./harness.js";

const lights = async (bridge) => (await bridge.control("GET", "/control/lights")).body.lights;
const drive = async (bridge, id, words) => (await bridge.control("POST", "/control/light", { light: id, ...words })).body;
const online = (bridge, count) =>
    until(`${count} lights to be there`, async () => {
        const there = (await lights(bridge)).filter((l) => l.reach === "online" && l.state.on !== undefined);
        return there.length === count && there;
    }, 30);

/** What each kind of lamp shows. */
const SHOWN = {
    "esphome-rgbct": ["light", "on", "level", "kelvin", "color"],
    "esphome-rgbw": ["light", "on", "level", "color"],
    "esphome-rgb": ["light", "on", "level", "color"],
    "esphome-ct": ["light", "on", "level", "kelvin"],
    "esphome-dimmer": ["light", "on", "level"],
    "esphome-binary": ["light", "on"],
    "plain-hs": ["light", "on", "level", "kelvin", "color"],
    "plain-xy": ["light", "on", "level", "kelvin", "color"],
    "plain-rgb": ["light", "on", "level", "color"],
    "plain-ct": ["light", "on", "level", "kelvin"],
    "plain-dimmer": ["light", "on", "level"],
    "zwave-dimmer": ["light", "on", "level"],
    relay: ["switch", "on"],
};
const KINDS = Object.keys(SHOWN);

/** Every member that the light can do, one command each and one for all; the lamp's own word is the answer. */
async function driveAll(bridge, l) {
    const steps = [{ on: true }, { on: false }];
    if (l.can.includes("level")) {
        steps.push({ on: true, level: 37 }, { on: false }, { on: true, level: 2 });
    }
    if (l.can.includes("kelvin")) {
        steps.push({ kelvin: 3000 }, { on: true, level: 55, kelvin: 4000 });
    }
    if (l.can.includes("color")) {
        steps.push({ hue: 240, saturation: 60 }, { on: true, level: 80, hue: 30, saturation: 100 });
    }
    for (const step of steps) {
        const done = await drive(bridge, l.id, step);
        assert.equal(done.basis, "reported", `${l.name} ${JSON.stringify(step)}: ${JSON.stringify(done)}`);
        const { state } = (await lights(bridge)).find(({ id }) => id === l.id);
        for (const [key, asked] of Object.entries(step)) {
            const told = state[key];
            const close = typeof asked === "boolean" ? told === asked : Math.abs(told - asked) <= (key === "kelvin" ? 20 : 2);
            assert.ok(close, `${l.name} ${JSON.stringify(step)}: ${key} is ${told}`);
        }
    }
}

const play = (t, broker, args) => startSim(t, ["homeassistant", "--broker", `mqtt://127.0.0.1:${broker.port}`, ...args], { line: /ready:/ });

test("each kind of lamp obeys, and says so itself", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const cloud = new Cloud(bridge);
    await cloud.link();
    await play(t, broker, ["--lamps", String(KINDS.length), "--quiet"]);
    const all = await online(bridge, KINDS.length);
    for (const [i, kind] of KINDS.entries()) {
        const l = all.find(({ name }) => name.split(" ")[0] === `herald_${i + 1}`);
        assert.ok(l, kind);
        assert.deepEqual([l.kind, ...l.can], SHOWN[kind], kind);
        await driveAll(bridge, l);
    }
    const { devices } = await cloud.discover();
    assert.equal(devices.length, KINDS.length - 1, "plugs are shown only when asked for");
    const lamp = all.find((l) => l.name === "herald_1 Lamp");
    const states = statesOf(await cloud.command(lamp.id, "switchLevel", "setLevel", [40]), lamp.id);
    assert.equal(states["switchLevel.level"], 40);
});

test("lamps that announce themselves only to a Home Assistant that has just come", async (t) => {
    const broker = await startBroker(t);
    await play(t, broker, ["--lamps", "3", "--kind", "esphome-dimmer", "--shy", "--quiet"]);
    const bridge = await startBridge(t, { broker, extra: { mqtt: [{ name: "home", url: broker.url, homeassistant_birth: true }] } });
    const [first] = await until("3 lights to be listed", async () => (await lights(bridge)).length === 3 && lights(bridge));
    assert.equal(first.state.on, undefined, "what it said of its state was not retained");
    assert.equal((await drive(bridge, first.id, { on: true, level: 20 })).basis, "reported");
});

/** The announcement of a lamp, as lib/extension/homeassistant.ts of Zigbee2MQTT 2.x has it. */
const twin = (lamp, name) =>
    JSON.stringify({
        availability: [{ topic: "zigbee2mqtt/bridge/state", value_template: "{{ value_json.state }}" }],
        availability_mode: "all", brightness: true, brightness_scale: 254, command_topic: `${name}/set`,
        device: { identifiers: [`zigbee2mqtt_${lamp.address}`], manufacturer: "M", model: "X", name: lamp.name },
        name: null, object_id: "lamp", origin: { name: "Zigbee2MQTT", sw: "2.1.0" }, schema: "json", state_topic: name,
        supported_color_modes: ["brightness"], unique_id: `${lamp.address}_light_zigbee2mqtt`,
    });

test("a Zigbee lamp that Zigbee2MQTT announces there too is one lamp, and goes on by the other way", async (t) => {
    const broker = await startBroker(t);
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`);
    t.after(() => client.endAsync());
    await startSim(t, ["zigbee2mqtt", "--broker", `mqtt://127.0.0.1:${broker.port}`, "--lamps", "1", "--quiet"]);
    const bridge = await startBridge(t, { broker });
    const [native] = await online(bridge, 1);
    const name = native.where.split(" ")[1];
    const topic = `homeassistant/light/${native.address}/light/config`;
    await client.publishAsync(topic, twin(native, name), { retain: true, qos: 1 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal((await lights(bridge)).length, 1);
    const heard = [];
    await client.subscribeAsync(["zigbee2mqtt/+/set"]);
    client.on("message", (at) => heard.push(at));
    await drive(bridge, native.id, { on: true });
    assert.deepEqual(heard, [`zigbee2mqtt/${native.address}/set`], "by its address: Zigbee2MQTT's own way");
    // Its list is emptied: what is announced drives it from now on, with the same id.
    await client.publishAsync("zigbee2mqtt/bridge/devices", "[]");
    await until("the other way", async () => {
        heard.length = 0;
        await drive(bridge, native.id, { on: false });
        return heard[0] === `${name}/set`;
    }, 20);
    const [now] = await lights(bridge);
    assert.equal(now.id, native.id);
    await client.publishAsync(topic, "", { retain: true, qos: 1 });
    await until("it to be gone", async () => (await lights(bridge)).length === 0);
});

test("one lamp behind two brokers is one lamp, and the other broker's when its own has it no more", async (t) => {
    const [first, second] = [await startBroker(t), await startBroker(t)];
    const [one, other] = await Promise.all([first, second].map(({ port }) => mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)));
    t.after(() => Promise.all([one.endAsync(), other.endAsync()]));
    await startSim(t, ["zigbee2mqtt", "--broker", `mqtt://127.0.0.1:${first.port}`, "--lamps", "1", "--quiet"]);
    const bridge = await startBridge(t, {
        extra: { mqtt: [{ name: "first", url: first.url }, { name: "second", url: second.url }] },
    });
    const [native] = await online(bridge, 1);
    await other.publishAsync(`homeassistant/light/${native.address}/light/config`, twin(native, "copy/lamp"), { retain: true, qos: 1 });
    await new Promise((resolve) => setTimeout(resolve, 6000)); // past the time in which it is left to Zigbee2MQTT
    assert.deepEqual((await lights(bridge)).map(({ driver }) => driver), ["mqtt/first"]);
    await one.publishAsync("zigbee2mqtt/bridge/devices", "[]");
    await until("the other broker's", async () => (await lights(bridge))[0]?.driver === "mqtt/second", 20);
    const [now] = await lights(bridge);
    assert.equal(now.id, native.id);
    const heard = [];
    await other.subscribeAsync("copy/lamp/set");
    other.on("message", (at) => heard.push(at));
    await drive(bridge, now.id, { on: true });
    assert.deepEqual(heard, ["copy/lamp/set"]);
});
