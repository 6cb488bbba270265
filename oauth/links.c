/* The table of links: by birth for those who list them, by id for those who verify a token. */
#include "oauth/oauth_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

struct end_waiter {
    struct end_waiter *next;
    oauth_done_fn *done;
    void *user;
};

struct end_write {
    struct job job;
    struct oauth_link *link;
    const char *reason;
    int64_t at_ms;
    struct end_waiter *waiters;
};

struct oauth_link *links_new(struct oauth *oauth, const uint8_t id[OAUTH_LINK_ID_SIZE], const uint8_t *salt)
{
    struct oauth_link *link = mem_alloc(sizeof *link);
    memcpy(link->id, id, sizeof link->id);
    if (oauth->has_key && salt) {
        token_link_key(link->key, oauth->key, id, salt);
    }
    return link;
}

void links_free(struct oauth_link *link)
{
    if (!link) {
        return;
    }
    secrets_wipe(link->key, sizeof link->key);
    free(link->account);
    free(link->client_id);
    free(link->redirect_uri);
    free(link->scope);
    free(link->end_reason);
    free(link->code_challenge);
    free(link);
}

/* ---- lookup ---- */

static size_t first_slot(const struct oauth *oauth, const uint8_t id[OAUTH_LINK_ID_SIZE])
{
    uint64_t bits;
    memcpy(&bits, id, sizeof bits);
    bits *= UINT64_C(0x9E3779B97F4A7C15); /* birth numbers are consecutive: spread them */
    return (size_t)(bits >> 32) & (oauth->slot_count - 1);
}

struct oauth_link *links_find(const struct oauth *oauth, const uint8_t id[OAUTH_LINK_ID_SIZE])
{
    if (oauth->slot_count == 0) {
        return NULL;
    }
    for (size_t at = first_slot(oauth, id); oauth->slots[at]; at = (at + 1) & (oauth->slot_count - 1)) {
        if (memcmp(oauth->slots[at]->id, id, OAUTH_LINK_ID_SIZE) == 0) {
            return oauth->slots[at];
        }
    }
    return NULL;
}

static void put_slot(struct oauth *oauth, struct oauth_link *link)
{
    size_t at = first_slot(oauth, link->id);
    while (oauth->slots[at]) {
        at = (at + 1) & (oauth->slot_count - 1);
    }
    oauth->slots[at] = link;
}

static void fill_slots(struct oauth *oauth, size_t slot_count)
{
    free(oauth->slots);
    oauth->slots = mem_array(slot_count, sizeof(struct oauth_link *));
    oauth->slot_count = slot_count;
    for (size_t i = 0; i < oauth->link_count; i++) {
        put_slot(oauth, oauth->links[i]);
    }
}

static uint32_t birth_of(const struct oauth_link *link)
{
    return (uint32_t)link->id[0] << 24 | (uint32_t)link->id[1] << 16 | (uint32_t)link->id[2] << 8 | link->id[3];
}

void links_add(struct oauth *oauth, struct oauth_link *link)
{
    if (oauth->link_count == oauth->link_cap) {
        oauth->link_cap = oauth->link_cap ? oauth->link_cap * 2 : 16;
        oauth->links = mem_grow(oauth->links, oauth->link_cap, sizeof(struct oauth_link *));
    }
    oauth->links[oauth->link_count++] = link;
    if (birth_of(link) >= oauth->next_birth) {
        oauth->next_birth = birth_of(link) + 1;
    }
    if (oauth->link_count * 2 > oauth->slot_count) {
        fill_slots(oauth, oauth->slot_count ? oauth->slot_count * 2 : 32);
    } else {
        put_slot(oauth, link);
    }
}

static void forget(struct oauth *oauth, size_t index)
{
    oauth->forgotten = mem_grow(oauth->forgotten, oauth->forgotten_count + 1, sizeof(struct oauth_link *));
    oauth->forgotten[oauth->forgotten_count++] = oauth->links[index];
    memmove(&oauth->links[index], &oauth->links[index + 1],
            (oauth->link_count - index - 1) * sizeof(struct oauth_link *));
    oauth->link_count--;
    fill_slots(oauth, oauth->slot_count);
}

void links_done(struct oauth *oauth)
{
    for (size_t i = 0; i < oauth->link_count; i++) {
        links_free(oauth->links[i]);
    }
    for (size_t i = 0; i < oauth->forgotten_count; i++) {
        links_free(oauth->forgotten[i]);
    }
    free(oauth->links);
    free(oauth->slots);
    free(oauth->forgotten);
    oauth->links = oauth->slots = oauth->forgotten = NULL;
    oauth->link_count = oauth->link_cap = oauth->slot_count = oauth->forgotten_count = 0;
    oauth->next_birth = 0;
}

int links_next_id(struct oauth *oauth, struct store_batch *batch, uint8_t ret_id[OAUTH_LINK_ID_SIZE])
{
    if (oauth->link_count >= OAUTH_MAX_LINKS) {
        size_t victim = 0;
        while (victim < oauth->link_count && oauth_link_alive(oauth->links[victim])) {
            victim++;
        }
        if (victim == oauth->link_count) {
            return ERR_TOO_LARGE;
        }
        /* Forgotten in memory before the commit: if that fails, the row is merely loaded again at the next start. */
        rows_forget_link(batch, oauth->links[victim]);
        forget(oauth, victim);
    }
    uint32_t birth = oauth->next_birth++;
    for (int i = 3; i >= 0; i--, birth >>= 8) {
        ret_id[i] = (uint8_t)birth;
    }
    secrets_random(ret_id + 4, OAUTH_LINK_ID_SIZE - 4);
    return 0;
}

/* ---- seeing ---- */

void oauth_link_info(const struct oauth_link *link, struct oauth_link_info *ret_info)
{
    struct oauth_link_info info = {
        .account = link->account,
        .client_id = link->client_id,
        .client_name = link->client ? link->client->name : link->client_id,
        .redirect_uri = link->redirect_uri,
        .scope = link->scope,
        .created_ms = link->at.created_ms,
        .redeemed_ms = link->at.redeemed_ms,
        .used_ms = link->at.seen_ms,
        .refreshed_ms = link->at.refreshed_ms,
        .ended_ms = link->at.ended_ms,
        .end_reason = link->end_reason,
        .elsewhere_ms = link->elsewhere_ms,
    };
    for (size_t i = 0; i < OAUTH_LINK_ID_SIZE; i++) {
        snprintf(info.id + 2 * i, 3, "%02x", link->id[i]);
    }
    *ret_info = info;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct oauth_link *oauth_link_find(struct oauth *oauth, const char *hex_id)
{
    uint8_t id[OAUTH_LINK_ID_SIZE];
    if (strnlen(hex_id, 2 * sizeof id + 1) != 2 * sizeof id) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof id; i++) {
        int high = hex_digit(hex_id[2 * i]), low = hex_digit(hex_id[2 * i + 1]);
        if (high < 0 || low < 0) {
            return NULL;
        }
        id[i] = (uint8_t)(high << 4 | low);
    }
    return links_find(oauth, id);
}

struct oauth_link *oauth_link_next(struct oauth *oauth, struct oauth_link *after)
{
    if (!after) {
        return oauth->link_count > 0 ? oauth->links[0] : NULL;
    }
    /* births ascend in the array; `after` itself may have been forgotten meanwhile */
    size_t low = 0, high = oauth->link_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(oauth->links[middle]->id, after->id, sizeof after->id) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < oauth->link_count ? oauth->links[low] : NULL;
}

bool oauth_link_alive(const struct oauth_link *link)
{
    return link->at.ended_ms == 0;
}

bool oauth_link_allows(const struct oauth_link *link, unsigned scopes)
{
    unsigned has = 0;
    if (oauth_link_webhook(link)) {
        has = SCOPE_ALL; /* its words are free text: oauth_client_scope */
    } else {
        (void)scope_parse(link->scope, &has);
        has &= link->client->scopes;
    }
    return (scopes & ~has) == 0;
}

/* A link whose client is not known any more is SmartThings' of before its id was changed in the configuration: those of
   the others end with their client. */
bool oauth_link_webhook(const struct oauth_link *link)
{
    return !link->client || link->client->webhook;
}

/* ---- ending ---- */

void links_ended(struct oauth *oauth, struct oauth_link *link, int64_t at_ms, const char *reason)
{
    link->at.ended_ms = at_ms ? at_ms : 1;
    link->end_reason = mem_text(reason);
    secrets_wipe(link->key, sizeof link->key);
    struct oauth_link_info info;
    oauth_link_info(link, &info);
    log_info("oauth", "link %s of account %s to %s has ended: %s", info.id, info.account, info.client_name, reason);
    traces_link_ended(oauth, link);
    for (size_t i = 0; i < oauth->listener_count; i++) {
        oauth->listeners[i].fn(oauth->listeners[i].user, link);
    }
}

static void end_written(struct job *job, int result)
{
    struct end_write *write = (struct end_write *)job;
    struct end_waiter *waiter = write->waiters;
    write->link->ending = NULL;
    write->waiters = NULL;
    if (result == 0 && oauth_link_alive(write->link)) {
        links_ended(job->oauth, write->link, write->at_ms, write->reason);
    }
    while (waiter) {
        struct end_waiter *next = waiter->next;
        waiter->done(waiter->user, result);
        free(waiter);
        waiter = next;
    }
}

static void add_waiter(struct end_write *write, oauth_done_fn *done, void *user)
{
    if (!done) {
        return;
    }
    struct end_waiter *waiter = mem_alloc(sizeof *waiter);
    *waiter = (struct end_waiter){.done = done, .user = user};
    struct end_waiter **last = &write->waiters;
    while (*last) {
        last = &(*last)->next;
    }
    *last = waiter;
}

void oauth_link_end(struct oauth *oauth, struct oauth_link *link, const char *reason, oauth_done_fn *done, void *user)
{
    if (!oauth_link_alive(link)) {
        if (done) {
            done(user, 0);
        }
        return;
    }
    if (link->ending) { /* asked twice while the first commit runs: one end, told to both */
        add_waiter(link->ending, done, user);
        return;
    }
    struct end_write *write = mem_alloc(sizeof *write);
    write->job.done = end_written;
    write->link = link;
    write->reason = reason;
    write->at_ms = oauth_now(oauth);
    link->ending = write;
    add_waiter(write, done, user);
    struct store_batch *batch = store_batch_new();
    rows_end(batch, link, write->at_ms, reason);
    oauth_submit(oauth, &write->job, batch);
}

struct forget_write {
    struct job job;
};

/* At worst the row is loaded again at the next start: an ended link, which harms nobody. */
static void forget_written(struct job *job, int result)
{
    (void)job;
    if (result != 0 && result != ERR_CANCELLED) {
        log_warn("oauth", "an ended link could not be taken out of the store: %s", err_text(result));
    }
}

void links_forget(struct oauth *oauth, struct oauth_link *link)
{
    size_t index = 0;
    while (oauth->links[index] != link) {
        index++;
    }
    struct forget_write *write = mem_alloc(sizeof *write);
    write->job.done = forget_written;
    struct store_batch *batch = store_batch_new();
    rows_forget_link(batch, link);
    forget(oauth, index);
    oauth_submit(oauth, &write->job, batch);
}

void oauth_link_confirmed(struct oauth *oauth, struct oauth_link *link)
{
    if (!oauth_link_alive(link) || link->rehearsal) { /* that must not end the link of the very house that it tests */
        return;
    }
    for (struct oauth_link *old = NULL; (old = oauth_link_next(oauth, old)) != NULL && old != link;) {
        if (oauth_link_alive(old) && strcmp(old->client_id, link->client_id) == 0 &&
            strcmp(old->account, link->account) == 0) {
            oauth_link_end(oauth, old, "superseded by a newer link", NULL, NULL);
        }
    }
}
