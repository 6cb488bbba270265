// lightbridge doctor in a network and with file systems of the test's own: what needs an internet, a full or a read-only
// disk. The tests themselves are in doctor_house.js; here they get a house for themselves, which nobody else notices.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { Authority } from "./doctor.js";
import { scratch } from "./harness.js";

const here = dirname(fileURLToPath(import.meta.url));
const unshare = ["unshare", ...(process.getuid() === 0 ? [] : ["--user", "--map-root-user"]), "--mount", "--net", "--propagation", "private"];
const possible = spawnSync(unshare[0], [...unshare.slice(1), "ip", "link", "set", "lo", "up"], { stdio: "pipe" });

/** Names of SmartThings and of this house, their addresses, and whom everybody trusts. */
function makeHouse(folder) {
    const trusted = join(folder, "trusted");
    mkdirSync(trusted);
    const authority = new Authority(trusted);
    const hash = execFileSync("openssl", ["x509", "-hash", "-noout", "-in", "root.pem"], { cwd: trusted, encoding: "utf8" }).trim();
    symlinkSync("root.pem", join(trusted, `${hash}.0`));
    writeFileSync(join(folder, "hosts"), "127.0.0.1 localhost\n11.0.0.1 c2c-us.smartthings.com\n11.0.0.2 c2c-eu.smartthings.com\n11.0.0.3 c2c-ap.smartthings.com\n11.0.0.9 lights.test\n");
    for (const region of ["us", "eu", "ap"]) {
        authority.sign(`c2c-${region}`, "middle", `subjectAltName=DNS:c2c-${region}.smartthings.com`, 400);
    }
    return folder;
}

const script = `set -e
ip link set lo up
for last in 1 2 3 9; do ip addr add 11.0.0.$last/32 dev lo; done
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/trusted" /etc/ssl/certs
exec "$2" --test --test-concurrency=1 "$3"`;

test("in a house of its own", { timeout: 600_000, skip: possible.status !== 0 && `this machine gives no namespaces: ${possible.error?.message ?? possible.stderr}` }, async (t) => {
    const { NODE_TEST_CONTEXT, ...env } = process.env;
    const house = makeHouse(scratch(t));
    const child = spawn(unshare[0], [...unshare.slice(1), "sh", "-c", script, "sh", house, process.execPath, join(here, "doctor_house.js")], {
        env: { ...env, LB_HOUSE: house },
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (d) => (said += d));
    }
    t.after(() => child.kill());
    const [code] = await once(child, "close");
    for (const [, name] of said.matchAll(/^ok \d+ - (.*)$/gm)) {
        t.diagnostic(name);
    }
    assert.equal(code, 0, said);
    assert.match(said, /^# skipped 0$/m);
});
