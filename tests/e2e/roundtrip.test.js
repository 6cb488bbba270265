// One full round: link, discover, refresh, command, a change at the wall, its callback, a refreshed token, the commands of
// the house (links, doctor, backup, restore), unlink. Short enough for valgrind and the thread sanitizer.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { deviceEntry } from "./catalogue.js";
import { Cloud, statesOf } from "./cloud.js";
import { installation, startBridge, startBroker, until } from "./harness.js";
import { connect, Zigbee2mqtt } from "./zigbee.js";

const dimmer = {
    model: "dimmer",
    vendor: "test",
    description: "",
    exposes: [
        {
            type: "light",
            features: [
                { type: "binary", name: "state", property: "state", access: 7, value_on: "ON", value_off: "OFF" },
                { type: "numeric", name: "brightness", property: "brightness", access: 7, value_min: 0, value_max: 254 },
            ],
        },
    ],
};

test("one full round trip", { timeout: 600_000 }, async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.start([deviceEntry(dimmer, "0x00158d0000000001", "Lamp")]);
    await cloud.link();
    const [device] = await until("the lamp", async () => {
        const { devices } = await cloud.discover();
        return devices.length > 0 && devices;
    });
    const id = device.externalDeviceId;
    assert.equal(device.deviceHandlerType, "c2c-dimmer");
    assert.equal(device.friendlyName, "Lamp");
    await z2m.report("Lamp", { state: "OFF", brightness: 254 });
    await until("the state", async () => statesOf(await cloud.refresh([id]), id)["switch.switch"] === "off");
    const answer = await cloud.command(id, "switchLevel", "setLevel", [50]);
    assert.equal(statesOf(answer, id)["switchLevel.level"], 50);
    assert.equal(statesOf(answer, id)["switch.switch"], "on");
    await cloud.grant();
    await until("the callback token to be kept", async () => !(await cloud.discover()).requestGrantCallbackAccess);
    await z2m.report("Lamp", { state: "OFF" });
    await until("the change at the wall", () => cloud.told(id, "switch").at(-1) === "off");
    cloud.expireCallbackToken();
    await z2m.report("Lamp", { state: "ON" });
    await until("the change after a refreshed token", () => cloud.told(id, "switch").at(-1) === "on");
    assert.equal(cloud.refreshes, 1);
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
    // a lamp that never answers: the deadline does
    z2m.answer = () => {};
    const late = await cloud.command(id, "switch", "off");
    assert.equal(late.deviceState[0].deviceError[0].errorEnum, "DEVICE-UNAVAILABLE");
    // the broker goes and comes back
    await broker.stop();
    await until("the lamp to be away", async () => {
        const refused = await cloud.command(id, "switch", "off");
        return refused.deviceState[0].deviceError?.[0].errorEnum === "DEVICE-UNAVAILABLE";
    });
    const again = await startBroker(t, { folder: broker.folder, port: broker.port });
    const back = new Zigbee2mqtt(await connect(t, again));
    await back.start([deviceEntry(dimmer, "0x00158d0000000001", "Lamp")]);
    await back.report("Lamp", { state: "OFF", brightness: 254 });
    await until(
        "a command after the broker came back",
        async () => statesOf(await cloud.command(id, "switch", "on"), id)["switch.switch"] === "on",
        60,
    );
    // the commands of the house, each a program of its own
    const said = async (words, input) => {
        const { code, stdout, stderr } = await bridge.place.runBeside(words, { input });
        assert.ok(code === 0 || (words[0] === "doctor" && code === 1), `${words}: ${code} ${stderr}`); // 1: this is no https
        return stdout;
    };
    assert.match(await said(["links"]), /SmartThings/);
    assert.match(await said(["doctor"]), /smartthings/);
    const passphrase = "a passphrase of some length\n";
    const file = join(bridge.folder, "house.backup");
    assert.match(await said(["backup", file], passphrase), /1 living link/);
    const other = await installation(t, { withAccount: false });
    const restored = await other.runBeside(["restore", file], { input: passphrase });
    assert.equal(restored.code, 0, restored.stderr);
    await cloud.ask("integrationDeleted");
    assert.equal((await cloud.discover()).globalError.errorEnum, "INTEGRATION-DELETED");
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
});
