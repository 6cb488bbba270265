// Whatever is answered was durable first: the shim's trace of each promise, and the same with SQLite's synchronous=OFF.
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { Browser, Cloud } from "./cloud.js";
import { broken, program, readTrace, startTraced, tracedEnv, unsynced } from "./durability.js";
import { installation, until } from "./harness.js";
import { setTimeout as sleep } from "node:timers/promises";

const begins = (event, text) => event.bytes.startsWith(text);
const onPublic = (bridge, status) => (e) => e.kind === "tcp" && e.name.includes(`:${bridge.publicPort}>`) && begins(e, `HTTP/1.1 ${status}`);
const onControl = (status) => (e) => e.kind === "unix" && begins(e, `HTTP/1.1 ${status}`);
const toCloud = (cloud, path) => (e) => e.kind === "tcp" && e.name.endsWith(`:${cloud.callbackPort}`) && begins(e, `POST ${path} `);

/** Nothing is under way any more: no call for a while. */
async function quiet(bridge) {
    let before = -1;
    for (let now = bridge.trace().length; now !== before; now = bridge.trace().length) {
        before = now;
        await sleep(200);
    }
}

/** Every promise in turn: [name, what is wrong or undefined]. */
async function promises(t, env) {
    const found = [];
    const bridge = await startTraced(t, { env, extra: { virtual: { lights: 3 } } });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    const promise = async (name, speaks, act) => {
        await quiet(bridge);
        const from = bridge.trace().at(-1)?.sequence ?? 0;
        const value = await act();
        const events = await until(`the trace of: ${name}`, () => {
            const more = bridge.trace().filter((e) => e.sequence > from);
            return more.some(speaks) && more;
        });
        found.push([name, broken(events, speaks)]);
        return { value, events };
    };
    const light = (document) => async () => assert.equal((await bridge.control("POST", "/control/light", document)).status, 200);
    const link = async () => {
        const allow = await new Browser().asked(cloud.authorizeUrl());
        await promise("consent: the code in the redirect", onPublic(bridge, 303), async () => {
            const page = await allow();
            cloud.code = new URL(page.headers.get("location")).searchParams.get("code");
        });
        await promise("token: the code's pair", onPublic(bridge, 200), async () => {
            cloud.tokens = await cloud.token({ grant_type: "authorization_code", code: cloud.code, redirect_uri: cloud.redirectUri });
        });
    };
    await promise("account add", onControl(200), async () => {
        const added = await bridge.place.runBeside(["account", "add", "ben"], { input: "a long enough password\n" });
        assert.equal(added.code, 0, added.stderr);
    });
    await promise("account password", onControl(200), async () => {
        const changed = await bridge.place.runBeside(["account", "password", "ben"], { input: "another long password\n" });
        assert.equal(changed.code, 0, changed.stderr);
    });
    await link();
    const [{ externalDeviceId: id }] = (await cloud.discover()).devices;
    await promise("refresh", onPublic(bridge, 200), async () => {
        cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
    });
    await promise("grantCallbackAccess", onPublic(bridge, 200), () => cloud.grant());
    await until("everything to be told", () => cloud.callbacks.length > 0);

    // an expired callback token: POST, 401, "a refresh is in flight" durable, the refresh, its tokens durable, POST
    cloud.expireCallbackToken();
    const before = cloud.callbacks.length;
    const { events } = await promise("a change for the cloud", toCloud(cloud, "/device/events"), () =>
        light({ light: id, on: true })().then(() => until("the change to be told", () => cloud.callbacks.length > before)),
    );
    found.pop(); // nothing was promised by that
    const refused = events.findIndex(toCloud(cloud, "/device/events"));
    const refresh = events.findIndex(toCloud(cloud, "/oauth/token"));
    found.push(["callback token: in flight before it is sent", broken(events.slice(refused), toCloud(cloud, "/oauth/token"))]);
    found.push(["callback token: kept before it is used", broken(events.slice(refresh), toCloud(cloud, "/device/events"))]);
    assert.equal(cloud.refreshes, 1);

    await promise("light edit: name", onControl(200), light({ light: id, name: "Reading lamp" }));
    await promise("light edit: hide", onControl(200), light({ light: id, expose: false }));
    await promise("light forget", onControl(200), light({ light: id, forget: true }));
    const [{ id: linked }] = (await bridge.control("GET", "/control/links")).body.links.filter((l) => l.alive);
    await promise("unlink", onControl(200), async () => {
        assert.equal((await bridge.control("POST", "/control/unlink", { link: linked })).status, 200);
    });
    await link();
    await cloud.discover();
    await promise("integrationDeleted", onPublic(bridge, 200), () => cloud.ask("integrationDeleted"));
    await promise("account remove", onControl(200), async () => {
        const removed = await bridge.place.runBeside(["account", "remove", "ben"]);
        assert.equal(removed.code, 0, removed.stderr);
    });
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    return found;
}

/** `account add` without a daemon: files that were written and not made durable at its end. */
async function accountAddAlone(t, env) {
    const place = await installation(t, { program, withAccount: false });
    const traceFile = join(place.folder, "trace");
    const added = place.run(["account", "add", "anna"], { input: "correct horse battery\n", env: tracedEnv(traceFile, env) });
    assert.equal(added.code, 0, added.stderr);
    const events = readTrace(traceFile);
    assert.ok(events.some((e) => /write/.test(e.op) && e.name.includes("lightbridge.db")), "the store was not written");
    assert.ok(events.some((e) => /write/.test(e.op) && e.name.includes("token.key")), "the key was not written");
    return unsynced(events).map((name) => name.replace(/^.*\//, ""));
}

test("what is answered is on the disk first", { timeout: 300_000 }, async (t) => {
    const found = await promises(t, {});
    t.diagnostic(`${found.length} promises: ${found.map(([name]) => name).join("; ")}`);
    assert.deepEqual(
        found.filter(([, wrong]) => wrong),
        [],
    );
    assert.deepEqual(await accountAddAlone(t, {}), []);
});

test("with synchronous=OFF each of these promises is seen to be broken", { timeout: 300_000 }, async (t) => {
    const found = await promises(t, { LB_SYNCHRONOUS: "off" });
    assert.deepEqual(
        found.filter(([, wrong]) => wrong !== "what was written had not reached the disk when it was said"),
        [],
    );
    const unsyncedFiles = await accountAddAlone(t, { LB_SYNCHRONOUS: "off" });
    assert.ok(unsyncedFiles.some((name) => name.startsWith("lightbridge.db")), `${unsyncedFiles}`);
});
