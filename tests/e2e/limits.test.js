// Callers that never finish: thousands of connections that say nothing, half a request, or a byte now and then. All are
// closed by the bridge, by its deadline, and whoever asks properly is served meanwhile.
import assert from "node:assert/strict";
import { connect } from "node:net";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Cloud } from "./cloud.js";
import { startBridge, until, usage } from "./harness.js";

const IDLE = 5000;
const AT_ONCE = 125; // connecting: fewer than a listener's queue holds

/** Connections that are opened, say `words`, and are watched: {open, closed}. */
class Crowd {
    open = 0;
    closed = 0;
    sockets = [];

    constructor(t, port) {
        this.port = port;
        t.after(() => this.sockets.forEach((s) => s.destroy()));
    }

    /** `between` is called after each batch: the bridge makes room by the oldest, so what is tested is how many hang. */
    async add(count, words, between = () => {}) {
        for (let left = count; left > 0; left -= AT_ONCE) {
            await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => this.#one(words)));
            await between();
        }
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
                done(); // refused in the queue: closed as well
            });
            socket.resume();
        });
    }
}

async function linked(t) {
    const bridge = await startBridge(t, { extra: { virtual: { lights: 2 } } });
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

test(`${IDLE} idle connections are closed by their deadline, and a client is served meanwhile`, { timeout: 240_000 }, async (t) => {
    const { bridge, cloud } = await linked(t);
    const before = await served(cloud, 20);
    const crowd = new Crowd(t, bridge.publicPort);
    const halves = [undefined, "P", "POST /oauth/token HTTP/1.1\r\n", "POST /smartthings/schema HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{"];
    let meanwhile = 0;
    for (const words of halves) {
        await crowd.add(IDLE / halves.length, words, async () => {
            meanwhile = Math.max(meanwhile, await served(cloud, 1));
        });
    }
    assert.equal(crowd.sockets.length, IDLE);
    assert.ok(crowd.open > IDLE * 0.9, `${crowd.open} were connected`);
    const with5000 = await served(cloud, 50);
    await until("all idle connections to be closed", () => crowd.closed === IDLE, 60);
    await served(cloud, 20);
    // and those who come when it is over find it as it was
    assert.match(await (await fetch(`${bridge.publicUrl}/healthz`)).text(), /"ok"/);
    t.diagnostic(`slowest answer: ${[before, meanwhile, with5000].map((ms) => ms.toFixed(0)).join(", ")} ms before, while they came, while they hung`);
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
