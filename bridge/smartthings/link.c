#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "smartthings/internal.h"
#include "smartthings/rules.h"
#include "store/store.h"

static const char *const state_texts[] = {
    [SMARTTHINGS_NONE] = "none",
    [SMARTTHINGS_EXCHANGING] = "exchanging",
    [SMARTTHINGS_GRANTED] = "granted",
    [SMARTTHINGS_REFRESHING] = "refreshing",
    [SMARTTHINGS_NEEDS_GRANT] = "needs_grant",
};

const char *link_callback_text(enum smartthings_callback state)
{
    return state_texts[state];
}

/* ---- rows ---- */

static void free_secret(char *text)
{
    if (text) {
        secrets_wipe(text, strlen(text));
        free(text);
    }
}

void callback_row_done(struct callback_row *row)
{
    free(row->token_url);
    free(row->callback_url);
    free(row->client_id);
    free(row->details);
    free_secret(row->code);
    free_secret(row->access);
    free_secret(row->refresh);
    *row = (struct callback_row){0};
}

struct callback_row callback_row_copy(const struct callback_row *row)
{
    struct callback_row copy = *row;
    copy.token_url = mem_text(row->token_url);
    copy.callback_url = mem_text(row->callback_url);
    copy.client_id = mem_text(row->client_id);
    copy.details = mem_text(row->details);
    copy.code = mem_text(row->code);
    copy.access = mem_text(row->access);
    copy.refresh = mem_text(row->refresh);
    return copy;
}

/* A row on its way to the store. It outlives the smartthings if it must: then `st` is NULL. */
struct save {
    struct smartthings *st;
    struct link *link;
    uint32_t epoch;
    struct callback_row row;
    link_saved_fn *then;
    link_answer_fn *answer;
    void *user;
    struct save *next, **at;
};

static void saved(void *user, int result)
{
    struct save *save = user;
    if (!save->st) {
        if (save->answer) {
            save->answer(save->user, ERR_CANCELLED);
        }
        callback_row_done(&save->row);
        free(save);
        return;
    }
    *save->at = save->next;
    if (save->next) {
        save->next->at = save->at;
    }
    struct link *link = save->link;
    if (save->epoch != link->epoch) {
        result = ERR_CANCELLED;
        callback_row_done(&save->row);
    } else {
        link->saving = false;
        if (result == 0) {
            callback_row_done(&link->row);
            link->row = save->row;
            link->unsaved = false;
            save->row = (struct callback_row){0};
        }
        save->then(link, result, &save->row);
        callback_row_done(&save->row);
    }
    if (save->answer) {
        save->answer(save->user, result);
    }
    free(save);
}

static void add_row(struct store_batch *batch, const struct link *link, const struct callback_row *row)
{
    store_batch_add(batch,
                    "INSERT OR REPLACE INTO callbacks (link_id, state, oauth_token_url, state_callback_url, client_id, "
                    "code, access_token, refresh_token, expires_at, obtained_at, refresh_started_at, refresh_attempts, "
                    "details) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                    "btttttttiiiit", link->id, sizeof link->id, state_texts[row->state], row->token_url,
                    row->callback_url, row->client_id, row->code, row->access, row->refresh, row->expires_ms,
                    row->obtained_ms, row->started_ms, (int64_t)row->attempts, row->details);
}

void link_save(struct link *link, struct callback_row row, link_saved_fn *then, link_answer_fn *answer, void *user)
{
    struct smartthings *st = link->st;
    struct save *save = mem_alloc(sizeof *save);
    *save = (struct save){.st = st,
                          .link = link,
                          .epoch = link->epoch,
                          .row = row,
                          .then = then,
                          .answer = answer,
                          .user = user,
                          .next = st->saves,
                          .at = &st->saves};
    if (st->saves) {
        st->saves->at = &save->next;
    }
    st->saves = save;
    link->saving = true;
    struct store_batch *batch = store_batch_new();
    add_row(batch, link, &row);
    store_submit(st->store, batch, saved, save);
}

void smartthings_saves_end(struct smartthings *st)
{
    for (struct save *save = st->saves; save; save = save->next) {
        save->st = NULL;
    }
    st->saves = NULL;
}

/* ---- links ---- */

void link_trouble(struct link *link, const char *format, ...)
{
    va_list args;
    str_clear(&link->error);
    va_start(args, format);
    str_vprintf(&link->error, format, args);
    va_end(args);
    link->error_ms = loop_wall_ms();
    log_warn(LOG, "link %s: %s", link->name, str_z(&link->error));
}

struct link *link_known(const struct smartthings *st, const struct oauth_link *oauth)
{
    for (struct link *link = st->links; link; link = link->next) {
        if (link->oauth == oauth) {
            return link;
        }
    }
    return NULL;
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

struct link *link_of(struct smartthings *st, struct oauth_link *oauth)
{
    struct link *link = link_known(st, oauth);
    if (link) {
        return link;
    }
    struct oauth_link_info info;
    oauth_link_info(oauth, &info);
    link = mem_alloc(sizeof *link);
    link->st = st;
    link->oauth = oauth;
    memcpy(link->name, info.id, sizeof link->name);
    for (size_t i = 0; i < sizeof link->id; i++) {
        link->id[i] = (uint8_t)(hex_digit(info.id[2 * i]) << 4 | hex_digit(info.id[2 * i + 1]));
    }
    outbox_init(&link->outbox, st->config.window_ms);
    outbox_grow(&link->outbox, st->lamps.count);
    for (uint32_t i = 0; i < st->lamps.count; i++) {
        if (lamps_description(&st->lamps, i)->len == 0) {
            outbox_said(&link->outbox, i, &(struct outbox_view){.health = OUTBOX_GONE}, loop_now(st->loop));
        }
    }
    link->next = st->links;
    st->links = link;
    return link;
}

/* What a row was before there was a link to hang it on. */
static int load_row(void *user, const struct store_row *row)
{
    struct smartthings *st = user;
    size_t len = 0;
    const uint8_t *id = store_row_blob(row, 0, &len);
    const char *state = store_row_text(row, 1);
    if (!id || len != OAUTH_LINK_ID_SIZE || !state) {
        return 0;
    }
    struct str hex = STR_INIT;
    secrets_hex(&hex, id, len);
    struct oauth_link *oauth = oauth_link_find(st->oauth, str_z(&hex));
    str_done(&hex);
    if (!oauth || !oauth_link_alive(oauth)) {
        return 0;
    }
    struct link *link = link_of(st, oauth);
    for (enum smartthings_callback s = SMARTTHINGS_NONE; s <= SMARTTHINGS_NEEDS_GRANT; s++) {
        if (strcmp(state, state_texts[s]) == 0) {
            link->row.state = s;
        }
    }
    char **const texts[] = {&link->row.token_url, &link->row.callback_url, &link->row.client_id, &link->row.code,
                            &link->row.access,    &link->row.refresh,      &link->row.details};
    for (int i = 0; i < 7; i++) {
        *texts[i] = mem_text(store_row_text(row, i + 2));
    }
    link->row.expires_ms = store_row_int(row, 9);
    link->row.obtained_ms = store_row_int(row, 10);
    link->row.started_ms = store_row_int(row, 11);
    link->row.attempts = (int)store_row_int(row, 12);
    if (link->row.details) {
        str_add_z(&link->error, link->row.details);
        link->error_ms = link->row.obtained_ms;
    }
    return 0;
}

int link_url(const struct link *link, const char *url, unsigned *ret_policy)
{
    return link->rehearsal ? rules_rehearsal_url(url, link->rehearsal, ret_policy)
                           : rules_url(url, link->st->config.callback_hosts, ret_policy);
}

int link_load(struct smartthings *st)
{
    return store_read(st->store,
                      "SELECT link_id, state, oauth_token_url, state_callback_url, client_id, code, access_token, "
                      "refresh_token, details, expires_at, obtained_at, refresh_started_at, refresh_attempts "
                      "FROM callbacks",
                      load_row, st, "");
}

void link_forget(struct link *link)
{
    if (link->ended) {
        return;
    }
    struct smartthings *st = link->st;
    link->ended = true;
    link->epoch++;
    link->saving = false;
    callback_stop(link);
    delivery_stop(link);
    callback_row_done(&link->row);
    outbox_done(&link->outbox);
    free(link->rehearsal);
    link->rehearsal = NULL;
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "DELETE FROM callbacks WHERE link_id = ?1", "b", link->id, sizeof link->id);
    store_submit(st->store, batch, NULL, NULL);
}

void link_free(struct link *link)
{
    callback_stop(link);
    delivery_stop(link);
    callback_row_done(&link->row);
    outbox_done(&link->outbox);
    str_done(&link->error);
    free(link->rehearsal);
    free(link);
}
