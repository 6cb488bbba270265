// The bridge behind Debian's Caddy and nginx, in the very configurations of the guide, and behind its own TLS.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { request as plain } from "node:http";
import { request as secure } from "node:https";
import { join } from "node:path";
import test from "node:test";
import { Browser, Cloud, statesOf } from "./cloud.js";
import { blocksOf } from "./guide.js";
import { freePort, installation, patience, Program, scratch, startBridge, until } from "./harness.js";

const name = "lights.example.org";

/** An authority, and a certificate by it for the guide's name and 127.0.0.1. */
function makeCertificates(folder) {
    const openssl = (...words) => execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl("req", "-x509", ...key, "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem");
    openssl("req", ...key, "-subj", `/CN=${name}`, "-keyout", "privkey.pem", "-out", "request.pem");
    writeFileSync(join(folder, "names"), `subjectAltName=DNS:${name},IP:127.0.0.1\n`);
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "names", "-out", "leaf.pem");
    const ca = readFileSync(join(folder, "ca.pem"));
    writeFileSync(join(folder, "fullchain.pem"), Buffer.concat([readFileSync(join(folder, "leaf.pem")), ca]));
    return { ca, certificate: join(folder, "fullchain.pem"), key: join(folder, "privkey.pem") };
}

/** The guide's name leads to this machine, as it does in a house. */
function lookup(host, options, done) {
    assert.equal(host, name);
    return options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
}

/** fetch() that trusts one authority, knows the name, and can come from another loopback address. */
function fetcher(ca, localAddress) {
    return (url, { method = "GET", headers = {}, body } = {}) =>
        new Promise((done, failed) => {
            const bytes = body === undefined ? undefined : Buffer.from(String(body));
            const all = { ...headers };
            if (body instanceof URLSearchParams) {
                all["content-type"] ??= "application/x-www-form-urlencoded";
            }
            if (bytes) {
                all["content-length"] = bytes.length;
            }
            const options = { method, headers: all, ca, localAddress, lookup, agent: false, timeout: 30000 * patience };
            const asked = (url.startsWith("https") ? secure : plain)(url, options, (response) => {
                const parts = [];
                response.on("data", (part) => parts.push(part));
                response.on("error", failed);
                response.on("end", () => {
                    const answer = new Headers();
                    for (let i = 0; i < response.rawHeaders.length; i += 2) {
                        answer.append(response.rawHeaders[i], response.rawHeaders[i + 1]);
                    }
                    done(new Response(Buffer.concat(parts), { status: response.statusCode, headers: answer }));
                });
            });
            asked.on("timeout", () => asked.destroy(new Error(`${url}: no answer`)));
            asked.on("error", failed);
            asked.end(bytes);
        });
}

/** What the guide says, with this test's port, certificate and bridge. */
function replaced(text, pairs) {
    for (const [from, to] of pairs) {
        assert.ok(text.includes(from), `the guide's configuration has no ${from}`);
        text = text.replaceAll(from, to);
    }
    return text;
}

const proxies = {
    caddy: {
        block: "caddy",
        command: (file) => ["caddy", ["run", "--adapter", "caddyfile", "--config", file]],
        configuration: (guide, { port, to, certificate, key }) =>
            `{\n\tadmin off\n\tauto_https disable_redirects\n}\n` +
            replaced(guide, [
                [`${name} {`, `https://${name}:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate} ${key}`],
                ["127.0.0.1:8000", `127.0.0.1:${to}`],
            ]),
    },
    nginx: {
        block: "nginx",
        command: (file) => ["/usr/sbin/nginx", ["-e", "stderr", "-c", file]],
        configuration: (guide, { folder, port, to, certificate, key }) => {
            const server = replaced(guide, [
                ["    listen [::]:443 ssl;\n", ""],
                ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`],
                [`/etc/letsencrypt/live/${name}/fullchain.pem`, certificate],
                [`/etc/letsencrypt/live/${name}/privkey.pem`, key],
                ["127.0.0.1:8000", `127.0.0.1:${to}`],
            ]);
            const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`);
            return (
                `${process.getuid() === 0 ? "user root;\n" : ""}daemon off;\npid ${folder}/nginx.pid;\nerror_log stderr;\nevents {}\n` +
                `http {\naccess_log off;\n${temporary.join("\n")}\n${server}}\n`
            );
        },
    },
};

async function startProxy(t, kind, { ca, certificate, key, to, port }) {
    const folder = scratch(t);
    const file = join(folder, `${kind}.conf`);
    const [guide] = blocksOf("reaching.md", proxies[kind].block);
    writeFileSync(file, proxies[kind].configuration(guide, { folder, port, to, certificate, key }));
    const [command, words] = proxies[kind].command(file);
    const proxy = new Program(t, kind, command, words, { folder, env: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } });
    await until(`${kind} to answer`, async () => {
        proxy.check();
        return (await fetcher(ca)(`https://${name}:${port}/healthz`)).status > 0;
    });
    return proxy;
}

/** Link, discovery, command, callback, at an address. */
async function fullRound(t, bridge) {
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    const { devices } = await cloud.discover();
    assert.equal(devices.length, 2);
    const id = devices[0].externalDeviceId;
    assert.equal(statesOf(await cloud.command(id, "switch", "on"), id)["switch.switch"], "on");
    await cloud.grant();
    await until("the callback token to be kept", async () => !(await cloud.discover()).requestGrantCallbackAccess);
    assert.equal((await bridge.runBeside(["light", id, "off"])).code, 0);
    await until("the change at home", () => cloud.told(id, "switch").at(-1) === "off");
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
    return { cloud, id };
}

/** Tries to log in with a wrong password; the status of the page. */
async function wrongLogin(cloud, account, localAddress, ca, headers = {}) {
    const browser = new Browser();
    const go = browser.go.bind(browser);
    const saved = globalThis.fetch;
    globalThis.fetch = fetcher(ca, localAddress);
    browser.go = (url, init = {}) => go(url, { ...init, headers: { ...headers, ...init.headers } });
    try {
        const page = await browser.followed(await browser.go(cloud.authorizeUrl()));
        const form = page.forms.find((f) => f.fields.some((x) => x.type === "password"));
        const password = form.fields.find((f) => f.type === "password");
        const user = form.fields.find((f) => f.kind === "input" && f !== password && f.name && !["hidden", "submit"].includes(f.type));
        return (await browser.submit(form, { [password.name]: "wrong", [user.name]: account })).status;
    } finally {
        globalThis.fetch = saved;
    }
}

async function largeBodies(cloud) {
    const pad = (size) => ({ cookie: "x".repeat(size) });
    const answer = await cloud.ask("discoveryRequest", pad(2_090_000));
    assert.equal(answer.devices.length, 2);
    const body = JSON.stringify({ ...cloud.envelope("discoveryRequest"), ...pad(2_200_000) });
    // refused while it is still being sent: whoever sends it on must see that, not a connection that broke
    const refused = await fetch(`${cloud.bridge.publicUrl}/smartthings/schema`, { method: "POST", headers: { "content-type": "application/json" }, body });
    assert.equal(refused.status, 413);
    assert.equal((await cloud.discover()).devices.length, 2); // and goes on
}

async function delaysBySource(cloud, ca) {
    // 127.0.0.2 guesses, each time another account, and says each time that it is somebody else
    let last;
    for (let i = 0; i < 6; i++) {
        last = await wrongLogin(cloud, `nobody${i}`, "127.0.0.2", ca, { "x-forwarded-for": `203.0.113.${i}`, forwarded: `for=203.0.113.${i}` });
    }
    assert.equal(last, 429, "a stranger's own word of where it comes from was believed");
    assert.equal(await wrongLogin(cloud, "nobody9", "127.0.0.3", ca), 403, "all callers through the proxy are one");
}

for (const kind of Object.keys(proxies)) {
    test(`behind ${kind}, as the guide has it`, { timeout: 300_000 }, async (t) => {
        const certificates = makeCertificates(scratch(t));
        const { ca } = certificates;
        const before = globalThis.fetch;
        t.after(() => (globalThis.fetch = before));
        globalThis.fetch = fetcher(ca);
        const port = await freePort();
        const url = `https://${name}:${port}`;
        const direct = await startBridge(t, { extra: { virtual: { lights: 2 }, public: { url: `https://${name}` } } });
        const bridge = Object.assign(Object.create(direct), { publicUrl: url });
        let proxy = await startProxy(t, kind, { ...certificates, to: direct.publicPort, port });

        const { cloud, id } = await fullRound(t, bridge);
        await largeBodies(cloud);
        for (const path of ["/", "/metrics", "/control/lights"]) {
            assert.equal((await fetch(`${url}${path}`)).status, 404, path);
        }
        await delaysBySource(cloud, ca);

        // the proxy goes and comes back while lamps are switched
        await proxy.stop();
        await assert.rejects(cloud.command(id, "switch", "on"));
        proxy = await startProxy(t, kind, { ...certificates, to: direct.publicPort, port });
        assert.equal(statesOf(await cloud.command(id, "switch", "on"), id)["switch.switch"], "on");

        // led to the local page by mistake: that one sees that it is a proxy
        const wrong = await freePort();
        await startProxy(t, kind, { ...certificates, to: direct.localPort, port: wrong });
        for (const path of ["/", "/metrics"]) {
            const answer = await fetch(`https://${name}:${wrong}${path}`);
            assert.ok([400, 403, 421].includes(answer.status), `${path}: ${answer.status}`);
            assert.doesNotMatch(await answer.text(), /lightbridge_|Virtual/);
        }
    });
}

test("behind its own TLS, as the guide has it", { timeout: 300_000 }, async (t) => {
    const folder = scratch(t);
    const certificates = makeCertificates(folder);
    const before = globalThis.fetch;
    t.after(() => (globalThis.fetch = before));
    globalThis.fetch = fetcher(certificates.ca);
    const place = await installation(t, {
        extra: {
            virtual: { lights: 2 },
            public: {
                url: `https://${name}`,
                tls: { certificate_file: certificates.certificate, key_file: certificates.key },
                trusted_proxies: undefined,
            },
        },
    });
    place.publicUrl = place.publicUrl.replace("http:", "https:");
    const bridge = await startBridge(t, { place });
    const { cloud } = await fullRound(t, bridge);
    await largeBodies(cloud);
    assert.equal((await fetch(`${place.publicUrl}/metrics`)).status, 404);

    // a renewed certificate, by another authority, without a restart
    const other = makeCertificates(folder);
    await until("the new certificate", async () => (await fetcher(other.ca)(`${place.publicUrl}/healthz`)).status === 200, 90);
    await assert.rejects(fetch(`${place.publicUrl}/healthz`));
    globalThis.fetch = fetcher(other.ca);
    assert.equal((await cloud.discover()).devices.length, 2);
});

test("the proxies are there", () => {
    assert.equal(spawnSync("caddy", ["version"]).status, 0, "Debian's caddy is missing: packaging/install-dependencies test");
    assert.equal(spawnSync("/usr/sbin/nginx", ["-v"]).status, 0, "Debian's nginx is missing: packaging/install-dependencies test");
});
