/* The traces that are kept: in memory by birth, a while later in the store, and one timer for the steps that do not
   come. */
#include "oauth/oauth_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

#define LOG "trace"
#define ANONYMOUS_LINES 10u /* of the log, in a minute */

/* ---- writing, together and later ---- */

struct traces_write {
    struct job job;
};

static void flush_later(struct oauth *oauth, uint64_t delay_ms);

static void written(struct job *job, int result)
{
    struct traces *traces = &job->oauth->traces;
    if (result == 0 || result == ERR_CANCELLED) {
        return;
    }
    log_warn(LOG, "traces of linking could not be written, they are kept in memory: %s", err_text(result));
    for (size_t i = 0; i < traces->count; i++) {
        traces->list[i]->changed = true; /* which of them is not worth remembering */
    }
    flush_later(job->oauth, TRACE_RETRY_MS);
}

/* NULL: there is nothing to write. */
static struct store_batch *changes(struct traces *traces)
{
    struct store_batch *batch = NULL;
    for (size_t i = 0; i < traces->gone_count; i++) {
        batch = batch ? batch : store_batch_new();
        rows_forget_trace(batch, traces->gone[i]);
    }
    traces->gone_count = 0;
    for (size_t i = 0; i < traces->count; i++) {
        if (traces->list[i]->changed && !traces->list[i]->rehearsal) {
            batch = batch ? batch : store_batch_new();
            rows_put_trace(batch, traces->list[i]);
            traces->list[i]->changed = traces->list[i]->stamped = false;
            traces->list[i]->stored = true;
        }
    }
    return batch;
}

static void flush(void *user)
{
    struct oauth *oauth = user;
    if (oauth_store_trouble(oauth) != 0) {
        return; /* until a restart */
    }
    struct store_batch *batch = changes(&oauth->traces);
    if (batch) {
        struct traces_write *write = mem_alloc(sizeof *write);
        write->job.done = written;
        oauth_submit(oauth, &write->job, batch);
    }
}

static void flush_later(struct oauth *oauth, uint64_t delay_ms)
{
    struct traces *traces = &oauth->traces;
    uint64_t at = loop_now(oauth->loop) + delay_ms;
    if (!traces->flush) {
        traces->flush = timer_new(oauth->loop, flush, oauth);
    }
    if (!timer_active(traces->flush) || at < traces->flush_at) {
        traces->flush_at = at;
        timer_start(traces->flush, delay_ms);
    }
}

/* ---- the steps that do not come ---- */

/* Anybody can be refused as often as he likes: the log must not be his to fill. The traces have it all the same. */
static bool may_tell(struct oauth *oauth, const struct trace *trace)
{
    struct traces *traces = &oauth->traces;
    uint64_t now_ms = oauth->mono_ms(oauth->loop);
    if (trace->known) {
        return true;
    }
    if (now_ms - traces->told_since_ms >= 60000) {
        traces->told_since_ms = now_ms;
        traces->told = 0;
    }
    return traces->told++ < ANONYMOUS_LINES;
}

static void tell(struct oauth *oauth, const struct trace *trace, const struct trace_event *event)
{
    const struct trace_cause_row *cause = trace_cause_row(event->cause);
    char link_id[OAUTH_LINK_ID_SIZE * 2 + 1];
    if (!may_tell(oauth, trace)) {
        return;
    }
    oauth_trace_link_id(trace, link_id);
    struct str line = STR_INIT;
    str_printf(&line, "attempt %u%s%s to link %s: %s %s: %s: %s", trace->number, *link_id ? ", link " : "", link_id,
               trace->client_id ? trace->client_id : "nobody", trace_step_row(event->step)->title,
               trace_outcome_text(event->outcome), cause->code, cause->sentence);
    if (event->expected) {
        str_printf(&line, " Expected: %s.", event->expected);
    }
    if (event->got) {
        str_printf(&line, " Got: %s.", event->got);
    }
    str_printf(&line, " %s", cause->advice);
    (trace->known ? log_warn : log_info)(LOG, "%s", str_z(&line));
    str_done(&line);
}

/* How often it looks, and what it finds, is the rules' to say; see trace_expire. */
void traces_expire(struct oauth *oauth)
{
    struct traces *traces = &oauth->traces;
    int64_t now_ms = oauth_now(oauth);
    for (size_t i = 0; i < traces->count; i++) {
        struct trace *trace = traces->list[i];
        size_t added = trace_expire(trace, &oauth->clock, traces->since_ms, now_ms, traces->origin);
        for (size_t k = trace->count - added; k < trace->count; k++) {
            tell(oauth, trace, &trace->events[k]);
        }
        if (added > 0) {
            flush_later(oauth, TRACE_LATER_MS);
        }
    }
}

static void watch(struct oauth *oauth, const struct trace *trace, int64_t now_ms);

static void due(void *user)
{
    struct oauth *oauth = user;
    traces_expire(oauth);
    for (size_t i = 0; i < oauth->traces.count; i++) {
        watch(oauth, oauth->traces.list[i], oauth_now(oauth));
    }
}

/* Wakes when this trace has waited long enough, if not before. */
static void watch(struct oauth *oauth, const struct trace *trace, int64_t now_ms)
{
    struct traces *traces = &oauth->traces;
    int64_t left = trace_expires_in(trace, &oauth->clock, traces->since_ms, now_ms);
    if (left < 0) {
        return;
    }
    uint64_t at = loop_now(oauth->loop) + (uint64_t)left + 1;
    if (!traces->due) {
        traces->due = timer_new(oauth->loop, due, oauth);
    }
    if (!timer_active(traces->due) || at < traces->due_at) {
        traces->due_at = at;
        timer_start(traces->due, (uint64_t)left + 1);
    }
}

static void changed(struct oauth *oauth, const struct trace *trace)
{
    flush_later(oauth, trace->known ? TRACE_LATER_MS : TRACE_RETRY_MS);
    watch(oauth, trace, oauth_now(oauth));
}

/* ---- the set ---- */

static struct trace *find(struct oauth *oauth, uint32_t number)
{
    struct traces *traces = &oauth->traces;
    size_t low = 0, high = traces->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (traces->list[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < traces->count && traces->list[low]->number == number ? traces->list[low] : NULL;
}

static void forget(struct oauth *oauth, size_t index)
{
    struct traces *traces = &oauth->traces;
    struct trace *trace = traces->list[index];
    struct oauth_link *link = trace->has_link ? links_find(oauth, trace->link_id) : NULL;
    if (link && link->trace == trace) {
        link->trace = NULL;
    }
    if (trace->stored) {
        traces->gone = mem_grow(traces->gone, traces->gone_count + 1, sizeof *traces->gone);
        traces->gone[traces->gone_count++] = trace->number;
    }
    trace_done(trace);
    free(trace);
    traces->count--;
    memmove(&traces->list[index], &traces->list[index + 1], (traces->count - index) * sizeof(struct trace *));
}

static void make_room(struct oauth *oauth, bool known)
{
    size_t victim = trace_victim(oauth->traces.list, oauth->traces.count, known);
    if (victim < oauth->traces.count) {
        forget(oauth, victim);
    }
}

static struct trace *add(struct oauth *oauth, const struct trace_origin *origin)
{
    struct traces *traces = &oauth->traces;
    make_room(oauth, origin->known);
    struct trace *trace = mem_alloc(sizeof *trace);
    const struct oauth_client *client = origin->client_id ? oauth_client_find(oauth, origin->client_id) : NULL;
    trace->number = ++traces->last_number;
    trace->known = origin->known;
    trace->rehearsal = origin->rehearsal;
    trace->webhook = client && client->webhook;
    trace->client_id = trace_line(oauth_is_secret(oauth, origin->client_id) ? "(a secret)" : origin->client_id);
    trace->redirect_uri = trace_line(origin->redirect_uri);
    traces->list[traces->count++] = trace;
    return trace;
}

static void attach(struct trace *trace, struct oauth_link *link)
{
    struct oauth_link_info info;
    oauth_link_info(link, &info);
    memcpy(trace->link_id, link->id, sizeof trace->link_id);
    trace->has_link = true;
    trace->over = !oauth_link_alive(link);
    link->trace = trace;
    if (!trace->account) {
        trace->account = trace_line(info.account);
    }
}

static struct trace *of_link(struct oauth *oauth, struct oauth_link *link)
{
    if (!link->trace) {
        attach(add(oauth, &(struct trace_origin){link->client_id, link->redirect_uri, true, link->rehearsal}), link);
    }
    return link->trace;
}

static void note_event(struct oauth *oauth, struct trace *trace, const struct trace_note *note)
{
    trace_add(trace, note, oauth_now(oauth));
    const struct trace_event *event = trace_latest(trace, note->step);
    if (event->times == 1 && event->outcome == TRACE_REFUSED) {
        tell(oauth, trace, event);
    }
    changed(oauth, trace);
}

/* ---- verbs ---- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The same refusal again, of nobody whose attempt we know: one trace, counted. */
static struct trace *find_alike(struct oauth *oauth, const struct trace_origin *origin, const struct trace_note *note)
{
    char *client_id = trace_line(origin->client_id), *redirect_uri = trace_line(origin->redirect_uri);
    struct trace *alike = NULL;
    for (size_t i = oauth->traces.count; i-- > 0 && !alike;) {
        struct trace *trace = oauth->traces.list[i];
        if (trace->known == origin->known && !trace->has_link && !trace->account && trace->count == 1 &&
            trace->events[0].step == note->step && trace->events[0].outcome == note->outcome &&
            trace->events[0].cause == note->cause && same_text(trace->client_id, client_id) &&
            same_text(trace->redirect_uri, redirect_uri)) {
            alike = trace;
        }
    }
    free(client_id);
    free(redirect_uri);
    return alike;
}

uint32_t oauth_trace_begin(struct oauth *oauth, const struct trace_origin *origin, const struct trace_note *note)
{
    struct trace *trace = note->outcome == TRACE_REFUSED ? find_alike(oauth, origin, note) : NULL;
    if (!trace) {
        trace = add(oauth, origin);
    }
    note_event(oauth, trace, note);
    return trace->number;
}

void oauth_trace_note(struct oauth *oauth, uint32_t number, const struct trace_note *note)
{
    struct trace *trace = find(oauth, number);
    if (trace) {
        note_event(oauth, trace, note);
    }
}

uint32_t oauth_trace_login(struct oauth *oauth, uint32_t number, const struct trace_origin *origin, const char *account)
{
    struct trace *trace = find(oauth, number);
    if (!trace) {
        trace = add(oauth, &(struct trace_origin){origin->client_id, origin->redirect_uri, true, origin->rehearsal});
    } else if (!trace->known) {
        make_room(oauth, true);
        trace->known = true;
    }
    free(trace->account);
    trace->account = trace_line(account);
    note_event(oauth, trace, &(struct trace_note){.step = TRACE_LOGIN, .got = account});
    return trace->number;
}

void oauth_trace_linked(struct oauth *oauth, uint32_t number, struct oauth_link *link)
{
    struct trace *trace = find(oauth, number);
    if (trace) {
        attach(trace, link);
    }
}

void oauth_trace_link(struct oauth *oauth, struct oauth_link *link, const struct trace_note *note)
{
    note_event(oauth, of_link(oauth, link), note);
}

void oauth_trace_seen(struct oauth *oauth, struct oauth_link *link, enum trace_step step, int64_t now_ms)
{
    if (!link->trace || !trace_stamp(link->trace, step, now_ms)) {
        note_event(oauth, of_link(oauth, link), &(struct trace_note){.step = step});
    }
}

const struct trace *oauth_trace_of(const struct oauth_link *link)
{
    return link->trace;
}

const struct trace *oauth_trace_next(const struct oauth *oauth, const struct trace *after)
{
    for (size_t i = 0; i < oauth->traces.count; i++) {
        if (!after || oauth->traces.list[i]->number > after->number) {
            return oauth->traces.list[i];
        }
    }
    return NULL;
}

void oauth_trace_link_id(const struct trace *trace, char ret_id[OAUTH_LINK_ID_SIZE * 2 + 1])
{
    struct str hex = STR_INIT;
    if (trace->has_link) {
        secrets_hex(&hex, trace->link_id, sizeof trace->link_id);
    }
    memcpy(ret_id, str_z(&hex), hex.len + 1);
    str_done(&hex);
}

/* ---- life ---- */

void traces_load(struct oauth *oauth, const char *public_url)
{
    struct traces *traces = &oauth->traces;
    traces->origin = public_url ? public_url : "PUBLIC_URL";
    traces->since_ms = oauth_now(oauth);
    if (oauth_store_trouble(oauth) == 0 && rows_load_traces(oauth) != 0) {
        log_warn(LOG, "the traces of linking cannot be read; they begin anew");
    }
    for (size_t i = 0; i < traces->count; i++) {
        watch(oauth, traces->list[i], traces->since_ms);
    }
}

void traces_put(struct oauth *oauth, struct trace *trace)
{
    struct traces *traces = &oauth->traces;
    struct oauth_link *link = trace->has_link ? links_find(oauth, trace->link_id) : NULL;
    make_room(oauth, trace->known);
    trace->stored = true;
    trace->changed = false;
    traces->list[traces->count++] = trace;
    traces->last_number = trace->number;
    trace->over = trace->has_link && (!link || !oauth_link_alive(link));
    if (link) {
        link->trace = trace;
    }
}

void traces_link_ended(struct oauth *oauth, struct oauth_link *link)
{
    if (link->trace) {
        link->trace->over = true;
        link->trace->changed = true;
        changed(oauth, link->trace);
    }
}

void traces_forget_rehearsals(struct oauth *oauth)
{
    for (size_t i = oauth->traces.count; i-- > 0;) {
        if (oauth->traces.list[i]->rehearsal) {
            forget(oauth, i);
        }
    }
}

void oauth_trace_keep(struct oauth *oauth)
{
    struct traces *traces = &oauth->traces;
    for (size_t i = 0; i < traces->count; i++) {
        traces->list[i]->changed |= traces->list[i]->stamped;
    }
    flush(oauth);
}

void traces_done(struct oauth *oauth)
{
    struct traces *traces = &oauth->traces;
    timer_free(traces->due);
    timer_free(traces->flush);
    for (size_t i = 0; i < traces->count; i++) {
        trace_done(traces->list[i]);
        free(traces->list[i]);
    }
    free(traces->gone);
}
