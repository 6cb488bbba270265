// The partner REST API: every answer is held against bridge/partner/openapi.json, and clients that were written for LIFX
// drive our lamps with only the host changed.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { startBridge, until } from "./harness.js";
import { Api, Listener, holds, linkClient, openapi } from "./partner.js";

const require = createRequire(import.meta.url);

test("the partner API", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 12 }, partner: { requests_per_minute: 5000, location: "Elm Street" } } });
    const tokens = await linkClient(bridge, "dash");
    const api = new Api(bridge, tokens.access_token);
    const all = (await api.get("/v1/lights/all")).body;
    const can = (what) => all.find((light) => light.product.capabilities[what]);
    const lamp = all.find(({ product: { capabilities: c } }) => c.has_color && c.has_variable_color_temp);
    const id = `id:${lamp.id}`;
    const set = (selector, body, options) => api.ask("PUT", `/v1/lights/${encodeURIComponent(selector)}/state`, body, options);

    await t.test("lists lights, with places and capabilities", async () => {
        assert.equal(all.length, 11); // the plug among the twelve is not shown
        assert.deepEqual((await api.get("/v1/lights")).body.map((l) => l.id), all.map((l) => l.id));
        assert.ok(all.every((light) => light.location.name === "Elm Street"));
        const plain = all.find((light) => !light.product.capabilities.has_color);
        assert.ok(plain && can("has_color"));
        assert.equal(new Set(all.map((l) => l.uuid)).size, 11);
    });

    await t.test("selectors: each kind, joined, random, and what fits nothing", async () => {
        const [first, second] = all;
        const ids = async (selector) => (await api.get(`/v1/lights/${encodeURIComponent(selector)}`)).body.map((l) => l.id);
        await bridge.place.runBeside(["light", first.id, "--room", "Kitchen, east", "--name", "Lamp, tall"]);
        const moved = await api.light(`id:${first.id}`);
        assert.equal(moved.group.name, "Kitchen, east");
        for (const selector of [`id:${first.id}`, "label:Lamp, tall", "group:Kitchen, east", `group_id:${moved.group.id}`]) {
            assert.deepEqual(await ids(selector), [first.id], selector);
        }
        assert.equal((await ids("location:Elm Street")).length, 11);
        assert.equal((await ids(`location_id:${first.location.id}`)).length, 11);
        assert.deepEqual(await ids(`id:${second.id},label:Lamp, tall,id:${second.id}`), [second.id, first.id]);
        const drawn = new Set();
        for (let i = 0; i < 30; i++) {
            const [one, ...more] = await ids("all:random");
            assert.deepEqual(more, []);
            drawn.add(one);
        }
        assert.ok(drawn.size > 1);
        assert.equal((await api.get("/v1/lights/label:Nobody")).status, 404);
        assert.equal((await api.get("/v1/lights/colour:red")).status, 422);
        assert.equal((await api.get(`/v1/lights/${Array(26).fill(`id:${first.id}`).join(",")}`)).status, 422);
        assert.equal((await api.get("/v1/lights/%zz")).status, 400);
    });

    await t.test("sets a state: power, colours of every spelling, brightness over the colour's", async () => {
        const done = await set(id, { power: "on", color: "hue:120 saturation:0.5", brightness: 0.25, duration: 0 });
        assert.equal(done.status, 207);
        assert.deepEqual(done.body.results.map((r) => [r.id, r.status]), [[lamp.id, "ok"]]);
        let light = await api.light(id);
        assert.deepEqual([light.power, light.color.hue, light.color.saturation, light.brightness], ["on", 120, 0.5, 0.25]);
        await set(id, { color: "kelvin:3000", duration: 0 });
        light = await api.light(id);
        assert.deepEqual([light.color.saturation, light.color.kelvin], [0, 3000]);
        await set(id, { color: "#ff0000", brightness: 0.5, duration: 0 }, { form: true });
        light = await api.light(id);
        assert.deepEqual([light.color.hue, light.color.saturation, light.brightness], [0, 1, 0.5]);
        await set(id, { color: "blue", duration: 0 });
        assert.equal((await api.light(id)).color.hue, 250);
        await set(id, { power: "off", color: "red", duration: 0 });
        light = await api.light(id);
        assert.deepEqual([light.power, light.color.hue], ["off", 250]);
    });

    await t.test("what a light cannot do is said, and the rest done", async () => {
        const plain = all.find(({ product: { capabilities: c } }) => !c.has_color && c.has_brightness);
        const done = (await set(`id:${plain.id}`, { power: "on", color: "red", brightness: 0.4, duration: 0 })).body.results[0];
        assert.deepEqual([done.status, done.ignored], ["ok", ["color"]]);
        assert.equal((await api.light(`id:${plain.id}`)).brightness, 0.4);
        const none = (await set(`id:${plain.id}`, { color: "red" })).body.results[0];
        assert.deepEqual([none.status, none.ignored], ["unsupported", ["color"]]);
    });

    await t.test("fast answers at once, and the light follows", async () => {
        const done = await set(id, { power: "on", fast: true, duration: 0 });
        assert.equal(done.status, 202);
        await until("the light to be on", async () => (await api.light(id)).power === "on");
    });

    await t.test("states for several selectors, with defaults", async () => {
        const [a, b] = all;
        const done = await api.ask("PUT", "/v1/lights/states", {
            states: [{ selector: `id:${a.id}`, power: "on" }, { selector: `id:${b.id}`, brightness: 0.7 }, { selector: "label:Nobody", power: "on" }],
            defaults: { power: "off", duration: 0 },
        });
        assert.equal(done.status, 207);
        assert.deepEqual(done.body.results.map((o) => o.results.map((r) => r.status)), [["ok"], ["ok"], []]);
        assert.equal(done.body.results[0].operation.selector, `id:${a.id}`);
        assert.equal((await api.light(`id:${a.id}`)).power, "on");
        assert.equal((await api.light(`id:${b.id}`)).power, "off"); // power is the defaults'
        const wrong = await api.ask("PUT", "/v1/lights/states", { states: [{ selector: "all" }, { selector: "all", color: "beige" }] });
        assert.equal(wrong.body.errors[0].field, "states[1].color");
        assert.equal((await api.ask("PUT", "/v1/lights/states", { states: [] })).status, 422);
    });

    await t.test("changes by an amount, and leaves what is off", async () => {
        const delta = (selector, body) => api.ask("POST", `/v1/lights/${selector}/state/delta`, body);
        await set(id, { power: "on", color: "hue:350 saturation:0.9", brightness: 0.5, duration: 0 });
        await delta(id, { brightness: -0.2, hue: 20, saturation: 0.5, duration: 0 });
        let light = await api.light(id);
        assert.deepEqual([light.brightness, light.color.hue, light.color.saturation], [0.3, 10, 1]);
        await set(id, { power: "off", duration: 0 });
        const left = (await delta(id, { brightness: 0.1, duration: 0 })).body.results[0];
        assert.deepEqual(left.ignored, ["brightness"]);
        assert.equal((await api.light(id)).power, "off");
        await delta(id, { power: "on", brightness: 0.1, duration: 0 });
        light = await api.light(id);
        assert.deepEqual([light.power, light.brightness], ["on", 0.4]);
    });

    await t.test("toggles: off if any is on", async () => {
        const toggle = async (selector) => (await api.ask("POST", `/v1/lights/${selector}/toggle`)).body.results;
        await set("all", { power: "off", duration: 0 });
        await set(id, { power: "on", duration: 0 });
        assert.ok((await toggle("all")).every((r) => r.status === "ok" && r.power === "off"));
        assert.ok((await toggle("all")).every((r) => r.power === "on"));
    });

    await t.test("422 names each field; what is unknown earns a warning", async () => {
        const wrong = await set("all", { power: "perhaps", color: "beige", brightness: 2, duration: -1, fast: "no" });
        assert.deepEqual(wrong.body.errors.map((e) => e.field), ["power", "color", "brightness", "duration", "fast"]);
        const warned = await set(id, { power: "on", brigthness: 0.5 });
        assert.deepEqual(warned.body.warnings, [{ warning: "Unknown params", unknown_params: { brigthness: 0.5 } }]);
        assert.equal((await set(id, "{")).status, 400);
        assert.equal((await set(id, "power=on", { headers: { "content-type": "text/plain" } })).status, 400);
    });

    await t.test("colour strings", async () => {
        const color = async (text) => (await api.get(`/v1/color?string=${encodeURIComponent(text)}`)).body;
        assert.deepEqual(await color("red"), { hue: 0, saturation: 1, brightness: null, kelvin: null });
        assert.deepEqual(await color("kelvin:2700 brightness:0.3"), { hue: null, saturation: 0, brightness: 0.3, kelvin: 2700 });
        assert.deepEqual(await color("rgb:0,255,0"), { hue: 120, saturation: 1, brightness: 1, kelvin: null });
        assert.equal((await api.get("/v1/color?string=beige")).status, 422);
        assert.equal((await api.get("/v1/color")).status, 422);
    });

    await t.test("scenes: made from how lights are, kept over a restart's worth of store, activated, removed", async () => {
        await set(id, { power: "on", color: "hue:200 saturation:0.8", brightness: 0.6, duration: 0 });
        const made = await api.ask("POST", "/v1/scenes", { name: "Evening", selector: id });
        assert.equal(made.status, 201);
        const scene = `scene_id:${made.body.uuid}`;
        assert.deepEqual((await api.get("/v1/scenes")).body, [made.body]);
        assert.equal((await api.light(scene)).id, lamp.id);
        await set(id, { color: "kelvin:4000", brightness: 1, duration: 0 });
        const activated = await api.ask("PUT", `/v1/scenes/${scene}/activate`, { duration: 0 });
        assert.deepEqual(activated.body.results.map((r) => r.status), ["ok"]);
        let light = await api.light(id);
        assert.deepEqual([light.color.hue, light.color.saturation, light.brightness], [200, 0.8, 0.6]);
        await api.ask("PUT", `/v1/scenes/${scene}/activate`, { duration: 0, ignore: ["color"], overrides: { brightness: 0.2 } });
        light = await api.light(id);
        assert.equal(light.brightness, 0.2);
        assert.equal((await api.ask("POST", "/v1/scenes", { selector: "all" })).status, 422);
        assert.equal((await api.ask("PUT", "/v1/scenes/scene_id:none/activate", {})).status, 404);
        assert.equal((await api.ask("DELETE", `/v1/scenes/${scene}`)).status, 204);
        assert.equal((await api.ask("DELETE", `/v1/scenes/${scene}`)).status, 404);
        assert.deepEqual((await api.get("/v1/scenes")).body, []);
    });

    await t.test("401, 403, Basic with the token as its name", async () => {
        assert.equal((await new Api(bridge).get("/v1/lights/all")).status, 401);
        assert.equal((await new Api(bridge, "none").get("/v1/lights/all")).status, 401);
        const reader = await linkClient(bridge, "reader", { scope: "devices:read" });
        const eyes = new Api(bridge, reader.access_token);
        assert.equal((await eyes.get("/v1/lights/all")).status, 200);
        assert.equal((await eyes.ask("PUT", "/v1/lights/all/state", { power: "off" })).status, 403);
        const basic = Buffer.from(`${tokens.access_token}:`).toString("base64");
        assert.equal((await new Api(bridge).get("/v1/lights/all", { headers: { authorization: `Basic ${basic}` } })).status, 200);
    });

    await t.test("the description is served as it is in the tree, and is the table of routes", async () => {
        const { body } = await new Api(bridge).get("/v1/openapi.json");
        assert.deepEqual(body, openapi);
    });

    await t.test("lifx-http-api, a LIFX client, with only its url changed", async () => {
        const Lifx = require("lifx-http-api");
        const linked = await linkClient(bridge, "lifx", { scope: "remote_control:all" });
        const client = new Lifx({ bearerToken: linked.access_token, url: `${bridge.publicUrl}/` });
        assert.equal((await client.listLights("all")).length, 11);
        const set = await client.setState(id, { power: "on", color: "hue:30 saturation:1.0", brightness: 0.5, duration: 0 });
        assert.equal(set.results[0].status, "ok");
        assert.equal((await client.listLights(id))[0].color.hue, 30);
        const states = await client.setStates({ states: [{ selector: id, brightness: 0.9 }], defaults: { duration: 0 } });
        assert.equal(states.results[0].results[0].status, "ok");
        const toggled = await client.togglePower(id, 0);
        assert.deepEqual(toggled.results.map((r) => r.status), ["ok"]);
        assert.equal((await client.listLights(id))[0].power, "off");
        assert.deepEqual(await client.listScenes(), []);
        await assert.rejects(client.setState("all", { color: "beige" }));
    });

    await t.test("lifxjs, another one, with only its address changed", async () => {
        require("lifxjs/config.json").LIFX_API.BASE_URL = bridge.publicUrl;
        const Lifx = require("lifxjs/index.js");
        const client = new Lifx();
        client.init({ appToken: tokens.access_token });
        const listed = await client.get.all();
        assert.equal(listed.length, 11, JSON.stringify(listed));
        assert.equal((await client.power.light(lamp.id, "on")).results[0].status, "ok");
        assert.equal((await client.get.light(lamp.id))[0].power, "on");
        assert.equal((await client.color.light(lamp.id, { hue: 77, saturation: 1, brightness: 0.5 })).results[0].status, "ok");
    });

    await t.test("events: each change, and where to go on", async (t) => {
        const listener = new Listener(t, bridge, tokens.access_token);
        const hello = await listener.until("hello", (e) => e.event === "hello");
        holds("Greeting", hello.data);
        await set(id, { power: "on", brightness: 0.11, duration: 0 });
        const change = await listener.until("the change", (e) => e.event === "light.state" && e.data.brightness === 0.11);
        holds("Light", change.data);
        listener.close();
        await set(id, { brightness: 0.22, duration: 0 });
        const again = new Listener(t, bridge, tokens.access_token, { last: change.id });
        await again.until("what was missed", (e) => e.event === "light.state" && e.data.brightness === 0.22);
        assert.ok(!again.events.some((e) => e.event === "gap" || e.event === "hello"));
        const lost = new Listener(t, bridge, tokens.access_token, { last: "otherrun-7" });
        holds("Greeting", (await lost.until("the gap", (e) => e.event === "gap")).data);
        await bridge.place.runBeside(["light", lamp.id, "--hide"]);
        holds("LightGone", (await again.until("that it went", (e) => e.event === "light.removed" && e.data.id === lamp.id)).data);
        await bridge.place.runBeside(["light", lamp.id, "--expose"]);
        await again.until("that it came", (e) => e.event === "light.listed" && e.data.id === lamp.id);
    });
});

test("429 says how often, how much is left, and when it begins anew", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 1 }, partner: { requests_per_minute: 3 } } });
    const api = new Api(bridge, (await linkClient(bridge, "dash")).access_token);
    const other = new Api(bridge, (await linkClient(bridge, "other")).access_token);
    for (const left of ["2", "1", "0"]) {
        const answer = await api.get("/v1/lights/all");
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get("x-ratelimit-limit"), "3");
        assert.equal(answer.headers.get("x-ratelimit-remaining"), left);
        const reset = Number(answer.headers.get("x-ratelimit-reset")) - Date.now() / 1000;
        assert.ok(reset > 0 && reset < 62, `${reset}`);
    }
    const refused = await api.get("/v1/lights/all");
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    assert.equal((await other.get("/v1/lights/all")).status, 200);
});

test("scenes and webhooks outlive a restart", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 2 }, partner: { webhook_hosts: ["127.0.0.1"] } } });
    const tokens = await linkClient(bridge, "dash");
    const api = new Api(bridge, tokens.access_token);
    const scene = (await api.ask("POST", "/v1/scenes", { name: "Both" })).body;
    const hook = (await api.ask("POST", "/v1/webhooks", { url: "http://127.0.0.1:9/x" })).body;
    await bridge.crash();
    await startBridge(t, { place: bridge.place });
    assert.deepEqual((await api.get("/v1/scenes")).body, [scene]);
    assert.deepEqual((await api.get("/v1/webhooks")).body.map((w) => [w.id, w.url]), [[hook.id, hook.url]]);
});
