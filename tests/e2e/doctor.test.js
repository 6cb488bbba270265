// lightbridge doctor against the real daemon, in each state that goes wrong: the check that is to fail is named, with its
// reason and its fix, and no other. What needs a network or file systems of its own is in doctor_house.test.js.
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createRawServer } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { startAhead } from "./ahead.js";
import { Browser, Cloud } from "./cloud.js";
import { Authority, NAME, behind, doctor, finds, proxy } from "./doctor.js";
import { callbackClient, clientSecret, freePort, installation, scratch, startBridge, startBroker, startSim, until } from "./harness.js";

test("all is well: exit 0, and the table says so", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { extra: { virtual: { lights: 2 } } });
    const found = await doctor(bridge, seen);
    assert.deepEqual([found.bad, found.skipped], [[], ["clock", "callback-hosts", "links"]]);
    const table = await bridge.runBeside(["doctor", ...seen]);
    assert.match(table.stdout, /^ok +leads to this bridge /m);
    assert.match(table.stdout, /all is well\n$/);
});

const certificates = {
    expired: [{ days: -1 }, "expiry failed", /has expired/, /renew it now/],
    "5 days left": [{ days: 5 }, "expiry failed", /ends in [45] days/, /by hand/],
    "20 days left": [{ days: 20 }, "expiry warning", /ends in (19|20) days/, /by itself/],
    "wrong name": [{ name: "other.test" }, "certificate-name failed", /not for lights\.test but for other\.test/, /name in public\.url/],
    "missing intermediate": [{ chain: false }, "chain failed", /alone.*middle/, /fullchain\.pem/],
    "self-signed": [{ self: true }, "chain failed", /self-signed/, /Let's Encrypt/],
};
for (const [name, [certificate, ...verdict]] of Object.entries(certificates)) {
    for (const own of [false, true]) {
        test(`certificate: ${name}, ${own ? "at the bridge's own listener" : "at a proxy"}`, { timeout: 60_000 }, async (t) => {
            const { bridge, seen } = await behind(t, certificate, { own });
            finds(await doctor(bridge, seen), ...verdict);
        });
    }
}

test("the bridge's own listener, and all is well", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { own: true });
    const found = await doctor(bridge, seen);
    assert.deepEqual(found.bad, []);
    assert.match(found.of("tls").reason, /^TLSv1\.[23]$/);
    assert.match(found.of("chain").reason, /^2 certificates, trusted/);
});

for (const version of ["TLSv1", "TLSv1.1"]) {
    test(`nothing newer than ${version} is spoken`, { timeout: 60_000 }, async (t) => {
        const { bridge, authority, seen } = await behind(t);
        const old = { ...authority.server(), minVersion: version, maxVersion: version, ciphers: "ALL:@SECLEVEL=0" };
        const [ca, file] = seen;
        const found = await doctor(bridge, [ca, file, "--connect", `127.0.0.1:${await proxy(t, bridge.publicPort, old)}`]);
        finds(found, "tls failed", new RegExp(`only ${version.replace(".", "\\.")} is spoken`), /TLS 1\.2 and 1\.3/);
        assert.match(found.of("bridge").reason, /TLS/);
    });
}

test("the way in: TLS off, nobody there, silence, a name that does not resolve", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    const [ca, file] = seen;
    const at = (port) => doctor(bridge, [ca, file, "--connect", `127.0.0.1:${port}`]);
    finds(await at(bridge.publicPort), "tls failed", /no TLS comes of it: (what answers there speaks something else|it closed)/, /set public\.tls/);
    finds(await at(await freePort()), "public-url failed", /nothing can be reached at https:\/\/lights\.test/, /forward the port/);
    const closes = createRawServer((socket) => socket.end()).listen(0, "127.0.0.1");
    await once(closes, "listening");
    t.after(() => closes.close());
    finds(await at(closes.address().port), "tls failed", /closed the connection/, /set public\.tls/);
    finds(await doctor(bridge, [ca, file]), "public-url failed", /does not resolve/, /DNS entry/);
    finds(await doctor(bridge, ["--ca-file", join(bridge.folder, "token.key"), ...seen.slice(2)]), "tls failed", /token\.key: holds no certificate/, /must be PEM/);
});

test("who answers there: another lightbridge, no lightbridge, nobody", { timeout: 60_000 }, async (t) => {
    const { bridge, authority, seen } = await behind(t);
    const [ca, file] = seen;
    const leads = async (port) => doctor(bridge, [ca, file, "--connect", `127.0.0.1:${await proxy(t, port, authority.server())}`]);
    const other = await startBridge(t, { extra: { virtual: { lights: 1 } } });
    finds(await leads(other.publicPort), "bridge failed", /another lightbridge answers there/, /lead the name to this machine/);
    for (const [status, body] of [[200, '{"status":"ok"}'], [404, "not found"]]) {
        const stranger = createServer((request, response) => response.writeHead(status).end(body)).listen(0, "127.0.0.1");
        await once(stranger, "listening");
        t.after(() => stranger.close());
        finds(await leads(stranger.address().port), "bridge failed", new RegExp(`status ${status}\\) is no lightbridge`), /leads to public\.listen/);
    }
    finds(await leads(await freePort()), "bridge failed", /healthz got no answer/, /leads to public\.listen/);
});

const urls = {
    "no public URL": [{ url: undefined }, /is not set/, /lightbridge setup/],
    "http, on this machine": [{ url: "http://127.0.0.1:8000" }, /is not https/, /https:\/\/NAME/],
    "https, but leading nowhere else by number": [{ url: "https://127.0.0.1" }, /nowhere but to this machine/, /from outside/],
    "https, but leading nowhere else": [{ url: "https://localhost" }, /nowhere but to this machine/, /from outside/],
};
for (const [name, [url, reason, fix]] of Object.entries(urls)) {
    test(`public URL: ${name}`, { timeout: 60_000 }, async (t) => {
        const bridge = await startBridge(t, { extra: { public: url, virtual: { lights: 1 } } });
        const found = await doctor(bridge);
        assert.ok(found.bad.includes("public-url failed"), found.bad);
        assert.match(found.of("public-url").reason, reason);
        assert.match(found.of("public-url").fix, fix);
    });
}

test("port 8443 is refused, and what needs the configuration is skipped", { timeout: 60_000 }, async (t) => {
    const place = await installation(t, { withAccount: false, extra: { public: { url: `https://${NAME}:8443` } } });
    const found = await doctor(place);
    finds(found, "configuration failed", /80 to 8002/, /check-config/);
    assert.ok(found.skipped.includes("daemon"));
});

test("the daemon does not run: that is the failure, and what needs it is skipped by name", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    await bridge.stop();
    const found = await doctor(bridge, seen);
    finds(found, "daemon failed", /does not answer at .*control\.sock/, /systemctl start lightbridge/);
    for (const name of ["drivers", "lamps", "bridge", "links", "attempts"]) {
        assert.match(found.of(name).reason, /daemon/, name);
    }
});

test("files: a secret that others may read, a damaged store", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    chmodSync(join(bridge.folder, "token.key"), 0o644);
    const open = await doctor(bridge, seen);
    finds(open, "permissions failed", /token\.key has mode 0644/, /chmod 600/);
    chmodSync(join(bridge.folder, "token.key"), 0o600);
    await bridge.stop();
    const file = join(bridge.folder, "lightbridge.db");
    writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, 4096), Buffer.alloc(40960, 7)]));
    const damaged = await doctor(bridge, seen);
    assert.deepEqual(damaged.bad, ["daemon failed", "store failed"]);
    assert.match(damaged.of("store").reason, /lightbridge\.db (is damaged|cannot be opened)/);
    assert.match(damaged.of("store").fix, /lightbridge restore/);
});

test("swapped pairs: the same secret in both", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    writeFileSync(join(bridge.folder, "callback.secret"), `${clientSecret}\n`, { mode: 0o600 });
    finds(await doctor(bridge, seen), "credentials failed", /both pairs have the same secret/, /what we give to SmartThings/);
    writeFileSync(join(bridge.folder, "callback.secret"), `${callbackClient.secret}\n`, { mode: 0o600 });
    assert.deepEqual((await doctor(bridge, seen)).bad, []);
});

test("swapped pairs: the same id in both is an error of the configuration", { timeout: 60_000 }, async (t) => {
    const place = await installation(t, { withAccount: false, extra: { smartthings: { callback_client_id: "smartthings" } } });
    finds(await doctor(place), "configuration failed", /callback_client_id: is the same as client_id/, /check-config/);
});

const shownToUs = {
    "at the authorization request": (cloud) => fetch(cloud.authorizeUrl().replace("client_id=smartthings", `client_id=${callbackClient.id}`)),
    "at the token request, both": async (cloud) => redeemAs(cloud, { client_id: callbackClient.id, client_secret: callbackClient.secret }),
    "at the token request, the secret": async (cloud) => redeemAs(cloud, { client_secret: callbackClient.secret }),
};

/** The code of a person who allowed it, redeemed with these credentials. */
async function redeemAs(cloud, credentials) {
    const page = await new Browser().consent(cloud.authorizeUrl());
    const code = new URL(page.headers.get("location")).searchParams.get("code");
    await assert.rejects(cloud.token({ grant_type: "authorization_code", code, redirect_uri: cloud.redirectUri, ...credentials }), { status: 401 });
}

for (const [name, commit] of Object.entries(shownToUs)) {
    test(`swapped pairs: SmartThings shows its own ${name}`, { timeout: 60_000 }, async (t) => {
        const { bridge, seen } = await behind(t);
        const cloud = new Cloud(bridge);
        await commit(cloud);
        finds(await doctor(bridge, seen), "credentials failed", /the pairs are swapped: at the .* SmartThings showed what it had given to the bridge \(viper-client/, /The console's account linking gets smartthings\.client_id/);
        await cloud.link(); // right at last: what was before is history
        assert.deepEqual((await doctor(bridge, seen)).bad, []);
    });
}

const shownByUs = {
    "the secret is refused": [{}, {}, (place) => writeFileSync(join(place.folder, "callback.secret"), "of another project\n", { mode: 0o600 }), /does not take the pair .* \(viper-client\): SmartThings refuses/, /Compare both with the console/],
    "the id is another project's": [{ callback_client_id: "viper-of-another" }, {}, undefined, /does not take the pair .* \(viper-of-another\): SmartThings' grant is for another client/, /pair that the console shows/],
    "each stands in the place of the other": [{ client_id: callbackClient.id, callback_client_id: "smartthings" }, { client_id: callbackClient.id }, undefined, /the pairs are swapped: SmartThings' grant is for viper-client, which is configured as our own client_id/, /put each in the place of the other/],
};
for (const [name, [smartthings, credentials, spoil, reason, fix]] of Object.entries(shownByUs)) {
    test(`swapped pairs, at SmartThings' token endpoint: ${name}`, { timeout: 60_000 }, async (t) => {
        const start = async (t, place) => (spoil?.(place), startBridge(t, { place }));
        const { bridge, seen } = await behind(t, {}, { start, extra: { smartthings } });
        const cloud = new Cloud(bridge);
        await cloud.serve(t);
        const page = await new Browser().consent(cloud.authorizeUrl().replace("client_id=smartthings", `client_id=${credentials.client_id ?? "smartthings"}`));
        const code = new URL(page.headers.get("location")).searchParams.get("code");
        cloud.tokens = await cloud.token({ grant_type: "authorization_code", code, redirect_uri: cloud.redirectUri, ...credentials });
        await cloud.refresh([(await cloud.discover()).devices[0].externalDeviceId]);
        await cloud.offerGrant();
        await until("the refusal", async () => (await bridge.links())[0].trace.finding !== null, 30);
        finds(await doctor(bridge, seen), "credentials failed", reason, fix);
    });
}

test("the pair for callbacks is missing", { timeout: 60_000 }, async (t) => {
    const none = { callback_client_id: undefined, callback_client_secret_file: undefined };
    const { bridge, seen } = await behind(t, {}, { extra: { smartthings: none } });
    finds(await doctor(bridge, seen), "credentials failed", /callback_client_id is not set/, /lightbridge setup/);
});

test("clients: added ones are listed, and their redirect URIs looked at", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    const add = async (...words) => assert.equal((await bridge.runBeside(["client", "add", ...words])).code, 0);
    const remove = async (id) => assert.equal((await bridge.runBeside(["client", "remove", id])).code, 0);
    await add("dash", "https://dash.example.org/callback");
    const well = await doctor(bridge, seen);
    assert.deepEqual(well.bad, []);
    assert.match(well.of("clients").reason, /^smartthings, with .*; dash \(added, confidential\) https:\/\/dash\.example\.org\/callback$/);
    await add("cloud", "https://c2c-us.smartthings.com/oauth/callback");
    finds(await doctor(bridge, seen), "clients warning", /cloud has SmartThings' redirect URI/, /smartthings\.client_id/);
    await remove("cloud");
    await add("self", `https://${NAME}/oauth/authorize`);
    finds(await doctor(bridge, seen), "clients warning", /of self leads to this bridge itself/, /add it again/);
    await remove("self");
    await bridge.stop();
    const gone = await doctor(bridge, seen);
    assert.deepEqual(gone.bad, ["daemon failed"]);
    assert.match(gone.of("clients").reason, /those that were added the daemon would tell/);
});

test("clients: the configuration's wins over one that was added", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    assert.equal((await bridge.runBeside(["client", "add", "dash", "https://dash.example.org/callback"])).code, 0);
    await bridge.stop();
    writeFileSync(bridge.file, readFileSync(bridge.file, "utf8").replace("smartthings:\n", "smartthings:\n  client_id: dash\n"));
    const again = await startBridge(t, { place: bridge.place });
    const port = await proxy(t, again.publicPort, new Authority(scratch(t)).server());
    const found = await doctor(again, [...seen.slice(0, 2), "--connect", `127.0.0.1:${port}`]);
    assert.ok(found.bad.includes("clients warning"), found.bad);
    assert.match(found.of("clients").reason, /dash was added, and the configuration's client of the same id wins/);
    assert.match(found.of("clients").fix, /another id/);
});

test("clients: a region is missing; the daemon runs with what was before; no secret", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    const text = readFileSync(bridge.file, "utf8");
    writeFileSync(bridge.file, text.replace(/ *- "https:\/\/c2c-ap.*\n/, ""));
    const found = await doctor(bridge, seen);
    finds(found, "clients warning", /regions.*: https:\/\/c2c-ap\.smartthings\.com\/oauth\/callback; the daemon still runs with/, /leave smartthings\.redirect_uris out/);
    writeFileSync(bridge.file, text.replace("smartthings:\n", "smartthings:\n  client_id: renamed\n"));
    finds(await doctor(bridge, seen), "clients warning", /^the daemon still runs with the client smartthings/, /restart/);
    writeFileSync(bridge.file, text.replace(/ *client_secret_file.*\n/, ""));
    finds(await doctor(bridge, seen), "clients failed", /client_secret_file is not set/, /lightbridge setup/);
});

test("an attempt that failed is told with its step and advice, until one succeeds", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    const cloud = new Cloud(bridge);
    await fetch(cloud.authorizeUrl().replace(/redirect_uri=[^&]*/, "redirect_uri=https%3A%2F%2Fevil.example%2F"));
    finds(await doctor(bridge, seen), "attempts warning", /last attempt to link \(a1\) failed at authorization request: The app asks to be sent to an address that is not registered/, /smartthings\.redirect_uris/);
    await fetch(cloud.authorizeUrl().replace("client_id=smartthings", "client_id=nobody"));
    finds(await doctor(bridge, seen), "attempts warning", /\(a2\).*client id .* is none that the bridge knows/, /the same/);
    await cloud.link();
    const found = await doctor(bridge, seen);
    assert.deepEqual(found.bad, []);
    assert.match(found.of("attempts").reason, /none has failed since/);
});

test("a link that nobody used for 90 days", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, { days: 800 }, { start: startAhead });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    await cloud.discover();
    await cloud.grant();
    await cloud.refresh((await bridge.lights()).map((l) => l.id));
    await until("the token", async () => (await bridge.links())[0].callback.usable);
    const options = { env: bridge.clock };
    await bridge.pass(89 * 86400);
    assert.doesNotMatch((await doctor(bridge, seen, options)).of("links").reason, /was not used/);
    await bridge.pass(2 * 86400 + 3600); // an hour more, so that the days are whole whenever it was used
    const found = await doctor(bridge, seen, options);
    assert.deepEqual(found.bad, ["links warning"], JSON.stringify(found.of("links")));
    assert.match(found.of("links").reason, /of anna was not used for 91 days/);
    assert.match(found.of("links").fix, /lightbridge links ID/);
});

test("a lamp that is offline; a broker that is down", { timeout: 120_000 }, async (t) => {
    const broker = await startBroker(t);
    await startSim(t, ["zigbee2mqtt", "--broker", broker.url, "--lamps", "3", "--lost", "1"], { line: /^ready/m });
    const { bridge, seen } = await behind(t, {}, { broker, extra: { virtual: { lights: 0 } } });
    await until("lamps", async () => (await bridge.lights()).length === 3 && (await bridge.lights()).some((l) => l.reach === "offline"));
    await until("the one that is lost", async () => finds(await doctor(bridge, seen), "lamps warning", /is offline/, /give it power/) ?? true);
    await broker.stop();
    await until("the broker's loss", async () => (await doctor(bridge, seen)).bad.includes("drivers failed"));
    const { reason, fix } = (await doctor(bridge, seen)).of("drivers");
    assert.match(reason, /^mqtt\/home: not connected/);
    assert.match(fix, /start the broker/);
});

test("a link that needs a grant", { timeout: 120_000 }, async (t) => {
    const { bridge, seen } = await behind(t);
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    await cloud.discover();
    await cloud.grant();
    await until("the token", async () => (await bridge.links())[0].callback.usable);
    assert.deepEqual((await doctor(bridge, seen)).bad, []);
    cloud.expireCallbackToken();
    cloud.tokenFaults.push("lost");
    const [light] = await bridge.lights();
    await bridge.control("POST", "/control/light", { light: light.id, on: !light.state.on });
    await until("the loss", async () => (await bridge.links())[0].callback.state === "needs_grant", 30);
    const found = await doctor(bridge, seen);
    finds(found, "links failed", /of anna needs a grant: the app does not hear of changes/, /A grant comes with the next discovery/);
});

test("no driver, no lamp", { timeout: 60_000 }, async (t) => {
    const { bridge, seen } = await behind(t, {}, { extra: { virtual: undefined } });
    const found = await doctor(bridge, seen);
    assert.deepEqual(found.bad, ["drivers failed", "lamps warning"]);
    assert.match(found.of("drivers").reason, /no driver is configured/);
    assert.match(found.of("drivers").fix, /mqtt/);
    assert.match(found.of("lamps").reason, /no lamp yet/);
});

test("a broker that was never there, without a Zigbee2MQTT whose silence would tell it", { timeout: 60_000 }, async (t) => {
    const mqtt = [{ name: "home", url: `mqtt://127.0.0.1:${await freePort()}`, zigbee2mqtt: [], tasmota: ["tasmota/discovery"] }];
    const { bridge, seen } = await behind(t, {}, { extra: { mqtt } });
    finds(await doctor(bridge, seen), "drivers failed", /^mqtt\/home: not connected to 127\.0\.0\.1/, /start the broker/);
});
