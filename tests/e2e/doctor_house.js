// The tests of doctor_house.test.js, inside of the namespaces that it makes: 11.0.0.1 to 3 are SmartThings' hosts, 11.0.0.9
// is this house's public address, and file systems can be mounted.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import test from "node:test";
import { Authority, NAME, doctor, finds } from "./doctor.js";
import { installation, lightbridge, scratch, startBridge } from "./harness.js";

const smartthings = { callback_hosts: ["smartthings.com"] };

const house = process.env.LB_HOUSE;
const trusted = join(house, "trusted");
const mount = (...words) => execFileSync("mount", words);

/** A folder on a file system of its own, which goes with this house. */
function disk(size) {
    const folder = mkdtempSync(join(house, "disk-"));
    mount("-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder);
    return folder;
}

function makeReadOnly(folder) {
    mount("--bind", folder, folder);
    mount("-o", "remount,bind,ro", folder);
}

/** SmartThings' hosts: they answer, `off` seconds away from our clock; those of `without` do not; `self`: nobody trusts them. */
async function startCloud(t, { off = 0, without = [], self = false } = {}) {
    const stranger = self && new Authority(scratch(t));
    for (const [i, region] of ["us", "eu", "ap"].entries()) {
        if (without.includes(region)) {
            continue;
        }
        const read = (name) => readFileSync(join(trusted, name));
        const names = self ? stranger.server({ name: `c2c-${region}.smartthings.com` }) : { key: read(`c2c-${region}.key`), cert: Buffer.concat([read(`c2c-${region}.pem`), read("middle.pem")]) };
        const server = createServer(names, (request, response) => {
            response.setHeader("Date", new Date(Date.now() + off * 1000).toUTCString());
            response.writeHead(404).end();
        });
        server.listen(443, `11.0.0.${i + 1}`);
        await once(server, "listening");
        t.after(() => (server.closeAllConnections(), server.close()));
    }
}

/** The bridge at the public address, with its own listener and a certificate that everybody trusts. */
async function startHouse(t, { folder = scratch(t) } = {}) {
    const authority = Object.assign(Object.create(Authority.prototype), { folder: trusted });
    const { key, cert } = authority.server();
    const files = scratch(t);
    writeFileSync(join(files, "key.pem"), key, { mode: 0o600 });
    writeFileSync(join(files, "chain.pem"), cert);
    const place = await installation(t, {
        folder,
        extra: {
            virtual: { lights: 1 },
            smartthings,
            public: { listen: "11.0.0.9:443", url: `https://${NAME}`, tls: { certificate_file: join(files, "chain.pem"), key_file: join(files, "key.pem") } },
        },
    });
    return startBridge(t, { place, byControl: true });
}

test("all is well, as SmartThings sees it: nothing is skipped but links", { timeout: 60_000 }, async (t) => {
    await startCloud(t);
    const bridge = await startHouse(t);
    const found = await doctor(bridge);
    assert.deepEqual([found.bad, found.skipped], [[], ["links"]]);
    assert.match(found.of("clock").reason, /^[012] s (fast|slow)$/);
    assert.match(found.of("callback-hosts").reason, /^3 reached$/);
    assert.match(found.of("public-url").reason, /^https:\/\/lights\.test, at 11\.0\.0\.9$/);
});

const clocks = {
    "a minute fast": [-60, "clock warning", /^(59|60|61|62) s fast$/],
    "an hour fast": [-3600, "clock failed", /^36\d\d s fast$/],
    "an hour slow": [3600, "clock failed", /^(359\d|3600) s slow$/],
};
for (const [name, [off, verdict, reason]] of Object.entries(clocks)) {
    test(`the clock is ${name}, against the Date of an answer`, { timeout: 60_000 }, async (t) => {
        await startCloud(t, { off });
        finds(await doctor(await startHouse(t)), verdict, reason, /systemd-timesyncd or chrony/);
    });
}

test("SmartThings' hosts: one is not reached, none is, none is trusted", { timeout: 120_000 }, async (t) => {
    const bridge = await startHouse(t);
    await t.test("none", async () => {
        const found = await doctor(bridge);
        finds(found, "callback-hosts failed", /^3 of 3 hosts of SmartThings cannot be reached, so changes cannot be told: .*c2c-us\.smartthings\.com.*; .*c2c-eu/, /name resolution, the time and the firewall/);
        assert.match(found.of("clock").reason, /no answer from outside/);
    });
    await t.test("one", async (t) => {
        await startCloud(t, { without: ["eu"] });
        finds(await doctor(bridge), "callback-hosts warning", /^1 of 3 .*c2c-eu\.smartthings\.com/, /firewall/);
    });
    await t.test("nobody trusts them", async (t) => {
        await startCloud(t, { self: true });
        finds(await doctor(bridge), "callback-hosts failed", /^3 of 3 .*certificate/, /the time/);
    });
});

test("a store that has become read-only, with the daemon and without", { timeout: 60_000 }, async (t) => {
    await startCloud(t);
    const folder = disk("300m");
    const bridge = await startHouse(t, { folder });
    assert.deepEqual((await doctor(bridge)).bad, []);
    makeReadOnly(folder);
    finds(await doctor(bridge), "store failed", /lightbridge\.db cannot be written/, /make it writable/);
    await bridge.stop();
    const found = await doctor(bridge);
    assert.deepEqual(found.bad, ["daemon failed", "store failed", "public-url failed"]);
    assert.match(found.of("store").reason, /lightbridge\.db cannot be written/);
});

for (const [size, verdict] of [["60m", "warning"], ["12m", "failed"]]) {
    test(`${size} of space are left`, { timeout: 60_000 }, async (t) => {
        await startCloud(t);
        finds(await doctor(await startHouse(t, { folder: disk(size) })), `space ${verdict}`, /^\d+ MB free in .*\/disk-/, /make room/);
    });
}

test("a disk that is full: the store says so, too", { timeout: 120_000 }, async (t) => {
    await startCloud(t);
    const folder = disk("12m");
    const bridge = await startHouse(t, { folder });
    try {
        for (;;) {
            writeFileSync(join(folder, "filler"), Buffer.alloc(4096), { flag: "a" });
        }
    } catch (error) {
        assert.equal(error.code, "ENOSPC");
    }
    const added = await bridge.runBeside(["account", "add", "berta"], { input: "correct horse\n" });
    assert.equal(added.code, 1, added.stdout);
    const found = await doctor(bridge);
    assert.deepEqual(found.bad, ["store failed", "space failed"]);
    assert.match(found.of("store").reason, /space|full/);
    assert.match(found.of("space").reason, /^0 MB free/);
});

test("setup where it cannot write: nobody is asked anything", () => {
    const folder = disk("1m");
    mkdirSync(join(folder, "etc"));
    makeReadOnly(folder);
    for (const file of [join(folder, "etc/lightbridge.yaml"), join(folder, "etc/deeper/lightbridge.yaml")]) {
        const said = spawnSync(lightbridge, ["setup", "--config", file], { input: "https://lights.invalid\n\n\n", encoding: "utf8" });
        assert.deepEqual([said.status, said.stdout], [1, ""]);
        assert.match(said.stderr, /^lightbridge setup: .*lightbridge\.yaml cannot be written there: .*Read-only file system\n$/);
    }
    assert.deepEqual(readdirSync(join(folder, "etc")), []);
});
