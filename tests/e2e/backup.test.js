// A backup brings the links back on another machine, whatever happened since; a file that is not whole changes nothing;
// a restore that is stopped anywhere leaves the old installation or the new one.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chownSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { startAhead } from "./ahead.js";
import { Browser, Cloud, statesOf } from "./cloud.js";
import { program, readTrace, tracedEnv } from "./durability.js";
import { account, clientSecret, installation, scratch, startBridge, until } from "./harness.js";

const passphrase = "a passphrase of some length";
const secrets = ["smartthings.secret", "callback.secret", "token.key"];

const backUp = (place, file, options = {}) => place.runBeside(["backup", file], { input: `${passphrase}\n`, ...options });
const restore = (place, file, words = [], options = {}) =>
    place.runBeside(["restore", file, ...words], { input: `${passphrase}\n`, ...options });

async function fine(answer) {
    const { code, stdout, stderr } = await answer;
    assert.equal(code, 0, stderr);
    return stdout;
}

async function refused(answer, sentence, last = "nothing was changed") {
    const { code, stderr } = await answer;
    assert.equal(code, 1, stderr);
    assert.match(stderr, sentence);
    assert.ok(stderr.trimEnd().endsWith(last), stderr);
}

/** Every file of a folder by a hash of its bytes, but for logs of tests and sockets. */
function contents(folder) {
    return Object.fromEntries(
        readdirSync(folder)
            .filter((name) => !/\.log$|\.sock$/.test(name))
            .sort()
            .map((name) => [name, createHash("sha256").update(readFileSync(join(folder, name))).digest("hex")]),
    );
}

/** A linked and granted installation, its daemon running, and a backup of that moment. */
async function linked(t, options = {}) {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 2 } }, ...options });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    await cloud.discover();
    await cloud.grant();
    await cloud.converged();
    const file = join(scratch(t), "house.backup");
    assert.match(await fine(backUp(bridge.place, file)), /1 account, 1 living link;/);
    return { bridge, cloud, file };
}

/** The same configuration on a machine that has nothing yet: the name and the ports are moved to it. */
async function newMachine(t, place, { bare = false } = {}) {
    const next = await installation(t, { program: place.program, withAccount: false });
    for (const name of readdirSync(next.folder)) {
        rmSync(join(next.folder, name));
    }
    if (!bare) {
        copyFileSync(place.file, next.file);
    }
    const { publicUrl, localUrl, publicPort, localPort, config } = place;
    return Object.assign(next, { publicUrl, localUrl, publicPort, localPort, config });
}

const linkOf = async (bridge) => (await bridge.control("GET", "/control/links")).body.links[0];

async function works(cloud) {
    const found = await cloud.discover();
    assert.equal(found.globalError, undefined);
    const [{ externalDeviceId: id }] = found.devices;
    assert.equal(statesOf(await cloud.command(id, "switch", "on"), id)["switch.switch"], "on");
}

test("on a machine with nothing, without linking again", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud, file } = await linked(t);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const bytes = readFileSync(file);
    for (const secret of [clientSecret, account.name, "smartthings", readFileSync(join(bridge.folder, "token.key"), "utf8").trim()]) {
        assert.equal(bytes.indexOf(secret), -1, `${secret} can be read in the backup`);
    }
    // what came after the backup: tokens of a newer generation
    const atBackup = cloud.tokens;
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: atBackup.refresh_token });
    assert.notEqual(cloud.tokens.access_token, atBackup.access_token);
    await works(cloud);
    await bridge.stop();

    const place = await newMachine(t, bridge.place, { bare: true });
    const said = await fine(restore(place, file));
    assert.match(said, /^restored the backup of \S+ \S+ \(\d+s old\) by .*: 1 account, 1 living link, 2 lights\n/);
    assert.match(said, /a link that was ended after that time lives again/);
    assert.deepEqual(readdirSync(place.folder).sort(), ["callback.secret", "lightbridge.db", "lightbridge.yaml", "smartthings.secret", "token.key"]);
    for (const name of [...secrets, "lightbridge.db"]) {
        assert.equal(statSync(join(place.folder, name)).mode & 0o777, 0o600, name);
    }
    for (const name of [...secrets, "lightbridge.yaml"]) {
        assert.deepEqual(readFileSync(join(place.folder, name)), readFileSync(join(bridge.folder, name)), name);
    }
    const next = (cloud.bridge = await startBridge(t, { place }));
    await works(cloud); // with an access token that the backup has never seen
    assert.match(next.program.log(), /a backup was restored, the link goes on/);
    assert.equal((await linkOf(next)).issued_elsewhere_at, 0); // it is of the past
    const again = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
    cloud.tokens = again;
    await works(cloud);
    await new Browser().consent(cloud.authorizeUrl()); // the account's password is the old one
    // the callback token that the backup holds is still good: nothing was granted again
    const { lights } = (await next.control("GET", "/control/lights")).body;
    await Promise.all(lights.map((l) => next.control("POST", "/control/light", { light: l.id, on: !l.state.on })));
    await cloud.converged();
    assert.deepEqual([cloud.grants, cloud.unauthorized], [1, 0]);
});

test("callback tokens of a backup are tried once, then the link needs a grant, and gets it", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud, file } = await linked(t);
    // after the backup SmartThings' tokens were renewed, so that those of the backup are worth nothing
    cloud.expireCallbackToken();
    const [id] = cloud.picture.keys();
    await bridge.control("POST", "/control/light", { light: id, on: true });
    await until("the callback token to be renewed", () => cloud.refreshes === 1);
    await cloud.converged();
    await bridge.stop();

    const place = await newMachine(t, bridge.place);
    await fine(restore(place, file));
    const next = (cloud.bridge = await startBridge(t, { place }));
    const tried = { ...cloud.attempts };
    await next.control("POST", "/control/light", { light: id, on: false });
    await next.control("POST", "/control/light", { light: id, on: true });
    await until("the link to need a grant", async () => (await linkOf(next)).callback.state === "needs_grant");
    assert.equal(cloud.attempts.refreshAccessTokens - tried.refreshAccessTokens, 1, "tried once");
    const { stdout } = await next.place.runBeside(["links"]);
    assert.match(stdout, /needs_grant|needs a new grant/);
    await works(cloud); // commands need no callback token
    assert.equal((await cloud.discover()).requestGrantCallbackAccess, true);
    await cloud.grant();
    await until("the grant's code to be redeemed", async () => (await linkOf(next)).callback.state === "granted");
    await cloud.converged();
});

test("a backup that is months old: tokens issued before and after it go on, and nothing is linked again", { timeout: 120_000 }, async (t) => {
    const place = await installation(t, { extra: { virtual: { lights: 2 } } });
    const old = await startAhead(t, place);
    const cloud = new Cloud(old);
    await cloud.serve(t);
    await cloud.link();
    await cloud.discover();
    await cloud.grant();
    await cloud.converged();
    const file = join(scratch(t), "house.backup");
    await fine(backUp(place, file));
    const atBackup = cloud.tokens;

    // seven months of daily life, of which the backup knows nothing: both sides renew their tokens
    const days = 210;
    for (let month = 0; month < 7; month++) {
        await old.pass((days / 7) * 86400);
        await until("the callback token to be renewed", () => cloud.refreshes === month + 1);
        assert.equal((await cloud.discover()).globalError.errorEnum, "TOKEN-EXPIRED");
        cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
        await works(cloud);
    }
    const afterBackup = cloud.tokens;
    assert.notEqual(afterBackup.access_token, atBackup.access_token);
    await old.stop();

    const next = await newMachine(t, place);
    const said = await next.runBeside(["restore", file], { input: `${passphrase}\n` });
    assert.equal(said.code, 0, said.stderr);
    const bridge = (cloud.bridge = await startAhead(t, next, { seconds: days * 86400 }));
    await works(cloud); // the access token of the last day, which the backup has never seen
    assert.equal((await linkOf(bridge)).issued_elsewhere_at, 0);
    for (const tokens of [afterBackup, atBackup]) {
        cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
        await works(cloud);
    }
    cloud.tokens = atBackup; // its day was over long ago
    assert.equal((await cloud.discover()).globalError.errorEnum, "TOKEN-EXPIRED");
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: atBackup.refresh_token });
    // the callback token of the backup is due, tried once and refused: commands go on, a grant is asked for and brings it back
    await until("the link to need a grant", async () => (await linkOf(bridge)).callback.state === "needs_grant");
    assert.equal(cloud.attempts.refreshAccessTokens, 7 + 1);
    await works(cloud);
    assert.equal((await cloud.discover()).requestGrantCallbackAccess, true);
    await cloud.grant();
    await until("the grant's code to be redeemed", async () => (await linkOf(bridge)).callback.state === "granted");
    await cloud.converged();
    assert.deepEqual((await bridge.control("GET", "/control/links")).body.links.map((l) => l.alive), [true]);
});

test("two machines alive on one backup are noticed by both and said", { timeout: 120_000 }, async (t) => {
    const lights = { extra: { virtual: { lights: 2 } } };
    const bridge = await startBridge(t, lights);
    const clouds = [new Cloud(bridge), new Cloud(bridge)];
    for (const cloud of clouds) {
        await cloud.link();
        await cloud.discover();
    }
    const file = join(scratch(t), "house.backup");
    await fine(backUp(bridge.place, file));
    // the same links on other ports: two machines
    const place = await installation(t, { program: bridge.place.program, withAccount: false, ...lights });
    await fine(restore(place, file));
    const twin = await startBridge(t, { place });
    const issued = async (where) => (await where.control("GET", "/control/links")).body.links.map((l) => l.issued_elsewhere_at > 0);
    await new Promise((done) => setTimeout(done, 1500)); // clocks of two machines may differ by a second
    for (const [i, here, there] of [
        [0, bridge, twin],
        [1, twin, bridge],
    ]) {
        const cloud = clouds[i];
        cloud.bridge = here; // the name leads to the one
        cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
        await works(cloud);
        cloud.bridge = there; // and then to the other
        await works(cloud);
    }
    assert.deepEqual([await issued(twin), await issued(bridge)], [
        [true, false],
        [false, true],
    ]);
    for (const machine of [twin, bridge]) {
        assert.match(machine.program.log(), /another machine issues tokens for it too/);
        assert.match((await machine.place.runBeside(["links"])).stdout, /! two machines: another machine issues tokens/);
    }
    await twin.stop();
});

test("what is no whole backup is refused with its reason, and nothing changes", { timeout: 120_000 }, async (t) => {
    const { bridge, file } = await linked(t);
    await bridge.stop();
    const { place } = bridge;
    const before = contents(place.folder);
    const bad = join(scratch(t), "bad.backup");
    const size = statSync(file).size;
    const changed = (change) => {
        copyFileSync(file, bad);
        const bytes = readFileSync(bad);
        writeFileSync(bad, change(bytes) ?? bytes);
        return bad;
    };
    const flip = (at) => changed((bytes) => void (bytes[at] ^= 1));
    const cut = (to) => (copyFileSync(file, bad), truncateSync(bad, to), bad);
    await refused(restore(place, file, ["--replace"], { input: "another passphrase\n" }), /the passphrase is not the one that it was made with/);
    await refused(restore(place, file, ["--replace"], { input: "" }), /no passphrase was given/);
    for (const to of [size - 1, size - 100, 200, 109]) {
        await refused(restore(place, cut(to), ["--replace"]), new RegExp(`was cut short: it has ${to} of ${size} bytes`));
    }
    await refused(restore(place, cut(50), ["--replace"]), /was cut short: not even its head is whole/);
    await refused(restore(place, cut(0), ["--replace"]), /is no backup of lightbridge/);
    await refused(restore(place, changed((bytes) => Buffer.concat([bytes, Buffer.from("x")])), ["--replace"]), /something was added to it/);
    await refused(restore(place, flip(0), ["--replace"]), /is no backup of lightbridge/);
    await refused(restore(place, flip(18), ["--replace"]), /was made by a newer lightbridge/);
    for (const at of [23, 30, 50, 70, 80, 100]) {
        await refused(restore(place, flip(at), ["--replace"]), /is damaged: its first bytes/);
    }
    for (const at of [108, 300, size - 1]) {
        await refused(restore(place, flip(at), ["--replace"]), /is damaged somewhere behind byte 108/);
    }
    await refused(restore(place, place.file, ["--replace"]), /lightbridge\.yaml: is no backup of lightbridge/);
    await refused(restore(place, place.folder, ["--replace"]), /is no file/);
    await refused(restore(place, join(place.folder, "none"), ["--replace"]), /No such file/);
    assert.deepEqual(contents(place.folder), before);
});

test("what lives is not replaced unless told, and then set aside", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud, file } = await linked(t);
    const { place } = bridge;
    await refused(restore(place, file), /has 1 account and 1 living link. With --replace they are set aside/);
    await refused(restore(place, file, ["--replace"]), /the daemon is running on .*lightbridge\.db; stop it first/);
    // not even where the socket does not tell
    const elsewhere = join(place.folder, "other.yaml");
    writeFileSync(elsewhere, readFileSync(place.file, "utf8").replace("control.sock", "other.sock"));
    const beside = spawnSync(place.program, ["restore", file, "--replace", "--config", elsewhere], { input: `${passphrase}\n`, encoding: "utf8" });
    assert.equal(beside.status, 1);
    assert.match(beside.stderr, /another lightbridge is using this store/);
    await works(cloud);
    await bridge.stop();
    rmSync(elsewhere);
    await refused(restore(place, file), /With --replace/);
    const said = await fine(restore(place, file, ["--replace"]));
    const [, suffix] = /is kept beside it, with (\.\S+) behind its name/.exec(said);
    assert.ok(existsSync(join(place.folder, `lightbridge.db${suffix}`)));
    cloud.bridge = await startBridge(t, { place });
    await works(cloud);
    await cloud.bridge.stop();

    // an installation that nothing hangs on is no reason to refuse; other secrets are
    const fresh = await newMachine(t, place);
    for (const name of ["smartthings.secret", "callback.secret"]) {
        copyFileSync(join(place.folder, name), join(fresh.folder, name));
    }
    const empty = await startBridge(t, { place: fresh });
    await empty.stop();
    assert.ok(existsSync(join(fresh.folder, "token.key")));
    writeFileSync(join(fresh.folder, "smartthings.secret"), "another secret\n");
    await refused(restore(fresh, file), /smartthings\.secret \(smartthings\.client_secret_file\) is another one than in the backup/);
    copyFileSync(join(place.folder, "smartthings.secret"), join(fresh.folder, "smartthings.secret"));
    await fine(restore(fresh, file));
    cloud.bridge = await startBridge(t, { place: fresh });
    await works(cloud);
});

test("a store that is gone or damaged, a key that is gone: the messages point to restore, and it helps", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud, file } = await linked(t);
    const { place } = bridge;
    await bridge.stop();
    const db = join(place.folder, "lightbridge.db");
    const losses = {
        missing: () => rmSync(db),
        damaged: () => writeFileSync(db, Buffer.alloc(20000, "x")),
        "without its key": () => rmSync(join(place.folder, "token.key")),
    };
    for (const [name, lose] of Object.entries(losses)) {
        lose();
        const unwell = await startBridge(t, { place, unwell: true });
        assert.match(unwell.program.log(), /lightbridge restore FILE/, name);
        await unwell.stop();
        await fine(restore(place, file, name === "without its key" ? ["--replace"] : []));
        cloud.bridge = await startBridge(t, { place });
        await works(cloud);
        await cloud.bridge.stop();
    }
});

test("restored by root, the files are theirs who have the folder", { skip: process.getuid() === 0 ? false : "only root gives files away" }, async (t) => {
    const { bridge, file } = await linked(t);
    await bridge.stop();
    const place = await newMachine(t, bridge.place);
    chownSync(place.folder, 12345, 23456);
    await fine(restore(place, file));
    for (const name of ["lightbridge.db", ...secrets]) {
        const { uid, gid } = statSync(join(place.folder, name));
        assert.deepEqual([uid, gid], [12345, 23456], name);
    }
});

test("backup: what it refuses, and leaves no file", { timeout: 120_000 }, async (t) => {
    const { bridge, file } = await linked(t);
    const { place } = bridge;
    const folder = scratch(t);
    const target = join(folder, "b");
    const said = async (answer, sentence) => {
        const { code, stderr } = await answer;
        assert.equal(code, 1);
        assert.match(stderr, sentence);
        assert.deepEqual(readdirSync(folder), []);
    };
    assert.equal((await place.runBeside(["backup"])).code, 2);
    assert.equal((await place.runBeside(["restore"])).code, 2);
    assert.match((await backUp(place, file)).stderr, /is there already, and a backup never overwrites/);
    await said(backUp(place, target, { input: "short\n" }), /must have 8 or more/);
    await said(backUp(place, target, { input: "" }), /no passphrase was given/);
    await said(backUp(place, join(folder, "no/such/folder")), /no such thing/);
    await bridge.stop();
    const key = join(place.folder, "token.key");
    const right = readFileSync(key);
    writeFileSync(key, `${"A".repeat(43)}\n`);
    await said(backUp(place, target), /belongs to another store/);
    rmSync(key);
    await said(backUp(place, target), /token\.key/);
    writeFileSync(key, right);
    rmSync(join(place.folder, "lightbridge.db"));
    await said(backUp(place, target), /lightbridge\.db: No such file/);
});

test("stopped at any write the old installation is there; stopped behind the journal, the next start ends it", { timeout: 280_000 }, async (t) => {
    const { bridge, file } = await linked(t, { program });
    await bridge.stop();
    const { place } = bridge;
    // an old installation that differs: another account, another key
    const old = await newMachine(t, place);
    for (const name of secrets.slice(0, 2)) {
        copyFileSync(join(place.folder, name), join(old.folder, name));
    }
    assert.equal((await old.runBeside(["account", "add", "berta"], { input: "a long enough password\n" })).code, 0);
    const pristine = scratch(t);
    const copy = (from, to) => readdirSync(from).forEach((name) => statSync(join(from, name)).isFile() && copyFileSync(join(from, name), join(to, name)));
    copy(old.folder, pristine);
    const keyOf = (folder) => readFileSync(join(folder, "token.key"), "utf8");
    const keys = { anna: keyOf(place.folder), berta: keyOf(pristine) };
    const run = (env) => old.run(["restore", file, "--replace"], { input: `${passphrase}\n`, env });
    const trace = join(scratch(t), "trace");
    assert.equal(run(tracedEnv(trace)).code, 0);
    const events = readTrace(trace).filter((e) => e.kind === "file");
    const stamp = /\.\d{8}-/; // of what went aside
    const last = Math.max(...events.map((e) => e.index));
    for (let index = 1; index <= last; index++) {
        for (const name of readdirSync(old.folder)) {
            rmSync(join(old.folder, name), { recursive: true });
        }
        copy(pristine, old.folder);
        const killed = run(tracedEnv(join(pristine, "..", `trace-${process.pid}`), { LB_KILL_AT: `${index}`, LB_KILL_WHEN: "before" }));
        rmSync(join(pristine, "..", `trace-${process.pid}`), { force: true });
        if (killed.code === 0) {
            continue; // a run may have a call fewer
        }
        assert.equal(killed.code, null, killed.stderr);
        const { code, stdout, stderr } = old.run(["account", "list"]);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /^berta .*\n$/, `killed before event ${index}`); // all events come before the journal is there
        assert.equal(keyOf(old.folder), keys.berta, `killed before event ${index}`);
    }
    t.diagnostic(`${last} events`);
    assert.ok(last > 10);
    assert.equal(run().code, 0); // what they left behind does not hinder
    assert.match(old.run(["account", "list"]).stdout, /^anna .*\n$/);
    assert.equal(keyOf(old.folder), keys.anna);

    // behind the journal (tests/unit/app/place_test.c stops between any two moves): the daemon's start ends it
    const restored = scratch(t);
    copy(old.folder, restored);
    for (const name of readdirSync(old.folder)) {
        rmSync(join(old.folder, name), { recursive: true });
    }
    copy(pristine, old.folder);
    const moves = ["token.key", "lightbridge.db"].map((name) => {
        copyFileSync(join(restored, name), join(old.folder, `${name}.restoring`));
        return ["restoring", "", "20260101-000000"].map((end, i) => join(old.folder, name) + (i === 1 ? "" : `.${end}`)).join("\n");
    });
    writeFileSync(join(old.folder, "lightbridge.db.restore"), `lightbridge restore 1\n${moves.join("\n")}\n`);
    const next = await startBridge(t, { place: old });
    assert.match(next.program.log(), /a restore was interrupted: it is brought to its end/);
    assert.equal(keyOf(old.folder), keys.anna);
    assert.equal((await next.links()).length, 1);
    assert.deepEqual(readdirSync(old.folder).filter((name) => stamp.test(name)).sort(), ["lightbridge.db.20260101-000000", "token.key.20260101-000000"]);
});
