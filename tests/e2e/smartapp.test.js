// The webhook SmartApp: signed calls of SmartThings, its REST API, and the login between them.
import assert from "node:assert/strict";
import test from "node:test";
import { startAhead } from "./ahead.js";
import { Browser } from "./cloud.js";
import { installation, startBridge, until } from "./harness.js";
import { SmartThings, appId, installedAppId, locationId, newKey, profiles, reply } from "./smartapp.js";

const state = "a+b/c=%d~é \"'<>&;,:@$!*()";

async function start(t, { lights = 2, smartapp = {}, extra = {} } = {}) {
    const st = await SmartThings.start(t);
    const bridge = await startBridge(t, { extra: { smartthings: st.config(smartapp), virtual: { lights }, ...extra } });
    return { st, bridge };
}

/** The login that the page opens; returns where the browser is sent back to. */
async function login(st, bridge, text = state) {
    const { json } = await st.page(bridge);
    const setting = json.configurationData.page.sections[0].settings.find((s) => s.type === "OAUTH");
    const url = new URL(`${setting.urlTemplate}&state=${encodeURIComponent(text)}`);
    const page = await new Browser().consent(url.href);
    assert.equal(page.status, 303, page.html);
    const back = new URL(page.headers.get("location"));
    assert.equal(/state=[^&]*/.exec(back.search)[0], /state=[^&]*/.exec(url.search)[0]); // byte for byte
    return back;
}

const callback = (st, bridge, urlPath) => st.lifecycle(bridge, "OAUTH_CALLBACK", { installedAppId, urlPath });

async function linked(st, bridge, lights) {
    const back = await login(st, bridge);
    assert.equal((await callback(st, bridge, back.search)).status, 200);
    lights ??= (await bridge.lights()).map((l) => l.id);
    assert.equal((await st.install(bridge, lights)).status, 200);
    await until("the devices", () => st.devices.size === lights.length && [...st.devices.values()].every((d) => d.states));
    return lights;
}

const attempts = async (bridge) => JSON.parse((await bridge.runBeside(["links", "--json"])).stdout).attempts;
const refusals = async (bridge) => JSON.stringify(await attempts(bridge));

test("signatures", async (t) => {
    const { st, bridge } = await start(t);
    const ask = (change) => st.page(bridge, "", "INITIALIZE", change);
    const initialize = (change) => st.lifecycle(bridge, "CONFIGURATION", { installedAppId, phase: "INITIALIZE", pageId: "", config: {} }, change);

    await t.test("a call that SmartThings signed is answered, its key is asked for once", async () => {
        for (const zone of ["UTC", "GMT"]) {
            const { status, json } = await initialize({ zone });
            assert.equal(status, 200);
            assert.equal(json.configurationData.initialize.firstPageId, "login");
        }
        assert.equal(st.of("GET", /^\/pl\//).length, 1);
        assert.equal((await ask()).status, 200);
    });

    await t.test("PING comes unsigned", async () => {
        const { status, json } = await st.lifecycle(bridge, "PING", { challenge: "c-1" }, { unsigned: true });
        assert.equal(status, 200);
        assert.deepEqual(json, { pingData: { challenge: "c-1" } });
    });

    const minutes = (n) => new Date(Date.now() + n * 60000);
    const rows = [
        ["unsigned", { unsigned: true }, "unsigned", "smartapp_unsigned"],
        ["another body", { body: JSON.stringify({ lifecycle: "CONFIGURATION", configurationData: { installedAppId, phase: "PAGE" } }) }, "digest", "smartapp_digest"],
        ["another path", { signedPath: "/somewhere/else" }, "signature", "smartapp_signature"],
        ["a date of six minutes ago", { date: minutes(-6) }, "date", "smartapp_date"],
        ["a date in six minutes", { date: minutes(6) }, "date", "smartapp_date"],
        ["another date than was signed", { headers: { date: minutes(1).toUTCString() } }, "signature", "smartapp_signature"],
        ["another key", { key: newKey() }, "signature", "smartapp_signature"],
        ["a key that the host does not know", { keyId: "/pl/useast1/unknown" }, "key fetch", "smartapp_key_fetch"],
        ["a key id that leads elsewhere", { keyId: "/pl/../../etc" }, "key id", "smartapp_key_id"],
        ["a key id with a query", { keyId: "/pl/x?y" }, "key id", "smartapp_key_id"],
        ["a key id of another host", { keyId: "//evil.example.org/x" }, "key id", "smartapp_key_id"],
        ["a digest that is not signed", { covered: ["(request-target)", "date"] }, "covered headers", "smartapp_signature_malformed"],
        ["a header that is none", { headers: { authorization: "Signature keyId=1" } }, "signature header", "smartapp_signature_malformed"],
    ];
    for (const [name, change, step, cause] of rows) {
        await t.test(`refused: ${name}`, async () => {
            const { status, json } = await initialize(change);
            assert.equal(status, 401);
            assert.deepEqual(json, { error: "invalid_signature", error_description: step });
            assert.match(await refusals(bridge), new RegExp(`"${cause}"`));
        });
    }

    await t.test("refused: the same again", async () => {
        const date = new Date();
        const document = { lifecycle: "CONFIGURATION", executionId: "e", configurationData: { installedAppId, phase: "INITIALIZE" } };
        assert.equal((await st.call(bridge, document, { date })).status, 200);
        const again = await st.call(bridge, document, { date });
        assert.equal(again.status, 401);
        assert.equal(again.json.error_description, "replay");
        assert.match(await refusals(bridge), /"smartapp_replay"/);
    });
    assert.equal(st.of("GET", /etc|evil|\?/).length, 0);
});

test("CONFIRMATION: the address is asked for where its host is allowed, for our app alone", async (t) => {
    const { st, bridge } = await start(t);
    const confirm = (confirmationUrl, app = appId) => st.lifecycle(bridge, "CONFIRMATION", { appId: app, confirmationUrl });
    const good = await confirm(`${st.url}/confirm?token=1`);
    assert.deepEqual(good.json, { targetUrl: `${bridge.publicUrl}/smartthings/smartapp` });
    await until("the confirmation", () => st.confirmed.includes("/confirm?token=1"));

    assert.equal((await confirm("https://api.smartthings.example.org/confirm?token=2")).status, 422);
    assert.match(await refusals(bridge), /"smartapp_confirmation_host"/);
    assert.equal((await confirm(`${st.url}/confirm?token=3`, "0a1b2c3d-ffff-ffff-ffff-000000000000")).status, 403);
    assert.match(await refusals(bridge), /"smartapp_other_app"/);
    st.faults.push({ method: "GET", match: /^\/confirm/, answer: (req, res) => reply(res, 410, "{}") });
    assert.equal((await confirm(`${st.url}/confirm?token=4`)).status, 200);
    await until("the failed confirmation", async () => /"smartapp_confirmation_failed"/.test(await refusals(bridge)));
    assert.deepEqual(st.confirmed, ["/confirm?token=1"]);
});

test("a login, an installation, commands and states", async (t) => {
    const { st, bridge } = await start(t, { lights: 3 });
    const back = await login(st, bridge);

    await t.test("the browser goes back to SmartThings with its state byte for byte", () => {
        assert.equal(back.origin + back.pathname, `${st.url}/oauth/callback`);
        assert.equal(back.searchParams.get("state"), state);
    });
    await t.test("the code that comes back is redeemed before the answer, and the next page shows who is linked", async () => {
        assert.deepEqual((await callback(st, bridge, back.search)).json, { oAuthCallbackData: {} });
        const { page } = (await st.page(bridge)).json.configurationData;
        assert.equal(page.complete, true);
        assert.match(JSON.stringify(page), /linked as anna/);
        const { options } = page.sections[0].settings.find((s) => s.id === "lights");
        assert.deepEqual(options.map((o) => o.id).sort(), (await bridge.lights()).map((l) => l.id).sort());
    });

    const lights = await bridge.lights();
    await t.test("each lamp that was chosen becomes a device with its state", async () => {
        assert.deepEqual((await st.install(bridge, [lights[0].id, lights[1].id])).json, { installData: {} });
        await until("two devices", () => st.devices.size === 2 && [...st.devices.values()].every((d) => d.states));
        const created = st.of("POST", /^\/devices$/).map((r) => JSON.parse(r.body));
        assert.deepEqual(created.map((d) => d.app.externalId).sort(), [lights[0].id, lights[1].id].sort());
        assert.ok(created.every((d) => d.locationId === locationId && d.app.installedAppId === installedAppId));
        assert.ok(created.every((d) => Object.values(profiles).includes(d.app.profileId)));
    });

    const deviceOf = (light) => [...st.devices.values()].find((d) => d.app.externalId === light.id);
    await t.test("a command is done at once, and its outcome is told", async () => {
        const { deviceId } = deviceOf(lights[0]);
        const answer = await st.command(bridge, deviceId, ["switch", "on"], ["switchLevel", "setLevel", 42]);
        assert.deepEqual(answer.json, { eventData: {} });
        await until("its state", () => st.devices.get(deviceId).states["switchLevel.level"] === 42);
        assert.equal(st.devices.get(deviceId).states["switch.switch"], "on");
        assert.equal(st.devices.get(deviceId).states["healthCheck.healthStatus"], "online");
    });
    await t.test("a change that somebody else makes is told", async () => {
        const { deviceId } = deviceOf(lights[1]);
        await bridge.runBeside(["light", lights[1].id, "level", "17"]);
        await until("the change", () => st.devices.get(deviceId).states["switchLevel.level"] === 17);
    });
    await t.test("a new name is a new label; another choice makes and deletes devices", async () => {
        await bridge.runBeside(["light", lights[0].id, "--name", "Café lamp"]);
        await until("the label", () => deviceOf(lights[0]).label === "Café lamp");
        assert.deepEqual((await st.install(bridge, [lights[0].id, lights[2].id], "UPDATE")).json, { updateData: {} });
        await until("the other device", () => deviceOf(lights[2]) && !deviceOf(lights[1]));
    });
    await t.test("a device that was removed in the app does not come back by itself", async () => {
        const { deviceId } = deviceOf(lights[2]);
        st.devices.delete(deviceId);
        const event = { eventId: "e", lifecycle: "DELETE", deviceId, locationId };
        await st.events(bridge, { eventType: "DEVICE_LIFECYCLE_EVENT", deviceLifecycleEvent: event }, { eventType: "TIMER_EVENT", timerEvent: { name: "n" } }, { eventType: "MODE_EVENT", modeEvent: {} });
        const creations = st.of("POST", /^\/devices$/).length;
        await bridge.runBeside(["light", lights[2].id, "off"]);
        await st.command(bridge, deviceOf(lights[0]).deviceId, ["switch", "off"]);
        await until("the other lamp", () => deviceOf(lights[0]).states["switch.switch"] === "off");
        assert.equal(st.of("POST", /^\/devices$/).length, creations);
    });
    await t.test("EXECUTE is answered, an unknown lifecycle and an unknown app are refused", async () => {
        assert.equal((await st.lifecycle(bridge, "EXECUTE", { installedApp: st.installedApp([]), parameters: {} })).status, 200);
        assert.equal((await st.lifecycle(bridge, "SOMETHING", {})).status, 422);
        const other = { installedApp: { installedAppId: "nobody" }, events: [] };
        assert.equal((await st.lifecycle(bridge, "EVENT", other)).status, 422);
    });
    await t.test("UNINSTALL ends the link, once and again", async () => {
        for (let i = 0; i < 2; i++) {
            assert.deepEqual((await st.lifecycle(bridge, "UNINSTALL", { installedApp: st.installedApp([]) })).json, { uninstallData: {} });
        }
        await until("the end", async () => (await bridge.links()).every((l) => l.ended_at));
    });
});

test("a login that comes to nothing says so on the next page, and its step is in the traces", async (t) => {
    const { st, bridge } = await start(t);
    const other = await login(st, bridge);
    const rows = [
        ["?error=access_denied&state=x", "smartapp_login_denied"],
        ["?state=x", "smartapp_callback_malformed"],
        ["?code=c", "smartapp_callback_malformed"],
        ["?code=a&code=b&state=x", "smartapp_callback_malformed"],
        ["?code=nonsense&state=x", "smartapp_code_refused"],
    ];
    for (const [urlPath, cause] of rows) {
        assert.equal((await callback(st, bridge, urlPath)).status, 200);
        const { page } = (await st.page(bridge)).json.configurationData;
        assert.equal(page.complete, false);
        assert.ok(page.sections[0].settings.some((s) => s.type === "PARAGRAPH"), urlPath);
        assert.match(await refusals(bridge), new RegExp(`"${cause}"`));
    }
    // a code of this bridge, brought to another installed app than the one whose page opened the login
    const stolen = await st.lifecycle(bridge, "OAUTH_CALLBACK", { installedAppId: "another-app", urlPath: other.search });
    assert.equal(stolen.status, 200);
    const { page } = (await st.lifecycle(bridge, "CONFIGURATION", { installedAppId: "another-app", phase: "PAGE" })).json.configurationData;
    assert.equal(page.complete, false);
});

test("the second spelling of OAUTH_CALLBACK and of the lifecycle", async (t) => {
    const { st, bridge } = await start(t);
    const back = await login(st, bridge);
    const answer = await st.call(bridge, { messageType: "OAUTH_CALLBACK", oauthCallbackData: { installedAppId, urlPath: back.href } });
    assert.equal(answer.status, 200);
    assert.equal((await st.page(bridge)).json.configurationData.page.complete, true);
});

test("tokens are renewed once, also over a crash, and 429 and 422 are heeded", async (t) => {
    const { st, bridge } = await start(t);
    const lights = await linked(st, bridge);
    const device = [...st.devices.values()].find((d) => d.app.externalId === lights[0]);

    await t.test("401: one renewal for all, then what was to be said", async () => {
        st.tokens.access = "ended-over-there";
        for (const [i, light] of lights.entries()) {
            await bridge.runBeside(["light", light, "level", String(11 + i)]);
        }
        await until("the states", () => [...st.devices.values()].every((d) => d.states["switchLevel.level"] < 13));
        const renewals = st.of("POST", /^\/oauth\/token$/);
        assert.equal(renewals.length, 1);
        assert.equal(renewals[0].headers.authorization, `Basic ${Buffer.from("st-client:s3cret-of-smartthings%20%26%20co").toString("base64")}`);
        assert.equal(renewals[0].body, "grant_type=refresh_token&client_id=st-client&refresh_token=st-refresh-1");
    });
    await t.test("429: this device is left alone until then, others are not", async () => {
        st.faults.push({ method: "POST", match: /events$/, answer: (req, res) => reply(res, 429, "{}", undefined, { "x-ratelimit-reset": "2" }) });
        const before = st.of("POST", /events$/).length;
        await bridge.runBeside(["light", lights[0], "level", "33"]);
        await until("the 429", () => st.of("POST", /events$/).length > before);
        await bridge.runBeside(["light", lights[1], "level", "34"]);
        await until("the state", () => device.states["switchLevel.level"] === 33);
        const told = st.of("POST", /events$/).slice(before).map((r) => r.path.includes(device.deviceId));
        assert.deepEqual(told, [true, false, true]);
    });
    await t.test("422: what was refused is not said again, what comes next is", async () => {
        st.faults.push({ method: "POST", match: /events$/, answer: (req, res) => reply(res, 422, "{\"error\":{}}") });
        await bridge.runBeside(["light", lights[0], "level", "34"]);
        await until("the refusal", async () => /"smartapp_device_refused"/.test(await refusals(bridge)) || /smartapp_device_refused/.test(JSON.stringify(await bridge.links())));
        await bridge.runBeside(["light", lights[0], "level", "35"]);
        await until("the next state", () => device.states["switchLevel.level"] === 35);
    });
    await t.test("a restart knows its devices, and asks for them before it makes any", async () => {
        const creations = st.of("POST", /^\/devices$/).length;
        await bridge.stop();
        const again = await startBridge(t, { place: bridge.place });
        st.tokens.access = "ended-again";
        await again.runBeside(["light", lights[0], "level", "71"]);
        await until("the state", () => device.states["switchLevel.level"] === 71);
        assert.equal(st.of("POST", /^\/devices$/).length, creations);
        assert.equal(st.of("POST", /^\/oauth\/token$/).length, 2);
    });
});

/** A bridge whose clocks the test sets forward. */
async function startForward(t) {
    const st = await SmartThings.start(t);
    const place = await installation(t, { extra: { smartthings: st.config(), virtual: { lights: 1 } } });
    return { st, bridge: await startAhead(t, place) };
}

test("failure 1: SmartThings does not bring the code: the trace says why that may be", async (t) => {
    const { st, bridge } = await startForward(t);
    await login(st, bridge);
    await bridge.pass(31);
    await until("the finding", async () => (await attempts(bridge)).some((a) => a.finding?.cause === "smartapp_no_oauth_callback" && a.finding.step === "token"));
    const [attempt] = (await attempts(bridge)).filter((a) => a.finding);
    assert.match(attempt.finding.advice, /byte for byte/);
    assert.match(attempt.events.find((e) => e.step === "code").got, /a state of \d+ bytes/);
});

test("a key that rotates under its id: the new one is asked for and counts, the old one does no more", async (t) => {
    const { st, bridge } = await startForward(t);
    const old = st.key;
    assert.equal((await st.page(bridge)).status, 200);
    st.rotate();
    assert.equal((await st.page(bridge)).status, 401); // asked for a moment ago: not again at everybody's call
    await bridge.pass(61);
    assert.equal((await st.page(bridge)).status, 200);
    assert.equal(st.of("GET", /^\/pl\//).length, 2);
    const refused = await st.lifecycle(bridge, "CONFIGURATION", { installedAppId, phase: "INITIALIZE" }, { key: old });
    assert.equal(refused.status, 401);
    assert.equal(refused.json.error_description, "signature");
});

test("a renewal that is cut off by a crash is made again with the same token; one that was refused waits for an UPDATE", async (t) => {
    const { st, bridge } = await start(t);
    const [light] = await linked(st, bridge);
    const device = [...st.devices.values()].find((d) => d.app.externalId === light);
    const renewals = () => st.of("POST", /^\/oauth\/token$/).map((r) => new URLSearchParams(r.body).get("refresh_token"));
    st.faults.push({ method: "POST", match: /^\/oauth\/token$/, answer: () => {} }); // no answer
    st.tokens.access = "ended";
    await bridge.runBeside(["light", light, "level", "21"]);
    await until("the renewal", () => renewals().length === 1);
    await bridge.crash();
    const again = await startBridge(t, { place: bridge.place });
    await until("the renewal", () => renewals().length === 2);
    assert.deepEqual(renewals(), ["st-refresh-1", "st-refresh-1"]);
    await again.runBeside(["light", light, "level", "23"]); // a virtual lamp forgets with the program
    await until("the state", () => device.states["switchLevel.level"] === 23);

    st.tokens = { access: "st-access-9", refresh: "st-refresh-9" };
    await again.runBeside(["light", light, "level", "22"]);
    await until("the refusal", async () => /"smartapp_token_refused"/.test(JSON.stringify(await again.links())));
    assert.deepEqual(renewals().slice(2), ["st-refresh-2"]);
    await st.install(again, [...st.devices.values()].map((d) => d.app.externalId), "UPDATE");
    await until("the state after the UPDATE", () => device.states["switchLevel.level"] === 22);
});

test("a link that was ended: its lamps are not driven, and the page opens the login again", async (t) => {
    const { st, bridge } = await start(t);
    const [light] = await linked(st, bridge);
    const device = [...st.devices.values()].find((d) => d.app.externalId === light);
    const before = device.states["switch.switch"];
    const [link] = (await bridge.links()).filter((l) => !l.ended_at);
    assert.equal((await bridge.runBeside(["unlink", link.id])).code, 0);
    assert.equal((await st.command(bridge, device.deviceId, ["switch", before === "on" ? "off" : "on"])).status, 200);
    assert.equal((await st.page(bridge)).json.configurationData.page.complete, false);
    const { state: now } = (await bridge.lights()).find((l) => l.id === light);
    assert.equal(now.on, before === "on");

    const back = await login(st, bridge);
    await callback(st, bridge, back.search);
    assert.equal((await st.page(bridge)).json.configurationData.page.complete, true);
    await st.command(bridge, device.deviceId, ["switch", before === "on" ? "off" : "on"]);
    await until("the lamp", async () => device.states["switch.switch"] !== before);
});
