#include "smartthings/smartthings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "smartthings/internal.h"
#include "smartthings/rules.h"

#define SENSIBLE_WALL_MS INT64_C(1577836800000) /* 2020-01-01: before it the clock has not been set yet */

void new_request_id(char ret_id[REQUEST_ID_SIZE])
{
    uint8_t b[16];
    secrets_random(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* UUID version 4, RFC 9562 5.4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    char *at = ret_id;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = "0123456789abcdef"[b[i] >> 4];
        *at++ = "0123456789abcdef"[b[i] & 15];
    }
    *at = '\0';
}

int64_t wall_or_0(void)
{
    int64_t now = loop_wall_ms();
    return now >= SENSIBLE_WALL_MS ? now : 0;
}

/* A light's place in discovery changed. Returns whether it is listed now and was not before: by the events, because a
   discovery between the announcement and its event may have described it already. */
static bool relisted(struct smartthings *st, uint32_t lamp, bool *ret_differs)
{
    struct lamp *l = &st->lamps.list[lamp];
    struct str before = l->description;
    bool known = l->described;
    l->description = STR_INIT;
    lamps_changed(&st->lamps, lamp);
    const struct str *now = lamps_description(&st->lamps, lamp);
    bool is_new = now->len > 0 && !l->announced;
    *ret_differs =
        is_new || !known || before.len != now->len || (now->len > 0 && memcmp(before.data, now->data, now->len) != 0);
    l->announced = now->len > 0;
    str_done(&before);
    return is_new;
}

static void heard(void *user, const struct hub_event *event)
{
    struct smartthings *st = user;
    uint32_t lamp = lamps_number(&st->lamps, event->light);
    uint64_t now = loop_now(st->loop);
    bool listing = event->kind == HUB_EVENT_LISTED || event->kind == HUB_EVENT_REMOVED, differs = false, is_new = false;
    if (lamp == UINT32_MAX) {
        return;
    }
    if (listing) {
        is_new = relisted(st, lamp, &differs);
    } else if (lamps_description(&st->lamps, lamp)->len == 0) {
        return; /* not shown to SmartThings */
    }
    for (struct link *link = st->links; link; link = link->next) {
        if (link->ended) {
            continue;
        }
        if (listing && differs) {
            outbox_list(&link->outbox, lamp, is_new, now);
        }
        outbox_touch(&link->outbox, lamp, now);
        if (!link->post) {
            delivery_schedule(link);
        }
    }
}

static void link_ended(void *user, struct oauth_link *oauth)
{
    struct smartthings *st = user;
    struct link *link = link_known(st, oauth);
    if (link) {
        link_forget(link);
    }
}

int smartthings_new(struct loop *loop, struct store *store, struct fetch *fetch, struct hub *hub, struct oauth *oauth,
                    const struct smartthings_config *config, struct smartthings **ret_smartthings)
{
    struct smartthings *st = mem_alloc(sizeof *st);
    st->loop = loop;
    st->store = store;
    st->fetch = fetch;
    st->hub = hub;
    st->oauth = oauth;
    st->config = *config;
    if (st->config.window_ms == 0) {
        st->config.window_ms = SMARTTHINGS_WINDOW_MS;
    }
    lamps_init(&st->lamps, hub);
    for (uint32_t i = 0; i < st->lamps.count; i++) {
        st->lamps.list[i].announced = lamps_description(&st->lamps, i)->len > 0;
    }
    int result = link_load(st);
    if (result != 0) {
        /* The store is unwell: the webhook answers 503, and nothing is called lost. */
        log_error(LOG, "the callback side of the links cannot be read: %s", err_text(result));
    }
    if (!config->callback_client_id || !config->callback_client_secret) {
        log_warn(LOG, "smartthings.callback_client_id or its secret is not configured: "
                      "SmartThings will not learn of changes that others make");
    }
    for (struct link *link = st->links; link; link = link->next) {
        callback_resume(link);
        outbox_resync(&link->outbox, loop_now(loop));
        delivery_schedule(link);
    }
    st->listener = hub_listen(hub, heard, st);
    oauth_on_link_ended(oauth, link_ended, st);
    *ret_smartthings = st;
    return 0;
}

void smartthings_free(struct smartthings *st)
{
    if (!st) {
        return;
    }
    hub_unlisten(st->listener);
    smartthings_jobs_end(st);
    smartthings_saves_end(st);
    for (struct link *link = st->links, *next; link; link = next) {
        next = link->next;
        link_free(link);
    }
    lamps_done(&st->lamps);
    free(st);
}

int smartthings_rehearse(struct smartthings *st, struct oauth_link *oauth, const char *origin)
{
    if (!rules_rehearsal_origin(origin)) {
        return ERR_INVALID;
    }
    struct link *link = link_of(st, oauth);
    free(link->rehearsal);
    link->rehearsal = mem_text(origin);
    return 0;
}

void smartthings_discover_all(struct smartthings *st)
{
    uint64_t now = loop_now(st->loop);
    for (struct link *link = st->links; link; link = link->next) {
        if (!link->ended && st->lamps.count > 0) {
            outbox_list(&link->outbox, 0, false, now);
            delivery_schedule(link);
        }
    }
}

int smartthings_link_state(const struct smartthings *st, const struct oauth_link *oauth,
                           struct smartthings_link_state *ret_state)
{
    const struct link *link = link_known(st, oauth);
    *ret_state =
        (struct smartthings_link_state){.callback_text = link_callback_text(SMARTTHINGS_NONE), .last_error = ""};
    if (!link) {
        return ERR_NOT_FOUND;
    }
    *ret_state = (struct smartthings_link_state){.callback = link->row.state,
                                                 .callback_text = link_callback_text(link->row.state),
                                                 .usable = callback_usable(link),
                                                 .obtained_ms = link->row.obtained_ms,
                                                 .expires_ms = link->row.expires_ms,
                                                 .asked_ms = link->asked_ms,
                                                 .delivered_ms = link->delivered_ms,
                                                 .error_ms = link->error_ms,
                                                 .last_error = str_z(&link->error),
                                                 .queued = link->outbox.queued};
    return 0;
}

struct smartthings_stats smartthings_stats(const struct smartthings *st)
{
    struct smartthings_stats stats = st->stats;
    for (const struct link *link = st->links; link; link = link->next) {
        if (!link->ended) {
            stats.queued += link->outbox.queued;
            stats.links_usable += callback_usable(link);
            stats.links_needing_grant += link->row.state == SMARTTHINGS_NEEDS_GRANT;
        }
    }
    return stats;
}
