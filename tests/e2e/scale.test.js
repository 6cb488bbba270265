// Many lights: 300 in every run, 10,000 with LB_LONG. Discovery lists them all, one request drives hundreds, a storm of
// reports leaves no last state behind, and a restart brings everything back from the store before any lamp has spoken.
import assert from "node:assert/strict";
import test from "node:test";
import { Cloud, statesOf } from "./cloud.js";
import { startBridge, startBroker, startSim, until, usage } from "./harness.js";
import { connect } from "./zigbee.js";

const COUNT = process.env.LB_LONG ? 10_000 : 300;
const TOGETHER = 200; // lights in one request

test(`${COUNT} lights`, { timeout: 900_000 }, async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker, extra: { log: { level: "info" } } });
    const words = ["zigbee2mqtt", "--broker", broker.url, "--lamps", `${COUNT}`, "--seed", "7", "--shape", "0", "--quiet"];
    await startSim(t, words, { line: /^ready: / });
    const cloud = new Cloud(bridge);
    await cloud.link();

    const devices = await until("all lights", async () => {
        const found = (await cloud.discover()).devices;
        return found.length === COUNT && found;
    }, 120);
    const ids = devices.map((d) => d.externalDeviceId);
    assert.equal(new Set(ids).size, COUNT, "ids differ");

    await t.test("every light is heard of", async () => {
        await until("all to be online", async () => {
            const { deviceState } = await cloud.refresh(ids);
            return deviceState.length === COUNT && deviceState.every((d) => d.states.some((s) => s.value === "online"));
        }, 180);
    });

    await t.test(`${TOGETHER} lights in one request`, async () => {
        const some = ids.slice(-TOGETHER);
        const commands = (command, args = []) => [{ component: "main", capability: "st.switchLevel", command, arguments: args }];
        const answer = await cloud.ask("commandRequest", {
            devices: some.map((externalDeviceId) => ({ externalDeviceId, commands: commands("setLevel", [30]) })),
        });
        assert.equal(answer.deviceState.length, TOGETHER);
        const failed = answer.deviceState.filter((d) => d.deviceError);
        assert.deepEqual(failed, []);
        for (const id of some) {
            assert.equal(statesOf(answer, id)["switchLevel.level"], 30);
        }
    });

    await t.test("a storm of reports leaves the last state of each", async () => {
        const client = await connect(t, broker);
        const names = new Map((await bridge.lights()).map((l) => [l.where.split(" ").slice(1).join(" "), l]));
        assert.equal(names.size, COUNT);
        const last = new Map();
        let sent = 0;
        for (let round = 1; round <= 5; round++) {
            for (const [topic, light] of names) {
                const brightness = 1 + ((round * 37 + sent++ * 11) % 254);
                last.set(light.id, brightness);
                client.publish(topic, JSON.stringify({ state: "ON", brightness }));
            }
        }
        await client.publishAsync("zigbee2mqtt/storm-is-over", "1", { qos: 1 });
        await until("the last states", async () => {
            const now = new Map((await bridge.lights()).map((l) => [l.id, l.state.level]));
            return [...last].every(([id, brightness]) => Math.abs(now.get(id) - (brightness * 100) / 254) < 0.2);
        }, 60);
    });

    const { rss, anonymous } = usage(bridge.program.pid);
    console.log(`${COUNT} lights: ${(rss / 1024).toFixed(1)} MB resident, ${(anonymous / 1024).toFixed(1)} MB anonymous (this build)`);

    await t.test("a restart knows them all before any lamp has spoken", async () => {
        await broker.stop(); // from here on no lamp says anything
        await until("the bridge to notice", async () => (await bridge.lights()).every((l) => l.reach === "offline"));
        const before = new Map((await bridge.lights()).map((l) => [l.id, l]));
        await bridge.stop();
        const again = await startBridge(t, { place: bridge.place });
        const after = await again.lights();
        assert.equal(after.length, COUNT);
        for (const light of after) {
            const was = before.get(light.id);
            assert.deepEqual([light.name, light.state], [was.name, was.state]);
        }
        assert.equal((await new Cloud(again).discover()).globalError.errorEnum, "BAD-REQUEST", "no token, no list");
        await again.stop();
    });
});
