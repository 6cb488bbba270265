/* lightbridge doctor: what was found out, and the rules that judge it. */
#ifndef APP_DOCTOR_H
#define APP_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config.h"
#include "base/str.h"
#include "base/url.h"
#include "fetch/probe.h"

struct json;

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED, DOCTOR_SKIPPED };

/* What a check found: in `reason` what is so and why it matters, in `fix` what to do ("" when all is well). */
struct doctor_finding {
    enum doctor_verdict verdict;
    struct str reason, fix;
};

/* What is known when the checks run; a check whose needs are not there is skipped by name. */
struct doctor {
    const char *config_path, *ca_file, *connect_to;
    struct config *config; /* NULL: it cannot be read */
    struct str config_trouble;
    bool daemon;                                    /* it answered on its control socket */
    struct json *status, *lights, *links, *clients; /* its documents, NULL without it */
    struct url url;                                 /* public.url */
    bool has_url, https;
    bool probed; /* `probe` was made and TLS was spoken */
    struct probe probe;
    struct str instance; /* headers of the answer to GET /healthz */
    int answer;          /* its result: 0, ERR_* */
    int answer_status;
    struct str answer_why;
    bool rehearsed;             /* callback_hosts lists this machine: nothing outside is asked */
    unsigned asked, reached;    /* SmartThings' hosts, those of redirect_uris */
    struct str unreached, date; /* why not; Date of the last answer of one */
    bool same_secret;           /* of both pairs */
    int64_t now_s;
};

enum doctor_need { NEED_CONFIG = 1, NEED_DAEMON = 2, NEED_URL = 4, NEED_HTTPS = 8, NEED_TLS = 16 };

struct doctor_check {
    const char *name, *title;
    unsigned needs;
    void (*run)(struct doctor *d, struct doctor_finding *f);
};
extern const struct doctor_check doctor_checks[];
extern const size_t doctor_check_count;

/* Why a check cannot run: a sentence; NULL: it can. */
const char *doctor_unmet(const struct doctor *d, const struct doctor_check *check);

/* Sets all of a finding; reason and fix are formatted by the caller where they need be. */
void doctor_say(struct doctor_finding *f, enum doctor_verdict verdict, const char *fix, const char *reason, ...)
    __attribute__((format(printf, 4, 5)));

/* doctor_place.c: this machine; doctor_public.c: the way in; doctor_house.c: lamps, links; doctor_clients.c: who may
   link, by what */
typedef void doctor_run_fn(struct doctor *d, struct doctor_finding *f);
doctor_run_fn doctor_configuration, doctor_daemon, doctor_store, doctor_space, doctor_permissions, doctor_clock,
    doctor_callback_hosts;
doctor_run_fn doctor_public_url, doctor_tls, doctor_chain, doctor_certificate_name, doctor_expiry, doctor_bridge;
doctor_run_fn doctor_drivers, doctor_lamps, doctor_clients, doctor_credentials, doctor_links, doctor_attempts;

/* Is this event of a trace about a pair of credentials in a wrong place? Then it is that check's to tell, no other's.
 */
bool doctor_about_credentials(const struct json *event);
/* When the youngest link was made (ms since 1970; 0: there is none): what happened before it says nothing of now. */
int64_t doctor_last_linked(const struct doctor *d);
int64_t doctor_number(const struct json *object, const char *key); /* 0: none */

/* ---- rules: pure ---- */

/* A certificate that ends at until_s (seconds): renewal programs renew at 30 days; at 14 they have failed, at 7 it is
   time to do it by hand. */
enum doctor_verdict doctor_judge_expiry(int64_t until_s, int64_t now_s);
/* How far the clock may be off: SmartThings' signatures and tokens bear little more than minutes. */
enum doctor_verdict doctor_judge_skew(int64_t skew_s);
/* 443, or 80 to 8002: SmartThings connects nowhere else (facts: the CLI's schemaOutURLValidate). */
bool doctor_port_ok(uint16_t port);

#endif
