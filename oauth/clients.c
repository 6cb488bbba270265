/* OAuth clients: those of the configuration. Secrets are kept and compared as hashes, so that neither length nor
   content shows in the time it takes. */
#include "oauth/oauth_internal.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

static const char *const no_redirects[] = {NULL};

void clients_load(struct oauth *oauth, const struct oauth_config *config)
{
    oauth->clients = mem_array(config->client_count, sizeof *oauth->clients);
    for (size_t i = 0; i < config->client_count; i++) {
        const struct oauth_client_config *from = &config->clients[i];
        struct oauth_client *client = &oauth->clients[oauth->client_count++];
        client->id = from->id;
        client->name = from->display_name ? from->display_name : from->id;
        client->redirects = from->redirect_uris ? from->redirect_uris : no_redirects;
        client->send_iss = from->send_iss;
        client->webhook = from->webhook;
        client->has_secret = from->secret != NULL;
        if (from->secret) {
            secrets_sha256(client->secret_hash, from->secret, strlen(from->secret));
        } else {
            log_warn("oauth", "client %s has no secret: it cannot obtain tokens", from->id);
        }
    }
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
    for (size_t i = 0; i < oauth->client_count; i++) {
        if (strcmp(oauth->clients[i].id, id) == 0) {
            return &oauth->clients[i];
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

bool oauth_client_has_secret(const struct oauth_client *client)
{
    return client->has_secret;
}

int oauth_client_authenticate(const struct oauth *oauth, const char *id, const char *secret,
                              const struct oauth_client **ret_client)
{
    const struct oauth_client *client = oauth_client_find(oauth, id);
    uint8_t hash[SECRETS_SHA256_SIZE];
    secrets_sha256(hash, secret, strlen(secret));
    if (!client) {
        return ERR_DENIED;
    }
    if (!client->has_secret) {
        log_warn("oauth", "client %s asked for tokens, but the configuration has no secret for it", client->id);
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
        const struct oauth_client *client = &oauth->clients[i];
        is_one |= client->has_secret && secrets_equal(hash, client->secret_hash, sizeof hash);
    }
    is_one |= oauth->has_callback_secret && secrets_equal(hash, oauth->callback_secret_hash, sizeof hash);
    return text && is_one;
}
