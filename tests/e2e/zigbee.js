// A small Zigbee2MQTT for tests that want to hold every string themselves; lightbridge-sim is the full one.
import mqtt from "mqtt";
import { once } from "node:events";

export async function connect(t, broker) {
    const client = mqtt.connect(broker.url, { reconnectPeriod: 0, protocolVersion: 4 });
    await once(client, "connect");
    t.after(() => client.endAsync(true));
    return client;
}

export class Zigbee2mqtt {
    constructor(client, base = "zigbee2mqtt") {
        this.client = client;
        this.base = base;
        this.lamps = new Map(); // friendly name -> {state, entry}
        this.commands = []; // {name, command}
        this.answer = (name, command) => this.echo(name, command);
    }

    publish(topic, payload, options = {}) {
        const text = typeof payload === "string" || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
        return this.client.publishAsync(`${this.base}/${topic}`, text, { qos: 1, ...options });
    }

    async start(entries) {
        this.client.on("message", (topic, payload) => this.received(topic, payload));
        await this.client.subscribeAsync([`${this.base}/+/set`, `${this.base}/+/get`]);
        await this.publish("bridge/state", { state: "online" }, { retain: true });
        await this.devices(entries);
    }

    async devices(entries) {
        for (const entry of entries) {
            const before = this.lamps.get(entry.friendly_name);
            this.lamps.set(entry.friendly_name, { entry, state: before?.state ?? {} });
        }
        await this.publish("bridge/devices", [{ ieee_address: "0x00124b0000000000", type: "Coordinator", friendly_name: "Coordinator" }, ...entries], {
            retain: true,
        });
    }

    received(topic, payload) {
        const [, named, verb] = topic.slice(this.base.length).split("/");
        const lamp = this.lamps.get(named) ?? [...this.lamps.values()].find((l) => l.entry.ieee_address === named);
        if (!lamp) {
            return;
        }
        const name = lamp.entry.friendly_name;
        if (verb === "get") {
            this.report(name, {}).catch(() => {}); // the broker may be gone
            return;
        }
        const command = JSON.parse(payload.toString());
        this.commands.push({ name, command });
        this.answer(name, command);
    }

    echo(name, command) {
        const { transition, ...patch } = command;
        if (patch.brightness > 0) {
            patch.state ??= "ON";
        }
        if (patch.color_temp !== undefined) {
            patch.color_mode = "color_temp";
        } else if (patch.color) {
            patch.color_mode = "x" in patch.color ? "xy" : "hs";
        }
        this.report(name, patch).catch(() => {});
    }

    /** The lamp says what it is now: a hand on the wall switch, or an echo. */
    report(name, patch) {
        const lamp = this.lamps.get(name);
        lamp.state = { ...lamp.state, ...patch };
        return this.publish(name, lamp.state);
    }
}
