/* Clients that were added: what is taken, what they may have, what their end ends. */
#include "unit/oauth/rig.h"

static const char *wrong_with(struct rig *rig, const struct oauth_new_client *from)
{
    static char text[200];
    struct answer a = {0};
    struct str why = STR_INIT;
    int result = oauth_client_add(rig->oauth, from, note_client, &a, &why);
    snprintf(text, sizeof text, "%s", str_z(&why));
    str_done(&why);
    if (result == 0) {
        wait_for_answer(rig, &a);
        return NULL;
    }
    assert_int_equal(result, ERR_INVALID);
    assert_int_equal(a.count, 0);
    return text;
}

static void test_what_is_taken(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *id, *name, *uri, *scope, *wrong; /* NULL: taken */
    } rows[] = {
        {"a.b-c_9", NULL, "https://a.example/cb?x=1&y", NULL, NULL},
        {"two", "Two & a half", "http://127.0.0.1:7000/cb", "devices:read", NULL},
        {"six", "x", "http://[::1]:7000/", "devices:control devices:read", NULL},
        {"local", "x", "http://localhost/", "devices:control", NULL},
        {"", "x", "https://a.example/", NULL, "id"},
        {"a b", "x", "https://a.example/", NULL, "id"},
        {"a", "", "https://a.example/", NULL, "name"},
        {"a", "new\nline", "https://a.example/", NULL, "name"},
        {"a", "x", "https://a.example/#fragment", NULL, "fragment"}, /* RFC 6749 3.1.2 */
        {"a", "x", "/callback", NULL, "whole URL"},
        {"a", "x", "https://a.example/a b", NULL, "whole URL"},
        {"a", "x", "https://user@a.example/", NULL, "whole URL"},
        {"a", "x", "http://a.example/", NULL, "https"}, /* RFC 9700 2.6 */
        {"a", "x", "javascript://a.example/", NULL, "https"},
        {"a", "x", "https://a.example/", "", "scopes"},
        {"a", "x", "https://a.example/", "devices", "scopes"},
        {"a", "x", "https://a.example/", "devices:read  devices:control", "scopes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct oauth_new_client from = {.id = rows[i].id,
                                              .name = rows[i].name,
                                              .redirect_uris = &rows[i].uri,
                                              .redirect_count = 1,
                                              .scope = rows[i].scope};
        const char *wrong = wrong_with(rig, &from);
        assert_int_equal(wrong != NULL, rows[i].wrong != NULL);
        assert_true(!wrong || strstr(wrong, rows[i].wrong));
        assert_int_equal(oauth_client_find(rig->oauth, rows[i].id) != NULL, wrong == NULL);
    }
    const char *many[OAUTH_MAX_REDIRECTS + 1];
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        many[i] = "https://a.example/";
    }
    struct oauth_new_client from = {.id = "many", .redirect_uris = many, .redirect_count = OAUTH_MAX_REDIRECTS + 1};
    assert_non_null(wrong_with(rig, &from));
    from.redirect_count = 0;
    assert_non_null(wrong_with(rig, &from));
    from.redirect_count = OAUTH_MAX_REDIRECTS;
    assert_null(wrong_with(rig, &from));
    rig_restart(rig);
    assert_int_equal(oauth_trouble(rig->oauth), 0);
    const char *const *uris = oauth_client_redirects(client(rig, "many"));
    assert_non_null(uris[OAUTH_MAX_REDIRECTS - 1]);
    assert_null(uris[OAUTH_MAX_REDIRECTS]);
}

/* The secret is shown once; the store has a hash of it (RFC 9700 4.15 and common sense), and a restart keeps all. */
static void test_kept(void **state)
{
    struct rig *rig = *state;
    const struct oauth_client *found = NULL;
    char file[100], command[400];
    struct answer dash = add_client(rig, "dash", "devices:read"), app = add_client(rig, "app", NULL);
    assert_int_equal(dash.result, 0);
    assert_int_equal(app.result, 0);
    assert_int_equal(strlen(dash.code), 43);
    assert_string_equal(app.code, "");
    assert_int_equal(add_client(rig, "dash", NULL).result, ERR_EXISTS);
    assert_int_equal(add_client(rig, "smartthings", NULL).result, ERR_EXISTS);
    for (int i = 0; i < 2; i++) {
        const struct oauth_client *c = client(rig, "dash");
        assert_false(oauth_client_public(c) || oauth_client_configured(c) || oauth_client_webhook(c));
        assert_true(oauth_client_sends_iss(c) && oauth_client_public(client(rig, "app")));
        assert_int_equal(oauth_client_scopes(c), SCOPE_READ);
        assert_true(oauth_client_redirect_ok(c, rig_callbacks[0]) && oauth_client_redirect_ok(c, rig_callbacks[1]));
        assert_false(oauth_client_redirect_ok(c, "https://app.example.org/callback/"));
        assert_int_equal(oauth_client_created_ms(c), START_MS);
        assert_int_equal(oauth_client_authenticate(rig->oauth, "dash", dash.code, &found), 0);
        assert_int_equal(oauth_client_authenticate(rig->oauth, "dash", "wrong", &found), ERR_DENIED);
        assert_int_equal(oauth_client_authenticate(rig->oauth, "dash", NULL, &found), ERR_DENIED);
        assert_int_equal(oauth_client_authenticate(rig->oauth, "app", NULL, &found), 0);
        assert_int_equal(oauth_client_authenticate(rig->oauth, "app", "anything", &found), ERR_DENIED);
        rig_restart(rig);
    }
    snprintf(file, sizeof file, "%s*", rig->path);
    snprintf(command, sizeof command, "! grep -q '%s' %s", dash.code, file);
    assert_int_equal(system(command), 0);
}

/* RFC 6749 3.3. SmartThings' words are its own. */
static void test_scopes(void **state)
{
    struct rig *rig = *state;
    const char *text = NULL;
    add_client(rig, "dash", "devices:read");
    add_client(rig, "app", NULL);
    static const struct {
        const char *id, *asked, *granted; /* NULL: refused */
    } rows[] = {
        {"app", NULL, "devices:read devices:control"},
        {"app", "devices:control", "devices:control"},
        {"app", "devices:control devices:read", "devices:read devices:control"},
        {"app", "devices:read devices:read", "devices:read"},
        {"app", "devices", NULL},
        {"app", "Devices:read", NULL},
        {"app", "devices:read openid", NULL},
        {"dash", NULL, "devices:read"},
        {"dash", "devices:read", "devices:read"},
        {"dash", "devices:control", NULL},
        {"dash", "devices:read devices:control", NULL},
        {"smartthings", NULL, ""},
        {"smartthings", "r:devices:* x:devices:* whatever", "r:devices:* x:devices:* whatever"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int result = oauth_client_scope(client(rig, rows[i].id), rows[i].asked, &text);
        assert_int_equal(result, rows[i].granted ? 0 : ERR_INVALID);
        if (rows[i].granted) {
            assert_string_equal(text, rows[i].granted);
        }
    }
}

static struct answer grant(struct rig *rig, const char *id, const char *scope)
{
    struct answer a = {0};
    const struct oauth_grant asked = {.account = "anna", .redirect_uri = APP_CALLBACK, .scope = scope};
    oauth_issue_code(rig->oauth, client(rig, id), &asked, note_code, &a);
    wait_for_answer(rig, &a);
    return a;
}

static void test_what_a_link_allows(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    add_client(rig, "dash", NULL);
    static const struct {
        const char *id, *scope;
        unsigned allows;
    } rows[] = {{"dash", "devices:read", SCOPE_READ},
                {"dash", "devices:control", SCOPE_CONTROL},
                {"dash", "devices:read devices:control", SCOPE_ALL},
                {"smartthings", "whatever", SCOPE_ALL},
                {"smartthings", "", SCOPE_ALL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer code = grant(rig, rows[i].id, rows[i].scope);
        for (unsigned scopes = 1; scopes <= SCOPE_ALL; scopes++) {
            assert_int_equal(oauth_link_allows(code.link, scopes), (scopes & ~rows[i].allows) == 0);
        }
        assert_int_equal(oauth_link_webhook(code.link), strcmp(rows[i].id, "smartthings") == 0);
    }
}

static void test_removed(void **state)
{
    struct rig *rig = *state;
    struct answer removed = {0}, again = {0}, configured = {0}, late = {0}, early = {0};
    assert_int_equal(add_account(rig, "anna", PASSWORD), 0);
    add_client(rig, "dash", NULL);
    struct answer mine = linked(rig, NULL), code = allow_for(rig, "dash", NULL);
    struct answer pair = redeem_for(rig, "dash", code.code, APP_CALLBACK, NULL);
    const struct oauth_client *dash = client(rig, "dash");
    const struct oauth_grant asked = {.account = "anna", .redirect_uri = APP_CALLBACK, .scope = "devices:read"};
    oauth_issue_code(rig->oauth, dash, &asked, note_code, &early); /* before, at the same time, after */
    oauth_client_remove(rig->oauth, "dash", note_done, &removed);
    oauth_issue_code(rig->oauth, dash, &asked, note_code, &late);
    assert_int_equal(wait_for_answer(rig, &early), 0);
    assert_int_equal(wait_for_answer(rig, &removed), 0);
    assert_int_equal(wait_for_answer(rig, &late), ERR_NOT_FOUND);
    assert_null(oauth_client_find(rig->oauth, "dash"));
    assert_string_equal(oauth_client_id(dash), "dash"); /* who holds it may look at it still */
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
    assert_false(oauth_link_alive(early.link));
    assert_int_equal(verify(rig, mine.access), 0);
    oauth_client_remove(rig->oauth, "dash", note_done, &again);
    assert_int_equal(wait_for_answer(rig, &again), ERR_NOT_FOUND);
    oauth_client_remove(rig->oauth, "smartthings", note_done, &configured);
    assert_int_equal(wait_for_answer(rig, &configured), ERR_DENIED);
    rig_restart(rig);
    assert_null(oauth_client_find(rig->oauth, "dash"));
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
    assert_int_equal(add_client(rig, "dash", NULL).result, 0); /* another one of that name has none of its links */
    assert_int_equal(verify(rig, pair.access), ERR_ENDED);
}

/* The configuration wins, whatever the store says; its links are none of the other's. */
static void test_clash(void **state)
{
    struct rig *rig = *state;
    const struct oauth_client *found = NULL;
    struct answer removed = {0};
    struct answer pair = linked(rig, NULL);
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch,
                    "INSERT INTO clients (id, name, redirect_uris, scopes, flags, created_at)"
                    " VALUES ('smartthings', 'Impostor', 'https://evil.example/', 'devices:read', 1, 5)",
                    "");
    assert_int_equal(store_write(rig->store, batch), 0);
    rig_restart(rig);
    assert_true(oauth_client_configured(client(rig, "smartthings")));
    assert_false(oauth_client_redirect_ok(client(rig, "smartthings"), "https://evil.example/"));
    assert_int_equal(oauth_client_authenticate(rig->oauth, "smartthings", NULL, &found), ERR_DENIED);
    size_t count = 0;
    while (oauth_client_at(rig->oauth, count)) {
        count++;
    }
    assert_int_equal(count, 4); /* the rig's three, and the hidden one, so that it can be seen and removed */
    oauth_client_remove(rig->oauth, "smartthings", note_done, &removed);
    assert_int_equal(wait_for_answer(rig, &removed), 0);
    assert_true(oauth_client_configured(client(rig, "smartthings")));
    assert_int_equal(verify(rig, pair.access), 0);
}

/* While the store cannot be read nobody knows who was added: that is no refusal. */
static void test_store_unwell(void **state)
{
    struct rig *rig = *state;
    const struct oauth_client *found = NULL;
    struct answer dash = add_client(rig, "dash", NULL);
    struct store_batch *batch = store_batch_new();
    store_batch_add(batch, "UPDATE clients SET scopes = 'rotten'", "");
    assert_int_equal(store_write(rig->store, batch), 0);
    rig_restart(rig);
    assert_null(oauth_client_find(rig->oauth, "dash"));
    assert_int_equal(oauth_client_authenticate(rig->oauth, "dash", dash.code, &found), ERR_CORRUPT);
    assert_int_equal(oauth_client_authenticate(rig->oauth, "smartthings", "s3cret", &found), 0);
    assert_int_equal(add_client(rig, "other2", NULL).result, ERR_CORRUPT);
}

static void test_cap(void **state)
{
    struct rig *rig = *state;
    char id[16];
    for (int i = 0; i < (int)OAUTH_MAX_CLIENTS; i++) {
        snprintf(id, sizeof id, "c%d", i);
        assert_int_equal(add_client(rig, id, NULL).result, 0);
    }
    assert_int_equal(add_client(rig, "more", NULL).result, ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_what_is_taken), T(test_kept),  T(test_scopes),       T(test_what_a_link_allows),
        T(test_removed),       T(test_clash), T(test_store_unwell), T(test_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
