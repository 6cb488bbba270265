// Callers that never finish: thousands of connections that say nothing, half a request, or a byte now and then. All are
// closed by the bridge, by its deadline, and whoever asks properly is served meanwhile.
import assert from "node:assert/strict";
import { Agent, get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Cloud } from "./cloud.js";
import { program } from "./durability.js";
import { startBridge, until, usage } from "./harness.js";

const IDLE = 5000;

/** Connections that are opened all at once, say `words`, and are watched: {open, closed}. */
class Crowd {
    open = 0;
    closed = 0;
    sockets = [];

    constructor(t, port) {
        this.port = port;
        t.after(() => this.sockets.forEach((s) => s.destroy()));
    }

    add(count, words) {
        return Promise.all(Array.from({ length: count }, () => this.#one(words)));
    }

    #one(words) {
        return new Promise((done) => {
            const socket = connect(this.port, "127.0.0.1");
            this.sockets.push(socket);
            socket.once("connect", () => {
                this.open++;
                if (words) {
                    socket.write(words);
                }
                done();
            });
            socket.on("error", () => {});
            socket.once("close", () => {
                this.closed++;
                done();
            });
            socket.resume();
        });
    }
}

/** Connections as the bridge counts them, on all its listeners; asked on the control socket, which has room of its own. */
function openConnections({ folder }) {
    return new Promise((done, failed) => {
        const options = { socketPath: join(folder, "control.sock"), path: "/metrics", headers: { host: "localhost" }, agent: false };
        get(options, async (response) => {
            const text = (await response.toArray()).join("");
            done(Number(/^lightbridge_http_connections (\d+)/m.exec(text)?.[1]));
        }).on("error", failed);
    });
}

async function linked(t, options) {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 2 } }, ...options });
    const cloud = new Cloud(bridge);
    await cloud.link();
    return { bridge, cloud };
}

/** A client that asks properly, each time over a connection of its own; how long the slowest answer took, in ms. */
async function served(cloud, times) {
    let slowest = 0;
    for (let i = 0; i < times; i++) {
        const before = performance.now();
        const response = await fetch(`${cloud.bridge.publicUrl}/smartthings/schema`, {
            method: "POST",
            headers: { "content-type": "application/json", connection: "close" },
            body: JSON.stringify(cloud.envelope("discoveryRequest")),
        }).catch((error) => {
            throw new Error(`request ${i} of a client that asks properly: ${error.cause ?? error}`);
        });
        const { devices } = await response.json();
        assert.equal(response.status, 200);
        assert.equal(devices.length, 2);
        slowest = Math.max(slowest, performance.now() - before);
    }
    return slowest;
}

test(`${IDLE} idle connections at once are closed by their deadline, and a client is served meanwhile`, { timeout: 240_000 }, async (t) => {
    const { bridge, cloud } = await linked(t);
    const before = await served(cloud, 20);
    const crowd = new Crowd(t, bridge.publicPort);
    const halves = [undefined, "P", "POST /oauth/token HTTP/1.1\r\n", "POST /smartthings/schema HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{"];
    let over = false;
    const meanwhile = (async () => {
        for (let slowest = 0; ; slowest = Math.max(slowest, await served(cloud, 1))) {
            if (over) {
                return slowest;
            }
        }
    })();
    meanwhile.catch(() => {}); // it is awaited below
    await Promise.all(halves.map((words) => crowd.add(IDLE / halves.length, words)));
    assert.equal(crowd.open, IDLE);
    const counted = await openConnections(bridge);
    assert.ok(counted >= IDLE, `${counted} are open at once`);
    assert.equal(crowd.closed, 0);
    const with5000 = await served(cloud, 50);
    assert.equal(crowd.closed, 0, "nobody had to make room");
    assert.equal((await bridge.lights()).length, 2); // at home nobody notices
    await until("all idle connections to be closed", () => crowd.closed === IDLE, 60);
    over = true;
    const throughout = await meanwhile;
    await served(cloud, 20);
    await until("the bridge to have forgotten them", async () => (await openConnections(bridge)) < 10);
    t.diagnostic(`slowest answer: ${before.toFixed(0)} ms before, ${with5000.toFixed(0)} ms while they hung, ${throughout.toFixed(0)} ms from the first to the last`);
});

test("more connections than there is room for push out each other, not who asks", { timeout: 240_000 }, async (t) => {
    const { bridge, cloud } = await linked(t);
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => kept.destroy());
    const healthy = () =>
        new Promise((done, failed) => {
            const asked = get(`${bridge.publicUrl}/healthz`, { agent: kept }, (response) => response.resume().on("end", () => done(asked.reusedSocket)));
            asked.on("error", failed);
        });
    await healthy();
    const crowd = new Crowd(t, bridge.publicPort);
    for (let wave = 0; wave < 4; wave++) {
        await Promise.all([crowd.add(2000, wave % 2 ? "GET /healthz HTTP/1.1\r\n" : undefined), served(cloud, 3)]);
        assert.ok(await healthy(), "somebody who had asked before lost his connection");
    }
    assert.ok(crowd.closed > 0, "there was room for all");
    await served(cloud, 10);
});

// A build without sanitizers: they keep what is freed.
test("thousands of callers cost little memory, and it is given back", { timeout: 240_000 }, async (t) => {
    const { bridge, cloud } = await linked(t, { program });
    const rss = () => usage(bridge.program.pid).rss / 1024;
    const before = rss();
    const said = [];
    // [what, what each sends, MB beside at most at once, MB beside when all of it was read]: a listener's bodies have a
    // bound of their own, but until it has got to them each fills a buffer of libmicrohttpd
    for (const [what, words, most, later] of [
        ["half a request each", "POST /oauth/token HTTP/1.1\r\nHost: x\r\n", 60],
        ["as large a head as is taken", `POST /oauth/token HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(23_000)}`, 160],
        ["half of a large body", `POST /smartthings/schema HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n${"a".repeat(20_000)}`, 160, 80],
    ]) {
        const crowd = new Crowd(t, bridge.publicPort);
        await crowd.add(IDLE, words);
        await served(cloud, 20);
        const most_was = rss();
        assert.ok(most_was < before + most, `${what}: ${most_was.toFixed(0)} MB, ${before.toFixed(0)} before`);
        await until(`${what}: what is beyond their bound to be given up`, () => rss() < before + (later ?? most));
        crowd.sockets.forEach((s) => s.destroy());
        await until(`${what}: the memory to be given back`, () => rss() < before + 8);
        said.push(`${what} ${most_was.toFixed(0)} MB`);
    }
    t.diagnostic(`${before.toFixed(0)} MB before; ${IDLE} with ${said.join(", ")}; ${rss().toFixed(0)} MB after`);
});

test("a byte now and then keeps no connection alive", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud } = await linked(t);
    const crowd = new Crowd(t, bridge.publicPort);
    await crowd.add(100, "GET /healthz HTTP/1.1\r\nX-Slow: ");
    const drip = setInterval(() => crowd.sockets.forEach((s) => s.writable && s.write("a")), 300);
    t.after(() => clearInterval(drip));
    await until("the slow ones to be closed", () => crowd.closed === 100, 60);
    await served(cloud, 5);
});

test("header bombs are refused and cost no memory", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud } = await linked(t);
    const { rss } = usage(bridge.program.pid);
    const many = Array.from({ length: 5000 }, (_, i) => `X-Bomb-${i}: ${i}\r\n`).join("");
    const bombs = {
        "many headers": `GET /healthz HTTP/1.1\r\nHost: x\r\n${many}\r\n`,
        "a long header": `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Bomb: ${"b".repeat(2_000_000)}\r\n\r\n`,
        "a long target": `GET /${"b".repeat(2_000_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
        "no end of a line": "b".repeat(4_000_000),
        "a body that is announced too large": "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        "chunks without end": `POST /oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${"8000\r\n".padEnd(0x8000 + 6, "b")}\r\n`.repeat(1),
    };
    for (const [name, bytes] of Object.entries(bombs)) {
        const answers = await Promise.all(
            Array.from({ length: 40 }, () => {
                return new Promise((done) => {
                    let text = "";
                    const socket = connect(bridge.publicPort, "127.0.0.1", () => socket.write(bytes));
                    socket.on("data", (data) => (text += data));
                    socket.on("error", () => {});
                    socket.once("close", () => done(text));
                });
            }),
        );
        for (const text of answers) {
            assert.match(text || "HTTP/1.1 400", /^HTTP\/1\.[01] (4\d\d|501)/, `${name}: ${text.slice(0, 100)}`);
        }
        await served(cloud, 2);
    }
    await sleep(0);
    const grown = usage(bridge.program.pid).rss - rss;
    assert.ok(grown < 100 * 1024, `${grown} kB more`); // 240 bombs of up to 4 MB; under sanitizers freed memory is kept
});
