// A link that explains itself: each way in which linking fails (the table in oauth/README.md), committed by the simulated
// cloud, browser or network, and what the trace says: the right step, the right cause, and no other.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { startAhead } from "./ahead.js";
import { Browser, Cloud } from "./cloud.js";
import { account, callbackClient, clientSecret, installation, startBridge, until } from "./harness.js";

const publicUrl = "https://lights.example.org"; // what the bridge is told that it is; nobody goes there

/** A bridge whose clocks the test sets forward. */
async function start(t, extra = {}, more = {}) {
    const place = await installation(t, { extra: { virtual: { lights: 2 }, ...extra, public: { url: publicUrl, ...extra.public } }, ...more });
    const bridge = await startAhead(t, place);
    bridge.documents = async () => JSON.parse((await place.runBeside(["links", "--json"])).stdout);
    bridge.says = async (...words) => (await place.runBeside(["links", ...words])).stdout;
    bridge.traces = async () => {
        const { links, attempts } = await bridge.documents();
        const byNumber = new Map([...links.map((l) => l.trace), ...attempts].filter(Boolean).map((x) => [x.attempt, x]));
        return [...byNumber.values()].sort((a, b) => a.attempt - b.attempt);
    };
    return bridge;
}

/**
 * What `commit` does must leave one attempt (or add to `of`, the number of one) that blames `step` for `cause`, names no
 * other cause, and says so with its sentence and what to do to who asks. `before`: causes that had been told already.
 */
async function explains(bridge, { step, cause, of, before = [] }, commit) {
    const known = (await bridge.traces()).map((x) => x.attempt);
    await commit();
    const trace = await until(`${cause} at ${step}`, async () => {
        const traces = await bridge.traces();
        const news = traces.filter((x) => (of ? x.attempt === of : !known.includes(x.attempt)));
        assert.ok(news.length <= 1, `one attempt, not ${JSON.stringify(news)}`);
        return news[0]?.finding?.cause === cause && news[0];
    }, 5).catch(async (error) => {
        throw new Error(`${error.message}\n${JSON.stringify(await bridge.traces(), null, 1)}\n${bridge.program.log().slice(-3000)}`);
    });
    assert.equal(trace.finding.step, step);
    const causes = new Set(trace.events.map((e) => e.cause).filter(Boolean));
    assert.deepEqual([...causes].filter((c) => !before.includes(c)), [cause]);
    assert.ok(trace.finding.sentence.length > 20 && trace.finding.advice.length > 10, JSON.stringify(trace.finding));
    const said = (await bridge.says(trace.link || `a${trace.attempt}`)).replace(/\s+/g, " ");
    assert.ok(said.includes(`what is wrong: ${cause} at`), said);
    assert.ok(said.includes(trace.finding.sentence) && said.includes(trace.finding.advice), said);
    assert.ok((await bridge.says("--all")).replace(/\s+/g, " ").includes(trace.finding.sentence));
    return trace;
}

/** As far as the code. */
async function code(cloud, state) {
    const page = await new Browser().consent(cloud.authorizeUrl(state));
    assert.equal(page.status, 303, page.html);
    cloud.code = new URL(page.headers.get("location")).searchParams.get("code");
    return cloud.code;
}

const grantOf = (cloud) => ({ grant_type: "authorization_code", code: cloud.code, redirect_uri: cloud.redirectUri });

/** A token request as it comes; answers whatever it gets. */
function post(bridge, body, headers = {}) {
    return fetch(`${bridge.publicUrl}/oauth/token`, { method: "POST", body, headers });
}

function form(cloud, more = {}) {
    return new URLSearchParams(Object.entries({ client_id: "smartthings", client_secret: clientSecret, ...grantOf(cloud), ...more }).filter(([, v]) => v !== undefined));
}

/** Linked, with the callback token; number of the attempt. */
async function linked(bridge, cloud) {
    await cloud.link();
    const { devices } = await cloud.discover();
    await cloud.refresh(devices.map((d) => d.externalDeviceId));
    await cloud.grant();
    const trace = await until("the first callback", async () => {
        const last = (await bridge.traces()).at(-1);
        return last.events.some((e) => e.step === "callback" && e.outcome === "ok") && last;
    });
    assert.equal(trace.finding, null, JSON.stringify(trace));
    assert.equal(trace.awaits, "");
    cloud.device = devices[0].externalDeviceId;
    return trace.attempt;
}

const onLink = (bridge, of, step, cause, commit, before) => explains(bridge, { step, cause, of, before }, commit);

test("attempts that never became a link", { timeout: 600_000 }, async (t) => {
    const bridge = await start(t);
    const cloud = new Cloud(bridge);

    await t.test("18, 2: nobody ever asked: the checklist of the console", async () => {
        const said = (await bridge.says()).replace(/\s+/g, " ");
        assert.match(said, /Nobody has asked for authorization yet/);
        assert.match(said, /My Testing Devices/);
        assert.match(said, /developer mode/);
        assert.deepEqual((await bridge.documents()).attempts, []);
    });

    const authorize = (change) => {
        const url = new URL(cloud.authorizeUrl());
        for (const [key, value] of Object.entries(change)) {
            value === undefined ? url.searchParams.delete(key) : url.searchParams.set(key, value);
        }
        return new Browser().go(url.href);
    };
    const refused = [
        ["2: unknown client", "unknown_client", { client_id: "somebody" }],
        ["2: no client id", "no_client_id", { client_id: undefined }],
        ["16: SmartThings' own client id at authorize", "swapped_credentials", { client_id: callbackClient.id }],
        ["2: a redirect_uri that is not registered", "redirect_uri_mismatch", { redirect_uri: "https://evil.example/callback" }],
        ["2: no redirect_uri", "no_redirect_uri", { redirect_uri: undefined }],
        ["4: a region that is not registered", "redirect_uri_region", { redirect_uri: "https://c2c-sa.smartthings.com/oauth/callback" }],
        ["2: a wrong response_type", "bad_authorization_request", { response_type: "token" }],
        ["1: a state beyond measure", "state_too_long", { state: "s".repeat(4097) }],
    ];
    for (const [name, cause, change] of refused) {
        await t.test(name, async () => {
            const trace = await explains(bridge, { step: "authorize", cause }, () => authorize(change));
            if (change.redirect_uri) {
                assert.equal(trace.finding.got, change.redirect_uri);
                assert.match(trace.finding.expected, /c2c-us.*c2c-eu.*c2c-ap/);
            }
            assert.equal(trace.anonymous, true);
            assert.equal(trace.link, "");
        });
    }

    await t.test("2: a parameter twice", async () => {
        const trace = await explains(bridge, { step: "authorize", cause: "malformed_request" }, () => new Browser().go(`${cloud.authorizeUrl("s")}&state=t`));
        assert.equal(trace.finding.got, "a field is given twice");
    });

    await t.test("2: the same refusal again is counted, not another attempt", async () => {
        await authorize({ client_id: "somebody" });
        await authorize({ client_id: "somebody" });
        const same = (await bridge.traces()).filter((x) => x.finding?.cause === "unknown_client");
        assert.deepEqual(same.map((x) => x.events[0].times), [3]);
    });

    await t.test("2: the login page is sent, and nobody logs in", async () => {
        await explains(bridge, { step: "login", cause: "no_login" }, async () => {
            await new Browser().go(cloud.authorizeUrl());
            await bridge.pass(595);
            assert.equal((await bridge.traces()).at(-1).finding, null);
            assert.equal((await bridge.traces()).at(-1).awaits, "login");
            await bridge.pass(6);
        });
    });

    const login = async (values, browser = new Browser()) => {
        const page = await browser.go(cloud.authorizeUrl());
        return [browser, await browser.submit(page.forms[0], values)];
    };
    const good = { username: account.name, password: account.password };

    await t.test("a wrong password", async () => {
        await explains(bridge, { step: "login", cause: "wrong_password" }, () => login({ username: account.name, password: "not that" }));
    });
    await t.test("a password in the place of the name", async () => {
        const trace = await explains(bridge, { step: "login", cause: "unknown_account" }, () => login({ username: "pass-as-name", password: "x" }));
        assert.doesNotMatch(JSON.stringify(trace), /pass-as-name/);
    });
    await t.test("3: a wrong password is made good by the right one, and Allow was not pressed", async () => {
        await explains(bridge, { step: "consent", cause: "no_consent", before: ["wrong_password"] }, async () => {
            const [browser, again] = await login({ username: account.name, password: "not that" });
            const page = await browser.submit(again.forms[0], good);
            assert.match(page.html, /Allow/);
            const trace = (await bridge.traces()).at(-1);
            assert.deepEqual([trace.finding, trace.awaits, trace.account], [null, "consent", account.name]);
            await bridge.pass(601);
        });
    });
    await t.test("3: a browser that has linked before is asked again", async () => {
        const browser = new Browser();
        assert.equal((await browser.consent(cloud.authorizeUrl())).status, 303);
        const page = await browser.go(cloud.authorizeUrl());
        assert.ok(page.forms[0].fields.some((f) => f.type === "password"), page.html);
        await bridge.pass(601); // both are over
    });
    await t.test("a browser without cookies", async () => {
        await explains(bridge, { step: "login", cause: "no_cookie" }, async () => {
            const page = await new Browser().go(cloud.authorizeUrl());
            assert.equal((await new Browser().submit(page.forms[0], good)).status, 400);
        });
    });
    await t.test("Deny", async () => {
        await explains(bridge, { step: "consent", cause: "consent_denied" }, () => new Browser().consent(cloud.authorizeUrl(), { allow: false }));
    });

    await t.test("1, 6: nobody redeems the code", async () => {
        const trace = await explains(bridge, { step: "token", cause: "no_token_call" }, async () => {
            await code(cloud, "some%2Bstate");
            await bridge.pass(28);
            assert.equal((await bridge.traces()).at(-1).finding, null);
            await bridge.pass(3);
        });
        assert.equal(trace.finding.expected, `POST ${publicUrl}/oauth/token within 30 s after: code issued`);
        assert.match(trace.events.find((e) => e.step === "code").got, /a state of 12 bytes/);
        assert.match(trace.finding.advice, /port.*certificate.*firewall/);
    });
    await t.test("1: without a state nobody can redeem the code", async () => {
        await explains(bridge, { step: "token", cause: "no_state" }, async () => {
            const page = await new Browser().consent(cloud.authorizeUrl().replace(/&state=.*/, ""));
            assert.equal(page.status, 303);
            await bridge.pass(31);
        });
    });

    const basic = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64")}` });
    const bare = () => form(cloud, { client_id: undefined, client_secret: undefined });
    const tokenFailures = [
        ["5: a wrong secret in the form", "wrong_client_secret", () => post(bridge, form(cloud, { client_secret: "wrong-secret" }))],
        ["5: a wrong secret by HTTP Basic", "wrong_client_secret", () => post(bridge, bare(), basic("smartthings", "wrong-secret"))],
        ["5: a wrong client id", "wrong_client_id", () => post(bridge, form(cloud, { client_id: "somebody" }))],
        ["5: both styles at once", "both_auth_styles", () => post(bridge, form(cloud), basic("smartthings", clientSecret))],
        ["5: no credentials", "no_credentials", () => post(bridge, bare())],
        ["5: another scheme", "bad_authorization_header", () => post(bridge, bare(), { authorization: "Bearer x" })],
        ["5: neither a form nor JSON", "not_a_form", () => post(bridge, `${form(cloud)}`, { "content-type": "text/plain" })],
        ["5: a field twice", "malformed_form", () => post(bridge, `${form(cloud)}&scope=a&scope=b`, { "content-type": "application/x-www-form-urlencoded" })],
        ["5: two client ids", "client_ids_differ", () => post(bridge, form(cloud, { client_id: "other", client_secret: undefined }), basic("smartthings", clientSecret))],
        ["16: SmartThings' own pair at the token endpoint", "swapped_credentials", () => post(bridge, form(cloud, { client_id: callbackClient.id, client_secret: callbackClient.secret }))],
        ["16: the right id with SmartThings' own secret", "swapped_credentials", () => post(bridge, form(cloud, { client_secret: callbackClient.secret }))],
        ["6: another grant type", "wrong_grant_type", () => post(bridge, form(cloud, { grant_type: "password" }))],
        ["7: another redirect_uri than before", "redirect_uri_differs_at_token", () => post(bridge, form(cloud, { redirect_uri: "https://c2c-us.smartthings.com/oauth/callback" }))],
    ];
    for (const [name, cause, commit] of tokenFailures) {
        await t.test(name, async () => {
            const trace = await explains(bridge, { step: "token", cause }, async () => {
                await code(cloud);
                const answer = await commit();
                assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}`);
            });
            assert.notEqual(trace.link, "");
            // it is not the end: what is mended in time is fine
            if (cause === "wrong_client_secret") {
                assert.equal((await post(bridge, form(cloud))).status, 200);
                assert.equal((await bridge.traces()).find((x) => x.attempt === trace.attempt).finding, null);
            }
        });
    }
    await t.test("5: a client without its secret's file", async () => {
        const other = await start(t, { smartthings: { client_secret_file: undefined } });
        const there = new Cloud(other);
        await explains(other, { step: "token", cause: "no_secret_configured" }, async () => {
            await code(there);
            await post(other, form(there));
        });
    });
    await t.test("7: no code in it", async () => {
        await explains(bridge, { step: "token", cause: "grant_incomplete" }, () => post(bridge, form(cloud, { code: undefined })));
    });
    await t.test("7: a code that was never issued", async () => {
        const trace = await explains(bridge, { step: "token", cause: "code_unknown" }, () => post(bridge, form(cloud, { code: "made-up" })));
        assert.doesNotMatch(JSON.stringify(trace), /made-up/);
    });
    await t.test("7: a code too late", async () => {
        await explains(bridge, { step: "token", cause: "code_expired", before: ["no_token_call"] }, async () => {
            await code(cloud);
            await bridge.pass(601);
            assert.equal((await post(bridge, form(cloud))).status, 400);
        });
    });
    await t.test("7: a code again after use", async () => {
        await explains(bridge, { step: "token", cause: "code_reused" }, async () => {
            await cloud.link();
            await cloud.discover();
            assert.equal((await post(bridge, form(cloud))).status, 400);
        });
    });
    await t.test("10: tokens, and no discovery: the webhook is not reached", async () => {
        const trace = await explains(bridge, { step: "discovery", cause: "no_discovery" }, async () => {
            await cloud.link();
            await bridge.pass(61);
        });
        assert.match(trace.finding.expected, /smartthings\/schema/);
    });
});

test("what the configuration does not let pass", { timeout: 300_000 }, async (t) => {
    const rows = [
        ["6: a port that SmartThings does not connect to", { public: { url: "https://lights.example.org:8443" } }, /public\.url: .*ports 80 to 8002/],
        ["6: no https", { public: { url: "http://lights.example.org" } }, /public\.url: .*no https URL/],
        ["13: half a pair of credentials", { smartthings: { callback_client_id: undefined } }, /callback_client_id and callback_client_secret_file go together/],
        ["16: our own client id as callback_client_id", { smartthings: { callback_client_id: "smartthings" } }, /callback_client_id: is the same as client_id/],
    ];
    for (const [name, extra, says] of rows) {
        await t.test(name, async () => {
            const place = await installation(t, { extra, withAccount: false });
            const { code: exit, stderr } = place.run(["check-config"]);
            assert.equal(exit, 1);
            assert.match(stderr, says);
        });
    }
    await t.test("6: a loopback address passes for tests: the trace says that SmartThings does not take it", async () => {
        const bridge = await start(t, { public: { url: "http://127.0.0.1:8000" } });
        const cloud = new Cloud(bridge);
        await explains(bridge, { step: "token", cause: "public_not_https" }, async () => {
            await code(cloud);
            await bridge.pass(31);
        });
        await cloud.link(); // no finding where it does no harm
        assert.equal((await bridge.traces()).at(-1).finding, null);
    });
});

test("links in trouble", { timeout: 600_000 }, async (t) => {
    const bridge = await start(t);
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    let of;

    await t.test("a link without trouble has no finding, and a line of health", async () => {
        of = await linked(bridge, cloud);
        await cloud.command(cloud.device, "switch", "on");
        const { health } = (await bridge.documents()).links.at(-1);
        assert.ok(health.discovery_at && health.state_refresh_at && health.command_at && health.callback_at, JSON.stringify(health));
        assert.equal(health.result_at, 0);
        const line = (await bridge.says()).replace(/\s+/g, " ");
        assert.match(line, /token granted, refresh never, discovery \d+s, command \d+s, callback \d+s, complaint never/);
        await bridge.pass(1000);
        const trace = (await bridge.traces()).at(-1);
        assert.deepEqual([trace.finding, trace.awaits], [null, ""]);
        assert.ok(trace.events.every((e) => e.outcome === "ok"), JSON.stringify(trace.events));
    });

    const change = async () => {
        const { state } = (await bridge.lights())[0];
        const done = await bridge.place.runBeside(["light", (await bridge.lights())[0].id, state.on ? "off" : "on"]);
        assert.equal(done.code, 0, done.stderr);
    };
    const result = (originatingInteractionType, body) => cloud.ask("interactionResult", { originatingInteractionType, ...body });
    const badResponse = { globalError: { errorEnum: "BAD-RESPONSE", detail: "expected discoveryResponse" } };
    const badDevice = () => ({ deviceState: [{ externalDeviceId: cloud.device, deviceError: [{ errorEnum: "BAD-RESPONSE", detail: "no such attribute" }] }] });

    await t.test("10: SmartThings does not accept the list", async () => {
        const trace = await onLink(bridge, of, "discovery", "bad_response", async () => {
            await cloud.discover();
            await result("discoveryRequest", badResponse);
        });
        assert.match(trace.finding.got, /BAD-RESPONSE: expected discoveryResponse/);
        assert.match(trace.finding.expected, /our last answer: 2 devices, \d+ bytes/);
        assert.ok((await bridge.documents()).links.at(-1).health.result_at > 0);
        await change();
        await until("a callback", async () => (await bridge.traces()).at(-1).events.some((e) => e.step === "callback"));
        assert.equal((await bridge.traces()).at(-1).finding.cause, "bad_response"); // that proves nothing about the list
        await cloud.discover(); // it was answered anew, and nothing was said
        assert.equal((await bridge.traces()).at(-1).finding, null);
    });
    await t.test("11: SmartThings does not accept the states", async () => {
        await onLink(bridge, of, "state_refresh", "device_refused", async () => {
            await cloud.refresh([cloud.device]);
            await result("stateRefreshRequest", badDevice());
        }, ["bad_response"]);
        await cloud.refresh([cloud.device]);
    });
    await t.test("12: SmartThings does not accept the answer to a command", async () => {
        await onLink(bridge, of, "command", "bad_response", async () => {
            await cloud.command(cloud.device, "switch", "off");
            await result("commandRequest", badResponse);
        }, ["bad_response", "device_refused"].slice(1));
        await cloud.command(cloud.device, "switch", "on");
    });
    await t.test("17: an interactionResult without authentication is taken, and told by its request", async () => {
        await cloud.discover();
        const ask = async (requestId) => {
            const document = { ...cloud.envelope("interactionResult", requestId), originatingInteractionType: "discoveryRequest", ...badResponse };
            delete document.authentication;
            const answer = await fetch(`${bridge.publicUrl}/smartthings/schema`, { method: "POST", body: JSON.stringify(document), headers: { "content-type": "application/json" } });
            assert.equal(answer.status, 200);
        };
        const requestId = "7d2b4f1c-0000-4000-8000-00000000beef";
        const document = { ...cloud.envelope("discoveryRequest", requestId) };
        await fetch(`${bridge.publicUrl}/smartthings/schema`, { method: "POST", body: JSON.stringify(document), headers: { "content-type": "application/json" } });
        await onLink(bridge, of, "discovery", "bad_response", () => ask(requestId), ["device_refused"]);
        // a request that nobody made: not this link's
        await cloud.discover();
        await explains(bridge, { step: "discovery", cause: "bad_response" }, () => ask("7d2b4f1c-0000-4000-8000-00000000dead"));
        assert.equal((await bridge.traces()).find((x) => x.attempt === of).finding, null);
    });

    const old = ["bad_response", "device_refused"];
    await t.test("14: SmartThings does not accept a callback", async () => {
        cloud.refusals.push({ status: 400 });
        await onLink(bridge, of, "callback", "callback_refused", change, old);
        await change();
        await until("the next callback", async () => (await bridge.traces()).find((x) => x.attempt === of).finding === null);
    });
    await t.test("13: SmartThings is busy: nothing to do", async () => {
        cloud.refusals.push({ status: 503, headers: { "retry-after": "600" } });
        await onLink(bridge, of, "callback", "callback_busy", change, [...old, "callback_refused"]);
        await bridge.pass(601);
        await until("the same callback again", async () => (await bridge.traces()).find((x) => x.attempt === of).finding === null);
    });
    await t.test("9: eight refreshes at once, and each again: no failure at all", async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token })));
        assert.equal(new Set(answers.map((a) => a.refresh_token)).size, 1);
        cloud.tokens = answers[0];
        const trace = (await bridge.traces()).find((x) => x.attempt === of);
        assert.equal(trace.finding, null);
        assert.ok(trace.events.some((e) => e.step === "refresh" && e.outcome === "ok"));
    });
    await t.test("8: the access token has expired, and nobody refreshes it", async () => {
        await bridge.pass(86_500);
        await onLink(bridge, of, "refresh", "no_refresh", async () => {
            assert.equal((await cloud.discover()).globalError.errorEnum, "TOKEN-EXPIRED");
            await bridge.pass(50);
            await cloud.discover(); // asking again is no refresh
            assert.equal((await bridge.traces()).find((x) => x.attempt === of).awaits, "refresh");
            await bridge.pass(11);
        }, [...old, "callback_refused", "callback_busy"]);
        cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
        await cloud.discover();
        assert.equal((await bridge.traces()).find((x) => x.attempt === of).finding, null);
    });
    await t.test("8: a wrong secret at the refresh", async () => {
        const fields = { client_id: "smartthings", grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token };
        await onLink(bridge, of, "refresh", "wrong_client_secret", () => post(bridge, new URLSearchParams({ ...fields, client_secret: "wrong-secret" })), [...old, "callback_refused", "callback_busy", "no_refresh"]);
        cloud.tokens = await cloud.token(fields);
    });
    await t.test("8: a refresh token of nobody", async () => {
        await explains(bridge, { step: "refresh", cause: "refresh_token_unknown" }, () =>
            post(bridge, new URLSearchParams({ client_id: "smartthings", client_secret: clientSecret, grant_type: "refresh_token", refresh_token: "made-up" })));
    });
    await t.test("22: the token of an older link after linking anew", async () => {
        const before = cloud.tokens;
        const second = await linked(bridge, cloud);
        await until("the older link to be superseded", async () => !(await bridge.links())[0].alive);
        const now = cloud.tokens;
        cloud.tokens = before;
        await onLink(bridge, of, "discovery", "stale_token", () => cloud.discover(), [...old, "callback_refused", "callback_busy", "no_refresh", "wrong_client_secret"]);
        cloud.tokens = now;
        assert.equal((await bridge.traces()).find((x) => x.attempt === second).finding, null);
        of = second;
    });
    await t.test("a token that is none of ours", async () => {
        const now = cloud.tokens;
        cloud.tokens = { access_token: "nonsense" };
        await explains(bridge, { step: "discovery", cause: "token_unknown" }, () => cloud.discover());
        cloud.tokens = now;
    });
    await t.test("15: the callback token is refused, and its refresh too", async () => {
        cloud.callbackTokens = { access: "none", refresh: "none" };
        await onLink(bridge, of, "callback_token", "callback_token_refused", change);
        assert.match(await bridge.says(), /token needs_grant/);
        assert.equal((await cloud.discover()).requestGrantCallbackAccess, true);
        await cloud.grant();
        await until("the grant to mend it", async () => (await bridge.traces()).find((x) => x.attempt === of).finding === null);
    });
    await t.test("13: the callback address is not reached", async () => {
        const dead = createServer().listen(0, "127.0.0.1");
        await once(dead, "listening");
        const url = `http://127.0.0.1:${dead.address().port}`;
        dead.close();
        await onLink(bridge, of, "callback_token", "callback_unreachable", () => grant(cloud, { url }), ["callback_token_refused"]);
        await cloud.grant();
        await until("the grant to mend it", async () => (await bridge.traces()).find((x) => x.attempt === of).finding === null);
    });
    await t.test("13: callback addresses that are not allowed", async () => {
        await onLink(bridge, of, "callback_access", "callback_host_refused", () => grant(cloud, { url: "https://smartthings.com.evil.example" }), ["callback_token_refused", "callback_unreachable"]);
        await cloud.grant();
    });
    await t.test("13: a grant for another client", async () => {
        await onLink(bridge, of, "callback_access", "grant_refused_client_id", () => grant(cloud, { clientId: "viper_other" }), ["callback_token_refused", "callback_unreachable", "callback_host_refused"]);
        await cloud.grant();
        await until("the grant to mend it", async () => (await bridge.traces()).find((x) => x.attempt === of).finding === null);
    });

    await t.test("the story survives a restart, and nobody is blamed for the time between", async () => {
        const before = (await bridge.traces()).map((x) => ({ ...x, events: x.events.map(({ last_at, times, ...e }) => e) }));
        await bridge.stop();
        const again = await startBridge(t, { place: bridge.place });
        const after = JSON.parse((await again.place.runBeside(["links", "--json"])).stdout);
        const traces = [...new Map([...after.links.map((l) => l.trace), ...after.attempts].filter(Boolean).map((x) => [x.attempt, x])).values()].sort((a, b) => a.attempt - b.attempt);
        assert.deepEqual(traces.map((x) => ({ ...x, events: x.events.map(({ last_at, times, ...e }) => e) })), before);
        const page = await (await fetch(again.localUrl, { headers: { authorization: `Basic ${Buffer.from(`${account.name}:${account.password}`).toString("base64")}` } })).text();
        assert.match(page, /discovery \d+[smhd]/);
    });
});

/** A grant that is not followed. */
function grant(cloud, { url = cloud.callbackUrl, clientId = callbackClient.id } = {}) {
    return cloud.ask("grantCallbackAccess", {
        callbackAuthentication: { grantType: "authorization_code", scope: "callback-access", code: "grant-code-of-nobody", clientId },
        callbackUrls: { oauthToken: `${url}/oauth/token`, stateCallback: `${url}/device/events` },
    });
}

test("links that get no further", { timeout: 300_000 }, async (t) => {
    await t.test("11: the lights are listed, and no state refresh comes; 13: nor a grant", async () => {
        const bridge = await start(t);
        const cloud = new Cloud(bridge);
        await cloud.serve(t);
        const { attempt } = await explains(bridge, { step: "state_refresh", cause: "no_state_refresh" }, async () => {
            await cloud.link();
            await cloud.discover();
            await bridge.pass(61);
        });
        await cloud.refresh([(await cloud.discover()).devices[0].externalDeviceId]);
        await onLink(bridge, attempt, "callback_access", "no_grant", () => bridge.pass(60), ["no_state_refresh"]);
        await cloud.grant();
        await until("the grant", async () => (await bridge.traces()).at(-1).finding === null);
    });
    await t.test("10: no lights to list", async () => {
        const bridge = await start(t, { virtual: { lights: 0 } });
        const cloud = new Cloud(bridge);
        await explains(bridge, { step: "state_refresh", cause: "nothing_listed" }, async () => {
            await cloud.link();
            assert.deepEqual((await cloud.discover()).devices, []);
            await bridge.pass(61);
        });
    });
    const none = { callback_client_id: undefined, callback_client_secret_file: undefined };
    const callbacks = [
        ["13: no credentials for callbacks, and no grant", "callback_access", "callback_not_configured", none, undefined],
        ["13: a grant, and no credentials for callbacks", "callback_access", "callback_not_configured", none, (cloud) => grant(cloud)],
        ["16: SmartThings refuses the callback client", "callback_token", "callback_client_refused", { callback_client_id: "viper_old" }, (cloud) => grant(cloud, { clientId: "viper_old" })],
    ];
    for (const [name, step, cause, smartthings, commit] of callbacks) {
        await t.test(name, async () => {
            const bridge = await start(t, { smartthings });
            const cloud = new Cloud(bridge);
            await cloud.serve(t);
            await explains(bridge, { step, cause }, async () => {
                await cloud.link();
                await cloud.refresh([(await cloud.discover()).devices[0].externalDeviceId]);
                await (commit ? commit(cloud) : bridge.pass(121));
            });
        });
    }
});

test("scanners do not push out real attempts", { timeout: 300_000 }, async (t) => {
    const bridge = await start(t);
    const cloud = new Cloud(bridge);
    await explains(bridge, { step: "token", cause: "wrong_client_secret" }, async () => {
        await code(cloud);
        await post(bridge, form(cloud, { client_secret: "wrong-secret" }));
    });
    await explains(bridge, { step: "authorize", cause: "redirect_uri_mismatch" }, () =>
        new Browser().go(cloud.authorizeUrl().replace("c2c-eu", "c2c-eu-x")));
    for (let i = 0; i < 300; i++) {
        await fetch(`${bridge.publicUrl}/oauth/authorize?client_id=scan${i}`);
        await post(bridge, new URLSearchParams({ client_id: `scan${i}`, client_secret: "x", grant_type: "refresh_token", refresh_token: "x" }));
    }
    const lines = bridge.program.log().split("\n").filter((line) => line.includes("to link scan"));
    assert.ok(lines.length > 0 && lines.length <= 20, `${lines.length} lines of the log are the scanner's`);
    const traces = await bridge.traces();
    assert.ok(traces.length <= 41, `${traces.length}`);
    assert.deepEqual(traces.filter((x) => !x.client?.startsWith("scan")).map((x) => x.finding.cause).sort(), ["redirect_uri_mismatch", "wrong_client_secret"]);
});

test("no secret is in a trace, a log, a page or the store", { timeout: 300_000 }, async (t) => {
    const bridge = await start(t);
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    const state = "state-that-is-nobodys-business";
    const wrong = { password: "wrong-password-1", name: "password-as-name-1", secret: "wrong-secret-1", code: "code-of-nobody-1" };
    const secrets = [state, account.password, clientSecret, callbackClient.secret, ...Object.values(wrong)];
    for (const values of [{ username: account.name, password: wrong.password }, { username: wrong.name, password: "x" }]) {
        const browser = new Browser();
        const page = await browser.go(cloud.authorizeUrl(state));
        await browser.submit(page.forms[0], values);
    }
    await code(cloud, state);
    for (const body of [
        form(cloud, { client_secret: wrong.secret }),
        form(cloud, { client_id: clientSecret }), // the secret in the place of the id
        form(cloud, { client_id: callbackClient.secret, client_secret: "x", code: wrong.code }),
        form(cloud, { code: wrong.code }),
        form(cloud, { redirect_uri: "https://c2c-us.smartthings.com/oauth/callback" }),
    ]) {
        await post(bridge, body);
    }
    await fetch(`${bridge.publicUrl}/oauth/authorize?client_id=${encodeURIComponent(clientSecret)}&redirect_uri=x`);
    await post(bridge, JSON.stringify({ client_secret: wrong.secret }), { "content-type": "application/json" });
    secrets.push(cloud.code);
    const authorization = `Basic ${Buffer.from(`${account.name}:${account.password}`).toString("base64")}`;
    const page = async () => (await fetch(bridge.localUrl, { headers: { authorization } })).text();
    const seen = await page();
    assert.match(seen, /Attempts without a link/); // so that it is known to be the page that shows them
    assert.match(seen, /authorization request: The client id of the authorization request is none/);
    assert.match(seen, /token request: The redirect_uri of the token request is not/);
    await linked(bridge, cloud);
    secrets.push(cloud.code, cloud.tokens.access_token, cloud.tokens.refresh_token);
    cloud.expireCallbackToken();
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token });
    secrets.push(cloud.tokens.access_token);
    const foreign = cloud.tokenRequests.flatMap((r) => Object.entries(r.callbackAuthentication)).filter(([k]) => /code|token/i.test(k)).map(([, v]) => v);
    assert.ok(foreign.length > 0);
    await post(bridge, form(cloud)); // used: the link ends
    const shown = [
        seen,
        JSON.stringify(await bridge.documents()),
        await bridge.says("--all"),
        await page(),
        ...(await Promise.all((await bridge.traces()).map((x) => bridge.says(x.link || `a${x.attempt}`)))),
    ];
    await bridge.stop();
    shown.push(bridge.program.log());
    const database = new DatabaseSync(join(bridge.folder, "lightbridge.db"));
    const traces = ["traces", "trace_events"].map((table) => JSON.stringify(database.prepare(`SELECT * FROM ${table}`).all()));
    database.close();
    assert.ok(traces.every((table) => table.length > 100), "the traces are in the store");
    const store = readdirSync(bridge.folder).filter((f) => f.startsWith("lightbridge.db")).map((f) => readFileSync(join(bridge.folder, f), "latin1"));
    for (const secret of secrets) {
        assert.ok(!store.some((s) => s.includes(secret)), `the store has ${secret}`);
    }
    for (const secret of [...secrets, ...foreign]) {
        assert.ok(![...shown, ...traces].some((s) => s.includes(secret) || s.includes(encodeURIComponent(secret))), `shown: ${secret}`);
    }
});
