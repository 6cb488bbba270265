// What the partner API tells without being asked: 500 listeners to its events, one of which does not read; webhooks, whose
// signatures a library verifies that somebody else wrote.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import test from "node:test";
import { createVerifier, httpbis } from "http-message-signatures";
import { account, startBridge, until } from "./harness.js";
import { Api, Listener, holds, linkClient } from "./partner.js";

const extra = { virtual: { lights: 3 }, partner: { requests_per_minute: 100000, webhook_hosts: ["127.0.0.1"] } };

test("500 listeners hear every change; one that does not read is let go without harm to the others", async (t) => {
    const bridge = await startBridge(t, { extra });
    const tokens = await linkClient(bridge, "dash");
    const api = new Api(bridge, tokens.access_token);
    const [lamp] = (await api.get("/v1/lights/all")).body;
    const listeners = [];
    for (let i = 0; i < 500; i++) {
        listeners.push(new Listener(t, bridge, tokens.access_token));
    }
    await until("all to be greeted", () => listeners.every((l) => l.events.length > 0), 30);
    // one beside them asks and never reads
    const deaf = connect(bridge.publicPort, "127.0.0.1");
    t.after(() => deaf.destroy());
    deaf.on("error", () => {});
    deaf.pause();
    deaf.write(`GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens.access_token}\r\n\r\n`);
    let n = 0;
    const change = async () => {
        n = (n % 97) + 1;
        await api.ask("PUT", "/v1/lights/all/state", { brightness: n / 100, power: "on", duration: 0 });
    };
    await change();
    const heard = (l) => l.events.some((e) => e.event === "light.state" && e.data.id === lamp.id && e.data.brightness === n / 100);
    await until("all to hear it", () => listeners.every(heard), 30);
    assert.ok(listeners.every((l) => l.open));
    for (const listener of listeners.splice(5)) {
        listener.close();
    }
    await until("the deaf one to be let go", async () => {
        for (let i = 0; i < 200; i++) {
            await change();
        }
        return (await dropped(bridge)) === 1;
    }, 60);
    listeners.forEach((l) => l.events.splice(0));
    await change();
    await until("those who read to hear the last one", () => listeners.every(heard));
    assert.ok(listeners.every((l) => l.open && !l.events.some((e) => e.event === "gap")));
});

/** Readers that were let go, as the metrics count them. */
async function dropped(bridge) {
    const authorization = `Basic ${Buffer.from(`${account.name}:${account.password}`).toString("base64")}`;
    const text = await (await fetch(`${bridge.localUrl}/metrics`, { headers: { authorization } })).text();
    return Number(/^lightbridge_partner_dropped_readers_total (\d+)$/m.exec(text)[1]);
}

/** A partner's server: `answers` are the statuses of the next requests, 204 afterwards. */
async function partnerServer(t) {
    const got = { requests: [], answers: [] };
    const server = createServer(async (request, response) => {
        let body = "";
        for await (const part of request.setEncoding("utf8")) {
            body += part;
        }
        got.requests.push({ method: request.method, headers: request.headers, url: `${got.url}${request.url}`, body });
        response.writeHead(got.answers.shift() ?? 204).end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    got.url = `http://127.0.0.1:${server.address().port}`;
    return got;
}

test("webhooks: signed, tried again, the newest state alone, ended with their link", async (t) => {
    const bridge = await startBridge(t, { extra });
    const tokens = await linkClient(bridge, "dash");
    const api = new Api(bridge, tokens.access_token);
    const [lamp] = (await api.get("/v1/lights/all")).body;
    const partner = await partnerServer(t);
    const set = (brightness) => api.ask("PUT", `/v1/lights/id:${lamp.id}/state`, { power: "on", brightness, duration: 0 });
    const lights = () => partner.requests.flatMap((r) => JSON.parse(r.body).lights);

    const made = await api.ask("POST", "/v1/webhooks", { url: `${partner.url}/lights?a=1` });
    assert.equal(made.status, 201);
    const { id, secret } = made.body;
    const verify = (request, key = secret) =>
        httpbis.verifyMessage(
            { keyLookup: async () => createVerifierOf(key, id), requiredFields: ["@method", "@target-uri", "content-digest"], maxAge: 300 },
            { method: request.method, url: request.url, headers: request.headers },
        );

    await t.test("where they may not go", async () => {
        for (const url of ["http://partner.example/x", "https://10.0.0.1/x", "https://[::1]/x", "ftp://127.0.0.1/", "nonsense", "https://user@partner.example/"]) {
            const refused = await api.ask("POST", "/v1/webhooks", { url });
            assert.equal(refused.status, 422, url);
            assert.equal(refused.body.errors[0].field, "url");
        }
        assert.equal((await api.ask("POST", "/v1/webhooks", {})).status, 422);
    });

    await t.test("everything is told at first, signed as RFC 9421 has it", async () => {
        await until("every light to be told", () => new Set(lights().map((l) => l.id)).size === 3);
        const [request] = partner.requests;
        holds("Delivery", JSON.parse(request.body));
        assert.equal(request.url, `${partner.url}/lights?a=1`);
        const digest = createHash("sha256").update(request.body).digest("base64");
        assert.equal(request.headers["content-digest"], `sha-256=:${digest}:`);
        assert.equal(await verify(request), true);
        assert.notEqual(await verify(request, "another").catch(() => false), true);
        assert.notEqual(await verify({ ...request, url: `${partner.url}/elsewhere` }).catch(() => false), true);
    });

    await t.test("what was not taken is told again, in its newest state", async () => {
        partner.answers.push(500, 503);
        partner.requests.length = 0;
        await set(0.31);
        await until("it to be refused", () => partner.requests.length > 0);
        await until("the webhook to say so", async () => (await api.get("/v1/webhooks")).body[0].state === "failing");
        await set(0.62);
        await until("the newest to be told", () => lights().some((l) => l.id === lamp.id && l.brightness === 0.62), 30);
        await until("the webhook to be well", async () => (await api.get("/v1/webhooks")).body[0].state === "active", 30);
        assert.equal((await api.get("/v1/webhooks")).body[0].last_error, null);
    });

    await t.test("410 ends it; a removed one is told nothing", async () => {
        const other = (await api.ask("POST", "/v1/webhooks", { url: `${partner.url}/other` })).body;
        await until("the other to be told", () => partner.requests.some((r) => r.url.endsWith("/other")));
        assert.equal((await api.ask("DELETE", `/v1/webhooks/${other.id}`)).status, 204);
        assert.equal((await api.ask("DELETE", `/v1/webhooks/${other.id}`)).status, 404);
        partner.answers.push(410);
        await set(0.44);
        await until("it to be disabled", async () => (await api.get("/v1/webhooks")).body.map((w) => w.state).join() === "disabled");
        partner.requests.length = 0;
        await set(0.45);
        const fence = (await api.ask("POST", "/v1/webhooks", { url: `${partner.url}/fence` })).body;
        await until("the fence to be told", () => partner.requests.some((r) => JSON.parse(r.body).webhook === fence.id));
        assert.ok(partner.requests.every((r) => r.url.endsWith("/fence")));
    });

    await t.test("other tokens see none of them; the end of the link is theirs", async () => {
        const other = new Api(bridge, (await linkClient(bridge, "other")).access_token);
        assert.deepEqual((await other.get("/v1/webhooks")).body, []);
        assert.equal((await other.ask("DELETE", `/v1/webhooks/${id}`)).status, 404);
        const listener = new Listener(t, bridge, tokens.access_token);
        await listener.until("hello", (e) => e.event === "hello");
        const [link] = (await bridge.links()).filter((l) => l.client === "dash" || l.client_id === "dash");
        assert.equal((await bridge.place.runBeside(["unlink", link.id])).code, 0);
        await until("the stream to end", () => !listener.open);
        partner.requests.length = 0;
        assert.equal((await api.get("/v1/webhooks")).status, 401);
    });
});

function createVerifierOf(secret, id) {
    return { id, algs: ["hmac-sha256"], verify: createVerifier(secret, "hmac-sha256") };
}
