/* The whole, and what every request goes through. */
#include "partner/partner.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "partner/internal.h"

/* ---- limits ---- */

static struct client *client_of(struct partner *p, struct oauth_link *link)
{
    for (struct client **at = &p->clients; *at; at = &(*at)->next) {
        struct client *c = *at;
        if (c->link == link) { /* who asks often is found first */
            *at = c->next;
            c->next = p->clients;
            p->clients = c;
            return c;
        }
    }
    struct client *c = mem_alloc(sizeof *c);
    *c = (struct client){.next = p->clients, .link = link};
    p->clients = c;
    return c;
}

static void add_number(struct http_exchange *x, const char *name, uint64_t value)
{
    struct str text = STR_INIT;
    str_printf(&text, "%llu", (unsigned long long)value);
    http_add_header(x, name, str_z(&text));
    str_done(&text);
}

bool request_begins(struct partner *p, struct http_exchange *x)
{
    struct client *c = client_of(p, http_caller(x));
    struct limit_verdict v = limit_take(&c->limit, p->config.requests_per_minute, loop_now(p->loop));
    p->stats.requests++;
    add_number(x, "X-RateLimit-Limit", p->config.requests_per_minute);
    add_number(x, "X-RateLimit-Remaining", v.remaining);
    add_number(x, "X-RateLimit-Reset", ((uint64_t)loop_wall_ms() + v.reset_ms + 999) / 1000);
    if (!v.allowed) {
        p->stats.limited++;
        http_answer_error(
            x, 429, "rate_limit_exceeded",
            "this token has asked as often as it may in a minute; GET /v1/events tells of changes without "
            "being asked",
            (unsigned)((v.reset_ms + 999) / 1000));
    }
    return v.allowed;
}

static void forget_client(struct partner *p, const struct oauth_link *link)
{
    for (struct client **at = &p->clients; *at; at = &(*at)->next) {
        if ((*at)->link == link) {
            struct client *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
    }
}

/* ---- what waits ---- */

void wait_begins(struct partner *p, struct waiting *waiting, struct http_exchange *x)
{
    *waiting = (struct waiting){.partner = p, .x = x, .next = p->waitings, .at = &p->waitings};
    if (p->waitings) {
        p->waitings->at = &waiting->next;
    }
    p->waitings = waiting;
}

void wait_ends(struct waiting *waiting)
{
    if (waiting->partner) {
        *waiting->at = waiting->next;
        if (waiting->next) {
            waiting->next->at = waiting->at;
        }
    }
}

static void end_waiting(struct partner *p)
{
    for (struct waiting *w = p->waitings; w; w = w->next) {
        w->partner = NULL;
        if (w->x) {
            http_answer_error(w->x, 503, "temporarily_unavailable", "the bridge is stopping", RETRY_AFTER_S);
            w->x = NULL;
        }
    }
}

/* ---- requests and answers ---- */

bool asked_read(struct http_exchange *x, struct asked *a)
{
    size_t len;
    const char *body = http_body(x, &len), *what = NULL;
    *a = (struct asked){0};
    if (len == 0) {
        return true;
    }
    if (http_body_is(x, "application/x-www-form-urlencoded")) {
        a->is_form = true;
        if (url_form_parse(&a->form, body, len, &what) == 0) {
            a->params.form = &a->form;
            return true;
        }
    } else if (!http_body_is(x, JSON_TYPE)) {
        what = "the body is application/json or application/x-www-form-urlencoded, and Content-Type says which";
    } else {
        struct json_error error = {0};
        if (json_parse(body, len, PARTNER_MAX_BODY, &a->root, &error) == 0 && json_is_object(a->root)) {
            a->params.object = a->root;
            return true;
        }
        what = error.what ? error.what : "the body is no JSON object";
    }
    http_answer_error(x, 400, "invalid_request", what, 0);
    return false;
}

void asked_done(struct asked *a)
{
    json_free(a->root);
    if (a->is_form) {
        url_form_done(&a->form);
    }
}

void answer_json(struct http_exchange *x, int status, struct str *body)
{
    http_add_header(x, "Cache-Control", "no-store");
    http_answer(x, status, JSON_TYPE, body);
}

void answer_faults(struct http_exchange *x, const struct faults *faults)
{
    struct str body = STR_INIT;
    faults_write(faults, &body);
    answer_json(x, 422, &body);
}

void answer_store_trouble(struct http_exchange *x, int err)
{
    http_answer_error(x, 503, "temporarily_unavailable", err_text(err), RETRY_AFTER_S);
}

void answer_not_found(struct http_exchange *x, const char *what)
{
    http_answer_error(x, 404, "not_found", what, 0);
}

/* ---- the whole ---- */

static void heard(void *user, const struct hub_event *event)
{
    feed_hear(user, event);
    webhooks_hear(user, event);
}

static void link_ended(void *user, struct oauth_link *link)
{
    forget_client(user, link);
    feed_link_ended(user, link);
    webhooks_link_ended(user, link);
}

int partner_new(struct loop *loop, struct store *store, struct fetch *fetch, struct hub *hub, struct oauth *oauth,
                const struct partner_config *config, struct partner **ret_partner)
{
    struct partner *p = mem_alloc(sizeof *p);
    *p = (struct partner){.loop = loop, .store = store, .fetch = fetch, .hub = hub, .oauth = oauth, .config = *config};
    if (p->config.requests_per_minute == 0) {
        p->config.requests_per_minute = PARTNER_REQUESTS_PER_MINUTE;
    }
    p->house = (struct lifx_house){config->location ? config->location : PARTNER_LOCATION, config->bridge_id};
    feed_new(p);
    int err = scenes_load(p);
    if (err == 0) {
        err = webhooks_load(p);
    }
    if (err != 0) { /* the store is unwell: nothing is called lost, and nothing is added */
        p->unread = true;
        log_error(LOG, "scenes and webhooks cannot be read: %s", err_text(err));
    }
    p->listener = hub_listen(hub, heard, p);
    oauth_on_link_ended(oauth, link_ended, p);
    *ret_partner = p;
    return 0;
}

void partner_free(struct partner *p)
{
    if (!p) {
        return;
    }
    hub_unlisten(p->listener);
    end_waiting(p);
    feed_free(p);
    webhooks_free(p);
    scenes_free(p);
    while (p->clients) {
        struct client *c = p->clients;
        p->clients = c->next;
        free(c);
    }
    free(p->marks);
    free(p->places);
    free(p);
}

void partner_metrics(const struct partner *p, struct str *out)
{
    const struct partner_stats *s = &p->stats;
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        {"requests_total", "counter", "Requests of the partner API with a good token.", s->requests},
        {"limited_total", "counter", "Of them, those answered 429.", s->limited},
        {"events_total", "counter", "Events kept for listeners.", s->events},
        {"dropped_readers_total", "counter", "Listeners that read too slowly and were let go.", s->dropped_readers},
        {"streams", "gauge", "Listeners to events.", feed_streams(p)},
        {"webhooks", "gauge", "Registered webhooks.", webhooks_count(p)},
        {"deliveries_total", "counter", "POSTs to webhooks.", s->deliveries},
        {"failed_deliveries_total", "counter", "Of them, those that were not taken.", s->failed_deliveries},
        {"scenes", "gauge", "Stored scenes.", s->scenes},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        str_printf(
            out, "# HELP lightbridge_partner_%s %s\n# TYPE lightbridge_partner_%s %s\nlightbridge_partner_%s %llu\n",
            rows[i].name, rows[i].help, rows[i].name, rows[i].type, rows[i].name, (unsigned long long)rows[i].value);
    }
}
