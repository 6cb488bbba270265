// A gateway without a battery boots in 1970 and jumps when it has found a time server; another one lives in the future
// for a while. Whatever the clock says, nothing un-links.
import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { Browser, Cloud } from "./cloud.js";
import { program } from "./durability.js";
import { installation, startBridge } from "./harness.js";

const library = readdirSync("/usr/lib")
    .map((folder) => `/usr/lib/${folder}/faketime/libfaketime.so.1`)
    .find((file) => existsSync(file));
const day = 86400;
const in1970 = () => -Math.floor(Date.now() / 1000) + 300;

/** A bridge whose wall clock is off by some seconds; `jump(seconds)` sets it while it runs. The monotonic one is true. */
async function startAt(t, place, seconds) {
    const file = join(place.folder, "clock");
    const jump = (offset) => writeFileSync(file, `${offset < 0 ? "" : "+"}${offset}\n`);
    jump(seconds);
    const env = {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
        DONT_FAKE_MONOTONIC: "1",
        NO_FAKE_STAT: "1",
    };
    return Object.assign(await startBridge(t, { place, env }), { jump });
}

/** What the bridge takes the time for, by the age of a state that it has just heard. */
async function clockOf(bridge) {
    const { lights } = (await bridge.control("GET", "/control/lights")).body;
    const light = lights.find((l) => l.exposed);
    await bridge.control("POST", "/control/light", { light: light.id, on: !light.state.on });
    const after = (await bridge.control("GET", "/control/lights")).body.lights.find((l) => l.id === light.id);
    return new Date(after.heard_at);
}

async function codeOf(cloud) {
    const page = await new Browser().consent(cloud.authorizeUrl());
    return new URL(page.headers.get("location")).searchParams.get("code");
}

const redeem = (cloud, code) => cloud.token({ grant_type: "authorization_code", code, redirect_uri: cloud.redirectUri });

/** The link goes on: whether its access token has expired or not, its refresh token brings one that works. */
async function goesOn(cloud, tokens, { expired = false } = {}) {
    const seen = cloud.tokens;
    cloud.tokens = tokens;
    const answer = await cloud.discover();
    if (expired) {
        assert.equal(answer.globalError?.errorEnum, "TOKEN-EXPIRED");
    } else {
        assert.equal(answer.globalError, undefined, JSON.stringify(answer.globalError));
    }
    cloud.tokens = await cloud.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
    assert.equal((await cloud.discover()).globalError, undefined);
    const renewed = cloud.tokens;
    cloud.tokens = seen;
    return renewed;
}

async function nothingEnded(bridge) {
    const { links } = (await bridge.control("GET", "/control/links")).body;
    assert.deepEqual(
        links.filter((l) => !l.alive),
        [],
    );
    assert.equal(links.find((l) => l.callback.state !== "none").callback.state, "granted");
}

async function changeTold(bridge, cloud) {
    const { lights } = (await bridge.control("GET", "/control/lights")).body;
    await Promise.all(lights.map(({ id, state }) => bridge.control("POST", "/control/light", { light: id, on: !state.on })));
    await cloud.converged(30);
}

/** Linked and granted while the clock was right. */
async function linked(t) {
    const place = await installation(t, { program, extra: { virtual: { lights: 2 } } });
    const bridge = await startAt(t, place, 0);
    const cloud = new Cloud(bridge);
    await cloud.serve(t);
    await cloud.link();
    await cloud.discover();
    await cloud.grant();
    await cloud.converged();
    return { place, bridge, cloud };
}

test("libfaketime is there", () => assert.ok(library, "package faketime of packaging/dependencies"));

test("started in 1970, then the time is found", { timeout: 120_000 }, async (t) => {
    const { place, bridge, cloud } = await linked(t);
    const before = cloud.tokens;
    await bridge.stop();
    const early = (cloud.bridge = await startAt(t, place, in1970()));
    assert.equal((await clockOf(early)).getUTCFullYear(), 1970);
    const refreshed = await goesOn(cloud, before);
    await changeTold(early, cloud);
    const linkedThen = await redeem(cloud, await codeOf(cloud)); // a person links, with a clock of 1970
    await goesOn(cloud, linkedThen);
    const code = await codeOf(cloud);
    await nothingEnded(early);

    early.jump(0);
    assert.ok((await clockOf(early)).getUTCFullYear() >= 2024);
    const late = await redeem(cloud, code); // issued a minute ago, whatever the clock says
    for (const tokens of [before, refreshed, linkedThen, late]) {
        await goesOn(cloud, tokens);
    }
    await changeTold(early, cloud);
    await nothingEnded(early);
    assert.deepEqual([cloud.unauthorized, cloud.refreshes, cloud.grants], [0, 0, 1], "the callback token was left alone");

    // after a restart nobody knows of the jump: a token of 1970 has expired, and that is all
    await early.stop();
    const now = (cloud.bridge = await startAt(t, place, 0));
    await goesOn(cloud, before);
    await goesOn(cloud, refreshed, { expired: true });
    await goesOn(cloud, linkedThen, { expired: true });
    await goesOn(cloud, late);
    await changeTold(now, cloud);
    await nothingEnded(now);
});

test("the clock jumps ten years ahead and back, forty days back and ahead", { timeout: 120_000 }, async (t) => {
    const { bridge, cloud } = await linked(t);
    const before = cloud.tokens;
    for (const offset of [3650 * day, 0, -40 * day, 0]) {
        const code = await codeOf(cloud);
        bridge.jump(offset);
        const year = new Date(Date.now() + offset * 1000).getUTCFullYear();
        assert.equal((await clockOf(bridge)).getUTCFullYear(), year);
        const tokens = await redeem(cloud, code);
        await goesOn(cloud, before);
        await goesOn(cloud, await goesOn(cloud, tokens));
        await changeTold(bridge, cloud);
        await nothingEnded(bridge);
    }
    assert.equal(cloud.grants, 1);
});

test("started ten years ahead: tokens are renewed, nothing ends", { timeout: 120_000 }, async (t) => {
    const { place, bridge, cloud } = await linked(t);
    const before = cloud.tokens;
    await bridge.stop();
    const ahead = (cloud.bridge = await startAt(t, place, 3650 * day));
    const renewed = await goesOn(cloud, before, { expired: true });
    await changeTold(ahead, cloud);
    await nothingEnded(ahead);
    await ahead.stop();
    const now = (cloud.bridge = await startAt(t, place, 0));
    await goesOn(cloud, renewed); // a token from the future is valid
    await changeTold(now, cloud);
    await nothingEnded(now);
    assert.equal(cloud.grants, 1);
});
