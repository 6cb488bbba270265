// A bridge whose clocks, both of them, a test sets forward: hours and months pass in no time.
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binaries, startBridge } from "./harness.js";

const shim = join(binaries, "tests/e2e/shim/clock_shim.so");

/**
 * Starts the daemon in `place`; the bridge has pass(seconds), and `clock`: the environment of programs that are to live in
 * its time. Its clocks are those of this machine, `seconds` ahead.
 */
export async function startAhead(t, place, { seconds = 0, ...options } = {}) {
    assert.ok(existsSync(shim), `${shim} is missing`);
    const clock = join(place.folder, "clock");
    let ahead = BigInt(seconds) * 1000n;
    writeFileSync(clock, Buffer.alloc(8));
    const set = () => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigInt64LE(ahead);
        writeFileSync(clock, bytes, { flag: "r+" });
    };
    set();
    const env = {
        LD_PRELOAD: shim,
        LB_CLOCK: clock,
        ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:verify_asan_link_order=0`,
    };
    const bridge = Object.assign(await startBridge(t, { place, env, ...options }), { clock: env });
    /** Seconds pass. */
    bridge.pass = async (more) => {
        ahead += BigInt(more) * 1000n;
        set();
        for (let i = 0; i < 3; i++) {
            // wakes it; a connection that was kept alive may just have passed its deadline
            await fetch(`${bridge.publicUrl}/healthz`, { headers: { connection: "close" }, signal: AbortSignal.timeout(5000) }).catch(() => {});
        }
    };
    return bridge;
}
