// The command line against a running daemon, and without one.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import test from "node:test";
import { deviceEntry } from "./catalogue.js";
import { Cloud } from "./cloud.js";
import { installation, startBridge, startBroker, until } from "./harness.js";
import { connect, Zigbee2mqtt } from "./zigbee.js";

const feature = (name, more) => ({ type: "numeric", name, property: name, access: 7, ...more });
const lamp = (vendor, model) => ({
    model,
    vendor,
    description: "",
    exposes: [
        {
            type: "light",
            features: [
                { type: "binary", name: "state", property: "state", access: 7, value_on: "ON", value_off: "OFF" },
                feature("brightness", { value_min: 0, value_max: 254 }),
                feature("color_temp", { value_min: 250, value_max: 454, unit: "mired" }),
            ],
        },
    ],
});
const plug = {
    model: "plug",
    vendor: "test",
    description: "",
    exposes: [{ type: "switch", features: [{ type: "binary", name: "state", property: "state", access: 7, value_on: "ON", value_off: "OFF" }] }],
};

test("command line with a daemon", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    const entries = [
        deviceEntry(lamp("IKEA", "LED1"), "0x00158d0000000001", "Kitchen"),
        deviceEntry(lamp("IKEA", "LED1"), "0x00158d0000000002", "hall/ceiling"),
        deviceEntry(plug, "0x00158d0000000003", "Plug"),
    ];
    await z2m.start(entries);
    await until("the lights", async () => (await bridge.lights()).length === 3);
    await z2m.report("Kitchen", { state: "ON", brightness: 254, color_temp: 300, color_mode: "color_temp" });
    await until("a state", async () => (await bridge.lights()).find((l) => l.name === "Kitchen").state.on);
    const run = (...args) => bridge.place.runBeside(args);
    const of = async (name) => (await bridge.lights()).find((l) => l.name === name);

    await t.test("drives", async () => {
        for (const [words, expected] of [
            [["off"], { on: false }],
            [["on"], { on: true }],
            [["level", "40"], { level: 40.16, on: true }],
            [["kelvin", "2500"], { kelvin: 2500 }],
        ]) {
            const done = await run("light", "Kitchen", ...words);
            assert.equal(done.code, 0, done.stderr);
            const { state } = await of("Kitchen");
            for (const [key, value] of Object.entries(expected)) {
                assert.ok(state[key] === value || Math.abs(state[key] - value) <= Math.abs(value) * 0.01, `${words}: ${key} is ${state[key]}, not ${value}`);
            }
        }
        assert.equal(z2m.commands.filter((c) => c.command.transition).length, 0);
        await run("light", "Kitchen", "level", "10", "--transition", "2");
        assert.equal(z2m.commands.at(-1).command.transition, 2);
    });

    await t.test("clamps a colour temperature to the lamp's range", async () => {
        await run("light", "Kitchen", "kelvin", "9000");
        assert.equal(z2m.commands.at(-1).command.color_temp, 250);
    });

    await t.test("refuses what is out of range, unknown or impossible", async () => {
        for (const [words, code] of [
            [["light", "Kitchen", "level", "101"], 2],
            [["light", "Kitchen", "level", "bright"], 2],
            [["light", "Kitchen", "dance"], 2],
            [["light", "Nobody", "on"], 1],
            [["light", "Kitchen", "color", "120,50"], 1],
            [["lights", "--colour"], 2],
            [["dance"], 2],
        ]) {
            const done = await run(...words);
            assert.equal(done.code, code, `${words}: ${done.stdout}${done.stderr}`);
            assert.ok(done.stderr.trim(), `${words} says nothing`);
        }
    });

    await t.test("a lamp that does not answer: exit 1", async () => {
        const answer = z2m.answer;
        z2m.answer = () => {};
        const done = await run("light", "Kitchen", "off");
        z2m.answer = answer;
        assert.equal(done.code, 1, done.stdout);
    });

    await t.test("names, places, hides and exposes", async () => {
        const { id } = await of("Kitchen");
        assert.equal((await run("light", "Kitchen", "--name", "K\u00fcche", "--room", "Erdgescho\u00df")).code, 0);
        const light = (await bridge.lights()).find((l) => l.id === id);
        assert.deepEqual([light.name, light.room], ["K\u00fcche", "Erdgescho\u00df"]);
        const cloud = new Cloud(bridge);
        await cloud.link();
        const seen = async () => (await cloud.discover()).devices.map((d) => d.friendlyName).sort();
        assert.deepEqual(await seen(), ["K\u00fcche", "hall/ceiling"], "a plug is not shown without being asked for");
        assert.equal((await run("light", "Plug", "--expose")).code, 0);
        assert.equal((await run("light", "hall/ceiling", "--hide")).code, 0);
        assert.deepEqual(await seen(), ["K\u00fcche", "Plug"]);
        assert.equal((await run("light", id, "--name", "")).code, 0);
        assert.deepEqual(await seen(), ["Kitchen", "Plug"]);
    });

    await t.test("rename and removal on the far side keep the id", async () => {
        const { id } = await of("Kitchen");
        await z2m.devices([{ ...entries[0], friendly_name: "Cooking" }, entries[2]]);
        await until("the new name", () => of("Cooking"));
        assert.equal((await of("Cooking")).id, id);
        assert.equal(await of("hall/ceiling"), undefined);
        await z2m.devices(entries);
        await until("all back", async () => (await bridge.lights()).length === 3);
        assert.equal((await of("Kitchen")).id, id);
    });

    await t.test("forget removes a light until its lamp announces itself again", async () => {
        assert.equal((await run("light", "Plug", "--forget")).code, 0);
        assert.equal(await of("Plug"), undefined);
        await z2m.devices(entries.slice(0, 2));
        await z2m.devices(entries);
        await until("the plug", () => of("Plug"));
    });

    await t.test("names and settings survive a restart", async () => {
        await run("light", "Kitchen", "--room", "Downstairs");
        const before = await of("Kitchen");
        await bridge.stop();
        const again = await startBridge(t, { place: bridge.place });
        const after = await until("the light", async () => (await again.lights()).find((l) => l.id === before.id));
        assert.equal(after.room, "Downstairs");
        await again.stop();
    });

    await t.test("without a daemon: exit 3", async () => {
        for (const words of [["lights"], ["links"], ["light", "x", "on"], ["unlink", "x"]]) {
            const done = await run(...words);
            assert.equal(done.code, 3, `${words}: ${done.stderr}`);
        }
    });
});

test("command line without a daemon", async (t) => {
    const place = await installation(t, { withAccount: false });

    await t.test("accounts", () => {
        assert.equal(place.run(["account", "list"]).code, 0);
        assert.equal(place.run(["account", "add", "eva"], { input: "short\n" }).code, 1);
        assert.equal(place.run(["account", "add", "eva"], { input: "long enough, surely\n" }).code, 0);
        assert.equal(place.run(["account", "add", "eva"], { input: "long enough, surely\n" }).code, 1);
        assert.match(place.run(["account", "list"]).stdout, /eva/);
        assert.equal(place.run(["account", "password", "eva"], { input: "another one, longer\n" }).code, 0);
        assert.equal(place.run(["account", "remove", "nobody"]).code, 1);
        assert.equal(place.run(["account", "remove", "eva"]).code, 0);
        assert.doesNotMatch(place.run(["account", "list"]).stdout, /eva/);
    });

    await t.test("--help and --version", () => {
        for (const words of [[], ["run"], ["check-config"], ["account"], ["lights"], ["light"], ["links"], ["unlink"], ["store"]]) {
            const done = place.run([...words, "--help"]);
            assert.equal(done.code, 0);
            assert.match(done.stdout, /usage: lightbridge/);
        }
        assert.match(place.run(["--version"]).stdout, /^lightbridge \d+\.\d+\.\d+\n$/);
    });

    await t.test("check-config: fine, or where it is wrong", () => {
        assert.equal(place.run(["check-config"]).code, 0);
        for (const [text, expected] of [
            ["", null],
            ["public:\n  lisden: 1\n", /:2:\d+: /],
            ["public:\n  listen: nowhere\nmqtt:\n  - url: ftp://x\n", /:2:\d+: [^]*:4:\d+: /],
            ["a: [", /:\d+:\d+: /],
            ["public: {url: 'https://x.example:8443'}\n", /8002/],
        ]) {
            writeFileSync(place.file, text);
            const done = place.run(["check-config"]);
            assert.equal(done.code, expected ? 1 : 0, `${text}: ${done.stderr}`);
            if (expected) {
                assert.match(done.stdout + done.stderr, expected);
                assert.equal(place.run(["run"]).code, 1, "nothing is started");
            }
        }
    });
});
