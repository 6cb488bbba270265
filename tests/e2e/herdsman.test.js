// Every light of Zigbee2MQTT's own catalogue, announced to the real bridge through a real broker: does the bridge show
// what the lamp's `exposes` say? The expectation is computed in catalogue.js, by other code in another language.
import assert from "node:assert/strict";
import test from "node:test";
import { allDefinitions, deviceEntry, handlerType, lightsOf } from "./catalogue.js";
import { Cloud } from "./cloud.js";
import { startBridge, startBroker, until } from "./harness.js";
import { connect, Zigbee2mqtt } from "./zigbee.js";

test("all light models of zigbee-herdsman-converters", { timeout: 600_000 }, async (t) => {
    const definitions = allDefinitions().filter((d) => lightsOf(d).length > 0);
    assert.ok(definitions.length > 1600, `${definitions.length} light models in the catalogue`);

    const broker = await startBroker(t);
    const bridge = await startBridge(t, { broker });
    const cloud = new Cloud(bridge);
    await cloud.link();

    const entries = definitions.map((d, i) => deviceEntry(d, `0x${(0x00158d0000000000n + BigInt(i)).toString(16).padStart(16, "0")}`, `Lamp ${i}`));
    const expected = new Map(); // address -> what the lamp can do
    definitions.forEach((definition, i) => {
        const lights = lightsOf(definition);
        for (const light of lights) {
            const address = entries[i].ieee_address + (light.endpoint !== null ? `/${light.endpoint}` : "");
            expected.set(address, { ...light, model: definition.model });
        }
    });
    const z2m = new Zigbee2mqtt(await connect(t, broker));
    await z2m.start(entries);
    await until(
        `all ${expected.size} lights`,
        async () => (await bridge.lights()).filter((l) => l.kind === "light").length >= expected.size,
        60,
    ).catch(() => {}); // what is missing is said below, by name

    const shown = new Map((await bridge.lights()).map((l) => [l.address, l]));
    const discovered = new Map((await cloud.discover()).devices.map((d) => [d.externalDeviceId, d]));
    const wrong = [];
    const count = {};
    for (const [address, light] of expected) {
        const is = shown.get(address);
        if (!is) {
            wrong.push(`${light.model} ${address}: not shown`);
            continue;
        }
        const can = ["on", "level", "kelvin", "color"].filter((x) => (x === "kelvin" ? light.mired : light[x]));
        if (can.join() !== ["on", "level", "kelvin", "color"].filter((x) => is.can.includes(x)).join()) {
            wrong.push(`${light.model} ${address}: can ${is.can}, expected ${can}`);
        }
        if (light.mired) {
            const [coldest, warmest] = light.mired;
            const back = [Math.round(1e6 / is.max_kelvin), Math.round(1e6 / is.min_kelvin)];
            if (back[0] !== coldest || back[1] !== warmest) {
                wrong.push(`${light.model} ${address}: ${is.min_kelvin}..${is.max_kelvin} K is ${back} mired, expected ${light.mired}`);
            }
        }
        const device = discovered.get(is.id);
        const type = handlerType(light);
        if (device?.deviceHandlerType !== type) {
            wrong.push(`${light.model} ${address}: ${device?.deviceHandlerType}, expected ${type}`);
        }
        if (device && (device.manufacturerInfo.modelName !== light.model.slice(0, 100) || !device.manufacturerInfo.manufacturerName)) {
            wrong.push(`${light.model} ${address}: manufacturerInfo ${JSON.stringify(device.manufacturerInfo)}`);
        }
        count[type] = (count[type] ?? 0) + 1;
    }
    t.diagnostic(`${definitions.length} models, ${expected.size} lights: ${JSON.stringify(count)}`);
    console.log(`${definitions.length} models with ${expected.size} lights by handler type:`, count);
    assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} differences`);
    const extra = [...shown].filter(([address, l]) => l.kind === "light" && !expected.has(address)).map(([address]) => address);
    assert.deepEqual(extra, [], "lights that no exposes speak of");
});
