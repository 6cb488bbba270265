// The guide in packaging/doc says only what is so: its configurations are right, and its commands are there.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { blocksOf, guide } from "./guide.js";
import { lightbridge, scratch } from "./harness.js";

const pages = readdirSync(guide).filter((name) => name.endsWith(".md"));
const help = (...words) => spawnSync(lightbridge, [...words, "--help"], { encoding: "utf8" });
// What is shown beside lightbridge's own commands.
const others = ["systemctl", "sh"];

test("every configuration of the guide is right", (t) => {
    const folder = scratch(t);
    for (const name of ["secrets/smartthings.secret", "secrets/callback.secret", "tls/fullchain.pem", "tls/privkey.pem"]) {
        mkdirSync(join(folder, dirname(name)), { recursive: true });
        writeFileSync(join(folder, name), "something\n", { mode: 0o600 });
    }
    const file = join(folder, "lightbridge.yaml");
    let count = 0;
    for (const page of pages) {
        for (const block of blocksOf(page, "yaml")) {
            writeFileSync(file, block.replaceAll("/etc/lightbridge", folder));
            const { status, stderr, stdout } = spawnSync(lightbridge, ["check-config", "--config", file], { encoding: "utf8" });
            assert.equal(status, 0, `${page}:\n${block}\n${stdout}${stderr}`);
            count++;
        }
    }
    assert.ok(count >= 8, `only ${count} configurations were found`);
    writeFileSync(file, "public: {lisen: 127.0.0.1:8000}\n");
    assert.equal(spawnSync(lightbridge, ["check-config", "--config", file]).status, 1); // it would say so
});

test("every command of the guide is there, with its options", () => {
    const known = [...help().stdout.matchAll(/^ {2}([\w-]+) {2,}/gm)].map(([, name]) => name);
    assert.ok(known.includes("run"));
    const used = new Set();
    for (const page of pages) {
        const text = readFileSync(join(guide, page), "utf8").replace(/^ {4}.*$/gm, ""); // indented: what others print and run
        const inline = [...text.matchAll(/`(?:sudo )?(lightbridge [^`\n]+)`/g)].map(([, line]) => line);
        for (const line of [...blocksOf(page, "sh").flatMap((block) => block.split("\n").filter(Boolean)), ...inline]) {
            const [program, command, ...words] = line.replace(/^sudo /, "").split(" ");
            if (program !== "lightbridge") {
                assert.ok(others.includes(program), `${page}: ${line}`);
                continue;
            }
            assert.ok(known.includes(command), `${page}: ${line}`);
            const { stdout } = help(command);
            for (const option of words.filter((word) => word.startsWith("--"))) {
                assert.ok(stdout.includes(option), `${page}: ${line}: ${command} has no ${option}`);
            }
            if (/^[a-z]+$/.test(words[0] ?? "") && command === "account") {
                assert.match(stdout, new RegExp(`\\b${words[0]}\\b`), `${page}: ${line}`);
            }
            used.add(command);
        }
    }
    assert.ok(used.size >= 6, [...used].join());
});

test("links inside the guide lead somewhere", () => {
    for (const page of pages) {
        for (const [, target, anchor] of readFileSync(join(guide, page), "utf8").matchAll(/\]\(([\w.]*)(?:#([\w-]+))?\)/g)) {
            const there = readFileSync(join(guide, target || page), "utf8");
            const anchors = [...there.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
                title.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-"),
            );
            assert.ok(!anchor || anchors.includes(anchor), `${page}: ${target}#${anchor}`);
        }
    }
});
