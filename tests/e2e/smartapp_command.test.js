// lightbridge smartapp: what is to be done at SmartThings, beside the same requests of SmartThings' own library.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { BearerTokenAuthenticator, SmartThingsClient } from "@smartthings/core-sdk";
import { startBridge, until } from "./harness.js";
import { SmartThings, appId, kinds } from "./smartapp.js";

async function start(t, more) {
    const st = await SmartThings.start(t);
    const bridge = await startBridge(t, { extra: { smartthings: st.config(more), virtual: { lights: 1 } } });
    const run = (word) => bridge.runBeside(["smartapp", word], { input: `${st.tokens.access}\n` });
    return { st, bridge, run };
}

test("profiles: five are made, once, as the library would, and printed as the configuration has them", async (t) => {
    const { st, bridge, run } = await start(t, { profiles: undefined });
    const first = await run("profiles");
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(st.profiles.map((p) => p.components[0].capabilities.map((c) => c.id)), [
        ["switch", "switchLevel", "colorTemperature", "colorControl", "healthCheck", "refresh"],
        ["switch", "switchLevel", "colorControl", "healthCheck", "refresh"],
        ["switch", "switchLevel", "colorTemperature", "healthCheck", "refresh"],
        ["switch", "switchLevel", "healthCheck", "refresh"],
        ["switch", "healthCheck", "refresh"],
    ]);
    assert.deepEqual([...first.stdout.matchAll(/^ {6}(\w+): (\S+)$/gm)].map((m) => [m[1], m[2]]), kinds.map((kind, i) => [kind, st.profiles[i].id]));
    const second = await run("profiles");
    assert.equal(second.stdout, first.stdout);
    assert.equal(st.profiles.length, kinds.length);

    const theirs = await SmartThings.start(t);
    const client = new SmartThingsClient(new BearerTokenAuthenticator(theirs.tokens.access), { urlProvider: { baseURL: theirs.url, authURL: "", keyApiURL: "" } });
    const [ours] = st.of("POST", /^\/deviceprofiles$/);
    await client.deviceProfiles.create(JSON.parse(ours.body));
    const [same] = theirs.of("POST", /^\/deviceprofiles$/);
    assert.deepEqual(JSON.parse(same.body), JSON.parse(ours.body));
    assert.equal(same.headers.authorization, ours.headers.authorization);
    assert.equal(same.path, ours.path);

    // what it printed is a configuration: it is put there, and check-config takes it
    const text = readFileSync(bridge.place.file, "utf8");
    const lines = first.stdout.split("\n").slice(2).join("\n");
    writeFileSync(bridge.place.file, text.replace(/^ {2}smartapp:\n/m, `  smartapp:\n${lines}`));
    const checked = await bridge.runBeside(["check-config"]);
    assert.equal(checked.code, 0, checked.stderr);
});

test("check: the wrong type (failure 21), another address, an address that was not confirmed (failure 20), all well", async (t) => {
    const { st, bridge, run } = await start(t);
    const target = `${bridge.publicUrl}/smartthings/smartapp`;
    const rows = [
        [{ appType: "API_ONLY" }, 1, /appType is API_ONLY; right would be WEBHOOK_SMART_APP/],
        [{ appType: "WEBHOOK_SMART_APP", webhookSmartApp: { targetUrl: "https://else.example/x" } }, 1, /targetUrl is https:\/\/else\.example\/x; right would be http/],
        [{ appType: "WEBHOOK_SMART_APP", webhookSmartApp: { targetUrl: target, targetStatus: "PENDING" } }, 1, /targetStatus is PENDING; .*register/],
        [{ appType: "WEBHOOK_SMART_APP", webhookSmartApp: { targetUrl: target, targetStatus: "CONFIRMED" } }, 0, /^ok /],
    ];
    for (const [app, code, said] of rows) {
        st.app = app;
        const ran = await run("check");
        assert.equal(ran.code, code, ran.stdout + ran.stderr);
        assert.match(ran.stdout, said);
    }
});

test("register: SmartThings asks again, and the bridge confirms", async (t) => {
    const { st, bridge, run } = await start(t);
    st.registered = () => st.lifecycle(bridge, "CONFIRMATION", { appId, confirmationUrl: `${st.url}/confirm?token=9` });
    assert.equal((await run("register")).code, 0);
    await until("the confirmation", () => st.confirmed.includes("/confirm?token=9"));
});

test("a token that is refused, none at all, an unknown word", async (t) => {
    const { bridge, run } = await start(t);
    const refused = await bridge.runBeside(["smartapp", "profiles"], { input: "wrong\n" });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /SmartThings answered 401 \(is the token's life over/);
    assert.equal((await bridge.runBeside(["smartapp", "profiles"], { input: "" })).code, 1);
    assert.equal((await run("dance")).code, 2);
});
