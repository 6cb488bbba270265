/* OAuth clients in the control API. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "local/local_internal.h"
#include "oauth/scope.h"

static void put_client(struct json_out *j, const struct oauth *oauth, const struct oauth_client *client)
{
    json_begin_object(j);
    json_member_text(j, "id", oauth_client_id(client));
    json_member_text(j, "name", oauth_client_name(client));
    json_member_text(j, "kind", oauth_client_public(client) ? "public" : "confidential");
    json_member_text(j, "source", oauth_client_configured(client) ? "configuration" : "added");
    json_member_bool(j, "in_force", oauth_client_find(oauth, oauth_client_id(client)) == client);
    json_member_array(j, "redirect_uris");
    for (const char *const *uri = oauth_client_redirects(client); *uri; uri++) {
        json_put_text(j, *uri);
    }
    json_end_array(j);
    json_member_text(j, "scope", scope_text(oauth_client_scopes(client)));
    json_member_bool(j, "iss", oauth_client_sends_iss(client));
    json_member_int(j, "created_at", oauth_client_created_ms(client));
    json_end_object(j);
}

void local_put_clients(struct str *out, const struct oauth *oauth)
{
    struct json_out j;
    const struct oauth_client *client;
    json_out_init(&j, out);
    json_begin_object(&j);
    json_member_array(&j, "clients");
    for (size_t i = 0; (client = oauth_client_at(oauth, i)) != NULL; i++) {
        put_client(&j, oauth, client);
    }
    json_end_array(&j);
    json_end_object(&j);
}

void local_put_new_client(struct str *out, const struct oauth *oauth, const char *id, const char *secret)
{
    struct json_out j;
    json_out_init(&j, out);
    json_begin_object(&j);
    json_put_key(&j, "client");
    put_client(&j, oauth, oauth_client_find(oauth, id));
    if (secret) {
        json_member_text(&j, "client_secret", secret);
    }
    json_end_object(&j);
}

const char *local_client_error(int err)
{
    return err == ERR_EXISTS      ? "there is a client of this id already; `lightbridge client list` shows it"
           : err == ERR_NOT_FOUND ? "there is no client of this id; `lightbridge client list` shows all"
           : err == ERR_DENIED    ? "this client is named by the configuration (smartthings.client_id): change it there"
           : err == ERR_TOO_LARGE ? "there are as many clients as the bridge can hold; remove one"
                                  : err_text(err);
}

void local_clients(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct str body = STR_INIT;
    int err = oauth_trouble(local->oauth);
    if (err != 0) { /* those that were added are not known then: a list without them would be a lie */
        control_answer_error(x, err, NULL);
        return;
    }
    local_put_clients(&body, local->oauth);
    control_answer_json(x, &body);
}

/* ---- changes ---- */

struct adding {
    struct local *local;
    struct http_exchange *x;
    char *id;
};

static void added(void *user, int result, const char *secret)
{
    struct adding *a = user;
    struct str body = STR_INIT;
    if (result == 0) {
        local_put_new_client(&body, a->local->oauth, a->id, secret);
        control_answer_json(a->x, &body);
    } else {
        control_answer_error(a->x, result, local_client_error(result));
    }
    free(a->id);
    free(a);
}

static void removed(void *user, int result)
{
    struct http_exchange *x = user;
    struct str body = STR_INIT;
    if (result == 0) {
        str_add_z(&body, "{}");
        control_answer_json(x, &body);
    } else {
        control_answer_error(x, result == ERR_DENIED ? ERR_INVALID : result, local_client_error(result));
    }
}

static void add(struct local *local, struct http_exchange *x, const char *id, const struct json *body)
{
    const char *uris[OAUTH_MAX_REDIRECTS + 1] = {0};
    const struct json *list = json_get(body, "redirect_uris"), *iss = json_get(body, "iss");
    struct oauth_new_client from = {.id = id,
                                    .name = json_get_text(body, "name"),
                                    .redirect_uris = uris,
                                    .scope = json_get_text(body, "scope"),
                                    .is_public = json_is_true(json_get(body, "public")),
                                    .send_iss = !iss || json_is_true(iss)};
    struct str why = STR_INIT;
    for (const struct json *uri = json_first(list); uri && from.redirect_count < OAUTH_MAX_REDIRECTS + 1;
         uri = json_next(uri)) {
        uris[from.redirect_count++] = json_text(uri) ? json_text(uri) : "";
    }
    struct adding *a = mem_alloc(sizeof *a);
    *a = (struct adding){local, x, mem_text(id)};
    if (oauth_client_add(local->oauth, &from, added, a, &why) != 0) {
        control_answer_error(x, ERR_INVALID, str_z(&why));
        free(a->id);
        free(a);
    }
    str_done(&why);
}

void local_client_change(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct json *body = control_body(x);
    if (!body) {
        return;
    }
    const char *action = json_get_text(body, "action"), *id = json_get_text(body, "id");
    if (id && action && strcmp(action, "add") == 0) {
        add(local, x, id, body);
    } else if (id && action && strcmp(action, "remove") == 0) {
        oauth_client_remove(local->oauth, id, removed, x);
    } else {
        control_answer_error(x, ERR_INVALID, "\"id\" and \"action\" are needed; an action is add or remove");
    }
    json_free(body);
}
