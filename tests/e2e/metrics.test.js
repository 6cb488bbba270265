// /metrics through a parser of the Prometheus text format that somebody else wrote, and by the format's own rules.
import assert from "node:assert/strict";
import test from "node:test";
import parse from "parse-prometheus-text-format";
import { account, startBridge } from "./harness.js";

const login = { authorization: `Basic ${Buffer.from(`${account.name}:${account.password}`).toString("base64")}` };

test("metrics", async (t) => {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 2 } } });

    await t.test("want a login, and one of our own names", async () => {
        assert.equal((await fetch(`${bridge.localUrl}/metrics`)).status, 401);
        const { request } = await import("node:http");
        const status = (headers) =>
            new Promise((done, fail) => {
                request({ host: "127.0.0.1", port: bridge.localPort, path: "/metrics", headers: { ...login, ...headers } }, (r) => {
                    r.resume();
                    done(r.statusCode);
                })
                    .on("error", fail)
                    .end();
            });
        assert.equal(await status({}), 200);
        assert.ok((await status({ host: "rebound.example" })) >= 400, "DNS rebinding");
        assert.ok((await status({ "x-forwarded-for": "203.0.113.1" })) >= 400, "what came through a proxy is not local");
        assert.equal((await fetch(`${bridge.publicUrl}/metrics`, { headers: login })).status, 404);
    });

    await t.test("are Prometheus text", async () => {
        const response = await fetch(`${bridge.localUrl}/metrics`, { headers: login });
        assert.match(response.headers.get("content-type"), /^text\/plain; *version=0\.0\.4/);
        const text = await response.text();
        assert.ok(text.endsWith("\n"));
        const families = parse(text);
        assert.ok(families.length > 5, text);
        const seen = new Set();
        for (const { name, type, help, metrics } of families) {
            assert.match(name, /^(lightbridge|process)_[a-z0-9_]+$/);
            assert.ok(help, `${name} has no HELP`);
            assert.match(type, /^(COUNTER|GAUGE|HISTOGRAM|SUMMARY)$/i, `${name} has no TYPE`);
            assert.ok(metrics.length > 0, `${name} has no sample`);
            assert.ok(!seen.has(name), `${name} is there twice`);
            seen.add(name);
            if (type === "COUNTER") {
                assert.match(name, /_total$/, "counters end in _total");
            }
            for (const m of metrics) {
                assert.ok(m.buckets || m.quantiles || Number.isFinite(Number(m.value)), `${name} ${JSON.stringify(m)}`);
            }
        }
        // every sample line belongs to a family that was declared before it
        const declared = new Set();
        for (const line of text.split("\n").filter(Boolean)) {
            const type = /^# TYPE (\S+)/.exec(line);
            if (type) {
                declared.add(type[1]);
            } else if (!line.startsWith("#")) {
                const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)[0];
                assert.ok(declared.has(name) || declared.has(name.replace(/_(bucket|sum|count)$/, "")), line);
            }
        }
    });

    await t.test("know how many lights there are", async () => {
        const text = await (await fetch(`${bridge.localUrl}/metrics`, { headers: login })).text();
        const lights = parse(text).find((f) => /^lightbridge_lights/.test(f.name));
        assert.ok(lights, "a series lightbridge_lights");
        assert.equal(
            lights.metrics.reduce((sum, m) => sum + Number(m.value), 0),
            2,
        );
    });
});
