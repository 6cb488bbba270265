/* What the traces of linking say: documents for the control API, a line of health for the page. */
#include <string.h>

#include "base/age.h"
#include "local/local_internal.h"

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

static void put_event(struct json_out *j, const struct trace_event *event)
{
    const struct trace_cause_row *cause = trace_cause_row(event->cause);
    json_member_text(j, "step", trace_step_row(event->step)->name);
    json_member_text(j, "title", trace_step_row(event->step)->title);
    json_member_text(j, "outcome", trace_outcome_text(event->outcome));
    json_member_text(j, "cause", cause->code);
    json_member_text(j, "sentence", cause->sentence);
    json_member_text(j, "advice", cause->advice);
    json_member_text(j, "expected", text_or_empty(event->expected));
    json_member_text(j, "got", text_or_empty(event->got));
    json_member_int(j, "at", event->at_ms);
    json_member_int(j, "last_at", event->last_ms);
    json_member_int(j, "times", event->times);
}

/* What an oddity may be to blame for has not happened: its sentence would be a false alarm. */
static void put_story(struct json_out *j, const struct trace *trace)
{
    json_member_array(j, "events");
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_event event = trace->events[i];
        if (event.outcome == TRACE_OK) {
            event.cause = CAUSE_NONE;
        }
        json_begin_object(j);
        put_event(j, &event);
        json_end_object(j);
    }
    json_end_array(j);
}

void traces_put_trace(struct json_out *j, const struct trace *trace)
{
    char link_id[OAUTH_LINK_ID_SIZE * 2 + 1];
    struct trace_finding finding;
    enum trace_step awaited;
    oauth_trace_link_id(trace, link_id);
    json_begin_object(j);
    json_member_int(j, "attempt", trace->number);
    json_member_text(j, "link", link_id);
    json_member_text(j, "client", text_or_empty(trace->client_id));
    json_member_text(j, "account", text_or_empty(trace->account));
    json_member_text(j, "redirect_uri", text_or_empty(trace->redirect_uri));
    json_member_bool(j, "anonymous", !trace->known);
    json_member_int(j, "began_at", trace->count > 0 ? trace->events[0].at_ms : 0);
    json_member_text(j, "awaits", trace_awaits(trace, &awaited) ? trace_step_row(awaited)->name : "");
    if (trace_finding(trace, &finding)) {
        json_member_object(j, "finding");
        put_event(j, finding.event);
        json_end_object(j);
    } else {
        json_put_key(j, "finding");
        json_put_null(j);
    }
    put_story(j, trace);
    json_end_object(j);
}

/* ---- health: when what was last done ---- */

static int64_t last_done(const struct trace *trace, enum trace_step step)
{
    return trace ? trace_last_done(trace, step) : 0;
}

void traces_put_health(struct json_out *j, const struct oauth_link_info *link, const struct trace *trace)
{
    const struct trace_event *result = trace ? trace_last_result(trace) : NULL;
    json_member_object(j, "health");
    json_member_int(j, "refresh_at", link->refreshed_ms);
    json_member_int(j, "discovery_at", last_done(trace, TRACE_DISCOVERY));
    json_member_int(j, "state_refresh_at", last_done(trace, TRACE_STATE_REFRESH));
    json_member_int(j, "command_at", last_done(trace, TRACE_COMMAND));
    json_member_int(j, "callback_at", last_done(trace, TRACE_CALLBACK));
    json_member_int(j, "result_at", result ? result->last_ms : 0);
    json_member_text(j, "result", result ? text_or_empty(result->got) : "");
    json_end_object(j);
}

bool traces_is_attempt(struct oauth *oauth, const struct trace *trace)
{
    char link_id[OAUTH_LINK_ID_SIZE * 2 + 1];
    oauth_trace_link_id(trace, link_id);
    const struct oauth_link *link = trace->has_link ? oauth_link_find(oauth, link_id) : NULL;
    struct oauth_link_info info = {0};
    if (link) {
        oauth_link_info(link, &info);
    }
    return info.redeemed_ms == 0;
}

void traces_put_attempts(struct json_out *j, struct oauth *oauth)
{
    json_member_array(j, "attempts");
    for (const struct trace *trace = oauth_trace_next(oauth, NULL); trace; trace = oauth_trace_next(oauth, trace)) {
        if (traces_is_attempt(oauth, trace)) {
            traces_put_trace(j, trace);
        }
    }
    json_end_array(j);
}

/* ---- for the page ---- */

void traces_add_age(struct str *s, int64_t then_ms, int64_t now_ms)
{
    age_add(s, then_ms, now_ms);
    if (then_ms != 0) {
        str_add_z(s, " ago");
    }
}

void traces_add_health(struct str *s, const struct oauth_link_info *link, const struct trace *trace, int64_t now_ms)
{
    const struct trace_event *result = trace ? trace_last_result(trace) : NULL;
    const struct {
        const char *what;
        int64_t at_ms;
    } times[] = {{"refresh", link->refreshed_ms},
                 {"discovery", last_done(trace, TRACE_DISCOVERY)},
                 {"command", last_done(trace, TRACE_COMMAND)},
                 {"callback", last_done(trace, TRACE_CALLBACK)},
                 {"complaint", result ? result->last_ms : 0}};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        str_printf(s, "%s%s ", i > 0 ? ", " : "", times[i].what);
        traces_add_age(s, times[i].at_ms, now_ms);
    }
}

void traces_add_finding(struct str *s, const struct trace_finding *finding)
{
    const struct trace_cause_row *cause = trace_cause_row(finding->cause);
    str_printf(s, " · %s: %s %s", trace_step_row(finding->step)->title, cause->sentence, cause->advice);
    if (finding->event->got) {
        str_printf(s, " (%s)", finding->event->got);
    }
}
