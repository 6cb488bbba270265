// A house of all families on one broker, and what it costs the bridge: for scale.test.js and tests/bench.
import { setTimeout as sleep } from "node:timers/promises";
import { patience, startBridge, startBroker, until, usage } from "./harness.js";
import { Simulated } from "./simulated.js";

/**
 * Which lamps, by their share of a hundred. Several Zigbee networks, because each is asked for its states at its own, slow
 * pace, and none in the world has thousands of lamps. Seeds differ, or lamps would have the same address.
 */
const SHARES = [
    ...[1, 2, 3, 4, 5, 6].map((n) => [5, "zigbee2mqtt", "--lamps", ["--base", `zigbee2mqtt${n}`, "--seed", n, "--shape", 0]]),
    [20, "tasmota", "--modules", ["--kind", "dimmer", "--seed", 14]],
    [20, "homeassistant", "--lamps", ["--kind", "esphome-dimmer", "--seed", 15]],
    [10, "shelly", "--devices", ["--model", "S3DM-0A101WWL", "--seed", 11]],
    [10, "shelly", "--devices", ["--generation", 1, "--model", "SHDM-2", "--seed", 12]],
    [10, "wled", "--devices", ["--model", "RGB", "--cooldown", 50, "--seed", 13]],
];
export const mqtt = { zigbee2mqtt: [1, 2, 3, 4, 5, 6].map((n) => `zigbee2mqtt${n}`) };

export class Fleet {
    /** A broker, a bridge, and `count` lamps, a multiple of 20, which the bridge has not heard of yet. */
    static async start(t, count, bridgeOptions = {}) {
        const fleet = new Fleet();
        Object.assign(fleet, { t, count, sims: [] });
        fleet.broker = await startBroker(t);
        const extra = { log: { level: "warn" }, ...bridgeOptions.extra, mqtt: [{ name: "home", url: fleet.broker.url, ...mqtt }] };
        fleet.bridge = await startBridge(t, { broker: fleet.broker, ...bridgeOptions, extra });
        return fleet;
    }

    /** Their power comes on. */
    async powerOn() {
        this.sims = await Promise.all(
            SHARES.map(([share, what, many, args]) => Simulated.start(this.t, this.broker, what, [many, (this.count * share) / 100, ...args, "--quiet"])),
        );
    }

    /** Changes a second, over all lamps alike; 0: none. */
    storm(rate) {
        for (const [i, [share]] of SHARES.entries()) {
            this.sims[i].order(`storm ${Math.round((rate * share) / 100)}`);
        }
    }

    async lamps() {
        return (await Promise.all(this.sims.map((sim) => sim.lamps()))).flat();
    }

    async lights() {
        return (await this.bridge.control("GET", "/control/lights")).body.lights;
    }

    /** The lamps of which the bridge believes something else than is true: [{lamp, light}]. */
    async astray() {
        const known = new Map((await this.lights()).map((l) => [l.address, l]));
        return (await this.lamps())
            .map((lamp) => ({ lamp, light: known.get(lamp.address) }))
            .filter(({ lamp, light }) => {
                const close = () => Math.abs(light.state.level - lamp.level) <= 0.51; // not all tell a level while they are off
                return light?.reach !== "online" || light.state.on !== lamp.on || (lamp.on && !close());
            });
    }

    /** Until the bridge knows every lamp as it is. */
    async settled(what, seconds) {
        const end = Date.now() + seconds * 1000 * patience;
        for (;;) {
            const astray = await this.astray();
            if (astray.length === 0) {
                return;
            }
            if (Date.now() > end) {
                throw new Error(`${what}: after ${seconds * patience} s ${astray.length} of ${this.count} lights are not as their lamps: ${JSON.stringify(astray.slice(0, 3))}`);
            }
            await sleep(Math.min(this.count / 10, 500)); // asking costs the bridge something, too
        }
    }

    /** What `doing` takes: {seconds, cpu (of the bridge, seconds), rss and anonymous (kB, afterwards)}. */
    async cost(doing) {
        const from = performance.now();
        const before = usage(this.bridge.program.pid);
        await doing();
        const after = usage(this.bridge.program.pid);
        return {
            seconds: (performance.now() - from) / 1000,
            cpu: (after.ticks - before.ticks) / 100,
            rss: after.rss,
            anonymous: after.anonymous,
        };
    }
}

/**
 * From nothing to a house that has been through everything; `each(name, doing)` runs the steps. Answers their costs by
 * name.
 */
export async function ordeal(fleet, each = (name, doing) => doing()) {
    const costs = {};
    const step = (name, doing) => each(name, async () => (costs[name] = await fleet.cost(doing)));
    await step("nothing yet", () => fleet.lights());
    await step("discovery", async () => {
        await fleet.powerOn();
        await fleet.settled("discovery", 120);
    });
    await step("a storm of changes", async () => {
        fleet.storm(fleet.count / 2);
        await sleep(6000);
        fleet.storm(0);
        await fleet.settled("the storm", 60);
    });
    await step("a broker that restarts in a storm", async () => {
        const { port } = fleet.broker;
        fleet.storm(fleet.count / 10);
        await fleet.broker.stop();
        await until("the bridge to notice", async () => (await fleet.lights()).every((l) => l.reach === "offline"), 30);
        for (const sim of fleet.sims) {
            sim.order("wall 1"); // nobody hears of it now
        }
        fleet.broker = await startBroker(fleet.t, { port });
        await sleep(2000);
        fleet.storm(0);
        await fleet.settled("the restart", 120);
    });
    return costs;
}

/** A line for each step: what it took with `few` lights and with `many`, and what each light more costs. */
export function growth(few, many, fewCosts, manyCosts) {
    const lines = [`${"".padEnd(36)}${"time, s".padStart(16)}${"CPU, s".padStart(16)}${"resident, MB".padStart(16)}${"anonymous, MB".padStart(16)}   for each light more`];
    for (const [name, a] of Object.entries(fewCosts)) {
        const b = manyCosts[name];
        const pair = (x, y) => `${x.toFixed(1)} > ${y.toFixed(1)}`.padStart(16);
        const each = (x, y, unit) => `${((y - x) / (many - few)).toFixed(2)} ${unit}`;
        lines.push(
            `${name.padEnd(36)}${pair(a.seconds, b.seconds)}${pair(a.cpu, b.cpu)}${pair(a.rss / 1024, b.rss / 1024)}${pair(a.anonymous / 1024, b.anonymous / 1024)}   ` +
                `${each(a.cpu * 1000, b.cpu * 1000, "ms CPU")}, ${each(a.anonymous, b.anonymous, "kB anonymous")}`,
        );
    }
    return `${few} > ${many} lights of all families on one broker\n${lines.join("\n")}`;
}
