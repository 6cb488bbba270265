// A store that cannot be written, cannot be read or is not there: what needs no write goes on, nothing is refused for
// good, nothing is overwritten, and the bridge says what to do.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Distribution } from "./crash.js";
import { Browser, Cloud, statesOf } from "./cloud.js";
import { EIO, ENOSPC, EROFS, program, startTraced } from "./durability.js";
import { clientSecret, installation, startBridge, until } from "./harness.js";

const password = "a long enough password";

/** One POST: {status, retryAfter, body}. */
async function post(url, body, type) {
    const response = await fetch(url, { method: "POST", body, headers: type ? { "content-type": type } : {} });
    return { status: response.status, retryAfter: response.headers.get("retry-after"), body: await response.text() };
}

const token = (cloud, fields) =>
    post(`${cloud.bridge.publicUrl}/oauth/token`, new URLSearchParams({ client_id: "smartthings", client_secret: clientSecret, ...fields }));
const interaction = (cloud, type, more = {}) =>
    post(`${cloud.bridge.publicUrl}/smartthings/schema`, JSON.stringify({ ...cloud.envelope(type), ...more }), "application/json");

/** It says: not now, and when to come again; nothing that a cloud could take for the end of the link. */
function postponed(answer, what) {
    assert.equal(answer.status, 503, `${what}: ${answer.status} ${answer.body}`);
    assert.match(answer.retryAfter ?? "", /^\d+$/, what);
    assert.doesNotMatch(answer.body, /invalid_grant|INTEGRATION-DELETED|INVALID-TOKEN|TOKEN-EXPIRED/, what);
    assert.ok(JSON.parse(answer.body).error_description.length > 10, `${what}: ${answer.body}`);
    tellsNoFile(answer.body, what);
}

/** Strangers learn what is wrong in general, and nothing of this machine's files or of its owner's commands. */
function tellsNoFile(text, what) {
    assert.doesNotMatch(text, /lb-|\.db|token\.key|lightbridge (restore|store reset)/, what);
}

/** /healthz: what is wrong and what to do for the people of the house, that something is wrong for everybody. */
async function unwell(bridge, says) {
    const [here, everywhere] = await Promise.all([bridge.localUrl, bridge.publicUrl].map((url) => fetch(`${url}/healthz`)));
    assert.deepEqual([here.status, everywhere.status], [503, 503]);
    assert.match(await here.text(), says);
    const told = await everywhere.text();
    assert.match(JSON.parse(told).error_description, /(store|key) .*the log of the bridge says/, told);
    tellsNoFile(told, "/healthz");
}

async function codeOf(cloud) {
    const page = await new Browser().consent(cloud.authorizeUrl());
    return new URL(page.headers.get("location")).searchParams.get("code");
}

/** An installation with an account that is linked; the daemon has been stopped. */
async function linkedPlace(t, options) {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 3 } }, ...options });
    const cloud = new Cloud(bridge);
    await cloud.link();
    await cloud.discover();
    cloud.code = await codeOf(cloud);
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    return { place: bridge.place, cloud, db: join(bridge.folder, "lightbridge.db"), key: join(bridge.folder, "token.key") };
}

for (const [name, errno] of Object.entries({ "full disk": ENOSPC, "failing disk": EIO })) {
    test(`a ${name}: what needs no write goes on, what does is postponed, and it recovers by itself`, { timeout: 120_000 }, async (t) => {
        const bridge = await startTraced(t, { extra: { virtual: { lights: 3 } } });
        const cloud = new Cloud(bridge);
        await cloud.serve(t);
        await cloud.link();
        await cloud.discover();
        await cloud.grant();
        await cloud.converged();
        const [id, second] = cloud.picture.keys();
        const code = await codeOf(cloud);
        const { access_token, refresh_token } = cloud.tokens;

        bridge.refuse(errno);
        const named = await bridge.control("POST", "/control/light", { light: id, name: "Not kept" });
        assert.equal(named.status, 503, JSON.stringify(named.body));
        // commands, states, discovery, tokens
        assert.equal(statesOf(await cloud.command(id, "switch", "on"), id)["switch.switch"], "on");
        assert.equal(statesOf(await cloud.refresh([id]), id)["switch.switch"], "on");
        assert.equal((await cloud.discover()).devices.length, 3);
        const refreshed = await token(cloud, { grant_type: "refresh_token", refresh_token });
        assert.equal(refreshed.status, 200, refreshed.body);
        cloud.tokens = JSON.parse(refreshed.body);
        assert.equal(cloud.tokens.refresh_token, refresh_token);
        assert.deepEqual(JSON.parse((await token(cloud, { grant_type: "refresh_token", refresh_token })).body).access_token, cloud.tokens.access_token);
        assert.equal((await cloud.discover()).devices.length, 3);
        // changes reach the cloud with the token that is there
        assert.equal((await bridge.control("POST", "/control/light", { light: second, on: true })).status, 200);
        await cloud.converged();

        postponed(await token(cloud, { grant_type: "authorization_code", code, redirect_uri: cloud.redirectUri }), "redeeming a code");
        postponed(await interaction(cloud, "integrationDeleted"), "integrationDeleted");
        const authentication = { grantType: "authorization_code", scope: "callback-access", code: "c", clientId: "viper-client" };
        const callbackUrls = { oauthToken: `${cloud.callbackUrl}/oauth/token`, stateCallback: `${cloud.callbackUrl}/device/events` };
        postponed(await interaction(cloud, "grantCallbackAccess", { callbackAuthentication: authentication, callbackUrls }), "a grant");
        const page = await new Browser().consent(cloud.authorizeUrl());
        assert.equal(page.status, 503);
        assert.match(page.headers.get("retry-after"), /^\d+$/);
        assert.match(page.html, /try again/i);
        const added = await bridge.runBeside(["account", "add", "ben"], { input: `${password}\n` });
        assert.equal(added.code, 1);
        assert.match(added.stderr, /full|space|writ/i);
        const { links } = (await bridge.control("GET", "/control/links")).body;
        assert.equal((await bridge.control("POST", "/control/unlink", { link: links[0].id })).status, 503);
        await unwell(bridge, /Free some space or make it writable/);

        // the callback token is not renewed while its successor could not be kept
        cloud.expireCallbackToken();
        await bridge.control("POST", "/control/light", { light: id, on: false });
        await until("the refused POST", () => cloud.unauthorized > 0);
        await until("the reason", async () => /cannot be written/.test((await bridge.control("GET", "/control/links")).body.links[0].callback.last_error));
        assert.equal(cloud.attempts.refreshAccessTokens, 0);

        bridge.refuse();
        await cloud.converged(30);
        assert.equal(cloud.refreshes, 1);
        assert.equal((await bridge.control("POST", "/control/light", { light: id, name: "Kept" })).status, 200);
        const redeemed = await token(cloud, { grant_type: "authorization_code", code, redirect_uri: cloud.redirectUri });
        assert.equal(redeemed.status, 200, redeemed.body);
        assert.equal((await fetch(`${bridge.publicUrl}/healthz`)).status, 200);
        // and over a restart: the tokens of before, those given while nothing could be written, and what was kept
        assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
        const again = await startBridge(t, { place: bridge.place });
        cloud.bridge = again;
        for (const access of [access_token, cloud.tokens.access_token, JSON.parse(redeemed.body).access_token]) {
            cloud.tokens.access_token = access;
            assert.equal((await cloud.discover()).devices?.length, 3);
        }
        const { lights } = (await again.control("GET", "/control/lights")).body;
        assert.equal(lights.find((l) => l.id === id).name, "Kept");
    });
}

test("a read-only disk at the start: what is known is served, and it recovers by itself", { timeout: 120_000 }, async (t) => {
    const place = await installation(t, { program, extra: { virtual: { lights: 3 } } });
    const { cloud } = await linkedPlace(t, { place });
    writeFileSync(join(place.folder, "refuse"), `${EROFS}`);
    const bridge = await startTraced(t, { place, unwell: true });
    cloud.bridge = bridge;
    const devices = (await cloud.discover()).devices;
    assert.equal(devices.length, 3);
    const id = devices[0].externalDeviceId;
    assert.equal(statesOf(await cloud.command(id, "switch", "on"), id)["switch.switch"], "on");
    const refresh_token = cloud.tokens.refresh_token;
    assert.equal((await token(cloud, { grant_type: "refresh_token", refresh_token })).status, 200);
    const redeem = { grant_type: "authorization_code", code: cloud.code, redirect_uri: cloud.redirectUri };
    postponed(await token(cloud, redeem), "redeeming a code");
    bridge.refuse();
    assert.equal((await token(cloud, redeem)).status, 200);
    assert.equal((await fetch(`${bridge.publicUrl}/healthz`)).status, 200);
});

/** With a store or key that is of no use: nothing is answered as if it were empty, the files stay as they are. */
async function refusesToJudge(t, { place, cloud }, says, { keyless = false } = {}) {
    const before = snapshot(place.folder);
    const bridge = await startBridge(t, { place, unwell: true });
    cloud.bridge = bridge;
    for (const type of ["discoveryRequest", "stateRefreshRequest", "commandRequest", "integrationDeleted"]) {
        postponed(await interaction(cloud, type, type === "discoveryRequest" ? {} : { devices: [] }), type);
    }
    postponed(await token(cloud, { grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token }), "refresh");
    postponed(await token(cloud, { grant_type: "authorization_code", code: cloud.code, redirect_uri: cloud.redirectUri }), "code");
    const page = await fetch(cloud.authorizeUrl());
    assert.equal(page.status, 503);
    assert.match(page.headers.get("retry-after"), /^\d+$/);
    // the lights are there for the people of the house
    const { lights } = (await bridge.control("GET", "/control/lights")).body;
    assert.equal(lights.length, 3);
    const driven = bridge.run(["light", lights[0].id, "on"]);
    assert.equal(driven.code, 0, driven.stderr);
    assert.match(bridge.program.log(), says);
    await unwell(bridge, says);
    for (const words of [["links"], ["account", "list"]]) {
        const { code, stdout, stderr } = bridge.run(words);
        if (keyless) {
            assert.equal(code, 0, stderr);
            assert.match(stdout, /anna/);
        } else {
            assert.equal(code, 1, `${words}: ${stdout}`); // "none" would be a lie
            assert.match(stderr, says);
        }
    }
    if (!keyless) {
        const added = bridge.run(["account", "add", "ben"], { input: `${password}\n` });
        assert.equal(added.code, 1, added.stdout);
    }
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    if (keyless) {
        // without its key the store is whole: accounts need none, links wait for it
        assert.deepEqual(Object.keys(snapshot(place.folder)), Object.keys(before), "no key is made");
        return;
    }
    assert.deepEqual(snapshot(place.folder), before, "the files are as they were");
    const alone = place.run(["account", "add", "ben"], { input: `${password}\n` });
    assert.equal(alone.code, 1, alone.stdout);
    assert.match(alone.stderr, says);
    assert.deepEqual(snapshot(place.folder), before, "nor does a command without a daemon touch them");
}

/** Digests of the store and its key. Whoever opens a store makes -shm and an empty -wal: they hold nothing. */
function snapshot(folder) {
    return Object.fromEntries(
        readdirSync(folder)
            .filter((name) => /^(lightbridge\.db|token\.key)/.test(name) && !name.endsWith("-shm"))
            .map((name) => [name, readFileSync(join(folder, name))])
            .filter(([name, bytes]) => bytes.length > 0 || !name.endsWith("-wal"))
            .sort()
            .map(([name, bytes]) => [name, createHash("sha256").update(bytes).digest("hex")]),
    );
}

/** All is well again: the link of before is honoured. */
async function serves(t, { place, cloud }) {
    const bridge = await startBridge(t, { place });
    cloud.bridge = bridge;
    assert.equal((await cloud.discover()).devices?.length, 3);
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
    assert.equal((await cloud.discover()).devices?.length, 3);
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
}

test("a lost store, a lost key, a key of another store, a newer store: not judged, not replaced", { timeout: 240_000 }, async (t) => {
    const linked = await linkedPlace(t);
    const { db, key } = linked;
    const version = readFileSync(db).readUInt32BE(60);
    const losses = [
        ["lost store", /store reset/, () => renameSync(db, `${db}.away`), () => renameSync(`${db}.away`, db)],
        ["empty store", /store reset/, () => (copyFileSync(db, `${db}.away`), truncateSync(db)), () => renameSync(`${db}.away`, db)],
        ["lost key", /key is gone though the store is there/, () => renameSync(key, `${key}.away`), () => renameSync(`${key}.away`, key), { keyless: true }],
        [
            "key of another store",
            /belongs to another store/,
            () => (renameSync(key, `${key}.away`), writeFileSync(key, `${"A".repeat(43)}\n`, { mode: 0o600 })),
            () => renameSync(`${key}.away`, key),
            { keyless: true },
        ],
        ["newer store", /newer lightbridge/, () => setVersion(db, 99), () => setVersion(db, version)],
    ];
    for (const [name, says, lose, bringBack, options] of losses) {
        await t.test(name, async (t) => {
            lose();
            await refusesToJudge(t, linked, says, options);
            bringBack();
            await serves(t, linked);
        });
    }
});

test("one store, one daemon: a second one is refused, and commands do not go past the one that runs", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 1 } } });
    const other = await installation(t, { withAccount: false, extra: { store: { path: join(bridge.folder, "lightbridge.db"), key_file: join(bridge.folder, "token.key") } } });
    for (const [words, input] of [[["run"]], [["account", "list"]], [["account", "add", "ben"], `${password}\n`], [["store", "reset", "--yes"]]]) {
        const { code, stderr } = other.run(words, { input });
        assert.equal(code, 1, `${words}: ${stderr}`);
        assert.match(stderr, /lightbridge\.db: another lightbridge is using this store/, words.join(" "));
    }
    assert.match(bridge.run(["account", "list"]).stdout, /anna/);
    await bridge.stop();
    assert.match(other.run(["account", "list"]).stdout, /anna/);
});

test("a user who may not use the socket is told so, and goes not past the daemon", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 1 } } });
    chmodSync(bridge.folder, 0o755);
    chmodSync(join(bridge.folder, "control.sock"), 0o000);
    // root may do everything: somebody else asks
    const someone = process.getuid() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : ["env"];
    const expected = { lights: 3, account: 1 };
    for (const words of [["lights"], ["account", "list"]]) {
        const { status, stderr } = spawnSync(someone[0], [...someone.slice(1), bridge.place.program, ...words, "--config", bridge.file], { encoding: "utf8" });
        assert.equal(status, expected[words[0]], stderr);
        assert.match(stderr, /^lightbridge: the daemon is not reachable: \S+control\.sock: Permission denied; try sudo\n$/);
    }
});

/** PRAGMA user_version where it stands in the file's header (SQLite file format, 1.3). */
function setVersion(db, version) {
    const bytes = readFileSync(db);
    bytes.writeUInt32BE(version, 60);
    writeFileSync(db, bytes);
}

test("a damaged store, page by page: left as it is, and never taken for an empty one", { timeout: 300_000 }, async (t) => {
    const linked = await linkedPlace(t);
    const { db, place, cloud } = linked;
    const whole = readFileSync(db);
    const pageSize = whole.readUInt16BE(16);
    const damages = { "the first bytes": [0, 16], "the schema": [100, 108], "half of it gone": undefined };
    for (let page = 1; page < whole.length / pageSize; page++) {
        damages[`page ${page + 1}`] = [page * pageSize, page * pageSize + 8];
    }
    const found = new Distribution();
    for (const [name, range] of Object.entries(damages)) {
        const bytes = range ? Buffer.from(whole) : whole.subarray(0, Math.floor(whole.length / 2 / pageSize) * pageSize);
        if (range) {
            bytes.fill(0xff, ...range);
        }
        writeFileSync(db, bytes);
        await refusesToJudge(t, linked, /is damaged .*left untouched.*store reset/).catch((error) => {
            error.message = `${name}: ${error.message}`;
            throw error;
        });
        found.add("left as it was, everything postponed");
        writeFileSync(db, whole);
    }
    t.diagnostic(`${Object.keys(damages).length} damages of a store of ${whole.length} bytes:`);
    for (const line of found.lines()) {
        t.diagnostic(line);
    }
    await serves(t, linked);

    // a bit that no structure of the file shows, in the salt that the link's tokens are derived from: the row's seal does
    const salt = whole.indexOf("devices", whole.indexOf(cloud.redirectUri)) + "devices".length;
    for (const at of [0, 7, 15]) {
        const bytes = readFileSync(db);
        bytes[salt + at] ^= 0x10;
        writeFileSync(db, bytes);
        const bridge = await startBridge(t, { place, unwell: true });
        cloud.bridge = bridge;
        postponed(await interaction(cloud, "stateRefreshRequest", { devices: [] }), "stateRefreshRequest");
        postponed(await token(cloud, { grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token }), "refresh");
        assert.match(bridge.program.log(), /a link that has been damaged/);
        await unwell(bridge, /damaged in the store.*store reset/);
        await bridge.stop();
        const changed = readFileSync(db);
        changed[salt + at] ^= 0x10;
        writeFileSync(db, changed);
    }
    await serves(t, linked);

    // giving it up: the old file is kept aside, the new one is empty and works
    writeFileSync(db, Buffer.alloc(whole.length, 0xff));
    const damaged = readFileSync(db);
    const running = await startBridge(t, { place, unwell: true });
    const refused = place.run(["store", "reset", "--yes"]);
    assert.equal(refused.code, 1, "not under a running daemon");
    assert.deepEqual(readFileSync(db), damaged);
    await running.stop();
    const reset = place.run(["store", "reset", "--yes"]);
    assert.equal(reset.code, 0, reset.stderr);
    const aside = readdirSync(place.folder).filter((n) => /^lightbridge\.db\.\d{8}-\d{6}$/.test(n));
    assert.equal(aside.length, 1, reset.stdout);
    assert.ok(reset.stdout.includes(aside[0]), reset.stdout);
    assert.deepEqual(readFileSync(join(place.folder, aside[0])), damaged);
    rmSync(join(place.folder, aside[0]));
    const added = place.run(["account", "add", "anna"], { input: "correct horse battery\n" });
    assert.equal(added.code, 0, added.stderr);
    assert.ok(existsSync(db));
    const bridge = await startBridge(t, { place });
    cloud.bridge = bridge;
    // the old tokens are of a link that this store does not know
    assert.ok((await cloud.discover()).globalError);
    await cloud.link();
    assert.equal((await cloud.discover()).devices.length, 3);
});
