// SmartThings as the bridge sees it: a browser that links, a server that asks, an endpoint that is told.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import express from "express";
import { account, callbackClient, clientSecret, until } from "./harness.js";

/** The forms of a page: [{action, method, fields: [{name, type, value}]}]. Enough HTML for our own pages. */
export function formsOf(html, base) {
    const attributes = (tag) => {
        const found = {};
        for (const [, name, , quoted, single, bare] of tag.matchAll(/([\w-]+)(\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)) {
            found[name.toLowerCase()] = decode(quoted ?? single ?? bare ?? "");
        }
        return found;
    };
    return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, open, inside]) => {
        const form = attributes(open);
        return {
            action: new URL(form.action ?? "", base).href,
            method: (form.method ?? "get").toUpperCase(),
            fields: [...inside.matchAll(/<(input|button)\b([^>]*)>/g)].map(([, kind, tag]) => ({ kind, ...attributes(tag) })),
        };
    });
}

function decode(text) {
    return text.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (_, n) => ({ amp: "&", lt: "<", gt: ">", quot: '"' })[n] ?? "'");
}

/** A browser without a screen: cookies, forms, no redirects followed by themselves. */
export class Browser {
    cookies = new Map();

    async go(url, init = {}) {
        const headers = { ...init.headers };
        if (this.cookies.size > 0) {
            headers.cookie = [...this.cookies].map(([n, v]) => `${n}=${v}`).join("; ");
        }
        const response = await fetch(url, { redirect: "manual", ...init, headers });
        for (const line of response.headers.getSetCookie()) {
            const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
            this.cookies.set(name, value);
        }
        const html = await response.text();
        return { url, status: response.status, headers: response.headers, html, forms: formsOf(html, url) };
    }

    /** Posts a form with its hidden fields, `values` by field name, and one button; and on to the page it leads to. */
    async submit(form, values, button) {
        const body = new URLSearchParams();
        for (const field of form.fields) {
            const pressed = field.kind === "button" || field.type === "submit";
            if (field.name && (!pressed || field === button)) {
                body.append(field.name, values[field.name] ?? field.value ?? "");
            }
        }
        return this.followed(await this.go(form.action, {
            method: form.method,
            body,
            headers: { origin: new URL(form.action).origin, "content-type": "application/x-www-form-urlencoded" },
        }));
    }

    async followed(page) {
        for (let i = 0; i < 5 && page.status >= 300 && page.status < 400; i++) {
            const next = new URL(page.headers.get("location"), page.url);
            if (next.origin !== new URL(page.url).origin) {
                return page;
            }
            page = await this.go(next.href);
        }
        return page;
    }

    /**
     * Log in and press Allow (or Deny). Returns the page that redirects away: status and the raw Location.
     */
    async consent(authorizeUrl, who = {}) {
        return (await this.asked(authorizeUrl, who))();
    }

    /** Logs in, and stands before the consent page: returns the act of pressing Allow (or Deny). */
    async asked(authorizeUrl, { name = account.name, password = account.password, allow = true } = {}) {
        const login = await this.followed(await this.go(authorizeUrl));
        const form = login.forms.find((f) => f.fields.some((x) => x.type === "password"));
        if (!form) {
            throw new Error(`no login form at ${login.url}: ${login.status}\n${login.html}`);
        }
        const passwordField = form.fields.find((f) => f.type === "password");
        const nameField = form.fields.find((f) => f.kind === "input" && f !== passwordField && f.name && !["hidden", "submit"].includes(f.type));
        const values = { [passwordField.name]: password, [nameField.name]: name };
        const consent = await this.followed(await this.submit(form, values));
        for (const candidate of consent.forms) {
            const buttons = candidate.fields.filter((f) => f.kind === "button" || f.type === "submit");
            const wanted = buttons.find((b) => (allow ? /allow|approve|yes/i : /deny|cancel|no/i).test(`${b.value} ${b.name}`));
            if (wanted || (allow && buttons.length === 1)) {
                return () => this.submit(candidate, {}, wanted ?? buttons[0]);
            }
        }
        throw new Error(`no consent form at ${consent.url}: ${consent.status}\n${consent.html}`);
    }
}

/** Plays SmartThings against one bridge. */
export class Cloud {
    constructor(bridge, { redirectUri = "https://c2c-eu.smartthings.com/oauth/callback" } = {}) {
        this.bridge = bridge;
        this.redirectUri = redirectUri;
        this.callbacks = []; // documents that came to the callback endpoint
        this.tokens = undefined; // ours, for asking the bridge
        // What happens to the next POSTs, one word each: {status, headers, body}, "hang", "cut" (the connection ends
        // before it is taken), and for tokens "lost" (taken, and the connection ends), "held" (taken, not answered).
        this.refusals = [];
        this.tokenFaults = [];
        this.refreshes = 0; // taken
        this.grants = 0;
        this.attempts = { accessTokenRequest: 0, refreshAccessTokens: 0 }; // taken or not
        this.events = 0; // POSTs of callbacks, taken or not
        this.unauthorized = 0; // of them with a token that is not good
        this.picture = new Map(); // id -> {switch: "on", level: 40, ...}: what this cloud believes
    }

    authorizeUrl(state = "xyz") {
        const query = new URLSearchParams({
            client_id: "smartthings",
            response_type: "code",
            redirect_uri: this.redirectUri,
            scope: "devices",
        });
        // `state` as given: its bytes are what is tested
        return `${this.bridge.publicUrl}/oauth/authorize?${query}&state=${state}`;
    }

    /** Links an account; `who` as Browser.consent takes it. */
    async link(who) {
        const page = await new Browser().consent(this.authorizeUrl(), who);
        const target = new URL(page.headers.get("location"));
        this.code = target.searchParams.get("code");
        this.tokens = await this.token({ grant_type: "authorization_code", code: this.code, redirect_uri: this.redirectUri });
        return this.tokens;
    }

    async token(fields) {
        const response = await fetch(`${this.bridge.publicUrl}/oauth/token`, {
            method: "POST",
            body: new URLSearchParams({ client_id: "smartthings", client_secret: clientSecret, ...fields }),
        });
        const answer = await response.json();
        if (!response.ok) {
            throw Object.assign(new Error(`token: ${response.status} ${JSON.stringify(answer)}`), { status: response.status, answer });
        }
        return answer;
    }

    envelope(interactionType, requestId = randomUUID()) {
        return {
            headers: { schema: "st-schema", version: "1.0", interactionType, requestId },
            authentication: { tokenType: "Bearer", token: this.tokens?.access_token },
        };
    }

    /** One interaction; the answer's document, its HTTP status beside it. */
    async ask(interactionType, body = {}) {
        const response = await fetch(`${this.bridge.publicUrl}/smartthings/schema`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ ...this.envelope(interactionType), ...body }),
        });
        this.status = response.status;
        this.retryAfter = response.headers.get("retry-after");
        const text = await response.text();
        try {
            const answer = JSON.parse(text);
            this.learn(answer);
            return answer;
        } catch {
            throw new Error(`${interactionType}: ${response.status} ${text}`);
        }
    }

    learn({ deviceState = [] }) {
        for (const device of deviceState) {
            if (device.deviceError?.some((e) => e.errorEnum === "DEVICE-DELETED")) {
                this.picture.delete(device.externalDeviceId);
                continue;
            }
            const known = this.picture.get(device.externalDeviceId) ?? {};
            for (const state of device.states ?? []) {
                known[state.attribute] = state.value;
            }
            this.picture.set(device.externalDeviceId, known);
        }
    }

    /** The lights of which this cloud believes something else than the bridge's own list says. */
    async astray() {
        const { body } = await this.bridge.control("GET", "/control/lights");
        return body.lights
            .filter((light) => light.exposed)
            .filter(({ id, state }) => {
                const known = this.picture.get(id) ?? {};
                const off = state.on !== undefined && known.switch !== (state.on ? "on" : "off");
                return off || (state.level !== undefined && known.level !== Math.round(state.level));
            })
            .map(({ id, name, state }) => ({ id, name, state, known: this.picture.get(id) }));
    }

    converged(seconds) {
        let last = [];
        return until("the cloud's picture to be the lamps'", async () => (last = await this.astray()).length === 0, seconds).catch(
            (error) => {
                throw new Error(`${error.message}: ${JSON.stringify(last.slice(0, 3))}`);
            },
        );
    }

    discover() {
        return this.ask("discoveryRequest");
    }

    refresh(ids) {
        return this.ask("stateRefreshRequest", { devices: ids.map((externalDeviceId) => ({ externalDeviceId })) });
    }

    command(id, capability, command, args = []) {
        return this.ask("commandRequest", {
            devices: [
                { externalDeviceId: id, commands: [{ component: "main", capability: `st.${capability}`, command, arguments: args }] },
            ],
        });
    }

    /** Ends a POST badly as a fault says; true: it has been dealt with. */
    #fail(fault, response) {
        if (fault === "cut") {
            response.destroy();
        } else if (typeof fault === "object") {
            response.status(fault.status).set(fault.headers ?? {}).json(fault.body ?? {});
        }
        return fault === "hang" || fault === "cut" || typeof fault === "object";
    }

    #token(request, response) {
        const { headers, callbackAuthentication: asked } = request.body;
        const error = (errorEnum) =>
            response.json({ headers: { ...headers, interactionType: "accessTokenResponse" }, globalError: { errorEnum, detail: "no" } });
        const fault = this.tokenFaults.shift();
        this.attempts[headers.interactionType]++;
        this.tokenSeen?.(request.body);
        if (this.#fail(fault, response)) {
            return;
        }
        if (asked.clientId !== callbackClient.id || asked.clientSecret !== callbackClient.secret) {
            return error("INVALID-CLIENT");
        }
        if (headers.interactionType === "refreshAccessTokens") {
            if (asked.refreshToken !== this.callbackTokens.refresh) {
                return error("INVALID-TOKEN");
            }
            this.refreshes++;
        } else if (!asked.code || asked.code !== this.grantCode) {
            return error("INVALID-CODE");
        } else {
            this.grantCode = undefined;
            this.grants++;
        }
        this.callbackTokens = { access: randomUUID(), refresh: randomUUID() };
        this.tokenRequests = [...(this.tokenRequests ?? []), request.body];
        if (fault === "lost") {
            return response.destroy();
        }
        if (fault === "held") {
            return;
        }
        const { access: accessToken, refresh: refreshToken } = this.callbackTokens;
        response.json({
            headers: { ...headers, interactionType: "accessTokenResponse" },
            callbackAuthentication: { tokenType: "Bearer", accessToken, refreshToken, expiresIn: this.callbackLife },
        });
    }

    #event(request, response) {
        this.events++;
        if (this.#fail(this.refusals.shift(), response)) {
            return;
        }
        if (request.body.authentication?.token !== this.callbackTokens.access) {
            this.unauthorized++;
            return response.status(401).json({
                headers: request.body.headers,
                globalError: { errorEnum: "TOKEN-EXPIRED", detail: "expired" },
            });
        }
        this.callbacks.push(request.body);
        this.learn(request.body);
        response.json({});
    }

    /** The endpoint for callbacks, with single-use refresh tokens. `life` of an access token in seconds. */
    async serve(t, { life = 86400 } = {}) {
        const app = express();
        app.use(express.json({ limit: "10mb" }));
        this.callbackLife = life;
        this.callbackTokens = { access: randomUUID(), refresh: randomUUID() };
        app.post("/oauth/token", (request, response) => this.#token(request, response));
        app.post("/device/events", (request, response) => this.#event(request, response));
        const server = app.listen(0, "127.0.0.1");
        await once(server, "listening");
        server.unref(); // a hook that throws keeps later ones from running
        t.after(() => {
            server.closeAllConnections();
            server.close();
        });
        this.callbackPort = server.address().port;
        this.callbackUrl = `http://127.0.0.1:${this.callbackPort}`;
    }

    /** The access token is no longer good; the refresh token is. */
    expireCallbackToken() {
        this.callbackTokens.access = randomUUID();
    }

    /** Sends a grant; what becomes of its code shows later. */
    offerGrant() {
        this.grantCode = randomUUID();
        return this.ask("grantCallbackAccess", {
            callbackAuthentication: {
                grantType: "authorization_code",
                scope: "callback-access",
                code: this.grantCode,
                clientId: callbackClient.id,
            },
            callbackUrls: { oauthToken: `${this.callbackUrl}/oauth/token`, stateCallback: `${this.callbackUrl}/device/events` },
        });
    }

    async grant() {
        const answer = await this.offerGrant();
        await until("the callback code to be exchanged", () => this.grantCode === undefined);
        return answer;
    }

    /** All states told by callbacks for a device and attribute, oldest first. */
    told(id, attribute) {
        return this.callbacks
            .flatMap((c) => c.deviceState ?? [])
            .filter((d) => d.externalDeviceId === id)
            .flatMap((d) => d.states ?? [])
            .filter((s) => s.attribute === attribute)
            .map((s) => s.value);
    }
}

/** A device's states of one answer as {"switch.switch": "on", ...}. */
export function statesOf(answer, id) {
    const device = answer.deviceState?.find((d) => d.externalDeviceId === id);
    return Object.fromEntries((device?.states ?? []).map((s) => [`${s.capability.replace(/^st\./, "")}.${s.attribute}`, s.value]));
}
