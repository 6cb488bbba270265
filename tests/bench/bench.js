// Starts what is measured, measures it in turns, prints the table; README.md says what each figure means.
import { cpus, loadavg, release } from "node:os";
import { spawnSync } from "node:child_process";
import { median, print } from "./table.js";
import { Bridge, Peer, lamps } from "./systems.js";

const options = process.argv.slice(2);
const quick = options.includes("--quick");
const plan = quick
    ? { runs: 3, seconds: 0.8, warmUp: 0.3, reports: 50_000, idle: 4, starts: 3, rate: 500 }
    : { runs: 7, seconds: 3, warmUp: 0.5, reports: 200_000, idle: 10, starts: 9, rate: 500 };
const LIGHTS = 1000;

// what the harness takes for a test: it ends what was started, last first
const ends = [];
const t = { after: (end) => ends.push(end) };
const missing = [];

const results = {}; // system -> figure -> values
function keep(system, figure, value) {
    results[system.key] ??= {};
    (results[system.key][figure] ??= []).push(value);
}

async function attempt(system, what, measurement) {
    try {
        await measurement();
    } catch (error) {
        missing.push(`${system.key}: ${what}: ${error.message}`);
    }
}

/** In turns, so that what disturbs the machine disturbs all alike. */
async function turns(systems, runs, what, measurement) {
    progress(what);
    for (let run = 0; run < runs; run++) {
        for (const system of systems) {
            await attempt(system, what, () => measurement(system));
        }
    }
}

function progress(what) {
    process.stderr.write(`bench: ${what}\n`);
}

async function main() {
    progress("starting");
    const network = lamps(LIGHTS);
    const honest = new Bridge("lightbridge", t, network, { optimistic: false });
    const optimistic = new Bridge(OPTIMISTIC, t, network, { optimistic: true });
    const peer = new Peer("peer", t, network);
    const all = [honest, optimistic, peer];
    const both = [honest, peer];
    for (const system of all) {
        await system.start();
    }
    await withoutLights(both);
    progress(`announcing ${LIGHTS} lights`);
    await Promise.all(all.map((s) => s.announce()));
    both.forEach((s) => keep(s, "memory loaded", s.memory()));
    await atLoad(both, all);
    both.forEach((s) => keep(s, "memory after", s.memory()));
    if (!quick) {
        progress("idle with 1,000 lights");
        await Promise.all(both.map((s) => s.quiet()));
        await wakeUps(both, "wake-ups");
    }
    for (const system of all) {
        await system.stop();
    }
    await turns(both, plan.starts, "start to first answer", async (s) => keep(s, "start", await s.firstAnswer()));
    print(rows());
}

function wakeUps(systems, what) {
    return Promise.all(systems.map((s) => attempt(s, what, async () => keep(s, what, await s.wakeUps(plan.idle)))));
}

async function withoutLights(systems) {
    progress("idle without lights");
    await wakeUps(systems, "wake-ups without lights");
    systems.forEach((s) => keep(s, "memory idle", s.memory()));
}

async function atLoad(both, all) {
    const { runs, seconds, warmUp, rate, reports } = plan;
    const commands = (s, options) => s.measure("commands", { seconds, "warm-up": warmUp, ...options });
    await turns(both, runs, "a storm of reports", async (s) => keep(s, "storm", await s.measure("storm", { reports })));
    await turns(both, runs, "latency, one command at a time", async (s) => keep(s, "closed", await commands(s)));
    await turns(both, runs, `latency at ${rate} commands a second`, async (s) => {
        keep(s, "open", await commands(s, { rate, connections: 64 }));
    });
    await turns(all, runs, "commands for a CPU-second", async (s) => {
        keep(s, "load", await commands(s, { connections: 16 }));
    });
    await turns(both, runs, "discovery", async (s) => {
        keep(s, "discovery", await s.measure("discovery", { seconds: seconds / 2 }));
        keep(s, "discoveries", await s.measure("discovery", { seconds: seconds / 2, connections: 2 }));
    });
}

const MB = 1024;

function figure(key, name, pick) {
    return median((results[key]?.[name] ?? []).map(pick));
}

const OPTIMISTIC = "lightbridge, optimistic";

function row(name, unit, better, measurement, pick, aim, ours = "lightbridge") {
    const theirs = figure("peer", measurement, pick);
    return { figure: name, unit, better, aim, ours: figure(ours, measurement, pick), theirs };
}

function rows() {
    const latency = (name, measurement, side, aims) =>
        ["p50", "p99", "max"].map((p) => row(`${name}, ${p}`, "ms", "less", measurement, (v) => v[side][p], aims?.[p]));
    const memory = (name, measurement, aims) =>
        ["rss", "pss", "anonymous"].map((p) => row(`${name}: ${p}`, "MB", "less", measurement, (v) => v[p] / MB, aims?.[p]));
    const perCpu = (v) => v.per_cpu_second;
    const perSecond = (v) => v.per_second;
    return [
        ...latency("webhook to lamp, one at a time", "closed", "arrival_ms", { p50: "0.20", p99: "1.0" }),
        ...latency("webhook to answer, one at a time", "closed", "answer_ms"),
        ...latency(`webhook to lamp, ${plan.rate}/s open loop`, "open", "arrival_ms", { p50: "0.20", p99: "1.0" }),
        row("commands, honest; peer optimistic", "per CPU-s", "more", "load", perCpu, "20,000"),
        row("commands, both optimistic", "per CPU-s", "more", "load", perCpu, "20,000", OPTIMISTIC),
        row("commands, honest; peer optimistic", "per s", "more", "load", perSecond),
        row("discovery of 1,000 lights", "ms", "less", "discovery", (v) => v.answer_ms.p50, "1"),
        row("discoveries of 1,000 lights", "per s", "more", "discoveries", perSecond, "4,000"),
        row("discovery's answer", "kB", undefined, "discovery", (v) => v.bytes / 1000),
        row("reports taken in", "per s", "more", "storm", perSecond, "50,000"),
        row("reports taken in", "per CPU-s", "more", "storm", perCpu),
        row("last states lost", "of 1,000", undefined, "storm", (v) => v.lost, "0"),
        ...memory("memory, no lights", "memory idle"),
        ...memory("memory, 1,000 lights", "memory loaded", { rss: "20", anonymous: "6" }),
        ...memory("memory, after all that load", "memory after"),
        row("start to first answer", "ms", "less", "start", (v) => v.answer_ms, "50"),
        row("wake-ups, idle, no lights", "per s", "less", "wake-ups without lights", (v) => v, "2"),
        ...(quick ? [] : [row("wake-ups, idle, 1,000 lights", "per s", "less", "wake-ups", (v) => v, "2")]),
    ];
}

const word = (command, ...args) => (spawnSync(command, args, { encoding: "utf8" }).stdout ?? "").split("\n")[0];
console.log(
    `${cpus().length} x ${cpus()[0].model.trim()}, Linux ${release()}, load ${loadavg()[0].toFixed(1)}; ` +
        `peer: Node ${process.versions.node}; ${word("mosquitto", "-h")}; ` +
        `medians of ${plan.runs} runs (least-most)${options.map((o) => `; ${o}`).join("")}\n`,
);

/** Ends what was started, last first, whatever happened. */
async function end() {
    for (const stop of ends.splice(0).reverse()) {
        try {
            await stop();
        } catch (error) {
            missing.push(error.message);
        }
    }
    for (const line of missing.splice(0)) {
        console.error(`bench: not measured: ${line}`);
        process.exitCode = 1;
    }
}

for (const event of ["SIGINT", "SIGTERM", "SIGHUP", "uncaughtException"]) {
    process.once(event, async (what) => {
        missing.push(`ended by ${what?.stack ?? what}`);
        await end();
        process.exit(1);
    });
}
try {
    await main();
} catch (error) {
    missing.push(error.stack);
}
await end();
