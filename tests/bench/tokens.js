// Links and tokens: this bridge beside Debian's glewlwyd, in turns, then both with thousands of callers that never finish.
// README.md says what each figure means.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Browser, Cloud } from "../e2e/cloud.js";
import { binaries, clientSecret, installation, scratch, startBridge, usage } from "../e2e/harness.js";
import { Glewlwyd } from "./glewlwyd.js";
import { median, print } from "./table.js";

const quick = process.argv.includes("--quick");
const plan = quick ? { links: 40, rounds: 3, asked: 20 } : { links: 200, rounds: 7, asked: 100 };
const HALF_OPEN = 5000;
const CONNECTIONS = 16;
const AT_ONCE = 200; // connecting: fewer than a listener's queue holds
const load = join(binaries, "tests/bench/bench-load");
const shim = join(binaries, "tests/e2e/shim/clock_shim.so");
const ends = [];
const t = { after: (end) => ends.push(end) };
const missing = [];

class Bridge {
    key = "lightbridge";
    tokenPath = "/oauth/token";
    basic = `Basic ${Buffer.from(`smartthings:${encodeURIComponent(clientSecret)}`).toString("base64")}`;

    async start() {
        const place = await installation(t, { extra: { virtual: { lights: 1 }, log: { level: "error" } } });
        this.clock = join(place.folder, "clock");
        this.ahead = 0n;
        writeFileSync(this.clock, Buffer.alloc(8));
        const bridge = await startBridge(t, { place, env: { LD_PRELOAD: shim, LB_CLOCK: this.clock } });
        this.program = bridge.program;
        this.port = place.publicPort;
        this.cloud = new Cloud(bridge);
    }

    /** The person's part of one link, from the password to the code. */
    async code() {
        const page = await new Browser().consent(this.cloud.authorizeUrl());
        return new URL(page.headers.get("location")).searchParams.get("code");
    }

    /** A refresh that is asked again within a minute is the same one and writes nothing: let two minutes pass. */
    later() {
        this.ahead += 120_000n;
        const bytes = Buffer.alloc(8);
        bytes.writeBigInt64LE(this.ahead);
        writeFileSync(this.clock, bytes, { flag: "r+" });
    }

    redeemBody = (code) => new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: this.cloud.redirectUri }).toString();
    refreshBody = (refresh_token) => new URLSearchParams({ grant_type: "refresh_token", refresh_token }).toString();
}

Glewlwyd.prototype.later = () => {};

const post = async (system, body) => {
    const response = await fetch(`http://127.0.0.1:${system.port}${system.tokenPath}`, {
        method: "POST",
        headers: { authorization: system.basic, "content-type": "application/x-www-form-urlencoded", connection: "close" },
        body,
    });
    const answer = await response.json();
    if (!response.ok || !answer.access_token) {
        throw new Error(`${system.key}: ${response.status} ${JSON.stringify(answer)}`);
    }
    return answer;
};

/** bench-load's answer to these forms. */
async function measured(system, bodies) {
    const file = join(scratch(t), "forms");
    writeFileSync(file, bodies.map((b) => `${b}\n`).join(""));
    const words = ["tokens", "--port", system.port, "--path", system.tokenPath, "--authorization", system.basic, "--forms", file];
    const child = spawn(load, [...words, "--connections", CONNECTIONS, "--pid", system.program.pid].map(String));
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (d) => (out.stdout += d));
    child.stderr.on("data", (d) => (out.stderr += d));
    const [code] = await once(child, "close");
    if (code !== 0) {
        throw new Error(out.stderr.trim() || `bench-load ended with ${code}`);
    }
    return JSON.parse(out.stdout);
}

const results = {};
const keep = (system, figure, value) => ((results[system.key] ??= {})[figure] ??= []).push(value);

async function attempt(system, what, measurement) {
    try {
        await measurement(system);
    } catch (error) {
        missing.push(`${system.key}: ${what}: ${error.message}`);
    }
}

async function turns(systems, runs, what, measurement) {
    process.stderr.write(`bench: ${what}\n`);
    for (let run = 0; run < runs; run++) {
        for (const system of systems) {
            await attempt(system, what, measurement);
        }
    }
}

/** Whole links, one after the other: password, consent, code, tokens. */
async function newLinks(system) {
    const count = Math.ceil(plan.links / 4);
    const before = performance.now();
    for (let i = 0; i < count; i++) {
        await post(system, system.redeemBody(await system.code()));
    }
    keep(system, "links", (count * 1000) / (performance.now() - before));
}

async function codes(system) {
    const bodies = [];
    for (let i = 0; i < plan.links; i++) {
        bodies.push(system.redeemBody(await system.code()));
    }
    keep(system, "redeem", await measured(system, bodies));
    system.refreshes = [];
    for (const body of bodies) { // asked again before use the bridge gives the same pair; glewlwyd's code is spent
        const again = system.key === "lightbridge" ? await post(system, body) : await post(system, system.redeemBody(await system.code()));
        system.refreshes.push(system.refreshBody(again.refresh_token));
    }
}

async function refreshes(system) {
    system.later();
    keep(system, "refresh", await measured(system, system.refreshes));
}

/** Connections with half a request on each. `held`: those that are connected and that the server has not closed. */
async function crowd(port) {
    const sockets = [];
    const held = new Set();
    const open = () =>
        new Promise((done) => {
            const socket = connect(port, "127.0.0.1", () => {
                held.add(socket);
                socket.write("POST /oauth/token HTTP/1.1\r\nHost: x\r\n");
                done();
            });
            sockets.push(socket);
            socket.on("error", () => {});
            socket.once("close", () => (held.delete(socket), done()));
            socket.resume();
        });
    for (let left = HALF_OPEN; left > 0; left -= AT_ONCE) {
        await Promise.race([Promise.all(Array.from({ length: AT_ONCE }, open)), sleep(5000)]);
    }
    return { held: () => held.size, stop: () => sockets.forEach((s) => s.destroy()) };
}

async function underSiege(system) {
    system.later();
    const times = [];
    const attackers = await crowd(system.port);
    const before = attackers.held();
    keep(system, "memory", usage(system.program.pid).rss / 1024);
    for (let i = 0; i < plan.asked; i++) {
        const asked = performance.now();
        const answer = post(system, system.refreshes[i % system.refreshes.length]).catch(() => undefined);
        if (await Promise.race([answer, sleep(2000)])) {
            times.push(performance.now() - asked);
        }
    }
    keep(system, "held", Math.min(before, attackers.held())); // also when the last had been asked
    attackers.stop();
    times.sort((a, b) => a - b);
    keep(system, "answered", (times.length * 100) / plan.asked);
    if (times.length > 0) {
        keep(system, "siege", { p50: times[times.length >> 1], max: times.at(-1) });
    }
}

function row(figure, unit, better, name, pick = (v) => v) {
    const of = (key) => median((results[key]?.[name] ?? []).map(pick));
    return { figure, unit, better, ours: of("lightbridge"), theirs: of("glewlwyd") };
}

async function main() {
    const systems = [new Bridge(), new Glewlwyd("glewlwyd", t)];
    for (const system of [...systems]) {
        await attempt(system, "starting", async () => system.start());
        if (missing.length > 0 && !system.program) {
            systems.splice(systems.indexOf(system), 1);
        }
    }
    await turns(systems, quick ? 1 : 3, "new links, from the password to the tokens", newLinks);
    await turns(systems, 1, "codes into tokens", codes);
    await turns(systems, plan.rounds, "refreshes", refreshes);
    systems.forEach((s) => keep(s, "memory before", usage(s.program.pid).rss / 1024));
    await turns(systems, 1, `${HALF_OPEN} half-open connections`, underSiege);
    print(
        [
            row("new links, password to tokens", "per s", "more", "links"),
            row("codes into tokens, durable", "per s", "more", "redeem", (v) => v.per_second),
            row("codes into tokens, answer, p50", "ms", "less", "redeem", (v) => v.answer_ms.p50),
            row("refreshes, durable", "per s", "more", "refresh", (v) => v.per_second),
            row("refreshes, durable", "per CPU-s", "more", "refresh", (v) => v.per_cpu_second),
            row("refreshes, answer, p50", "ms", "less", "refresh", (v) => v.answer_ms.p50),
            row("refreshes, answer, p99", "ms", "less", "refresh", (v) => v.answer_ms.p99),
            row("memory: rss", "MB", "less", "memory before"),
            row("half-open connections held at once", "of 5,000", undefined, "held"),
            row("with them: requests answered within 2 s", "%", undefined, "answered"),
            row("with them: a client's answer, p50", "ms", "less", "siege", (v) => v.p50),
            row("with them: a client's answer, max", "ms", "less", "siege", (v) => v.max),
            row("with them: memory, rss", "MB", "less", "memory"),
        ],
        "glewlwyd",
    );
}

const version = (spawnSync("glewlwyd", ["--version"], { encoding: "utf8" }).stdout ?? "").trim();
console.log(`\ntokens; glewlwyd ${version}; ${plan.links} links, ${CONNECTIONS} connections\n`);
try {
    await main();
} catch (error) {
    missing.push(error.stack);
}
for (const stop of ends.splice(0).reverse()) {
    try {
        await stop();
    } catch (error) {
        missing.push(error.message);
    }
}
for (const line of missing) {
    console.error(`bench: not measured: ${line}`);
    process.exitCode = 1;
}
