// What the tests of the partner API share: a client's tokens, requests whose answers are held against openapi.json, a
// reader of server-sent events.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import Ajv from "ajv/dist/2020.js";
import { Browser } from "./cloud.js";
import { root, until } from "./harness.js";

export const redirectUri = "https://app.example.org/callback";
export const openapi = JSON.parse(readFileSync(join(root, "bridge/partner/openapi.json")));

const ajv = new Ajv({ strict: true, allowUnionTypes: true, formats: {} });
ajv.addVocabulary(["components", "paths", "info", "openapi", "example"]);
ajv.addSchema({ $id: "api", $defs: {}, components: openapi.components });
const validators = new Map();

/** Is `value` what the named schema of the description says? Throws where it is not. */
export function holds(name, value) {
    if (!validators.has(name)) {
        validators.set(name, ajv.compile({ $ref: `api#/components/schemas/${name}` }));
    }
    const valid = validators.get(name);
    assert.ok(valid(value), `${name}: ${ajv.errorsText(valid.errors)}\n${JSON.stringify(value, null, 1).slice(0, 2000)}`);
}

/** The operation of the description that a request is: its path with {names} filled in. */
function operationOf(method, path) {
    const asked = path.split("?")[0].split("/");
    const exact = (template) => template.split("/").filter((part, i) => part === asked[i]).length;
    const fits = Object.keys(openapi.paths)
        .filter((template) => {
            const parts = template.split("/");
            return parts.length === asked.length && parts.every((part, i) => part.startsWith("{") || part === asked[i]);
        })
        .sort((a, b) => exact(b) - exact(a));
    return openapi.paths[fits[0]]?.[method.toLowerCase()];
}

/** An API of one bridge as one token sees it. Every answer is held against the description. */
export class Api {
    constructor(bridge, token) {
        this.bridge = bridge;
        this.token = token;
    }

    async ask(method, path, body, { form = false, headers = {} } = {}) {
        const response = await fetch(`${this.bridge.publicUrl}${path}`, {
            method,
            headers: {
                ...(this.token && { authorization: `Bearer ${this.token}` }),
                ...(body !== undefined && !form && { "content-type": "application/json" }),
                ...headers,
            },
            body: body === undefined ? undefined : form ? new URLSearchParams(body) : typeof body === "string" ? body : JSON.stringify(body),
        });
        const text = await response.text();
        const answer = text ? JSON.parse(text) : undefined;
        const described = operationOf(method, path)?.responses[response.status];
        assert.ok(described, `${method} ${path}: ${response.status} is not in openapi.json: ${text}`);
        const schema = described.content?.["application/json"]?.schema;
        assert.equal(answer !== undefined, schema !== undefined, `${method} ${path}: ${response.status}: ${text}`);
        if (schema?.$ref) {
            holds(schema.$ref.split("/").at(-1), answer);
        }
        return { status: response.status, headers: response.headers, body: answer };
    }

    get(path, options) {
        return this.ask("GET", path, undefined, options);
    }

    /** The one light that the selector names. */
    async light(selector) {
        const { body } = await this.get(`/v1/lights/${encodeURIComponent(selector)}`);
        assert.equal(body.length, 1);
        return body[0];
    }
}

/** Adds a client and links it; its tokens. The token request is JSON, as LIFX's clients send it. */
export async function linkClient(bridge, name, { scope } = {}) {
    const ran = await bridge.place.runBeside(["client", "add", name, redirectUri, "--json"]);
    assert.equal(ran.code, 0, ran.stderr);
    const { client_secret } = JSON.parse(ran.stdout);
    const query = new URLSearchParams({ client_id: name, response_type: "code", redirect_uri: redirectUri, state: "s", ...(scope && { scope }) });
    const page = await new Browser().consent(`${bridge.publicUrl}/oauth/authorize?${query}`);
    assert.equal(page.status, 303, page.html);
    const code = new URL(page.headers.get("location")).searchParams.get("code");
    const response = await fetch(`${bridge.publicUrl}/oauth/token`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ grant_type: "authorization_code", client_id: name, client_secret, code, redirect_uri: redirectUri }),
    });
    const tokens = await response.json();
    assert.equal(response.status, 200, JSON.stringify(tokens));
    return { ...tokens, client_secret };
}

/** Listens to /v1/events; `events` fills up. */
export class Listener {
    constructor(t, bridge, token, { last, agent } = {}) {
        this.events = [];
        this.text = "";
        this.open = true;
        const headers = { authorization: `Bearer ${token}`, ...(last && { "last-event-id": last }) };
        this.asked = request(`${bridge.publicUrl}/v1/events`, { headers, agent: agent ?? false }, (response) => {
            this.status = response.statusCode;
            this.response = response;
            response.setEncoding("utf8");
            response.on("data", (data) => this.take(data));
            response.on("close", () => (this.open = false));
            response.on("error", () => {});
        });
        this.asked.on("error", () => (this.open = false));
        this.asked.end();
        t.after(() => this.close());
    }

    take(data) {
        this.text += data;
        for (let end; (end = this.text.indexOf("\n\n")) >= 0; this.text = this.text.slice(end + 2)) {
            const event = {};
            for (const line of this.text.slice(0, end).split("\n")) {
                const colon = line.indexOf(":");
                event[line.slice(0, colon) || "comment"] = line.slice(colon + 1).trimStart();
            }
            if (event.data !== undefined) {
                event.data = JSON.parse(event.data);
                this.last = event.id;
                this.events.push(event);
                this.heard?.(event);
            }
        }
    }

    until(what, probe, seconds) {
        return until(`an event: ${what}`, () => this.events.find(probe), seconds);
    }

    close() {
        this.asked.destroy();
    }
}
