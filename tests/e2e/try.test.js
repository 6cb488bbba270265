// packaging/try, with the programs that are under test: what a newcomer runs first.
import assert from "node:assert/strict";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { binaries, lightbridge, patience, root, scratch, simulator, until } from "./harness.js";

/** Runs it in a folder of temporary files of its own: {out, err, code, left}. */
function start(t, words, { bin = binaries } = {}) {
    const folder = scratch(t);
    const child = spawn(join(root, "packaging/try"), words, {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, LB_BIN: bin, TMPDIR: folder },
    });
    const run = { child, out: "", err: "", folder, left: () => readdirSync(folder) };
    child.stdout.on("data", (bytes) => (run.out += bytes));
    child.stderr.on("data", (bytes) => (run.err += bytes));
    const late = setTimeout(() => child.kill("SIGTERM"), 120_000 * patience);
    run.ended = once(child, "close").then(([code]) => {
        clearTimeout(late);
        run.code = code;
    });
    t.after(() => child.kill("SIGTERM"));
    return run;
}

/** Processes whose command line names that folder. */
function running(folder) {
    return readdirSync("/proc").filter((pid) => {
        try {
            return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
        } catch {
            return false;
        }
    });
}

const steps = ["broker", "lamps", "bridge", "link", "discovery", "access", "refresh", "command", "wall", "callback"];
const stepsOf = (out) => out.split("\n").filter((l) => /^[a-z]+ {2,}\S/.test(l)).map((l) => l.split(" ")[0]);

test("--once, twice at the same time: a line for each step, nothing left behind", async (t) => {
    const both = [start(t, ["--once"]), start(t, ["--once"])];
    for (const run of both) {
        await run.ended;
        assert.equal(run.code, 0, run.out + run.err);
        assert.deepEqual(stepsOf(run.out), steps, run.out);
        assert.equal(run.err, "");
        assert.match(run.out, /^callback +SmartThings was told \d+ ms later: \S.*: (on|off)$/m);
        assert.deepEqual(run.left(), []);
        assert.deepEqual(running(run.folder), []);
    }
});

test("without --once it stays, obeys, and ends without a trace", async (t) => {
    const run = start(t, []);
    const [, place] = await until("it to stay up", () => / (\/\S+)\/lamps\.in$/m.exec(run.out), 60);
    const [, url, name, password] = /local page: (\S+) +account: (\S+) +password: (\S+)$/m.exec(run.out);
    const page = await fetch(url, { headers: { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` } });
    assert.equal(page.status, 200);
    assert.match(await page.text(), /Lamp 1/);
    const hand = /^wall .*: (.*): (on|off)$/m.exec(run.out);
    writeFileSync(join(place, "lamps.in"), "wall 1\n");
    await until("the wall", () => run.out.includes(`told  state      ${hand[1]}: ${hand[2] === "on" ? "off" : "on"}`));
    writeFileSync(join(place, "smartthings.in"), "on all\n");
    await until("the answer", () => /^ok {4}command +commandRequest, all devices: on/m.test(run.out));
    run.child.kill("SIGINT");
    await run.ended;
    assert.equal(run.code, 0, run.err);
    assert.deepEqual(run.left(), []);
    assert.deepEqual(running(run.folder), []);
});

/** The folder of programs, with a shell script in the place of one; `script` gets the path of the real one. */
function instead(t, name, script) {
    const folder = scratch(t);
    mkdirSync(join(folder, "tests"));
    for (const [path, target] of Object.entries({ lightbridge, "tests/lightbridge-sim": simulator })) {
        if (path === name) {
            writeFileSync(join(folder, path), `#!/bin/sh\n${script(target)}\n`);
            chmodSync(join(folder, path), 0o755);
        } else {
            symlinkSync(target, join(folder, path));
        }
    }
    return folder;
}

test("a port that was taken in the meantime is another one at the next try", async (t) => {
    const bin = instead(t, "lightbridge", (real) => `[ $1 = run ] && mkdir "$0.once" 2>/dev/null && { echo address in use; exit 1; }; exec ${real} "$@"`);
    const run = start(t, ["--once"], { bin });
    await run.ended;
    assert.equal(run.code, 0, run.out + run.err);
    assert.deepEqual(readdirSync(bin).filter((n) => n.endsWith(".once")), ["lightbridge.once"]);
    assert.deepEqual(stepsOf(run.out), steps);
});

test("the step that fails is named, with the end of its log", async (t) => {
    const broken = (name, script) => instead(t, name, script);
    for (const [step, said, bin] of [
        ["lamps", /no lamps today/, broken("tests/lightbridge-sim", (sim) => `[ $1 = smartthings ] && exec ${sim} "$@"; echo no lamps today; exit 1`)],
        ["bridge", /no bridge today/, broken("lightbridge", (real) => `[ $1 != run ] && exec ${real} "$@"; echo no bridge today; exit 1`)],
        ["login", /Wrong account or password/, broken("lightbridge", (real) => `[ $1 = account ] && { echo "another one, longer" | exec ${real} "$@"; exit; }; exec ${real} "$@"`)],
    ]) {
        const run = start(t, ["--once"], { bin });
        await run.ended;
        assert.equal(run.code, 1, run.out + run.err);
        assert.match(run.err, new RegExp(`^packaging/try: step "${step}" failed: `, "m"));
        assert.match(run.err, said);
        assert.deepEqual(run.left(), []);
        assert.deepEqual(running(run.folder), []);
    }
});

test("words", async (t) => {
    for (const [words, code] of [[["--help"], 0], [["--dance"], 2]]) {
        const run = start(t, words);
        await run.ended;
        assert.equal(run.code, code);
        assert.match(run.out + run.err, /usage: packaging\/try \[--once\]/);
    }
});
