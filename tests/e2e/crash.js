// A scenario of linking that may be cut off anywhere by the end of the daemon, what it was promised until then, and the
// check that all of that still holds after a restart.
import assert from "node:assert/strict";
import { Browser, Cloud } from "./cloud.js";
import { until } from "./harness.js";

/** SmartThings' side of one account, with everything that the bridge has acknowledged to it. */
export class Witness {
    constructor(bridge) {
        this.cloud = new Cloud(bridge);
        this.step = "start";
        this.promised = {}; // code, tokens, grant, name
        this.settled = 0; // refreshes of the callback token that were over when it was last looked at
    }

    set bridge(bridge) {
        this.cloud.bridge = bridge;
    }

    get bridge() {
        return this.cloud.bridge;
    }

    async #do(step, act) {
        this.step = step;
        await act();
    }

    /** Throws where the daemon ended; `step` and `promised` say how far it came. */
    async play() {
        const { cloud, promised } = this;
        await this.#do("consent", async () => {
            const page = await new Browser().consent(cloud.authorizeUrl());
            promised.code = new URL(page.headers.get("location")).searchParams.get("code");
        });
        await this.#do("token", async () => {
            promised.tokens = cloud.tokens = await this.redeem();
        });
        await this.#do("discovery", async () => {
            [this.light] = (await cloud.discover()).devices.map((d) => d.externalDeviceId);
        });
        await this.#do("grant", async () => {
            await cloud.offerGrant();
            promised.grant = true;
        });
        await this.#do("callback token", () => this.#alive("the first callback", () => cloud.callbacks.length > 0));
        await this.#do("callback refresh", async () => {
            const { length } = cloud.callbacks;
            cloud.expireCallbackToken();
            await this.#set({ light: this.light, on: true });
            await this.#alive("a callback with the renewed token", () => cloud.callbacks.length > length);
        });
        await this.#do("refresh", async () => {
            promised.tokens = cloud.tokens = await this.refresh();
        });
        await this.#do("name", async () => {
            await this.#set({ light: this.light, name: "Kept" });
            promised.name = "Kept";
        });
        this.step = "end";
    }

    redeem() {
        return this.cloud.token({ grant_type: "authorization_code", code: this.promised.code, redirect_uri: this.cloud.redirectUri });
    }

    refresh() {
        return this.cloud.token({ grant_type: "refresh_token", refresh_token: this.promised.tokens.refresh_token });
    }

    async #set(document) {
        assert.equal((await this.bridge.control("POST", "/control/light", document)).status, 200);
    }

    /** Waits, but not for a daemon that has ended. */
    async #alive(what, probe) {
        const { program } = this.bridge;
        await until(what, () => program.end || probe());
        if (program.end) {
            throw new Error("the daemon has ended");
        }
    }

    /**
     * After a restart: whatever was acknowledged holds. Returns in a few words in which state the link was found.
     */
    async verify() {
        const { cloud, promised } = this;
        const links = (await this.bridge.control("GET", "/control/links")).body.links;
        const ended = links.filter((l) => !l.alive);
        assert.deepEqual(ended, [], "no link ends by itself");
        const found = links.length === 0 ? "no link" : `link ${links.at(-1).redeemed_at ? "redeemed" : "with its code"}`;
        const callback = links.at(-1)?.callback.state ?? "none";
        if (promised.code === undefined) {
            // the browser saw no redirect: the person starts again, and it works
            const page = await new Browser().consent(cloud.authorizeUrl());
            promised.code = new URL(page.headers.get("location")).searchParams.get("code");
        }
        if (promised.tokens === undefined) {
            cloud.tokens = promised.tokens = await this.redeem(); // the answer was lost: the cloud asks again
            assert.deepEqual(await this.redeem(), promised.tokens, "the same pair again");
        }
        const renewed = await this.refresh();
        assert.equal(renewed.refresh_token, promised.tokens.refresh_token);
        assert.equal((await this.refresh()).access_token, renewed.access_token, "a lost answer is given again");
        const discovery = await cloud.discover(); // with the access token from before the end
        assert.equal(discovery.globalError, undefined, JSON.stringify(discovery));
        cloud.tokens = renewed;
        assert.equal((await cloud.discover()).globalError, undefined);
        if (promised.name) {
            const { lights } = (await this.bridge.control("GET", "/control/lights")).body;
            assert.equal(lights.find((l) => l.id === this.light).name, promised.name);
        }
        return `${found}, callback ${callback}${await this.#converge()}`;
    }

    /** What was acknowledged for a link without callbacks: its code is redeemed, its tokens are honoured. */
    async stillLinked() {
        const { cloud, promised } = this;
        promised.tokens ??= await this.redeem();
        cloud.tokens = promised.tokens;
        const discovery = await cloud.discover();
        assert.equal(discovery.globalError, undefined, JSON.stringify(discovery));
        await this.refresh();
    }

    /**
     * After a kill in a storm. `tried`: a name whose edit was under way, so that it may be there or not. `asked`: the
     * cloud saw a refresh of the callback token, whose answer may have been lost.
     */
    async survey(tried, asked, converge) {
        const { cloud, promised } = this;
        const { links } = (await this.bridge.control("GET", "/control/links")).body;
        assert.deepEqual(
            links.filter((l) => !l.alive),
            [],
            "no link ends by itself",
        );
        const mine = () => this.bridge.control("GET", "/control/links").then(({ body }) => body.links.find((l) => l.account === "anna"));
        const before = (await mine()).callback.state;
        await this.stillLinked();
        const { lights } = (await this.bridge.control("GET", "/control/lights")).body;
        const { name } = lights.find((l) => l.id === this.light);
        const edit = name === promised.name ? (tried ? "an edit lost" : "no edit") : "an edit kept";
        assert.ok(name === promised.name || name === tried, `named ${name}, acknowledged ${promised.name}, tried ${tried}`);
        promised.name = name;
        const { state } = (await until("the callback side to settle", async () => {
            const refreshes = cloud.attempts.refreshAccessTokens; // one that comes after this look belongs to the next kill
            const link = await mine();
            this.settled = refreshes;
            return ["granted", "needs_grant"].includes(link.callback.state) && link;
        })).callback;
        if (state === "needs_grant") {
            assert.ok(asked, "needs a grant although no refresh was under way");
            assert.equal((await cloud.discover()).requestGrantCallbackAccess, true);
            await cloud.grant();
        }
        if (converge) {
            await cloud.converged();
        }
        return `${edit} under way, callback ${before}${state === "needs_grant" ? ", needed a new grant" : ""}`;
    }

    /** The cloud's picture becomes the lamps'; a new grant only where the bridge asked for one. */
    async #converge() {
        const { cloud } = this;
        const { callback } = await until("the callback side to settle", async () => {
            const link = (await this.bridge.control("GET", "/control/links")).body.links.at(-1);
            return ["granted", "needs_grant", "none"].includes(link.callback.state) && link;
        });
        const asks = (await cloud.discover()).requestGrantCallbackAccess === true;
        assert.equal(asks, callback.state !== "granted", `callback ${callback.state}`);
        if (this.promised.grant) {
            assert.notEqual(callback.state, "none", "a grant that was acknowledged is used");
        }
        if (asks) {
            await cloud.grant();
        }
        const { lights } = (await this.bridge.control("GET", "/control/lights")).body;
        await Promise.all(
            lights.map(({ id, state }) => this.bridge.control("POST", "/control/light", { light: id, on: !state.on })),
        );
        await cloud.converged();
        return asks && this.promised.grant ? ", needed a new grant" : "";
    }
}

/** Counts by name, as lines. */
export class Distribution {
    #counts = new Map();

    add(name) {
        this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    }

    lines() {
        return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${String(count).padStart(5)}  ${name}`);
    }
}
