/* The OAuth endpoints, as strangers reach them: authorize, login, consent, token, revocation, introspection. The real
   handlers over a real authorization server; only HTTP is played here. Input: requests, a form feed between two. A
   request is a letter for the endpoint (see endpoints), the rest of that line the Authorization header, a line with the
   cookie (each may be empty), then the query or the form. In them @L, @P, @F and @C stand for the login id, the consent
   page's and form's id and the cookie of the newest authorization, so that the fuzzer gets past them; one has begun
   already. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account/account.h"
#include "account/account_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"
#include "loop/loop.h"
#include "store/store.h"

#define CALLBACK "https://app.example.org/callback"
#define REQUESTS_MAX 8
#define SECRET "a secret that nobody is told"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct http_exchange {
    const char *authorization, *cookie, *content;
    bool is_form;
    struct url_form query;
    unsigned answers;
    int status;
    struct str location, page;
};

static void demand(bool so)
{
    if (!so) {
        abort();
    }
}

/* ---- HTTP, played: these stand in for bridge/http's ---- */

const struct url_form *http_query(struct http_exchange *x, const char **ret_what)
{
    url_form_done(&x->query);
    return url_form_parse(&x->query, x->content, strlen(x->content), ret_what) == 0 ? &x->query : NULL;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
    return strcmp(name, "Authorization") == 0 && x->authorization[0] ? x->authorization : NULL;
}

const char *http_cookie(const struct http_exchange *x, const char *name, size_t *ret_len)
{
    (void)name;
    *ret_len = strlen(x->cookie);
    return x->cookie[0] ? x->cookie : NULL;
}

const char *http_body(const struct http_exchange *x, size_t *ret_len)
{
    *ret_len = strlen(x->content);
    return x->content;
}

bool http_body_is(const struct http_exchange *x, const char *media_type)
{
    (void)media_type;
    return x->is_form;
}

bool http_is_tls(const struct http_exchange *x)
{
    (void)x;
    return false;
}

unsigned http_listener(const struct http_exchange *x)
{
    (void)x;
    return HTTP_PUBLIC;
}

const char *http_source(const struct http_exchange *x)
{
    (void)x;
    return NULL;
}

void http_add_header(struct http_exchange *x, const char *name, const char *value)
{
    demand(!strpbrk(value, "\r\n"));
    if (strcmp(name, "Location") == 0) {
        demand(x->location.len == 0);
        str_add_z(&x->location, value);
    }
}

void http_answer(struct http_exchange *x, int status, const char *content_type, struct str *body)
{
    (void)content_type;
    x->answers++;
    x->status = status;
    if (body) {
        str_add(&x->page, body->data, body->len);
        str_done(body);
    }
}

void http_answer_error(struct http_exchange *x, int status, const char *code, const char *text, unsigned retry_after)
{
    (void)code;
    (void)retry_after;
    struct str body = STR_INIT;
    str_add_z(&body, text);
    http_answer(x, status, "application/json", &body);
}

/* ---- the server ---- */

static struct loop *loop;
static struct store *store;
static struct oauth *oauth;
static struct account *account;
static char folder[] = "/tmp/endpoints_fuzz.XXXXXX";

static void end(void)
{
    static const char *const names[] = {"", "-wal", "-shm", ".lock"};
    char path[64];
    oauth_free(oauth);
    account_free(account);
    store_close(store);
    loop_free(loop);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/store.db%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static void added(void *user, int result)
{
    *(int *)user = result;
}

static void begin(void)
{
    static const char *const redirects[] = {CALLBACK, NULL};
    static const struct oauth_client_config clients[] = {
        {.id = "app", .secret = SECRET, .display_name = "App", .redirect_uris = redirects, .send_iss = true}};
    static uint8_t key[SECRETS_KEY_SIZE] = {3};
    char path[64];
    int result = 1;
    log_set_level(LOG_LEVEL_ERROR);
    demand(secrets_init() == 0 && mkdtemp(folder) != NULL && loop_new(&loop) == 0);
    snprintf(path, sizeof path, "%s/store.db", folder);
    demand(store_open(loop, &(struct store_config){path, false}, &store) == 0);
    demand(oauth_new(loop, store,
                     &(struct oauth_config){.key = key, .clients = clients, .client_count = 1, .cost = {8, 1}},
                     &oauth) == 0);
    demand(account_new(loop, oauth, &(struct account_config){"https://lights.example.org"}, &account) == 0);
    demand(oauth_account_add(oauth, "anna", "correct horse", added, &result, NULL) == 0);
    while (result == 1) {
        loop_turn(loop, true);
    }
    demand(result == 0 && atexit(end) == 0);
}

/* ---- one request ---- */

static const struct {
    char letter;
    http_handler *handle;
} endpoints[] = {{'a', account_authorize},    {'l', account_login_page}, {'L', account_login},
                 {'c', account_consent_page}, {'C', account_consent},    {'t', account_token},
                 {'r', account_revoke},       {'i', account_introspect}};

static void fill(struct str *out, const char *text)
{
    const struct pending *p = account->pendings;
    for (; *text; text++) {
        const char *known = !p || *text != '@' ? NULL
                            : text[1] == 'L'   ? p->login_id
                            : text[1] == 'P'   ? p->page_id
                            : text[1] == 'F'   ? p->id
                            : text[1] == 'C'   ? p->cookie
                                               : NULL;
        if (known) {
            str_add_z(out, known);
            text++;
        } else {
            str_add_char(out, *text);
        }
    }
}

static void judge(const struct http_exchange *x, char letter)
{
    static const int statuses[] = {200, 303, 400, 401, 403, 429, 503};
    bool known = false;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        known = known || x->status == statuses[i];
    }
    demand(known && x->answers == 1);
    demand((x->status == 303) == (x->location.len > 0));
    demand(x->status != 303 || strncmp(str_z(&x->location), CALLBACK "?", sizeof CALLBACK) == 0 ||
           strncmp(str_z(&x->location), "/oauth/", 7) == 0);
    /* a fuzzer finds the secret in our comparisons; what it says itself is not shown by us */
    demand(strstr(x->content, SECRET) || !strstr(str_z(&x->page), SECRET));
    /* nobody has been given a token */
    demand(letter != 't' || x->status != 200);
    demand(letter != 'i' || x->status != 200 || strcmp(str_z(&x->page), "{\"active\":false}") == 0);
}

static void request(char *text)
{
    struct http_exchange x = {.is_form = true};
    struct str parts[3] = {STR_INIT, STR_INIT, STR_INIT};
    char letter = text[0], *at = letter ? text + 1 : NULL;
    for (int i = 0; i < 3 && at; i++) {
        char *line = at;
        at = i < 2 ? strchr(at, '\n') : NULL;
        if (at) {
            *at++ = 0;
        }
        fill(&parts[i], line);
    }
    x.authorization = str_z(&parts[0]);
    x.cookie = str_z(&parts[1]);
    x.content = str_z(&parts[2]);
    x.is_form = x.content[0] != '{';
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (letter == endpoints[i].letter) {
            endpoints[i].handle(&x, account);
            while (x.answers == 0) {
                loop_turn(loop, true);
            }
            judge(&x, letter);
        }
    }
    url_form_done(&x.query);
    str_done(&x.location);
    str_done(&x.page);
    for (int i = 0; i < 3; i++) {
        str_done(&parts[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char first[] = "a\n\nclient_id=app&response_type=code&redirect_uri=" CALLBACK "&state=first";
    if (!loop) {
        begin();
    }
    pending_free_all(account);
    account->count = 0;
    request(first);
    char *text = mem_text_n((const char *)data, size), *at = text;
    for (int i = 0; i < REQUESTS_MAX && at; i++) {
        char *next = strchr(at, '\f');
        if (next) {
            *next++ = 0;
        }
        request(at);
        at = next;
    }
    free(text);
    return 0;
}
