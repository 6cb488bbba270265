// The power fails behind any write, while an installation is made, linked, used, upgraded, restored: what is then on the
// disk opens, is whole, and has everything that was acknowledged.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import test from "node:test";
import { Browser, Cloud } from "./cloud.js";
import { program } from "./durability.js";
import { account, installation, scratch, startBridge, until } from "./harness.js";
import { accounts, aliveLinks, ANSWER, callbackToken, EXIT, Recording } from "./power.js";

const long = Boolean(process.env.LB_LONG);
const seeds = Number(process.env.LB_SEEDS ?? (long ? 100 : 4));
const firstSeed = Number(process.env.LB_SEED ?? (long ? Date.now() % 1e6 : 1));
const passphrase = "a passphrase of several words";

const options = { program, extra: { virtual: { lights: 2 }, log: { level: "warn" } } };

/** Plays a record and wants nothing found; says what was looked at. */
async function survives(t, recording, config, ways = seeds) {
    const { code, text } = await recording.play(config, { seeds: ways, firstSeed });
    assert.equal(code, 0, `LB_SEED=${firstSeed} LB_SEEDS=${ways}\n${text}`);
    t.diagnostic(`${text.trim()}; ${ways} seeds from ${firstSeed} (LB_SEEDS, LB_SEED)`);
}

const named = (id) => `SELECT user_name FROM lights WHERE id = '${id}'`;

/** Links an account, with everything that is answered on the way as a fact. */
async function link(recording, cloud, alive, who) {
    await recording.promise([[aliveLinks, `${alive}`]], ANSWER, async () => {
        const page = await new Browser().consent(cloud.authorizeUrl(), who);
        cloud.code = new URL(page.headers.get("location")).searchParams.get("code");
    });
    cloud.tokens = await cloud.token({ grant_type: "authorization_code", code: cloud.code, redirect_uri: cloud.redirectUri });
    recording.alive(cloud.tokens.access_token, cloud.tokens.refresh_token);
}

async function refresh(recording, cloud) {
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
    recording.alive(cloud.tokens.access_token, cloud.tokens.refresh_token);
}

/** From an empty folder to a link that has been used, with everything that is acknowledged to others. */
async function live(t, place, recording) {
    const { env } = recording;
    await recording.promise([[accounts(account.name), "1"]], EXIT, () => {
        const added = place.run(["account", "add", account.name], { input: `${account.password}\n`, env });
        assert.equal(added.code, 0, added.stderr);
    });
    const bridge = await startBridge(t, { place, env });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    const seen = recording.watchCallbacks(cloud, account.name);
    await link(recording, cloud, 1);
    const [{ externalDeviceId: id }] = (await cloud.discover()).devices;
    await cloud.grant();
    await until("the first callback", () => cloud.callbacks.length > 0);
    const { length } = cloud.callbacks;
    cloud.expireCallbackToken();
    const control = async (path, body) => assert.equal((await bridge.control("POST", path, body)).status, 200);
    await control("/control/light", { light: id, on: true });
    await until("a callback with the renewed token", () => cloud.callbacks.length > length);
    const [used, asked] = seen();
    assert.ok(used >= 2 && asked === 1, `callbacks with ${used} tokens and ${asked} refreshes were seen`);
    await refresh(recording, cloud);
    for (const name of ["Reading lamp", "Kitchen"]) {
        await recording.promise([[named(id), name]], ANSWER, () => control("/control/light", { light: id, name }));
    }
    await others(bridge, recording, cloud);
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    return { cloud, id };
}

/** Another account with its link, and another client, which come and go. */
async function others(bridge, recording, cloud) {
    const beside = async (words, input) => {
        const done = await bridge.place.runBeside(words, { input });
        assert.equal(done.code, 0, done.stderr);
        return done.stdout;
    };
    const ben = { name: "ben", password: "a long enough password" };
    await recording.promise([[accounts("ben"), "1"]], ANSWER, () => beside(["account", "add", "ben"], `${ben.password}\n`));
    const other = new Cloud(bridge);
    await link(recording, other, 2, ben);
    const clients = "SELECT CAST(count(*) AS TEXT) FROM clients";
    await recording.promise([[clients, "1"]], ANSWER, () => beside(["client", "add", "other", "https://other.example/back"]));
    await recording.promise([[clients, "0"]], ANSWER, () => beside(["client", "remove", "other"]));
    const [{ id: linked }] = (await bridge.control("GET", "/control/links")).body.links.filter((l) => l.account === "ben");
    const { access_token: access, refresh_token: renewing } = other.tokens;
    const ended = [[`token ${access}`, "dead"], [`token ${renewing}`, "dead"], [aliveLinks, "1"]];
    await recording.promise(ended, ANSWER, async () => {
        assert.equal((await bridge.control("POST", "/control/unlink", { link: linked })).status, 200);
    });
    await recording.promise([[accounts("ben"), "0"]], ANSWER, () => beside(["account", "remove", "ben"]));
    await refresh(recording, cloud);
}

/** The daemon again, which tidied up when it stopped, and dies this time. */
async function liveOn(t, place, recording, { cloud, id }, edits = 2) {
    const bridge = await startBridge(t, { place, env: recording.env, expected: true });
    cloud.bridge = bridge;
    await refresh(recording, cloud);
    for (let i = 1; i <= edits; i++) {
        await recording.promise([[named(id), `Name ${i}`]], ANSWER, async () => {
            const answer = await bridge.control("POST", "/control/light", { light: id, name: `Name ${i}` });
            assert.equal(answer.status, 200);
        });
    }
    await bridge.crash();
    const { env } = recording;
    await recording.promise([[accounts("cem"), "1"]], EXIT, () => {
        const added = place.run(["account", "add", "cem"], { input: "a long enough password\n", env });
        assert.equal(added.code, 0, added.stderr);
    });
}

test("from nothing to a link in use, and on", { timeout: 1_800_000 }, async (t) => {
    const place = await installation(t, { ...options, withAccount: false });
    const recording = new Recording(t, place.folder);
    const lived = await live(t, place, recording);
    await liveOn(t, place, recording, lived);
    await survives(t, recording, place.file);
    for (const deaf of ["files", "folder"]) {
        const { code, text } = await recording.play(place.file, { deaf });
        assert.equal(code, 1, `a store that does not sync its ${deaf} is not noticed:\n${text}`);
        t.diagnostic(`${deaf} not synced: ${text.split("\n").find((line) => /findings$/.test(line))}`);
    }
});

const onlyLong = long ? false : "LB_LONG: its log grows to a thousand pages, with a cut behind each";

test("the log is brought into the database while it is used", { skip: onlyLong, timeout: 3_600_000 }, async (t) => {
    const { place, cloud, id } = await linked(t);
    const recording = new Recording(t, place.folder);
    wasLinked(recording, cloud);
    await liveOn(t, place, recording, { cloud, id }, 700);
    await survives(t, recording, place.file, Math.min(seeds, 3));
});

// What the later migrations made goes, and the process dies with that in its log (upgrade.test.js). Holes in the file
// before that, so that a copy has other pages in other places: an old log that is played into it tears it.
const back = `
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.executemany("INSERT INTO driver_secrets VALUES ('none', ?, zeroblob(900))", [(f"{i}",) for i in range(300)])
db.execute("DELETE FROM driver_secrets WHERE driver = 'none' AND CAST(key AS INTEGER) % 4 > 0")
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
first = {"meta", "accounts", "clients", "links", "callbacks", "lights", "driver_secrets"}
for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall():
    if name not in first:
        db.execute(f"DROP TABLE {name}")
db.execute("PRAGMA user_version = 1")
db.execute("DELETE FROM driver_secrets WHERE driver = 'none' AND key = '8'")
os._exit(0)
`;

/** An installation with a link in use that is stopped, and what was promised to it. */
async function linked(t) {
    const bridge = await startBridge(t, options);
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    const [{ externalDeviceId: id }] = (await cloud.discover()).devices;
    await cloud.grant();
    await until("the first callback", () => cloud.callbacks.length > 0);
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    return { place: bridge.place, cloud, id };
}

function wasLinked(recording, cloud) {
    recording.was(`token ${cloud.tokens.access_token}`, "alive");
    recording.was(`token ${cloud.tokens.refresh_token}`, "alive");
    recording.was(accounts(account.name), "1");
    recording.was(callbackToken, cloud.callbackTokens.access);
}

test("an upgrade", { timeout: 1_800_000 }, async (t) => {
    const { place, cloud } = await linked(t);
    execFileSync("python3", ["-c", back, join(place.folder, "lightbridge.db")]);
    const recording = new Recording(t, place.folder);
    wasLinked(recording, cloud);
    const kept = [["file lightbridge.db.before-1", "whole"]]; // the store as it was is kept
    const bridge = await recording.promise(kept, ANSWER, () => startBridge(t, { place, env: recording.env }));
    cloud.bridge = bridge;
    await refresh(recording, cloud);
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    await survives(t, recording, place.file);
    const { code, text } = await recording.play(place.file, { deaf: "files" });
    assert.equal(code, 1, `an upgrade that does not sync its copy is not noticed:\n${text}`);
});

test("a restore on another machine", { timeout: 1_800_000 }, async (t) => {
    const { place, cloud } = await linked(t);
    const backup = join(scratch(t), "backup");
    const kept = await place.runBeside(["backup", backup], { input: `${passphrase}\n` });
    assert.equal(kept.code, 0, kept.stderr);
    const other = await installation(t, { ...options, withAccount: false });
    const recording = new Recording(t, other.folder);
    const facts = [cloud.tokens.access_token, cloud.tokens.refresh_token].map((token) => [`token ${token}`, "alive"]);
    await recording.promise([...facts, [accounts(account.name), "1"]], EXIT, () => {
        const restored = other.run(["restore", backup], { input: `${passphrase}\n`, env: recording.env });
        assert.equal(restored.code, 0, restored.stderr);
    });
    const bridge = await startBridge(t, { place: other, env: recording.env });
    cloud.bridge = bridge;
    await refresh(recording, cloud);
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    await survives(t, recording, other.file);
});

test("a restore over an installation that lives", { timeout: 1_800_000 }, async (t) => {
    const { place, cloud } = await linked(t);
    const backup = join(scratch(t), "backup");
    const kept = await place.runBeside(["backup", backup], { input: `${passphrase}\n` });
    assert.equal(kept.code, 0, kept.stderr);
    const added = place.run(["account", "add", "ben"], { input: "a long enough password\n" });
    assert.equal(added.code, 0, added.stderr);
    const recording = new Recording(t, place.folder);
    wasLinked(recording, cloud);
    recording.was(accounts("ben"), "1");
    await recording.promise([[accounts("ben"), "0"]], EXIT, () => {
        const restored = place.run(["restore", backup, "--replace"], { input: `${passphrase}\n`, env: recording.env });
        assert.equal(restored.code, 0, restored.stderr);
    });
    const bridge = await startBridge(t, { place, env: recording.env });
    cloud.bridge = bridge;
    await refresh(recording, cloud);
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    await survives(t, recording, place.file);
    for (const deaf of ["files", "folder"]) {
        const { code, text } = await recording.play(place.file, { deaf });
        assert.equal(code, 1, `a restore that does not sync its ${deaf} is not noticed:\n${text}`);
    }
});
