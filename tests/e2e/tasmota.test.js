// Tasmota's modules, from the SmartThings side to a real mosquitto and back: discovery, commands, a hand on the button,
// callbacks, and every setting that changes topics or shape. The simulator is checked by ioBroker's adapter for Tasmota,
// which reads and drives it beside us. Time and lost messages are tests/contract.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import mqtt from "mqtt";
import { Cloud, statesOf } from "./cloud.js";
import { simulator, startBridge, startBroker, until } from "./harness.js";
import { IoBroker } from "./iobroker.js";
import { Simulated } from "./simulated.js";

const lights = async (bridge) => (await bridge.control("GET", "/control/lights")).body.lights;
const light = async (bridge, address) => (await lights(bridge)).find((l) => l.address === address);
const drive = async (bridge, id, words) => (await bridge.control("POST", "/control/light", { light: id, ...words })).body;
const online = (bridge, count) =>
    until(`${count} lights to be there`, async () => {
        const there = (await lights(bridge)).filter((l) => l.reach === "online" && l.state.on !== undefined);
        return there.length === count && there;
    }, 30);

/** What each kind of module shows: by the number of its POWER what it can do. */
const SHOWN = {
    relay: { 1: ["switch", "on"] },
    relays: { 1: ["switch", "on"], 2: ["switch", "on"] },
    "relay-light": { 1: ["light", "on"] },
    dimmer: { 1: ["light", "on", "level"] },
    ct: { 1: ["light", "on", "level", "kelvin"] },
    rgb: { 1: ["light", "on", "level", "color"] },
    rgbw: { 1: ["light", "on", "level", "color"] },
    rgbcw: { 1: ["light", "on", "level", "kelvin", "color"] },
    "rgbw-split": { 1: ["light", "on", "level", "color"], 2: ["light", "on", "level"] },
    "rgbcw-split": { 1: ["light", "on", "level", "color"], 2: ["light", "on", "level", "kelvin"] },
    channels: { 1: ["switch", "on"], 2: ["light", "on", "level"], 3: ["light", "on", "level"], 4: ["light", "on", "level"] },
    tuya: { 1: ["light", "on", "level"] },
    fan: { 1: ["light", "on"] },
    "relay-dimmer": { 1: ["switch", "on"], 2: ["light", "on", "level"] },
    shutter: {},
    sensor: {},
};
const KINDS = Object.keys(SHOWN).length;
const LIGHTS = Object.values(SHOWN).reduce((sum, m) => sum + Object.keys(m).length, 0);

/** Every member that the light can do, one command each and one for all; the lamp's own word is the answer. */
async function driveAll(bridge, l) {
    const steps = [{ on: true }, { on: false }];
    if (l.can.includes("level")) {
        steps.push({ on: true, level: 37 }, { on: false }, { on: true, level: 1 });
    }
    if (l.can.includes("kelvin")) {
        steps.push({ kelvin: 3000 }, { on: true, level: 55, kelvin: 4000 });
    }
    if (l.can.includes("color")) {
        steps.push({ hue: 240, saturation: 60 }, { on: true, level: 80, hue: 30, saturation: 100 });
    }
    if (l.can.includes("kelvin") && l.can.includes("color")) {
        steps.push({ kelvin: 2700 });
    }
    for (const step of steps) {
        const done = await drive(bridge, l.id, step);
        assert.equal(done.basis, "reported", `${l.name} ${l.address} ${JSON.stringify(step)}: ${JSON.stringify(done)}`);
        const { state } = (await lights(bridge)).find(({ id }) => id === l.id);
        for (const [key, asked] of Object.entries(step)) {
            const told = state[key];
            const close = typeof asked === "boolean" ? told === asked : Math.abs(told - asked) <= (key === "kelvin" ? 20 : 1);
            assert.ok(close, `${l.name} ${JSON.stringify(step)}: ${key} is ${told}`);
        }
    }
}

test("each kind of module through SmartThings and back", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const cloud = new Cloud(bridge);
    await cloud.link();
    await cloud.serve(t);
    await cloud.grant();
    const sim = await Simulated.start(t, broker, "tasmota", ["--modules", String(KINDS)]);
    const all = await online(bridge, LIGHTS);
    const modules = await sim.lamps();
    for (const { mac, kind } of modules) {
        const shown = Object.fromEntries(all.filter((l) => l.address.startsWith(`mac/${mac}/`)).map((l) => [l.address.split("/")[2], [l.kind, ...l.can]]));
        assert.deepEqual(shown, SHOWN[kind], kind);
    }
    const { devices } = await cloud.discover();
    const shown = new Map(devices.map((d) => [d.externalDeviceId, d]));
    assert.equal(devices.length, all.filter((l) => l.kind === "light").length, "plugs are shown only when asked for");
    assert.ok(all.every((l) => shown.has(l.id) === (l.kind === "light")));
    const of = (kind, power = 1) => all.find((l) => l.address === `mac/${modules.find((m) => m.kind === kind).mac}/${power}`);

    const dimmer = of("dimmer");
    let states = statesOf(await cloud.command(dimmer.id, "switchLevel", "setLevel", [40]), dimmer.id);
    assert.equal(states["switchLevel.level"], 40);
    assert.equal(states["switch.switch"], "on");
    const lamp = of("rgbcw");
    states = statesOf(await cloud.command(lamp.id, "colorTemperature", "setColorTemperature", [3000]), lamp.id);
    assert.ok(Math.abs(states["colorTemperature.colorTemperature"] - 3000) <= 10, JSON.stringify(states));
    states = statesOf(await cloud.command(lamp.id, "colorControl", "setColor", [{ hue: 50, saturation: 80 }]), lamp.id);
    assert.ok(Math.abs(states["colorControl.hue"] - 50) <= 0.5 && Math.abs(states["colorControl.saturation"] - 80) <= 1, JSON.stringify(states));
    states = statesOf(await cloud.command(of("fan").id, "switch", "on"), of("fan").id);
    assert.equal(states["switch.switch"], "on");

    const before = cloud.told(dimmer.id, "switch").length;
    sim.order(`wall ${modules.find((m) => m.kind === "dimmer").number}`);
    await until("the callback of the button", () => cloud.told(dimmer.id, "switch").length > before);
    assert.deepEqual(cloud.told(dimmer.id, "switch").slice(before), ["off"], "exactly one");
    sim.order(`cmd ${modules.find((m) => m.kind === "dimmer").number} Dimmer 66`);
    await until("the callback of the console", () => cloud.told(dimmer.id, "switchLevel").concat(cloud.told(dimmer.id, "level")).includes(66));
    await cloud.converged();
});

for (const [name, args, names] of [
    ["as it comes out of its box", []],
    ["answers by command, in decimal, with numbers (SetOption4, 17, 26)", ["--so4", "--so17", "--so26"]],
    ["a level does not switch on, tele beside every answer, JSON only (SetOption20, 59, 90)", ["--so20", "--so59", "--so90"]],
    ["the short range, fixed fades (SetOption82, 117)", ["--so82", "--so117"]],
    ["renamed words and another full topic", ["--renamed", "--fulltopic", "home/%topic%/%prefix%", "--topic", "floor/lamp-"]],
    ["a full topic without a prefix", ["--fulltopic", "house/%topic%/"]],
    ["its old state before each answer", ["--stale"]],
]) {
    test(`${name}: every light obeys, and says so itself`, async (t) => {
        const broker = await startBroker(t);
        const sim = await Simulated.start(t, broker, "tasmota", ["--modules", String(KINDS), "--quiet", ...args]);
        const bridge = await startBridge(t, { broker });
        for (const l of await online(bridge, LIGHTS)) {
            await driveAll(bridge, l);
        }
        await sim.stop();
        await until("all to be away", async () => (await lights(bridge)).every((l) => l.reach === "offline"));
    });
}

test("nothing is retained (SetOption104): heard when it announces itself, and asked after a reconnect", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const sim = await Simulated.start(t, broker, "tasmota", ["--modules", "2", "--kind", "dimmer", "--so104"]);
    const [first] = await online(bridge, 2);
    await drive(bridge, first.id, { on: true, level: 20 });
    const port = broker.port;
    await broker.stop();
    await until("both to be away", async () => (await lights(bridge)).every((l) => l.reach === "offline"));
    await startBroker(t, { port });
    const again = await online(bridge, 2);
    assert.equal(again.find((l) => l.id === first.id).state.level, 20, "as it was all the time");
    await driveAll(bridge, first);
    await sim.stop();
});

test("a fade is for once, and takes the time that was asked for", async (t) => {
    const broker = await startBroker(t);
    const sim = await Simulated.start(t, broker, "tasmota", ["--modules", "1", "--kind", "dimmer"]);
    const bridge = await startBridge(t, { broker });
    const [l] = await online(bridge, 1);
    const fade = async () => {
        const before = sim.said.length;
        sim.order("fade 1");
        return Number(await until("how long it took", () => /^(\d+) ms$/m.exec(sim.said.slice(before))?.[1]));
    };
    await drive(bridge, l.id, { on: true, level: 100 });
    for (const [level, seconds] of [[50, 2], [100, 4], [1, 3]]) {
        const done = await drive(bridge, l.id, { level, transition: seconds });
        assert.equal(done.basis, "accepted", JSON.stringify(done));
        const took = await fade();
        assert.ok(Math.abs(took - 1000 * seconds) <= 260, `${level} % in ${seconds} s took ${took} ms`); // half of half a second
    }
    await drive(bridge, l.id, { level: 70 });
    assert.equal(await fade(), 0);
});

test("another topic, another template, another module in its place, and taken back", async (t) => {
    const broker = await startBroker(t);
    const sim = await Simulated.start(t, broker, "tasmota", ["--modules", "3", "--kind", "dimmer"]);
    const bridge = await startBridge(t, { broker });
    const before = await online(bridge, 3);
    const modules = await sim.lamps();
    const address = (n) => `mac/${modules[n - 1].mac}/1`;
    const id = (n) => before.find((l) => l.address === address(n)).id;

    sim.order("topic 1 attic/desk");
    const moved = await until("the lamp at its new topic", async () => {
        const l = await light(bridge, address(1));
        return l.where.endsWith("tasmota/attic/desk") && l.reach === "online" && l;
    });
    assert.equal(moved.id, id(1));
    await driveAll(bridge, moved);

    sim.order("become 2 rgbcw");
    const richer = await until("the lamp to have colours", async () => {
        const l = await light(bridge, address(2));
        return l.can.includes("color") && l.reach === "online" && l;
    });
    assert.equal(richer.id, id(2));
    await driveAll(bridge, richer);

    sim.order("replace 3");
    const mac = await until("the new module's address", async () => {
        const [, , third] = await sim.lamps();
        return third.mac !== modules[2].mac && third.mac;
    });
    const other = await until("the new module", async () => {
        const l = await light(bridge, `mac/${mac}/1`);
        return l?.reach === "online" && l;
    });
    assert.notEqual(other.id, id(3));
    assert.equal((await light(bridge, address(3))).reach, "offline", "the old one is not the new one");
    await driveAll(bridge, other);
    assert.match(bridge.program.log(), new RegExp(`${modules[2].mac} announces a topic that another module has`));

    sim.order("hide 1");
    await until("the lamp to be gone", async () => !(await lights(bridge)).some((l) => l.address === address(1)));
    sim.order("announce 1");
    const back = await until("and to come back", async () => {
        const l = await light(bridge, address(1));
        return l?.reach === "online" && l;
    });
    assert.equal(back.id, id(1));

    sim.order("reconnect 1"); // it says nothing of its state by itself
    sim.order("restart");
    await until("a power cut to be over", async () => (await drive(bridge, back.id, { on: true, level: 9 })).basis === "reported", 30);
    await until("all to be there again", async () => (await lights(bridge)).filter((l) => l.reach === "online").length === 3, 30);
    await driveAll(bridge, back);

    // Both announcements of the third topic are retained: the module itself says whose it is.
    await bridge.stop();
    const later = await startBridge(t, { place: bridge.place });
    await until("the new module", async () => (await light(later, other.address))?.reach === "online" && (await light(later, address(3))).reach === "offline");
    await driveAll(later, other);
});

test("announced by Home Assistant discovery too, it is one lamp, and driven natively", async (t) => {
    const broker = await startBroker(t);
    const sim = await Simulated.start(t, broker, "tasmota", ["--modules", "1", "--kind", "dimmer"]);
    const [{ mac }] = await sim.lamps();
    sim.order("hide 1");
    const client = mqtt.connect(broker.url, { reconnectPeriod: 0, protocolVersion: 4 });
    await once(client, "connect");
    t.after(() => client.endAsync(true));
    const heard = [];
    client.on("message", (topic) => heard.push(topic));
    await client.subscribeAsync("cmnd/#");
    // As firmware before 9.2 announced its lamps (xdrv_12_home_assistant.ino).
    const legacy = {
        name: "Desk", uniq_id: `${mac.slice(6)}_LI_1`, cmd_t: "cmnd/tasmota_1/POWER", stat_t: "tele/tasmota_1/STATE", val_tpl: "{{value_json.POWER}}", pl_off: "OFF", pl_on: "ON",
        bri_cmd_t: "cmnd/tasmota_1/Dimmer", bri_stat_t: "tele/tasmota_1/STATE", bri_scl: 100, on_cmd_type: "brightness", bri_val_tpl: "{{value_json.Dimmer}}",
        avty_t: "tele/tasmota_1/LWT", pl_avail: "Online", pl_not_avail: "Offline", dev: { cns: [["mac", mac.match(/../g).join(":")]], mf: "Tasmota" },
    };
    await client.publishAsync(`homeassistant/light/${mac.slice(6)}_LI_1/config`, JSON.stringify(legacy), { retain: true, qos: 1 });
    const bridge = await startBridge(t, { broker });
    const first = await until("the lamp by Home Assistant discovery", async () => light(bridge, `mac/${mac}/1`));
    for (const native of [true, false]) {
        sim.order(native ? "announce 1" : "hide 1");
        const l = await until(native ? "its own way" : "the other way again", async () => {
            const now = await light(bridge, `mac/${mac}/1`);
            return now?.where.includes("tasmota/") === native && now.reach === "online" && now;
        });
        assert.equal(l.id, first.id);
        assert.equal((await lights(bridge)).length, 1, "one lamp");
        if (native) {
            heard.length = 0;
            await driveAll(bridge, l);
            assert.ok(heard.includes("cmnd/tasmota_1/POWER1"), "as Tasmota's own dialect says it");
        }
    }
});

test("the simulator by hand says what was wrong", async (t) => {
    const run = (...words) => spawnSync(simulator, ["tasmota", ...words], { encoding: "utf8" });
    assert.match(run("--help").stdout, /--fulltopic TEMPLATE[\s\S]*^ {2}wall LAMP/m);
    assert.deepEqual([...run("--kinds").stdout.matchAll(/^ {2}(\S+)/gm)].map(([, kind]) => kind), Object.keys(SHOWN));
    for (const [words, status, said] of [
        [["--kind", "lamp"], 2, /"lamp" is no kind of module; --kinds lists them/],
        [["--broker", "http://127.0.0.1"], 2, /"http:\/\/127.0.0.1" is no mqtt:/],
        [["--modules", "-1"], 2, /--modules/],
        [["--password-file", "/nowhere"], 1, /nowhere/],
    ]) {
        const done = run(...words);
        assert.equal(done.status, status, done.stderr);
        assert.match(done.stderr, said);
    }
    const sim = await Simulated.start(t, await startBroker(t), "tasmota", ["--modules", "1", "--kind", "dimmer", "--quiet"]);
    for (const [line, said] of [
        ["shine 1", /no: "shine" is no word I know/],
        ["wall 2", /no: wall needs a lamp, a number from 1 to 1/],
        ["become 1 lamp", /no: "lamp" is no kind of module/],
        ["topic 1 a+b", /no: a topic without blanks and wildcards is wanted/],
        ["cmd 1", /no: a command of Tasmota is wanted/],
    ]) {
        sim.order(line);
        await until(`an answer to ${line}`, () => said.test(sim.said));
    }
    sim.order("quit");
    assert.deepEqual(await sim.ended, { code: 0, signal: null });
});

test("ioBroker reads and drives the same modules", async (t) => {
    const broker = await startBroker(t);
    const io = new IoBroker(t, broker);
    await until("ioBroker to be there", () => io.states.get("sonoff.0.info.connection")?.val);
    const sim = await Simulated.start(t, broker, "tasmota", ["--modules", String(KINDS), "--quiet"]);
    const bridge = await startBridge(t, { broker });
    const all = await online(bridge, LIGHTS);
    const modules = await sim.lamps();
    for (const { mac, kind, number } of modules.filter((m) => Object.keys(SHOWN[m.kind]).length > 0)) {
        const own = all.filter((l) => l.address.startsWith(`mac/${mac}/`));
        const power = (n) => (own.length > 1 || kind === "fan" ? `POWER${n}` : "POWER"); // a fan's other relays are its speeds
        sim.order(`tele ${number}`);
        await until(`ioBroker to know ${kind}`, () => typeof io.value(mac, power(1)) === "boolean");
        for (const l of own) {
            const n = Number(l.address.split("/")[2]);
            const level = kind === "channels" ? `Channel${n}` : kind.endsWith("-split") ? `Dimmer${n}` : "Dimmer";
            // what the bridge commands is what ioBroker reads
            await drive(bridge, l.id, { on: true });
            await until(`ioBroker to see ${kind} ${n} on`, () => io.value(mac, power(n)) === true);
            if (l.can.includes("level")) {
                await drive(bridge, l.id, { level: 33 });
                await until(`ioBroker to see ${level} of ${kind}`, () => io.value(mac, level) === 33);
            }
            if (l.can.includes("kelvin")) {
                await drive(bridge, l.id, { kelvin: 4000 });
                await until(`ioBroker to see CT of ${kind}`, () => io.value(mac, "CT") === 250);
            }
            if (l.can.includes("color")) {
                await drive(bridge, l.id, { hue: 120, saturation: 100, level: 100 });
                await until(`ioBroker to see the colour of ${kind}`, () => /^#?00ff00/i.test(io.value(mac, "Color")));
            }
            // what ioBroker commands is what the bridge reads
            await io.set(mac, power(n), false);
            await until(`the bridge to see ${kind} ${n} off`, async () => (await light(bridge, l.address)).state.on === false);
            if (l.can.includes("level") && !kind.endsWith("-split")) {
                await io.set(mac, level, 71);
                await until(`the bridge to see ${kind} at 71 %`, async () => (await light(bridge, l.address)).state.level === 71);
            }
        }
    }
    sim.order(`offline ${modules[0].number}`);
    await until("ioBroker to see that it is gone", () => io.value(modules[0].mac, "alive") === false);
    assert.deepEqual(io.complaints, []);
});
