// Starts the real programs in a temporary folder, waits until they answer, ends them by their process id.
//
// LB_BIN    folder of lightbridge and lightbridge-sim (default: the debug build)
// LB_WRAP   words put before lightbridge, e.g. "valgrind --error-exitcode=99" or a shim's env
// LB_WRAP_COMMANDS  the same before its commands too, not before the daemon only
// LB_KEEP   keep the temporary folders
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, openSync, closeSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const binaries = process.env.LB_BIN ? resolve(process.env.LB_BIN) : join(root, ".build/debug");
export const lightbridge = join(binaries, "lightbridge");
export const simulator = existsSync(join(binaries, "tests/lightbridge-sim"))
    ? join(binaries, "tests/lightbridge-sim")
    : join(binaries, "lightbridge-sim");
// Sanitizers and valgrind slow everything down; waiting longer costs nothing when nothing is wrong.
export const patience = Number(process.env.LB_PATIENCE ?? 1);
const wrap = (process.env.LB_WRAP ?? "").split(" ").filter(Boolean);
const commandWrap = process.env.LB_WRAP_COMMANDS ? wrap : [];

/**
 * A port that was free a moment ago, and below those that the system gives to whoever connects: so that it is still free
 * when a daemon comes back to it.
 */
export async function freePort() {
    for (;;) {
        const server = createServer();
        server.listen(10000 + Math.floor(Math.random() * 22000), "127.0.0.1");
        const [port] = await Promise.race([
            once(server, "listening").then(() => [server.address().port]),
            once(server, "error").then(() => []),
        ]).catch(() => []);
        if (port) {
            server.close();
            await once(server, "close");
            return port;
        }
    }
}

/** Polls until `probe` returns something true, and returns that. `what` names it when it never comes. */
export async function until(what, probe, seconds = 10) {
    const end = Date.now() + seconds * 1000 * patience;
    let last;
    for (;;) {
        try {
            const value = await probe();
            if (value) {
                return value;
            }
            last = undefined;
        } catch (error) {
            last = error;
        }
        if (Date.now() > end) {
            throw new Error(`waited ${seconds * patience} s for ${what}${last ? `: ${last.message}` : ""}`);
        }
        await sleep(20);
    }
}

const leftovers = new WeakMap();

/** What a test leaves behind goes when it is over: first its programs, then the folders with their logs. */
function leftoversOf(t) {
    if (!leftovers.has(t)) {
        const mine = { programs: [], folders: [] };
        leftovers.set(t, mine);
        t.after(() => clearUp(mine));
    }
    return leftovers.get(t);
}

async function clearUp({ programs, folders }) {
    const wrong = [];
    for (const program of programs) {
        await program.finish().catch((error) => wrong.push(error));
    }
    for (const folder of process.env.LB_KEEP ? [] : folders) {
        rmSync(folder, { recursive: true, force: true });
    }
    if (wrong.length > 0) {
        throw wrong.length === 1 ? wrong[0] : new Error(wrong.map((error) => error.message).join("\n"));
    }
}

/** A temporary folder that goes with the test. Its path is short, for sockets. */
export function scratch(t) {
    const folder = mkdtempSync(join(tmpdir(), "lb-"));
    leftoversOf(t).folders.push(folder);
    return folder;
}

/** A child process with its output in a file. */
export class Program {
    constructor(t, name, command, args, { folder, env } = {}) {
        this.name = name;
        this.logFile = join(folder, `${name}-${Program.count++}.log`);
        const log = openSync(this.logFile, "a");
        this.child = spawn(command, args, { stdio: ["ignore", log, log], cwd: folder, env: { ...process.env, ...env } });
        closeSync(log);
        this.pid = this.child.pid;
        this.ended = new Promise((done) => {
            this.child.once("error", (error) => done({ error }));
            this.child.once("exit", (code, signal) => done({ code, signal }));
        }).then((end) => (this.end = end));
        if (t) {
            leftoversOf(t).programs.push(this);
        }
    }

    log() {
        return readFileSync(this.logFile, "utf8");
    }

    /** Throws when the program is gone, with its log's end. */
    check() {
        if (this.end) {
            const { error, code, signal } = this.end;
            throw new Fatal(`${this.name} ended (${error?.message ?? signal ?? code}):\n${this.log().slice(-4000)}`);
        }
    }

    kill(signal = "SIGKILL") {
        if (!this.end) {
            this.child.kill(signal);
        }
        return this.ended;
    }

    /** Asks it to end; insists after a while. */
    async stop(seconds = 15) {
        if (!this.end) {
            this.child.kill("SIGTERM");
            const late = setTimeout(() => this.child.kill("SIGKILL"), seconds * 1000 * patience);
            await this.ended;
            clearTimeout(late);
        }
        return this.end;
    }

    async finish() {
        const wasKilled = this.expected;
        const running = !this.end;
        const end = await this.stop();
        // A daemon that dies on its own, or does not end on SIGTERM, fails the test: a sanitizer's report is an exit code.
        if (this.mustEndWell && !wasKilled && (end.signal || end.code !== 0)) {
            throw new Error(
                `${this.name} ${running ? "ended badly" : "had died"} (${end.signal ?? end.code}):\n${this.log().slice(-6000)}`,
            );
        }
    }
}
Program.count = 0;

class Fatal extends Error {}

/** Polls like until(), but gives up at once when the program has ended. */
async function untilReady(program, what, probe, seconds) {
    let fatal;
    await until(
        what,
        async () => {
            try {
                program.check();
            } catch (error) {
                fatal = error;
                return true;
            }
            return probe();
        },
        seconds,
    ).catch((error) => {
        throw new Error(`${error.message}\n${program.log().slice(-4000)}`);
    });
    if (fatal) {
        throw fatal;
    }
}

/** mosquitto on a free loopback port. options.config: further lines of its configuration. */
export async function startBroker(t, { folder = scratch(t), port, config = "" } = {}) {
    port ??= await freePort();
    const file = join(folder, `mosquitto-${port}.conf`);
    writeFileSync(
        file,
        `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmessage_size_limit 0\n${config}`,
    );
    const broker = new Program(t, "mosquitto", "mosquitto", ["-c", file], { folder });
    const { connect } = await import("node:net");
    await untilReady(broker, "mosquitto", () => {
        return new Promise((done) => {
            const socket = connect(port, "127.0.0.1", () => (socket.destroy(), done(true)));
            socket.on("error", () => done(false));
        });
    });
    return Object.assign(broker, { port, folder, url: `mqtt://127.0.0.1:${port}` });
}

function yaml(value, indent = "") {
    return Object.entries(value)
        .filter(([, v]) => v !== undefined)
        .map(([key, v]) => {
            if (Array.isArray(v) && v.length === 0) {
                return `${indent}${key}: []\n`;
            }
            if (Array.isArray(v)) {
                const items = v.map((item) => {
                    const text = typeof item === "object" ? yaml(item, `${indent}    `).trimStart() : `${JSON.stringify(item)}\n`;
                    return `${indent}  - ${text}`;
                });
                return `${indent}${key}:\n${items.join("")}`;
            }
            return typeof v === "object"
                ? `${indent}${key}:\n${yaml(v, `${indent}  `)}`
                : `${indent}${key}: ${typeof v === "string" ? JSON.stringify(v) : v}\n`;
        })
        .join("");
}

export const account = { name: "anna", password: "correct horse battery" };
export const clientSecret = "s3cret-of-smartthings & co";
export const callbackClient = { id: "viper-client", secret: "callback-secret" };

/** One request over the control socket: {status, body}. */
function askControl(socketPath, method, path, body) {
    return new Promise((done, failed) => {
        const headers = { host: "localhost", "content-type": "application/json" };
        const asked = request({ socketPath, method, path, headers, agent: false }, (response) => {
            let text = "";
            response.setEncoding("utf8");
            response.on("data", (data) => (text += data));
            response.on("error", failed);
            response.on("end", () => {
                try {
                    done({ status: response.statusCode, headers: response.headers, body: JSON.parse(text) });
                } catch (error) {
                    failed(error);
                }
            });
        });
        asked.on("error", failed);
        asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

/**
 * A configured installation: folder, ports, configuration file, an account. `extra` is merged into the configuration
 * section by section; `program` is another build of lightbridge.
 */
export async function installation(
    t,
    { folder = scratch(t), broker, extra = {}, withAccount = true, redirects = [], program = lightbridge } = {},
) {
    const publicPort = await freePort();
    let localPort = await freePort();
    while (localPort === publicPort) {
        localPort = await freePort();
    }
    const config = {
        public: { listen: `127.0.0.1:${publicPort}`, url: `http://127.0.0.1:${publicPort}`, trusted_proxies: ["127.0.0.1"] },
        local: { listen: `127.0.0.1:${localPort}`, socket: "control.sock" },
        store: { path: "lightbridge.db", key_file: "token.key" },
        smartthings: {
            client_secret_file: "smartthings.secret",
            redirect_uris: [
                "https://c2c-us.smartthings.com/oauth/callback",
                "https://c2c-eu.smartthings.com/oauth/callback",
                "https://c2c-ap.smartthings.com/oauth/callback",
                ...redirects,
            ],
            callback_client_id: callbackClient.id,
            callback_client_secret_file: "callback.secret",
            callback_hosts: ["127.0.0.1", "smartthings.com"],
        },
        log: { level: "debug" },
        ...(broker ? { mqtt: [{ name: "home", url: broker.url }] } : {}),
    };
    for (const [section, keys] of Object.entries(extra)) {
        config[section] = Array.isArray(keys) || typeof keys !== "object" ? keys : { ...config[section], ...keys };
    }
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "lightbridge.yaml");
    writeFileSync(join(folder, "smartthings.secret"), `${clientSecret}\n`, { mode: 0o600 });
    writeFileSync(join(folder, "callback.secret"), `${callbackClient.secret}\n`, { mode: 0o600 });
    writeFileSync(file, yaml(config));
    const place = {
        program,
        folder,
        file,
        config,
        publicUrl: `http://127.0.0.1:${publicPort}`,
        localUrl: `http://127.0.0.1:${localPort}`,
        publicPort,
        localPort,
        /** A request of the control API: {status, headers, body}. */
        control: (method, path, body) => askControl(join(folder, "control.sock"), method, path, body),
        /** A command of lightbridge: {code, stdout, stderr}. */
        run(args, { input = "", env } = {}) {
            const [word, ...words] = [...commandWrap, program, ...args, "--config", file];
            const done = spawnSync(word, words, {
                input,
                encoding: "utf8",
                timeout: 60000 * patience,
                maxBuffer: 256 * 1024 * 1024,
                env: { ...process.env, ...env },
            });
            return { code: done.status, stdout: done.stdout, stderr: done.stderr };
        },
        /** The same, without stopping this process: for tests that serve the daemon meanwhile. */
        async runBeside(args, { input = "", env } = {}) {
            const [word, ...words] = [...commandWrap, program, ...args, "--config", file];
            const child = spawn(word, words, { env: { ...process.env, ...env } });
            const out = { stdout: "", stderr: "" };
            child.stdout.on("data", (d) => (out.stdout += d));
            child.stderr.on("data", (d) => (out.stderr += d));
            child.stdin.on("error", () => {}); // most commands read nothing, and may have ended before even "" was written
            child.stdin.end(input);
            const [code] = await once(child, "close");
            return { code, ...out };
        },
    };
    if (withAccount) {
        const added = place.run(["account", "add", account.name], { input: `${account.password}\n` });
        if (added.code !== 0) {
            throw new Error(`account add: exit ${added.code}: ${added.stderr}`);
        }
    }
    return place;
}

/**
 * The daemon in an installation. Options as installation(), or {place} of one that exists; `unwell`: it is to say on
 * /healthz that it is not well; `byControl`: it is asked at its control socket, where nobody else can be.
 */
export async function startBridge(t, options = {}) {
    const place = options.place ?? (await installation(t, options));
    const words = [...(options.wrap ?? wrap), place.program, "run", "--config", place.file, ...(options.args ?? [])];
    const program = new Program(t, "lightbridge", words[0], words.slice(1), { folder: place.folder, env: options.env });
    program.mustEndWell = true;
    program.expected = options.expected; // it may be killed: the test means it
    await untilReady(
        program,
        "lightbridge to answer /healthz",
        async () => {
            if (options.byControl) {
                return (await place.control("GET", "/control/status")).status === 200;
            }
            const answer = await fetch(`${place.publicUrl}/healthz`, { signal: AbortSignal.timeout(5000 * patience) });
            const { status, error } = await answer.json();
            return options.unwell ? answer.status === 503 && error === "unwell" : answer.ok && status === "ok";
        },
        20,
    );
    const bridge = Object.assign(Object.create(place), { program, place });
    bridge.lights = async () => JSON.parse((await place.runBeside(["lights", "--json"])).stdout).lights;
    bridge.links = async () => JSON.parse((await place.runBeside(["links", "--json"])).stdout).links;
    /** kill -9: the test means it. */
    bridge.crash = () => {
        program.expected = true;
        return program.kill("SIGKILL");
    };
    bridge.stop = () => program.stop();
    return bridge;
}

/** lightbridge-sim with these words; ready when `probe` says so or its log has `line`. */
export async function startSim(t, args, { folder = scratch(t), line } = {}) {
    const sim = new Program(t, `sim-${args[0]}`, simulator, args, { folder });
    if (line) {
        await untilReady(sim, `lightbridge-sim to say ${line}`, () => sim.log().match(line), 20);
    }
    return sim;
}

/** Resource use of a process from /proc: kB and clock ticks. */
export function usage(pid) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
    const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    return { rss: number("VmRSS"), anonymous: number("RssAnon"), ticks: Number(stat[11]) + Number(stat[12]) };
}
