// The design's table, a row each, through the real webhook: what SmartThings is told of a light in each condition.
import assert from "node:assert/strict";
import test from "node:test";
import { deviceEntry } from "./catalogue.js";
import { Cloud, statesOf } from "./cloud.js";
import { startBridge, startBroker, until } from "./harness.js";
import { connect, Zigbee2mqtt } from "./zigbee.js";

const state = { type: "binary", name: "state", property: "state", access: 7, value_on: "ON", value_off: "OFF" };
const brightness = { type: "numeric", name: "brightness", property: "brightness", access: 7, value_min: 0, value_max: 254 };
const temperature = { type: "numeric", name: "color_temp", property: "color_temp", access: 7, value_min: 250, value_max: 454 };
const lamp = (n, name, ...more) =>
    deviceEntry({ model: "lamp", vendor: "test", description: "", exposes: [{ type: "light", features: [state, brightness, ...more] }] }, `0x00158d000000000${n}`, name);
const all = [lamp(1, "White", temperature), lamp(2, "Away"), lamp(3, "Mute"), lamp(4, "Gone"), lamp(5, "Plain")];

for (const offlineError of ["DEVICE-UNAVAILABLE", "DEVICE-OFFLINE"]) {
    test(`a light that is ..., with ${offlineError}`, async (t) => {
        const broker = await startBroker(t);
        const bridge = await startBridge(t, { broker, extra: { smartthings: { offline_error: offlineError } } });
        const cloud = new Cloud(bridge);
        const z2m = new Zigbee2mqtt(await connect(t, broker));
        const mute = new Set(["Mute"]);
        const report = z2m.report;
        z2m.report = async (name, patch) => (mute.has(name) ? undefined : report.call(z2m, name, patch));
        await z2m.start(all);
        await cloud.link();
        const ids = await until("the lamps", async () => {
            const { devices } = await cloud.discover();
            return devices.length === all.length && Object.fromEntries(devices.map((d) => [d.friendlyName, d.externalDeviceId]));
        });
        for (const name of ["White", "Away", "Gone", "Plain"]) {
            await z2m.report(name, { state: "OFF", brightness: 127 });
        }
        await z2m.publish("Away/availability", { state: "offline" }, { retain: true });

        const refreshed = async (name) => statesOf(await cloud.refresh([ids[name]]), ids[name]);
        const commanded = async (name, capability, command, args) => {
            const answer = (await cloud.command(ids[name], capability, command, args)).deviceState[0];
            return answer.deviceError?.[0].errorEnum ?? answer.states;
        };
        const dark = (health) => ({ "healthCheck.healthStatus": health, "switch.switch": "off", "switchLevel.level": 50 });

        await t.test("reachable", async () => {
            await until("its state", async () => (await refreshed("White"))["switch.switch"] === "off");
            assert.deepEqual(await refreshed("White"), dark("online"));
            await commanded("White", "switch", "on");
            assert.equal((await refreshed("White"))["switch.switch"], "on");
        });

        await t.test("known to be offline", async () => {
            await until("offline", async () => (await refreshed("Away"))["healthCheck.healthStatus"] === "offline");
            assert.deepEqual(await refreshed("Away"), dark("offline"));
            assert.equal(await commanded("Away", "switch", "on"), offlineError);
            assert.deepEqual(z2m.commands.filter((c) => c.name === "Away"), [], "it is not sent");
        });

        await t.test("never heard of since it was listed", async () => {
            const said = await refreshed("Mute");
            assert.deepEqual(Object.keys(said), ["healthCheck.healthStatus"], "no invented attributes");
            assert.equal(await commanded("Mute", "switch", "on"), "DEVICE-UNAVAILABLE");
            assert.deepEqual(z2m.commands.at(-1), { name: "Mute", command: { state: "ON" } }, "tried; the deadline decided");
            mute.delete("Mute");
            assert.ok(Array.isArray(await commanded("Mute", "switch", "on")));
            assert.equal((await refreshed("Mute"))["switch.switch"], "on");
        });

        await t.test("silent, without availability: offline after two commands, online with its first report", async () => {
            mute.add("Plain");
            for (let n = 0; n < 2; n++) {
                assert.equal((await refreshed("Plain"))["healthCheck.healthStatus"], "online");
                assert.equal(await commanded("Plain", "switch", "on"), "DEVICE-UNAVAILABLE");
            }
            assert.deepEqual(await refreshed("Plain"), dark("offline"));
            assert.equal(await commanded("Plain", "switch", "on"), offlineError);
            mute.delete("Plain");
            await z2m.report("Plain", {});
            await until("online", async () => (await refreshed("Plain"))["healthCheck.healthStatus"] === "online");
        });

        await t.test("removed", async () => {
            z2m.lamps.delete("Gone");
            await z2m.devices(all.filter((entry) => entry.friendly_name !== "Gone"));
            await until("it to go", async () => (await cloud.discover()).devices.length === all.length - 1);
            const [gone] = (await cloud.refresh([ids.Gone])).deviceState;
            assert.deepEqual([gone.deviceError[0].errorEnum, gone.states], ["DEVICE-DELETED", undefined]);
            assert.equal(await commanded("Gone", "switch", "on"), "DEVICE-DELETED");
        });

        await t.test("asked for what it cannot do, or out of range", async () => {
            const sent = z2m.commands.length;
            assert.equal(await commanded("Plain", "colorTemperature", "setColorTemperature", [2700]), "CAPABILITY-NOT-SUPPORTED");
            assert.equal(await commanded("Plain", "colorControl", "setHue", [50]), "CAPABILITY-NOT-SUPPORTED");
            for (const level of [-1, 101, "50", 1.5, null]) {
                assert.equal(await commanded("Plain", "switchLevel", "setLevel", [level]), "RESOURCE-CONSTRAINT-VIOLATION", `${level}`);
            }
            for (const kelvin of [0, 30001]) {
                assert.equal(await commanded("White", "colorTemperature", "setColorTemperature", [kelvin]), "RESOURCE-CONSTRAINT-VIOLATION", `${kelvin}`);
            }
            assert.equal(z2m.commands.length, sent, "nothing was sent");
        });

        await t.test("in the protocol's range, beyond the lamp's: clamped", async () => {
            for (const [kelvin, mired] of [[1, 454], [30000, 250]]) {
                assert.ok(Array.isArray(await commanded("White", "colorTemperature", "setColorTemperature", [kelvin])), `${kelvin}`);
                assert.equal(z2m.commands.at(-1).command.color_temp, mired);
            }
            await commanded("White", "switchLevel", "setLevel", [1]);
            assert.equal((await refreshed("White"))["switchLevel.level"], 1, "a little is not nothing");
        });
    });
}
