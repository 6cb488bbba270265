// What a power cut leaves: a life of the bridge under the recorder (power/README.md), and its player.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { release } from "./durability.js";
import { scratch } from "./harness.js";

const shim = join(release, "tests/e2e/power/disk_shim.so");
const player = join(release, "tests/e2e/power/power_player");
for (const file of [shim, player]) {
    if (!existsSync(file)) {
        throw new Error(`${file} is missing: build the release preset, or name its folder in LB_RELEASE`);
    }
}

/** What was said when something was acknowledged: the beginning of it. "": the end of a command. */
export const ANSWER = "HTTP/1.1";
export const EVENTS = "POST /device/eve";
export const TOKENS = "POST /oauth/toke";
export const EXIT = "";

/** The living links, and one link's callback side, as a key of `tried`. */
export const aliveLinks = "SELECT CAST(count(*) AS TEXT) FROM links WHERE ended_at IS NULL";
export const accounts = (name) => `SELECT CAST(count(*) AS TEXT) FROM accounts WHERE name = '${name}'`;
const quiet = "coalesce(refresh_started_at, 0) = 0";
/** The callback token that is at rest. */
export const callbackToken = `SELECT access_token FROM callbacks WHERE ${quiet}`;
const callbacksOf = (account, what) =>
    `SELECT ${what} FROM callbacks JOIN links ON id = link_id WHERE account = '${account}' AND ended_at IS NULL`;

/** The record of one folder. It begins with what is there now. */
export class Recording {
    constructor(t, folder) {
        const place = scratch(t);
        this.folder = realpathSync(folder);
        this.file = join(place, "record");
        this.base = join(place, "base");
        mkdirSync(this.base);
        for (const name of readdirSync(folder)) {
            const file = join(folder, name);
            if (statSync(file).isFile() && !/-shm$|\.log$/.test(name)) {
                cpSync(file, join(this.base, name));
            }
        }
        this.env = { LD_PRELOAD: shim, LB_DISK: this.file, LB_DISK_FOLDER: this.folder };
    }

    acks = new Map(); // key -> how often it was acknowledged

    #mark(kind, text) {
        appendFileSync(this.file, Buffer.from(`${kind}\t0\t0\t${Buffer.byteLength(text)}\t\t\n${text}\n`));
    }

    /** From now on `key` ("token TOKEN", "file NAME", or a SELECT of one text) may have this value. */
    tries(key, value) {
        this.#mark("try", `${key}\t${value}`);
    }

    /** What was last tried of `key` has been acknowledged, by the last thing said that begins with `how`. */
    acked(key, how) {
        this.acks.set(key, (this.acks.get(key) ?? 0) + 1);
        this.#mark("ack", `${key}\t${how}`);
    }

    /** An act that makes these facts so, and says so to whoever asked. */
    async promise(facts, how, act) {
        for (const [key, value] of facts) {
            this.tries(key, value);
        }
        const result = await act();
        for (const [key] of facts) {
            this.acked(key, how);
        }
        return result;
    }

    /** What only the answer shows: a token lives. */
    alive(...tokens) {
        for (const token of tokens) {
            this.tries(`token ${token}`, "alive");
            this.acked(`token ${token}`, ANSWER);
        }
    }

    /** The same for what was so before the record began. */
    was(key, value) {
        this.tries(key, value);
        this.acked(key, EXIT);
    }

    /** What the far side of callbacks sees, as facts. */
    watchCallbacks(cloud, account) {
        const key = callbacksOf(account, "access_token");
        const inFlight = new Set();
        const record = this;
        let tokens = cloud.callbackTokens;
        Object.defineProperty(cloud, "callbackTokens", {
            get: () => tokens,
            set(value) {
                record.tries(key, value.access);
                tokens = value;
            },
        });
        const issued = () => tokens.access;
        const learn = cloud.learn.bind(cloud);
        cloud.learn = (document) => {
            if (document.headers?.interactionType === "stateCallback" && document.authentication?.token === issued()) {
                record.acked(key, EVENTS);
            }
            learn(document);
        };
        cloud.tokenSeen = ({ headers, callbackAuthentication: asked }) => {
            if (headers.interactionType === "refreshAccessTokens") {
                const same = `refresh_token = '${asked.refreshToken}'`;
                const asking = callbacksOf(account, `CASE WHEN ${same} AND ${quiet} THEN 'not asked' ELSE 'asked' END`);
                record.tries(asking, "asked");
                record.acked(asking, TOKENS);
                inFlight.add(asking);
            }
        };
        /** How often each side of it was acknowledged: [tokens used, refreshes asked for]. */
        return () => [this.acks.get(key) ?? 0, inFlight.size];
    }

    /** Plays it: {code, text}. The folder is no longer what it was. */
    async play(config, { seeds = 0, firstSeed = 1, deaf } = {}) {
        const words = ["--seeds", seeds, "--first-seed", firstSeed, ...(deaf ? ["--deaf", deaf] : [])];
        const child = spawn(player, [...words, this.file, this.base, this.folder, config].map(String), {
            stdio: ["ignore", "pipe", "pipe"],
        });
        let text = "";
        let errors = "";
        child.stdout.on("data", (d) => (text += d));
        child.stderr.on("data", (d) => (errors = (errors + d).slice(-4000)));
        const [code, signal] = await once(child, "close");
        assert.ok(code === 0 || code === 1, `the player ended badly (${signal ?? code}):\n${text}${errors}`);
        return { code, text: code === 0 ? text : `${text}${errors}` };
    }
}
