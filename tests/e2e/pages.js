// A real browser at the size of a phone, and what every page of the bridge must be like in it.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { account, patience, root } from "./harness.js";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const shots = join(root, ".build/screenshots");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** For test(): why the pages cannot be looked at here. */
export const skip = executablePath ? false : "no chromium on this machine";

/**
 * Where the browser is sent after linking, and where that sends it on: Chromium holds form-action against every
 * redirect. {end, redirectUri}: the server of the last page, and what the client registers.
 */
export async function callback(t) {
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
    return { end, redirectUri };
}

/** Chromium: {open}. */
export async function startBrowser(t) {
    mkdirSync(shots, { recursive: true });
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
    t.after(() => browser.close());
    return { open: (options, context) => open(browser, options, context) };
}

/** A page of a phone, in a browser of its own or in that of `context`. */
async function open(browser, options = {}, context) {
    context ??= await browser.newContext({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, ...options });
    const page = await context.newPage();
    page.troubles = [];
    page.posted = []; // pages that are the answer to a POST: reload and the back button would ask to send the form again
    page.on("response", (r) => {
        if (r.request().isNavigationRequest() && r.request().method() !== "GET" && !(r.status() >= 300 && r.status() < 400)) {
            page.posted.push(`${r.status()} ${r.url()}`);
        }
    });
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && page.troubles.push(m.text()));
    page.on("pageerror", (e) => page.troubles.push(String(e)));
    return page;
}

/** Takes a picture, and sees that the page is fit for people; its text. */
export async function look(page, name) {
    await page.waitForLoadState("load"); // a click may still be leading on
    assert.deepEqual(page.posted, [], `${name}: a page that answers a POST`);
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

export async function submit(page, password) {
    await page.fill("#username", account.name);
    await page.fill("#password", password);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
}

/** What axe-core finds wrong with a page; through the debugger, so that the page's own policy need not allow scripts. */
async function violations(page) {
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
    assert.ok(passes.length > 5, "axe-core has looked");
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" ")}`);
}

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
