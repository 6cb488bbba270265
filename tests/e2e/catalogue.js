// The catalogue of Zigbee devices that Zigbee2MQTT itself uses (zigbee-herdsman-converters), and what each light in it can
// do, worked out from its `exposes` here and not by the bridge.
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

// Some definitions compute their exposes from the device: this one answers every question with nothing.
const anyDevice = {
    isDummyDevice: true,
    endpoints: [],
    meta: {},
    customClusters: {},
    getEndpoint: () => undefined,
};

/** All definitions: [{model, vendor, description, exposes}], in the catalogue's order. */
export function allDefinitions() {
    const zhc = require("zigbee-herdsman-converters");
    const folder = join(dirname(require.resolve("zigbee-herdsman-converters")), "devices");
    const found = [];
    for (const file of readdirSync(folder).sort()) {
        if (!file.endsWith(".js") || file === "index.js") {
            continue;
        }
        for (const raw of require(join(folder, file)).definitions ?? []) {
            const definition = zhc.prepareDefinition(raw);
            const exposes =
                typeof definition.exposes === "function" ? definition.exposes(anyDevice, {}) : definition.exposes;
            found.push({
                model: definition.model,
                vendor: definition.vendor,
                description: definition.description,
                // as Zigbee2MQTT sends it: what JSON makes of the objects
                exposes: JSON.parse(JSON.stringify(exposes)),
            });
        }
    }
    return found;
}

const SETTABLE = 2;
// SmartThings' colorTemperature ends at 1000 and 30000 K; two models announce more than that (15 K, 40000 K).
const COLDEST = 33;
const WARMEST = 1000;

/**
 * What the lights of a definition can do, by the rules of Zigbee2MQTT's documentation: a list of {endpoint, on,
 * level, kelvin: [min, max] in mired or null, color}.
 */
export function lightsOf(definition) {
    return definition.exposes
        .filter((e) => e.type === "light")
        .map((light) => {
            const can = (name) => light.features.find((f) => f.name === name && (f.access ?? 7) & SETTABLE);
            const temperature = can("color_temp");
            return {
                endpoint: light.endpoint ?? null,
                on: Boolean(can("state")),
                level: Boolean(can("brightness")),
                mired: temperature ? [Math.max(temperature.value_min, COLDEST), Math.min(temperature.value_max, WARMEST)] : null,
                color: Boolean(can("color_xy") || can("color_hs")),
            };
        });
}

/** The SmartThings handler type for what a light can do: the largest whose controls all work. */
export function handlerType(light) {
    if (light.level && light.color) {
        return light.mired ? "c2c-rgbw-color-bulb" : "c2c-rgb-color-bulb";
    }
    if (light.level) {
        return light.mired ? "c2c-color-temperature-bulb" : "c2c-dimmer";
    }
    return "c2c-switch";
}

/** An entry of bridge/devices for a definition. */
export function deviceEntry(definition, ieeeAddress, friendlyName) {
    return {
        ieee_address: ieeeAddress,
        friendly_name: friendlyName,
        type: "Router",
        network_address: Number.parseInt(ieeeAddress.slice(-4), 16),
        supported: true,
        disabled: false,
        interview_state: "SUCCESSFUL",
        interview_completed: true,
        interviewing: false,
        power_source: "Mains (single phase)",
        manufacturer: definition.vendor,
        model_id: definition.model,
        software_build_id: "1.0.0",
        date_code: "20260101",
        endpoints: {},
        definition: { source: "native", supports_ota: false, options: [], ...definition },
    };
}
