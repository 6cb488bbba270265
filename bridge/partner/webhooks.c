/* Webhooks: who registered which, kept in the store. Each belongs to the link whose token registered it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"
#include "fetch/address.h"
#include "partner/webhook.h"

#include <arpa/inet.h>

#define WEBHOOKS_MAX 64u
#define WEBHOOKS_OF_LINK 8u

/* ---- rules ---- */

static bool is_loopback(const char *host)
{
    return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

static bool is_listed(const char *const *hosts, const char *host)
{
    for (; hosts && *hosts; hosts++) {
        if (url_host_under(host, *hosts)) {
            return true;
        }
    }
    return false;
}

static bool is_private_address(const char *host)
{
    unsigned char address[16];
    bool literal = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    return literal && address_kind_text(host) != ADDRESS_PUBLIC;
}

int webhook_url(const char *text, const char *const *hosts, struct str *ret_url, unsigned *ret_policy,
                const char **ret_what)
{
    struct url url;
    if (strlen(text) >= URL_MAX || url_parse(text, &url) != 0) {
        *ret_what = "is no URL; right would be https://partner.example/lights";
        return ERR_INVALID;
    }
    bool listed = is_listed(hosts, url.host), http = strcmp(url.scheme, "http") == 0;
    if (strcmp(url.scheme, "https") != 0 && !(http && listed && is_loopback(url.host))) {
        *ret_what = "is not https";
        return ERR_INVALID;
    }
    if (!listed && (is_private_address(url.host) || is_loopback(url.host))) {
        *ret_what = "is a private address; the owner of the bridge may allow hosts by partner.webhook_hosts";
        return ERR_INVALID;
    }
    *ret_policy = listed ? FETCH_ALLOW_PRIVATE | (http ? (unsigned)FETCH_ALLOW_HTTP : 0u) : 0u;
    url_origin(ret_url, &url);
    str_add_z(ret_url, url.path);
    return 0;
}

void webhook_secret(const struct partner *p, const char *id, char ret_secret[WEBHOOK_SECRET_CHARS + 1])
{
    uint8_t tag[32];
    struct str of = STR_INIT, text = STR_INIT;
    str_printf(&of, "webhook secret %s", id);
    secrets_tag(tag, sizeof tag, of.data, of.len, p->config.key, SECRETS_KEY_SIZE);
    secrets_base64url(&text, tag, sizeof tag);
    memcpy(ret_secret, str_z(&text), WEBHOOK_SECRET_CHARS + 1);
    secrets_wipe(tag, sizeof tag);
    secrets_wipe(text.data, text.len);
    str_done(&text);
    str_done(&of);
}

/* ---- the table ---- */

static void webhook_free(struct webhook *w)
{
    if (w) {
        webhook_stop(w);
        str_done(&w->error);
        free(w->url);
        free(w);
    }
}

unsigned webhooks_count(const struct partner *p)
{
    unsigned count = 0;
    for (const struct webhook *w = p->webhooks; w; w = w->next) {
        count++;
    }
    return count;
}

static unsigned count_of(const struct partner *p, const struct oauth_link *link)
{
    unsigned count = 0;
    for (const struct webhook *w = p->webhooks; w; w = w->next) {
        count += w->link == link;
    }
    return count;
}

static void put(struct partner *p, struct webhook *w)
{
    struct webhook **at = &p->webhooks;
    while (*at) {
        at = &(*at)->next;
    }
    *at = w;
}

static void drop(struct partner *p, struct webhook *gone)
{
    for (struct webhook **at = &p->webhooks; *at; at = &(*at)->next) {
        if (*at == gone) {
            *at = gone->next;
            webhook_free(gone);
            return;
        }
    }
}

/* ---- the store ---- */

static void delete_row(struct partner *p, const char *id)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "DELETE FROM webhooks WHERE id = ?1", "t", id);
    store_submit(p->store, batch, NULL, NULL);
}

static int load_row(void *user, const struct store_row *row)
{
    struct partner *p = user;
    const char *id = store_row_text(row, 0), *link_id = store_row_text(row, 1), *url = store_row_text(row, 2);
    struct oauth_link *link = link_id ? oauth_link_find(p->oauth, link_id) : NULL;
    struct str spelled = STR_INIT;
    const char *what = NULL;
    struct webhook *w = mem_alloc(sizeof *w);
    *w = (struct webhook){.partner = p,
                          .link = link,
                          .created_ms = store_row_int(row, 3),
                          .failing_ms = store_row_int(row, 4),
                          .disabled = store_row_int(row, 5) != 0};
    bool readable = id && strlen(id) == WEBHOOK_ID_CHARS && url;
    if (readable && webhook_url(url, p->config.webhook_hosts, &spelled, &w->policy, &what) != 0) {
        log_warn(LOG, "webhook %s is disabled: %s %s", id, url, what);
        w->disabled = true;
        str_add_z(&spelled, url);
        str_add_z(&w->error, what);
    }
    if (readable) {
        memcpy(w->id, id, sizeof w->id);
        w->url = str_take(&spelled);
        put(p, w);
    } else {
        log_warn(LOG, "a stored webhook that cannot be read is left out");
        webhook_free(w);
    }
    str_done(&spelled);
    return 0;
}

int webhooks_load(struct partner *p)
{
    int err = store_read(p->store,
                         "SELECT id, link, url, created_at, failing_since, disabled FROM webhooks ORDER BY "
                         "created_at, id",
                         load_row, p, "");
    for (struct webhook *w = p->webhooks, *next; w; w = next) {
        next = w->next;
        if (w->link && oauth_link_alive(w->link)) {
            webhook_touch_all(w);
        } else { /* its link ended, and nobody was there to see it */
            if (oauth_trouble(p->oauth) == 0) {
                delete_row(p, w->id);
            }
            drop(p, w);
        }
    }
    return err;
}

void webhooks_free(struct partner *p)
{
    while (p->webhooks) {
        struct webhook *w = p->webhooks;
        p->webhooks = w->next;
        webhook_free(w);
    }
}

void webhook_save(struct webhook *w)
{
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "UPDATE webhooks SET failing_since = ?2, disabled = ?3 WHERE id = ?1", "tii", w->id,
                    w->failing_ms, (int64_t)w->disabled);
    store_submit(w->partner->store, batch, NULL, NULL);
}

void webhooks_link_ended(struct partner *p, const struct oauth_link *link)
{
    for (struct webhook *w = p->webhooks, *next; w; w = next) {
        next = w->next;
        if (w->link == link) {
            delete_row(p, w->id);
            drop(p, w);
        }
    }
}

void webhooks_hear(struct partner *p, const struct hub_event *event)
{
    struct light_info info;
    bool listing = event->kind == HUB_EVENT_LISTED || event->kind == HUB_EVENT_REMOVED;
    if (!p->webhooks || event->kind == HUB_EVENT_FAILED) {
        return;
    }
    hub_light_info(event->light, &info);
    if (listing || lifx_shown(&info)) {
        for (struct webhook *w = p->webhooks; w; w = w->next) {
            webhook_touch(w, hub_light_number(event->light));
        }
    }
}

/* ---- requests ---- */

static void seconds_or_null(struct json_out *j, const char *key, int64_t ms)
{
    json_put_key(j, key);
    if (ms > 0) {
        json_put_int(j, ms / 1000);
    } else {
        json_put_null(j);
    }
}

static void write_webhook(struct json_out *j, const struct webhook *w, const char *secret)
{
    json_begin_object(j);
    json_member_text(j, "id", w->id);
    json_member_text(j, "url", w->url);
    json_member_text(j, "state", w->disabled ? "disabled" : w->failing_ms ? "failing" : "active");
    json_member_int(j, "created_at", w->created_ms / 1000);
    seconds_or_null(j, "failing_since", w->failing_ms);
    seconds_or_null(j, "delivered_at", w->delivered_ms);
    json_member_text(j, "last_error", w->error.len > 0 ? str_z(&w->error) : NULL);
    if (secret) {
        json_member_text(j, "secret", secret);
    }
    json_end_object(j);
}

void partner_webhooks(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    struct str body = STR_INIT;
    struct json_out j;
    if (!request_begins(p, x)) {
        return;
    }
    json_out_init(&j, &body);
    json_begin_array(&j);
    for (const struct webhook *w = p->webhooks; w; w = w->next) {
        if (w->link == http_caller(x)) {
            write_webhook(&j, w, NULL);
        }
    }
    json_end_array(&j);
    answer_json(x, 200, &body);
}

/* A write on its way. */
struct webhook_write {
    struct waiting waiting;
    struct webhook *webhook; /* to be added; NULL: `id` is to be removed */
    char id[WEBHOOK_ID_CHARS + 1];
};

static void added(struct webhook_write *w, struct partner *p)
{
    struct str body = STR_INIT;
    struct json_out j;
    char secret[WEBHOOK_SECRET_CHARS + 1];
    webhook_secret(p, w->webhook->id, secret);
    json_out_init(&j, &body);
    write_webhook(&j, w->webhook, secret);
    if (oauth_link_alive(w->webhook->link)) {
        put(p, w->webhook);
        webhook_touch_all(w->webhook);
    } else { /* it ended meanwhile */
        delete_row(p, w->webhook->id);
        webhook_free(w->webhook);
    }
    w->webhook = NULL;
    secrets_wipe(secret, sizeof secret);
    answer_json(w->waiting.x, 201, &body);
}

static struct webhook *find(const struct partner *p, const char *id, const struct oauth_link *link)
{
    struct webhook *w = p->webhooks;
    while (w && (strcmp(w->id, id) != 0 || (link && w->link != link))) {
        w = w->next;
    }
    return w;
}

static void wrote(void *user, int result)
{
    struct webhook_write *w = user;
    struct partner *p = w->waiting.partner;
    if (p && result != 0) {
        answer_store_trouble(w->waiting.x, result);
    } else if (p && w->webhook) {
        added(w, p);
    } else if (p) {
        drop(p, find(p, w->id, NULL));
        http_answer(w->waiting.x, 204, NULL, NULL);
    }
    wait_ends(&w->waiting);
    webhook_free(w->webhook);
    free(w);
}

static void store_webhook(struct partner *p, struct http_exchange *x, struct str *url, unsigned policy)
{
    struct webhook_write *write = mem_alloc(sizeof *write);
    struct webhook *w = mem_alloc(sizeof *w);
    struct store_batch *batch = store_batch_new();
    struct oauth_link_info info;
    struct str id = STR_INIT;
    secrets_random_text(&id, 12);
    *w = (struct webhook){
        .partner = p, .link = http_caller(x), .url = str_take(url), .policy = policy, .created_ms = loop_wall_ms()};
    memcpy(w->id, str_z(&id), sizeof w->id);
    write->webhook = w;
    oauth_link_info(w->link, &info);
    wait_begins(p, &write->waiting, x);
    store_batch_add(batch,
                    "INSERT INTO webhooks (id, link, url, created_at, failing_since, disabled) "
                    "VALUES (?1, ?2, ?3, ?4, 0, 0)",
                    "ttti", w->id, info.id, w->url, w->created_ms);
    store_submit(p->store, batch, wrote, write);
    str_done(&id);
}

void partner_webhook_add(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    struct asked asked;
    struct faults faults = {0};
    struct str url = STR_INIT;
    const char *text = NULL, *what = NULL;
    unsigned policy = 0;
    if (!request_begins(p, x)) {
        return;
    }
    if (!asked_read(x, &asked)) {
        asked_done(&asked);
        return;
    }
    if (params_text(&asked.params, "url", &faults, &text) == GIVEN_NOT) {
        faults_add(&faults, "url", "is missing");
    } else if (text && webhook_url(text, p->config.webhook_hosts, &url, &policy, &what) != 0) {
        faults_add(&faults, "url", what);
    } else if (count_of(p, http_caller(x)) >= WEBHOOKS_OF_LINK || webhooks_count(p) >= WEBHOOKS_MAX) {
        faults_add(&faults, "url", "there are as many webhooks as there may be (8 of a token, 64 in all): remove one");
    }
    if (p->unread || !p->config.key) {
        answer_store_trouble(x, ERR_LOST);
    } else if (faults.count > 0) {
        answer_faults(x, &faults);
    } else {
        store_webhook(p, x, &url, policy);
    }
    str_done(&url);
    asked_done(&asked);
}

void partner_webhook_remove(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    if (!request_begins(p, x)) {
        return;
    }
    const struct webhook *w = find(p, http_tail(x), http_caller(x));
    if (!w) {
        answer_not_found(x, "this token has no such webhook");
        return;
    }
    struct webhook_write *write = mem_alloc(sizeof *write);
    struct store_batch *batch = store_batch_new();
    memcpy(write->id, w->id, sizeof write->id);
    wait_begins(p, &write->waiting, x);
    store_batch_add(batch, "DELETE FROM webhooks WHERE id = ?1", "t", w->id);
    store_submit(p->store, batch, wrote, write);
}
