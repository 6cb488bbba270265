// The liveness watchdog towards systemd (sd_notify(3)): a sign of life needs a turn of the loop and an answer of the store's
// thread. Python takes the datagrams, which Node cannot.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { scratch, startBridge, until } from "./harness.js";

/** A Python program; its lines of output are counted by their text. */
function python(t, text, args) {
    const child = spawn("python3", ["-u", "-c", text, ...args], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = {};
    createInterface({ input: child.stdout }).on("line", (line) => (lines[line] = (lines[line] ?? 0) + 1));
    const ended = new Promise((done) => child.once("exit", done));
    t.after(() => (child.kill("SIGKILL"), ended));
    return { lines, end: () => (child.stdin.end(), ended), seen: (line) => until(line, () => lines[line]) };
}

const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound")
while True:
    print(s.recv(4096).decode())
`;
// As a program that forgets to end its transaction: the store's next write waits.
const blocker = `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("BEGIN IMMEDIATE")
print("locked")
sys.stdin.read()
c.execute("ROLLBACK")
`;

test("signs of life need the loop and the store: none while the store hangs, though the loop answers", { timeout: 120_000 }, async (t) => {
    const folder = scratch(t);
    const socket = join(folder, "notify");
    const systemd = python(t, listener, [socket]);
    await systemd.seen("bound");
    const bridge = await startBridge(t, {
        folder: join(folder, "bridge"),
        extra: { virtual: { lights: 1 } },
        env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000" },
    });
    await systemd.seen("READY=1");
    const alive = () => systemd.lines["WATCHDOG=1"] ?? 0;
    await until("signs of life", () => alive() > 5);

    const [{ id }] = await bridge.lights();
    const lock = python(t, blocker, [join(bridge.folder, "lightbridge.db")]);
    await lock.seen("locked");
    let named, before;
    try {
        named = bridge.control("POST", "/control/light", { light: id, name: "Waits" });
        await sleep(300); // the question that may have been before the write
        before = alive();
        for (let i = 0; i < 10; i++) {
            assert.equal((await fetch(`${bridge.publicUrl}/healthz`)).status, 200, "the loop turns");
            await sleep(100);
        }
        assert.equal(alive(), before, "a store that hangs is no sign of life");
    } finally {
        await lock.end();
    }
    assert.equal((await named).status, 200);
    await until("signs of life again", () => alive() > before + 5);
    await bridge.stop();
    await systemd.seen("STOPPING=1");
});
