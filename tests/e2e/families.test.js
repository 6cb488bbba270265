// What holds for lamps of every family, on a real mosquitto: lamps that are commanded together leave together, lamps that
// report out of sync settle on their own truth, a lamp that moves is the same light, and nonsense changes nothing.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import test from "node:test";
import { deviceEntry } from "./catalogue.js";
import { Cloud, statesOf } from "./cloud.js";
import { account, startBridge, startBroker, until } from "./harness.js";
import { Simulated } from "./simulated.js";
import { connect } from "./zigbee.js";

/** Each family with all that it can: how its lamps are made, and where its lamp's commands go. */
const FAMILIES = {
    Zigbee2MQTT: ["zigbee2mqtt", "--lamps", ["--shape", 1]],
    Tasmota: ["tasmota", "--modules", ["--kind", "rgbcw"]],
    "Home Assistant discovery": ["homeassistant", "--lamps", ["--kind", "esphome-rgbct"]],
    Shelly: ["shelly", "--devices", ["--model", "S3BL-C010007AEU"]],
    "Shelly, generation 1": ["shelly", "--devices", ["--generation", 1, "--model", "SHCB-1"]],
    WLED: ["wled", "--devices", ["--model", "RGB", "--cooldown", 20]],
};
const NAMES = Object.keys(FAMILIES);
const start = (t, broker, name, count, seed = 1) => {
    const [what, many, args] = FAMILIES[name];
    return Simulated.start(t, broker, what, [many, count, "--seed", seed, ...args]);
};

const lights = async (bridge) => (await bridge.control("GET", "/control/lights")).body.lights;
const at = async (bridge, address) => (await lights(bridge)).find((l) => l.address === address);
const drive = async (bridge, id, words) => (await bridge.control("POST", "/control/light", { light: id, ...words })).body;
const online = (bridge, count) =>
    until(`${count} lights to be there`, async () => {
        const there = (await lights(bridge)).filter((l) => l.reach === "online" && l.state.on !== undefined);
        return there.length === count && there;
    }, 30);
const metric = async (bridge, name) => {
    const login = { authorization: `Basic ${Buffer.from(`${account.name}:${account.password}`).toString("base64")}` };
    const text = await (await fetch(`${bridge.localUrl}/metrics`, { headers: login })).text();
    return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)[1]);
};

test("twenty lamps of all families in one request", async (t) => {
    const broker = await startBroker(t, { config: "set_tcp_nodelay true\n" }); // or the spread is the broker's, 40 ms
    const bridge = await startBridge(t, { broker });
    await Promise.all(NAMES.map((name, i) => start(t, broker, name, i < 2 ? 4 : 3, i + 1)));
    const all = await online(bridge, 20);
    const cloud = new Cloud(bridge);
    await cloud.link();
    const client = await connect(t, broker);
    const heard = [];
    client.on("message", (topic, payload) => {
        if (!topic.startsWith("lightbridge-") && /42|107/.test(payload)) { // the level, of 100 or 255; no answer to us
            heard.push({ topic, at: performance.now() });
        }
    });
    await client.subscribeAsync(["zigbee2mqtt/+/set", "cmnd/#", "+/light/lamp/command", "+/rpc", "shellies/+/color/+/set", "wled/+/api"]);
    const commands = [{ component: "main", capability: "st.switchLevel", command: "setLevel", arguments: [42] }];
    const answer = await cloud.ask("commandRequest", { devices: all.map(({ id }) => ({ externalDeviceId: id, commands })) });
    assert.deepEqual(all.map(({ id }) => statesOf(answer, id)["switchLevel.level"]), all.map(() => 42));
    const topics = () => new Set(heard.map(({ topic }) => topic));
    await until("all twenty to be heard", () => topics().size === 20).catch((error) => {
        throw new Error(`${error.message}: ${[...topics()]}`);
    });
    const spread = heard.at(-1).at - heard[0].at;
    console.log(`20 lamps of ${NAMES.length} families in one request: ${spread.toFixed(1)} ms from the first message to the last, as a client of the broker hears them`);
});

for (const name of NAMES) {
    test(`${name}: a lamp that reports out of sync settles on its own truth`, async (t) => {
        const broker = await startBroker(t);
        const bridge = await startBridge(t, { broker });
        const cloud = new Cloud(bridge);
        await cloud.link();
        await cloud.serve(t);
        await cloud.grant();
        const sim = await start(t, broker, name, 1);
        await online(bridge, 1);
        const [{ address }] = await sim.lamps();
        const { id } = await at(bridge, address);
        await drive(bridge, id, { on: true, level: 80, hue: 10, saturation: 90 });
        await cloud.discover();
        await cloud.converged();
        /** What SmartThings is told of these attributes because of `doing`, when all has been said. */
        const told = async (doing, ...attributes) => {
            await sleep(300); // three windows: what was said before has gone out
            const before = attributes.map((a) => cloud.told(id, a).length);
            await doing();
            await until("it to be told", () => cloud.told(id, attributes[0]).length > before[0]);
            await cloud.converged();
            await sleep(300); // whatever would come twice would come now
            return attributes.map((a, i) => cloud.told(id, a).slice(before[i]));
        };

        await t.test("its old state comes before each answer", async () => {
            sim.order("stale 1");
            assert.deepEqual(await told(() => drive(bridge, id, { level: 37 }), "level"), [[37]]);
            sim.order("well 1");
        });
        await t.test("it rounds a colour", async () => {
            const [hues, saturations] = await told(() => drive(bridge, id, { hue: 201.37, saturation: 33.3 }), "hue", "saturation");
            const { state } = await at(bridge, address);
            assert.deepEqual([hues.length, saturations.length], [1, 1], `${hues}, ${saturations}`);
            assert.ok(Math.abs(hues[0] - state.hue / 3.6) <= 0.51 && Math.abs(saturations[0] - state.saturation) <= 0.51, `${hues}, ${saturations}, ${JSON.stringify(state)}`);
            assert.ok(Math.abs(state.hue - 201.37) <= 3 && Math.abs(state.saturation - 33.3) <= 1.5, JSON.stringify(state));
        });
        await t.test("a fade", async () => {
            const [levels] = await told(async () => {
                await drive(bridge, id, { level: 90, transition: 1 });
                await until("the lamp to be there", async () => Math.abs((await at(bridge, address)).state.level - 90) < 0.6);
            }, "level");
            assert.equal(levels.filter((l) => l === 90).length, 1, `once, and last: ${levels}`);
            assert.equal(levels.at(-1), 90, `${levels}`);
            assert.deepEqual(levels, [...levels].sort((a, b) => a - b), "never back");
        });
        await t.test("a hand on the wall switch", async () => {
            assert.deepEqual(await told(() => sim.order("wall 1"), "switch"), [["off"]]);
        });
        const [lamp] = await sim.lamps();
        assert.equal((await at(bridge, address)).state.on, lamp.on);
    });
}

for (const [name, order, where] of [
    ["Zigbee2MQTT", "rename 1 Attic lamp", /zigbee2mqtt\/Attic lamp$/],
    ["Tasmota", "topic 1 attic/desk", /tasmota\/attic\/desk$/],
    ["Shelly", "topic 1 attic", /attic/],
    ["Shelly, generation 1", "topic 1 shellies/attic", /attic/],
]) {
    test(`${name}: a lamp that moves is the same light, and lights says where it is`, async (t) => {
        const broker = await startBroker(t);
        const bridge = await startBridge(t, { broker });
        const sim = await start(t, broker, name, 1);
        await online(bridge, 1);
        const [{ address }] = await sim.lamps();
        const before = await at(bridge, address);
        sim.order(order);
        await until("it to be elsewhere", async () => where.test((await at(bridge, address))?.where));
        await until("it to obey", async () => (await drive(bridge, before.id, { on: true, level: 31 })).basis === "reported");
        const after = await at(bridge, address);
        assert.equal(after.id, before.id);
        assert.notEqual(after.where, before.where);
        assert.equal((await lights(bridge)).length, 1);
        const { stdout } = await bridge.runBeside(["lights", "--ids"]);
        const [head, line] = stdout.split("\n");
        assert.match(head, /^NAME .* STATE .* HEARD +ID +WHERE$/);
        assert.match(line, new RegExp(` on 31 % .* exposed +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d +${before.id} +${after.where}$`));
        assert.equal(line.indexOf(before.id), head.indexOf("ID  "), "under its heading");
    });
}

test("Home Assistant discovery: an announcement with other topics is the same light", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const client = await connect(t, broker);
    const announce = (topic) =>
        client.publishAsync("homeassistant/light/desk/config", JSON.stringify({ schema: "json", brightness: true, cmd_t: `${topic}/set`, stat_t: topic, uniq_id: "desk", name: "Desk" }), { retain: true });
    await announce("old/desk");
    const [before] = await until("the lamp", async () => (await lights(bridge)).length === 1 && lights(bridge));
    await announce("new/desk");
    await until("its new topic", async () => {
        await client.publishAsync("new/desk", JSON.stringify({ state: "ON", brightness: 51 }));
        return (await lights(bridge))[0].state.level === 20;
    });
    const all = await lights(bridge);
    assert.equal(all.length, 1);
    assert.equal(all[0].id, before.id);
});

test("lights that are too many for one device are left out, and the log says so once", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const client = await connect(t, broker);
    const exposes = Array.from({ length: 20 }, (_, i) => ({
        type: "switch", endpoint: `l${i}`, features: [{ type: "binary", name: "state", property: `state_l${i}`, access: 7, value_on: "ON", value_off: "OFF" }],
    }));
    const entry = deviceEntry({ model: "panel", vendor: "test", description: "", exposes }, "0x00158d0000000001", "Panel");
    for (const name of ["Panel", "Board"]) { // a list that comes again is no news
        await client.publishAsync("zigbee2mqtt/bridge/devices", JSON.stringify([{ ...entry, friendly_name: name }]), { retain: true });
        await until("sixteen of them", async () => {
            const all = await lights(bridge);
            return all.length === 16 && all.every((l) => l.name.startsWith(name));
        });
    }
    assert.equal(bridge.program.log().match(/has 20 lights: the first 16 are taken/g)?.length, 1);

    client.on("message", (topic, payload) => {
        const { id, src, method } = JSON.parse(payload);
        const switches = Object.fromEntries(Array.from({ length: 18 }, (_, i) => [`switch:${i}`, { id: i, output: false }]));
        const result = { "Shelly.GetDeviceInfo": { id: "board", mac: "A8032AB636EC", gen: 3, model: "S3", ver: "1" }, "Shelly.GetStatus": switches, "Shelly.GetConfig": {} }[method];
        client.publish(`${src}/rpc`, JSON.stringify({ id, src: "board", dst: src, result }));
    });
    await client.subscribeAsync("board/rpc");
    await client.publishAsync("board/online", "true", { retain: true });
    await until("sixteen more", async () => (await lights(bridge)).length === 32);
    assert.match(bridge.program.log(), /has 18 lights and switches: the first 16 are taken/);
});

/** Where a family's lamp says its state, and what it would not say there. */
const STATE = {
    Zigbee2MQTT: ({ topic }) => `zigbee2mqtt/${topic}`,
    Tasmota: ({ topic }) => `tele/${topic}/STATE`,
    "Home Assistant discovery": ({ topic }) => `${topic}/light/lamp/state`,
    Shelly: ({ topic }) => `${topic}/events/rpc`,
    "Shelly, generation 1": ({ topic }) => `${topic}/color/0/status`,
    WLED: ({ topic }) => `${topic}/g`,
};
const NONSENSE = {
    "more than its cap": `{"state":"ON","ison":true,"POWER":"ON","x":"${"y".repeat(200_000)}"}`,
    "a depth bomb": "[".repeat(5_000),
    "a depth bomb of objects": '{"a":'.repeat(5_000),
    "no UTF-8": Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    "half of it": '{"state":"ON","brightness":1',
};
const SILENT = { nothing: "", "a retained word of nothing": "{}" }; // no garbage, and no change either

for (const name of NAMES) {
    test(`${name}: what no lamp would say changes nothing, and is counted`, async (t) => {
        const broker = await startBroker(t);
        const bridge = await startBridge(t, { broker });
        const sim = await start(t, broker, name, 1);
        await online(bridge, 1);
        const [lamp] = await sim.lamps();
        const { id } = await at(bridge, lamp.address);
        await drive(bridge, id, { on: true, level: 60 });
        const before = await at(bridge, lamp.address);
        const client = await connect(t, broker);
        const topic = STATE[name](lamp);
        const unchanged = async (what) => {
            const { heard_at: heard, ...after } = await at(bridge, lamp.address);
            const { heard_at: known, ...wanted } = before;
            assert.ok(heard >= known);
            assert.deepEqual(after, wanted, what);
        };
        for (const [what, payload] of Object.entries(NONSENSE)) {
            const counted = await metric(bridge, "lightbridge_garbage_total");
            await client.publishAsync(topic, payload, { qos: 1 });
            await until(`${what} to be counted`, async () => (await metric(bridge, "lightbridge_garbage_total")) > counted, 5);
            await unchanged(what);
        }
        for (const [what, payload] of Object.entries(SILENT)) {
            await client.publishAsync(topic, payload, { qos: 1, retain: true });
            await client.publishAsync(topic, "", { qos: 1, retain: true });
            await unchanged(what);
        }
        assert.equal((await drive(bridge, id, { on: true, level: 61 })).basis, "reported", "and it is obeyed as before");
    });
}
