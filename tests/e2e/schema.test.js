// The Schema connector beside SmartThings' own SDK (st-schema): the same questions to both, the shapes of the answers
// compared; and the documents we send, beside those its callback classes send.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import test from "node:test";
import Ajv from "ajv";
import { Cloud, statesOf } from "./cloud.js";
import { callbackClient, startBridge, startBroker, until } from "./harness.js";
import { documents } from "./schema.js";
import { connect, Zigbee2mqtt } from "./zigbee.js";
import { deviceEntry } from "./catalogue.js";

const st = createRequire(import.meta.url)("st-schema");
const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true });
const valid = Object.fromEntries(Object.entries(documents).map(([name, schema]) => [name, ajv.compile(schema)]));

function check(name, document) {
    assert.ok(valid[name](document), `${name}: ${ajv.errorsText(valid[name].errors)}\n${JSON.stringify(document, null, 1).slice(0, 3000)}`);
}

/** A document's skeleton: keys and types, values left out; arrays by their first element. */
function shape(value, path = "") {
    if (Array.isArray(value)) {
        return value.length === 0 ? [`${path}[]`] : [...new Set(value.flatMap((v) => shape(v, `${path}[]`)))].sort();
    }
    if (value && typeof value === "object") {
        return Object.keys(value).sort().flatMap((k) => shape(value[k], `${path}.${k}`));
    }
    return value === undefined ? [] : [`${path}: ${typeof value}`];
}

// Ours beside the SDK's: timestamps are an optional extra of ours (facts: integer milliseconds).
const without = (lines, ...keys) => lines.filter((l) => !keys.some((k) => l.includes(`.${k}:`)));

const lampDefinition = {
    model: "LED1924G9",
    vendor: "IKEA",
    description: "a lamp with everything",
    exposes: [
        {
            type: "light",
            features: [
                { type: "binary", name: "state", property: "state", access: 7, value_on: "ON", value_off: "OFF", value_toggle: "TOGGLE" },
                { type: "numeric", name: "brightness", property: "brightness", access: 7, value_min: 0, value_max: 254 },
                { type: "numeric", name: "color_temp", property: "color_temp", access: 7, unit: "mired", value_min: 153, value_max: 500 },
                {
                    type: "composite",
                    name: "color_xy",
                    property: "color",
                    access: 7,
                    features: ["x", "y"].map((n) => ({ type: "numeric", name: n, property: n, access: 7 })),
                },
            ],
        },
    ],
};

/** A connector made with the SDK for the same lamp in the same state. */
function sdkConnector(device, states) {
    const connector = new st.SchemaConnector({ clientId: callbackClient.id, clientSecret: callbackClient.secret });
    const fill = (response, ids) => {
        for (const id of ids) {
            if (id === device.externalDeviceId) {
                const d = response.addDevice(id);
                for (const s of states()) {
                    d.addState("main", s.capability, s.attribute, s.value, s.unit);
                }
            } else {
                response.addDevice(id).setError("gone", st.DeviceErrorTypes.DEVICE_DELETED);
            }
        }
    };
    return connector
        .discoveryHandler((token, response) => {
            const d = response.addDevice(device.externalDeviceId, device.friendlyName, device.deviceHandlerType);
            d.manufacturerName(device.manufacturerInfo.manufacturerName);
            d.modelName(device.manufacturerInfo.modelName);
            d.swVersion("1");
            d.addCategory("light");
        })
        .stateRefreshHandler((token, response, body) => fill(response, body.devices.map((d) => d.externalDeviceId)))
        .commandHandler((token, response, devices) => fill(response, devices.map((d) => d.externalDeviceId)))
        .callbackTokenRequestHandler(() => ({}))
        .callbackAccessHandler(() => {})
        .integrationDeletedHandler(() => {})
        .interactionResultHandler(() => {});
}

test("schema", async (t) => {
    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    const entry = deviceEntry(lampDefinition, "0x00158d00000000a1", "Kitchen");
    await z2m.start([entry]);
    await until("the lamp", async () => (await bridge.lights()).length === 1);
    await z2m.report("Kitchen", { state: "ON", brightness: 127, color_temp: 250, color_mode: "color_temp" });
    await until("its state", async () => (await bridge.lights())[0].state.kelvin);

    const [device] = (await cloud.discover()).devices;
    const id = device.externalDeviceId;
    const sdk = sdkConnector(device, () => ours.deviceState[0].states);
    let ours;

    await t.test("discoveryResponse", async () => {
        ours = await cloud.discover();
        check("discoveryResponse", ours);
        assert.equal(ours.requestGrantCallbackAccess, true, "there is no callback token yet");
        const { requestGrantCallbackAccess, ...rest } = ours;
        const theirs = await sdk.handleCallback(cloud.envelope("discoveryRequest"));
        assert.deepEqual(shape(rest), shape(theirs));
        assert.equal(device.deviceHandlerType, "c2c-rgbw-color-bulb");
        assert.deepEqual(device.manufacturerInfo.modelName, "LED1924G9");
    });

    await t.test("stateRefreshResponse", async () => {
        const question = { devices: [{ externalDeviceId: id }, { externalDeviceId: "nobody" }] };
        ours = await cloud.ask("stateRefreshRequest", question);
        check("stateResponse", ours);
        const theirs = await sdk.handleCallback({ ...cloud.envelope("stateRefreshRequest"), ...question });
        assert.deepEqual(without(shape(ours), "timestamp"), shape(theirs));
        assert.deepEqual(statesOf(ours, id), {
            "healthCheck.healthStatus": "online",
            "switch.switch": "on",
            "switchLevel.level": 50,
            "colorTemperature.colorTemperature": 4000,
        });
        assert.equal(ours.deviceState[1].deviceError[0].errorEnum, "DEVICE-DELETED");
    });

    await t.test("commandResponse", async () => {
        const command = { component: "main", capability: "st.switchLevel", command: "setLevel", arguments: [20] };
        const question = { devices: [{ externalDeviceId: id, commands: [command] }] };
        ours = await cloud.ask("commandRequest", question);
        check("stateResponse", ours);
        assert.equal(ours.headers.interactionType, "commandResponse");
        const theirs = await sdk.handleCallback({ ...cloud.envelope("commandRequest"), ...question });
        assert.deepEqual(without(shape(ours), "timestamp"), shape(theirs));
        assert.equal(statesOf(ours, id)["switchLevel.level"], 20);
        assert.equal(z2m.commands.at(-1).command.brightness, 51);
    });

    await t.test("every command of a lamp, and what it cannot", async () => {
        const say = async (capability, command, args) => {
            const answer = await cloud.command(id, capability, command, args);
            check("stateResponse", answer);
            return answer.deviceState[0].deviceError?.[0].errorEnum ?? statesOf(answer, id);
        };
        assert.equal((await say("switch", "off"))["switch.switch"], "off");
        assert.equal((await say("switch", "on"))["switch.switch"], "on");
        assert.equal((await say("colorTemperature", "setColorTemperature", [2700]))["colorTemperature.colorTemperature"], 2703);
        const color = await say("colorControl", "setColor", [{ hue: 0, saturation: 100 }]);
        assert.ok(color["colorControl.hue"] < 1 || color["colorControl.hue"] > 99, JSON.stringify(color));
        assert.ok(color["colorControl.saturation"] > 98);
        assert.equal(color["colorTemperature.colorTemperature"], undefined, "only the attributes of the active mode");
        assert.ok((await say("refresh", "refresh"))["switch.switch"]);
        assert.equal(await say("switchLevel", "setLevel", [101]), "RESOURCE-CONSTRAINT-VIOLATION");
        assert.equal(await say("switchLevel", "setLevel", ["40"]), "RESOURCE-CONSTRAINT-VIOLATION");
        assert.equal(await say("switchLevel", "fade", [1]), "CAPABILITY-NOT-SUPPORTED");
        assert.equal(await say("lock", "lock"), "CAPABILITY-NOT-SUPPORTED");
    });

    await t.test("grantCallbackAccess, and what the callback side sends", async () => {
        const answer = await cloud.grant();
        const theirs = await sdk.handleCallback({
            ...cloud.envelope("grantCallbackAccess"),
            callbackAuthentication: { clientId: callbackClient.id },
            callbackUrls: {},
        });
        assert.deepEqual(shape(answer), shape(theirs));
        check("accessTokenRequest", cloud.tokenRequests[0]);
        await until("the callback token to be kept", async () => !(await cloud.discover()).requestGrantCallbackAccess);

        cloud.callbacks.length = 0;
        await z2m.report("Kitchen", { state: "OFF" }); // the hand on the wall switch
        await until("a state callback", () => cloud.told(id, "switch").includes("off"));
        const mine = cloud.callbacks.find((c) => c.headers.interactionType === "stateCallback");
        check("stateCallback", mine);
        const sent = await sentBy(t, (urls) => new st.StateUpdateRequest("a", "b").updateState(urls, { accessToken: "x" }, [
            { externalDeviceId: id, states: [{ component: "main", capability: "st.switch", attribute: "switch", value: "off" }] },
        ]));
        assert.deepEqual(shape({ headers: mine.headers, authentication: mine.authentication }), shape({ headers: sent.body.headers, authentication: sent.body.authentication }));
        assert.deepEqual(Object.keys(mine).sort(), Object.keys(sent.body).sort());
    });

    await t.test("a command's own echo is not told again, a change at the wall is", async () => {
        await cloud.command(id, "switch", "on");
        cloud.callbacks.length = 0;
        await cloud.command(id, "switchLevel", "setLevel", [70]);
        await z2m.report("Kitchen", {}); // Zigbee2MQTT repeats itself
        await z2m.report("Kitchen", { brightness: 25 });
        await until("the change", () => cloud.told(id, "level").includes(10));
        assert.deepEqual(cloud.told(id, "level"), [10]);
    });

    await t.test("an expired callback token: one refresh, everything delivered", async () => {
        const before = cloud.refreshes;
        cloud.expireCallbackToken();
        for (let i = 1; i <= 20; i++) {
            await z2m.report("Kitchen", { brightness: i * 10 });
        }
        await until("the last of 20 changes", () => cloud.told(id, "level").includes(79));
        assert.equal(cloud.refreshes - before, 1);
        check("refreshAccessTokens", cloud.tokenRequests.at(-1));
    });

    await t.test("429 with Retry-After and 503 delay, and lose nothing", async () => {
        cloud.refusals.push({ status: 503 }, { status: 429, headers: { "Retry-After": "1" } });
        await z2m.report("Kitchen", { brightness: 254 });
        await until("the change", () => cloud.told(id, "level").includes(100), 30);
        assert.equal(cloud.refusals.length, 0);
    });

    await t.test("discoveryCallback when a light comes", async () => {
        cloud.callbacks.length = 0;
        await z2m.devices([entry, deviceEntry(lampDefinition, "0x00158d00000000a2", "Hall")]);
        const told = await until("a discoveryCallback", () => cloud.callbacks.find((c) => c.headers.interactionType === "discoveryCallback"));
        check("discoveryCallback", told);
        const sent = await sentBy(t, (urls) => {
            const request = new st.DiscoveryRequest("a", "b");
            const d = new (Object.getPrototypeOf(new st.DiscoveryResponse("x").addDevice("i", "n", "t")).constructor)("i", "n", "t");
            d.manufacturerName("m");
            d.modelName("o");
            d.swVersion("1");
            d.addCategory("light");
            request.addDevice(d);
            return request.sendDiscovery(urls, { accessToken: "x" });
        });
        assert.deepEqual(shape(told), shape(sent.body));
        assert.match(sent.type, /^application\/json/);
    });

    await t.test("health: offline and back, by callback and in answers", async () => {
        cloud.callbacks.length = 0;
        await z2m.publish("Kitchen/availability", { state: "offline" }, { retain: true });
        await until("offline to be told", () => cloud.told(id, "healthStatus").includes("offline"));
        assert.equal(statesOf(await cloud.refresh([id]), id)["healthCheck.healthStatus"], "offline");
        const refused = await cloud.command(id, "switch", "on");
        assert.equal(refused.deviceState[0].deviceError[0].errorEnum, "DEVICE-UNAVAILABLE");
        await z2m.publish("Kitchen/availability", "online", { retain: true }); // plain text, as older versions send it
        await until("online to be told", () => cloud.told(id, "healthStatus").includes("online"));
    });

    await t.test("interactionResult, with and without authentication", async () => {
        const result = { originatingInteractionType: "stateCallback", globalError: { errorEnum: "BAD-REQUEST", detail: "no" } };
        const theirs = await sdk.handleCallback({ ...cloud.envelope("interactionResult"), ...result });
        assert.deepEqual(shape(await cloud.ask("interactionResult", result)), shape(theirs));
        assert.deepEqual(shape(await cloud.ask("interactionResult", { ...result, authentication: undefined })), shape(theirs));
        assert.equal(cloud.status, 200);
    });

    await t.test("what is no interaction", async () => {
        const error = async (type, body) => (await cloud.ask(type, body)).globalError?.errorEnum;
        assert.equal(await error("somethingElse"), "INVALID-INTERACTION-TYPE");
        assert.equal(await error("discoveryRequest", { authentication: undefined }), "BAD-REQUEST");
        assert.equal(await error("discoveryRequest", { authentication: { tokenType: "Bearer", token: "x" } }), "INVALID-TOKEN");
        assert.equal(
            await error("grantCallbackAccess", {
                callbackAuthentication: { grantType: "authorization_code", scope: "callback-access", code: "x", clientId: "somebody" },
                callbackUrls: { oauthToken: `${cloud.callbackUrl}/t`, stateCallback: `${cloud.callbackUrl}/s` },
            }),
            "INVALID-CLIENT",
        );
        const post = (body) => fetch(`${bridge.publicUrl}/smartthings/schema`, { method: "POST", body, headers: { "content-type": "application/json" } });
        for (const body of ["", "{", "[]", '{"headers":{},"headers":{}}', `${"[".repeat(100)}${"]".repeat(100)}`, '{"headers":"x"}', "\u0000"]) {
            const response = await post(body);
            const text = await response.text();
            assert.ok(response.status === 400 || /BAD-REQUEST/.test(text), `${JSON.stringify(body)}: ${response.status} ${text}`);
        }
        assert.ok([400, 413].includes((await post("x".repeat(20 << 20)).catch(() => ({ status: 413 }))).status));
        assert.equal((await fetch(`${bridge.publicUrl}/smartthings/schema`)).status, 405);
        assert.equal((await fetch(`${bridge.publicUrl}/control/lights`)).status, 404);
        assert.ok((await cloud.discover()).devices.length === 2, "nothing has changed");
    });

    await t.test("integrationDeleted ends the link", async () => {
        const theirs = await sdk.handleCallback(cloud.envelope("integrationDeleted"));
        assert.deepEqual(shape(await cloud.ask("integrationDeleted")), shape(theirs));
        assert.equal((await cloud.discover()).globalError.errorEnum, "INTEGRATION-DELETED");
    });
});

/** What a class of the SDK puts on the wire. */
async function sentBy(t, send) {
    let got;
    const server = createServer((request, response) => {
        let text = "";
        request.on("data", (d) => (text += d));
        request.on("end", () => {
            got = { body: JSON.parse(text), type: request.headers["content-type"] };
            response.setHeader("content-type", "application/json").end("{}");
        });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${server.address().port}`;
    try {
        await send({ stateCallback: `${url}/events`, oauthToken: `${url}/token` });
    } finally {
        server.close();
        server.closeAllConnections();
    }
    return got;
}
