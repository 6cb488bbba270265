// lightbridge doctor against the real daemon behind a proxy that speaks TLS, in each state that goes wrong: the check that
// is to fail is named, and no other.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { createServer } from "node:tls";
import { Cloud } from "./cloud.js";
import { callbackClient, clientSecret, freePort, installation, scratch, startBridge, startBroker, startSim, until } from "./harness.js";

const NAME = "lights.test";
const extra = { public: { url: `https://${NAME}`, listen: undefined }, virtual: { lights: 1 } };

/** A root, an intermediate, and certificates of it; by openssl. */
class Authority {
    constructor(folder) {
        this.folder = folder;
        this.ssl(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root", "-days", "900"]);
        this.sign("middle", "root", "basicConstraints=critical,CA:TRUE", 900);
    }

    ssl(words) {
        execFileSync("openssl", words, { cwd: this.folder, stdio: "pipe" });
    }

    sign(name, by, extensions, days) {
        writeFileSync(join(this.folder, `${name}.ext`), `${extensions}\n`);
        this.ssl(["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`]);
        this.ssl(["x509", "-req", "-in", `${name}.csr`, "-CA", `${by}.pem`, "-CAkey", `${by}.key`, "-CAcreateserial", "-out", `${name}.pem`, "-extfile", `${name}.ext`, "-days", `${days}`]);
    }

    read(...names) {
        return names.map((name) => readFileSync(join(this.folder, name), "utf8")).join("");
    }

    /** {key, cert} of a server. */
    server({ days = 400, name = NAME, chain = true, self = false } = {}) {
        if (self) {
            this.ssl(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=self", "-days", "400", "-addext", `subjectAltName=DNS:${NAME}`]);
        } else {
            this.sign("server", "middle", `subjectAltName=DNS:${name}`, days);
        }
        return { key: this.read("server.key"), cert: this.read("server.pem", ...(chain && !self ? ["middle.pem"] : [])) };
    }
}

/** What a proxy does: TLS on one side, the bridge on the other. */
async function proxy(t, port, options) {
    const server = createServer(options, (socket) => {
        const inner = connect(port, "127.0.0.1");
        for (const s of [socket, inner]) {
            s.on("error", () => {});
        }
        socket.pipe(inner).pipe(socket);
    });
    server.on("tlsClientError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    return server.address().port;
}

/** Verdicts by name, of those that are not well; skipped ones apart. */
async function doctor(place, more = []) {
    const said = await place.runBeside(["doctor", "--json", ...more]);
    const { checks, well } = JSON.parse(said.stdout);
    const bad = checks.filter((c) => ["failed", "warning"].includes(c.verdict));
    assert.equal(said.code, bad.length > 0 ? 1 : 0, said.stdout);
    assert.equal(well, bad.length === 0);
    for (const check of bad) {
        assert.ok(check.reason.length > 0 && check.fix.length > 0, `${check.name}: ${check.reason} -> ${check.fix}`);
    }
    return {
        bad: bad.map((c) => `${c.name} ${c.verdict}`),
        skipped: checks.filter((c) => c.verdict === "skipped").map((c) => c.name),
        of: (name) => checks.find((c) => c.name === name),
    };
}

/** A bridge, and the options with which a doctor sees it behind a proxy with this certificate. */
async function behind(t, certificate = {}, options = {}) {
    const folder = scratch(t);
    const authority = new Authority(folder);
    const bridge = await startBridge(t, { ...options, extra: { ...extra, ...options.extra, public: { ...options.extra?.public, url: `https://${NAME}` } } });
    const port = await proxy(t, bridge.publicPort, authority.server(certificate));
    return { bridge, seen: ["--ca-file", join(folder, "root.pem"), "--connect", `127.0.0.1:${port}`] };
}

test("all is well: exit 0, and the table says so", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { extra: { virtual: { lights: 2 } } });
    const found = await doctor(bridge, seen);
    assert.deepEqual([found.bad, found.skipped], [[], ["clock", "callback-hosts", "links"]]);
    const table = await bridge.runBeside(["doctor", ...seen]);
    assert.match(table.stdout, /^ok +leads to this bridge /m);
    assert.match(table.stdout, /all is well\n$/);
});

const certificates = {
    expired: [{ days: -1 }, ["expiry failed"], "expiry", /expired/],
    "5 days left": [{ days: 5 }, ["expiry failed"], "expiry", /4 days|5 days/],
    "20 days left": [{ days: 20 }, ["expiry warning"], "expiry", /19 days|20 days/],
    "wrong name": [{ name: "other.test" }, ["certificate-name failed"], "certificate-name", /other\.test/],
    "missing intermediate": [{ chain: false }, ["chain failed"], "chain", /alone.*middle/],
    "self-signed": [{ self: true }, ["chain failed"], "chain", /self-signed/],
};
for (const [name, [certificate, bad, check, says]] of Object.entries(certificates)) {
    test(`certificate: ${name}`, { timeout: 60_000 }, async (t) => {
        const { bridge, seen } = await behind(t, certificate, { extra: { virtual: { lights: 1 } } });
        const found = await doctor(bridge, seen);
        assert.deepEqual(found.bad, bad);
        assert.match(found.of(check).reason, says);
    });
}

test("the way in: TLS off, nobody there, a name that does not resolve, another bridge, no bridge", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { extra: { virtual: { lights: 1 } } });
    const [ca, file] = seen;
    assert.deepEqual((await doctor(bridge, [ca, file, "--connect", `127.0.0.1:${bridge.publicPort}`])).bad, ["tls failed"]);
    assert.deepEqual((await doctor(bridge, [ca, file, "--connect", `127.0.0.1:${await freePort()}`])).bad, ["public-url failed"]);
    const unresolved = await doctor(bridge, [ca, file]);
    assert.deepEqual(unresolved.bad, ["public-url failed"]);
    assert.match(unresolved.of("public-url").reason, /does not resolve/);
    const other = await startBridge(t, { extra: { virtual: { lights: 1 } } });
    const authority = new Authority(scratch(t));
    for (const [port, says] of [[other.publicPort, /another lightbridge/]]) {
        const there = ["--ca-file", join(authority.folder, "root.pem"), "--connect", `127.0.0.1:${await proxy(t, port, authority.server())}`];
        const found = await doctor(bridge, there);
        assert.deepEqual(found.bad, ["bridge failed"]);
        assert.match(found.of("bridge").reason, says);
    }
});

test("port 8443 is refused, and what needs the configuration is skipped", { timeout: 60_000 }, async (t) => {
    const place = await installation(t, { withAccount: false, extra: { public: { url: `https://${NAME}:8443` } } });
    const found = await doctor(place);
    assert.deepEqual(found.bad, ["configuration failed"]);
    assert.match(found.of("configuration").reason, /80 to 8002/);
    assert.ok(found.skipped.includes("daemon"));
});

test("the daemon does not run: that is the failure, and what needs it is skipped by name", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { extra: { virtual: { lights: 1 } } });
    await bridge.stop();
    const found = await doctor(bridge, seen);
    assert.deepEqual(found.bad, ["daemon failed"]);
    for (const name of ["drivers", "lamps", "bridge", "links", "attempts"]) {
        assert.match(found.of(name).reason, /daemon/, name);
    }
});

test("files: a secret that others may read, a damaged store", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { extra: { virtual: { lights: 1 } } });
    chmodSync(join(bridge.folder, "token.key"), 0o644);
    const open = await doctor(bridge, seen);
    assert.deepEqual(open.bad, ["permissions failed"]);
    assert.match(open.of("permissions").reason, /token\.key has mode 0644/);
    chmodSync(join(bridge.folder, "token.key"), 0o600);
    await bridge.stop();
    const file = join(bridge.folder, "lightbridge.db");
    writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, 4096), Buffer.alloc(40960, 7)]));
    assert.deepEqual((await doctor(bridge, seen)).bad, ["daemon failed", "store failed"]);
});

test("swapped pairs: the same secret in both", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { extra: { virtual: { lights: 1 } } });
    writeFileSync(join(bridge.folder, "callback.secret"), `${clientSecret}\n`, { mode: 0o600 });
    assert.deepEqual((await doctor(bridge, seen)).bad, ["credentials failed"]);
    writeFileSync(join(bridge.folder, "callback.secret"), `${callbackClient.secret}\n`, { mode: 0o600 });
    assert.deepEqual((await doctor(bridge, seen)).bad, []);
});

test("a lamp that is offline; a broker that is down", { timeout: 120_000 }, async (t) => {
    const broker = await startBroker(t);
    await startSim(t, ["zigbee2mqtt", "--broker", broker.url, "--lamps", "3", "--lost", "1"], { line: /^ready/m });
    const { bridge, seen } = await behind(t, {}, { broker, extra: { virtual: { lights: 0 } } });
    await until("lamps", async () => (await bridge.lights()).length === 3 && (await bridge.lights()).some((l) => l.reach === "offline"));
    await until("the one that is lost", async () => assert.deepEqual((await doctor(bridge, seen)).bad, ["lamps warning"]) ?? true);
    await broker.stop();
    await until("the broker's loss", async () => (await doctor(bridge, seen)).bad.includes("drivers failed"));
});

test("a link that needs a grant", { timeout: 120_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { extra: { virtual: { lights: 1 } } });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    await cloud.discover();
    await cloud.grant();
    await until("the token", async () => (await bridge.links())[0].callback.usable);
    assert.deepEqual((await doctor(bridge, seen)).bad, []);
    cloud.expireCallbackToken();
    cloud.tokenFaults.push("lost");
    const [light] = await bridge.lights();
    await bridge.control("POST", "/control/light", { light: light.id, on: !light.state.on });
    await until("the loss", async () => (await bridge.links())[0].callback.state === "needs_grant", 30);
    const found = await doctor(bridge, seen);
    assert.deepEqual(found.bad, ["links failed"]);
    assert.match(found.of("links").reason, /needs a grant/);
});
