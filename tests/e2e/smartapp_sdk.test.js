// The SmartApp against SmartThings' own libraries: its connector with our login, its REST client beside our calls.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";
import express from "express";
import SmartApp from "@smartthings/smartapp";
import { SmartThingsClient, RefreshTokenAuthenticator } from "@smartthings/core-sdk";
import { Browser } from "./cloud.js";
import { startBridge, until } from "./harness.js";
import { SmartThings, installedAppId, locationId, profiles, reply } from "./smartapp.js";

const states = ["plain", "a+b/c=%d~é \"'<>&;,:@$!*()", "%2B+%252B", "x".repeat(2000)];

async function serve(t, handler) {
    const server = createServer(handler);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
        server.closeAllConnections();
        server.close();
    });
    return server.address().port;
}

/** A connector as SmartThings' library makes it, whose partner cloud is the bridge: login, redeeming, lamps. */
async function connector(t, st, bridge, client) {
    const tokens = {};
    const app = new SmartApp({ logUnhandledRejections: false })
        .keyApiHost(st.url)
        .apiUrl(st.url)
        .refreshUrl(`${st.url}/oauth/token`)
        .clientId("c")
        .clientSecret("s")
        .page("login", (context, page) => {
            const query = new URLSearchParams({ client_id: client.client_id, response_type: "code", redirect_uri: client.redirectUri, scope: "devices:read devices:control" });
            page.section("cloud", (section) => section.oauthSetting("login").name("Log in").urlTemplate(`${bridge.publicUrl}/oauth/authorize?${query}`));
        })
        .oauthHandler(async (context, { urlPath }) => {
            const code = new URLSearchParams(urlPath.replace(/^\?/, "")).get("code");
            const response = await fetch(`${bridge.publicUrl}/oauth/token`, {
                method: "POST",
                body: new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: client.redirectUri, client_id: client.client_id, client_secret: client.client_secret }),
            });
            tokens.status = response.status;
            Object.assign(tokens, await response.json());
        });
    const web = express();
    web.use(express.json());
    web.post("/smartthings/smartapp", (req, res) => app.handleHttpCallback(req, res));
    return { publicPort: await serve(t, web), tokens };
}

test("@smartthings/smartapp: our login in its page, its state byte for byte, the code redeemed at our token endpoint", async (t) => {
    const st = await SmartThings.start(t);
    const bridge = await startBridge(t, { extra: { virtual: { lights: 2 } } });
    const redirectUri = `${st.url}/oauth/callback`;
    const added = JSON.parse((await bridge.runBeside(["client", "add", "connector", redirectUri, "--json"])).stdout);
    for (const state of states) {
        const { publicPort, tokens } = await connector(t, st, bridge, { ...added, client_id: "connector", redirectUri });
        const { json } = await st.page({ publicPort }, "login");
        const url = new URL(`${json.configurationData.page.sections[0].settings[0].urlTemplate}&state=${encodeURIComponent(state)}`);
        const page = await new Browser().consent(url.href);
        assert.equal(page.status, 303, page.html);
        const back = new URL(page.headers.get("location"));
        assert.equal(/state=[^&]*/.exec(back.search)[0], /state=[^&]*/.exec(url.search)[0]);
        assert.equal(back.searchParams.get("state"), state);
        const document = { lifecycle: "OAUTH_CALLBACK", executionId: "e", locale: "en", version: "1.0.0", oauthCallbackData: { installedAppId, urlPath: back.search } };
        assert.equal((await st.call({ publicPort }, document)).status, 200);
        assert.equal(tokens.status, 200, JSON.stringify(tokens));

        const authorization = { authorization: `Bearer ${tokens.access_token}` };
        const lamps = await fetch(`${bridge.publicUrl}/v1/lights/all`, { headers: authorization });
        if (lamps.status === 404) {
            t.diagnostic("there is no /v1/lights/all on this bridge: lamps are not listed");
            continue;
        }
        const list = await lamps.json();
        assert.equal(list.length, 2);
        const power = list[0].power === "on" ? "off" : "on";
        const body = JSON.stringify({ power });
        const switched = await fetch(`${bridge.publicUrl}/v1/lights/id:${list[0].id}/state`, { method: "PUT", headers: { ...authorization, "content-type": "application/json" }, body });
        assert.equal(switched.status, 207);
        assert.equal((await switched.json()).results[0].status, "ok");
    }
});

/** What of a request SmartThings looks at. */
function essence({ method, path, headers, body }) {
    const { authorization, accept } = headers;
    return { method, path, authorization, json: /json|\*\/\*/.test(accept), type: headers["content-type"]?.split(";")[0], body: body && headers["content-type"].includes("json") ? JSON.parse(body) : body };
}

test("@smartthings/core-sdk: its requests and ours are the same", async (t) => {
    const st = await SmartThings.start(t);
    const bridge = await startBridge(t, { extra: { smartthings: { ...st.config(), client_secret_file: undefined }, virtual: { lights: 1 } } });
    const { urlTemplate } = (await st.page(bridge)).json.configurationData.page.sections[0].settings[0];
    const back = new URL((await new Browser().consent(`${urlTemplate}&state=s`)).headers.get("location"));
    await st.lifecycle(bridge, "OAUTH_CALLBACK", { installedAppId, urlPath: back.search });
    const [light] = await bridge.lights();
    await st.install(bridge, [light.id]);
    await until("the device", () => [...st.devices.values()][0]?.states);
    const [device] = st.devices.values();
    await bridge.runBeside(["light", light.id, "--name", "Lamp & co"]);
    await until("the label", () => device.label === "Lamp & co");
    st.tokens.access = "ended"; // what we hold is refused: a renewal
    await bridge.runBeside(["light", light.id, "level", "7"]);
    await until("the state", () => device.states["switchLevel.level"] === 7);
    await st.install(bridge, [], "UPDATE");
    await until("no device", () => st.devices.size === 0);
    const ours = st.requests.filter((r) => !r.path.startsWith("/pl/")).map(essence);

    const theirs = await SmartThings.start(t);
    theirs.devices.set(device.deviceId, device);
    const store = {
        getRefreshData: async () => ({ clientId: "st-client", clientSecret: bridge.secret, refreshToken: "st-refresh-1" }),
        putAuthData: async () => {},
    };
    const client = new SmartThingsClient(new RefreshTokenAuthenticator("st-access-1", store), { urlProvider: { baseURL: theirs.url, authURL: `${theirs.url}/oauth/token`, keyApiURL: theirs.url }, locationId, installedAppId });
    const created = JSON.parse(st.of("POST", /^\/devices$/)[0].body);
    const events = JSON.parse(st.of("POST", /events$/)[0].body).deviceEvents;
    await client.devices.list({ installedAppId });
    await client.devices.create({ label: created.label, app: created.app, locationId });
    await client.devices.createEvents(device.deviceId, events);
    await client.devices.update(device.deviceId, { label: "Lamp & co" });
    await client.devices.delete(device.deviceId);
    const wanted = theirs.requests.map(essence);
    assert.equal(wanted.length, 5);
    for (const request of wanted) {
        const same = ours.find((r) => r.method === request.method && r.path.split("?")[0] === request.path.split("?")[0]);
        assert.ok(same, `${request.method} ${request.path}: ${ours.map((r) => `${r.method} ${r.path}`)}`);
        same.authorization = same.authorization.replace(/ended|st-access-\d/, "st-access-1");
        same.path = new URL(same.path, st.url).pathname + sorted(same.path);
        request.path = new URL(request.path, st.url).pathname + sorted(request.path);
        assert.deepEqual(same, { ...request, type: request.body ? request.type : same.type });
    }

    theirs.tokens.access = "ended";
    await client.devices.list({ installedAppId }).catch(() => {});
    const theirRenewal = theirs.of("POST", /^\/oauth\/token$/)[0], ourRenewal = st.of("POST", /^\/oauth\/token$/)[0];
    assert.ok(theirRenewal && ourRenewal);
    assert.equal(ourRenewal.body, theirRenewal.body);
    assert.match(ourRenewal.headers.authorization, /^Basic /);
    assert.equal(ourRenewal.headers["content-type"], theirRenewal.headers["content-type"]);
});

const sorted = (path) => `?${[...new URL(path, "http://x").searchParams].map(([k, v]) => `${k}=${v}`).sort().join("&")}`;

/** An OAuth server like GitHub's: a form unless JSON is asked for, 200 with an error in it, codes that count once. */
async function startProvider(t, { basic = false, json = false, answerForm = true, life } = {}) {
    const codes = new Map();
    const seen = [];
    const port = await serve(t, async (req, res) => {
        let body = "";
        for await (const chunk of req) {
            body += chunk;
        }
        const url = new URL(req.url, "http://x");
        if (url.pathname === "/login/oauth/authorize") {
            const code = `gh/${codes.size}+x`;
            codes.set(code, Object.fromEntries(url.searchParams));
            const back = new URL(url.searchParams.get("redirect_uri"));
            back.search = new URLSearchParams({ code, state: url.searchParams.get("state") });
            return res.writeHead(302, { location: back.href }).end();
        }
        seen.push({ headers: req.headers, body });
        const given = json ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body));
        const wantsJson = !answerForm && /json/.test(req.headers.accept ?? "");
        const answer = (fields) => (wantsJson ? reply(res, 200, JSON.stringify(fields)) : reply(res, 200, new URLSearchParams(fields).toString(), "application/x-www-form-urlencoded; charset=utf-8"));
        const right = basic ? req.headers.authorization === `Basic ${Buffer.from("gh-client:s3cret-of-smartthings%20%26%20co").toString("base64")}` && !given.client_secret : given.client_secret === "s3cret-of-smartthings & co";
        const type = json ? "application/json" : "application/x-www-form-urlencoded";
        if (!right || req.headers["content-type"] !== type) {
            return answer({ error: "incorrect_client_credentials" });
        }
        const asked = codes.get(given.code);
        codes.delete(given.code);
        const { createHash } = await import("node:crypto");
        if (!asked || createHash("sha256").update(given.code_verifier).digest("base64url") !== asked.code_challenge) {
            return answer({ error: "bad_verification_code", error_description: "The code passed is incorrect or expired." });
        }
        return answer({ access_token: "gho_1", token_type: "bearer", scope: asked.scope ?? "", ...(life ? { expires_in: String(life), refresh_token: "ghr_1" } : {}) });
    });
    return { seen, url: `http://127.0.0.1:${port}` };
}

for (const [name, shape] of [
    ["a form both ways, the secret in the body", {}],
    ["HTTP Basic, JSON where it is asked for", { basic: true, answerForm: false }],
    ["JSON both ways", { json: true, answerForm: false }],
    ["a form in answer to JSON, with a life", { json: true, life: 28800 }],
]) {
    test(`a provider in GitHub's shape: ${name}`, async (t) => {
        const st = await SmartThings.start(t);
        const provider = await startProvider(t, shape);
        const config = st.config({
            provider: {
                name: "GitHub",
                authorize_url: `${provider.url}/login/oauth/authorize`,
                token_url: `${provider.url}/login/oauth/access_token`,
                client_id: "gh-client",
                client_secret_file: "smartthings.secret",
                scope: "read:user",
                redirect_uri: `${st.url}/oauth/callback`,
                client_auth: shape.basic ? "basic" : "body",
                format: shape.json ? "json" : "form",
            },
        });
        const bridge = await startBridge(t, { extra: { smartthings: config, virtual: { lights: 1 } } });
        const { page } = (await st.page(bridge)).json.configurationData;
        const login = page.sections[0].settings.find((s) => s.type === "OAUTH");
        const answer = await fetch(`${login.urlTemplate}&state=s`, { redirect: "manual" });
        const back = new URL(answer.headers.get("location"));
        const wrong = await st.lifecycle(bridge, "OAUTH_CALLBACK", { installedAppId, urlPath: "?code=wrong&state=s" });
        assert.equal(wrong.status, 200);
        const told = (await st.page(bridge)).json.configurationData.page;
        assert.equal(told.complete, false);
        assert.match(JSON.stringify(told), /gave no token/);

        assert.equal((await st.lifecycle(bridge, "OAUTH_CALLBACK", { installedAppId, urlPath: back.search })).status, 200);
        const next = (await st.page(bridge)).json.configurationData.page;
        assert.equal(next.complete, true);
        assert.match(JSON.stringify(next), /GitHub is linked/);
        const [light] = await bridge.lights();
        await st.install(bridge, [light.id]);
        await until("the device", () => [...st.devices.values()][0]?.states);
        assert.equal(Object.values(profiles).includes([...st.devices.values()][0].app.profileId), true);
        assert.ok(!bridge.program.log().includes("gho_1"), "the token is in the log");
    });
}
