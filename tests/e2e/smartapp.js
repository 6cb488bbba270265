// SmartThings as a webhook SmartApp sees it: it signs its calls (http-signature), hands out its key, and has a REST API.
import { createHash, generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, request } from "node:http";
import httpSignature from "http-signature";
import sshpk from "sshpk";

export const appId = "0a1b2c3d-aaaa-bbbb-cccc-000000000001";
export const installedAppId = "0a1b2c3d-aaaa-bbbb-cccc-000000000002";
export const locationId = "0a1b2c3d-aaaa-bbbb-cccc-000000000003";
export const kinds = ["color_temperature_and_color", "color", "color_temperature", "dimmer", "switch"];
export const profiles = Object.fromEntries(kinds.map((kind, i) => [kind, `0a1b2c3d-aaaa-bbbb-cccc-10000000000${i}`]));

/** A key pair with the certificate that the key host hands out for it. */
export function newKey() {
    const { privateKey: pem } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
        privateKeyEncoding: { type: "pkcs1", format: "pem" },
        publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const owner = sshpk.identityForHost("key.test");
    const certificate = sshpk.createSelfSignedCertificate(owner, sshpk.parsePrivateKey(pem, "pem"), { lifetime: 86400 });
    return { pem, certificate: certificate.toBuffer("pem").toString() };
}

export class SmartThings {
    static async start(t) {
        const st = new SmartThings();
        st.server = createServer((req, res) => st.answer(req, res));
        st.server.listen(0, "127.0.0.1");
        await once(st.server, "listening");
        st.url = `http://127.0.0.1:${st.server.address().port}`;
        t.after(() => {
            st.server.closeAllConnections();
            st.server.close();
        });
        return st;
    }

    constructor() {
        this.requests = []; // {method, path, headers, body}
        this.devices = new Map();
        this.keyId = "/pl/useast1/1a-2b-3c";
        this.rotate();
        this.faults = []; // {match, answer(req, res)}, each once
        this.tokens = { access: "st-access-1", refresh: "st-refresh-1" };
        this.generation = 1;
        this.confirmed = [];
        this.profiles = [];
        this.app = {}; // GET /apps/{id}
    }

    /** A new key under the same id. */
    rotate() {
        this.key = newKey();
        return this.key;
    }

    /** Configuration of a bridge that belongs to this SmartThings. */
    config(more = {}) {
        return {
            callback_hosts: ["127.0.0.1", "smartthings.com"],
            smartapp: {
                app_id: appId,
                client_id: "st-client",
                client_secret_file: "smartthings.secret",
                api_url: this.url,
                key_url: this.url,
                profiles,
                provider: { redirect_uri: `${this.url}/oauth/callback` },
                ...more,
            },
        };
    }

    /** Asks the SmartApp, signed as SmartThings does. `change` may spoil what was signed: {body, path, headers, key, keyId}. */
    async call(bridge, document, change = {}) {
        const body = JSON.stringify(document);
        const path = "/smartthings/smartapp";
        const digest = `SHA256=${createHash("sha256").update(body).digest("base64")}`;
        const date = (change.date ?? new Date()).toUTCString().replace("GMT", change.zone ?? "UTC");
        const headers = { host: `127.0.0.1:${bridge.publicPort}`, "content-type": "application/json", digest, date };
        const signed = fakeRequest("POST", change.signedPath ?? path, headers);
        httpSignature.sign(signed, {
            key: (change.key ?? this.key).pem,
            keyId: change.keyId ?? this.keyId,
            algorithm: "rsa-sha256",
            headers: change.covered ?? ["(request-target)", "digest", "date"],
        });
        const all = { ...headers, ...(change.unsigned ? {} : { authorization: signed.getHeader("Authorization") }), ...change.headers };
        return send(bridge.publicPort, change.path ?? path, all, change.body ?? body);
    }

    async lifecycle(bridge, lifecycle, data, change) {
        const key = { OAUTH_CALLBACK: "oAuthCallbackData" }[lifecycle] ?? `${lifecycle.toLowerCase()}Data`;
        const document = { lifecycle, executionId: randomUUID(), appId, locale: "en-US", version: "1.0.0", settings: {}, [key]: data };
        return this.call(bridge, document, change);
    }

    page(bridge, pageId = "login", phase = "PAGE") {
        return this.lifecycle(bridge, "CONFIGURATION", { installedAppId, phase, pageId, previousPageId: "", config: {} });
    }

    installedApp(lights) {
        const entries = lights.map((value) => ({ valueType: "STRING", stringConfig: { value } }));
        return { installedAppId, locationId, config: { lights: entries }, permissions: [] };
    }

    install(bridge, lights, lifecycle = "INSTALL") {
        const { access, refresh } = this.tokens;
        return this.lifecycle(bridge, lifecycle, { authToken: access, refreshToken: refresh, installedApp: this.installedApp(lights) });
    }

    events(bridge, ...events) {
        const installedApp = { installedAppId, locationId, config: {}, permissions: [] };
        return this.lifecycle(bridge, "EVENT", { authToken: "short-lived", installedApp, events });
    }

    command(bridge, deviceId, ...commands) {
        const list = commands.map(([capability, command, ...args]) => ({ componentId: "main", capability, command, arguments: args }));
        const event = { eventId: randomUUID(), deviceId, profileId: "p", externalId: this.devices.get(deviceId)?.app.externalId, commands: list };
        return this.events(bridge, { eventTime: new Date().toISOString(), eventType: "DEVICE_COMMANDS_EVENT", deviceCommandsEvent: event });
    }

    of(method, pattern) {
        return this.requests.filter((r) => r.method === method && pattern.test(r.path));
    }

    async answer(req, res) {
        let body = "";
        for await (const chunk of req) {
            body += chunk;
        }
        const seen = { method: req.method, path: req.url, headers: req.headers, body, at: Date.now() };
        this.requests.push(seen);
        const fault = this.faults.findIndex((f) => f.method === req.method && f.match.test(req.url));
        if (fault >= 0) {
            return this.faults.splice(fault, 1)[0].answer(req, res, seen);
        }
        if (req.url.startsWith("/pl/")) {
            return req.url === this.keyId ? reply(res, 200, this.key.certificate, "application/x-pem-file") : reply(res, 404, "");
        }
        if (req.url.startsWith("/confirm")) {
            this.confirmed.push(req.url);
            return reply(res, 200, "{}");
        }
        if (req.url === "/oauth/token") {
            return this.token(new URLSearchParams(body), res);
        }
        if (req.headers.authorization !== `Bearer ${this.tokens.access}`) {
            return reply(res, 401, JSON.stringify({ requestId: "r" }));
        }
        return this.api(seen, res);
    }

    token(form, res) {
        if (form.get("refresh_token") !== this.tokens.refresh) {
            return reply(res, 400, JSON.stringify({ error: "invalid_grant" }));
        }
        this.generation++;
        this.tokens = { access: `st-access-${this.generation}`, refresh: `st-refresh-${this.generation}` };
        return reply(res, 200, JSON.stringify({ access_token: this.tokens.access, refresh_token: this.tokens.refresh, token_type: "bearer", expires_in: 86399, scope: "i:deviceprofiles", installed_app_id: installedAppId }));
    }

    api({ method, path, body }, res) {
        const url = new URL(path, this.url);
        if (url.pathname === "/deviceprofiles") {
            if (method === "GET") {
                return reply(res, 200, JSON.stringify({ items: this.profiles }));
            }
            const profile = { ...JSON.parse(body), id: randomUUID(), status: "DEVELOPMENT" };
            this.profiles.push(profile);
            return reply(res, 200, JSON.stringify(profile));
        }
        if (url.pathname === `/apps/${appId}`) {
            return reply(res, 200, JSON.stringify(this.app));
        }
        if (url.pathname === `/apps/${appId}/register`) {
            this.registered?.();
            return reply(res, 200, "{}");
        }
        const [, id, events] = /^\/devices\/([\w-]+)(\/events)?$/.exec(url.pathname) ?? [];
        if (method === "GET" && url.pathname === "/devices") {
            return reply(res, 200, JSON.stringify({ items: [...this.devices.values()], _links: {} }));
        }
        if (method === "POST" && url.pathname === "/devices") {
            const asked = JSON.parse(body);
            const device = { ...asked, deviceId: randomUUID(), app: { ...asked.app, profile: { id: asked.app.profileId } } };
            this.devices.set(device.deviceId, device);
            return reply(res, 200, JSON.stringify(device));
        }
        if (id && !this.devices.has(id)) {
            return reply(res, 404, "{}");
        }
        if (method === "DELETE" && id) {
            this.devices.delete(id);
        } else if (method === "PUT" && id) {
            Object.assign(this.devices.get(id), JSON.parse(body));
        } else if (method === "POST" && events) {
            const device = this.devices.get(id);
            device.states ??= {};
            for (const { capability, attribute, value } of JSON.parse(body).deviceEvents) {
                device.states[`${capability}.${attribute}`] = value;
            }
        }
        return reply(res, 200, "{}");
    }
}

function reply(res, status, body, type = "application/json", headers = {}) {
    res.writeHead(status, { "content-type": type, ...headers }).end(body);
}
export { reply };

function fakeRequest(method, path, headers) {
    const all = new Map(Object.entries(headers));
    return { method, path, getHeader: (name) => all.get(name.toLowerCase()), setHeader: (name, value) => all.set(name.toLowerCase(), value) , _headers: headers };
}

/** One POST whose headers are exactly these. */
function send(port, path, headers, body) {
    return new Promise((done, failed) => {
        const req = request({ host: "127.0.0.1", port, path, method: "POST", headers: { ...headers, "content-length": Buffer.byteLength(body) }, agent: false }, async (res) => {
            let text = "";
            for await (const chunk of res) {
                text += chunk;
            }
            done({ status: res.statusCode, text, json: text ? JSON.parse(text) : undefined });
        });
        req.on("error", failed);
        req.end(body);
    });
}
