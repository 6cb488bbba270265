// Shellys of both generations, from the SmartThings side to a real mosquitto and back: discovery, commands, a hand on the
// switch, callbacks, errors, topics that change. The simulator of generation 2 is checked by ioBroker's adapter for Shelly,
// whose definitions of components read and drive it beside us. Time and lost messages are tests/contract.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import test from "node:test";
import mqtt from "mqtt";
import { Cloud, statesOf } from "./cloud.js";
import { startBridge, startBroker, until } from "./harness.js";
import { Simulated } from "./simulated.js";

const components = createRequire(import.meta.url)("iobroker.shelly/build/lib/devices/gen2-helper.js");

const lights = async (bridge) => (await bridge.control("GET", "/control/lights")).body.lights;
const at = async (bridge, address) => (await lights(bridge)).find((l) => l.address === address);
const drive = async (bridge, id, words) => (await bridge.control("POST", "/control/light", { light: id, ...words })).body;
const known = (bridge, count) =>
    until(`${count} lights to be known`, async () => {
        const there = (await lights(bridge)).filter((l) => l.reach === "online" && l.state.on !== undefined);
        return there.length === count && there;
    }, 30);

/** What each part of a device can do. */
const CAN = {
    switch: ["on"], relay: ["on"], light: ["on", "level"], white: ["on", "level"], cct: ["on", "level", "kelvin"],
    rgb: ["on", "level", "color"], rgbw: ["on", "level", "color"], rgbcct: ["on", "level", "kelvin", "color"],
};

/** Models of generation 1 that can more than their channel says. */
const MODELS = { "SHCB-1": CAN.rgbcct, "SHBLB-1": CAN.rgbcct, "SHRGBW2": CAN.rgb, "SHBDUO-1": CAN.cct };

/** Every member that the light can do, one command each and together; the lamp's own word is the answer. */
async function driveAll(bridge, l) {
    const steps = [{ on: true }, { on: true }, { on: false }]; // what is on already is told so, and says so
    if (l.can.includes("level")) {
        steps.push({ on: true, level: 37 }, { on: false }, { on: true, level: 1 });
    }
    if (l.can.includes("kelvin")) {
        steps.push({ kelvin: 3100 }, { on: true, level: 55, kelvin: 4000 });
    }
    if (l.can.includes("color")) {
        steps.push({ hue: 240, saturation: 60 }, { on: true, level: 80, hue: 30, saturation: 100 });
    }
    if (l.can.includes("kelvin") && l.can.includes("color")) {
        steps.push({ kelvin: 3000 });
    }
    for (const step of steps) {
        const done = await drive(bridge, l.id, step);
        assert.equal(done.basis, "reported", `${l.address} ${JSON.stringify(step)}: ${JSON.stringify(done)}`);
        const { state } = await at(bridge, l.address);
        for (const [key, asked] of Object.entries(step)) {
            const close = typeof asked === "boolean" ? state[key] === asked : Math.abs(state[key] - asked) <= (key === "kelvin" ? 20 : 1);
            assert.ok(close, `${l.address} ${JSON.stringify(step)}: ${key} is ${state[key]}`);
        }
    }
}

for (const [name, args, lamp] of [
    ["generation 2 and later", ["--devices", 9], "rgbcct:0"],
    ["generation 1", ["--devices", 9, "--generation", 1], "color:0"],
]) {
    test(`${name}: every model through SmartThings and back`, async (t) => {
        const broker = await startBroker(t);
        const bridge = await startBridge(t, { broker });
        const cloud = new Cloud(bridge);
        await cloud.link();
        await cloud.serve(t);
        await cloud.grant();
        const sim = await Simulated.start(t, broker, "shelly", args);
        const lamps = await sim.lamps();
        const all = await known(bridge, lamps.length);
        for (const { mac, part } of lamps) {
            const light = all.find((l) => l.address === `mac/${mac}/${part}`);
            assert.ok(light, `${mac} ${part}`);
            const kind = part.split(":")[0];
            assert.deepEqual([...light.can].sort(), [...(kind === "white" ? CAN.white : MODELS[light.model] ?? CAN[kind])].sort(), part);
            assert.equal(light.kind, kind === "switch" || kind === "relay" ? "switch" : "light");
        }
        const { devices } = await cloud.discover();
        assert.equal(devices.length, all.filter((l) => l.kind === "light").length, "plugs are shown only when asked for");

        const one = lamps.find((l) => l.part === lamp);
        const { id } = all.find((l) => l.address === `mac/${one.mac}/${lamp}`);
        let states = statesOf(await cloud.command(id, "switchLevel", "setLevel", [40]), id);
        assert.equal(states["switchLevel.level"], 40);
        assert.equal(states["switch.switch"], "on");
        states = statesOf(await cloud.command(id, "colorTemperature", "setColorTemperature", [3300]), id);
        assert.ok(Math.abs(states["colorTemperature.colorTemperature"] - 3300) <= 10, JSON.stringify(states));
        states = statesOf(await cloud.command(id, "colorControl", "setColor", [{ hue: 50, saturation: 80 }]), id);
        assert.ok(Math.abs(states["colorControl.hue"] - 50) <= 0.5 && Math.abs(states["colorControl.saturation"] - 80) <= 1, JSON.stringify(states));
        const before = cloud.told(id, "switch").length;
        sim.order(`wall ${one.number}`);
        await until("the callback of the wall switch", () => cloud.told(id, "switch").length > before);
        assert.deepEqual(cloud.told(id, "switch").slice(before), ["off"], "exactly one");
        await cloud.converged();

        for (const l of all) {
            await driveAll(bridge, l);
        }
        sim.order("restart");
        await known(bridge, lamps.length);
        sim.order(`offline ${one.number}`);
        await until("its will", async () => (await at(bridge, `mac/${one.mac}/${lamp}`)).reach === "offline");
        sim.order(`topic ${one.number} ${args.includes("--generation") ? "shellies/attic" : "attic"}`);
        await until("its new topic", async () => /attic/.test((await at(bridge, `mac/${one.mac}/${lamp}`)).where));
        assert.equal((await at(bridge, `mac/${one.mac}/${lamp}`)).id, id, "another topic, the same light");
        await until("its state", async () => (await at(bridge, `mac/${one.mac}/${lamp}`)).reach === "online");
        assert.equal((await drive(bridge, id, { on: true, level: 12 })).basis, "reported");
        sim.order(`babble ${one.number}`);
        assert.equal((await drive(bridge, id, { on: true, level: 13 })).basis, "reported");
    });
}

test("a Shelly's own words: errors, transitions, a prefix of several levels, answers that come twice", async (t) => {
    const broker = await startBroker(t);
    const sim = await Simulated.start(t, broker, "shelly", ["--devices", 1, "--model", "S3DM-0A101WWL"]);
    const bridge = await startBridge(t, { broker, extra: { mqtt: [{ name: "home", url: broker.url, shelly: ["+", "house/attic/dimmer"] }] } });
    const [{ mac }] = await sim.lamps();
    const [{ id, address }] = await known(bridge, 1);
    assert.equal(address, `mac/${mac}/light:0`);
    sim.order("refuse 1");
    const refused = await drive(bridge, id, { on: true });
    assert.equal(refused.result ?? refused.error, "rejected", JSON.stringify(refused));
    assert.match(JSON.stringify(refused), /overtemperature! \(-114\)/, "in its own words");
    sim.order("well 1");
    const fading = await drive(bridge, id, { on: true, level: 70, transition: 1 });
    assert.equal(fading.basis, "accepted", JSON.stringify(fading));
    await until("its target", async () => (await at(bridge, address)).state.level === 70);
    sim.order("stale 1");
    assert.equal((await drive(bridge, id, { on: true, level: 20 })).basis, "reported");
    assert.equal((await at(bridge, address)).state.level, 20);
    sim.order("topic 1 house/attic/dimmer");
    await until("it under its prefix", async () => /house\/attic\/dimmer/.test((await at(bridge, address)).where));
    const done = await until("it to obey", async () => {
        const answer = await drive(bridge, id, { on: true, level: 33 });
        return answer.basis === "reported" && answer;
    });
    assert.ok(done);
    assert.equal((await at(bridge, address)).id, id);
});

test("ioBroker's adapter reads and drives the same devices", async (t) => {
    const broker = await startBroker(t);
    const sim = await Simulated.start(t, broker, "shelly", ["--devices", 9, "--status"]);
    const bridge = await startBridge(t, { broker });
    const lamps = await sim.lamps();
    await known(bridge, lamps.length);
    const client = mqtt.connect(broker.url, { protocolVersion: 4 });
    await once(client, "connect");
    t.after(() => client.endAsync(true));
    const heard = new Map();
    client.on("message", (topic, payload) => heard.set(topic, payload.toString()));
    await client.subscribeAsync(["+/status/+", "iobroker/rpc"]);
    const add = { switch: "addSwitch", light: "addLight", rgb: "addRGB", rgbw: "addRGBW", cct: "addCCT", rgbcct: "addRGBCCT" };
    const wanted = { Switch: ["on", true, (v) => v], Brightness: ["level", 44, (v) => v], ColorTemperature: ["kelvin", 3500, (v) => v] };
    let count = 0;
    for (const { topic, part, mac } of lamps) {
        const [kind, number] = part.split(":");
        const points = {};
        components[add[kind]](points, Number(number), true);
        for (const [name, point] of Object.entries(points)) {
            const row = wanted[name.split(".")[1]];
            if (!row || !point.mqtt?.mqtt_cmd || !point.mqtt.mqtt_publish) {
                continue;
            }
            const [key, value] = row;
            const command = await point.mqtt.mqtt_cmd_funct(value, { getNextMsgId: () => ++count });
            await client.publishAsync(point.mqtt.mqtt_cmd.replace("<mqttprefix>", topic), command);
            await until(`${topic} ${name}: the adapter's own reading`, () => {
                const said = heard.get(point.mqtt.mqtt_publish.replace("<mqttprefix>", topic));
                return said && point.mqtt.mqtt_publish_funct(said, {}) === value;
            });
            await until(`${topic} ${name}: ours`, async () => Math.abs(Number((await at(bridge, `mac/${mac}/${part}`)).state[key]) - Number(value)) <= (key === "kelvin" ? 20 : 0.5));
        }
        const { id } = await at(bridge, `mac/${mac}/${part}`);
        await drive(bridge, id, { on: false });
        const reads = points[Object.keys(points).find((n) => n.endsWith(".Switch"))].mqtt;
        await until(`${topic} ${part}: what we have switched off`, () => reads.mqtt_publish_funct(heard.get(reads.mqtt_publish.replace("<mqttprefix>", topic)), {}) === false);
    }
    assert.ok(count >= 2 * 4 + lamps.length, `${count} commands of the adapter were tried`);
    assert.match(heard.get("iobroker/rpc"), /"result"/);
});
