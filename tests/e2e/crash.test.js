// kill -9 after every single system call that writes, makes durable or says something, while an account is linked and its
// tokens are renewed; and at any time during a storm of commands. Nothing acknowledged is ever lost.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Browser } from "./cloud.js";
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

/** Numbers that repeat (mulberry32): a run is told again by its seed. */
function seeded(seed) {
    let a = seed >>> 0;
    return () => {
        a = (a + 0x6d2b79f5) | 0;
        let x = Math.imul(a ^ (a >>> 15), 1 | a);
        x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
        return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
    };
}

/** Everything at once until the daemon ends: commands, edits, refreshes, an expired callback token, a further link. */
class Storm {
    constructor(witness, random, others) {
        this.witness = witness;
        this.cloud = witness.cloud;
        this.random = random;
        this.others = others;
        this.acted = 0;
        this.tried = undefined; // the name whose edit is under way
    }

    /** One after the other until it fails, which is the end of the daemon. */
    async #loop(act) {
        try {
            for (;;) {
                await act();
                this.acted++;
            }
        } catch (error) {
            this.failure ??= error;
        }
    }

    async #name() {
        this.tried = `Name ${(this.names = (this.names ?? 0) + 1)} of ${this.round}`;
        const answer = await this.cloud.bridge.control("POST", "/control/light", { light: this.witness.light, name: this.tried });
        assert.equal(answer.status, 200);
        this.witness.promised.name = this.tried;
        this.tried = undefined;
    }

    async #link() {
        const other = new Witness(this.cloud.bridge);
        other.cloud.redirectUri = "https://c2c-us.smartthings.com/oauth/callback";
        const page = await new Browser().consent(other.cloud.authorizeUrl(), { name: "ben", password: "a long enough password" });
        other.promised.code = new URL(page.headers.get("location")).searchParams.get("code");
        this.others.push(other);
        other.promised.tokens = await other.redeem();
        await sleep(50);
    }

    start(round) {
        const { cloud, witness, random } = this;
        this.round = round;
        if (random() < 0.3) {
            cloud.expireCallbackToken();
        }
        const level = () => this.cloud.command(witness.light, "switchLevel", "setLevel", [1 + Math.floor(random() * 100)]);
        this.ended = Promise.all([
            this.#loop(level),
            this.#loop(level),
            this.#loop(() => cloud.refresh([witness.light])),
            this.#loop(() => this.#name()),
            this.#loop(async () => (witness.promised.tokens = cloud.tokens = await witness.refresh())),
            this.#loop(() => this.#link()),
        ]);
    }
}

test("kill -9 at any time in a storm", { timeout: long ? 3_600_000 : 600_000 }, async (t) => {
    const kills = long ? 2000 : 200;
    const seed = Number(process.env.LB_SEED ?? (long ? Date.now() % 1e9 : 1));
    const random = seeded(seed);
    t.diagnostic(`seed ${seed} (LB_SEED)`);
    const place = await renewable(t, { extra: { virtual: { lights: 4 } } });
    const added = place.run(["account", "add", "ben"], { input: "a long enough password\n" });
    assert.equal(added.code, 0, added.stderr);
    const found = new Distribution();
    const others = [];
    let bridge = await startTraced(t, { place, expected: true });
    const witness = new Witness(bridge);
    await witness.cloud.serve(t);
    await witness.play();
    witness.settled = witness.cloud.attempts.refreshAccessTokens;
    let acted = 0;
    for (let round = 1; round <= kills; round++) {
        const storm = new Storm(witness, random, others);
        storm.start(round);
        await sleep(random() * 150);
        await bridge.crash();
        await storm.ended;
        acted += storm.acted;
        const event = nameEvent(bridge.trace().at(-1), { ...place, ...witness.cloud });
        bridge = await startTraced(t, { place, expected: true });
        witness.bridge = bridge;
        try {
            const asked = witness.cloud.attempts.refreshAccessTokens > witness.settled;
            found.add(`${event} | ${await witness.survey(storm.tried, asked, round % 20 === 0)}`);
            for (const other of others.splice(0, Math.max(1, others.length - 8))) {
                other.bridge = bridge;
                await other.stillLinked();
            }
        } catch (error) {
            error.message = `round ${round} of seed ${seed}, killed after ${event}: ${error.message}`;
            throw error;
        }
    }
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    t.diagnostic(`${kills} kills among ${acted} acknowledged actions; the last call before each | what was found afterwards`);
    for (const line of found.lines()) {
        t.diagnostic(line);
    }
    assert.ok(acted > kills * 2, `only ${acted} actions were acknowledged: that was no storm`);
});
