/* The keys that SmartThings signs with: fetched from its key host, cached, and fetched again where a signature does not
   fit, because keys rotate. And signatures that were here before. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "fetch/certificate.h"
#include "smartthings/rules.h"
#include "smartthings/smartapp_internal.h"

#define KEYS_MAX 16u
#define KEY_LIFE_MS (24u * 60 * 60 * 1000)
#define KEY_AGAIN_MS 60000u /* no key is asked for more often, whoever signs with what */
#define KEY_TIMEOUT_MS 5000u
#define WAITING_MAX 64u
#define SEEN_MAX 8192u
#define SEEN_MS (2u * SIGNATURE_SKEW_MS) /* a date from the future counts twice as long */
#define SEEN_SIZE 16

struct waiting {
    struct waiting *next;
    struct signature signature;
    struct str text, without_query;
    keys_done_fn *done;
    void *user;
};

struct key {
    char id[SIGNATURE_KEY_ID_MAX + 1];
    struct certificate *certificate; /* NULL: there was none */
    enum signature_step problem;     /* then why */
    struct str why;
    uint64_t fetched_at; /* 0: never */
    struct fetch_call *call;
    struct waiting *waiting; /* for the call */
    struct keys *keys;
    uint64_t used_at;
};

/* A signature that was honoured; forgotten when its date has become too old to be honoured again. */
struct seen {
    uint8_t tag[SEEN_SIZE];
    uint64_t until;
};

struct keys {
    struct loop *loop;
    struct fetch *fetch;
    const char *url;
    const char *const *hosts;
    struct key list[KEYS_MAX];
    size_t waiting;
    struct seen *seen;
    size_t seen_count, seen_cap;
    bool freeing;
};

struct keys *keys_new(struct loop *loop, struct fetch *fetch, const char *key_url, const char *const *hosts)
{
    struct keys *keys = mem_alloc(sizeof *keys);
    *keys = (struct keys){.loop = loop, .fetch = fetch, .url = key_url, .hosts = hosts};
    return keys;
}

/* ---- replays ---- */

static void forget_old(struct keys *keys, uint64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < keys->seen_count; i++) {
        if (keys->seen[i].until > now) {
            keys->seen[kept++] = keys->seen[i];
        }
    }
    keys->seen_count = kept;
}

/* Takes the signature: SIGNATURE_OK once. */
static enum signature_step take_once(struct keys *keys, const struct str *text)
{
    struct seen one = {.until = loop_now(keys->loop) + SEEN_MS};
    secrets_tag(one.tag, sizeof one.tag, text->data, text->len, NULL, 0);
    for (size_t i = 0; i < keys->seen_count; i++) {
        if (memcmp(keys->seen[i].tag, one.tag, sizeof one.tag) == 0 && keys->seen[i].until > loop_now(keys->loop)) {
            return SIGNATURE_REPLAY;
        }
    }
    if (keys->seen_count == keys->seen_cap) {
        forget_old(keys, loop_now(keys->loop));
    }
    if (keys->seen_count == SEEN_MAX) {
        return SIGNATURE_BUSY; /* a replay could not be told from now on */
    }
    if (keys->seen_count == keys->seen_cap) {
        keys->seen_cap = keys->seen_cap ? keys->seen_cap * 2 : 64;
        keys->seen = mem_grow(keys->seen, keys->seen_cap, sizeof keys->seen[0]);
    }
    keys->seen[keys->seen_count++] = one;
    return SIGNATURE_OK;
}

/* ---- judging ---- */

static bool fits(const struct key *key, const struct signature *s, const struct str *text)
{
    return text->len > 0 && certificate_verify(key->certificate, text->data, text->len, s->bytes, s->len) == 0;
}

static enum signature_step judge(struct keys *keys, const struct key *key, const struct signature *s,
                                 const struct str *text, const struct str *without_query, const char **ret_why)
{
    int64_t from_ms, until_ms, now_ms = loop_wall_ms();
    if (!key->certificate) {
        *ret_why = str_z(&key->why);
        return key->problem;
    }
    certificate_dates(key->certificate, &from_ms, &until_ms);
    if (now_ms < from_ms || now_ms > until_ms) {
        *ret_why = "the certificate of the key is not valid now: is our clock right?";
        return SIGNATURE_KEY;
    }
    if (!fits(key, s, text) && !fits(key, s, without_query)) {
        *ret_why = "the signature is not that of the key over this request: another key, or the path or a signed "
                   "header was altered on the way (a proxy that rewrites the path?)";
        return SIGNATURE_MISMATCH;
    }
    enum signature_step step = take_once(keys, text);
    *ret_why = step == SIGNATURE_REPLAY ? "this request was here before"
               : step == SIGNATURE_BUSY ? "too many calls"
                                        : "";
    return step;
}

/* ---- fetching ---- */

static void key_forget(struct key *key)
{
    certificate_free(key->certificate);
    str_done(&key->why);
    struct keys *keys = key->keys;
    *key = (struct key){.keys = keys};
}

static struct key *key_find(struct keys *keys, const char *id)
{
    for (size_t i = 0; i < KEYS_MAX; i++) {
        if (strcmp(keys->list[i].id, id) == 0) {
            return &keys->list[i];
        }
    }
    return NULL;
}

/* Strangers' key ids must not push out the key that is used: what was no key goes first, then the one that was used
   longest ago. */
static struct key *key_room(struct keys *keys)
{
    struct key *victim = NULL;
    for (size_t i = 0; i < KEYS_MAX; i++) {
        struct key *key = &keys->list[i];
        if (key->call) {
            continue;
        }
        if (key->id[0] == '\0') {
            return key;
        }
        if (!victim || (!key->certificate && victim->certificate) ||
            (!key->certificate == !victim->certificate && key->used_at < victim->used_at)) {
            victim = key;
        }
    }
    if (victim && !victim->certificate && loop_now(keys->loop) - victim->fetched_at < KEY_AGAIN_MS) {
        return NULL; /* all that came lately was no key: no more are asked for just now */
    }
    if (victim) {
        key_forget(victim);
    }
    return victim;
}

static void answer_waiting(struct key *key)
{
    struct keys *keys = key->keys;
    struct waiting *first = key->waiting;
    key->waiting = NULL;
    while (first) {
        struct waiting *w = first;
        const char *why = "the bridge is stopping";
        first = w->next;
        keys->waiting--;
        enum signature_step step =
            keys->freeing ? SIGNATURE_BUSY : judge(keys, key, &w->signature, &w->text, &w->without_query, &why);
        w->done(w->user, step, why);
        str_done(&w->text);
        str_done(&w->without_query);
        free(w);
    }
}

static void take_answer(struct key *key, const struct fetch_result *result)
{
    struct certificate *certificate = NULL;
    str_clear(&key->why);
    if (result->result != 0 || result->status != 200) {
        key->problem = SIGNATURE_KEY_FETCH;
        str_printf(&key->why, "the key host gave no key (%s, status %d)",
                   result->result != 0 ? result->why : "it answered", result->status);
    } else if (certificate_read(result->body, result->body_len, &certificate) != 0) {
        key->problem = SIGNATURE_KEY;
        str_add_z(&key->why, "what the key host gave is no certificate with an RSA key of 2048 bits or more");
    }
    bool refused = result->result == 0 && (result->status == 404 || result->status == 410 || result->status == 200);
    if (certificate || refused || !key->certificate) { /* a key host that is away takes no key with it */
        certificate_free(key->certificate);
        key->certificate = certificate;
    }
}

static void fetched(void *user, const struct fetch_result *result)
{
    struct key *key = user;
    key->call = NULL;
    key->fetched_at = loop_now(key->keys->loop);
    take_answer(key, result);
    answer_waiting(key);
}

static bool start_fetch(struct keys *keys, struct key *key)
{
    struct str url = STR_INIT;
    unsigned policy = 0;
    str_printf(&url, "%s%s", keys->url, key->id);
    bool allowed = rules_url(str_z(&url), keys->hosts, &policy) == 0;
    if (allowed) {
        key->call = fetch_start(keys->fetch,
                                &(struct fetch_request){.method = "GET",
                                                        .url = str_z(&url),
                                                        .timeout_ms = KEY_TIMEOUT_MS,
                                                        .max_body = CERTIFICATE_MAX,
                                                        .policy = policy},
                                fetched, key);
    } else {
        key->problem = SIGNATURE_KEY_FETCH;
        str_clear(&key->why);
        str_add_z(&key->why, "smartthings.smartapp.key_url is not on the list of smartthings.callback_hosts");
        key->fetched_at = loop_now(keys->loop);
    }
    str_done(&url);
    return allowed;
}

static void wait_for(struct key *key, const struct signature *signature, const struct str *text,
                     const struct str *without_query, keys_done_fn *done, void *user)
{
    struct waiting *w = mem_alloc(sizeof *w);
    *w = (struct waiting){.next = key->waiting, .signature = *signature, .done = done, .user = user};
    str_add(&w->text, text->data, text->len);
    str_add(&w->without_query, without_query->data, without_query->len);
    key->waiting = w;
    key->keys->waiting++;
}

void keys_verify(struct keys *keys, const struct signature *signature, const struct str *text,
                 const struct str *without_query, keys_done_fn *done, void *user)
{
    uint64_t now = loop_now(keys->loop);
    const char *why = "";
    struct key *key = key_find(keys, signature->key_id);
    if (!key && (key = key_room(keys))) {
        key->keys = keys;
        memcpy(key->id, signature->key_id, sizeof key->id);
    }
    if (!key || keys->waiting >= WAITING_MAX) {
        done(user, SIGNATURE_BUSY, "too many keys are asked for at once");
        return;
    }
    key->used_at = now;
    bool known = key->fetched_at != 0, fresh = known && now - key->fetched_at < KEY_AGAIN_MS;
    enum signature_step step = SIGNATURE_KEY;
    if (known && !key->call && (fresh || now - key->fetched_at < KEY_LIFE_MS)) {
        step = judge(keys, key, signature, text, without_query, &why);
        /* It may have rotated: look once more, but not at everybody's call. */
        bool may_be_other = step == SIGNATURE_MISMATCH || step == SIGNATURE_KEY || step == SIGNATURE_KEY_FETCH;
        if (fresh || !may_be_other) {
            done(user, step, why);
            return;
        }
    }
    if (!key->call && !start_fetch(keys, key)) {
        done(user, key->problem, str_z(&key->why));
        return;
    }
    wait_for(key, signature, text, without_query, done, user);
}

void keys_free(struct keys *keys)
{
    if (!keys) {
        return;
    }
    keys->freeing = true;
    for (size_t i = 0; i < KEYS_MAX; i++) {
        fetch_cancel(keys->list[i].call);
        keys->list[i].call = NULL;
        keys->list[i].keys = keys;
        answer_waiting(&keys->list[i]);
        key_forget(&keys->list[i]);
    }
    free(keys->seen);
    free(keys);
}
