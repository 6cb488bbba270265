// The pages in a real browser, at the size of a phone: readable, no script, no console errors, and linking works by hand.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import test from "node:test";
import { chromium } from "playwright-core";
import { Cloud } from "./cloud.js";
import { account, patience, root, startBridge } from "./harness.js";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const shots = join(root, ".build/screenshots");

test("pages", { skip: executablePath ? false : "no chromium on this machine" }, async (t) => {
    mkdirSync(shots, { recursive: true });
    // where the browser is sent after linking
    const target = createServer((request, response) => response.setHeader("content-type", "text/html").end("<p>back at SmartThings</p>"));
    target.listen(0, "127.0.0.1");
    await once(target, "listening");
    t.after(() => (target.closeAllConnections(), target.close()));
    const redirectUri = `http://127.0.0.1:${target.address().port}/oauth/callback`;

    const bridge = await startBridge(t, { extra: { virtual: { lights: 3 } }, redirects: [redirectUri] });
    const cloud = new Cloud(bridge, { redirectUri });
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
    t.after(() => browser.close());

    async function open(options = {}) {
        const context = await browser.newContext({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, ...options });
        const page = await context.newPage();
        page.troubles = [];
        page.on("console", (m) => ["error", "warning"].includes(m.type()) && page.troubles.push(m.text()));
        page.on("pageerror", (e) => page.troubles.push(String(e)));
        return page;
    }

    async function look(page, name) {
        // for people to look at; a browser on a busy machine may take its time with it, and that is no fault of the page
        await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true, timeout: 30_000 * patience });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(wide, 0, `${name} scrolls sideways by ${wide}`);
        assert.equal(await page.evaluate(() => document.scripts.length), 0, `${name} has scripts`);
        assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
        const small = await page.evaluate(
            () => [...document.querySelectorAll("input:not([type=hidden]), button")].filter((e) => e.getBoundingClientRect().height < 40).length,
        );
        assert.equal(small, 0, `${name}: controls too small for a thumb`);
        const unnamed = await page.evaluate(
            () => [...document.querySelectorAll("input:not([type=hidden])")].filter((e) => !e.labels?.length && !e.ariaLabel).length,
        );
        assert.equal(unnamed, 0, `${name}: inputs without a label`);
        return page.innerText("body");
    }

    await t.test("linking by hand: log in, allow, back at SmartThings", async () => {
        const page = await open();
        await page.goto(cloud.authorizeUrl("by%20hand"));
        assert.match(await look(page, "login"), /SmartThings/);
        await page.fill("input:not([type=hidden]):not([type=password])", account.name);
        await page.fill("input[type=password]", "wrong");
        await page.keyboard.press("Enter");
        await page.waitForLoadState("load");
        assert.match(await look(page, "login-again"), /password|match/i);
        page.troubles.length = 0; // a 4xx answer to a form is an "error" on the console
        await page.fill("input:not([type=hidden]):not([type=password])", account.name);
        await page.fill("input[type=password]", account.password);
        await page.keyboard.press("Enter");
        await page.waitForSelector("text=Allow");
        const consent = await look(page, "consent");
        assert.match(consent, /SmartThings/);
        assert.match(consent, new RegExp(account.name));
        // Chromium follows the redirect of a form only where form-action allows it
        await page.locator("button", { hasText: /allow/i }).first().click();
        await page.waitForURL(/\/oauth\/callback/);
        assert.equal(await page.innerText("body"), "back at SmartThings");
        const arrived = new URL(page.url());
        assert.equal(arrived.searchParams.get("state"), "by hand");
        cloud.tokens = await cloud.token({ grant_type: "authorization_code", code: arrived.searchParams.get("code"), redirect_uri: redirectUri });
        assert.equal((await cloud.discover()).devices.length, 3);
        assert.deepEqual(page.troubles, []);
        await page.context().close();
    });

    await t.test("an authorize request that cannot be served is explained", async () => {
        const page = await open();
        await page.goto(cloud.authorizeUrl().replace("client_id=smartthings", "client_id=somebody"));
        const said = await look(page, "authorize-error");
        assert.ok(said.length > 40, said);
        await page.context().close();
    });

    await t.test("the local page shows lights and links", async () => {
        const page = await open({ httpCredentials: { username: account.name, password: account.password } });
        const response = await page.goto(bridge.localUrl);
        assert.equal(response.status(), 200);
        const said = await look(page, "local");
        for (const light of await bridge.lights()) {
            assert.ok(said.includes(light.name), `${light.name} is not on the page`);
        }
        assert.match(said, new RegExp(account.name));
        const policy = response.headers()["content-security-policy"];
        assert.match(policy, /default-src 'none'/);
        assert.match(policy, /frame-ancestors 'none'/);
        assert.deepEqual(page.troubles, []);
        await page.context().close();
    });

    await t.test("a hostile lamp name is text", async () => {
        const light = (await bridge.lights())[0];
        const renamed = await bridge.place.runBeside(["light", light.id, "--name", "<img src=x onerror=alert(1)>", "--room", '"><b>&'] );
        assert.equal(renamed.code, 0, renamed.stderr);
        const page = await open({ httpCredentials: { username: account.name, password: account.password } });
        await page.goto(bridge.localUrl);
        const said = await look(page, "local-hostile");
        assert.ok(said.includes("<img src=x onerror=alert(1)>"));
        assert.equal(await page.evaluate(() => document.images.length), 0);
        assert.deepEqual(page.troubles, []);
        await page.context().close();
    });

    await t.test("the local page wants a login and is not to be had through the public listener", async () => {
        assert.equal((await fetch(bridge.localUrl)).status, 401);
        assert.equal((await fetch(bridge.publicUrl)).status, 404);
    });
});
