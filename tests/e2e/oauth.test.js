// Account linking, with OAuth clients that somebody else wrote.
import assert from "node:assert/strict";
import test from "node:test";
import { AuthorizationCode } from "simple-oauth2";
import * as oauth from "oauth4webapi";
import { Browser, Cloud } from "./cloud.js";
import { clientSecret, startBridge } from "./harness.js";

const redirectUri = "https://c2c-eu.smartthings.com/oauth/callback";
const regions = ["us", "eu", "ap"].map((r) => `https://c2c-${r}.smartthings.com/oauth/callback`);

function simple(bridge, options, secret = clientSecret) {
    return new AuthorizationCode({
        client: { id: "smartthings", secret },
        auth: { tokenHost: bridge.publicUrl, tokenPath: "/oauth/token", authorizePath: "/oauth/authorize" },
        options,
    });
}

// How clients send their secret: in the form, in the header encoded as RFC 6749 2.3.1 asks, and in the header as it is.
const manners = [
    ["in the body", { authorizationMethod: "body" }],
    ["in the header, encoded", { authorizationMethod: "header", credentialsEncodingMode: "strict" }],
    ["in the header, as it is", { authorizationMethod: "header", credentialsEncodingMode: "loose" }],
];

async function codeFor(bridge, url) {
    const page = await new Browser().consent(url);
    assert.equal(page.status, 303, page.html);
    return new URL(page.headers.get("location"));
}

test("oauth", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 1 } } });
    const cloud = new Cloud(bridge);

    for (const [manner, options] of manners) {
        for (const redirect_uri of regions) {
            await t.test(`simple-oauth2 links and refreshes with its secret ${manner}, ${new URL(redirect_uri).host}`, async () => {
                const client = simple(bridge, options);
                const target = await codeFor(bridge, client.authorizeURL({ redirect_uri, scope: "devices", state: "a b+c" }));
                assert.equal(target.origin + target.pathname, redirect_uri);
                assert.equal(target.searchParams.get("state"), "a b+c");
                const token = await client.getToken({ code: target.searchParams.get("code"), redirect_uri });
                assert.equal(token.token.token_type, "Bearer");
                assert.equal(token.token.expires_in, 86400);
                const again = await token.refresh();
                assert.ok(again.token.access_token);
                // a confidential client's refresh token does not rotate: a lost answer loses nothing
                assert.equal(again.token.refresh_token, token.token.refresh_token);
                assert.notEqual(again.token.access_token, token.token.access_token);
                for (const tokens of [token.token, again.token]) {
                    cloud.tokens = tokens;
                    assert.equal((await cloud.discover()).devices.length, 1);
                }
                await again.revoke("refresh_token"); // RFC 7009: the access tokens go with it
                assert.equal((await cloud.discover()).globalError.errorEnum, "INTEGRATION-DELETED");
                await again.revokeAll(); // again is no error
                await assert.rejects(again.refresh(), (e) => e.output.statusCode === 400 && e.data.payload.error === "invalid_grant");
            });
        }
        await t.test(`simple-oauth2 with a wrong secret ${manner}: 401, and the code is as good as before`, async () => {
            const client = simple(bridge, options);
            const target = await codeFor(bridge, client.authorizeURL({ redirect_uri: redirectUri, scope: "devices", state: "s" }));
            const asked = { code: target.searchParams.get("code"), redirect_uri: redirectUri };
            await assert.rejects(simple(bridge, options, "wrong").getToken(asked), (e) => e.output.statusCode === 401);
            assert.ok((await client.getToken(asked)).token.access_token);
        });
    }

    await t.test("twenty refreshes at once, and one again whose answer was lost, give one access token", async () => {
        await cloud.link();
        const fields = { grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token };
        const answers = await Promise.all(Array.from({ length: 20 }, () => cloud.token(fields)));
        answers.push(await cloud.token(fields));
        assert.equal(new Set(answers.map((a) => a.access_token)).size, 1);
        assert.equal(new Set(answers.map((a) => a.refresh_token)).size, 1);
        assert.equal(answers[0].refresh_token, cloud.tokens.refresh_token);
        cloud.tokens = answers[20];
        assert.equal((await cloud.discover()).devices.length, 1);
    });

    await t.test("oauth4webapi links and refreshes, with Basic and with the form", async () => {
        const server = {
            issuer: bridge.publicUrl,
            authorization_endpoint: `${bridge.publicUrl}/oauth/authorize`,
            token_endpoint: `${bridge.publicUrl}/oauth/token`,
        };
        const client = { client_id: "smartthings" };
        const insecure = { [oauth.allowInsecureRequests]: true };
        for (const authenticate of [oauth.ClientSecretBasic(clientSecret), oauth.ClientSecretPost(clientSecret)]) {
            const state = oauth.generateRandomState();
            const target = await codeFor(bridge, cloud.authorizeUrl(state));
            const parameters = oauth.validateAuthResponse(server, client, target, state);
            const response = await oauth.authorizationCodeGrantRequest(server, client, authenticate, parameters, redirectUri, oauth.nopkce, insecure);
            const tokens = await oauth.processAuthorizationCodeResponse(server, client, response);
            assert.equal(tokens.token_type, "bearer");
            assert.equal(tokens.expires_in, 86400);
            assert.equal(tokens.scope, "devices");
            const first = await oauth.refreshTokenGrantRequest(server, client, authenticate, tokens.refresh_token, insecure);
            assert.match(first.headers.get("cache-control"), /no-store/);
            const refreshed = await oauth.processRefreshTokenResponse(server, client, first);
            assert.equal(refreshed.refresh_token, tokens.refresh_token);
            cloud.tokens = refreshed;
            assert.equal((await cloud.discover()).devices.length, 1);
            // a code that has been used, presented again by somebody who has it and the secret
            const again = await oauth.authorizationCodeGrantRequest(server, client, authenticate, parameters, redirectUri, oauth.nopkce, insecure);
            await assert.rejects(
                oauth.processAuthorizationCodeResponse(server, client, again),
                (e) => e instanceof oauth.ResponseBodyError && e.status === 400 && e.error === "invalid_grant",
            );
            assert.equal((await cloud.discover()).globalError.errorEnum, "INTEGRATION-DELETED");
        }
    });

    await t.test("oauth4webapi understands what comes back to the redirect_uri, and is not fooled by another state", async () => {
        const server = { issuer: bridge.publicUrl };
        const client = { client_id: "smartthings" };
        const denied = await new Browser().consent(cloud.authorizeUrl("mine"), { allow: false });
        const back = new URL(denied.headers.get("location"));
        assert.throws(
            () => oauth.validateAuthResponse(server, client, back, "mine"),
            (e) => e instanceof oauth.AuthorizationResponseError && e.error === "access_denied",
        );
        const good = await codeFor(bridge, cloud.authorizeUrl("mine"));
        assert.throws(() => oauth.validateAuthResponse(server, client, good, "another"), oauth.OperationProcessingError);
        assert.equal(oauth.validateAuthResponse(server, client, good, "mine").get("code"), good.searchParams.get("code"));
    });

    await t.test("oauth4webapi understands the refusals", async () => {
        const server = { issuer: bridge.publicUrl, token_endpoint: `${bridge.publicUrl}/oauth/token` };
        const client = { client_id: "smartthings" };
        const insecure = { [oauth.allowInsecureRequests]: true };
        const refresh = async (authenticate) =>
            oauth.processRefreshTokenResponse(server, client, await oauth.refreshTokenGrantRequest(server, client, authenticate, "nonsense", insecure));
        await assert.rejects(refresh(oauth.ClientSecretPost(clientSecret)), (e) => e.error === "invalid_grant" && e.status === 400);
        await assert.rejects(
            refresh(oauth.ClientSecretPost("wrong")),
            (e) => e.status === 401 && (e.error === "invalid_client" || e instanceof oauth.WWWAuthenticateChallengeError),
        );
        await assert.rejects(
            refresh(oauth.ClientSecretBasic("wrong")),
            // a failed Basic gets a challenge (RFC 6749 5.2), which the library reports as such
            (e) => e.status === 401 && e instanceof oauth.WWWAuthenticateChallengeError,
        );
    });

    // What is sent behind "state=" and what must stand there in Location: verbatim where legal, encoded otherwise.
    const states = [
        ["raw plus", "a+b", "a+b"],
        ["encoded plus", "a%2bb", "a%2bb"],
        ["encoded plus, upper case", "a%2Bb", "a%2Bb"],
        ["tilde, needlessly encoded", "%7Ea", "%7Ea"],
        ["equals signs", "a=b==", "a=b=="],
        ["encoded ampersand", "a%26b", "a%26b"],
        ["a JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_"],
        ["a URL", "https%3A%2F%2Fa.example%2Fx%3Fy%3D1%23z", "https%3A%2F%2Fa.example%2Fx%3Fy%3D1%23z"],
        ["slashes and colons raw", "a/b:c;d,e?f", "a/b:c;d,e?f"],
        ["unicode, encoded", "%E2%98%83%F0%9F%92%A1", "%E2%98%83%F0%9F%92%A1"],
        ["a broken escape", "100%", /^100(%|%25)$/],
        ["a broken escape inside", "a%zzb", /^a(%|%25)zzb$/],
        ["html", "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "%3Cscript%3Ealert(1)%3C%2Fscript%3E"],
        ["encoded newline", "a%0d%0aSet-Cookie:x", "a%0d%0aSet-Cookie:x"],
        ["two kilobytes", "x%2F".repeat(512), "x%2F".repeat(512)],
    ];
    for (const [name, sent, expected] of states) {
        await t.test(`state byte for byte: ${name}`, async () => {
            // fetch() would tidy the URL up: the request line is written by hand
            const browser = new RawBrowser(bridge);
            const location = await browser.linkWithState(sent);
            const raw = /[?&]state=([^&#]*)/.exec(location)?.[1];
            if (expected instanceof RegExp) {
                assert.match(raw, expected);
            } else {
                assert.equal(raw, expected);
            }
            assert.doesNotThrow(() => new URL(location));
        });
    }

    await t.test("state with raw UTF-8 bytes is encoded in Location", async () => {
        const location = await new RawBrowser(bridge).linkWithState(Buffer.from("gr\u00fc\u00df"));
        assert.equal(/state=([^&#]*)/.exec(location)[1].toUpperCase(), "GR%C3%BC%C3%9F".toUpperCase());
    });

    await t.test("no state stays no state", async () => {
        const target = await codeFor(bridge, cloud.authorizeUrl().replace(/&state=.*/, ""));
        assert.equal(target.searchParams.has("state"), false);
    });

    const badRequests = [
        ["an unknown client", { client_id: "somebody" }],
        ["a redirect_uri that is not ours", { redirect_uri: "https://evil.example/callback" }],
        ["a redirect_uri with a path added", { redirect_uri: `${redirectUri}/x` }],
        ["no redirect_uri", { redirect_uri: undefined }],
    ];
    for (const [name, change] of badRequests) {
        await t.test(`authorize with ${name}: a readable page, no redirect`, async () => {
            const url = new URL(cloud.authorizeUrl());
            for (const [key, value] of Object.entries(change)) {
                value === undefined ? url.searchParams.delete(key) : url.searchParams.set(key, value);
            }
            const page = await new Browser().go(url.href);
            assert.equal(page.status, 400);
            assert.match(page.headers.get("content-type"), /text\/html/);
            assert.equal(page.headers.get("location"), null);
            assert.ok(page.html.replace(/<[^>]*>/g, "").trim().length > 30, page.html);
            assert.doesNotMatch(page.html, /<script/i);
        });
    }

    await t.test("a wrong response_type goes back to the client as an error (RFC 6749 4.1.2.1)", async () => {
        const page = await new Browser().go(cloud.authorizeUrl("s").replace("response_type=code", "response_type=token"));
        const location = new URL(page.headers.get("location"));
        assert.equal(location.searchParams.get("error"), "unsupported_response_type");
        assert.equal(location.searchParams.get("state"), "s");
    });

    await t.test("a wrong password shows the form again and gives no code", async () => {
        const browser = new Browser();
        const login = await browser.followed(await browser.go(cloud.authorizeUrl()));
        const form = login.forms.find((f) => f.fields.some((x) => x.type === "password"));
        const password = form.fields.find((f) => f.type === "password").name;
        const name = form.fields.find((f) => f.kind === "input" && f.type !== "password" && f.type !== "hidden").name;
        for (const who of ["anna", "nobody"]) {
            const page = await browser.followed(await browser.submit(form, { [name]: who, [password]: "not the password" }));
            assert.ok(page.status >= 200 && page.status < 500, `${page.status}`);
            assert.equal(page.headers.get("location"), null);
            assert.match(page.html, /password/i);
        }
    });

    await t.test("Deny answers access_denied", async () => {
        const page = await new Browser().consent(cloud.authorizeUrl("st"), { allow: false });
        const location = new URL(page.headers.get("location"));
        assert.equal(location.searchParams.get("error"), "access_denied");
        assert.equal(location.searchParams.get("state"), "st");
    });

    await t.test("a repeated code request gives the same pair; after use it is refused and the link ends", async () => {
        await cloud.link();
        const fields = { grant_type: "authorization_code", code: cloud.code, redirect_uri: redirectUri };
        assert.deepEqual({ ...(await cloud.token(fields)), expires_in: 0 }, { ...cloud.tokens, expires_in: 0 });
        assert.ok((await cloud.discover()).devices);
        await assert.rejects(cloud.token(fields), (e) => e.status === 400 && e.answer.error === "invalid_grant");
        assert.equal((await cloud.discover()).globalError.errorEnum, "INTEGRATION-DELETED");
    });

    await t.test("a code with the wrong secret changes nothing", async () => {
        const target = await codeFor(bridge, cloud.authorizeUrl());
        const code = target.searchParams.get("code");
        const fields = { grant_type: "authorization_code", code, redirect_uri: redirectUri };
        await assert.rejects(cloud.token({ ...fields, client_secret: "wrong" }), (e) => e.status === 401 && e.answer.error === "invalid_client");
        assert.ok((await cloud.token(fields)).access_token);
    });

    await t.test("the secret in both places at once, or a repeated parameter, is refused", async () => {
        const post = (body, headers) => fetch(`${bridge.publicUrl}/oauth/token`, { method: "POST", body: new URLSearchParams(body), headers });
        const basic = `Basic ${Buffer.from(`smartthings:${encodeURIComponent(clientSecret)}`).toString("base64")}`;
        const both = await post(
            [["grant_type", "refresh_token"], ["refresh_token", "x"], ["client_id", "smartthings"], ["client_secret", clientSecret]],
            { authorization: basic },
        );
        assert.equal(both.status, 400);
        assert.equal((await both.json()).error, "invalid_request");
        const twice = await post([["grant_type", "refresh_token"], ["grant_type", "refresh_token"], ["client_id", "smartthings"], ["client_secret", clientSecret]]);
        assert.equal(twice.status, 400);
        assert.equal((await twice.json()).error, "invalid_request");
        const unknown = await post([["grant_type", "password"], ["client_id", "smartthings"], ["client_secret", clientSecret]]);
        assert.equal((await unknown.json()).error, "unsupported_grant_type");
        assert.match(unknown.headers.get("cache-control"), /no-store/);
    });

    await t.test("a restart keeps every token", async () => {
        await cloud.link();
        await bridge.stop();
        const again = await startBridge(t, { place: bridge.place });
        assert.equal((await cloud.discover()).devices.length, 1);
        const refreshed = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
        cloud.tokens = refreshed;
        assert.equal((await cloud.discover()).devices.length, 1);
        const link = (await again.links()).findLast((l) => l.alive);
        assert.equal((await again.place.runBeside(["unlink", link.id])).code, 0);
        assert.equal((await cloud.discover()).globalError.errorEnum, "INTEGRATION-DELETED");
        cloud.tokens = { access_token: "nonsense" };
        assert.equal((await cloud.discover()).globalError.errorEnum, "INVALID-TOKEN");
    });
});

/** A Browser whose first request line is written as it is: nothing is normalised. */
class RawBrowser extends Browser {
    constructor(bridge) {
        super();
        this.bridge = bridge;
    }

    async linkWithState(state) {
        const { request } = await import("node:http");
        const query = `client_id=smartthings&response_type=code&redirect_uri=${encodeURIComponent(redirectUri)}&state=`;
        const path = Buffer.concat([Buffer.from(`/oauth/authorize?${query}`), Buffer.from(state)]).toString("latin1");
        const first = await new Promise((done, fail) => {
            const r = request({ host: "127.0.0.1", port: this.bridge.publicPort, method: "GET" }, (response) => {
                const parts = [];
                response.on("data", (d) => parts.push(d)).on("end", () => done({ response, html: Buffer.concat(parts).toString() }));
            });
            r.path = path; // past the check of request()'s options
            r.on("error", fail);
            r.end();
        });
        for (const line of first.response.headers["set-cookie"] ?? []) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
            this.cookies.set(name, value);
        }
        const { formsOf } = await import("./cloud.js");
        const url = `${this.bridge.publicUrl}/oauth/authorize`;
        let page = { url, status: first.response.statusCode, headers: new Headers(), html: first.html, forms: formsOf(first.html, url) };
        if (page.status >= 300 && page.status < 400) {
            page = await this.go(new URL(first.response.headers.location, url).href);
        }
        this.first = page;
        return (await this.consent(page.url)).headers.get("location");
    }

    async go(url, init) {
        if (this.first && !init && url === this.first.url) {
            return this.first;
        }
        return super.go(url, init);
    }
}
