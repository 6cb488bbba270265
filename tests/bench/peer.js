// What lightbridge is compared with: the same job done with the packages that SmartThings' own examples use (st-schema and
// express) and the usual MQTT client. Everything that costs time without need is left out: state in memory, one token
// that is looked up in a map, QoS 0, no ETags, no logging. A command is answered as soon as it is published.
//
// usage: node peer.js HTTP_PORT MQTT_URL TOKEN [BASE_TOPIC]
import { createRequire } from "node:module";

const require = createRequire(new URL("../e2e/package.json", import.meta.url));
const express = require("express");
const mqtt = require("mqtt");
const { SchemaConnector, DeviceErrorTypes, GlobalErrorTypes } = require("st-schema");

const [port, brokerUrl, token, base = "zigbee2mqtt"] = process.argv.slice(2);
const tokens = new Map([[token, { expires: Date.now() + 24 * 3600 * 1000 }]]);

// ---- the lights, as Zigbee2MQTT describes them ----

const lights = new Map(); // by external id
const byName = new Map(); // by friendly name

function describe(entry) {
    const light = entry.definition?.exposes?.find((e) => e.type === "light");
    if (!light || entry.disabled || !entry.supported) {
        return undefined;
    }
    const feature = (name) => light.features.find((f) => f.name === name);
    const temperature = feature("color_temp");
    const color = feature("color_hs") ?? feature("color_xy");
    const type = color
        ? temperature
            ? "c2c-rgbw-color-bulb"
            : "c2c-rgb-color-bulb"
        : temperature
          ? "c2c-color-temperature-bulb"
          : feature("brightness")
            ? "c2c-dimmer"
            : "c2c-switch";
    return {
        id: entry.ieee_address,
        name: entry.friendly_name,
        topic: `${base}/${entry.friendly_name}/set`,
        type,
        manufacturer: entry.manufacturer ?? entry.definition.vendor,
        model: entry.definition.model,
        version: entry.software_build_id,
        online: true,
        states: new Map(), // "st.switchLevel/level" -> state
    };
}

function devices(list) {
    const before = new Map(lights);
    lights.clear();
    byName.clear();
    for (const entry of list) {
        const light = describe(entry);
        if (light) {
            light.states = before.get(light.id)?.states ?? light.states;
            lights.set(light.id, light);
            byName.set(light.name, light);
        }
    }
}

function set(light, capability, attribute, value, unit) {
    light.states.set(`${capability}/${attribute}`, { component: "main", capability, attribute, value, unit });
}

function report(light, state) {
    if (state.state !== undefined && state.state !== null) {
        set(light, "st.switch", "switch", state.state === "ON" ? "on" : "off");
    }
    if (typeof state.brightness === "number") {
        set(light, "st.switchLevel", "level", Math.round((state.brightness * 100) / 254), "%");
    }
    if (typeof state.color_temp === "number" && state.color_mode === "color_temp") {
        set(light, "st.colorTemperature", "colorTemperature", Math.round(1e6 / state.color_temp), "K");
    }
    if (typeof state.color?.hue === "number") {
        set(light, "st.colorControl", "hue", state.color.hue / 3.6);
        set(light, "st.colorControl", "saturation", state.color.saturation);
    }
}

const client = mqtt.connect(brokerUrl, { protocolVersion: 4 });
client.on("connect", () => {
    client.stream.setNoDelay?.(true);
    client.subscribe([`${base}/bridge/devices`, `${base}/+`, `${base}/+/availability`]);
});
client.on("message", (topic, payload) => {
    const parts = topic.slice(base.length + 1).split("/");
    if (parts[0] === "bridge") {
        if (parts[1] === "devices") {
            devices(JSON.parse(payload));
        }
        return;
    }
    const light = byName.get(parts[0]);
    if (!light || payload.length === 0) {
        return;
    }
    try {
        if (parts[1] === "availability") {
            light.online = JSON.parse(payload).state === "online";
        } else {
            report(light, JSON.parse(payload));
        }
    } catch (error) {
        console.error(`${topic}: ${error.message}`);
    }
});

// ---- the connector ----

const health = (light) => ({
    component: "main",
    capability: "st.healthCheck",
    attribute: "healthStatus",
    value: light.online ? "online" : "offline",
});

// capability/command -> [payload for Zigbee2MQTT, state for the answer]
const commands = {
    "st.switch/on": (light) => (set(light, "st.switch", "switch", "on"), { state: "ON" }),
    "st.switch/off": (light) => (set(light, "st.switch", "switch", "off"), { state: "OFF" }),
    "st.switchLevel/setLevel": (light, [level]) => {
        set(light, "st.switchLevel", "level", level, "%");
        set(light, "st.switch", "switch", level > 0 ? "on" : "off");
        return { brightness: Math.round((level * 254) / 100) };
    },
    "st.colorTemperature/setColorTemperature": (light, [kelvin]) => {
        set(light, "st.colorTemperature", "colorTemperature", kelvin, "K");
        return { color_temp: Math.round(1e6 / kelvin) };
    },
    "st.colorControl/setColor": (light, [color]) => {
        set(light, "st.colorControl", "hue", color.hue);
        set(light, "st.colorControl", "saturation", color.saturation);
        return { color: { hue: color.hue * 3.6, saturation: color.saturation } };
    },
};

function authentic(accessToken, response) {
    const found = tokens.get(accessToken);
    if (!found) {
        response.setError("unknown token", GlobalErrorTypes.INVALID_TOKEN);
    } else if (found.expires < Date.now()) {
        response.setError("the token has expired", GlobalErrorTypes.TOKEN_EXPIRED);
    } else {
        return true;
    }
    return false;
}

function found(response, id) {
    const light = lights.get(id);
    const device = response.addDevice(id);
    if (!light) {
        device.setError("no such light", DeviceErrorTypes.DEVICE_DELETED);
    }
    return [light, device];
}

const connector = new SchemaConnector()
    .discoveryHandler((accessToken, response) => {
        if (authentic(accessToken, response)) {
            for (const light of lights.values()) {
                const device = response.addDevice(light.id, light.name, light.type);
                device.manufacturerName(light.manufacturer).modelName(light.model).swVersion(light.version);
                device.addCategory("light");
            }
        }
    })
    .stateRefreshHandler((accessToken, response, data) => {
        if (authentic(accessToken, response)) {
            for (const { externalDeviceId } of data.devices) {
                const [light, device] = found(response, externalDeviceId);
                if (light) {
                    device.addState(health(light));
                    light.states.forEach((state) => device.addState(state));
                }
            }
        }
    })
    .commandHandler((accessToken, response, asked) => {
        if (!authentic(accessToken, response)) {
            return;
        }
        for (const { externalDeviceId, commands: list } of asked) {
            const [light, device] = found(response, externalDeviceId);
            if (!light) {
                continue;
            }
            for (const command of list) {
                const translate = commands[`${command.capability}/${command.command}`];
                if (!translate) {
                    device.setError(`no ${command.command}`, DeviceErrorTypes.CAPABILITY_NOT_SUPPORTED);
                    continue;
                }
                client.publish(light.topic, JSON.stringify(translate(light, command.arguments ?? [])));
            }
            device.addState(health(light));
            light.states.forEach((state) => device.addState(state));
        }
    });

const app = express();
app.disable("etag");
app.disable("x-powered-by");
app.get("/healthz", (request, response) => response.json({ status: "ok" }));
app.use(express.json({ limit: "2mb" }));
app.post("/smartthings/schema", (request, response) => connector.handleHttpCallback(request, response));
app.listen(Number(port), "127.0.0.1");
