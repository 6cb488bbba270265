// lightbridge setup as a person sees it, on a terminal: what is shown and what is not, wrong answers, Ctrl-C, again.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { account, lightbridge, scratch, until } from "./harness.js";

const program = join(dirname(fileURLToPath(import.meta.url)), "terminal.py");
const CTRL_C = "\x03";
const CTRL_D = "\x04";
const URL = "https://lights.invalid";

/** A command on a terminal of its own. */
class Terminal {
    constructor(t, words) {
        this.child = spawn("python3", ["-u", program, lightbridge, ...words]);
        this.said = "";
        this.at = 0; // what stands before has been read
        this.report = "";
        this.child.stdout.on("data", (d) => (this.said += d));
        this.child.stderr.on("data", (d) => (this.report += d));
        this.child.stdin.on("error", () => {});
        this.ended = once(this.child, "close");
        t.after(() => this.child.kill("SIGKILL"));
    }

    /** Waits for a question and types the answer. */
    async answer(question, text) {
        await until(`"${question}" in ${JSON.stringify(this.said.slice(this.at))}`, () => this.said.indexOf(question, this.at) >= 0, 20);
        this.at = this.said.indexOf(question, this.at) + question.length;
        this.child.stdin.write([CTRL_C, CTRL_D].includes(text) ? text : `${text}\n`);
    }

    /** Its exit code, negative a signal, and whether the terminal shows again what is typed. */
    async end() {
        await this.ended;
        return JSON.parse(this.report.trim().split("\n").at(-1));
    }
}

/** A folder whose configuration is still to be made, or has this text. */
function place(t, text) {
    const folder = join(scratch(t), "etc");
    const file = join(folder, "lightbridge.yaml");
    mkdirSync(folder);
    if (text !== undefined) {
        writeFileSync(file, text);
    }
    return { folder, file, read: (name) => readFileSync(join(folder, name), "utf8"), list: () => readdirSync(folder).sort() };
}

const own = "# of this house\nstore: { path: lights.db, key_file: token.key }\nlocal:\n  socket: control.sock # ours\n";
const questions = { url: "such as https://lights.example.org: ", name: "none is added now): ", id: "(empty: later): ", secret: "stClientSecret: " };

test("from nothing to the end; no password and no secret of SmartThings' is shown", { timeout: 60_000 }, async (t) => {
    const p = place(t, own);
    const terminal = new Terminal(t, ["setup", "--config", p.file]);
    await terminal.answer(questions.url, URL);
    await terminal.answer(questions.name, account.name);
    await terminal.answer("Password: ", account.password);
    await terminal.answer("Once more: ", account.password);
    await terminal.answer(questions.id, "viper-id");
    await terminal.answer(questions.secret, "viper-secret-1");
    const { code, echo } = await terminal.end();
    assert.deepEqual([code, echo], [1, true], terminal.said); // doctor: no daemon runs yet
    for (const hidden of [account.password, "viper-secret-1"]) {
        assert.ok(!terminal.said.includes(hidden), terminal.said);
    }
    for (const shown of [`${URL}\r\n`, "account anna was added", "1 of 3", "2 of 3", "3 of 3", p.read("smartthings.secret").trim(), "Now start the daemon", "not all is well"]) {
        assert.ok(terminal.said.includes(shown), `${shown} in ${terminal.said}`);
    }
    assert.equal(p.read("callback.secret"), "viper-secret-1\n");
    assert.equal(statSync(join(p.folder, "callback.secret")).mode & 0o777, 0o600);
    assert.match(p.read("lightbridge.yaml"), /callback_client_id: "?viper-id/);
});

test("wrong answers are asked again, each with its reason", { timeout: 60_000 }, async (t) => {
    const p = place(t, own);
    const terminal = new Terminal(t, ["setup", "--config", p.file]);
    const wrong = async (question, text, reason) => {
        await terminal.answer(question, text);
        await until(reason, () => reason.test(terminal.said.slice(terminal.at)));
    };
    await wrong(questions.url, "", /without it SmartThings has no way in/);
    await wrong(questions.url, "lights.example.org", /"lights\.example\.org" is no https URL; right would be https/);
    await wrong(questions.url, "https://lights.invalid:8443", /ports 80 to 8002 only, not to 8443/);
    await wrong(questions.url, "https://lights.invalid/smartthings", /has a path/);
    assert.deepEqual(p.list(), ["lightbridge.yaml"]);
    assert.equal(p.read("lightbridge.yaml"), own);
    await terminal.answer(questions.url, URL);
    await terminal.answer(questions.name, "anna of the hill");
    await terminal.answer("Password: ", account.password);
    await wrong("Once more: ", account.password, /name/);
    await terminal.answer(questions.name, account.name);
    await terminal.answer("Password: ", account.password);
    await wrong("Once more: ", "something else", /not the same/);
    await terminal.answer(questions.name, account.name);
    await terminal.answer("Password: ", "short");
    await wrong("Once more: ", "short", /8/);
    await terminal.answer(questions.name, account.name);
    await terminal.answer("Password: ", account.password);
    await terminal.answer("Once more: ", account.password);
    await terminal.answer(questions.id, "smartthings");
    await wrong(questions.secret, "x", /callback_client_id is the same as client_id/);
    await terminal.answer(questions.id, "viper-id");
    await wrong(questions.secret, "", /the secret is needed with the id/);
    assert.ok(!existsSync(join(p.folder, "callback.secret")));
    await terminal.answer(questions.id, "viper-id");
    await terminal.answer(questions.secret, "viper-secret");
    await terminal.end();
    assert.ok(!terminal.said.includes("lightbridge.yaml:"), terminal.said); // no line of a file that is not there yet
    assert.equal(p.read("callback.secret"), "viper-secret\n");
    assert.equal(p.read("lightbridge.yaml").match(/callback_client_id/g).length, 1);
});

const stops = {
    "at the URL": [async (x) => x.answer(questions.url, CTRL_C), ["lightbridge.yaml"]],
    "at the account": [async (x) => (await x.answer(questions.url, URL), x.answer(questions.name, CTRL_C)), ["lightbridge.yaml"]],
    "at the password": [
        async (x) => (await x.answer(questions.url, URL), await x.answer(questions.name, account.name), x.answer("Password: ", CTRL_C)),
        ["lightbridge.yaml", "lightbridge.yaml.before-setup", "smartthings.secret"],
    ],
    "at SmartThings' secret": [
        async (x) => (await x.answer(questions.url, URL), await x.answer(questions.name, ""), await x.answer(questions.id, "viper-id"), x.answer(questions.secret, CTRL_C)),
        ["lightbridge.yaml", "lightbridge.yaml.before-setup", "smartthings.secret"],
    ],
};
for (const [name, [play, left]] of Object.entries(stops)) {
    test(`Ctrl-C ${name}: nothing is half written, and the terminal shows again what is typed`, { timeout: 60_000 }, async (t) => {
        const p = place(t, own);
        const terminal = new Terminal(t, ["setup", "--config", p.file]);
        await play(terminal);
        const { code, echo } = await terminal.end();
        assert.deepEqual([code, echo], [-2, true], terminal.said);
        assert.deepEqual(p.list(), left);
        const text = p.read("lightbridge.yaml");
        if (left.length === 1) {
            assert.equal(text, own);
        } else {
            assert.equal(p.read("lightbridge.yaml.before-setup"), own);
            assert.ok(text.startsWith(own) && text.includes(URL) && text.includes("smartthings.secret") && !text.includes("callback"), text);
        }
        const again = new Terminal(t, ["setup", "--config", p.file]); // it goes on from there
        await again.answer(left.length === 1 ? questions.url : `[${URL}]: `, left.length === 1 ? URL : "");
        await again.answer(questions.name, "");
        await again.answer(questions.id, "");
        await again.end();
        assert.ok(p.read("lightbridge.yaml").includes(URL));
    });
}

test("run again: only what was answered changes", { timeout: 60_000 }, async (t) => {
    const p = place(t, own);
    const first = new Terminal(t, ["setup", "--config", p.file]);
    await first.answer(questions.url, URL);
    await first.answer(questions.name, "");
    await first.answer(questions.id, "viper-id");
    await first.answer(questions.secret, "viper-secret");
    await first.end();
    const before = { text: p.read("lightbridge.yaml"), own: p.read("smartthings.secret"), theirs: p.read("callback.secret") };
    const now = () => ({ text: p.read("lightbridge.yaml"), own: p.read("smartthings.secret"), theirs: p.read("callback.secret") });
    const again = async (url, id, secret) => {
        const terminal = new Terminal(t, ["setup", "--config", p.file]);
        await terminal.answer(`[${URL}]: `, url);
        await terminal.answer(questions.name, "");
        await terminal.answer("[viper-id]: ", id);
        await terminal.answer("(empty: as it is): ", secret);
        await terminal.end();
    };
    await again("", "", "");
    assert.deepEqual(now(), before);
    await again("", "", "another-secret");
    assert.deepEqual(now(), { ...before, theirs: "another-secret\n" });
    await again("", "another-id", "");
    assert.deepEqual(now(), { ...before, text: before.text.replace("viper-id", "another-id"), theirs: "another-secret\n" });
});

test("Ctrl-D, and nobody there at all: a clear error, and nothing is written", { timeout: 60_000 }, async (t) => {
    const p = place(t, own);
    const terminal = new Terminal(t, ["setup", "--config", p.file]);
    await terminal.answer(questions.url, CTRL_D);
    assert.deepEqual(await terminal.end(), { code: 1, echo: true });
    assert.match(terminal.said, /the answers ended too early\r\n$/);
    const child = spawn(lightbridge, ["setup", "--config", p.file], { stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (d) => (stderr += d));
    const [code] = await once(child, "close");
    assert.equal(code, 1);
    assert.match(stderr, /ended too early; run it on a terminal, or give them as lines of standard input: public URL/);
    assert.deepEqual([p.list(), p.read("lightbridge.yaml")], [["lightbridge.yaml"], own]);
});

test("a password of account and a passphrase of backup are not shown either, and Ctrl-C gives the terminal back", { timeout: 60_000 }, async (t) => {
    const p = place(t, own);
    for (const [words, first] of [[["account", "add", "anna"], "Password: "], [["backup", join(p.folder, "x.backup")], "Passphrase: "]]) {
        const terminal = new Terminal(t, [...words, "--config", p.file]);
        await terminal.answer(first, "not to be seen");
        await terminal.answer("Once more: ", CTRL_C);
        assert.deepEqual(await terminal.end(), { code: -2, echo: true });
        assert.ok(!terminal.said.includes("not to be seen"), terminal.said);
    }
});
