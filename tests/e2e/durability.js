// The durability shim in JavaScript: the bridge under it, what it wrote down, and the rule of what may be promised when.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { installation, root, startBridge } from "./harness.js";

// A build without sanitizers: they and the shim want the same symbols.
export const release = process.env.LB_RELEASE ? resolve(process.env.LB_RELEASE) : join(root, ".build/release");
const shim = join(release, "tests/e2e/shim/durability_shim.so");
export const program = join(release, "lightbridge");

for (const file of [shim, program]) {
    if (!existsSync(file)) {
        throw new Error(`${file} is missing: build the release preset, or name its folder in LB_RELEASE`);
    }
}

export const ENOSPC = 28;
export const EROFS = 30;
export const EIO = 5;

/** What the shim saw, as {sequence, index, op, kind, name, length, result, bytes}, in the order that counts. */
export function readTrace(file) {
    if (!existsSync(file)) {
        return [];
    }
    return readFileSync(file, "latin1")
        .split("\n")
        .filter(Boolean)
        .map((line) => {
            const [sequence, index, op, kind, name, length, result, bytes] = line.split("\t");
            return { sequence: +sequence, index: +index, op, kind, name, length: +length, result: +result, bytes: bytes ?? "" };
        })
        .sort((a, b) => a.sequence - b.sequence);
}

/** An event in few words: "fdatasync -wal", "send public HTTP/1.1 200", ... */
export function nameEvent({ op, kind, name, bytes }, { publicPort, callbackPort }) {
    if (kind === "file") {
        const file = name.replace(/^.*\/(lightbridge\.db)?/, "").replace(/\.tmp.*$/, ".tmp");
        return `${op} ${file || "database"}`;
    }
    const [, local, peer] = /:(\d+)>.*:(\d+)$/.exec(name) ?? [];
    const whom = kind === "unix" ? "control" : +local === publicPort ? "public" : +peer === callbackPort ? "cloud" : "local";
    return `${op} ${whom} ${bytes.slice(0, whom === "cloud" ? 20 : 12).trim()}`;
}

/** A bridge whose calls are traced: `trace()` is what has been written down in this run. */
export async function startTraced(t, { place, env = {}, ...options } = {}) {
    place ??= await installation(t, { program, ...options });
    const traceFile = join(place.folder, `trace-${startTraced.count++}`);
    const refuseFile = join(place.folder, "refuse");
    if (options.refuseFirst) {
        writeFileSync(refuseFile, `${options.refuseFirst}`); // from its first call on
    }
    const bridge = await startBridge(t, {
        place,
        args: options.args,
        expected: options.expected,
        unwell: options.unwell,
        env: { LD_PRELOAD: shim, LB_TRACE: traceFile, LB_REFUSE: refuseFile, ...env },
    });
    return Object.assign(bridge, {
        traceFile,
        trace: () => readTrace(traceFile),
        /** From now on files cannot be written, for this errno's reason; undefined: they can. */
        refuse: (errno) => (errno ? writeFileSync(refuseFile, `${errno}`) : rmSync(refuseFile, { force: true })),
    });
}
startTraced.count = 0;

/** The environment for a command of lightbridge without a daemon. */
export function tracedEnv(traceFile, more = {}) {
    return { LD_PRELOAD: shim, LB_TRACE: traceFile, ...more };
}

const isLog = (event) => event.kind === "file" && event.name.endsWith("-wal");
const isSync = (event) => isLog(event) && /sync$/.test(event.op) && event.result === 0;

/**
 * The rule: among `events`, before the first one that `speaks`, the store's log was written and a sync of it returned.
 * Undefined when it was kept, else what is wrong.
 */
export function broken(events, speaks) {
    const said = events.findIndex(speaks);
    if (said < 0) {
        return "nothing was said";
    }
    const before = events.slice(0, said);
    const written = before.findIndex((e) => isLog(e) && /write/.test(e.op));
    if (written < 0) {
        return "nothing was written before it was said";
    }
    return before.slice(written).some(isSync) ? undefined : "what was written had not reached the disk when it was said";
}

/** Files whose last write no sync followed; of -shm nothing need be durable. */
export function unsynced(events) {
    const open = new Map();
    for (const { kind, name, op } of events) {
        if (kind === "file" && /write/.test(op) && !name.endsWith("-shm")) {
            open.set(name, op);
        } else if (kind === "file") {
            open.delete(name);
        }
    }
    return [...open.keys()];
}
