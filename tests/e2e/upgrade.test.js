// A store of version 1 under this program: its links carry on, and what it was is kept. Without room for the copy
// nothing is judged and nothing is lost. (Death at every call of an upgrade: tests/unit/store/upgrade_test.c.)
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Cloud, statesOf } from "./cloud.js";
import { ENOSPC, program, startTraced } from "./durability.js";
import { clientSecret, startBridge } from "./harness.js";

// PRAGMA user_version where it stands in the file's header (SQLite file format, 1.3)
const versionOf = (file) => readFileSync(file).readUInt32BE(60);

// What the later migrations made goes; the tables of version 1 have not changed since.
const back = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
first = {"meta", "accounts", "clients", "links", "callbacks", "lights", "driver_secrets"}
for name, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").fetchall():
    if name not in first:
        db.execute(f"DROP TABLE {name}")
db.execute("PRAGMA user_version = 1")
`;

/** An installation with a link, and its store as version 1 left it; the daemon is stopped. */
async function versionOne(t, options) {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 2 } }, ...options });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    const { devices } = await cloud.discover();
    await cloud.grant();
    assert.deepEqual(await bridge.stop(), { code: 0, signal: null });
    const db = join(bridge.folder, "lightbridge.db");
    execFileSync("python3", ["-c", back, db]);
    assert.equal(versionOf(db), 1);
    return { bridge, cloud, db, id: devices[0].externalDeviceId };
}

async function carriesOn(t, { bridge, cloud, id }) {
    const again = await startBridge(t, { place: bridge.place });
    cloud.bridge = again;
    assert.equal(statesOf(await cloud.command(id, "switch", "on"), id)["switch.switch"], "on");
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
    assert.equal((await cloud.discover()).requestGrantCallbackAccess, undefined); // the callback token is still there
    const links = await again.links();
    assert.equal(links.filter((link) => !link.ended_at).length, 1);
    const { code, stderr } = again.run(["account", "list"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await again.stop(), { code: 0, signal: null });
}

const leftovers = (folder) => readdirSync(folder).filter((name) => /migrating/.test(name));

test("links of a version 1 store carry on", { timeout: 120_000 }, async (t) => {
    const place = await versionOne(t);
    await carriesOn(t, place);
    assert.ok(versionOf(place.db) > 1);
    assert.equal(versionOf(`${place.db}.before-1`), 1);
    assert.deepEqual(leftovers(place.bridge.folder), []);
    await carriesOn(t, place);
});

test("a command without the daemon upgrades as well, and the daemon carries on", { timeout: 120_000 }, async (t) => {
    const place = await versionOne(t);
    const { code, stdout, stderr } = place.bridge.run(["account", "list"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /anna/);
    assert.ok(versionOf(place.db) > 1);
    await carriesOn(t, place);
});

test("no room for the copy: nothing is judged, the old store stays, and with room it carries on", { timeout: 120_000 }, async (t) => {
    const place = await versionOne(t, { program });
    const { bridge, cloud, db } = place;
    const before = readFileSync(db);
    const full = await startTraced(t, { place: bridge.place, unwell: true, refuseFirst: ENOSPC });
    const said = await (await fetch(`${full.localUrl}/healthz`)).text();
    assert.match(said, /could not be brought to version|cannot be (opened|written)/);
    const answer = await fetch(`${full.publicUrl}/oauth/token`, {
        method: "POST",
        body: new URLSearchParams({
            client_id: "smartthings",
            client_secret: clientSecret,
            grant_type: "refresh_token",
            refresh_token: cloud.tokens.refresh_token,
        }),
    });
    assert.equal(answer.status, 503);
    assert.match(answer.headers.get("retry-after"), /^\d+$/);
    await full.stop();
    assert.ok(before.equals(readFileSync(db)), "the old store was touched");
    assert.ok(!existsSync(`${db}.before-1`));
    assert.deepEqual(leftovers(bridge.folder), []);
    full.refuse(undefined);
    await carriesOn(t, place);
});
