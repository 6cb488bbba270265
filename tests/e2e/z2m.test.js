// The MQTT driver against a real mosquitto, with a small Zigbee2MQTT whose every string is ours: connections, lists,
// availability, groups, errors. What a lamp's shape is, is herdsman.test.js; time and lost messages, tests/contract.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import test from "node:test";
import mqtt from "mqtt";
import { deviceEntry } from "./catalogue.js";
import { Cloud, statesOf } from "./cloud.js";
import { freePort, scratch, startBridge, startBroker, until, usage } from "./harness.js";
import { connect, Zigbee2mqtt } from "./zigbee.js";

const state = { type: "binary", name: "state", property: "state", access: 7, value_on: "ON", value_off: "OFF" };
const brightness = { type: "numeric", name: "brightness", property: "brightness", access: 7, value_min: 0, value_max: 254 };
const temperature = { type: "numeric", name: "color_temp", property: "color_temp", access: 7, value_min: 153, value_max: 500 };
const lamp = (...features) => ({ model: "lamp", vendor: "test", description: "", exposes: [{ type: "light", features }] });
const ieee = (n) => `0x${(0x00158d0000000000n + BigInt(n)).toString(16).padStart(16, "0")}`;
const dimmer = (n, name = `Lamp ${n}`) => deviceEntry(lamp(state, brightness), ieee(n), name);
const off = { state: "OFF", brightness: 254 };

const METRICS = "/metrics";

/** A call of the control socket: {status, ...document}, or the text of the metrics. */
function control(bridge, path, body) {
    return new Promise((done, fail) => {
        const call = request(
            { socketPath: join(bridge.folder, "control.sock"), path, method: body ? "POST" : "GET", headers: { host: "localhost", "content-type": "application/json" } },
            (answer) => {
                const parts = [];
                answer.on("data", (d) => parts.push(d));
                answer.on("end", () => {
                    const text = Buffer.concat(parts).toString();
                    done(path === METRICS ? text : { status: answer.statusCode, ...JSON.parse(text) });
                });
            },
        );
        call.on("error", fail);
        call.end(body ? JSON.stringify(body) : undefined);
    });
}

const lights = async (bridge) => (await control(bridge, "/control/lights")).lights;
const light = async (bridge, name) => (await lights(bridge)).find((l) => l.name === name);
const drive = (bridge, name, words) => control(bridge, "/control/light", { light: name, ...words });
const status = async (bridge) => (await control(bridge, "/control/status")).drivers.map((d) => d.status);

const garbage = async (bridge) => Number(/^lightbridge_garbage_total (\d+)/m.exec(await control(bridge, METRICS))[1]);

/** Records what is asked by /get: [{named, keys, at}]. */
function listen(z2m) {
    const asked = [];
    z2m.client.on("message", (topic, payload) => {
        if (topic.endsWith("/get")) {
            asked.push({ named: topic.split("/").at(-2), keys: Object.keys(JSON.parse(payload)), at: Date.now() });
        }
    });
    return asked;
}

test("TLS and a password", async (t) => {
    const folder = scratch(t);
    const openssl = (...words) => execFileSync("openssl", words, { cwd: folder, stdio: "pipe" });
    const authority = (name) => openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.pem`);
    authority("ours");
    authority("another");
    writeFileSync(join(folder, "ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "broker.key", "-out", "broker.csr");
    openssl("x509", "-req", "-in", "broker.csr", "-CA", "ours.pem", "-CAkey", "ours.key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "broker.pem");
    writeFileSync(join(folder, "users"), "lights:open sesame\n");
    execFileSync("mosquitto_passwd", ["-U", join(folder, "users")]);
    const broker = await startBroker(t, {
        folder,
        config: `user root\ncafile ${folder}/ours.pem\ncertfile ${folder}/broker.pem\nkeyfile ${folder}/broker.key\nallow_anonymous false\npassword_file ${folder}/users\n`,
    });
    const client = mqtt.connect(`mqtts://localhost:${broker.port}`, {
        ca: readFileSync(join(folder, "ours.pem")), username: "lights", password: "open sesame", reconnectPeriod: 0, protocolVersion: 4,
    });
    await once(client, "connect");
    t.after(() => client.endAsync(true));
    const z2m = new Zigbee2mqtt(client);
    await z2m.start([dimmer(1)]);
    for (const [name, text] of [["right", "open sesame\n"], ["wrong", "open barley\n"]]) {
        writeFileSync(join(folder, name), text, { mode: 0o600 });
    }
    const entry = (name, more) => ({ name, url: `mqtts://localhost:${broker.port}`, username: "lights", password_file: join(folder, "right"), ca_file: join(folder, "ours.pem"), ...more });
    const bridge = await startBridge(t, {
        extra: { mqtt: [
            entry("good"),
            entry("password", { password_file: join(folder, "wrong") }),
            entry("authority", { ca_file: join(folder, "another.pem") }),
            entry("plain", { url: `mqtt://localhost:${broker.port}`, ca_file: undefined }),
        ] },
    });
    await until("the lamp", () => light(bridge, "Lamp 1"));
    const done = await drive(bridge, "Lamp 1", { on: true, level: 30 });
    assert.equal(done.basis, "reported", JSON.stringify(done));
    const [good, password, authorityStatus, plain] = await until("reasons", async () => {
        const all = await status(bridge);
        return all.slice(1).every((s) => /: ./.test(s)) && /password is wrong/.test(all[1]) && all; // a refusal can be cut off
    });
    assert.match(good, /^connected to localhost:\d+, zigbee2mqtt online, 1 light$/);
    assert.match(password, /^not connected to .*user name or password is wrong/);
    assert.match(authorityStatus, /^not connected to .*certificate/i);
    assert.match(plain, /^not connected to /);
});

test("two brokers and two base topics", async (t) => {
    const brokers = [await startBroker(t), await startBroker(t)];
    const sites = [];
    for (const [broker, base] of [[0, "zigbee2mqtt"], [0, "zigbee2mqtt/garage"], [1, "zigbee2mqtt"]]) {
        const z2m = new Zigbee2mqtt(await connect(t, brokers[broker]), base);
        const n = sites.length + 1;
        await z2m.start([dimmer(n, `Site ${n}`)]);
        z2m.lamps.set("All", { entry: { friendly_name: "All" }, state: {} });
        await z2m.publish("bridge/groups", [{ id: 1, friendly_name: "All", scenes: [], members: [{ ieee_address: ieee(n), endpoint: 1 }] }], { retain: true });
        sites.push(z2m);
    }
    const bridge = await startBridge(t, {
        extra: { mqtt: [
            { name: "one", url: brokers[0].url, zigbee2mqtt: ["zigbee2mqtt", "zigbee2mqtt/garage"] },
            { name: "two", url: brokers[1].url },
        ] },
    });
    await until("three lamps and three groups", async () => (await lights(bridge)).length === 6);
    for (let n = 1; n <= 3; n++) {
        const done = await drive(bridge, `Site ${n}`, { level: 10 * n });
        assert.equal(done.basis, "reported", JSON.stringify(done));
        assert.deepEqual(sites.map((s) => s.commands.length), [1, 2, 3].map((k) => Number(k <= n)), "only its own hears it");
    }
    const groups = (await lights(bridge)).filter((l) => l.kind === "group");
    assert.deepEqual(groups.map((g) => g.address).sort(), ["group/one/zigbee2mqtt/1", "group/one/zigbee2mqtt/garage/1", "group/two/zigbee2mqtt/1"]);
    assert.equal(new Set(groups.map((g) => g.id)).size, 3);
    await brokers[1].stop();
    await until("the second broker's lamp to be away", async () => (await light(bridge, "Site 3")).reach === "offline");
    assert.notEqual((await light(bridge, "Site 1")).reach, "offline");
});

test("40 MB of bridge/devices while commands go on", { timeout: 600_000 }, async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const cloud = new Cloud(bridge);
    await cloud.link();
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.start([dimmer(1)]);
    const { id } = await until("the lamp", () => light(bridge, "Lamp 1"));
    const filler = Array.from({ length: 60 }, (_, i) => ({ type: "numeric", name: `n${i}`, property: `n${i}`, access: 1, label: `Number ${i}`, description: "of no interest to a bridge of lights: filler" }));
    const sensor = (n) => deviceEntry({ model: "sensor", vendor: "test", description: "", exposes: filler }, ieee(100000 + n), `Sensor ${n}`);
    const entries = [dimmer(1)];
    let bytes = 0;
    for (let n = 0; bytes < 40e6; n++) {
        entries.push(sensor(n));
        bytes += JSON.stringify(entries.at(-1)).length + 1;
        if (n % 25 === 0) {
            entries.push(dimmer(1000 + n));
        }
    }
    const expected = entries.filter((e) => e.definition.model === "lamp").length;
    let all = false;
    let answered = 0;
    let slowest = 0;
    const commands = (async () => {
        for (let k = 0; !all || k % 10 !== 0; k++) {
            const from = performance.now();
            const answer = await cloud.command(id, "switchLevel", "setLevel", [10 + (k % 80)]);
            slowest = Math.max(slowest, performance.now() - from);
            assert.equal(statesOf(answer, id)["switchLevel.level"], 10 + (k % 80), JSON.stringify(answer));
            answered++;
        }
    })();
    const before = usage(bridge.program.pid);
    await z2m.devices(entries);
    await until(`${expected} lamps`, async () => (await lights(bridge)).length === expected, 120);
    all = true;
    await commands;
    const after = usage(bridge.program.pid);
    t.diagnostic(`${(bytes / 1e6).toFixed(0)} MB with ${expected} lamps: ${answered} commands answered meanwhile, the slowest in ${slowest.toFixed(0)} ms; ${before.rss} kB resident before, ${after.rss} kB after`);
    assert.ok(answered > 10, `${answered} commands were answered meanwhile`);
    z2m.lamps.clear();
    await z2m.devices([dimmer(1)]);
    await until("the others to be gone", async () => (await lights(bridge)).length === 1, 60);
});

test("rename, removal, re-join", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.start([dimmer(1, "Kitchen"), dimmer(2, "hall/ceiling")]);
    await until("both", async () => (await lights(bridge)).length === 2);
    await z2m.report("hall/ceiling", { state: "ON", brightness: 100 });
    await until("a state under a name with a slash", async () => (await light(bridge, "hall/ceiling")).state.on);
    const { id } = await light(bridge, "Kitchen");

    await t.test("a renamed lamp is the same light, under its new topic only", async () => {
        await z2m.publish("Kitchen", "", { retain: true });
        await z2m.publish("Kitchen/availability", "", { retain: true });
        z2m.lamps.delete("Kitchen");
        await z2m.devices([dimmer(1, "Cooking"), dimmer(2, "hall/ceiling")]);
        assert.equal((await until("the new name", () => light(bridge, "Cooking"))).id, id);
        await z2m.report("Cooking", { state: "OFF", brightness: 254 });
        await until("its state", async () => (await light(bridge, "Cooking")).state.on === false);
        await z2m.publish("Kitchen", { state: "ON" });
        assert.equal((await drive(bridge, "Cooking", { level: 50 })).light.id, id);
        assert.equal(z2m.commands.at(-1).name, "Cooking");
    });

    await t.test("a lamp that is interviewed again stays", async () => {
        const again = { ...dimmer(1, "Cooking"), interview_state: "IN_PROGRESS", interview_completed: false, interviewing: true };
        await z2m.devices([again, dimmer(2, "hall/ceiling"), dimmer(3)]);
        await until("the new lamp", () => light(bridge, "Lamp 3"));
        assert.equal((await light(bridge, "Cooking")).id, id);
    });

    await t.test("removed, and joined again as the same light", async () => {
        await z2m.devices([dimmer(2, "hall/ceiling")]);
        await until("it to go", async () => !(await light(bridge, "Cooking")));
        await z2m.publish("Cooking", { state: "ON" });
        const refused = await drive(bridge, id, { on: true });
        assert.equal(refused.status, 404);
        await z2m.devices([dimmer(1, "Cooking"), dimmer(2, "hall/ceiling")]);
        const back = await until("it to be back", () => light(bridge, "Cooking"));
        assert.equal(back.id, id);
        assert.equal((await drive(bridge, "Cooking", { level: 20 })).basis, "reported");
    });

    await t.test("a list that is broken, and entries that cannot be told, take nothing away", async () => {
        for (const bad of ["[{]", "{}", '[{"ieee_address":"0x1","type":', [5, dimmer(2, "hall/ceiling")], [{ ...dimmer(1, "Cooking"), friendly_name: "a+b" }, dimmer(2, "hall/ceiling")]]) {
            const before = await garbage(bridge);
            await z2m.publish("bridge/devices", bad);
            await until("the garbage to be counted", async () => (await garbage(bridge)) > before);
        }
        await z2m.devices([dimmer(1, "Cooking"), dimmer(2, "hall/ceiling"), dimmer(4)]);
        await until("the fourth", () => light(bridge, "Lamp 4"));
        assert.equal((await light(bridge, "Cooking")).id, id);
        const log = bridge.program.log();
        assert.doesNotMatch(log, /Cooking is gone[^]*Cooking is gone/, "it went once, when it was removed");
        assert.match(log, /bridge\/devices/);
    });
});

test("availability in every form, and Zigbee2MQTT's last will", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    const names = ["JSON", "text", "absent"];
    await z2m.start(names.map((name, i) => dimmer(i + 1, name)));
    await until("the lamps", async () => (await lights(bridge)).length === 3);
    const reach = async () => Object.fromEntries((await lights(bridge)).map((l) => [l.name, l.reach]));
    const are = (what, expected) => until(what, async () => JSON.stringify(Object.entries(await reach()).sort()) === JSON.stringify(Object.entries(expected).sort()));
    const say = (word) => Promise.all([
        z2m.publish("JSON/availability", { state: word }, { retain: true }),
        z2m.publish("text/availability", word, { retain: true }),
    ]);
    for (const name of names) {
        await z2m.report(name, off);
    }
    await say("online");
    await are("all online", { JSON: "online", text: "online", absent: "online" });
    await say("offline");
    await are("two offline", { JSON: "offline", text: "offline", absent: "online" });
    assert.match((await drive(bridge, "JSON", { on: true })).error_description, /offline/);
    assert.equal((await drive(bridge, "absent", { on: true })).basis, "reported");
    await z2m.report("JSON", off); // the last words of a lamp that is away
    await z2m.publish("text/availability", "perhaps");
    await say("online");
    await are("all online again", { JSON: "online", text: "online", absent: "online" });

    await t.test("a Zigbee2MQTT that dies takes its lamps along at once", async () => {
        const dying = mqtt.connect(broker.url, {
            reconnectPeriod: 0, protocolVersion: 4,
            will: { topic: "zigbee2mqtt/bridge/state", payload: '{"state":"offline"}', qos: 1, retain: true },
        });
        await once(dying, "connect");
        dying.stream.destroy();
        await are("all offline", { JSON: "offline", text: "offline", absent: "offline" });
        const [line] = await status(bridge);
        assert.match(line, /zigbee2mqtt offline, 3 lights$/);
        await z2m.publish("JSON/availability", { state: "online" }, { retain: true }); // stale: it says nothing
        await z2m.publish("text/availability", "offline", { retain: true });
        const refused = await drive(bridge, "JSON", { on: true });
        assert.ok(refused.status >= 400, JSON.stringify(refused));
        assert.equal((await reach()).JSON, "offline");
        const asked = listen(z2m);
        await z2m.publish("bridge/state", "online", { retain: true }); // as Zigbee2MQTT 1.x says it
        await are("who answers is online", { JSON: "online", text: "offline", absent: "online" });
        assert.deepEqual([...new Set(asked.map((a) => a.named))].sort(), [ieee(1), ieee(3)], "who is away is not asked");
    });
});

test("the broker goes and comes back", { timeout: 300_000 }, async (t) => {
    const folder = scratch(t);
    const port = await freePort();
    const logged = "log_type all\nlog_dest stdout\n";
    const broker = await startBroker(t, { folder, port, config: logged });
    const bridge = await startBridge(t, { broker });
    const count = 20;
    const silent = { ...brightness, access: 3 }; // cannot be asked for
    const entries = Array.from({ length: count }, (_, i) => deviceEntry(lamp(state, i % 2 ? silent : brightness, temperature), ieee(i + 1), `Lamp ${i + 1}`));
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.start(entries);
    await until("the lamps", async () => (await lights(bridge)).length === count);
    for (const entry of entries) {
        await z2m.report(entry.friendly_name, off);
    }
    await until("their states", async () => (await lights(bridge)).every((l) => l.state.on === false));
    await broker.stop();
    await until("all to be away", async () => (await lights(bridge)).every((l) => l.reach === "offline"));
    assert.match((await status(bridge))[0], /^not connected to .*, 20 lights$/);
    assert.ok((await drive(bridge, "Lamp 1", { on: true })).status >= 400);

    const again = await startBroker(t, { folder, port, config: logged });
    const back = new Zigbee2mqtt(await connect(t, again));
    const asked = listen(back);
    for (const entry of entries) {
        back.lamps.set(entry.friendly_name, { entry, state: { ...off, state: "ON" } }); // switched at the wall meanwhile
    }
    await back.start(entries);
    await until("all states anew", async () => (await lights(bridge)).every((l) => l.reach === "online" && l.state.on), 60);
    for (const { named, keys } of asked) {
        const odd = (Number.parseInt(named, 16) - 1) % 2;
        assert.deepEqual(keys, odd ? ["state", "color_temp"] : ["state", "brightness", "color_temp"], named);
    }
    assert.equal(new Set(asked.map((a) => a.named)).size, count);
    // Timers never come early, so this cannot fail on a slow machine: 20 questions are not one burst.
    assert.ok(asked.at(-1).at - asked[0].at >= 500, `20 lamps were asked within ${asked.at(-1).at - asked[0].at} ms`);
    assert.equal(back.commands.length, 0, "what was refused is not sent later");
    assert.equal((await drive(bridge, "Lamp 2", { level: 40 })).basis, "reported");
    const attempts = await until("the broker's log", () => again.log().match(/New client connected from .* as lightbridge-/g));
    assert.equal(attempts.length, 1);
});

test("what a thousand lamps cost the broker, and what is never sent", { timeout: 300_000 }, async (t) => {
    const broker = await startBroker(t, { config: "log_type all\nlog_dest stdout\n" });
    const bridge = await startBridge(t, { broker });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.publish(`${ieee(7)}/set`, { state: "ON" }, { retain: true }); // a ghost: somebody else's mistake
    await z2m.start(Array.from({ length: 1000 }, (_, i) => dimmer(i + 1)));
    await until("the lamps", async () => (await lights(bridge)).length === 1000, 60);
    for (const words of [{ on: true }, { level: 10 }, { on: false }]) {
        assert.equal((await drive(bridge, "Lamp 500", words)).basis, "reported");
    }
    const id = await until("our client id", () => /New client connected from .* as (lightbridge-[0-9a-f]{16}-home)/.exec(broker.log())?.[1]);
    // Of Zigbee2MQTT: what other families say is found by wildcards.
    const subscribed = () => [...broker.log().matchAll(new RegExp(`: ${id} [01] (zigbee2mqtt/.*)$`, "gm"))].map((m) => m[1]);
    await until("the broker's log", () => subscribed().length >= 5 + 2 * 1000);
    const filters = subscribed();
    const packets = broker.log().match(new RegExp(`Received SUBSCRIBE from ${id}`, "g")).length;
    assert.equal(filters.length, 5 + 2 * 1000);
    assert.ok(filters.every((f) => !/[+#]/.test(f) && !f.endsWith("/set")), "nothing but what is needed");
    assert.ok(packets <= 200, `${packets} SUBSCRIBE packets`);
    const late = mqtt.connect(broker.url, { reconnectPeriod: 0, protocolVersion: 4 });
    await once(late, "connect");
    t.after(() => late.endAsync(true));
    const retained = [];
    late.on("message", (topic, payload, packet) => packet.retain && retained.push(topic));
    await late.subscribeAsync("#");
    await until("retained messages", () => retained.includes("zigbee2mqtt/bridge/state") && retained.includes("zigbee2mqtt/bridge/devices"));
    assert.deepEqual(retained.filter((topic) => /\/(set|get)$/.test(topic)), [`zigbee2mqtt/${ieee(7)}/set`], "only the ghost");
});

test("groups", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    const group = (id, name, ...members) => ({ id, friendly_name: name, description: null, scenes: [], members: members.map((n) => ({ ieee_address: ieee(n), endpoint: 1 })) });
    const white = deviceEntry(lamp(state, brightness, temperature), ieee(3), "White 3");
    const warm = deviceEntry(lamp(state, brightness, { ...temperature, value_min: 250, value_max: 600 }), ieee(4), "White 4");
    // Groups first: their members are not known yet.
    await z2m.publish("bridge/groups", [group(1, "Mixed", 1, 3), group(2, "White/both", 3, 4), group(3, "Empty"), group(4, "Foreign", 1, 99)], { retain: true });
    await z2m.start([dimmer(1), dimmer(2), white, warm]);
    await until("the groups", async () => (await lights(bridge)).filter((l) => l.kind === "group").length === 2);
    const mixed = await light(bridge, "Mixed");
    const both = await light(bridge, "White/both");
    assert.deepEqual(mixed.can, ["on", "level"]);
    assert.deepEqual(both.can, ["on", "level", "kelvin"]);
    assert.deepEqual([Math.round(1e6 / both.max_kelvin), Math.round(1e6 / both.min_kelvin)], [250, 500]);
    assert.equal(mixed.exposed, false);

    await t.test("a command goes to the group's topic and its state is the answer", async () => {
        const heard = [];
        z2m.client.on("message", (topic, payload) => topic.endsWith("/set") && heard.push([topic, JSON.parse(payload)]));
        z2m.lamps.set("Mixed", { entry: { friendly_name: "Mixed" }, state: {} });
        await z2m.client.subscribeAsync("zigbee2mqtt/White/both/set");
        z2m.answer = (name) => z2m.report(name === "Mixed" ? "Lamp 1" : name, { state: "ON", brightness: 127 });
        const silent = await drive(bridge, "Mixed", { on: true, level: 50 });
        assert.ok(silent.status >= 400, "a member's word is not the group's");
        z2m.answer = (name, command) => z2m.echo(name, command);
        const done = await drive(bridge, "Mixed", { on: true, level: 50 });
        assert.equal(done.basis, "reported", JSON.stringify(done));
        assert.deepEqual(heard.at(-1), ["zigbee2mqtt/Mixed/set", { state: "ON", brightness: 127 }]);
    });

    await t.test("it changes with its members, its name, and goes", async () => {
        await z2m.publish("bridge/groups", [group(1, "Mixed", 4, 3), group(2, "Renamed", 3, 4)], { retain: true });
        await until("the new ability", async () => (await light(bridge, "Mixed")).can.includes("kelvin"));
        assert.equal((await until("the new name", () => light(bridge, "Renamed"))).id, both.id);
        await z2m.devices([dimmer(1), dimmer(2), white]); // a member has left the network
        await until("the groups with a member that is no light to go", async () => (await lights(bridge)).every((l) => l.kind !== "group"));
        await z2m.publish("bridge/groups", [group(1, "Mixed", 3)], { retain: true });
        assert.equal((await until("the group", () => light(bridge, "Mixed"))).id, mixed.id);
    });
});

test("errors that Zigbee2MQTT logs, and lamps that say nothing", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.start([dimmer(1, "Anna's lamp"), dimmer(2)]);
    await until("the lamps", async () => (await lights(bridge)).length === 2);
    const complain = (message, level = "error") => z2m.publish("bridge/logging", { level, message, namespace: "z2m" });

    await t.test("the lamp refuses: its text is the answer", async () => {
        z2m.answer = () => complain("Publish 'set' 'brightness' to 'Anna's lamp' failed: 'Error: Number value '300' is greater than 254'");
        const done = await drive(bridge, "Anna's lamp", { level: 90 });
        assert.ok(done.status >= 400);
        assert.match(done.error_description, /Number value '300' is greater than 254/);
    });

    await t.test("the lamp does not answer the radio", async () => {
        z2m.answer = () => complain("Publish 'set' 'state' to 'Anna's lamp' failed: 'Error: ZCL command 0x00158d0000000001/1 genOnOff.on({}, {}) failed (Delivery failed for '0x1234')'");
        const done = await drive(bridge, "Anna's lamp", { on: true });
        assert.match(done.error_description, /Delivery failed/);
    });

    await t.test("what is no error of this command leaves it alone", async () => {
        z2m.answer = async (name, command) => {
            await complain("Publish 'set' 'state' to 'Lamp 2' failed: 'Error: it was another'");
            await complain("Publish 'set' 'state' to 'Nobody' failed: 'Error: unknown'");
            await complain("Publish 'set' 'color' to 'Anna's lamp' failed: 'Error: another key'");
            await complain("Publish 'set' 'state' to 'Anna's lamp' failed: 'a warning'", "warning");
            await complain("Publish 'get' 'state' to 'Anna's lamp' failed: 'Error: a question'");
            await z2m.publish("bridge/logging", "{nonsense");
            await z2m.report("Anna's lamp", off); // its old state, once more
            await z2m.echo(name, command);
        };
        const done = await drive(bridge, "Anna's lamp", { on: true });
        assert.equal(done.basis, "reported", JSON.stringify(done));
    });

    await t.test("an attribute output is said, with what to set", async () => {
        await z2m.publish("bridge/info", { version: "2.1.0", config: { advanced: { output: "attribute" } } }, { retain: true });
        await until("the warning", async () => /advanced\.output/.test((await status(bridge))[0]));
        assert.match(bridge.program.log(), /set advanced\.output to json/);
        await z2m.publish("bridge/info", { version: "2.1.0", config: { advanced: { output: "json" } } }, { retain: true });
        await until("it to be taken back", async () => !/advanced\.output/.test((await status(bridge))[0]));
    });
});

test("lamps declared optimistic: the broker's word is the answer", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { extra: { mqtt: [{ name: "home", url: broker.url, optimistic: true }] } });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.start([dimmer(1)]);
    await until("the lamp", () => light(bridge, "Lamp 1"));
    z2m.answer = () => {};
    const done = await drive(bridge, "Lamp 1", { level: 50 });
    assert.equal(done.basis, "accepted", JSON.stringify(done));
    assert.equal(done.light.state.level, 50);
    await until("the lamp to hear of it", () => z2m.commands.length > 0);
    assert.deepEqual(z2m.commands.at(-1).command, { state: "ON", brightness: 127 });
});
