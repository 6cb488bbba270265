/* doctor: every check with its verdict, the reason and the fix. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/control.h"
#include "app/doctor.h"
#include "app/print.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/secrets.h"
#include "fetch/fetch.h"
#include "http/http.h"
#include "loop/loop.h"

#define PATIENCE_S 8u
#define OUTSIDE_S 5u

#define HERE NEED_CONFIG
#define LIVE (NEED_CONFIG | NEED_DAEMON)
const struct doctor_check doctor_checks[] = {
    {"configuration", "configuration", 0, doctor_configuration},
    {"daemon", "daemon", HERE, doctor_daemon},
    {"store", "store", HERE, doctor_store},
    {"space", "free space", HERE, doctor_space},
    {"permissions", "permissions", HERE, doctor_permissions},
    {"clock", "clock", HERE, doctor_clock},
    {"drivers", "drivers", LIVE, doctor_drivers},
    {"lamps", "lamps", LIVE, doctor_lamps},
    {"public-url", "public URL", HERE, doctor_public_url},
    {"tls", "TLS", HERE | NEED_URL | NEED_HTTPS, doctor_tls},
    {"chain", "certificate chain", HERE | NEED_URL | NEED_HTTPS | NEED_TLS, doctor_chain},
    {"certificate-name", "certificate's name", HERE | NEED_URL | NEED_HTTPS | NEED_TLS, doctor_certificate_name},
    {"expiry", "certificate's end", HERE | NEED_URL | NEED_HTTPS | NEED_TLS, doctor_expiry},
    {"bridge", "leads to this bridge", LIVE | NEED_URL | NEED_TLS, doctor_bridge},
    {"clients", "OAuth clients", HERE, doctor_clients},
    {"credentials", "credential pairs", HERE, doctor_credentials},
    {"callback-hosts", "SmartThings' hosts", HERE, doctor_callback_hosts},
    {"links", "links", LIVE, doctor_links},
    {"attempts", "attempts to link", LIVE, doctor_attempts},
};
const size_t doctor_check_count = sizeof doctor_checks / sizeof doctor_checks[0];

const char *doctor_unmet(const struct doctor *d, const struct doctor_check *check)
{
    bool reached = !d->https || (d->probe.result != ERR_NOT_FOUND && d->probe.result != ERR_OFFLINE);
    const struct {
        unsigned need;
        bool met;
        const char *says;
    } needs[] = {
        {NEED_CONFIG, d->config != NULL, "needs the configuration"},
        {NEED_DAEMON, d->daemon, "needs the daemon, which does not answer"},
        {NEED_URL, d->has_url, "public.url is not set"},
        {NEED_HTTPS, d->https, "public.url is not https"},
        {NEED_URL, reached, "nothing was reached at public.url"},
        {NEED_TLS, !d->https || d->probed, "no TLS was spoken"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if ((check->needs & needs[i].need) && !needs[i].met) {
            return needs[i].says;
        }
    }
    return NULL;
}

void doctor_say(struct doctor_finding *f, enum doctor_verdict verdict, const char *fix, const char *reason, ...)
{
    va_list args;
    f->verdict = verdict;
    str_clear(&f->reason);
    str_clear(&f->fix);
    str_add_z(&f->fix, fix);
    va_start(args, reason);
    str_vprintf(&f->reason, reason, args);
    va_end(args);
}

/* ---- finding out ---- */

struct asking {
    struct doctor *d;
    struct loop *loop;
    void (*take)(struct doctor *d, const struct fetch_result *result);
};

static void answered(void *user, const struct fetch_result *result)
{
    struct asking *a = user;
    a->take(a->d, result);
    loop_stop(a->loop);
}

static void get(struct doctor *d, const struct fetch_request *request,
                void (*take)(struct doctor *d, const struct fetch_result *result))
{
    struct asking a = {.d = d, .take = take};
    struct fetch *fetch = NULL;
    if (loop_new(&a.loop) == 0 && fetch_new(a.loop, &fetch) == 0) {
        fetch_start(fetch, request, answered, &a);
        loop_run(a.loop);
    }
    fetch_free(fetch);
    loop_free(a.loop);
}

static void take_health(struct doctor *d, const struct fetch_result *result)
{
    d->answer = result->result;
    d->answer_status = result->status;
    str_add_z(&d->answer_why, result->why);
    if (result->result == 0) {
        const char *instance = fetch_answer_header(result, HTTP_INSTANCE);
        str_add_z(&d->instance, instance ? instance : "");
    }
}

static void ask_health(struct doctor *d)
{
    struct str url = STR_INIT;
    d->answer = ERR_IO;
    url_origin(&url, &d->url);
    str_add_z(&url, "/healthz");
    get(d,
        &(struct fetch_request){.url = str_z(&url),
                                .timeout_ms = PATIENCE_S * 1000,
                                .policy = FETCH_ALLOW_HTTP | FETCH_ALLOW_PRIVATE,
                                .ca_file = d->ca_file,
                                .connect_to = d->connect_to},
        take_health);
    str_done(&url);
}

/* Any answer will do: that there is one, and what time it is there. */
static void take_outside(struct doctor *d, const struct fetch_result *result)
{
    const char *date = result->result == 0 ? fetch_answer_header(result, "Date") : NULL;
    if (result->result == 0) {
        d->reached++;
    } else {
        str_printf(&d->unreached, "%s%s", d->unreached.len > 0 ? "; " : "", result->why);
    }
    if (date) {
        str_clear(&d->date);
        str_add_z(&d->date, date);
    }
}

/* The hosts to which browsers go back are those that take callbacks (facts 1.8, 1.9). */
static void look_outside(struct doctor *d)
{
    const struct config_smartthings *st = &d->config->smartthings;
    for (unsigned i = 0; i < st->callback_hosts_count; i++) {
        d->rehearsed = d->rehearsed || strncmp(st->callback_hosts[i], "127.", 4) == 0 ||
                       strcmp(st->callback_hosts[i], "localhost") == 0 || strcmp(st->callback_hosts[i], "::1") == 0;
    }
    for (unsigned i = 0; i < st->redirect_uris_count && !d->rehearsed; i++) {
        struct url url;
        struct str origin = STR_INIT;
        if (url_parse(st->redirect_uris[i], &url) == 0 && strcmp(url.scheme, "https") == 0 &&
            url_host_under(url.host, "smartthings.com")) {
            d->asked++;
            url_origin(&origin, &url);
            get(d, &(struct fetch_request){.url = str_z(&origin), .timeout_ms = OUTSIDE_S * 1000}, take_outside);
        }
        str_done(&origin);
    }
}

static void look_at_public_url(struct doctor *d)
{
    const char *text = d->config->public.url;
    d->has_url = text && url_parse(text, &d->url) == 0;
    d->https = d->has_url && strcmp(d->url.scheme, "https") == 0;
    if (d->https) {
        probe_tls(d->url.host, d->url.port, d->connect_to, d->ca_file, PATIENCE_S, &d->probe);
        d->probed = d->probe.result == 0;
    }
    if (d->has_url && (!d->https || (d->probed && !d->probe.old_version))) {
        ask_health(d);
    }
}

static void compare_secrets(struct doctor *d)
{
    const char *const paths[2] = {d->config->smartthings.client_secret_file,
                                  d->config->smartthings.callback_client_secret_file};
    struct str secrets[2] = {STR_INIT, STR_INIT};
    bool both = true;
    for (int i = 0; i < 2; i++) {
        char *real = paths[i] ? config_secret_path(paths[i]) : NULL;
        both = real && file_read_secret(real, &secrets[i], NULL) == 0 && both;
        free(real);
    }
    d->same_secret = both && secrets_equal_text(str_z(&secrets[0]), str_z(&secrets[1]));
    for (int i = 0; i < 2; i++) {
        secrets_wipe(secrets[i].data, secrets[i].len);
        str_done(&secrets[i]);
    }
}

static void find_out(struct doctor *d)
{
    d->now_s = loop_wall_ms() / 1000;
    if (config_load(d->config_path, &d->config, &d->config_trouble) != 0) {
        return;
    }
    const char *socket = d->config->local.socket;
    d->daemon = control_try(socket, "/control/status", NULL, &d->status) == EXIT_FINE;
    if (d->daemon) {
        (void)control_try(socket, "/control/lights", NULL, &d->lights);
        (void)control_try(socket, "/control/links", NULL, &d->links);
        (void)control_try(socket, "/control/clients", NULL, &d->clients);
    }
    compare_secrets(d);
    look_at_public_url(d);
    look_outside(d);
}

/* ---- telling ---- */

static const char *const verdicts[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_WARNING] = "warning", [DOCTOR_FAILED] = "failed", [DOCTOR_SKIPPED] = "skipped"};

static void print_finding(const struct doctor_check *check, const struct doctor_finding *f)
{
    printf("%-8s  %-20s  ", verdicts[f->verdict], check->title);
    print_text(stdout, str_z(&f->reason));
    putchar('\n');
    if (f->fix.len > 0) {
        printf("%32s-> ", "");
        print_text(stdout, str_z(&f->fix));
        putchar('\n');
    }
}

static void put_finding(struct json_out *j, const struct doctor_check *check, const struct doctor_finding *f)
{
    json_begin_object(j);
    json_member_text(j, "name", check->name);
    json_member_text(j, "title", check->title);
    json_member_text(j, "verdict", verdicts[f->verdict]);
    json_member_text(j, "reason", str_z(&f->reason));
    json_member_text(j, "fix", str_z(&f->fix));
    json_end_object(j);
}

static int examine(struct doctor *d, bool as_json)
{
    struct str text = STR_INIT;
    struct json_out j;
    bool well = true;
    json_out_init(&j, &text);
    json_begin_object(&j);
    json_member_array(&j, "checks");
    for (size_t i = 0; i < doctor_check_count; i++) {
        const struct doctor_check *check = &doctor_checks[i];
        struct doctor_finding f = {0};
        const char *unmet = doctor_unmet(d, check);
        if (unmet) {
            doctor_say(&f, DOCTOR_SKIPPED, "", "%s", unmet);
        } else {
            check->run(d, &f);
        }
        well = well && f.verdict != DOCTOR_FAILED && f.verdict != DOCTOR_WARNING;
        put_finding(&j, check, &f);
        if (!as_json) {
            print_finding(check, &f);
        }
        str_done(&f.reason);
        str_done(&f.fix);
    }
    json_end_array(&j);
    json_member_bool(&j, "well", well);
    json_end_object(&j);
    puts(as_json ? str_z(&text) : well ? "all is well" : "not all is well");
    str_done(&text);
    return well ? EXIT_FINE : EXIT_NO;
}

int command_doctor(const struct command *self, int argc, char **argv)
{
    struct doctor d = {0};
    size_t count;
    int exit_code, as_json = 0;
    const struct option_spec options[] = {{"config", &d.config_path, NULL},
                                          {"ca-file", &d.ca_file, NULL},
                                          {"connect", &d.connect_to, NULL},
                                          {"json", NULL, &as_json}};
    if (command_options(self, argc, argv, options, 4, NULL, 0, &count, &exit_code) != 0) {
        return exit_code;
    }
    d.config_path = d.config_path ? d.config_path : CONFIG_PATH;
    find_out(&d);
    exit_code = examine(&d, as_json != 0);
    config_free(d.config);
    json_free(d.status);
    json_free(d.lights);
    json_free(d.links);
    json_free(d.clients);
    struct str *const texts[] = {&d.config_trouble, &d.date, &d.instance, &d.answer_why, &d.unreached};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        str_done(texts[i]);
    }
    return exit_code;
}
