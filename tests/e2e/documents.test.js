// What the documents say of the tree is so: the tests that packaging/SECURITY.md names, the table of listeners, and the
// sentences of the fault tree in packaging/doc.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import test from "node:test";
import { root } from "./harness.js";

const read = (...path) => readFileSync(join(root, ...path), "utf8");
const security = read("packaging/SECURITY.md").replace(/\s*\n/g, (end) => (/\n.*\n/s.test(end) ? "\n\n" : "\n"));

/** [file, [names in it]] of each mention `file` `name` `name`..., over ends of lines. */
function mentions(text) {
    return [...text.matchAll(/`((?:tests|packaging|bridge)\/[^`\s]+)`((?:[\s;,]*`[^`/]+(?:\/[^`/]+)?`)*)/g)].map(([, file, names]) => [
        file,
        [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name.replace(/\s+/g, " ")),
    ]);
}

test("every test that SECURITY.md names is there", () => {
    let files = 0;
    let names = 0;
    for (const [file, named] of mentions(security)) {
        assert.ok(existsSync(join(root, file)), `SECURITY.md: there is no ${file}`);
        files++;
        for (const name of named) {
            assert.ok(read(file).includes(name), `SECURITY.md: ${file} has no ${name}`);
            names++;
        }
    }
    assert.ok(files >= 40 && names >= 50, `only ${files} files and ${names} tests were found`);
});

test("the table of listeners is the program's", () => {
    const listeners = { HTTP_PUBLIC: "public", HTTP_LOCAL: "local", HTTP_CONTROL: "control" };
    const routes = read("bridge/app/routes.c").replace("EVERYWHERE,", "HTTP_PUBLIC | HTTP_LOCAL | HTTP_CONTROL,");
    const served = [...routes.matchAll(/\{"([A-Z]+)", "([^"]+)", ([A-Z_ |]+),/g)].map(([, method, path, where]) => {
        const names = where.split(" | ").map((name) => listeners[name]);
        return `${names.join(", ")} ${method} ${path}`;
    });
    const written = [...security.matchAll(/^\| ([a-z, ]+) \| (GET|POST|PUT|DELETE) \| `([^`]+)` \|/gm)].map(
        ([, where, method, path]) => `${where} ${method} ${path}`,
    );
    assert.ok(served.length >= 20, "no routes were found");
    assert.deepEqual(written.sort(), served.sort());
});

/** Every text of the program, its pieces put together. */
function sentences(folder) {
    return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile() && /\.[ch]$/.test(entry.name))
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8").replace(/"\s*\n\s*"/g, "").replaceAll('\\"', '"'))
        .join("\n");
}

test("every sentence of the fault tree is one that the program says", () => {
    const said = sentences("bridge") + sentences("oauth");
    const quoted = [...read("packaging/doc/trouble.md").matchAll(/^\| `lightbridge [^`]+` \| "([^|]+)" \|/gm)].map(([, text]) => text);
    assert.ok(quoted.length >= 40, `only ${quoted.length} sentences were found`);
    assert.deepEqual(
        quoted.filter((text) => !said.includes(text)),
        [],
    );
});

// Headers of libraries, and names that stand for any.
const foreign = /^(?:microhttpd|uv|mosquitto|libserialport)\.h$|\b(?:[A-Z]+_?)(?:subject|test|fuzz)?\.(?:c|test\.js)$|[A-Z]{3,}_\w+\.c$|\bx(?:_test\.c|\.test\.js)$/;

/** Every file of the tree, relative, without what is built and what others wrote. */
function tree(folder = "") {
    return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name);
        const others = [".git", ".build", "node_modules", "corpus"].includes(entry.name);
        return others ? [] : entry.isDirectory() ? [path, ...tree(path)] : [path];
    });
}

test("every file that a README names is there", () => {
    const files = tree();
    const names = new Set(files.map((path) => basename(path)));
    const wrong = [];
    let count = 0;
    for (const page of files.filter((path) => path.endsWith(".md"))) {
        for (const [, name] of read(page).matchAll(/`((?:[\w-]+\/)*[\w.-]+\.(?:c|h|js|md|txt|yaml|service))`/g)) {
            if (foreign.test(name)) {
                continue;
            }
            count++;
            const there = name.includes("/")
                ? files.includes(name) || files.some((path) => path.endsWith(`/${name}`))
                : names.has(name);
            if (!there) {
                wrong.push(`${page}: ${name}`);
            }
        }
    }
    assert.ok(count > 200, `only ${count} names were found`);
    assert.deepEqual(wrong, []);
});

test("the README leads to SECURITY.md", () => {
    assert.match(read("README.md"), /\(packaging\/SECURITY\.md\)/);
});
