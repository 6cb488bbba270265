/* The rules of link traces; see trace.h. Pure: every rule takes the time as an argument. */
#include "oauth/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"
#include "oauth/rules.h"

char *trace_line(const char *text)
{
    if (!text || !*text) {
        return NULL;
    }
    struct str line = STR_INIT;
    log_escape(&line, text, strnlen(text, TRACE_TEXT_MAX));
    while (line.len > TRACE_TEXT_MAX || !utf8_valid(line.data, line.len)) {
        line.data[--line.len] = '\0';
    }
    return str_take(&line);
}

static void event_done(struct trace_event *event)
{
    free(event->expected);
    free(event->got);
}

const struct trace_event *trace_latest(const struct trace *trace, enum trace_step step)
{
    return trace->latest[step] > 0 ? &trace->events[trace->latest[step] - 1] : NULL;
}

static struct trace_event *latest(struct trace *trace, enum trace_step step)
{
    return trace->latest[step] > 0 ? &trace->events[trace->latest[step] - 1] : NULL;
}

int64_t trace_last_done(const struct trace *trace, enum trace_step step)
{
    for (size_t i = trace->count; i-- > 0;) {
        if (trace->events[i].step == step && trace->events[i].outcome == TRACE_OK) {
            return trace->events[i].last_ms;
        }
    }
    return 0;
}

const struct trace_event *trace_last_result(const struct trace *trace)
{
    const struct trace_event *last = NULL;
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_event *event = &trace->events[i];
        bool is_one = event->cause == CAUSE_BAD_RESPONSE || event->cause == CAUSE_DEVICE_REFUSED;
        last = is_one && (!last || event->last_ms >= last->last_ms) ? event : last;
    }
    return last;
}

void trace_restore(struct trace *trace, const struct trace_event *event)
{
    trace->events[trace->count++] = *event;
    trace->latest[event->step] = (uint8_t)trace->count;
}

static void remove_event(struct trace *trace, size_t index)
{
    event_done(&trace->events[index]);
    trace->count--;
    memmove(&trace->events[index], &trace->events[index + 1], (trace->count - index) * sizeof trace->events[0]);
    memset(trace->latest, 0, sizeof trace->latest);
    for (size_t i = 0; i < trace->count; i++) {
        trace->latest[trace->events[i].step] = (uint8_t)(i + 1);
    }
}

/* The first event that a later one of its step has overtaken, of the same step if there is one: what comes and goes
   for months (a callback that is sent again) must not push out how the link began. */
static void forget_one(struct trace *trace, enum trace_step step)
{
    size_t victim = trace->count;
    for (size_t i = 0; i < trace->count; i++) {
        bool overtaken = trace_latest(trace, trace->events[i].step) != &trace->events[i];
        if (overtaken && trace->events[i].step == step) {
            victim = i;
            break;
        }
        if (overtaken && victim == trace->count) {
            victim = i;
        }
    }
    remove_event(trace, victim < trace->count ? victim : 0);
}

void trace_add(struct trace *trace, const struct trace_note *note, int64_t now_ms)
{
    struct trace_event *event = latest(trace, note->step);
    if (event && event->outcome == TRACE_AWAITED && note->outcome == TRACE_OK) { /* it came: nothing to tell */
        remove_event(trace, (size_t)(event - trace->events));
        event = latest(trace, note->step);
    }
    if (!event || event->outcome != note->outcome || event->cause != note->cause) {
        if (trace->count == TRACE_EVENTS_MAX) {
            forget_one(trace, note->step);
        }
        trace_restore(trace, &(struct trace_event){
                                 .step = note->step, .outcome = note->outcome, .cause = note->cause, .at_ms = now_ms});
        event = latest(trace, note->step);
    }
    event_done(event);
    event->expected = trace_line(note->expected);
    event->got = trace_line(note->got);
    event->last_ms = now_ms;
    event->times++;
    trace->changed = true;
}

bool trace_stamp(struct trace *trace, enum trace_step step, int64_t now_ms)
{
    struct trace_event *event = latest(trace, step);
    if (!event || event->outcome != TRACE_OK) {
        return false;
    }
    event->last_ms = now_ms;
    event->times++;
    trace->stamped = true;
    return true;
}

void trace_done(struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        event_done(&trace->events[i]);
    }
    free(trace->client_id);
    free(trace->account);
    free(trace->redirect_uri);
    *trace = (struct trace){0};
}

/* ---- which step is to blame ---- */

static bool implies(enum trace_step step, enum trace_step other)
{
    while (trace_step_row(step)->implies != step) {
        step = trace_step_row(step)->implies;
        if (step == other) {
            return true;
        }
    }
    return false;
}

/* Was something done since that cannot be done without it? */
static bool made_good(const struct trace *trace, const struct trace_event *event)
{
    for (enum trace_step step = 0; step < TRACE_STEPS; step++) {
        const struct trace_event *done = implies(step, event->step) ? trace_latest(trace, step) : NULL;
        if (done && done->outcome == TRACE_OK && (done->last_ms > event->last_ms || done > event)) {
            return true;
        }
    }
    return false;
}

bool trace_finding(const struct trace *trace, struct trace_finding *ret_finding)
{
    for (enum trace_step step = 0; step < TRACE_STEPS; step++) {
        const struct trace_event *event = trace_latest(trace, step);
        if (event && (event->outcome == TRACE_REFUSED || event->outcome == TRACE_ABSENT) && !made_good(trace, event)) {
            *ret_finding = (struct trace_finding){step, event->cause, event};
            return true;
        }
    }
    return false;
}

/* ---- what is waited for ---- */

/* Since when a step is waited for; false: it is not. */
static bool awaited_since(const struct trace *trace, enum trace_step step, int64_t *ret_since_ms)
{
    const struct trace_step_row *row = trace_step_row(step);
    const struct trace_event *event = trace_latest(trace, step);
    const struct trace_event *before = trace_latest(trace, row->after);
    if (trace->over || row->deadline_s == 0 || (row->webhook && !trace->webhook)) {
        return false;
    }
    if (event && event->outcome == TRACE_AWAITED) {
        *ret_since_ms = event->at_ms;
        return true;
    }
    if (event || row->on_demand || row->after == step || !before || before->outcome != TRACE_OK ||
        made_good(trace, &(struct trace_event){.step = step, .last_ms = INT64_MIN})) {
        return false;
    }
    *ret_since_ms = before->at_ms;
    return true;
}

bool trace_awaits(const struct trace *trace, enum trace_step *ret_step)
{
    for (enum trace_step step = 0; step < TRACE_STEPS; step++) {
        int64_t since_ms;
        if (awaited_since(trace, step, &since_ms)) {
            *ret_step = step;
            return true;
        }
    }
    return false;
}

/* Milliseconds that are left; -1: it is not waited for. */
static int64_t left_ms(const struct trace *trace, enum trace_step step, const struct rules_clock *clock,
                       int64_t since_ms, int64_t now_ms)
{
    int64_t from_ms = 0;
    if (!awaited_since(trace, step, &from_ms)) {
        return -1;
    }
    int64_t age_ms = rules_age(clock, from_ms > since_ms ? from_ms : since_ms, now_ms);
    int64_t deadline_ms = (int64_t)trace_step_row(step)->deadline_s * 1000;
    return age_ms < deadline_ms ? deadline_ms - age_ms : 0;
}

int64_t trace_expires_in(const struct trace *trace, const struct rules_clock *clock, int64_t since_ms, int64_t now_ms)
{
    int64_t first_ms = -1;
    for (enum trace_step step = 0; step < TRACE_STEPS; step++) {
        int64_t left = left_ms(trace, step, clock, since_ms, now_ms);
        if (left >= 0 && (first_ms < 0 || left < first_ms)) {
            first_ms = left;
        }
    }
    return first_ms;
}

/* What went well before it and was odd all the same. */
static const struct trace_event *suspect(const struct trace *trace, enum trace_step absent)
{
    for (enum trace_step step = absent; trace_step_row(step)->after != step;) {
        step = trace_step_row(step)->after;
        const struct trace_event *event = trace_latest(trace, step);
        if (event && event->outcome == TRACE_OK && trace_cause_row(event->cause)->blamed_for & UINT32_C(1) << absent) {
            return event;
        }
    }
    return NULL;
}

static void add_absence(struct trace *trace, enum trace_step step, int64_t now_ms, const char *origin)
{
    const struct trace_step_row *row = trace_step_row(step);
    const struct trace_event *odd = suspect(trace, step);
    struct str expected = STR_INIT;
    char *got = odd ? mem_text(odd->got) : NULL;
    if (row->request) {
        const char *space = strchr(row->request, ' ');
        str_printf(&expected, "%.*s %s%s within %u s after: %s", (int)(space - row->request), row->request, origin,
                   space + 1, row->deadline_s, trace_step_row(row->after)->title);
    } else {
        str_printf(&expected, "within %u s after: %s", row->deadline_s, trace_step_row(row->after)->title);
    }
    trace_add(trace,
              &(struct trace_note){.step = step,
                                   .outcome = TRACE_ABSENT,
                                   .cause = odd ? odd->cause : row->absence,
                                   .expected = str_z(&expected),
                                   .got = got},
              now_ms);
    free(got);
    str_done(&expected);
}

size_t trace_expire(struct trace *trace, const struct rules_clock *clock, int64_t since_ms, int64_t now_ms,
                    const char *origin)
{
    size_t count = 0;
    for (enum trace_step step = 0; step < TRACE_STEPS; step++) {
        if (left_ms(trace, step, clock, since_ms, now_ms) == 0) {
            add_absence(trace, step, now_ms, origin);
            count++;
        }
    }
    return count;
}

/* ---- which make room ---- */

/* Of the anonymous: a kind is the first step and what was wrong with it. */
static bool same_kind(const struct trace *a, const struct trace *b)
{
    return a->count > 0 && b->count > 0 && a->events[0].step == b->events[0].step &&
           a->events[0].outcome == b->events[0].outcome && a->events[0].cause == b->events[0].cause;
}

static size_t oldest_of_most_frequent(struct trace *const *traces, size_t count)
{
    size_t victim = count, most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t alike = 0;
        for (size_t k = i; !traces[i]->known && k < count; k++) {
            alike += !traces[k]->known && (k == i || same_kind(traces[i], traces[k]));
        }
        if (alike > most) { /* counted from i on, so the first of a kind has the highest count of it */
            most = alike;
            victim = i;
        }
    }
    return victim;
}

size_t trace_victim(struct trace *const *traces, size_t count, bool known)
{
    size_t alike = 0, oldest = count, idle = count;
    for (size_t i = 0; i < count; i++) {
        alike += traces[i]->known == known;
        if (traces[i]->known && oldest == count) {
            oldest = i;
        }
        if (traces[i]->known && idle == count && (traces[i]->over || !traces[i]->has_link)) {
            idle = i;
        }
    }
    if (alike < (known ? TRACE_KNOWN_MAX : TRACE_ANONYMOUS_MAX)) {
        return count;
    }
    return !known ? oldest_of_most_frequent(traces, count) : idle < count ? idle : oldest;
}
