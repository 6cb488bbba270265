// WLED strips, from the SmartThings side to a real mosquitto and back, with and without their host: brightness, colour,
// white, segments, a hand on the strip's own page. The simulator's page is checked by wled-client, which somebody else wrote.
// Time and lost messages are tests/contract.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { Cloud, statesOf } from "./cloud.js";
import { freePort, startBridge, startBroker, until } from "./harness.js";
import { Simulated } from "./simulated.js";

const { WLEDClient } = createRequire(import.meta.url)("wled-client");

const lights = async (bridge) => (await bridge.control("GET", "/control/lights")).body.lights;
const at = async (bridge, address) => (await lights(bridge)).find((l) => l.address === address);
const drive = async (bridge, id, words) => (await bridge.control("POST", "/control/light", { light: id, ...words })).body;
const known = (bridge, count) =>
    until(`${count} lights to be known`, async () => {
        const there = (await lights(bridge)).filter((l) => l.reach === "online" && l.state.on !== undefined);
        return there.length === count && there;
    }, 30);

test("strips that are found by their topic", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const cloud = new Cloud(bridge);
    await cloud.link();
    await cloud.serve(t);
    await cloud.grant();
    const sim = await Simulated.start(t, broker, "wled", ["--devices", 2, "--model", "RGBW", "--cooldown", 50]);
    const [one, two] = await sim.lamps();
    const all = await known(bridge, 2);
    const { id } = all.find((l) => l.address === `wled/${one.mac.slice(6)}`);
    assert.equal((await cloud.discover()).devices.length, 2);
    let states = statesOf(await cloud.command(id, "switchLevel", "setLevel", [40]), id);
    assert.equal(states["switchLevel.level"], 40);
    assert.equal(states["switch.switch"], "on");
    states = statesOf(await cloud.command(id, "colorControl", "setColor", [{ hue: 50, saturation: 80 }]), id);
    assert.ok(Math.abs(states["colorControl.hue"] - 50) <= 0.5 && Math.abs(states["colorControl.saturation"] - 80) <= 1, JSON.stringify(states));
    assert.equal((await drive(bridge, id, { on: true })).basis, "reported", "what changes nothing is answered, too");
    assert.equal((await drive(bridge, id, { on: true, level: 90, transition: 2 })).basis, "accepted");
    const before = cloud.told(id, "switch").length;
    sim.order(`wall ${one.number}`);
    await until("the callback", () => cloud.told(id, "switch").length > before);
    assert.deepEqual(cloud.told(id, "switch").slice(before), ["off"], "exactly one");
    await cloud.converged();
    sim.order(`babble ${one.number}`);
    assert.equal((await drive(bridge, id, { on: true, level: 25 })).basis, "reported");
    sim.order(`offline ${two.number}`);
    await until("its will", async () => (await at(bridge, `wled/${two.mac.slice(6)}`)).reach === "offline");
    sim.order(`online ${two.number}`);
    await known(bridge, 2);
});

test("a strip whose host is known: white, segments, and its own page", async (t) => {
    const broker = await startBroker(t);
    const port = await freePort();
    const sim = await Simulated.start(t, broker, "wled", ["--devices", 1, "--model", "RGBCCT-2", "--http", port, "--cooldown", 50]);
    const [{ mac, topic }] = await sim.lamps();
    const entry = { name: "home", url: broker.url, wled: ["wled/+", `${topic} 127.0.0.1:${port}`] };
    const bridge = await startBridge(t, { broker, extra: { mqtt: [entry] } });
    const all = await known(bridge, 3);
    assert.deepEqual(all.map((l) => l.address).sort(), [`mac/${mac}`, `mac/${mac}/0`, `mac/${mac}/1`]);
    for (const l of all) {
        assert.deepEqual([...l.can].sort(), ["color", "kelvin", "level", "on"], l.address);
    }
    const [whole, first, second] = await Promise.all(["", "/0", "/1"].map((s) => at(bridge, `mac/${mac}${s}`)));
    const page = new WLEDClient({ host: "127.0.0.1", port, websocket: false, immediate: false });
    await page.refreshContext({ config: false });
    assert.equal(page.info.mac.toUpperCase(), mac);
    assert.equal(page.info.leds.count, 20);

    for (const step of [{ on: true, level: 50 }, { kelvin: 4000 }, { hue: 120, saturation: 100 }]) {
        const done = await drive(bridge, whole.id, step);
        assert.equal(done.basis, "reported", `${JSON.stringify(step)}: ${JSON.stringify(done)}`);
    }
    await page.refreshContext({ config: false });
    assert.equal(page.state.brightness, 128);
    assert.deepEqual(page.state.segments[0].colors[0].slice(0, 3), [0, 255, 0]);
    for (const step of [{ on: true, level: 20 }, { hue: 0, saturation: 100 }]) {
        const done = await drive(bridge, second.id, step);
        assert.equal(done.basis, "reported", `segment: ${JSON.stringify(step)}: ${JSON.stringify(done)}`);
    }
    await page.refreshContext({ config: false });
    assert.equal(page.state.segments[1].brightness, 51);
    assert.deepEqual(page.state.segments[1].colors[0].slice(0, 3), [255, 0, 0]);
    assert.deepEqual(page.state.segments[0].colors[0].slice(0, 3), [0, 255, 0], "the other stays as it was");

    await page.updateState({ on: true, brightness: 77 });
    await until("somebody on its page", async () => Math.abs((await at(bridge, whole.address)).state.level - 30.2) < 0.5);
    await page.updateState({ segments: [{ id: 0, on: false }] });
    await until("a segment on its page", async () => (await at(bridge, first.address)).state.on === false);
    await page.updateState({ on: false });
    await until("no segment is lit where its strip is not", async () => (await at(bridge, second.address)).state.on === false);
});
