// The simulated SmartThings against the real bridge, with everything that can go wrong on its side, and against a partner
// cloud made of SmartThings' own library, which must understand it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import express from "express";
import schema from "st-schema";
import StateUpdateRequest from "st-schema/lib/callbacks/StateUpdateRequest.js";
import DiscoveryRequest from "st-schema/lib/callbacks/DiscoveryRequest.js";
import { startAhead } from "./ahead.js";
import { account, callbackClient, clientSecret, freePort, installation, scratch, simulator, startBridge, until } from "./harness.js";

/** lightbridge-sim smartthings: what it printed, and a keyboard. */
class SmartThings {
    constructor(t, folder, url, more = [], { password = account.password, secret = clientSecret, callbackSecret = callbackClient.secret } = {}) {
        const file = (name, text) => {
            writeFileSync(join(folder, name), `${text}\n`, { mode: 0o600 });
            return join(folder, name);
        };
        const words = ["smartthings", "--bridge", url, "--account", account.name, "--password-file", file("sim.password", password)];
        words.push("--client-secret-file", file("sim.secret", secret), "--callback-client-id", callbackClient.id);
        words.push("--callback-client-secret-file", file("sim.callback", callbackSecret), ...more);
        this.output = "";
        this.child = spawn(simulator, words);
        for (const stream of [this.child.stdout, this.child.stderr]) {
            stream.on("data", (bytes) => (this.output += bytes));
        }
        this.child.stdin.on("error", () => {}); // it has ended: line() says with what
        this.ended = once(this.child, "close").then(([code, signal]) => (this.end = { code, signal }));
        t.after(async () => {
            if (!this.end) {
                this.child.kill("SIGTERM");
                await this.ended;
                assert.deepEqual(this.end, { code: 0, signal: null }, this.output);
            }
        });
    }

    get lines() {
        return this.output.split("\n").slice(0, -1);
    }

    /** Names of steps and their outcomes, in order: ["ok authorize", "FAIL login", ...]. */
    get steps() {
        return this.lines.filter((l) => /^(ok|FAIL|skip) /.test(l)).map((l) => l.split(/ +/).slice(0, 2).join(" "));
    }

    told(what, from = 0) {
        return this.lines.slice(from).filter((l) => l.startsWith(`told  ${what} `));
    }

    /** Waits for a line that matches, from line number `from` on. */
    line(pattern, from = 0, seconds = 20) {
        return until(`${pattern} from lightbridge-sim`, () => {
            const found = this.lines.slice(from).find((l) => pattern.test(l));
            assert.ok(found || !this.end, `it has ended, ${JSON.stringify(this.end)}`);
            return found;
        }, seconds).catch((error) => {
            throw new Error(`${error.message}\n${this.output}`);
        });
    }

    /** Types a word and waits for the line that answers it. */
    async type(word, pattern) {
        const from = this.lines.length;
        this.child.stdin.write(`${word}\n`);
        return this.line(pattern, from);
    }

    async stats() {
        const line = await this.type("stats", /^grants /);
        return Object.fromEntries(line.split(", ").map((pair) => [pair.replace(/ \d+$/, ""), Number(/\d+$/.exec(pair)[0])]));
    }

    /** What SmartThings believes: {name: "on, 40 %"}. */
    async picture() {
        const from = this.lines.length;
        await this.type("devices\nstats", /^grants /);
        return Object.fromEntries(
            this.lines.slice(from).map((l) => /^(.*) \(c2c-[^:]*\): (.*)$/.exec(l)).filter(Boolean).map(([, name, state]) => [name, state]),
        );
    }
}

const whole = ["authorize", "login", "consent", "token", "discovery", "grant", "callbacks", "refresh", "command", "renew", "unlink"];
const passed = (names) => names.map((n) => `ok ${n}`);

test("a round in order, step by step", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 5 } } });
    for (const more of [[], ["--client-in-form"], ["--redirect-uri", "https://c2c-us.smartthings.com/oauth/callback"]]) {
        const cloud = new SmartThings(t, bridge.place.folder, bridge.publicUrl, ["--once", ...more]);
        await cloud.ended;
        assert.equal(cloud.end.code, 0, cloud.output);
        assert.deepEqual(cloud.steps, passed(whole), cloud.output);
        assert.match(cloud.output, /^ok {4}consent .*state byte for byte/m);
        assert.match(cloud.output, /^ok {4}discovery .*5 devices, callback access is asked for/m);
    }
    assert.deepEqual((await bridge.links()).filter((l) => l.alive), [], "unlink has ended every link");
});

test("what is wrong is named: the step, what was expected, what came", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 1 } } });
    const folder = bridge.place.folder;
    const rows = [
        [[], { password: "not this one" }, "login", /Wrong account or password/],
        [[], { secret: "not this one" }, "token", /status 401, invalid_client/],
        [["--client-id", "nobody"], {}, "authorize", /status 400, a page that says: This link cannot be made/],
        [["--redirect-uri", "https://evil.example/"], {}, "authorize", /not among the addresses/],
        [["--callback-client-id", "swapped"], {}, "grant", /INVALID-CLIENT: clientId is not/],
        [["--callback-client-id", "swapped", "--patience", "60000"], {}, "grant", /INVALID-CLIENT/],
    ];
    for (const [more, secrets, step, got] of rows) {
        const cloud = new SmartThings(t, folder, bridge.publicUrl, ["--once", ...more], secrets);
        await cloud.ended;
        assert.equal(cloud.end.code, 1, cloud.output);
        const at = cloud.steps.indexOf(`FAIL ${step}`);
        assert.ok(at >= 0, `${step} did not fail:\n${cloud.output}`);
        assert.ok(cloud.steps.slice(0, at).every((s) => s.startsWith("ok ")) && cloud.steps.slice(at + 1).every((s) => s.startsWith("skip ")));
        assert.match(cloud.lines.find((l) => l.startsWith("FAIL")), got);
    }
    await bridge.stop();
    const nobody = new SmartThings(t, folder, bridge.publicUrl, ["--once"]);
    await nobody.ended;
    assert.equal(nobody.end.code, 1);
    assert.match(nobody.output, /^FAIL {2}authorize .*no answer/m);
});

test("wrong usage", async (t) => {
    const folder = scratch(t);
    for (const [more, said] of [
        [["--bridge", "lights.example"], /is no URL of a bridge/],
        [["--rate-limit", "2:x"], /seconds from 1 to 86400/],
        [["--fail", "1:404"], /status from 500 to 599/],
        [["--refuse", "1:2"], /takes how many times/],
        [["--dance"], /unknown option/],
        [["--listen", "nowhere"], /nowhere/],
    ]) {
        const cloud = new SmartThings(t, folder, "http://127.0.0.1:1", more);
        await cloud.ended;
        assert.ok([1, 2].includes(cloud.end.code), `${more}: ${cloud.end.code}`);
        assert.match(cloud.output, said);
    }
});

/** A bridge with lamps that report, linked, and a way to change them at home. */
async function linked(t, more = [], extra = {}) {
    const place = await installation(t, { extra: { virtual: { lights: 24 }, ...extra } });
    const bridge = await startAhead(t, place);
    const cloud = new SmartThings(t, place.folder, bridge.publicUrl, more);
    return { bridge, cloud, place };
}

/** Changes `count` lamps at home, each to a level of its own; resolves when SmartThings believes what is so. */
async function changesArrive(bridge, cloud, count, seconds = 60) {
    const lamps = (await bridge.lights()).filter((l) => /\((color|white ambiance|dimmable|color only|no availability)\)$/.test(l.name));
    const wanted = new Map();
    for (let i = 0; i < count; i++) {
        const lamp = lamps[i % lamps.length];
        const level = 10 + ((i * 7 + Math.floor(Math.random() * 80)) % 80);
        const done = await bridge.place.runBeside(["light", lamp.id, "level", `${level}`]);
        assert.equal(done.code, 0, done.stderr);
        wanted.set(lamp.name, `on, ${level} %`);
    }
    let last;
    await until(`${count} changes to arrive`, async () => {
        last = await cloud.picture();
        return [...wanted].every(([name, state]) => last[name]?.startsWith(state));
    }, seconds).catch((error) => {
        const late = [...wanted].filter(([name, state]) => !last?.[name]?.startsWith(state)).map(([name, state]) => `${name}: ${last?.[name]}, not ${state}`);
        throw new Error(`${error.message}: ${late.join("; ")}\n${cloud.output.slice(-3000)}\n${bridge.program.log().slice(-3000)}`);
    });
    return wanted.size;
}

test("20 changes meet an expired token: all delivered, one refresh", async (t) => {
    const { bridge, cloud } = await linked(t);
    await cloud.line(/^ready:/);
    await cloud.type("expire", /refused from now on/);
    assert.ok((await changesArrive(bridge, cloud, 20)) > 10);
    const stats = await cloud.stats();
    assert.equal(stats.refreshes, 1);
    assert.equal(stats.grants, 1);
    assert.ok(stats.refused >= 1, "it met the expired token");
    assert.equal(stats.malformed, 0);
    assert.equal(cloud.told("renewal").length, 1);
});

test("a token that lives for minutes is renewed ahead of its end", async (t) => {
    const { bridge, cloud } = await linked(t, ["--token-life", "300"]);
    await cloud.line(/^ready:/);
    await bridge.pass(0.8 * 300 + 1);
    await cloud.line(/^told {2}renewal/);
    await changesArrive(bridge, cloud, 3);
    assert.equal((await cloud.stats()).refused, 0);
});

test("429 with Retry-After, 5xx, lost answers and 401: all delivered in the end", async (t) => {
    const { bridge, cloud } = await linked(t);
    await cloud.line(/^ready:/);
    for (const [word, said] of [
        ["rate-limit 2:2", /^told {2}state +429: /],
        ["fail 2:503", /^told {2}state +503: /],
        ["fail 1:500", /^told {2}state +500: /],
        ["lose 3", /; the answer was lost on purpose$/],
        ["refuse 1", /^told {2}state +401: /],
    ]) {
        await t.test(word, async () => {
            const from = cloud.lines.length;
            await cloud.type(word, /^the next/);
            await changesArrive(bridge, cloud, 5);
            const times = Number(/ (\d+)/.exec(word)[1]);
            await until(`${times} times`, () => cloud.lines.slice(from).filter((l) => said.test(l)).length === times, 60);
            await changesArrive(bridge, cloud, 1); // and afterwards all is as before
        });
    }
    const stats = await cloud.stats();
    assert.equal(stats.early, 0, "Retry-After is honoured");
    assert.equal(stats.refreshes, 1, "401 once is one refresh, and nothing else is");
    assert.equal(stats.malformed, 0);
});

test("a callback without an answer is sent again", async (t) => {
    const { bridge, cloud } = await linked(t, ["--hang", "1:30"]);
    await cloud.line(/^ready:/);
    await changesArrive(bridge, cloud, 2);
    assert.match(cloud.output, /left without an answer on purpose/);
});

test("token requests that fail, come too often or get no answer are made again", async (t) => {
    const { bridge, cloud } = await linked(t, ["--token-fail", "2:502", "--token-rate-limit", "1:2"]);
    await cloud.line(/^ready:/, 0, 60); // the code was exchanged in the end
    await cloud.type("token-fail 1:503", /^the next/);
    await cloud.type("expire", /refused from now on/);
    await changesArrive(bridge, cloud, 5);
    const stats = await cloud.stats();
    assert.deepEqual([stats.grants, stats.refreshes, stats.early], [1, 1, 0]);
});

test("the answer to a refresh is lost: the link asks for a grant with the next discovery, and then all is told", async (t) => {
    const { bridge, cloud } = await linked(t);
    await cloud.line(/^ready:/);
    await cloud.type("token-lose 1", /^the next/);
    await cloud.type("expire", /refused from now on/);
    await bridge.place.runBeside(["light", (await bridge.lights())[0].id, "level", "33"]);
    await cloud.line(/renewed; the answer was lost on purpose/);
    await cloud.line(/INVALID-TOKEN: the refresh token was used already/);
    await until("the link to say so", async () => (await bridge.links())[0].callback.state === "needs_grant");
    await cloud.type("discover", /^ok {4}callbacks/);
    await changesArrive(bridge, cloud, 5);
    const stats = await cloud.stats();
    assert.deepEqual([stats.grants, stats.refreshes], [2, 1]);
});

test("words that are typed", async (t) => {
    const { bridge, cloud } = await linked(t);
    await cloud.line(/^ready: 22 devices/); // two of the 24 are plugs, which nobody asked to be shown
    const states = async () => Object.fromEntries((await bridge.lights()).map((l) => [l.name, l.state]));
    for (const [word, answer] of [
        ["level Virtual 1 (color) 40", /^ok {4}command .*: on, 40 %/],
        ["kelvin Virtual 1 (color) 2700", /^ok {4}command .* 2700 K/],
        ["color Virtual 1 (color) 33.5 80", /^ok {4}command .*hue 33.5, saturation 80/],
        ["refresh Virtual 1 (color)", /^ok {4}command/],
        ["off Virtual 1 (color)", /^ok {4}command .*: off/],
        ["on Virtual 24 (level only)", /^ok {4}command/],
        ["kelvin Virtual 4 (on and off) 2700", /^FAIL {2}command .*CAPABILITY-NOT-SUPPORTED/],
        ["level Virtual 1 (color) 101", /^FAIL {2}command .*RESOURCE-CONSTRAINT-VIOLATION/],
        ["level Virtual 1 (color)", /^level takes NAME NUMBER/],
        ["on Nobody", /^no device is called Nobody/],
        ["dance", /^there is no word dance/],
        ["rate-limit x", /^rate-limit takes how many times/],
        ["complain anonymously", /^ok {4}complaint/],
        ["renew", /^ok {4}renew/],
        ["refresh", /^ok {4}refresh/],
        ["grant", /^ok {4}callbacks/],
        ["help", /help, quit/],
    ]) {
        await cloud.type(word, answer);
    }
    const now = await states();
    assert.deepEqual([now["Virtual 1 (color)"].on, now["Virtual 24 (level only)"].level > 0], [false, true]);
    // many lines at once are done one after the other
    await cloud.type("on Virtual 1 (color)\nlevel Virtual 1 (color) 20\nlevel Virtual 1 (color) 30\noff Virtual 1 (color)\nstats", /^grants 2/);
    assert.match((await cloud.picture())["Virtual 1 (color)"], /^off, 30 %/);
    await cloud.type("unlink", /^ok {4}unlink/);
    await cloud.type("discover", /^there is no link yet/);
    await cloud.type("link", /^ok {4}token/);
    cloud.child.stdin.write("quit\n");
    await cloud.ended;
    assert.equal(cloud.end.code, 0);
});

test("without a keyboard it stays until it is told to end", async (t) => {
    const { cloud } = await linked(t);
    cloud.child.stdin.end();
    await cloud.line(/^ready:/);
    assert.equal(cloud.end, undefined);
});

// ---- a partner cloud that somebody else wrote ----

/** SchemaConnector behind express, and an OAuth server just large enough. `spoil` changes what it does. */
async function partner(t, spoil = {}) {
    const seen = { requests: [], grants: [], access: "our-access" };
    const lamps = { a: { name: "Desk", level: 10, on: false } };
    const states = (id) => [
        { component: "main", capability: "st.healthCheck", attribute: "healthStatus", value: "online" },
        { component: "main", capability: "st.switch", attribute: "switch", value: lamps[id].on ? "on" : "off" },
        { component: "main", capability: "st.switchLevel", attribute: "level", value: spoil.level ?? lamps[id].level },
    ];
    const connector = new schema.SchemaConnector()
        .clientId(callbackClient.id)
        .clientSecret(callbackClient.secret)
        .discoveryHandler((token, response) => {
            for (const [id, lamp] of Object.entries(lamps)) {
                response.addDevice(id, lamp.name, spoil.type ?? "c2c-dimmer").manufacturerName("m").modelName("n");
            }
        })
        .stateRefreshHandler((token, response, data) => {
            if (spoil.expires && token === "our-access") {
                return response.setError("too old", "TOKEN-EXPIRED"); // with status 500, as the library does
            }
            for (const device of data.devices) {
                response.addDevice(device.externalDeviceId, states(device.externalDeviceId));
            }
        })
        .commandHandler((token, response, devices) => {
            for (const device of devices) {
                for (const command of device.commands) {
                    lamps[device.externalDeviceId].level = command.arguments[0] ?? lamps[device.externalDeviceId].level;
                    lamps[device.externalDeviceId].on = command.command !== "off";
                }
                response.addDevice(device.externalDeviceId, states(device.externalDeviceId));
            }
        })
        .callbackAccessHandler((token, authentication, urls) => {
            seen.grants.push({ token, authentication, urls });
        })
        .integrationDeletedHandler((token) => {
            seen.deleted = token;
        })
        .interactionResultHandler(() => {});
    const app = express();
    app.use(express.json(), express.urlencoded({ extended: false }));
    let query;
    app.get("/oauth/authorize", (request, response) => {
        query = request.originalUrl.slice(request.originalUrl.indexOf("?") + 1); // state may hold another
        response.send('<form method="post" action="/login"><input name="user"><input type="password" name="pass"><button>Go</button></form>');
    });
    app.post("/login", (request, response) => {
        assert.deepEqual(request.body, { user: account.name, pass: account.password });
        response.send('<form method="post" action="/allow"><button name="answer" value="no">No</button><button name="answer" value="yes">Yes</button></form>');
    });
    app.post("/allow", (request, response) => {
        const raw = /(?:^|&)state=([^&]*)/.exec(query)[1];
        const state = spoil.state ? encodeURIComponent(decodeURIComponent(raw.replaceAll("+", " "))) : raw;
        const to = new URLSearchParams(query).get("redirect_uri");
        // not response.redirect(), which encodes anew
        response.writeHead(spoil.redirect ?? 302, { location: `${to}?code=c0de&state=${state}` }).end();
    });
    app.post("/oauth/token", (request, response) => {
        assert.equal(request.headers.authorization, `Basic ${Buffer.from(`smartthings:${encodeURIComponent(clientSecret)}`).toString("base64")}`);
        seen.tokens = request.body;
        seen.access = request.body.grant_type === "refresh_token" ? "newer-access" : "our-access";
        response.json({ access_token: seen.access, token_type: "Bearer", expires_in: 3600, refresh_token: "our-refresh" });
    });
    app.post("/smartthings/schema", (request, response) => {
        seen.requests.push(request.body);
        return connector.handleHttpCallback(request, response);
    });
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
        server.closeAllConnections();
        server.close();
    });
    return { url: `http://127.0.0.1:${server.address().port}`, seen, lamps };
}

test("SmartThings' own library understands the simulated SmartThings", async (t) => {
    const cloud = await partner(t);
    const smartthings = new SmartThings(t, scratch(t), cloud.url);
    await smartthings.line(/^ready: 1 devices/);
    assert.deepEqual(smartthings.steps.filter((s) => !/grant|callbacks/.test(s)), passed(whole.filter((s) => !["grant", "callbacks", "renew", "unlink"].includes(s))));
    assert.equal(cloud.seen.tokens.code, "c0de");
    assert.equal(cloud.lamps.a.level, 40);

    await t.test("callback access: its token request is served", async () => {
        await smartthings.type("grant", /^ok {4}callbacks/);
        await until("the tokens", () => cloud.seen.grants.length === 1);
        const { authentication } = cloud.seen.grants[0];
        assert.equal(authentication.tokenType, "Bearer");
        assert.equal(authentication.expiresIn, 86400);
        assert.ok(authentication.accessToken && authentication.refreshToken);
    });

    const { authentication, urls } = cloud.seen.grants[0];
    const online = { component: "main", capability: "st.healthCheck", attribute: "healthStatus", value: "online" };
    const tell = (level, renewed) =>
        new StateUpdateRequest(callbackClient.id, callbackClient.secret).updateState(
            urls,
            authentication,
            [{ externalDeviceId: "a", states: [online, { component: "main", capability: "st.switchLevel", attribute: "level", value: level }] }],
            renewed,
        );

    await t.test("its state callbacks are taken", async () => {
        await tell(77);
        await smartthings.line(/^told {2}state +Desk: 77 %/);
    });

    await t.test("an expired token makes it renew, once, and say it again", async () => {
        await smartthings.type("expire", /refused from now on/);
        let renewed;
        await tell(55, (tokens) => (renewed = tokens));
        await smartthings.line(/^told {2}state +Desk: 55 %/);
        assert.notEqual(renewed.refreshToken, authentication.refreshToken);
        const stats = await smartthings.stats();
        assert.deepEqual([stats.grants, stats.refreshes, stats.refused, stats.malformed], [1, 1, 1, 0]);
        // the refresh token was used up by that
        await assert.rejects(tell(44, () => {}));
        Object.assign(authentication, renewed);
    });

    await t.test("its discovery callback is taken", async () => {
        const request = new DiscoveryRequest(callbackClient.id, callbackClient.secret);
        for (const [id, name] of [["a", "Desk"], ["b", "Shelf"]]) {
            request.addDevice({ externalDeviceId: id, friendlyName: name, deviceHandlerType: "c2c-switch", manufacturerInfo: { manufacturerName: "m", modelName: "n" } });
        }
        await request.sendDiscovery(urls, authentication);
        await smartthings.line(/^told {2}devices +Desk: changed; Shelf: new/);
    });

    await t.test("what is wrong with a callback is told and refused", async () => {
        await assert.rejects(tell("high"));
        assert.match(await smartthings.line(/^told {2}state +400: /), /BAD-REQUEST: Desk: level is told of a device whose handler type has none/);
    });

    await t.test("a complaint and the end", async () => {
        await smartthings.type("complain", /^ok {4}complaint/);
        await smartthings.type("unlink", /^ok {4}unlink/);
        assert.equal(cloud.seen.deleted, "our-access");
    });

    await t.test("every request is in the envelope of the captures", () => {
        const types = cloud.seen.requests.map((r) => r.headers.interactionType);
        assert.deepEqual(types, ["discoveryRequest", "stateRefreshRequest", "commandRequest", "grantCallbackAccess", "interactionResult", "integrationDeleted"]);
        for (const request of cloud.seen.requests) {
            assert.deepEqual({ ...request.headers, requestId: "" }, { schema: "st-schema", version: "1.0", interactionType: request.headers.interactionType, requestId: "" });
            assert.match(request.headers.requestId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
            assert.deepEqual(request.authentication, { tokenType: "Bearer", token: "our-access" });
        }
        assert.deepEqual(cloud.seen.requests[2].devices, [
            { externalDeviceId: "a", commands: [{ component: "main", capability: "st.switchLevel", command: "setLevel", arguments: [40] }] },
        ]);
    });
});

test("TOKEN-EXPIRED: the token is renewed, and the same asked once more", async (t) => {
    const cloud = await partner(t, { expires: true });
    const smartthings = new SmartThings(t, scratch(t), cloud.url);
    await smartthings.line(/^ready: 1 devices/);
    assert.deepEqual(smartthings.steps.slice(5), passed(["refresh", "renew", "refresh", "command"]));
    assert.deepEqual(cloud.seen.tokens, { grant_type: "refresh_token", refresh_token: "our-refresh" });
    assert.deepEqual(cloud.seen.requests.slice(1).map((r) => r.authentication.token), ["our-access", "newer-access", "newer-access"]);
    assert.equal((await smartthings.stats())["asked again"], 1);
});

test("a partner that does it wrong is told so", async (t) => {
    for (const [spoil, step, got] of [
        [{ state: true }, "consent", /state came back as .*, but was sent as/],
        [{ redirect: 307 }, "consent", /status 307: a browser would post the form/],
        [{ type: "c2c-outlet" }, "discovery", /c2c-outlet, which SmartThings does not have/],
        [{ level: 40.5 }, "refresh", /Desk: level is 40.5, not a whole number from 0 to 100/],
        [{ level: 7 }, "command", /Desk: the command was answered, but its state is on, 7 %/],
    ]) {
        const cloud = await partner(t, spoil);
        const smartthings = new SmartThings(t, scratch(t), cloud.url, ["--once"]);
        await smartthings.ended;
        assert.equal(smartthings.end.code, 1, smartthings.output);
        assert.ok(smartthings.steps.includes(`FAIL ${step}`), smartthings.output);
        assert.match(smartthings.lines.find((l) => l.startsWith("FAIL")), got);
    }
});

test("as a webhook SmartApp sees it: a whole round, with calls that are limited, late, lost or refused", async (t) => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const smartapp = { client_id: "c", client_secret_file: "smartthings.secret", api_url: url, key_url: url, profiles: { color_temperature_and_color: "p0", color: "p1", color_temperature: "p2", dimmer: "p3", switch: "p4" } };
    const bridge = await startBridge(t, { extra: { smartthings: { ...(await installation(t, { withAccount: false })).config.smartthings, smartapp }, virtual: { lights: 3 } } });
    const cloud = new SmartThings(t, bridge.folder, bridge.publicUrl, ["--listen", `127.0.0.1:${port}`]);
    await cloud.line(/^ready: /);
    const round = ["app-page", "authorize", "login", "consent", "app-callback", "app-choice", "app-install", "app-devices", "app-command", "app-end"];
    for (const fault of [undefined, "rate-limit 2:1", "hang 1:2", "fail 2:503", "lose 1"]) {
        if (fault) {
            await cloud.type(fault, /^the next/);
        }
        const from = cloud.steps.length;
        await cloud.type("smartapp", /^(ok +app-end|FAIL)/);
        assert.deepEqual(cloud.steps.slice(from), round.map((name) => `ok ${name}`), `${fault}\n${cloud.output}`);
    }
    assert.ok(cloud.told("deviceEvents").some((l) => /429: too many requests/.test(l)));
    assert.ok(cloud.told("deviceEvents").some((l) => /503: failed/.test(l)));
    assert.match(await cloud.type("help", /^  smartapp /), /smartapp/);
});
