/* Accounts, clients and links as rows. Each UPDATE names only the columns it is about: several may be on their way for
   one link, and none may put back what another has moved. */
#include "oauth/oauth_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define SEAL_SIZE 16

/* Over what never changes in a row. A bit that rots in the salt or an id would turn the link's tokens into strangers',
   and those are refused for good: with the seal it is a damaged store instead, which refuses nobody. */
static void seal_of(const struct oauth *oauth, const struct oauth_link *link, const uint8_t salt[TOKEN_SALT_SIZE],
                    uint8_t ret_seal[SEAL_SIZE])
{
    static const char use[] = "lightbridge link row 1";
    const char *const texts[] = {link->account, link->client_id, link->redirect_uri, link->scope};
    struct str input = STR_INIT;
    str_add(&input, use, sizeof use);
    str_add(&input, link->id, sizeof link->id);
    str_add(&input, salt, TOKEN_SALT_SIZE);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        str_add(&input, texts[i], strlen(texts[i]) + 1);
    }
    if (link->code_challenge) { /* one that is taken out of the row must not take the protection with it */
        str_add(&input, link->code_challenge, strlen(link->code_challenge) + 1);
    }
    secrets_tag(ret_seal, SEAL_SIZE, input.data, input.len, oauth->key, sizeof oauth->key);
    secrets_wipe(input.data, input.len);
    str_done(&input);
}

static bool seal_holds(const struct oauth *oauth, const struct oauth_link *link, const uint8_t *salt,
                       const struct store_row *row, int column)
{
    uint8_t seal[SEAL_SIZE];
    size_t len = 0;
    const uint8_t *stored = store_row_blob(row, column, &len);
    seal_of(oauth, link, salt, seal);
    return stored && len == sizeof seal && secrets_equal(stored, seal, sizeof seal);
}

static int account_row(void *user, const struct store_row *row)
{
    struct oauth *oauth = user;
    struct oauth_account account = {.created_ms = store_row_int(row, 2)};
    const char *name = store_row_text(row, 0);
    const char *hash = store_row_text(row, 1);
    if (!name || !hash || strlen(name) > OAUTH_NAME_MAX || strlen(hash) >= sizeof account.hash ||
        oauth->account_count == OAUTH_MAX_ACCOUNTS) {
        log_error("oauth", "the store holds an account that this program cannot have written");
        return ERR_CORRUPT;
    }
    (void)snprintf(account.name, sizeof account.name, "%s", name);
    (void)snprintf(account.hash, sizeof account.hash, "%s", hash);
    accounts_put(oauth, &account);
    return 0;
}

/* flags of a client's row */
enum { CLIENT_PUBLIC = 1, CLIENT_ISS = 2 };

static int client_row(void *user, const struct store_row *row)
{
    struct oauth *oauth = user;
    size_t hash_len = 0;
    const uint8_t *hash = store_row_blob(row, 4, &hash_len);
    int64_t flags = store_row_int(row, 5);
    bool is_public = flags & CLIENT_PUBLIC;
    struct oauth_client *client =
        clients_new(store_row_text(row, 0), store_row_text(row, 1), store_row_text(row, 2), store_row_text(row, 3));
    if (!client || (!is_public && (!hash || hash_len != sizeof client->secret_hash))) {
        clients_free(client);
        log_error("oauth", "the store holds a client that this program cannot have written");
        return ERR_CORRUPT;
    }
    client->is_public = is_public;
    client->send_iss = flags & CLIENT_ISS;
    client->has_secret = !is_public;
    if (!is_public) {
        memcpy(client->secret_hash, hash, sizeof client->secret_hash);
    }
    client->created_ms = store_row_int(row, 6);
    clients_put(oauth, client);
    return 0;
}

void rows_add_client(struct store_batch *batch, const struct oauth_client *client)
{
    struct str uris = STR_INIT;
    for (const char *const *uri = client->redirects; *uri; uri++) {
        str_printf(&uris, "%s%s", uris.len > 0 ? " " : "", *uri);
    }
    int64_t flags = (client->is_public ? CLIENT_PUBLIC : 0) | (client->send_iss ? CLIENT_ISS : 0);
    store_batch_add(batch,
                    "INSERT INTO clients (id, name, redirect_uris, scopes, secret_hash, flags, created_at)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    "ttttbii", client->id, client->name, str_z(&uris), scope_text(client->scopes),
                    client->is_public ? NULL : client->secret_hash, sizeof client->secret_hash, flags,
                    client->created_ms);
    str_done(&uris);
}

void rows_remove_client(struct store_batch *batch, const char *id, int64_t at_ms, const char *reason)
{
    if (reason) {
        store_batch_add(batch,
                        "UPDATE links SET ended_at = ?2, end_reason = ?3, salt = zeroblob(0)"
                        " WHERE client_id = ?1 AND ended_at IS NULL",
                        "tit", id, at_ms, reason);
    }
    store_batch_add(batch, "DELETE FROM clients WHERE id = ?1", "t", id);
}

/* Of the row in meta that marks a link as a rehearsal; its value is the link's id. */
#define REHEARSAL_KEY "'rehearsal ' || hex(links.id)"

static int link_row(void *user, const struct store_row *row)
{
    struct oauth *oauth = user;
    size_t id_len = 0, salt_len = 0;
    const uint8_t *id = store_row_blob(row, 0, &id_len);
    const char *account = store_row_text(row, 1), *client = store_row_text(row, 2);
    const char *redirect_uri = store_row_text(row, 3), *scope = store_row_text(row, 4);
    const uint8_t *salt = store_row_blob(row, 5, &salt_len);
    int64_t ended_ms = store_row_int(row, 11);
    int64_t generation = store_row_int(row, 6);
    if (!id || id_len != OAUTH_LINK_ID_SIZE || !account || !client || !redirect_uri || !scope || generation < 0 ||
        generation > UINT32_MAX || (!ended_ms && (!salt || salt_len != TOKEN_SALT_SIZE)) || links_find(oauth, id)) {
        log_error("oauth", "the store holds a link that this program cannot have written");
        return ERR_CORRUPT;
    }
    struct oauth_link *link = links_new(oauth, id, ended_ms ? NULL : salt);
    link->account = mem_text(account);
    link->client_id = mem_text(client);
    link->client = oauth_client_find(oauth, client);
    link->redirect_uri = mem_text(redirect_uri);
    link->scope = mem_text(scope);
    link->end_reason = mem_text(store_row_text(row, 12));
    link->code_challenge = mem_text(store_row_text(row, 14));
    link->rehearsal = store_row_int(row, 15) != 0;
    if (!ended_ms && oauth->has_key && !seal_holds(oauth, link, salt, row, 13)) {
        log_error("oauth", "the store holds a link that has been damaged");
        links_free(link);
        return ERR_CORRUPT;
    }
    link->at = (struct rules_link){
        .generation = (uint32_t)generation,
        .created_ms = store_row_int(row, 7),
        .redeemed_ms = store_row_int(row, 8),
        .seen_ms = store_row_int(row, 9),
        .refreshed_ms = store_row_int(row, 10),
        .ended_ms = ended_ms,
    };
    links_add(oauth, link);
    return 0;
}

int rows_load(struct oauth *oauth)
{
    int result = store_read(oauth->store, "SELECT name, password, created_at FROM accounts", account_row, oauth, "");
    if (result == 0) {
        result = store_read(oauth->store,
                            "SELECT id, name, redirect_uris, scopes, secret_hash, flags, created_at FROM clients",
                            client_row, oauth, "");
    }
    if (result == 0) {
        result = store_read(oauth->store,
                            "SELECT id, account, client_id, redirect_uri, scope, salt, generation, created_at,"
                            " code_used_at, token_seen_at, refreshed_at, ended_at, end_reason, seal, code_challenge,"
                            " EXISTS (SELECT 1 FROM meta WHERE key = " REHEARSAL_KEY ")"
                            " FROM links ORDER BY id",
                            link_row, oauth, "");
    }
    if (result != 0) { /* half a table would turn what is missing into a refusal */
        oauth->account_count = 0;
        links_done(oauth);
        while (oauth->client_count > 0 && !oauth->clients[oauth->client_count - 1]->configured) {
            clients_free(oauth->clients[--oauth->client_count]);
        }
    }
    return result;
}

void rows_add_account(struct store_batch *batch, const struct oauth_account *account)
{
    store_batch_add(batch, "INSERT INTO accounts (name, password, created_at) VALUES (?1, ?2, ?3)", "tti",
                    account->name, account->hash, account->created_ms);
}

void rows_set_password(struct store_batch *batch, const char *name, const char *hash, const char *was)
{
    store_batch_add(batch, "UPDATE accounts SET password = ?2 WHERE name = ?1 AND password = COALESCE(?3, password)",
                    "ttt", name, hash, was);
}

void rows_remove_account(struct store_batch *batch, const char *name, int64_t at_ms, const char *reason)
{
    store_batch_add(batch,
                    "UPDATE links SET ended_at = ?2, end_reason = ?3, salt = zeroblob(0)"
                    " WHERE account = ?1 AND ended_at IS NULL",
                    "tit", name, at_ms, reason);
    store_batch_add(batch, "DELETE FROM accounts WHERE name = ?1", "t", name);
}

void rows_add_link(struct store_batch *batch, const struct oauth *oauth, const struct oauth_link *link,
                   const uint8_t salt[TOKEN_SALT_SIZE])
{
    uint8_t seal[SEAL_SIZE];
    seal_of(oauth, link, salt, seal);
    store_batch_add(
        batch,
        "INSERT INTO links (id, account, client_id, redirect_uri, scope, salt, seal, generation,"
        " created_at, code_challenge) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?8, 0, ?7, ?9"
        " WHERE EXISTS (SELECT 1 FROM accounts WHERE name = ?2) AND (?10 OR EXISTS (SELECT 1 FROM clients WHERE id ="
        " ?3))",
        "bttttbibti", link->id, sizeof link->id, link->account, link->client_id, link->redirect_uri, link->scope, salt,
        (size_t)TOKEN_SALT_SIZE, link->at.created_ms, seal, sizeof seal, link->code_challenge,
        (int64_t)link->client->configured);
    if (link->rehearsal) {
        store_batch_add(batch, "INSERT INTO meta (key, value) SELECT " REHEARSAL_KEY ", id FROM links WHERE id = ?1",
                        "b", link->id, sizeof link->id);
    }
}

void rows_forget_link(struct store_batch *batch, const struct oauth_link *link)
{
    store_batch_add(batch, "DELETE FROM meta WHERE key = (SELECT " REHEARSAL_KEY " FROM links WHERE id = ?1)", "b",
                    link->id, sizeof link->id);
    store_batch_add(batch, "DELETE FROM links WHERE id = ?1", "b", link->id, sizeof link->id);
}

void rows_redeem(struct store_batch *batch, const struct oauth_link *link, uint32_t generation, int64_t at_ms)
{
    store_batch_add(batch,
                    "UPDATE links SET generation = MAX(generation, ?2), code_used_at = ?3"
                    " WHERE id = ?1 AND ended_at IS NULL",
                    "bii", link->id, sizeof link->id, (int64_t)generation, at_ms);
}

void rows_refresh(struct store_batch *batch, const struct oauth_link *link, uint32_t generation, int64_t at_ms,
                  int64_t redeemed_ms)
{
    store_batch_add(batch,
                    "UPDATE links SET generation = MAX(generation, ?2), refreshed_at = ?3, token_seen_at = ?3,"
                    " code_used_at = COALESCE(code_used_at, ?4) WHERE id = ?1 AND ended_at IS NULL",
                    "biii", link->id, sizeof link->id, (int64_t)generation, at_ms, redeemed_ms);
}

void rows_forward(struct store_batch *batch, const struct oauth_link *link, const struct rules_link *at)
{
    store_batch_add(batch,
                    "UPDATE links SET refreshed_at = CASE WHEN generation < ?2 THEN NULLIF(?4, 0) ELSE refreshed_at"
                    " END, generation = MAX(generation, ?2), code_used_at = COALESCE(code_used_at, ?3)"
                    " WHERE id = ?1 AND ended_at IS NULL",
                    "biii", link->id, sizeof link->id, (int64_t)at->generation, at->redeemed_ms, at->refreshed_ms);
}

void rows_seen(struct store_batch *batch, const struct oauth_link *link, int64_t at_ms)
{
    store_batch_add(batch, "UPDATE links SET token_seen_at = ?2 WHERE id = ?1 AND ended_at IS NULL", "bi", link->id,
                    sizeof link->id, at_ms);
}

void rows_end(struct store_batch *batch, const struct oauth_link *link, int64_t at_ms, const char *reason)
{
    store_batch_add(batch,
                    "UPDATE links SET ended_at = ?2, end_reason = ?3, salt = zeroblob(0)"
                    " WHERE id = ?1 AND ended_at IS NULL",
                    "bit", link->id, sizeof link->id, at_ms, reason);
}

/* ---- traces ---- */

static int trace_row(void *user, const struct store_row *row)
{
    struct oauth *oauth = user;
    size_t id_len = 0;
    const uint8_t *id = store_row_blob(row, 1, &id_len);
    int64_t number = store_row_int(row, 0);
    if (number < 1 || number >= UINT32_MAX) {
        return ERR_CORRUPT;
    }
    struct trace *trace = mem_alloc(sizeof *trace);
    trace->number = (uint32_t)number;
    trace->has_link = id && id_len == sizeof trace->link_id;
    if (trace->has_link) {
        memcpy(trace->link_id, id, sizeof trace->link_id);
    }
    trace->client_id = trace_line(store_row_text(row, 2));
    trace->account = trace_line(store_row_text(row, 3));
    trace->redirect_uri = trace_line(store_row_text(row, 4));
    trace->known = store_row_int(row, 5) != 0;
    trace->webhook = store_row_int(row, 6) != 0;
    traces_put(oauth, trace);
    return 0;
}

/* An event of a step or cause that this program does not know any more is passed over. */
static int event_row(void *user, const struct store_row *row)
{
    struct oauth *oauth = user;
    struct trace *trace = NULL;
    for (size_t i = 0; i < oauth->traces.count && !trace; i++) {
        trace = oauth->traces.list[i]->number == store_row_int(row, 0) ? oauth->traces.list[i] : NULL;
    }
    const char *texts[] = {store_row_text(row, 1), store_row_text(row, 2), store_row_text(row, 3)};
    int step = trace_step_of(texts[0] ? texts[0] : "?");
    int outcome = trace_outcome_of(texts[1] ? texts[1] : "?");
    int cause = trace_cause_of(texts[2] ? texts[2] : "?");
    if (!trace || trace->count == TRACE_EVENTS_MAX || step < 0 || outcome < 0 || cause < 0) {
        return 0;
    }
    trace_restore(trace, &(struct trace_event){.step = (enum trace_step)step,
                                               .outcome = (enum trace_outcome)outcome,
                                               .cause = (enum trace_cause)cause,
                                               .at_ms = store_row_int(row, 4),
                                               .last_ms = store_row_int(row, 5),
                                               .times = store_row_int(row, 6),
                                               .expected = trace_line(store_row_text(row, 7)),
                                               .got = trace_line(store_row_text(row, 8))});
    return 0;
}

int rows_load_traces(struct oauth *oauth)
{
    int result = store_read(oauth->store,
                            "SELECT number, link_id, client_id, account, redirect_uri, known, webhook FROM traces"
                            " ORDER BY number",
                            trace_row, oauth, "");
    if (result == 0) {
        result = store_read(oauth->store,
                            "SELECT trace, step, outcome, cause, at, last_at, times, expected, got FROM trace_events"
                            " ORDER BY trace, position",
                            event_row, oauth, "");
    }
    return result;
}

void rows_put_trace(struct store_batch *batch, const struct trace *trace)
{
    store_batch_add(batch,
                    "INSERT OR REPLACE INTO traces (number, link_id, client_id, account, redirect_uri, known, webhook)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    "ibtttii", (int64_t)trace->number, trace->has_link ? trace->link_id : NULL, sizeof trace->link_id,
                    trace->client_id, trace->account, trace->redirect_uri, (int64_t)trace->known,
                    (int64_t)trace->webhook);
    store_batch_add(batch, "DELETE FROM trace_events WHERE trace = ?1", "i", (int64_t)trace->number);
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_event *event = &trace->events[i];
        store_batch_add(batch,
                        "INSERT INTO trace_events (trace, position, step, outcome, cause, at, last_at, times,"
                        " expected, got) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                        "iitttiiitt", (int64_t)trace->number, (int64_t)i, trace_step_row(event->step)->name,
                        trace_outcome_text(event->outcome), trace_cause_row(event->cause)->code, event->at_ms,
                        event->last_ms, event->times, event->expected, event->got);
    }
}

void rows_forget_trace(struct store_batch *batch, uint32_t number)
{
    store_batch_add(batch, "DELETE FROM trace_events WHERE trace = ?1", "i", (int64_t)number);
    store_batch_add(batch, "DELETE FROM traces WHERE number = ?1", "i", (int64_t)number);
}
