/* What the files of this room share. */
#ifndef LOCAL_LOCAL_INTERNAL_H
#define LOCAL_LOCAL_INTERNAL_H

#include "local/local.h"

#include "base/json.h"
#include "http/http.h"
#include "hub/hub.h"
#include "loop/loop.h"
#include "oauth/oauth.h"
#include "oauth/trace.h"
#include "smartthings/smartthings.h"

struct local {
    struct loop *loop;
    struct hub *hub;
    struct oauth *oauth;
    struct smartthings *smartthings;
    const struct http *http;
    struct local_sources sources;
    uint64_t started; /* loop ms */
    int64_t started_wall_ms;
    struct {
        char *state; /* that announced it; NULL: no rehearsal is under way */
        struct timer *patience;
    } selftest;
};

/* The control API's documents (control.c), also for the answers of light.c. */
void control_put_light(struct json_out *j, const struct light *light);
/* "on, level": what it can do, for people. */
void control_add_abilities(struct str *s, const struct light_profile *profile);
/* Answers with an error of the control API that fits `err`. */
void control_answer_error(struct http_exchange *x, int err, const char *text);
void control_answer_json(struct http_exchange *x, struct str *body); /* 200; takes the body */
void control_answer_empty(struct http_exchange *x);
void selftest_start(struct local *local); /* selftest.c: removes what an interrupted one left */
void selftest_done(struct local *local);
/* Parses the body; NULL: an error was answered. The caller frees with json_free. */
struct json *control_body(struct http_exchange *x);

/* Traces of linking (traces.c). */
void traces_put_trace(struct json_out *j, const struct trace *trace);
void traces_put_health(struct json_out *j, const struct oauth_link_info *link,
                       const struct trace *trace); /* may be NULL */
/* Those that no redeemed link came of. */
void traces_put_attempts(struct json_out *j, struct oauth *oauth);
bool traces_is_attempt(struct oauth *oauth, const struct trace *trace);
/* Plain text: "3h ago"; one line of when what was last done; what is wrong and what to do. */
void traces_add_age(struct str *s, int64_t then_ms, int64_t now_ms);
void traces_add_health(struct str *s, const struct oauth_link_info *link, const struct trace *trace, int64_t now_ms);
void traces_add_finding(struct str *s, const struct trace_finding *finding);

#endif
