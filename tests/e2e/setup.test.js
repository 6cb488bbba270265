// lightbridge setup by scripted answers: from nothing, again with what is there, and with nothing half written.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { lightbridge, scratch } from "./harness.js";

const URL = "https://lights.invalid";

async function setup(file, answers) {
    const child = spawn(lightbridge, ["setup", "--config", file]);
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (d) => (said.stdout += d));
    child.stderr.on("data", (d) => (said.stderr += d));
    child.stdin.on("error", () => {});
    child.stdin.end(answers.map((a) => `${a}\n`).join(""));
    const [code] = await once(child, "close");
    return { code, ...said };
}

/** A configuration file whose store lies beside it. */
function place(t, text = "") {
    const folder = scratch(t);
    const file = join(folder, "lightbridge.yaml");
    writeFileSync(file, `# of this house\nstore: { path: lights.db, key_file: token.key }\nlocal:\n  socket: control.sock # ours\n${text}`);
    return { folder, file, read: (name) => readFileSync(join(folder, name), "utf8") };
}

test("from nothing: the file is made, with its secret and folder", { timeout: 60_000 }, async (t) => {
    const folder = join(scratch(t), "etc");
    const file = join(folder, "lightbridge.yaml");
    const said = await setup(file, [URL, "", ""]);
    assert.equal(said.code, 1, said.stderr); // doctor: the name does not resolve, no daemon runs
    assert.match(said.stdout, /failed +daemon/);
    const secret = readFileSync(join(folder, "smartthings.secret"), "utf8").trim();
    assert.equal(statSync(join(folder, "smartthings.secret")).mode & 0o777, 0o600);
    assert.ok(secret.length >= 32);
    for (const line of [`Authorization URI   ${URL}/oauth/authorize`, `Token URI           ${URL}/oauth/token`, `Webhook URL         ${URL}/smartthings/schema`, `Client secret       ${secret}`]) {
        assert.ok(said.stdout.includes(line), line);
    }
    assert.deepEqual(readdirSync(folder).sort(), ["lightbridge.yaml", "smartthings.secret"]);
});

test("account, SmartThings' pair; other keys and comments stay; again, what is there is the answer", { timeout: 60_000 }, async (t) => {
    const p = place(t);
    const before = p.read("lightbridge.yaml");
    const said = await setup(p.file, [URL, "anna", "correct horse battery", "viper-id", "viper-secret"]);
    assert.match(said.stdout, /ok +credential pairs/, said.stdout + said.stderr);
    const after = p.read("lightbridge.yaml");
    assert.ok(after.startsWith(before), after);
    assert.equal(p.read("lightbridge.yaml.before-setup"), before);
    assert.equal(p.read("callback.secret"), "viper-secret\n");
    assert.equal(statSync(join(p.folder, "callback.secret")).mode & 0o777, 0o600);
    const secret = p.read("smartthings.secret");
    await setup(p.file, ["", "", "", ""]);
    assert.equal(p.read("lightbridge.yaml"), after);
    assert.equal(p.read("smartthings.secret"), secret);
    assert.equal(p.read("callback.secret"), "viper-secret\n");
    await setup(p.file, ["https://other.invalid", "", "", ""]);
    assert.equal(p.read("lightbridge.yaml"), after.replace(URL, "https://other.invalid"));
});

for (const [name, answers, says] of [
    ["a URL that is none", ["lights.example.org"], /no https URL/],
    ["a port that SmartThings does not take", ["https://lights.invalid:8443"], /80 to 8002/],
    ["the answers end after the URL", [URL], /ended too early/],
]) {
    test(`${name}: nothing is written`, { timeout: 60_000 }, async (t) => {
        const p = place(t);
        const before = p.read("lightbridge.yaml");
        const said = await setup(p.file, answers);
        assert.equal(said.code, 1);
        assert.match(said.stderr, says);
        assert.deepEqual([readdirSync(p.folder), p.read("lightbridge.yaml")], [["lightbridge.yaml"], before]);
    });
}

test("the pairs swapped: our own id as SmartThings' is refused", { timeout: 60_000 }, async (t) => {
    const p = place(t);
    const said = await setup(p.file, [URL, "", "smartthings", "x"]);
    assert.equal(said.code, 1);
    assert.match(said.stderr, /same as client_id/);
    assert.ok(!existsSync(join(p.folder, "callback.secret")));
    assert.ok(!p.read("lightbridge.yaml").includes("callback_client_id"));
});

test("a section that is not changed by machine is named, and nothing is written", { timeout: 60_000 }, async (t) => {
    const p = place(t, "public: { listen: 127.0.0.1:8000 }\n");
    mkdirSync(join(p.folder, "x"));
    const said = await setup(p.file, [URL, "", ""]);
    assert.equal(said.code, 1);
    assert.match(said.stderr, /set public\.url to .* by hand/s);
    assert.deepEqual(readdirSync(p.folder).sort(), ["lightbridge.yaml", "x"]);
});

test("as the package has it: secrets lie in the folder that systemd hands to the daemon, and are named so", { timeout: 60_000 }, async (t) => {
    const p = place(t);
    mkdirSync(join(p.folder, "secrets"), { mode: 0o700 });
    const said = await setup(p.file, [URL, "", "viper-id", "viper-secret"]);
    assert.match(said.stdout, /ok +credential pairs/, said.stdout + said.stderr);
    const text = p.read("lightbridge.yaml");
    assert.match(text, /client_secret_file: "?secrets\/smartthings\.secret/);
    assert.match(text, /callback_client_secret_file: "?secrets\/callback\.secret/);
    assert.equal(p.read("secrets/callback.secret"), "viper-secret\n");
    const secret = p.read("secrets/smartthings.secret");
    await setup(p.file, ["", "", "", ""]);
    assert.equal(p.read("secrets/smartthings.secret"), secret);
    assert.deepEqual(readdirSync(p.folder).filter((name) => name.endsWith(".secret")), []);
});
