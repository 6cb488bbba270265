// Clients beside SmartThings: added on the command line, linked and used by OAuth clients that somebody else wrote.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { AuthorizationCode } from "simple-oauth2";
import * as oauth from "oauth4webapi";
import { Browser, Cloud } from "./cloud.js";
import { installation, startBridge } from "./harness.js";

const redirectUri = "https://app.example.org/callback";
const insecure = { [oauth.allowInsecureRequests]: true }; // the bridge under test is on loopback, without TLS

async function added(place, ...words) {
    const ran = await place.runBeside(["client", "add", ...words, "--json"]);
    assert.equal(ran.code, 0, ran.stderr);
    return JSON.parse(ran.stdout);
}

async function discovered(bridge) {
    const issuer = new URL(bridge.publicUrl);
    const response = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
    return oauth.processDiscoveryResponse(issuer, response);
}

/** From the authorization request to the tokens, as strict as the library can be: iss, state, PKCE. */
async function linked(server, client, authenticate, { pkce = true, scope } = {}) {
    const verifier = pkce ? oauth.generateRandomCodeVerifier() : oauth.nopkce;
    const state = oauth.generateRandomState();
    const url = new URL(server.authorization_endpoint);
    const query = { client_id: client.client_id, response_type: "code", redirect_uri: redirectUri, state, ...(scope && { scope }) };
    if (pkce) {
        Object.assign(query, { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" });
    }
    url.search = new URLSearchParams(query);
    const page = await new Browser().consent(url.href);
    assert.equal(page.status, 303, page.html);
    const parameters = oauth.validateAuthResponse(server, client, new URL(page.headers.get("location")), state);
    const response = await oauth.authorizationCodeGrantRequest(server, client, authenticate, parameters, redirectUri, verifier, insecure);
    return oauth.processAuthorizationCodeResponse(server, client, response);
}

async function refreshed(server, client, authenticate, token) {
    const response = await oauth.refreshTokenGrantRequest(server, client, authenticate, token, insecure);
    return oauth.processRefreshTokenResponse(server, client, response);
}

async function revoked(server, client, authenticate, token) {
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, authenticate, token, insecure));
}

async function introspected(server, client, authenticate, token) {
    const response = await oauth.introspectionRequest(server, client, authenticate, token, insecure);
    return oauth.processIntrospectionResponse(server, client, response);
}

const isRefused = (e) => e instanceof oauth.ResponseBodyError && e.status === 400 && e.error === "invalid_grant";

test("clients", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 1 } } });
    const { client_secret: secret } = await added(bridge.place, "dash", redirectUri, "--name", "Dashboard");
    const { client_secret: none } = await added(bridge.place, "app", redirectUri, "--public");
    await added(bridge.place, "viewer", redirectUri, "--public", "--scope", "devices:read");
    assert.match(secret, /^[\w-]{43}$/);
    assert.equal(none, undefined);
    const server = await discovered(bridge);
    const dash = { client_id: "dash" }, app = { client_id: "app" };
    const both = "devices:read devices:control";

    for (const [manner, authenticate] of [["Basic", oauth.ClientSecretBasic(secret)], ["the form", oauth.ClientSecretPost(secret)]]) {
        for (const pkce of [true, false]) {
            await t.test(`oauth4webapi, a secret by ${manner}, ${pkce ? "with" : "without"} PKCE: links, refreshes, introspects, revokes`, async () => {
                const tokens = await linked(server, dash, authenticate, { pkce });
                assert.equal(tokens.scope, both);
                const next = await refreshed(server, dash, authenticate, tokens.refresh_token);
                assert.equal(next.refresh_token, tokens.refresh_token);
                const info = await introspected(server, dash, authenticate, next.access_token);
                assert.equal(info.active, true);
                assert.equal(info.scope, both);
                assert.equal(info.client_id, "dash");
                await revoked(server, dash, authenticate, next.access_token);
                assert.deepEqual(await introspected(server, dash, authenticate, tokens.access_token), { active: false });
                await assert.rejects(refreshed(server, dash, authenticate, tokens.refresh_token), isRefused);
            });
        }
    }

    await t.test("oauth4webapi, a public client with PKCE: each refresh token is replaced, and an old one does not come back", async () => {
        const tokens = await linked(server, app, oauth.None());
        const next = await refreshed(server, app, oauth.None(), tokens.refresh_token);
        assert.notEqual(next.refresh_token, tokens.refresh_token);
        const again = await refreshed(server, app, oauth.None(), tokens.refresh_token); // its answer was lost
        assert.equal(again.refresh_token, next.refresh_token);
        const third = await refreshed(server, app, oauth.None(), next.refresh_token);
        await assert.rejects(refreshed(server, app, oauth.None(), tokens.refresh_token), isRefused); // two back
        await assert.rejects(refreshed(server, app, oauth.None(), third.refresh_token), isRefused); // the link has ended
        const fresh = await linked(server, app, oauth.None());
        await revoked(server, app, oauth.None(), fresh.refresh_token);
        await assert.rejects(refreshed(server, app, oauth.None(), fresh.refresh_token), isRefused);
    });

    for (const options of [{ authorizationMethod: "body" }, { authorizationMethod: "header" }]) {
        await t.test(`simple-oauth2, a secret in the ${options.authorizationMethod}: links with PKCE, refreshes, revokes`, async () => {
            const client = new AuthorizationCode({
                client: { id: "dash", secret },
                auth: { tokenHost: bridge.publicUrl, tokenPath: "/oauth/token", authorizePath: "/oauth/authorize", revokePath: "/oauth/revoke" },
                options,
            });
            const verifier = oauth.generateRandomCodeVerifier();
            const challenge = { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" };
            const page = await new Browser().consent(client.authorizeURL({ redirect_uri: redirectUri, state: "s", ...challenge }));
            const code = new URL(page.headers.get("location")).searchParams.get("code");
            const token = await client.getToken({ code, redirect_uri: redirectUri, code_verifier: verifier });
            const next = await token.refresh();
            assert.equal(next.token.refresh_token, token.token.refresh_token);
            await next.revokeAll();
            await assert.rejects(next.refresh(), (e) => e.output.statusCode === 400);
        });
    }

    await t.test("iss is checked by a client that knows of it, and SmartThings is not told", async () => {
        const page = await new Browser().consent(new Cloud(bridge).authorizeUrl("s"));
        const back = new URL(page.headers.get("location"));
        assert.equal(back.searchParams.has("iss"), false);
        assert.throws(() => oauth.validateAuthResponse(server, dash, back, "s"), /iss/); // mixed up with another server's
    });

    await t.test("a token of another client is none at SmartThings' webhook, whatever its scope", async () => {
        const cloud = new Cloud(bridge);
        for (const client of [app, { client_id: "viewer" }]) {
            cloud.tokens = await linked(server, client, oauth.None());
            assert.equal((await cloud.discover()).globalError.errorEnum, "INVALID-TOKEN");
        }
    });

    await t.test("the consent page names the client and what it asks for", async () => {
        const challenge = await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier());
        const query = new URLSearchParams({ client_id: "viewer", response_type: "code", redirect_uri: redirectUri, code_challenge: challenge, code_challenge_method: "S256" });
        const page = await new Browser().go(`${server.authorization_endpoint}?${query}`);
        assert.match(page.html, /viewer asks to see the lights/);
        query.set("scope", "devices:control");
        const refused = await new Browser().go(`${server.authorization_endpoint}?${query}`);
        assert.equal(new URL(refused.headers.get("location")).searchParams.get("error"), "invalid_scope");
    });

    await t.test("list shows SmartThings' client beside the others and no secret; remove ends the links", async () => {
        const tokens = await linked(server, dash, oauth.ClientSecretPost(secret));
        const listed = await bridge.place.runBeside(["client", "list", "--json"]);
        const { clients } = JSON.parse(listed.stdout);
        assert.deepEqual(clients.map((c) => [c.id, c.kind, c.source]), [
            ["smartthings", "confidential", "configuration"],
            ["dash", "confidential", "added"],
            ["app", "public", "added"],
            ["viewer", "public", "added"],
        ]);
        assert.doesNotMatch(listed.stdout, /secret/);
        const words = await bridge.place.runBeside(["client", "list"]);
        assert.match(words.stdout, /^dash +Dashboard +confidential, added$/m);
        assert.equal((await bridge.place.runBeside(["client", "remove", "smartthings"])).code, 1);
        assert.equal((await bridge.place.runBeside(["client", "add", "smartthings", redirectUri])).code, 1);
        assert.equal((await bridge.place.runBeside(["client", "remove", "dash"])).code, 0);
        await assert.rejects(
            refreshed(server, dash, oauth.ClientSecretPost(secret), tokens.refresh_token),
            (e) => e.status === 401, // it is not known any more
        );
        const links = (await bridge.links()).filter((l) => l.client === "dash");
        assert.ok(links.length > 0 && links.every((l) => !l.alive));
        assert.equal((await bridge.place.runBeside(["client", "remove", "dash"])).code, 1);
    });

    await t.test("a restart keeps clients and what hangs on them", async () => {
        const tokens = await linked(server, app, oauth.None());
        await bridge.stop();
        await startBridge(t, { place: bridge.place });
        assert.ok((await refreshed(server, app, oauth.None(), tokens.refresh_token)).access_token);
    });
});

test("client add, list and remove without a daemon", async (t) => {
    const place = await installation(t);
    const run = (...words) => place.run(["client", ...words]);
    const add = run("add", "dash", redirectUri, "http://127.0.0.1:9000/cb");
    assert.equal(add.code, 0, add.stderr);
    const secret = /^client_secret: ([\w-]{43})$/m.exec(add.stdout)?.[1];
    assert.ok(secret, add.stdout);
    assert.match(add.stdout, /shown this once/);
    assert.match(run("add", "app", redirectUri, "--public").stdout, /must use PKCE/);
    assert.equal(run("add", "dash", redirectUri).code, 1);
    assert.match(run("add", "dash", redirectUri).stderr, /already/);
    for (const [words, code, says] of [
        [["add", "x"], 2, /redirect URI/],
        [["add"], 2, /which client/],
        [["list", "x"], 2, /takes no id/],
        [["change", "x"], 2, /none of add, list, remove/],
        [["add", "x", "http://app.example.org/"], 1, /https/],
        [["add", "x", redirectUri, "--scope", "all"], 1, /devices:read/],
        [["remove", "nobody"], 1, /no client of this id/],
        [["remove", "smartthings"], 1, /configuration/],
    ]) {
        const ran = run(...words);
        assert.equal(ran.code, code, words.join(" "));
        assert.match(ran.stderr, says);
    }
    assert.equal(JSON.parse(run("list", "--json").stdout).clients.length, 3);
    assert.equal(run("remove", "app").code, 0);

    // the daemon knows what was done without it
    const bridge = await startBridge(t, { place });
    const server = await discovered(bridge);
    assert.ok((await linked(server, { client_id: "dash" }, oauth.ClientSecretPost(secret))).access_token);
    assert.equal(spawnSync("grep", ["-rqF", secret, place.folder]).status, 1, "the secret is nowhere on the disk");
});

test("a password's hash follows the configured cost at the next login", async (t) => {
    const place = await installation(t, { extra: { accounts: { memory_kib: 8192, passes: 3 } } });
    const kept = () => readFileSync(join(place.folder, "lightbridge.db"), "latin1");
    assert.match(kept(), /m=8192,t=3,p=1/);
    writeFileSync(place.file, readFileSync(place.file, "utf8").replace("memory_kib: 8192", "memory_kib: 4096"));
    const bridge = await startBridge(t, { place });
    await new Cloud(bridge).link();
    await bridge.stop(); // what is in the WAL goes into the file
    assert.match(kept(), /m=4096,t=3,p=1/);
});
