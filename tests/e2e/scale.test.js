// Many lights of all families on one broker: 400 in every run, 10,000 with LB_LONG, beside 100 for comparison. Discovery
// finds them all, a storm and a broker that restarts leave no wrong last state behind, one request drives hundreds, and a
// restart brings everything back from the store before any lamp has spoken.
import assert from "node:assert/strict";
import test from "node:test";
import { Cloud, statesOf } from "./cloud.js";
import { Fleet, growth, ordeal } from "./fleet.js";
import { startBridge, until } from "./harness.js";

const FEW = 100;
const MANY = process.env.LB_LONG ? 10_000 : 400;
const TOGETHER = 200; // lights in one request
const costs = {};

for (const count of [FEW, MANY]) {
    test(`${count} lights`, { timeout: 900_000 }, async (t) => {
        const fleet = await Fleet.start(t, count);
        const cloud = new Cloud(fleet.bridge);
        await cloud.link();
        costs[count] = await ordeal(fleet, (name, doing) => t.test(name, doing));

        await t.test("SmartThings sees them all", async () => {
            const { devices } = await cloud.discover();
            assert.equal(new Set(devices.map((d) => d.externalDeviceId)).size, count);
        });

        await t.test(`${Math.min(TOGETHER, count)} lights in one request`, async () => {
            const all = await fleet.lights();
            const some = all.filter((_, i) => i % Math.ceil(count / TOGETHER) === 0).map((l) => l.id); // some of each family
            const commands = [{ component: "main", capability: "st.switchLevel", command: "setLevel", arguments: [30] }];
            const answer = await cloud.ask("commandRequest", { devices: some.map((externalDeviceId) => ({ externalDeviceId, commands })) });
            assert.deepEqual(answer.deviceState.filter((d) => d.deviceError), []);
            assert.deepEqual(some.filter((id) => statesOf(answer, id)["switchLevel.level"] !== 30), []);
            await fleet.settled("what was commanded", 10);
        });

        await t.test("a restart knows them all before any lamp has spoken", async () => {
            await fleet.broker.stop(); // from here on no lamp says anything
            await until("the bridge to notice", async () => (await fleet.lights()).every((l) => l.reach === "offline"));
            const before = new Map((await fleet.lights()).map((l) => [l.id, l]));
            await fleet.bridge.stop();
            const again = await startBridge(t, { place: fleet.bridge.place });
            const after = await again.lights();
            assert.equal(after.length, count);
            for (const light of after) {
                const was = before.get(light.id);
                assert.deepEqual([light.name, light.state], [was.name, was.state]);
            }
            assert.equal((await new Cloud(again).discover()).globalError.errorEnum, "BAD-REQUEST", "no token, no list");
            await again.stop();
        });
    });
}

test.after(() => {
    if (costs[FEW] && costs[MANY]) {
        console.log(growth(FEW, MANY, costs[FEW], costs[MANY]));
    }
});
