/* OAuth clients: those of the configuration, and those that were added. Secrets are kept and compared as hashes, so
   that neither length nor content shows in the time it takes. */
#include "oauth/oauth_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"

#define ID_MAX 64u
#define DISPLAY_NAME_MAX 100u
#define SECRET_SIZE 32u /* random bytes */

static const char *const no_redirects[] = {NULL};

/* ---- the table ---- */

void clients_put(struct oauth *oauth, struct oauth_client *client)
{
    oauth->clients = mem_grow(oauth->clients, oauth->client_count + 1, sizeof(struct oauth_client *));
    oauth->clients[oauth->client_count++] = client;
}

void clients_load(struct oauth *oauth, const struct oauth_config *config)
{
    for (size_t i = 0; i < config->client_count; i++) {
        const struct oauth_client_config *from = &config->clients[i];
        struct oauth_client *client = mem_alloc(sizeof *client);
        client->id = from->id;
        client->name = from->display_name ? from->display_name : from->id;
        client->redirects = from->redirect_uris ? from->redirect_uris : no_redirects;
        client->send_iss = from->send_iss;
        client->webhook = from->webhook;
        client->smartapp = from->smartapp;
        client->configured = true;
        client->scopes = SCOPE_ALL;
        client->has_secret = from->secret != NULL;
        if (from->secret) {
            secrets_sha256(client->secret_hash, from->secret, strlen(from->secret));
        }
        clients_put(oauth, client);
    }
}

struct oauth_client *clients_new(const char *id, const char *name, const char *redirect_uris, const char *scopes)
{
    struct oauth_client *client = mem_alloc(sizeof *client);
    size_t count = 0;
    bool good = id && *id && redirect_uris && scopes && scope_parse(scopes, &client->scopes) == 0;
    client->id = client->memory[0] = mem_text(id);
    client->memory[1] = mem_text(name);
    client->name = name ? client->memory[1] : client->id;
    for (const char *at = redirect_uris; good && *at && count < OAUTH_MAX_REDIRECTS; count++) {
        size_t len = strcspn(at, " ");
        client->list[count] = client->memory[2 + count] = mem_text_n(at, len);
        at += len + (at[len] == ' ');
        good = count + 1 < OAUTH_MAX_REDIRECTS || !*at;
    }
    client->redirects = client->list;
    if (!good) {
        clients_free(client);
        return NULL;
    }
    return client;
}

void clients_free(struct oauth_client *client)
{
    if (client) {
        for (size_t i = 0; i < sizeof client->memory / sizeof client->memory[0]; i++) {
            free(client->memory[i]);
        }
        secrets_wipe(client->secret_hash, sizeof client->secret_hash);
        free(client);
    }
}

void clients_done(struct oauth *oauth)
{
    for (size_t i = 0; i < oauth->client_count; i++) {
        clients_free(oauth->clients[i]);
    }
    free(oauth->clients);
}

void clients_load_callback(struct oauth *oauth, const struct oauth_config *config)
{
    oauth->callback_id = config->callback_id;
    oauth->has_callback_secret = config->callback_secret != NULL;
    if (config->callback_secret) {
        secrets_sha256(oauth->callback_secret_hash, config->callback_secret, strlen(config->callback_secret));
    }
}

const struct oauth_client *oauth_client_find(const struct oauth *oauth, const char *id)
{
    for (size_t i = 0; i < oauth->client_count; i++) { /* the configuration's come first, and win */
        if (!oauth->clients[i]->removed && strcmp(oauth->clients[i]->id, id) == 0) {
            return oauth->clients[i];
        }
    }
    return NULL;
}

const struct oauth_client *oauth_client_at(const struct oauth *oauth, size_t index)
{
    for (size_t i = 0; i < oauth->client_count; i++) {
        if (!oauth->clients[i]->removed && index-- == 0) {
            return oauth->clients[i];
        }
    }
    return NULL;
}

const char *oauth_client_id(const struct oauth_client *client)
{
    return client->id;
}

const char *oauth_client_name(const struct oauth_client *client)
{
    return client->name;
}

bool oauth_client_redirect_ok(const struct oauth_client *client, const char *redirect_uri)
{
    for (const char *const *uri = client->redirects; *uri; uri++) {
        if (strcmp(*uri, redirect_uri) == 0) {
            return true;
        }
    }
    return false;
}

const char *const *oauth_client_redirects(const struct oauth_client *client)
{
    return client->redirects;
}

bool oauth_client_sends_iss(const struct oauth_client *client)
{
    return client->send_iss;
}

bool oauth_client_webhook(const struct oauth_client *client)
{
    return client->webhook;
}

bool oauth_client_smartapp(const struct oauth_client *client)
{
    return client->smartapp;
}

bool oauth_client_has_secret(const struct oauth_client *client)
{
    return client->has_secret;
}

bool oauth_client_public(const struct oauth_client *client)
{
    return client->is_public;
}

bool oauth_client_configured(const struct oauth_client *client)
{
    return client->configured;
}

unsigned oauth_client_scopes(const struct oauth_client *client)
{
    return client->scopes;
}

int64_t oauth_client_created_ms(const struct oauth_client *client)
{
    return client->created_ms;
}

/* What SmartThings sends as scope is whatever was typed into its console when the connector was registered, "devices"
   or nothing at all: it is free text, refusing it would only be one more way for linking to fail, and a link that could
   not drive lights would be none. So it gets both scopes, and its own words back. */
int oauth_client_scope(const struct oauth_client *client, const char *scope, const char **ret_text)
{
    unsigned scopes = client->scopes;
    if (client->webhook) {
        *ret_text = scope ? scope : "";
        return 0;
    }
    if (scope && (scope_parse(scope, &scopes) != 0 || (scopes & ~client->scopes))) {
        return ERR_INVALID;
    }
    *ret_text = scope_text(scopes);
    return 0;
}

int oauth_client_authenticate(const struct oauth *oauth, const char *id, const char *secret,
                              const struct oauth_client **ret_client)
{
    const struct oauth_client *client = oauth_client_find(oauth, id);
    uint8_t hash[SECRETS_SHA256_SIZE];
    secret = secret ? secret : "";
    secrets_sha256(hash, secret, strlen(secret));
    if (!client) { /* one that was added is not known while the store cannot be read */
        int trouble = oauth_store_trouble(oauth);
        return trouble != 0 ? trouble : ERR_DENIED;
    }
    if (client->is_public && !*secret) {
        *ret_client = client;
        return 0;
    }
    if (!client->has_secret) {
        log_warn("oauth", "client %s presented a secret, but the bridge has none for it", client->id);
        return ERR_DENIED;
    }
    if (!secrets_equal(hash, client->secret_hash, sizeof hash)) {
        return ERR_DENIED;
    }
    *ret_client = client;
    return 0;
}

bool oauth_is_callback_pair(const struct oauth *oauth, const char *id, const char *secret)
{
    uint8_t hash[SECRETS_SHA256_SIZE];
    if (id && oauth->callback_id && strcmp(id, oauth->callback_id) == 0 && !oauth_client_find(oauth, id)) {
        return true;
    }
    secrets_sha256(hash, secret ? secret : "", secret ? strlen(secret) : 0);
    return secret && oauth->has_callback_secret && secrets_equal(hash, oauth->callback_secret_hash, sizeof hash);
}

bool oauth_is_secret(const struct oauth *oauth, const char *text)
{
    uint8_t hash[SECRETS_SHA256_SIZE];
    bool is_one = false;
    secrets_sha256(hash, text ? text : "", text ? strlen(text) : 0);
    for (size_t i = 0; i < oauth->client_count; i++) {
        const struct oauth_client *client = oauth->clients[i];
        is_one |= client->has_secret && secrets_equal(hash, client->secret_hash, sizeof hash);
    }
    is_one |= oauth->has_callback_secret && secrets_equal(hash, oauth->callback_secret_hash, sizeof hash);
    return text && is_one;
}

/* ---- adding and removing ---- */

/* RFC 6749 3.1.2: absolute, without a fragment. Plain http is for programs on the person's own machine (RFC 8252 7.3).
 */
static const char *redirect_problem(const char *uri)
{
    struct url url;
    if (strchr(uri, '#')) {
        return "a redirect URI has no fragment (#...)";
    }
    if (url_parse(uri, &url) != 0) {
        return "a redirect URI is a whole URL; right would be https://app.example.org/callback";
    }
    bool loopback =
        strcmp(url.host, "127.0.0.1") == 0 || strcmp(url.host, "::1") == 0 || strcmp(url.host, "localhost") == 0;
    if (strcmp(url.scheme, "https") != 0 && !(loopback && strcmp(url.scheme, "http") == 0)) {
        return "a redirect URI begins with https://, or with http:// where it leads to 127.0.0.1, [::1] or localhost";
    }
    return NULL;
}

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static const char *new_problem(const struct oauth_new_client *from)
{
    static const char id_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    unsigned scopes;
    size_t len = strlen(from->id);
    if (len == 0 || len > ID_MAX || strspn(from->id, id_letters) != len) {
        return "a client's id has 1 to 64 letters A-Z, digits and the characters . _ -";
    }
    if (from->name && (!*from->name || strlen(from->name) > DISPLAY_NAME_MAX || !is_printable(from->name))) {
        return "a client's name has 1 to 100 bytes and no control characters";
    }
    if (from->redirect_count == 0 || from->redirect_count > OAUTH_MAX_REDIRECTS) {
        return "a client has 1 to 8 redirect URIs";
    }
    for (size_t i = 0; i < from->redirect_count; i++) {
        const char *problem = redirect_problem(from->redirect_uris[i]);
        if (problem) {
            return problem;
        }
    }
    return from->scope && scope_parse(from->scope, &scopes) != 0
               ? "the scopes are devices:read and devices:control, one or both with a space between them"
               : NULL;
}

struct client_write {
    struct job job;
    struct oauth_client *client; /* not in the table yet; NULL: it is removed */
    char *secret;
    int64_t at_ms;
    bool ends_links;
    struct oauth_client *old;
    oauth_client_fn *added;
    oauth_done_fn *removed;
    void *user;
};

static void client_written(struct job *job, int result)
{
    struct client_write *write = (struct client_write *)job;
    struct oauth_client *client = write->client;
    write->client = NULL;
    if (result != 0) {
        clients_free(client);
    } else {
        clients_put(job->oauth, client);
        log_info("oauth", "client %s was added", client->id);
    }
    write->added(write->user, result, result == 0 ? write->secret : NULL);
    if (write->secret) {
        secrets_wipe(write->secret, strlen(write->secret));
    }
    free(write->secret);
}

static size_t count_stored(const struct oauth *oauth)
{
    size_t count = 0;
    for (size_t i = 0; i < oauth->client_count; i++) {
        count += !oauth->clients[i]->removed && !oauth->clients[i]->configured;
    }
    return count;
}

static struct oauth_client *make(const struct oauth_new_client *from)
{
    struct str uris = STR_INIT;
    for (size_t i = 0; i < from->redirect_count; i++) {
        str_printf(&uris, "%s%s", i > 0 ? " " : "", from->redirect_uris[i]);
    }
    struct oauth_client *client =
        clients_new(from->id, from->name, str_z(&uris), from->scope ? from->scope : scope_text(SCOPE_ALL));
    str_done(&uris);
    client->is_public = from->is_public;
    client->send_iss = from->send_iss;
    client->has_secret = !from->is_public;
    return client;
}

int oauth_client_add(struct oauth *oauth, const struct oauth_new_client *from, oauth_client_fn *done, void *user,
                     struct str *why)
{
    const char *problem = new_problem(from);
    int trouble = oauth_store_trouble(oauth);
    if (problem) {
        str_add_z(why, problem);
        return ERR_INVALID;
    }
    if (trouble != 0 || oauth_client_find(oauth, from->id) || count_stored(oauth) >= OAUTH_MAX_CLIENTS) {
        done(user, trouble != 0 ? trouble : oauth_client_find(oauth, from->id) ? ERR_EXISTS : ERR_TOO_LARGE, NULL);
        return 0;
    }
    struct client_write *write = mem_alloc(sizeof *write);
    write->job.done = client_written;
    write->client = make(from);
    write->client->created_ms = oauth_now(oauth);
    write->added = done;
    write->user = user;
    if (!from->is_public) {
        struct str secret = STR_INIT;
        secrets_random_text(&secret, SECRET_SIZE);
        secrets_sha256(write->client->secret_hash, secret.data, secret.len);
        write->secret = str_take(&secret);
    }
    struct store_batch *batch = store_batch_new();
    rows_add_client(batch, write->client);
    oauth_submit(oauth, &write->job, batch);
    return 0;
}

static const char removed_reason[] = "its client was removed";

static void client_removed(struct job *job, int result)
{
    struct client_write *write = (struct client_write *)job;
    if (result == 0 && !write->old->removed) {
        write->old->removed = true;
        log_info("oauth", "client %s was removed", write->old->id);
        for (struct oauth_link *link = NULL; write->ends_links && (link = oauth_link_next(job->oauth, link)) != NULL;) {
            if (oauth_link_alive(link) && strcmp(link->client_id, write->old->id) == 0) {
                links_ended(job->oauth, link, write->at_ms, removed_reason);
            }
        }
    }
    write->removed(write->user, result);
}

void oauth_client_remove(struct oauth *oauth, const char *id, oauth_done_fn *done, void *user)
{
    const struct oauth_client *known = oauth_client_find(oauth, id);
    struct oauth_client *old = NULL;
    for (size_t i = 0; i < oauth->client_count; i++) {
        struct oauth_client *client = oauth->clients[i];
        old = !client->removed && !client->configured && strcmp(client->id, id) == 0 ? client : old;
    }
    if (!old) {
        int trouble = oauth_store_trouble(oauth);
        done(user, known ? ERR_DENIED : trouble != 0 ? trouble : ERR_NOT_FOUND);
        return;
    }
    struct client_write *write = mem_alloc(sizeof *write);
    write->job.done = client_removed;
    write->old = old;
    write->at_ms = oauth_now(oauth);
    write->ends_links = known == old; /* or the links are those of the configuration's client of the same name */
    write->removed = done;
    write->user = user;
    struct store_batch *batch = store_batch_new();
    rows_remove_client(batch, id, write->at_ms, write->ends_links ? removed_reason : NULL);
    oauth_submit(oauth, &write->job, batch);
}
