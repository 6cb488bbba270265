#include "smartthings/rules.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/url.h"
#include "fetch/fetch.h"
#include "fetch/retry.h"

static bool is_loopback(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "::1", "localhost"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(host, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

int rules_url(const char *text, const char *const *hosts, unsigned *ret_policy)
{
    struct url url;
    if (url_parse(text, &url) != 0) {
        return ERR_INVALID;
    }
    for (; hosts && *hosts; hosts++) {
        if (is_loopback(*hosts)) {
            if (strcmp(url.host, *hosts) == 0 &&
                (strcmp(url.scheme, "http") == 0 || strcmp(url.scheme, "https") == 0)) {
                *ret_policy = FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE;
                return 0;
            }
        } else if (strcmp(url.scheme, "https") == 0 && url_host_under(url.host, *hosts)) {
            *ret_policy = 0;
            return 0;
        }
    }
    return ERR_DENIED;
}

bool rules_rehearsal_origin(const char *origin)
{
    struct url url;
    return url_parse(origin, &url) == 0 && (strcmp(url.scheme, "http") == 0 || strcmp(url.scheme, "https") == 0) &&
           (strcmp(url.host, "127.0.0.1") == 0 || strcmp(url.host, "::1") == 0) && url.port_given && url.port != 0 &&
           strcmp(url.path, "/") == 0;
}

int rules_rehearsal_url(const char *text, const char *origin, unsigned *ret_policy)
{
    struct url url, allowed;
    if (url_parse(text, &url) != 0 || url_parse(origin, &allowed) != 0) {
        return ERR_INVALID;
    }
    if (strcmp(url.scheme, allowed.scheme) != 0 || strcmp(url.host, allowed.host) != 0 || url.port != allowed.port) {
        return ERR_DENIED;
    }
    *ret_policy = FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE;
    return 0;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; text && *list; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

static bool worth_retrying(int status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

static const char *const client_errors[] = {"INVALID-CLIENT", "INVALID-CLIENT-SECRET", "invalid_client", NULL};
static const char *const token_errors[] = {"TOKEN-EXPIRED", "INVALID-TOKEN", "invalid_token", NULL};
static const char *const no_errors[] = {"UNKNOWN-ERROR", NULL}; /* the SDK's word where its user named none */
static const char *const gone_errors[] = {"INTEGRATION-DELETED", NULL};

enum rules_token rules_judge_token(int result, int status, int parsed, const struct schema_answer *answer)
{
    if (result != 0 || worth_retrying(status)) {
        /* ST-NODE answers a globalError with 500: named errors are judged by their name */
        if (result != 0 || parsed != 0 || !answer->error || status == 429) {
            return RULES_TOKEN_RETRY;
        }
    }
    if (parsed == 0 && is_one_of(answer->error, client_errors)) {
        return RULES_TOKEN_CLIENT;
    }
    if (parsed == 0 && is_one_of(answer->error, no_errors)) {
        return RULES_TOKEN_RETRY;
    }
    if (parsed == 0 && answer->error) {
        return status >= 500 && strchr(answer->error, '_') ? RULES_TOKEN_RETRY : RULES_TOKEN_REFUSED;
    }
    if (status >= 200 && status < 300) {
        return parsed == 0 && answer->access_token ? RULES_TOKEN_GOT : RULES_TOKEN_RETRY;
    }
    /* Anything else without a word of SmartThings' own (a proxy's 404, a redirect) is not its refusal. */
    return status == 400 || status == 401 || status == 403 ? RULES_TOKEN_REFUSED : RULES_TOKEN_RETRY;
}

enum rules_post rules_judge_post(int result, int status, const struct schema_answer *answer)
{
    if (result != 0) {
        return RULES_POST_RETRY;
    }
    if (status == 401 || is_one_of(answer->error, token_errors)) {
        return RULES_POST_TOKEN;
    }
    if (is_one_of(answer->error, gone_errors)) {
        return RULES_POST_GONE;
    }
    if (worth_retrying(status) || is_one_of(answer->error, no_errors)) {
        return RULES_POST_RETRY;
    }
    if (answer->error) {
        return RULES_POST_DROP; /* the same again would be refused again */
    }
    if (status >= 200 && status < 300) {
        return RULES_POST_TAKEN;
    }
    /* Without a word of SmartThings' own (a proxy's 404, a redirect) nobody has judged what was said. */
    return status == 400 || status == 413 || status == 422 ? RULES_POST_DROP : RULES_POST_RETRY;
}

uint64_t rules_backoff(unsigned attempt, uint32_t random)
{
    return retry_backoff(attempt, random);
}

uint64_t rules_retry_after(const char *header, int64_t wall_ms)
{
    return retry_after(header, wall_ms);
}

uint64_t rules_refresh_in(int64_t obtained_ms, int64_t expires_ms, int64_t wall_ms)
{
    int64_t life = expires_ms > obtained_ms ? expires_ms - obtained_ms : 0;
    int64_t at = life / 5 * 4 > (int64_t)RULES_RENEW_FLOOR_MS ? life / 5 * 4 : (int64_t)RULES_RENEW_FLOOR_MS;
    int64_t age = wall_ms > obtained_ms ? wall_ms - obtained_ms : 0;
    return at > age ? (uint64_t)(at - age) : 0;
}

uint64_t rules_renew_in(int64_t obtained_ms, int64_t wall_ms, unsigned *early, uint32_t random)
{
    if (wall_ms - obtained_ms >= (int64_t)RULES_RENEW_FLOOR_MS) {
        *early = 0;
        return 0;
    }
    (*early)++;
    return *early == 1 ? 0 : rules_backoff(*early - 1, random);
}
