// The pages in a real browser, at the size of a phone: readable, no script, no console errors, and linking works by hand.
import assert from "node:assert/strict";
import test from "node:test";
import { Cloud } from "./cloud.js";
import { account, startBridge } from "./harness.js";
import { callback, look, skip, startBrowser, submit } from "./pages.js";

test("pages", { skip }, async (t) => {
    const { end, redirectUri } = await callback(t);
    const bridge = await startBridge(t, { extra: { virtual: { lights: 3 } }, redirects: [redirectUri] });
    const cloud = new Cloud(bridge, { redirectUri });
    const { open } = await startBrowser(t);

    await t.test("linking by hand: log in, allow, back at SmartThings", async () => {
        const page = await open();
        await page.goto(cloud.authorizeUrl("by%20hand"));
        assert.match(await look(page, "login"), /SmartThings/);
        await submit(page, "wrong");
        assert.match(await look(page, "login-again"), /password|match/i);
        page.troubles.length = 0; // a page with a status of 4xx is an "error" on the console
        await submit(page, account.password);
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
        await submit(page, "wrong");
        await look(page, "login-dark");
        await submit(page, account.password);
        await look(page, "consent-dark");
        await page.setViewportSize({ width: 195, height: 422 }); // what 200 % zoom leaves of a phone
        await look(page, "consent-zoomed");
        await page.context().close();
    });

    const allow = (page) => page.locator("button", { hasText: /^Allow/ });
    const deny = (page) => page.locator("button", { hasText: "Do not allow" });
    const arrived = (page) => new URL(page.url()).searchParams;

    await t.test("a second press of Log in, and the browser's back button, lead on", async () => {
        const page = await open();
        await page.goto(cloud.authorizeUrl("back"));
        await page.fill("#username", account.name);
        await page.fill("#password", account.password);
        await page.locator("button", { hasText: /log in/i }).dblclick();
        await page.waitForSelector("text=Do not allow");
        await page.goBack();
        await submit(page, account.password);
        await page.waitForSelector("text=Do not allow");
        await deny(page).click();
        await page.waitForURL(/\/linked/);
        assert.equal(arrived(page).get("error"), "access_denied");
        assert.equal(arrived(page).get("state"), "back");
        assert.deepEqual(page.posted, []);
        await page.context().close();
    });

    // Once the app has the browser back: where the buttons of the browser lead, and that no form is ever sent again.
    for (const colorScheme of ["light", "dark"]) {
        for (const [decision, button, says] of [
            ["allowed", allow, /You have allowed SmartThings, as anna\./],
            ["denied", deny, /You did not allow it, and SmartThings was not linked\..*start again in the app/],
        ]) {
            await t.test(`back, forward and reload after it was ${decision}, ${colorScheme}`, async () => {
                const page = await open({ colorScheme });
                const shown = (name) => look(page, `back-${decision}-${name}-${colorScheme}`);
                await page.goto(`http://127.0.0.1:${end.address().port}/app`);
                await page.goto(cloud.authorizeUrl(`${decision}${colorScheme}`));
                await page.reload();
                await submit(page, "wrong");
                assert.match(await shown("wrong"), /Wrong account or password/);
                await page.reload();
                assert.match(await page.innerText("body"), /Wrong account or password/);
                await submit(page, account.password);
                assert.match(await shown("consent"), /Allow SmartThings\?/);
                await page.reload();
                assert.match(await page.innerText("body"), /Allow SmartThings\?/);
                const before = (await bridge.links()).length;
                await button(page).dblclick();
                await page.waitForURL(/\/linked/);
                assert.equal(arrived(page).get("state"), `${decision}${colorScheme}`);
                const code = arrived(page).get("code");
                const after = (await bridge.links()).length;
                assert.equal(after, before + (decision === "allowed" ? 1 : 0));

                await page.goBack();
                assert.match((await shown("decided")).replace(/\s+/g, " "), says);
                await page.reload();
                assert.match((await page.innerText("body")).replace(/\s+/g, " "), says);
                assert.equal(await page.locator("form").count(), 0);
                const onward = page.locator("a", { hasText: "go on to SmartThings" });
                assert.equal(await onward.count(), 1);
                await page.goForward();
                await page.waitForURL(/\/linked/);
                await page.goBack();
                if (decision === "allowed") {
                    // the app was not reached: the link leads there with the same code
                    await onward.click();
                    await page.waitForURL(/\/linked/);
                    assert.equal(arrived(page).get("code"), code);
                    await cloud.token({ grant_type: "authorization_code", code, redirect_uri: redirectUri });
                    await page.goBack();
                    assert.match(await shown("taken"), /The app has taken it up/);
                    assert.equal(await onward.count(), 0);
                }
                await page.goBack(); // the login page
                assert.match(await shown("login"), /answered already/);
                await page.goBack(); // the authorization request, which begins anew: whoever goes back to it wants to
                assert.match(await page.innerText("body"), /Log in to link your lights/);
                await page.goBack();
                assert.equal(await page.innerText("body"), "back at SmartThings");
                assert.equal((await bridge.links()).length, after);
                assert.deepEqual(page.posted, []);
                await page.context().close();
            });
        }
    }

    await t.test("a consent page that the browser had kept does not present a redeemed code again", async () => {
        const page = await open();
        await page.goto(cloud.authorizeUrl("kept"));
        await submit(page, account.password);
        const kept = await page.content();
        await allow(page).click();
        await page.waitForURL(/\/linked/);
        const tokens = await cloud.token({ grant_type: "authorization_code", code: arrived(page).get("code"), redirect_uri: redirectUri });
        await page.route("**/kept", (route) => route.fulfill({ contentType: "text/html", body: kept }));
        await page.goto(`${bridge.publicUrl}/kept`);
        await allow(page).click();
        await page.waitForURL(/\/oauth\/consent/);
        assert.match(await page.innerText("body"), /The app has taken it up/);
        await cloud.token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
        await page.context().close();
    });

    await t.test("two attempts in two tabs of one browser do not mix", async () => {
        const one = await open();
        const two = await open({}, one.context());
        await one.goto(cloud.authorizeUrl("one"));
        await two.goto(cloud.authorizeUrl("two"));
        await submit(one, account.password);
        await submit(two, "wrong");
        assert.match(await two.innerText("body"), /Wrong account or password/);
        await one.reload();
        assert.match(await one.innerText("body"), /Allow SmartThings\?/);
        await submit(two, account.password);
        await deny(two).click();
        await two.waitForURL(/\/linked/);
        await allow(one).click();
        await one.waitForURL(/\/linked/);
        assert.deepEqual([arrived(two).get("state"), arrived(two).get("error")], ["two", "access_denied"]);
        assert.deepEqual([arrived(one).get("state"), arrived(one).get("error")], ["one", null]);
        assert.ok(arrived(one).get("code"));
        await one.goBack();
        await two.goBack();
        assert.match(await one.innerText("body"), /You have allowed SmartThings/);
        assert.match(await two.innerText("body"), /You did not allow it/);
        assert.deepEqual([...one.posted, ...two.posted], []);
        await one.context().close();
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
