// The callback side of a link: changes find their way to a cloud that accepts each refresh token once, whatever happens to
// the POSTs, to the daemon, to the lights and to the link meanwhile.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import test from "node:test";
import { startAhead } from "./ahead.js";
import { deviceEntry } from "./catalogue.js";
import { Cloud } from "./cloud.js";
import { account, installation, patience, startBridge, startBroker, until } from "./harness.js";
import { connect, Zigbee2mqtt } from "./zigbee.js";

/** A bridge with virtual lamps, linked and granted, all told. */
async function linked(t, { lights = 3, life, bridge, ...options } = {}) {
    bridge ??= await startBridge(t, { extra: { virtual: { lights } }, ...options });
    const cloud = new Cloud(bridge);
    await cloud.serve(t, { life });
    await cloud.link();
    await cloud.discover();
    await cloud.grant();
    await cloud.converged(30);
    return { bridge, cloud, ids: [...cloud.picture.keys()] };
}

/** A change that SmartThings did not make. */
async function change(bridge, id, document) {
    const answer = await bridge.control("POST", "/control/light", { light: id, ...document });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
}

/** Each light the other way round. */
async function changeAll(bridge) {
    const { lights } = (await bridge.control("GET", "/control/lights")).body;
    await Promise.all(lights.map(({ id, state }) => change(bridge, id, { on: !state.on })));
}

async function callbackOf(bridge) {
    const { links } = (await bridge.control("GET", "/control/links")).body;
    return links.findLast((l) => l.alive && l.account === account.name).callback;
}

const inState = (bridge, state) => until(`the callback side to be ${state}`, async () => (await callbackOf(bridge)).state === state, 30);

/** Restarts the daemon in its place, after `end` ended it. */
async function restarted(t, bridge, cloud, end) {
    await end();
    const again = await startBridge(t, { place: bridge.place });
    cloud.bridge = again;
    return again;
}

/** The link says what it needs, is given it, and all is well. */
async function regranted(bridge, cloud) {
    assert.match(bridge.run(["links"]).stdout, /grant/);
    assert.equal((await cloud.discover()).requestGrantCallbackAccess, true);
    await cloud.grant();
    await cloud.converged(30);
    assert.equal((await cloud.discover()).requestGrantCallbackAccess, undefined);
    assert.equal((await callbackOf(bridge)).state, "granted");
}

const feature = {
    state: { type: "binary", name: "state", property: "state", access: 7, value_on: "ON", value_off: "OFF" },
    brightness: { type: "numeric", name: "brightness", property: "brightness", access: 7, value_min: 0, value_max: 254 },
    color_temp: { type: "numeric", name: "color_temp", property: "color_temp", access: 7, value_min: 153, value_max: 500 },
};
const model = (name, ...features) => ({
    model: name,
    vendor: "test",
    description: "",
    exposes: [{ type: "light", features: features.map((f) => feature[f]) }],
});

test("20 changes meet an expired callback token: one refresh, all delivered", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud } = await linked(t, { lights: 20 });
    cloud.expireCallbackToken();
    await changeAll(bridge);
    await cloud.converged();
    assert.equal(cloud.attempts.refreshAccessTokens, 1);
    assert.equal(cloud.refreshes, 1);
    assert.equal(cloud.grants, 1);
});

test("the answer to the refresh is lost: tried once more, refused, a grant is asked for", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud } = await linked(t, { lights: 20 });
    cloud.expireCallbackToken();
    cloud.tokenFaults.push("lost");
    await changeAll(bridge);
    await inState(bridge, "needs_grant");
    assert.equal(cloud.refreshes, 1);
    assert.equal(cloud.attempts.refreshAccessTokens, 2);
    assert.match((await callbackOf(bridge)).last_error, /lost/);
    assert.notDeepEqual(await cloud.astray(), []);
    await regranted(bridge, cloud);
});

test("the refresh itself is lost: the same again is taken, nobody notices", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud } = await linked(t);
    cloud.expireCallbackToken();
    cloud.tokenFaults.push("cut", { status: 503 });
    await changeAll(bridge);
    await cloud.converged(30);
    assert.equal(cloud.refreshes, 1);
    assert.equal(cloud.attempts.refreshAccessTokens, 3);
    assert.equal(cloud.grants, 1);
});

for (const taken of [false, true]) {
    test(`a crash right after the refresh was sent, ${taken ? "and taken" : "but not taken"}`, { timeout: 120_000 }, async (t) => {
        const { bridge, cloud } = await linked(t);
        cloud.expireCallbackToken();
        cloud.tokenFaults.push(taken ? "held" : "hang");
        await changeAll(bridge);
        await until("the refresh to be sent", () => cloud.attempts.refreshAccessTokens === 1);
        const again = await restarted(t, bridge, cloud, bridge.crash);
        await inState(again, taken ? "needs_grant" : "granted");
        assert.equal(cloud.attempts.refreshAccessTokens, 2);
        await changeAll(again);
        if (taken) {
            // it stays so over a further restart, and asks no second time with what was refused
            const third = await restarted(t, again, cloud, again.stop);
            await changeAll(third);
            assert.equal((await callbackOf(third)).state, "needs_grant");
            assert.equal(cloud.attempts.refreshAccessTokens, 2);
            await regranted(third, cloud);
        } else {
            await cloud.converged(30);
            assert.equal(cloud.grants, 1);
        }
    });
}

// what SmartThings says of a token's life, and when the bridge renews it: at 80 %, but not sooner than after a minute
for (const [life, renewedAfter] of [[86400, 69120], [90, 72], [1, 60]]) {
    test(`a token for ${life} s is renewed after ${renewedAfter} s, before anything is refused`, { timeout: 120_000 }, async (t) => {
        const place = await installation(t, { extra: { virtual: { lights: 3 } } });
        const bridge = await startAhead(t, place);
        const { cloud } = await linked(t, { life, bridge });
        for (const times of [1, 2]) {
            await until("the pair to be kept", async () => (await callbackOf(bridge)).state === "granted");
            const obtained = (await callbackOf(bridge)).obtained_at;
            await bridge.pass(renewedAfter - 30);
            assert.equal(cloud.attempts.refreshAccessTokens, times - 1);
            await bridge.pass(30);
            await until("the renewal", () => cloud.refreshes === times);
            await until("the new pair", async () => (await callbackOf(bridge)).obtained_at > obtained);
            const renewed = (await callbackOf(bridge)).obtained_at;
            assert.ok(renewed - obtained >= renewedAfter * 1000, `${renewed - obtained} ms`);
        }
        assert.equal(cloud.unauthorized, 0);
        await changeAll(bridge);
        await cloud.converged();
    });
}

test("tokens that are refused as soon as they come are renewed by backoff, not in a circle", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud } = await linked(t, { lights: 1 });
    cloud.tokenSeen = () => setTimeout(() => cloud.expireCallbackToken(), 50); // each is dead soon after it came
    cloud.expireCallbackToken();
    await until("it to be said", async () => {
        await changeAll(bridge);
        return /refused \d times in a row soon after it came: renewed in \d+ ms/.test((await callbackOf(bridge)).last_error);
    }, 30);
    cloud.tokenSeen = undefined;
    await cloud.converged(30); // and the next one is good
    assert.equal((await callbackOf(bridge)).state, "granted");
    assert.equal(cloud.grants, 1);
});

test("a renewal that is due while another is under way: one request", { timeout: 120_000 }, async (t) => {
    const place = await installation(t, { extra: { virtual: { lights: 3 } } });
    const bridge = await startAhead(t, place);
    const { cloud } = await linked(t, { bridge });
    await until("the pair to be kept", async () => (await callbackOf(bridge)).state === "granted");
    const due = (await callbackOf(bridge)).obtained_at + 0.8 * 86400 * 1000;
    await bridge.pass(Math.floor((due - Date.now()) / 1000) - 8);
    cloud.expireCallbackToken();
    cloud.tokenFaults.push("hang", "hang");
    await changeAll(bridge);
    await until("the renewal to be under way", () => cloud.attempts.refreshAccessTokens === 1);
    await bridge.pass(9); // 80 % are over; nobody waits longer than 15 s for an answer
    assert.equal((await callbackOf(bridge)).state, "refreshing");
    await until("a second request", () => cloud.attempts.refreshAccessTokens > 1, 1 / patience).catch(() => {});
    assert.equal(cloud.attempts.refreshAccessTokens, 1);
    cloud.tokenFaults.length = 0;
    await bridge.pass(15); // the first is given up
    await until("the renewal", () => cloud.refreshes === 1);
    await cloud.converged(30);
    assert.deepEqual([cloud.attempts.refreshAccessTokens, cloud.refreshes, cloud.grants], [2, 1, 1]);
});

test("busy, broken, silent and cut: the newest state arrives in the end", { timeout: 240_000 }, async (t) => {
    const { bridge, cloud } = await linked(t);
    const faults = { "503 twice": [{ status: 503 }, { status: 503 }], cut: ["cut"], "a hang": ["hang"] };
    for (const [name, refusals] of Object.entries(faults)) {
        const before = cloud.events;
        cloud.refusals.push(...refusals);
        await changeAll(bridge);
        await until(`${name}: the first POST`, () => cloud.events > before);
        await changeAll(bridge); // overtaken: only the newest counts
        await changeAll(bridge);
        await cloud.converged(60);
        assert.equal(cloud.refusals.length, 0, name);
    }
    assert.equal(cloud.refreshes, 0);
});

test("429: nothing is sent before Retry-After is over", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud, ids } = await linked(t);
    const before = cloud.events;
    cloud.refusals.push({ status: 429, headers: { "Retry-After": "3" } });
    await change(bridge, ids[0], { on: true });
    await until("the refusal", () => cloud.events === before + 1);
    const refused = performance.now();
    await change(bridge, ids[1], { on: true });
    await until("the next POST", () => cloud.events > before + 1, 30);
    assert.ok(performance.now() - refused > 2900, `${performance.now() - refused} ms`);
    await cloud.converged();
});

test("changes that wait are not lost by a restart, be it orderly or not", { timeout: 120_000 }, async (t) => {
    let { bridge, cloud } = await linked(t);
    for (const end of ["stop", "crash"]) {
        const before = cloud.events;
        cloud.refusals.push({ status: 429, headers: { "Retry-After": "600" } });
        await changeAll(bridge);
        await until("the refusal", () => cloud.events > before);
        assert.notDeepEqual(await cloud.astray(), []);
        bridge = await restarted(t, bridge, cloud, bridge[end]);
        cloud.picture.clear(); // virtual lamps begin anew: whatever they are now must be told
        await cloud.converged(30);
    }
    assert.equal(cloud.grants, 1);
});

test("a change that waits is told after a restart, though the lamp is out of reach by then", { timeout: 120_000 }, async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.start([deviceEntry(model("dimmer", "state", "brightness"), "0x00158d0000000001", "Hall")]);
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    const [{ externalDeviceId: hall }] = await until("the lamp", async () => {
        const { devices } = await cloud.discover();
        return devices.length > 0 && devices;
    });
    await z2m.report("Hall", { state: "OFF", brightness: 254 });
    await cloud.grant();
    await cloud.converged();
    const before = cloud.events;
    cloud.refusals.push({ status: 429, headers: { "Retry-After": "600" } });
    await z2m.report("Hall", { state: "ON", brightness: 127 });
    await until("the refusal", () => cloud.events > before);
    await broker.stop();
    await restarted(t, bridge, cloud, bridge.stop);
    await until("the change", () => cloud.picture.get(hall)?.switch === "on" && cloud.picture.get(hall).level === 50, 30);
});

test("a storm of 1,000 lights behind a stalled cloud stays small", { timeout: 300_000 }, async (t) => {
    const lights = 1000;
    const rounds = 8;
    const { bridge, cloud, ids } = await linked(t, { lights });
    // another family member's link drives them, a hundred at a time
    const other = new Cloud(bridge);
    assert.equal((await bridge.runBeside(["account", "add", "ben"], { input: "a long enough password\n" })).code, 0);
    await other.link({ name: "ben", password: "a long enough password" });
    const drive = async (argument) => {
        for (let i = 0; i < lights; i += 100) {
            await other.ask("commandRequest", {
                devices: ids.slice(i, i + 100).map((externalDeviceId) => ({
                    externalDeviceId,
                    commands: [{ component: "main", capability: "st.switchLevel", command: "setLevel", arguments: [argument] }],
                })),
            });
        }
    };
    const before = { events: cloud.events, callbacks: cloud.callbacks.length };
    cloud.refusals.push({ status: 429, headers: { "Retry-After": "5" } });
    for (let round = 1; round <= rounds; round++) {
        await drive(round * 10);
    }
    const { queued } = await callbackOf(bridge);
    assert.ok(queued > 0 && queued <= lights, `${queued} queued`);
    await cloud.converged(60);
    const told = cloud.callbacks.slice(before.callbacks).flatMap((c) => c.deviceState ?? []).length;
    t.diagnostic(`${lights * rounds} changes: ${told} states in ${cloud.events - before.events} POSTs`);
    // each change once at most, and far fewer when the cloud stalls: nothing is told that had been overtaken
    assert.ok(told <= lights * 3, `${told} states told`);
    assert.ok(cloud.callbacks.every((c) => (c.deviceState ?? []).length <= 100));
});

test("what a command's answer said is not said again", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud, ids } = await linked(t);
    const other = new Cloud(bridge);
    assert.equal((await bridge.runBeside(["account", "add", "ben"], { input: "a long enough password\n" })).code, 0);
    await other.serve(t);
    await other.link({ name: "ben", password: "a long enough password" });
    await other.discover();
    await other.grant();
    await other.converged();
    cloud.callbacks.length = 0;
    for (const level of [20, 40, 60]) {
        await cloud.command(ids[0], "switchLevel", "setLevel", [level]);
    }
    await until("the other link to be told", () => other.told(ids[0], "level").at(-1) === 60);
    await change(bridge, ids[1], { on: true }); // a mark: when it is here, what was before it would be too
    await until("the mark", () => cloud.told(ids[1], "switch").at(-1) === "on");
    assert.deepEqual(cloud.told(ids[0], "level"), []);
    assert.deepEqual(cloud.told(ids[0], "switch"), []);
});

test("health both ways; lights that come, go and change what they can", { timeout: 240_000 }, async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    const dimmer = deviceEntry(model("dimmer", "state", "brightness"), "0x00158d0000000001", "Hall");
    const lamp = deviceEntry(model("lamp", "state", "brightness"), "0x00158d0000000002", "Desk");
    const ambiance = deviceEntry(model("ambiance", "state", "brightness", "color_temp"), "0x00158d0000000002", "Desk");
    await z2m.start([dimmer]);
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    const [{ externalDeviceId: hall }] = await until("the lamp", async () => {
        const { devices } = await cloud.discover();
        return devices.length > 0 && devices;
    });
    await z2m.report("Hall", { state: "ON", brightness: 254 });
    await cloud.grant();
    await cloud.converged();
    const listed = () => cloud.callbacks.filter((c) => c.headers.interactionType === "discoveryCallback").at(-1)?.devices;
    const listing = (what, probe) => until(what, () => listed() && probe(listed()));

    for (const [state, health] of [["offline", "offline"], ["online", "online"]]) {
        await z2m.publish("Hall/availability", { state });
        await until(`the lamp told ${health}`, () => cloud.told(hall, "healthStatus").at(-1) === health);
    }

    await z2m.devices([dimmer, lamp]);
    const desk = (await listing("a light that came", (d) => d.length === 2 && d)).find((d) => d.friendlyName === "Desk");
    assert.equal(desk.deviceHandlerType, "c2c-dimmer");
    await z2m.report("Desk", { state: "ON", brightness: 127 });
    await until("its state", () => cloud.told(desk.externalDeviceId, "level").at(-1) === 50);
    const position = (probe) => cloud.callbacks.findIndex(probe);
    assert.ok(
        position((c) => c.devices?.some((d) => d.friendlyName === "Desk")) <
            position((c) => c.deviceState?.some((d) => d.externalDeviceId === desk.externalDeviceId)),
        "a light is listed before it is spoken of",
    );

    await z2m.devices([dimmer, ambiance]);
    await listing("a changed capability", (d) =>
        d.some((x) => x.externalDeviceId === desk.externalDeviceId && x.deviceHandlerType === "c2c-color-temperature-bulb"),
    );

    await z2m.devices([dimmer]);
    await listing("a light that went", (d) => d.length === 1);
    await until("its deletion", () => !cloud.picture.has(desk.externalDeviceId));
    assert.equal(cloud.grants, 1);
});

test("hidden, shown and forgotten lights", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud, ids } = await linked(t);
    const lists = () => cloud.callbacks.filter((c) => c.headers.interactionType === "discoveryCallback").at(-1)?.devices.length;
    await change(bridge, ids[0], { expose: false });
    await until("the list without it", () => lists() === 2);
    await until("its deletion", () => !cloud.picture.has(ids[0]));
    await change(bridge, ids[0], { expose: true });
    await until("the list with it", () => lists() === 3);
    await until("its state", () => cloud.picture.get(ids[0])?.switch);
    await change(bridge, ids[0], { name: "Kitchen" });
    await until("its name", () => cloud.callbacks.at(-1).devices?.some((d) => d.friendlyName === "Kitchen"));
    await change(bridge, ids[0], { forget: true });
    await until("its deletion again", () => !cloud.picture.has(ids[0]));
    await cloud.converged();
});

test("integrationDeleted in the middle of things", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud, ids } = await linked(t);
    // a POST, a token refresh and a command are under way
    cloud.refusals.push("hang");
    const posts = cloud.events;
    await change(bridge, ids[0], { on: true });
    await until("the POST", () => cloud.events > posts);
    const command = cloud.command(ids[1], "switch", "on");
    const answer = await cloud.ask("integrationDeleted");
    assert.equal(answer.headers.interactionType, "integrationDeleted");
    assert.equal(answer.globalError, undefined);
    const commanded = await command;
    assert.ok(commanded.deviceState || commanded.globalError.errorEnum === "INTEGRATION-DELETED", JSON.stringify(commanded));
    assert.equal((await cloud.ask("integrationDeleted")).globalError, undefined, "asked again: its answer may have been lost");
    assert.equal((await cloud.discover()).globalError.errorEnum, "INTEGRATION-DELETED");
    await assert.rejects(cloud.token({ grant_type: "refresh_token", refresh_token: cloud.tokens.refresh_token }), /invalid_grant/);

    // the next link, made while its own refresh hangs and dies, leaves nothing behind either
    const second = new Cloud(bridge);
    await second.serve(t);
    await second.link();
    await second.discover();
    await second.grant();
    await second.converged();
    second.expireCallbackToken();
    second.tokenFaults.push("hang");
    await change(bridge, ids[2], { on: true });
    await until("the refresh", () => second.attempts.refreshAccessTokens === 1);
    assert.equal((await second.ask("integrationDeleted")).globalError, undefined);
    const silent = [cloud.events, second.events, second.attempts.refreshAccessTokens];
    await changeAll(bridge);
    const again = await restarted(t, bridge, cloud, bridge.crash);
    await changeAll(again);
    const { links } = (await again.control("GET", "/control/links")).body;
    assert.deepEqual(
        links.map((l) => [l.alive, l.end_reason]),
        [
            [false, "SmartThings deleted the integration"],
            [false, "SmartThings deleted the integration"],
        ],
    );
    assert.equal((await cloud.discover()).globalError.errorEnum, "INTEGRATION-DELETED");
    const third = new Cloud(again); // a third one is told everything: then whatever the others had to be told would be too
    await third.serve(t);
    await third.link();
    await third.discover();
    await third.grant();
    await third.converged();
    assert.deepEqual([cloud.events, second.events, second.attempts.refreshAccessTokens], silent);
});

test("a newer link of the same account supersedes once it works", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud: old } = await linked(t);
    const newer = new Cloud(bridge);
    await newer.serve(t);
    await newer.link();
    await newer.discover();
    // not granted yet: both work
    await changeAll(bridge);
    await old.converged();
    assert.equal((await old.discover()).globalError, undefined);
    newer.tokenFaults.push({ status: 503 }, "lost");
    await newer.offerGrant();
    await inState(bridge, "needs_grant");
    assert.equal((await newer.discover()).requestGrantCallbackAccess, true);
    await changeAll(bridge);
    await old.converged();
    await newer.grant();
    await newer.converged();
    await until("the old link to end", async () => (await old.discover()).globalError?.errorEnum === "INTEGRATION-DELETED");
    const { links } = (await bridge.control("GET", "/control/links")).body;
    assert.deepEqual(
        links.map((l) => [l.account, l.alive, l.end_reason]),
        [
            [account.name, false, "superseded by a newer link"],
            [account.name, true, ""],
        ],
    );
    const { events } = old;
    await changeAll(bridge);
    await newer.converged();
    assert.equal(old.events, events);
});

const onOff = {
    model: "LED1",
    vendor: "V",
    description: "a lamp that is on or off",
    exposes: [{ type: "light", features: [{ type: "binary", name: "state", property: "state", access: 7, value_on: "ON", value_off: "OFF" }] }],
};

test("a command whose caller hangs up: what its lamp says then is told by callback", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    const lamp = new Zigbee2mqtt(await connect(t, broker));
    lamp.answer = () => {}; // it takes its time
    await lamp.start([deviceEntry(onOff, "0x00158d00000000c1", "Hall")]);
    await until("the lamp", async () => (await bridge.lights()).length === 1);
    await lamp.report("Hall", { state: "OFF" });
    await cloud.grant();
    await cloud.converged();
    const [id] = cloud.picture.keys();

    const body = JSON.stringify({
        ...cloud.envelope("commandRequest"),
        devices: [{ externalDeviceId: id, commands: [{ component: "main", capability: "st.switch", command: "on" }] }],
    });
    const caller = connectSocket(bridge.publicPort, "127.0.0.1");
    caller.write(`POST /smartthings/schema HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    await until("the command at the lamp", () => lamp.commands.some(({ command }) => command.state === "ON"));
    caller.destroy();
    await once(caller, "close");
    await lamp.report("Hall", { state: "ON" });
    await cloud.converged();
    assert.deepEqual(cloud.told(id, "switch").at(-1), "on");
});
