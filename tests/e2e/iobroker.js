// ioBroker's adapter for Tasmota (npm iobroker.sonoff), without ioBroker: its client of a broker, with objects and states in
// memory. What it makes of Tasmota's messages, and which commands it sends, somebody else wrote.
import { createRequire } from "node:module";

const Bridge = createRequire(import.meta.url)("iobroker.sonoff/build/lib/bridge.js").default;
const NAMESPACE = "sonoff.0";

const full = (id) => (id.startsWith(`${NAMESPACE}.`) ? id : `${NAMESPACE}.${id}`);

export class IoBroker {
    constructor(t, broker) {
        const objects = new Map();
        const states = (this.states = new Map());
        this.complaints = [];
        const set = async (id, value, ack) => {
            states.set(full(id), value !== null && typeof value === "object" ? value : { val: value, ack });
        };
        const get = async (id) => states.get(full(id));
        const quiet = () => {};
        const complain = (text) => this.complaints.push(String(text));
        const adapter = {
            namespace: NAMESPACE,
            config: { externalBrokerUrl: broker.url, defaultQoS: "0", STAT_RESULT: true, TELE_STATE: true },
            log: { debug: quiet, info: quiet, warn: complain, error: complain },
            setStateAsync: set, setForeignStateAsync: set, setForeignState: set,
            getStateAsync: get, getForeignStateAsync: get,
            getForeignState: (id, done) => done(null, id.endsWith(".modeReadColors") ? { val: true } : states.get(full(id))), // a user's setting
            getStatesAsync: async () => ({}),
            getObjectAsync: async (id) => objects.get(full(id)), getForeignObjectAsync: async (id) => objects.get(full(id)),
            getForeignObjectsAsync: async () => ({}),
            setObjectAsync: async (id, object) => objects.set(full(id), object), setForeignObjectAsync: async (id, object) => objects.set(full(id), object),
            delForeignObjectAsync: async (id) => objects.delete(full(id)),
        };
        this.bridge = new Bridge(adapter);
        t.after(() => this.bridge.destroy());
    }

    /** What it believes of a module, by the end of its MAC: "Dimmer", "POWER", ... */
    value(mac, name) {
        return this.states.get(`${NAMESPACE}.DVES_${mac.slice(6)}.${name}`)?.val;
    }

    /** Somebody sets a state in ioBroker. */
    set(mac, name, val) {
        return this.bridge.onStateChange(`${NAMESPACE}.DVES_${mac.slice(6)}.${name}`, { val, ack: false });
    }
}
