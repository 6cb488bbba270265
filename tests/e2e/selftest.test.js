// lightbridge selftest against the real daemon: every step passes, and nothing is left behind; what is broken is named.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { startAhead } from "./ahead.js";
import { Cloud } from "./cloud.js";
import { account, clientSecret, installation, lightbridge, startBridge, startBroker, startSim, until } from "./harness.js";

const smartthings = { callback_hosts: ["smartthings.com"] }; // loopback is allowed to nobody but the selftest

function selftest(bridge, more = [], input = `${account.password}\n`) {
    return bridge.runBeside(["selftest", "--account", account.name, ...more], { input });
}

/** "ok authorize", "FAIL login", ... */
function steps(said) {
    return said.stdout.split("\n").filter((l) => /^(ok|FAIL) /.test(l)).map((l) => l.split(/ +/).slice(0, 2).join(" "));
}

const all = ["authorize", "login", "consent", "token", "discovery", "grant", "callbacks", "callback", "refresh", "command", "renew", "unlink"];

/** Everything that a selftest might leave: links with ended ones, attempts, lamps, and the rows of the callback side. */
async function left(bridge) {
    const { links, attempts } = (await bridge.control("GET", "/control/links")).body;
    const lights = (await bridge.control("GET", "/control/lights")).body.lights.map(({ id, name, state }) => ({ id, name, state }));
    return { links: links.map((l) => [l.id, l.alive, l.callback.state, l.trace?.attempt]), attempts, lights };
}

test("with virtual lamps: every step passes, and nothing is left behind", { timeout: 120_000 }, async (t) => {
    const bridge = await startBridge(t, { extra: { smartthings, virtual: { lights: 3 } } });
    const before = await left(bridge);
    for (let round = 0; round < 2; round++) {
        const said = await selftest(bridge);
        assert.equal(said.code, 0, said.stdout + said.stderr);
        assert.deepEqual(steps(said), all.map((step) => `ok ${step}`), said.stdout);
        assert.match(said.stdout, /nothing is left behind\n$/);
        assert.ok(!said.stdout.includes(account.password) && !said.stdout.includes(clientSecret));
        assert.deepEqual(await left(bridge), before);
    }
});

test("with simulated Zigbee lamps, on, off and dimmed: each is as it was", { timeout: 120_000 }, async (t) => {
    const broker = await startBroker(t);
    await startSim(t, ["zigbee2mqtt", "--broker", broker.url, "--lamps", "4", "--seed", "3"], { line: /^ready/m });
    const bridge = await startBridge(t, { broker, extra: { smartthings } });
    const lamps = await until("four lamps", async () => {
        const lights = await bridge.lights();
        return lights.length === 4 && lights.every((l) => l.reach === "online") && lights;
    });
    for (const [on, level] of [[true, 40.55], [true, 73.6], [false, 20]]) {
        for (const lamp of lamps.filter((l) => l.can.includes("level"))) {
            const { status } = await bridge.control("POST", "/control/light", { light: lamp.id, level });
            assert.equal(status, 200);
            if (!on) {
                await bridge.control("POST", "/control/light", { light: lamp.id, on: false });
            }
        }
        const before = await left(bridge);
        const said = await selftest(bridge);
        assert.equal(said.code, 0, said.stdout + said.stderr);
        assert.deepEqual(await left(bridge), before, said.stdout);
    }
});

test("the house's own link of the same account goes on", { timeout: 120_000 }, async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 2 } } });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    await cloud.discover();
    await cloud.grant();
    await until("the callback token", async () => (await bridge.links()).some((l) => l.callback.usable));
    const [link] = await bridge.links();
    const said = await selftest(bridge);
    assert.equal(said.code, 0, said.stdout + said.stderr);
    const [after, ...others] = await bridge.links();
    assert.deepEqual([after.id, after.alive, after.callback.state, others], [link.id, true, "granted", []]);
});

const broken = {
    "wrong password": { input: "not the password\n", step: "login", says: /password/i },
    "SmartThings' credentials missing": {
        extra: { smartthings: { ...smartthings, callback_client_id: undefined, callback_client_secret_file: undefined } },
        step: "callback",
        says: /callback_client_id.*lightbridge setup/,
    },
    "no light": { extra: { smartthings, virtual: { lights: 0 } }, step: "callback", says: /no light/ },
};
for (const [name, { extra = { smartthings, virtual: { lights: 1 } }, input, step, says }] of Object.entries(broken)) {
    test(`${name}: the step that fails is named, and nothing is left behind`, { timeout: 120_000 }, async (t) => {
        const bridge = await startBridge(t, { extra });
        const before = await left(bridge);
        const said = await selftest(bridge, [], input);
        assert.equal(said.code, 1, said.stdout + said.stderr);
        const line = said.stdout.split("\n").find((l) => l.startsWith("FAIL"));
        assert.match(line, new RegExp(`^FAIL  ${step} `), said.stdout);
        assert.match(line, says);
        assert.deepEqual(await left(bridge), before);
    });
}

test("what it needs is said: account, daemon, public URL, secret", { timeout: 60_000 }, async (t) => {
    const bridge = await startBridge(t, { extra: { smartthings } });
    const bare = await bridge.runBeside(["selftest"]);
    assert.equal(bare.code, 2);
    assert.match(bare.stderr, /--account NAME/);
    assert.equal((await selftest(bridge, [], "")).code, 1);
    await bridge.stop();
    const gone = await selftest(bridge);
    assert.equal(gone.code, 3, gone.stderr);
    assert.match(gone.stderr, /not reachable/);
});

test("the allowance: on the control socket alone, for the link of the one request that was announced", { timeout: 60_000 }, async (t) => {
    const bridge = await startBridge(t, { extra: { smartthings, virtual: { lights: 1 } } });
    for (const url of [bridge.publicUrl, bridge.localUrl]) {
        const answer = await fetch(`${url}/control/selftest`, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
        assert.ok([401, 404, 405].includes(answer.status), `${answer.status}`);
    }
    const control = async (body) => (await bridge.control("POST", "/control/selftest", body)).status;
    const state = "announced-0123456789-abcdef";
    const callback = "http://127.0.0.1:40000";
    assert.equal(await control({}), 400);
    assert.equal(await control({ state: "guessable" }), 400);
    assert.equal(await control({ state, callback }), 404); // not announced
    const cloud = new Cloud(bridge);
    await cloud.link(); // an ordinary link, that has nothing to do with it
    assert.equal(await control({ state }), 200);
    assert.equal(await control({ state: `${state}-of-another` }), 503);
    assert.equal(await control({ state, callback }), 404);
    assert.equal(await control({ end: `${state}-of-another` }), 404);
    assert.equal(await control({ end: state }), 200);
    assert.equal(await control({ end: state }), 200);
    assert.deepEqual((await bridge.links()).map((l) => l.alive), [true]);
});

/** selftest under way: its output so far, and its end. */
function begin(t, bridge) {
    const child = spawn(lightbridge, ["selftest", "--account", account.name, "--config", bridge.file]);
    const run = { child, stdout: "", stderr: "" };
    child.stdout.on("data", (d) => (run.stdout += d));
    child.stderr.on("data", (d) => (run.stderr += d));
    child.stdin.end(`${account.password}\n`);
    run.ended = once(child, "close");
    run.at = (step, then) => child.stdout.on("data", () => new RegExp(`^ok +${step} `, "m").test(run.stdout) && then());
    run.passed = (step) => until(step, () => new RegExp(`^ok +${step} `, "m").test(run.stdout), 60);
    t.after(() => child.kill("SIGKILL"));
    return run;
}

for (const step of all.filter((s) => s !== "unlink")) {
    test(`the daemon is killed after ${step}: nothing is left behind`, { timeout: 120_000 }, async (t) => {
        const place = await installation(t, { extra: { smartthings, virtual: { lights: 2 } } });
        let bridge = await startBridge(t, { place });
        const before = await left(bridge);
        let run, code;
        do {
            run = begin(t, bridge);
            let crash;
            run.at(step, () => (crash ??= bridge.crash()));
            await run.passed(step);
            await crash;
            bridge = await startBridge(t, { place });
            [code] = await run.ended;
        } while (code === 0); // it was done before it was seen: this machine is busy
        assert.equal(code, 1, run.stdout + run.stderr);
        assert.doesNotMatch(run.stdout, /clean up|nothing is left behind/);
        assert.match(run.stdout, /^FAIL /m);
        assert.deepEqual(await left(bridge), before, run.stdout);
    });

    test(`both are killed after ${step}: the next start leaves nothing behind`, { timeout: 120_000 }, async (t) => {
        const place = await installation(t, { extra: { smartthings, virtual: { lights: 2 } } });
        let bridge = await startBridge(t, { place });
        const before = await left(bridge);
        const run = begin(t, bridge);
        await run.passed(step);
        run.child.kill("SIGKILL");
        await bridge.crash();
        for (let i = 0; i < 2; i++) {
            bridge = await startBridge(t, { place });
            await until("an empty house", async () => assert.deepEqual(await left(bridge), before) ?? true);
            await bridge.crash();
        }
    });
}

for (const step of ["authorize", "token"]) {
    test(`selftest is killed after ${step}: what is left goes after minutes, and the next can begin`, { timeout: 120_000 }, async (t) => {
        const place = await installation(t, { extra: { smartthings, virtual: { lights: 2 } } });
        const bridge = await startAhead(t, place);
        const before = await left(bridge);
        const run = begin(t, bridge);
        await run.passed(step);
        run.child.kill("SIGKILL");
        await run.ended;
        assert.notDeepEqual(await left(bridge), before);
        const busy = await selftest(bridge);
        assert.equal(busy.code, 1);
        assert.match(busy.stderr, /another selftest is under way.*3 minutes/);
        await bridge.pass(170);
        assert.notDeepEqual(await left(bridge), before);
        await bridge.pass(15);
        await until("its end", async () => assert.deepEqual(await left(bridge), before) ?? true);
        const said = await selftest(bridge);
        assert.equal(said.code, 0, said.stdout + said.stderr);
    });
}
