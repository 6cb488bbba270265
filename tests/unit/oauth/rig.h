/* An authorization server over a real store in a folder that goes away, with clocks that the test sets. */
#ifndef TEST_OAUTH_RIG_H
#define TEST_OAUTH_RIG_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "loop/loop.h"
#include "oauth/oauth_internal.h"

#define CALLBACK "https://c2c-eu.smartthings.com/oauth/callback"
#define OTHER_CALLBACK "https://c2c-us.smartthings.com/oauth/callback"
#define PASSWORD "correct horse"
#define START_MS INT64_C(1800000000000) /* 2027 */

struct rig {
    struct loop *loop;
    struct store *store;
    struct oauth *oauth;
    char folder[32], path[64];
    uint8_t key[SECRETS_KEY_SIZE];
    bool keyless;  /* the key file is lost */
    bool expected; /* a store must be there */
    struct secrets_cost cost;
};

static int64_t rig_wall;
static uint64_t rig_mono;

static int64_t read_wall(void)
{
    return rig_wall;
}

static uint64_t read_mono(const struct loop *loop)
{
    (void)loop;
    return rig_mono;
}

__attribute__((unused)) static void pass_time(int64_t ms)
{
    rig_wall += ms;
    rig_mono += (uint64_t)ms;
}

static void rig_open(struct rig *rig)
{
    static const char *const redirects[] = {CALLBACK, OTHER_CALLBACK, NULL};
    static const struct oauth_client_config clients[] = {
        {.id = "smartthings",
         .secret = "s3cret",
         .display_name = "SmartThings",
         .redirect_uris = redirects,
         .webhook = true},
        {.id = "other", .secret = "0ther", .redirect_uris = redirects},
        {.id = "silent", .redirect_uris = redirects},
    };
    const struct oauth_config config = {.key = rig->keyless ? NULL : rig->key,
                                        .clients = clients,
                                        .client_count = 3,
                                        .cost = rig->cost,
                                        .callback_id = "viper",
                                        .callback_secret = "callback secret",
                                        .public_url = "https://lights.example.org"};
    assert_int_equal(store_open(rig->loop, &(struct store_config){rig->path, rig->expected}, &rig->store), 0);
    assert_int_equal(oauth_new(rig->loop, rig->store, &config, &rig->oauth), 0);
    rig->oauth->wall_ms = read_wall;
    rig->oauth->mono_ms = read_mono;
    rig->oauth->clock = (struct rules_clock){0};
    rig->oauth->traces.since_ms = oauth_now(rig->oauth);
}

static void rig_close(struct rig *rig)
{
    oauth_free(rig->oauth);
    store_close(rig->store);
    rig->oauth = NULL;
    rig->store = NULL;
}

__attribute__((unused)) static void rig_restart(struct rig *rig)
{
    rig_close(rig);
    rig->expected = true;
    rig_open(rig);
}

/* The files as they are on the disk at this moment, as a crash would leave them, become a store of that name. */
static void copy_store(const struct rig *rig, const char *from, const char *to)
{
    char command[256];
    snprintf(command, sizeof command,
             "cd %s && rm -f %s %s-wal %s-shm && cp %s %s && if [ -e %s-wal ]; then cp %s-wal %s-wal; fi", rig->folder,
             to, to, to, from, to, from, from, to);
    assert_int_equal(system(command), 0);
}

/* As kill -9 between two instructions: nothing that is still in memory gets out. */
__attribute__((unused)) static void rig_crash(struct rig *rig)
{
    copy_store(rig, "store.db", "crashed.db");
    rig_close(rig);
    copy_store(rig, "crashed.db", "store.db");
    rig->expected = true;
    rig_open(rig);
}

static int set_up(void **state)
{
    static struct rig rig;
    memset(&rig, 0, sizeof rig);
    rig_wall = START_MS;
    rig_mono = 1000;
    rig.cost = (struct secrets_cost){8, 1};
    memset(rig.key, 7, sizeof rig.key);
    strcpy(rig.folder, "/tmp/oauth_test.XXXXXX");
    assert_int_equal(secrets_init(), 0);
    assert_non_null(mkdtemp(rig.folder));
    snprintf(rig.path, sizeof rig.path, "%s/store.db", rig.folder);
    assert_int_equal(loop_new(&rig.loop), 0);
    alarm(100);
    rig_open(&rig);
    *state = &rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    char command[64];
    rig_close(rig);
    loop_free(rig->loop);
    snprintf(command, sizeof command, "rm -r %s", rig->folder);
    return system(command);
}

/* ---- what comes later ---- */

struct answer {
    int count, result;
    char access[OAUTH_TOKEN_MAX], refresh[OAUTH_TOKEN_MAX], scope[64], code[OAUTH_TOKEN_MAX], refusal[200];
    int expires_in;
    struct oauth_link *link;
    struct oauth *oauth;
};

static void note_done(void *user, int result)
{
    struct answer *a = user;
    a->count++;
    a->result = result;
}

__attribute__((unused)) static void note_tokens(void *user, int result, const struct oauth_tokens *tokens)
{
    struct answer *a = user;
    note_done(a, result);
    assert_int_equal(result == 0, tokens != NULL);
    if (tokens) {
        strcpy(a->access, tokens->access);
        strcpy(a->refresh, tokens->refresh);
        strcpy(a->scope, tokens->scope);
        a->expires_in = tokens->expires_in;
    }
    if (a->oauth) {
        snprintf(a->refusal, sizeof a->refusal, "%s", oauth_refusal(a->oauth));
    }
}

__attribute__((unused)) static void note_code(void *user, int result, const char *code, struct oauth_link *link)
{
    struct answer *a = user;
    note_done(a, result);
    assert_int_equal(result == 0, code != NULL);
    strcpy(a->code, code ? code : "");
    a->link = link;
}

/* Turns the loop until it has been answered; it is answered once. */
static int wait_for_answer(struct rig *rig, const struct answer *a)
{
    while (a->count == 0) {
        loop_turn(rig->loop, true);
    }
    for (int i = 0; i < 3; i++) {
        loop_turn(rig->loop, false);
    }
    assert_int_equal(a->count, 1);
    return a->result;
}

/* ---- the verbs, waited for ---- */

__attribute__((unused)) static int add_account(struct rig *rig, const char *name, const char *password)
{
    struct answer a = {0};
    assert_int_equal(oauth_account_add(rig->oauth, name, password, note_done, &a, NULL), 0);
    return wait_for_answer(rig, &a);
}

__attribute__((unused)) static int log_in(struct rig *rig, const char *name, const char *password)
{
    struct answer a = {0};
    oauth_login(rig->oauth, &(struct oauth_login){.name = name, .password = password, .side = "public"}, note_done, &a);
    return wait_for_answer(rig, &a);
}

static const struct oauth_client *client(const struct rig *rig, const char *id)
{
    const struct oauth_client *found = oauth_client_find(rig->oauth, id);
    assert_non_null(found);
    return found;
}

__attribute__((unused)) static struct answer allow(struct rig *rig, const char *account)
{
    struct answer a = {0};
    oauth_issue_code(rig->oauth, client(rig, "smartthings"),
                     &(struct oauth_grant){.account = account, .redirect_uri = CALLBACK, .scope = "devices"}, note_code,
                     &a);
    wait_for_answer(rig, &a);
    return a;
}

__attribute__((unused)) static struct answer redeem(struct rig *rig, const char *code)
{
    struct answer a = {.oauth = rig->oauth};
    oauth_redeem(rig->oauth, client(rig, "smartthings"), code, CALLBACK, NULL, note_tokens, &a);
    wait_for_answer(rig, &a);
    return a;
}

__attribute__((unused)) static struct answer refresh(struct rig *rig, const char *token)
{
    struct answer a = {.oauth = rig->oauth};
    oauth_refresh(rig->oauth, client(rig, "smartthings"), token, note_tokens, &a);
    wait_for_answer(rig, &a);
    return a;
}

__attribute__((unused)) static int verify(struct rig *rig, const char *token)
{
    struct oauth_link *link = NULL;
    return oauth_verify(rig->oauth, token, rig_wall, &link);
}

__attribute__((unused)) static int end_link(struct rig *rig, struct oauth_link *link)
{
    struct answer a = {0};
    oauth_link_end(rig->oauth, link, "unlinked by hand", note_done, &a);
    return wait_for_answer(rig, &a);
}

/* ---- clients that are added: "app" keeps no secret, "dash" does ---- */

__attribute__((unused)) static void note_client(void *user, int result, const char *secret)
{
    struct answer *a = user;
    note_done(a, result);
    snprintf(a->code, sizeof a->code, "%s", secret ? secret : "");
}

static const char *const rig_callbacks[] = {"https://app.example.org/callback", "http://127.0.0.1:7000/callback"};
#define APP_CALLBACK "https://app.example.org/callback"
/* RFC 7636 appendix B */
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

/* Its secret is in `code`. */
__attribute__((unused)) static struct answer add_client(struct rig *rig, const char *id, const char *scope)
{
    struct answer a = {0};
    struct str why = STR_INIT;
    const struct oauth_new_client from = {.id = id,
                                          .redirect_uris = rig_callbacks,
                                          .redirect_count = 2,
                                          .scope = scope,
                                          .is_public = strcmp(id, "app") == 0,
                                          .send_iss = true};
    assert_int_equal(oauth_client_add(rig->oauth, &from, note_client, &a, &why), 0);
    wait_for_answer(rig, &a);
    return a;
}

__attribute__((unused)) static struct answer allow_for(struct rig *rig, const char *id, const char *challenge)
{
    struct answer a = {0};
    const struct oauth_grant grant = {.account = "anna",
                                      .redirect_uri = APP_CALLBACK,
                                      .scope = "devices:read devices:control",
                                      .code_challenge = challenge};
    oauth_issue_code(rig->oauth, client(rig, id), &grant, note_code, &a);
    wait_for_answer(rig, &a);
    return a;
}

__attribute__((unused)) static struct answer redeem_for(struct rig *rig, const char *id, const char *code,
                                                        const char *redirect_uri, const char *verifier)
{
    struct answer a = {.oauth = rig->oauth};
    oauth_redeem(rig->oauth, client(rig, id), code, redirect_uri, verifier, note_tokens, &a);
    wait_for_answer(rig, &a);
    return a;
}

__attribute__((unused)) static struct answer refresh_for(struct rig *rig, const char *id, const char *token)
{
    struct answer a = {.oauth = rig->oauth};
    oauth_refresh(rig->oauth, client(rig, id), token, note_tokens, &a);
    wait_for_answer(rig, &a);
    return a;
}

/* An account that is linked, its tokens not used yet. */
__attribute__((unused)) static struct answer linked(struct rig *rig, struct answer *ret_code)
{
    int added = add_account(rig, "anna", PASSWORD);
    assert_true(added == 0 || added == ERR_EXISTS);
    struct answer code = allow(rig, "anna");
    assert_int_equal(code.result, 0);
    struct answer pair = redeem(rig, code.code);
    assert_int_equal(pair.result, 0);
    if (ret_code) {
        *ret_code = code;
    }
    return pair;
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
