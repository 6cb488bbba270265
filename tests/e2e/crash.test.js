// kill -9 after every single system call that writes, makes durable or says something, while an account is linked and its
// tokens are renewed; and at any time during a storm of commands. Nothing acknowledged is ever lost.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Distribution, Witness } from "./crash.js";
import { nameEvent, program, startTraced } from "./durability.js";
import { installation, startBridge } from "./harness.js";

const long = Boolean(process.env.LB_LONG);
const files = ["lightbridge.db", "lightbridge.db-wal", "lightbridge.db-shm", "token.key"];

/** An installation that can be put back to how it was when it had one account and had never run. */
async function renewable(t, options) {
    const place = await installation(t, { program, ...options });
    const kept = join(place.folder, "kept");
    mkdirSync(kept);
    for (const file of ["lightbridge.db", "token.key"]) {
        cpSync(join(place.folder, file), join(kept, file));
    }
    return Object.assign(place, {
        renew() {
            for (const file of files) {
                rmSync(join(place.folder, file), { force: true });
            }
            cpSync(kept, place.folder, { recursive: true });
        },
    });
}

/** Ends with the daemon killed after its n-th event; undefined when the scenario was over before. */
async function killedAt(t, place, n) {
    place.renew();
    let bridge;
    const env = { LB_KILL_AT: `${n}` };
    try {
        bridge = await startTraced(t, { place, env, expected: true });
    } catch (error) {
        if (!/ended \(SIGKILL\)/.test(error.message)) {
            throw error;
        }
        return { step: "start" };
    }
    const witness = new Witness(bridge);
    await witness.cloud.serve(t);
    try {
        await witness.play();
        await bridge.stop();
    } catch (error) {
        await Promise.race([bridge.program.ended, sleep(5000)]);
        assert.equal(bridge.program.end?.signal, "SIGKILL", `${witness.step}: ${error.stack}`);
    }
    if (bridge.program.end?.code === 0) {
        return undefined;
    }
    return { witness, bridge, step: witness.step };
}

test("kill -9 after each call of linking and renewing", { timeout: 900_000 }, async (t) => {
    const place = await renewable(t, { extra: { virtual: { lights: 2 } } });
    const steps = new Distribution();
    let n = 1;
    for (; ; n++) {
        const end = await killedAt(t, place, n);
        if (!end) {
            break;
        }
        const again = await startBridge(t, { place });
        const witness = end.witness ?? new Witness(again);
        const event = end.bridge?.trace().at(-1);
        const where = event ? nameEvent(event, { ...place, ...witness.cloud }) : "";
        try {
            witness.bridge = again;
            if (!end.witness) {
                await witness.cloud.serve(t);
            }
            steps.add(`${end.step} | ${await witness.verify()}`);
        } catch (error) {
            error.message = `killed after event ${n} (${end.step}, ${where}): ${error.message}`;
            throw error;
        }
        assert.deepEqual(await again.stop(), { code: 0, signal: null });
    }
    t.diagnostic(`${n - 1} places to die; the step it was in | what was found afterwards`);
    for (const line of steps.lines()) {
        t.diagnostic(line);
    }
    assert.ok(n > 60, `only ${n} calls were traced`);
});
