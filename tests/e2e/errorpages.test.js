// Every page that tells of an error while linking, in a real browser: it has a heading, says what was wrong and what to
// do, and axe-core finds nothing. What RFC 6749 4.1.2.1 has told to the app goes to the app, in words.
import assert from "node:assert/strict";
import { existsSync, renameSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import test from "node:test";
import { Browser, Cloud } from "./cloud.js";
import { program as release, startTraced, ENOSPC } from "./durability.js";
import { account, startBridge } from "./harness.js";
import { callback, look, skip, startBrowser, submit } from "./pages.js";

const flat = (text) => text.replace(/\s+/g, " ").trim();

/** The authorization request with these parameters changed, undefined: left out. */
function request(cloud, change) {
    const url = new URL(cloud.authorizeUrl("s"));
    for (const [key, value] of Object.entries(change)) {
        value === undefined ? url.searchParams.delete(key) : url.searchParams.set(key, value);
    }
    return url.href;
}

const consenting = async (page, cloud) => {
    await page.goto(cloud.authorizeUrl("s"));
    await submit(page, account.password);
};
const allow = (page) => Promise.all([page.waitForNavigation(), page.locator("button", { hasText: /^Allow/ }).click()]);

// name, what leads there, status, heading, the reason, what to do
const pages = [
    ["no-client", ({ page, cloud }) => page.goto(request(cloud, { client_id: undefined })), 400, "This link cannot be made", /client_id is missing/, /compares the authorization URL/],
    ["unknown-client", ({ page, cloud }) => page.goto(request(cloud, { client_id: "somebody" })), 400, "This link cannot be made", /"somebody", and the bridge knows no such client/, /smartthings\.client_id; in SmartThings' developer console/],
    ["no-redirect", ({ page, cloud }) => page.goto(request(cloud, { redirect_uri: undefined })), 400, "This link cannot be made", /redirect_uri is missing/, /must be the same.*smartthings\.redirect_uris/],
    ["wrong-redirect", ({ page, cloud }) => page.goto(request(cloud, { redirect_uri: "https://evil.example/" })), 400, "This link cannot be made", /https:\/\/evil\.example\/, which is not among/, /must be the same.*smartthings\.redirect_uris/],
    ["wrong-redirect-added", ({ page, cloud }) => page.goto(request(cloud, { client_id: "app", redirect_uri: "https://evil.example/" })), 400, "This link cannot be made", /not among/, /lightbridge client add/],
    ["parameter-twice", ({ page, cloud }) => page.goto(`${cloud.authorizeUrl("s")}&state=t`), 400, "This link cannot be made", /a field is given twice/, /nothing is added to it/],
    ["long-state", ({ page, cloud }) => page.goto(request(cloud, { state: "s".repeat(4097) })), 400, "This link cannot be made", /longer than 4096 bytes/, /start again in the app/],
    ["login-without-cookie", async ({ page, cloud }) => {
        await page.goto(cloud.authorizeUrl("s"));
        await page.context().clearCookies();
        await submit(page, account.password);
    }, 400, "This page is too old", /did not send the page's cookie/, /allow cookies.*start again/],
    ["login-expired", async ({ page, cloud }) => {
        await page.goto(cloud.authorizeUrl("s"));
        await page.goto(`${page.bridge}/oauth/login?request=${"A".repeat(22)}`); // one that is no more
    }, 400, "This page is too old", /within ten minutes/, /go back to the app and start again/],
    ["consent-without-cookie", async ({ page, cloud }) => {
        await consenting(page, cloud);
        await page.context().clearCookies();
        await allow(page);
    }, 400, "This page is too old", /did not send the page's cookie/, /start again/],
    ["forged-consent", async ({ page, cloud, forger }) => {
        await consenting(page, cloud); // and then a page of another site sends a form in this browser's name
        await page.goto(forger);
        await Promise.all([page.waitForNavigation(), page.locator("button").click()]);
        await page.waitForURL(/\/oauth\/consent/);
    }, 400, "This page is too old", /left open from an earlier try/, /start again/],
    ["no-form", async ({ page, cloud, forger }) => {
        await page.goto(cloud.authorizeUrl("s"));
        await page.goto(`${forger}?multipart`);
        await Promise.all([page.waitForNavigation(), page.locator("button").click()]);
        page.posted.length = 0; // no page of ours sends such a form
    }, 400, "This form cannot be read", /not what a page of the bridge sends/, /start again/],
    ["empty-fields", async ({ page, cloud }) => {
        await page.goto(cloud.authorizeUrl("s"));
        await page.locator("form").evaluate((form) => (form.noValidate = true));
        await Promise.all([page.waitForNavigation(), page.locator("button").click()]);
    }, 400, "Log in to link your lights", /fill in both fields/, /Please fill in/],
    ["wrong-password", async ({ page, cloud }) => {
        await page.goto(cloud.authorizeUrl("s"));
        await submit(page, "wrong");
    }, 403, "Log in to link your lights", /Wrong account or password/, /Log in/],
    ["answered", async ({ page, cloud }) => {
        await consenting(page, cloud);
        await page.locator("button", { hasText: "Do not allow" }).click();
        await page.waitForURL(/\/linked/);
        await page.goBack();
    }, 400, "This has been answered already", /You did not allow it/, /start again in the app/],
    ["busy", async ({ page, cloud }) => {
        await page.goto(cloud.authorizeUrl("s"));
        const one = new Browser(), form = (await one.go(cloud.authorizeUrl("s"))).forms[0];
        const others = Array.from({ length: 12 }, (_, i) => one.submit(form, { username: `somebody${i}`, password: "a password" }));
        await Promise.any(others); // the first to come back is one who was turned away
        await submit(page, account.password);
        page.others = Promise.all(others);
    }, 503, "Log in to link your lights", /Too many are logging in right now/, /try again in a few seconds/],
    ["wait", async ({ page, cloud }) => {
        await page.goto(cloud.authorizeUrl("s"));
        for (let i = 0; i < 12 && !/Please wait/.test(await page.innerText("body")); i++) {
            await page.fill("#username", "guessed");
            await page.fill("#password", `wrong ${i}`);
            await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
        }
    }, 429, "Log in to link your lights", /several wrong passwords/, /Please wait \d+ seconds?, then try again/],
    ["account-removed", async ({ page, cloud, bridge }) => {
        await consenting(page, cloud);
        assert.equal((await bridge.place.runBeside(["account", "remove", account.name])).code, 0);
        assert.equal((await bridge.place.runBeside(["account", "add", "ben"], { input: "a long enough password\n" })).code, 0);
        await allow(page);
    }, 400, "This cannot be linked any more", /account or the app was removed/, /start again in the app/],
];

// name, what the app asks for, the error that it is told
const told = [
    ["no response_type", { response_type: undefined }, "invalid_request", /response_type is missing/],
    ["another response_type", { response_type: "token" }, "unsupported_response_type", /must be code/],
    ["a public client without PKCE", { client_id: "app", scope: undefined }, "invalid_request", /code challenge required.*S256/],
    ["plain PKCE", { client_id: "app", scope: undefined, code_challenge: "A".repeat(43), code_challenge_method: "plain" }, "invalid_request", /must be S256/],
    ["a challenge that is none", { client_id: "app", scope: undefined, code_challenge: "short", code_challenge_method: "S256" }, "invalid_request", /43 characters/],
    ["a scope that it may not have", { client_id: "app", scope: "devices:control" }, "invalid_scope", /the scopes are devices:read/],
];

/** A page of another site (localhost is another than 127.0.0.1) whose form goes to the bridge. */
async function forgery(t, bridge) {
    const server = createServer((asked, response) => {
        const [type, path] = asked.url.includes("multipart") ? ["multipart/form-data", "login"] : ["application/x-www-form-urlencoded", "consent"];
        response.setHeader("content-type", "text/html").end(
            `<!doctype html><form method="post" enctype="${type}" action="${bridge.publicUrl}/oauth/${path}">` +
                `<input type="hidden" name="request" value="${"A".repeat(22)}"><button name="decision" value="allow">A prize</button></form>`,
        );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => (server.closeAllConnections(), server.close()));
    return `http://localhost:${server.address().port}/`;
}

/** Goes there and looks. */
async function visit(open, name, colorScheme, [go, status, heading, reason, advice], context) {
    const page = await open({ colorScheme });
    page.bridge = context.bridge.publicUrl;
    page.on("response", (r) => r.request().isNavigationRequest() && (page.status = r.status()));
    await go({ page, ...context });
    const said = flat(await look(page, `error-${name}-${colorScheme}`));
    assert.equal(page.status, status, said);
    assert.equal(new URL(page.url()).origin, context.bridge.publicUrl);
    assert.equal(await page.locator("h1").count(), 1);
    assert.equal(flat(await page.innerText("h1")), heading);
    assert.match(said, reason);
    assert.match(said, advice);
    await page.others;
    await page.context().close();
}

test("pages that tell of an error", { skip }, async (t) => {
    const { redirectUri } = await callback(t);
    const { open } = await startBrowser(t);
    const extra = { accounts: { passes: 64 } }; // passwords take their time, so that a queue can be seen

    await t.test("what people are told", async (t) => {
        for (const colorScheme of ["light", "dark"]) {
            const bridge = await startBridge(t, { extra, redirects: [redirectUri] });
            const cloud = new Cloud(bridge, { redirectUri });
            const added = await bridge.place.runBeside(["client", "add", "app", redirectUri, "--public", "--scope", "devices:read"]);
            assert.equal(added.code, 0, added.stderr);
            const forger = await forgery(t, bridge);
            for (const [name, ...row] of pages) {
                await t.test(`${name}, ${colorScheme}`, () => visit(open, name, colorScheme, row, { bridge, cloud, forger }));
            }
        }
    });

    await t.test("what the app is told, at its own address", async (t) => {
        const bridge = await startBridge(t, { redirects: [redirectUri] });
        const cloud = new Cloud(bridge, { redirectUri });
        assert.equal((await bridge.place.runBeside(["client", "add", "app", redirectUri, "--public", "--scope", "devices:read"])).code, 0);
        for (const [name, change, error, description] of told) {
            await t.test(name, async () => {
                const page = await open();
                await page.goto(request(cloud, change));
                assert.match(page.url(), /\/linked/);
                const answer = new URL(page.url()).searchParams;
                assert.deepEqual([answer.get("error"), answer.get("state"), answer.get("code")], [error, "s", null]);
                assert.match(answer.get("error_description"), description);
                await page.context().close();
            });
        }
    });

    for (const colorScheme of ["light", "dark"]) {
        await t.test(`no account yet, ${colorScheme}`, async (t) => {
            const bridge = await startBridge(t, { withAccount: false, redirects: [redirectUri] });
            const cloud = new Cloud(bridge, { redirectUri });
            const row = [({ page }) => page.goto(cloud.authorizeUrl("s")), 503, "There is no account yet", /no account/, /lightbridge account add NAME.*start linking again/];
            await visit(open, "no-account", colorScheme, row, { bridge, cloud });
        });

        await t.test(`a store that is lost, ${colorScheme}`, async (t) => {
            const before = await startBridge(t, { redirects: [redirectUri] });
            await before.stop();
            const db = join(before.folder, "lightbridge.db");
            renameSync(db, `${db}.away`);
            const bridge = await startBridge(t, { place: before.place, unwell: true });
            const cloud = new Cloud(bridge, { redirectUri });
            const row = [({ page }) => page.goto(cloud.authorizeUrl("s")), 503, "Please try again", /store or its key is missing/, /finds the reason in its log.*try again in a minute/];
            await visit(open, "store-lost", colorScheme, row, { bridge, cloud });
        });

        await t.test(`a disk that is full when Allow is pressed, ${colorScheme}`, { skip: existsSync(release) ? false : "needs the release build" }, async (t) => {
            const bridge = await startTraced(t, { redirects: [redirectUri] });
            const cloud = new Cloud(bridge, { redirectUri });
            const go = async ({ page }) => {
                await consenting(page, cloud);
                bridge.refuse(ENOSPC);
                await allow(page);
            };
            const row = [go, 503, "Allow SmartThings?", /no space to write/, /try again in a minute/];
            await visit(open, "disk-full", colorScheme, row, { bridge, cloud });
            bridge.refuse();
        });
    }
});
