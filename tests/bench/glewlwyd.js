// Debian's glewlwyd, an OAuth 2.0 server in C, with its own SQLite database in a folder that goes away: the same grant
// as ours. SQLite's default there is a rollback journal with synchronous=FULL: a token is on the disk before it is sent.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Program, freePort, scratch, until } from "../e2e/harness.js";

const schema = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
const shipped = "/etc/glewlwyd/glewlwyd.conf";
const redirectUri = "https://c2c-eu.smartthings.com/oauth/callback";
const client = { client_id: "smartthings", client_secret: "a-secret-of-the-client" };
const account = { username: "anna", password: "correct horse battery" };

export class Glewlwyd {
    constructor(key, t) {
        Object.assign(this, { key, t });
    }

    async start() {
        if (!existsSync(schema) || !existsSync(shipped)) {
            throw new Error("Debian's glewlwyd is not there (packaging/dependencies)");
        }
        const folder = scratch(this.t);
        this.port = await freePort();
        this.url = `http://localhost:${this.port}/api`;
        const db = join(folder, "glewlwyd.db");
        const made = spawnSync("sqlite3", [db], { input: readFileSync(schema) });
        if (made.status !== 0) {
            throw new Error(`sqlite3: ${made.error ?? made.stderr}`);
        }
        const config = join(folder, "glewlwyd.conf");
        writeFileSync(
            config,
            readFileSync(shipped, "utf8")
                .replace(/^port=.*$/m, `port=${this.port}`)
                .replace(/^log_level=.*$/m, 'log_level="WARNING"')
                .replace(/^log_file=.*$/m, `log_file=${JSON.stringify(join(folder, "glewlwyd.log"))}`)
                .replace(/^external_url=.*$/m, `external_url="http://localhost:${this.port}/"`)
                .replace(/^@include .*$/m, `database = { type = "sqlite3"; path = ${JSON.stringify(db)}; };`),
        );
        this.program = new Program(this.t, "glewlwyd", "glewlwyd", [`--config-file=${config}`], { folder });
        await until("glewlwyd to answer", async () => (await fetch(`${this.url.slice(0, -4)}/config`)).ok, 20);
        await this.#configure();
    }

    get pid() {
        return this.program.pid;
    }

    async #ask(method, path, body, cookie) {
        const response = await fetch(`${this.url}${path}`, {
            method,
            redirect: "manual",
            headers: { "content-type": "application/json", ...(cookie ? { cookie } : {}) },
            body: body && JSON.stringify(body),
        });
        if (response.status >= 400) {
            throw new Error(`glewlwyd: ${method} ${path}: ${response.status} ${await response.text()}`);
        }
        return response;
    }

    async #logIn(who) {
        const response = await this.#ask("POST", "/auth/", who);
        return response.headers.getSetCookie()[0].split(";")[0];
    }

    async #configure() {
        const admin = await this.#logIn({ username: "admin", password: "password" });
        const add = (path, body) => this.#ask("POST", path, body, admin);
        await add("/scope/", { name: "devices", display_name: "devices", password_required: true, scheme: {} });
        await add("/user/", { ...account, name: "Anna", enabled: true, scope: ["devices"] });
        await add("/client/", {
            client_id: client.client_id,
            name: "SmartThings",
           
            confidential: true,
            password: client.client_secret,
            enabled: true,
            authorization_type: ["code", "refresh_token"],
            redirect_uri: [redirectUri],
            scope: ["devices"],
        });
        await add("/mod/plugin/", {
            module: "oauth2-glewlwyd",
            name: "oauth",
            display_name: "oauth",
            parameters: {
                "jwt-type": "sha",
                "jwt-key-size": "256",
                key: "a shared secret of some length, for the benchmark",
                "access-token-duration": 86400,
                "refresh-token-duration": 1209600,
                "code-duration": 600,
                "refresh-token-rolling": false,
                "auth-type-code-enabled": true,
                "auth-type-code-revoke-replayed": false,
                "auth-type-implicit-enabled": false,
                "auth-type-password-enabled": false,
                "auth-type-client-enabled": false,
                "auth-type-device-enabled": false,
                "auth-type-refresh-enabled": true,
                "pkce-allowed": false,
                scope: [],
            },
        });
    }

    /** The person's part of one link, from the password to the code. */
    async code() {
        const cookie = await this.#logIn(account);
        await this.#ask("PUT", `/auth/grant/${client.client_id}`, { scope: "devices" }, cookie);
        const query = new URLSearchParams({ response_type: "code", client_id: client.client_id, redirect_uri: redirectUri, scope: "devices", state: "x" });
        const page = await this.#ask("GET", `/oauth/auth?${query}&g_continue`, undefined, cookie);
        const code = new URL(page.headers.get("location")).searchParams.get("code");
        if (!code) {
            throw new Error(`glewlwyd gave no code: ${page.headers.get("location")}`);
        }
        return code;
    }

    tokenPath = "/api/oauth/token";
    basic = `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString("base64")}`;
    redeemBody = (code) => new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: redirectUri }).toString();
    refreshBody = (refresh_token) => new URLSearchParams({ grant_type: "refresh_token", refresh_token }).toString();
}
