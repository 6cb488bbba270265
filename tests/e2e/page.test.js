// The pages in a real browser, at the size of a phone: readable, no script, no console errors, and linking works by hand.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import test from "node:test";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { Cloud } from "./cloud.js";
import { account, patience, root, startBridge } from "./harness.js";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const shots = join(root, ".build/screenshots");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong with a page; through the debugger, so that the page's own policy need not allow scripts. */
async function violations(page) {
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
    assert.ok(passes.length > 5, "axe-core has looked");
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" ")}`);
}

test("pages", { skip: executablePath ? false : "no chromium on this machine" }, async (t) => {
    mkdirSync(shots, { recursive: true });
    // where the browser is sent after linking, and where that sends it: Chromium holds form-action against every redirect
    const serve = async (answer) => {
        const server = createServer(answer);
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        t.after(() => (server.closeAllConnections(), server.close()));
        return server;
    };
    const end = await serve((request, response) => response.setHeader("content-type", "text/html").end("<p>back at SmartThings</p>"));
    const target = await serve((request, response) => {
        const { search } = new URL(request.url, "http://127.0.0.1");
        response.writeHead(302, { location: `http://127.0.0.1:${end.address().port}/linked${search}` }).end();
    });
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
        await page.waitForLoadState("load"); // a click may still be leading on
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
        assert.deepEqual(await violations(page), [], `${name}: axe-core`);
        const faint = await page.evaluate(faintTexts);
        assert.deepEqual(faint, [], `${name}: too little contrast (WCAG 2.2, 1.4.3)`);
        return page.innerText("body");
    }

    async function submit(page, password) {
        await page.fill("#username", account.name);
        await page.fill("#password", password);
        await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
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
        await page.waitForURL(/\/linked/);
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
        assert.match(said, /somebody/);
        assert.match(said, /smartthings\.client_id/);
        await page.goto(cloud.authorizeUrl().replace(/redirect_uri=[^&]*/, `redirect_uri=https://evil.example/${"long/".repeat(40)}`));
        const wrong = await look(page, "authorize-redirect");
        assert.match(wrong, /evil\.example/);
        assert.ok(wrong.includes(redirectUri), wrong);
        assert.equal(new URL(page.url()).origin, bridge.publicUrl);
        await page.context().close();
    });

    await t.test("in the dark, and zoomed in", async () => {
        const page = await open({ colorScheme: "dark" });
        await page.goto(cloud.authorizeUrl());
        await page.fill("input:not([type=hidden]):not([type=password])", account.name);
        await page.fill("input[type=password]", "wrong");
        await page.keyboard.press("Enter");
        await page.waitForSelector("[role=alert]");
        await look(page, "login-dark");
        await page.fill("input[type=password]", account.password);
        await page.keyboard.press("Enter");
        await page.waitForSelector("text=Do not allow");
        await look(page, "consent-dark");
        await page.setViewportSize({ width: 195, height: 422 }); // what 200 % zoom leaves of a phone
        await look(page, "consent-zoomed");
        await page.context().close();
    });

    await t.test("a second press of Log in, and the browser's back button, lead on", async () => {
        const page = await open();
        await page.goto(cloud.authorizeUrl("back"));
        const login = async () => {
            await page.fill("input:not([type=hidden]):not([type=password])", account.name);
            await page.fill("input[type=password]", account.password);
        };
        await login();
        await page.locator("button", { hasText: /log in/i }).dblclick();
        await page.waitForSelector("text=Do not allow");
        await page.goBack();
        if (!(await page.locator("input[type=password]").count())) {
            await page.goto(cloud.authorizeUrl("back")); // no-store: some versions ask anew
        }
        await login();
        await page.keyboard.press("Enter");
        await page.waitForSelector("text=Do not allow");
        await page.locator("button", { hasText: "Do not allow" }).click();
        await page.waitForURL(/\/linked/);
        const arrived = new URL(page.url());
        assert.equal(arrived.searchParams.get("error"), "access_denied");
        assert.equal(arrived.searchParams.get("state"), "back");
        await page.context().close();
    });

    // Every page there is, in a phone's size, in both looks: the flows above show them in passing, these are the rest.
    for (const colorScheme of ["light", "dark"]) {
        await t.test(`all pages, ${colorScheme}`, async () => {
            const page = await open({ colorScheme });
            const shown = (name) => look(page, `${name}-${colorScheme}`);
            await page.goto(cloud.authorizeUrl("all"));
            await shown("all-login");
            await submit(page, "wrong");
            assert.match(await shown("all-login-wrong"), /Wrong account or password/);
            await submit(page, account.password);
            assert.match(await shown("all-consent"), /Allow SmartThings\?/);
            await page.goto(cloud.authorizeUrl().replace("client_id=smartthings", "client_id=somebody"));
            assert.match(await shown("all-refused-client"), /no such client/);
            await page.goto(cloud.authorizeUrl().replace(/redirect_uri=[^&]*/, "redirect_uri=https://evil.example/"));
            assert.match(await shown("all-refused-redirect"), /evil\.example/);
            await page.goto(cloud.authorizeUrl().replace(/redirect_uri=[^&]*&/, ""));
            assert.match(await shown("all-no-redirect"), /redirect_uri is missing/);
            await page.goto(cloud.authorizeUrl("expired"));
            await page.context().clearCookies();
            await submit(page, account.password);
            assert.match(await shown("all-expired"), /did not send the page's cookie/);
            await page.context().close();
            const local = await open({ colorScheme, httpCredentials: { username: account.name, password: account.password } });
            await local.goto(bridge.localUrl);
            assert.match(await look(local, `all-local-${colorScheme}`), /SmartThings/);
            await local.context().close();
        });
    }

    await t.test("a session that has expired: the page says so, and starting again works", async () => {
        const page = await open();
        await page.goto(cloud.authorizeUrl("old"));
        const [cookie] = await page.context().cookies();
        assert.equal(cookie.httpOnly, true);
        assert.equal(cookie.sameSite, "Lax");
        await page.context().clearCookies(); // its ten minutes are over
        await submit(page, account.password);
        assert.match(await look(page, "expired"), /start again/);
        assert.equal(new URL(page.url()).origin, bridge.publicUrl);
        await page.goto(cloud.authorizeUrl("new"));
        await submit(page, account.password);
        await page.locator("button", { hasText: "Allow" }).first().click();
        await page.waitForURL(/\/linked/);
        assert.equal(new URL(page.url()).searchParams.get("state"), "new");
        await page.context().close();
    });

    await t.test("a double press of Allow makes one link", async () => {
        const before = (await bridge.links()).length;
        const page = await open();
        await page.goto(cloud.authorizeUrl("twice"));
        await submit(page, account.password);
        await page.locator("button", { hasText: /^Allow/ }).dblclick();
        await page.waitForURL(/\/linked/);
        assert.equal((await bridge.links()).length, before + 1);
        await page.context().close();
    });

    await t.test("whoever guesses is told how long to wait", async () => {
        const page = await open();
        await page.goto(cloud.authorizeUrl("guess"));
        let said = "";
        for (let i = 0; i < 12 && !/Please wait/.test(said); i++) {
            await page.fill("#username", "guessed");
            await page.fill("#password", `wrong ${i}`);
            await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
            said = await page.innerText("body");
        }
        assert.match(await look(page, "login-wait"), /Please wait \d+ seconds?, then try again/);
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

/** Runs in the page: texts whose contrast to what is behind them is below 4.5. */
function faintTexts() {
    const rgb = (text) => text.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const color = rgb(getComputedStyle(e).backgroundColor);
            if (color.length < 4 || color[3] === 1) {
                return color;
            }
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll("body *")]
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()))
        .map((e) => {
            const ground = behind(e);
            const { color, opacity } = getComputedStyle(e);
            const text = rgb(color).slice(0, 3).map((c, i) => c * Number(opacity) + ground[i] * (1 - Number(opacity)));
            const [a, b] = [light(text), light(ground)].sort((x, y) => y - x);
            return { text: e.textContent.trim().slice(0, 40), contrast: (a + 0.05) / (b + 0.05) };
        })
        .filter((e) => e.contrast < 4.5);
}
