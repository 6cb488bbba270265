// What the tests of lightbridge doctor share: an authority of certificates, a proxy that speaks TLS, its verdicts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { installation, scratch, startBridge } from "./harness.js";

export const NAME = "lights.test";

/** A root, an intermediate, and certificates of it; by openssl. */
export class Authority {
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
export async function proxy(t, port, options) {
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

export const CHECKS = ["configuration", "daemon", "store", "space", "permissions", "clock", "drivers", "lamps", "public-url", "tls", "chain", "certificate-name", "expiry", "bridge", "clients", "credentials", "callback-hosts", "links", "attempts"];

/** Verdicts by name, of those that are not well; skipped ones apart. Whatever it finds, its document has one shape. */
export async function doctor(place, more = [], options = {}) {
    const said = await place.runBeside(["doctor", "--json", ...more], options);
    const document = JSON.parse(said.stdout);
    const { checks, well } = document;
    const bad = checks.filter((c) => ["failed", "warning"].includes(c.verdict));
    assert.deepEqual(Object.keys(document), ["checks", "well"]);
    assert.deepEqual(checks.map((c) => c.name), CHECKS);
    for (const check of checks) {
        assert.deepEqual(Object.keys(check), ["name", "title", "verdict", "reason", "fix"]);
        assert.ok(["ok", "failed", "warning", "skipped"].includes(check.verdict), check.verdict);
        assert.ok(check.title.length > 0 && check.reason.length > 0, check.name);
        assert.equal(check.fix.length > 0, bad.includes(check), `${check.name}: ${check.reason} -> ${check.fix}`);
    }
    assert.equal(said.code, bad.length > 0 ? 1 : 0, said.stdout);
    assert.equal(well, bad.length === 0);
    return {
        bad: bad.map((c) => `${c.name} ${c.verdict}`),
        skipped: checks.filter((c) => c.verdict === "skipped").map((c) => c.name),
        of: (name) => checks.find((c) => c.name === name),
    };
}

/** This and nothing else is wrong, with this reason and this fix: `found` of doctor(), "name verdict". */
export function finds(found, verdict, reason, fix) {
    assert.deepEqual(found.bad, [verdict], JSON.stringify(found.of(verdict.split(" ")[0])));
    const check = found.of(verdict.split(" ")[0]);
    assert.match(check.reason, reason);
    assert.match(check.fix, fix);
}

/**
 * A bridge, and the options with which a doctor sees it: behind a proxy with this certificate, or (`own`) with the
 * certificate at its own listener.
 */
export async function behind(t, certificate = {}, { own = false, start = startBridge, ...options } = {}) {
    const folder = scratch(t);
    const authority = new Authority(folder);
    const server = authority.server(certificate);
    const tls = own ? { certificate_file: join(folder, "chain.pem"), key_file: join(folder, "server.key") } : undefined;
    writeFileSync(join(folder, "chain.pem"), server.cert);
    const place = await installation(t, {
        ...options,
        extra: { virtual: { lights: 1 }, ...options.extra, public: { ...options.extra?.public, url: `https://${NAME}`, tls } },
    });
    const bridge = start === startBridge ? await start(t, { place, byControl: own }) : await start(t, place);
    const port = own ? bridge.publicPort : await proxy(t, bridge.publicPort, server);
    return { bridge, authority, seen: ["--ca-file", join(folder, "root.pem"), "--connect", `127.0.0.1:${port}`] };
}
