/* GET /v1/events: server-sent events (WHATWG HTML 9.2) of every change. All listeners read from one ring, each at its
   own pace; who falls behind the ring is let go, and comes back with Last-Event-ID to hear that there is a gap. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secrets.h"
#include "partner/internal.h"
#include "partner/ring.h"

#define HEARTBEAT_MS 15000u
#define STREAM_LIFE_MS 3600000u /* then it is to come again, with a token that is still good */
#define KEEP_MS 600000u         /* how long events are kept for listeners who have gone */
#define RUN_CHARS 8u

struct stream {
    struct stream *next, **at;
    struct feed *feed;
    struct http_exchange *x;
    const struct oauth_link *link;
    struct str greeting;
    size_t said;     /* of the greeting, or of the event that it is at */
    uint64_t number; /* of that event */
    uint64_t since;
    bool beat, ending;
};

struct feed {
    struct partner *p;
    struct ring ring;
    char run[RUN_CHARS + 1]; /* events of another run of the ring have other ids */
    bool kept;               /* somebody listens, or did a while ago: events are kept */
    uint64_t left_at;
    struct stream *streams;
    unsigned count;
    struct defer *wake;
    struct timer *heartbeat;
};

/* ---- what is sent ---- */

static void write_event(const struct feed *f, struct str *out, uint64_t number, const char *type,
                        const struct str *data)
{
    str_printf(out, "id: %s-%llu\nevent: %s\ndata: ", f->run, (unsigned long long)number, type);
    str_add(out, data->data, data->len);
    str_add_z(out, "\n\n");
}

/* "hello", or "gap" with its reason: what is missed is asked for. */
static void greet(const struct feed *f, struct stream *s, const char *gap)
{
    struct str data = STR_INIT;
    struct json_out j;
    json_out_init(&j, &data);
    json_begin_object(&j);
    json_member_text(&j, "read", "/v1/lights/all");
    if (gap) {
        json_member_text(&j, "reason", gap);
    }
    json_end_object(&j);
    str_add_z(&s->greeting, "retry: 3000\n");
    write_event(f, &s->greeting, f->ring.next - 1, gap ? "gap" : "hello", &data);
    s->number = f->ring.next;
    str_done(&data);
}

/* Goes on behind the event that the client had last, if that is known here. */
static void resume(const struct feed *f, struct stream *s, const char *last)
{
    char *end = NULL;
    size_t run = strlen(f->run);
    if (!last || !*last) {
        greet(f, s, NULL);
        return;
    }
    if (strncmp(last, f->run, run) != 0 || last[run] != '-' || last[run + 1] < '0' || last[run + 1] > '9') {
        greet(f, s, "the bridge was restarted, or nobody listened for a while");
        return;
    }
    uint64_t number = strtoull(last + run + 1, &end, 10);
    if (*end || number >= f->ring.next || number + 1 < f->ring.first) {
        greet(f, s, "more has happened than is kept");
        return;
    }
    str_add_z(&s->greeting, "retry: 3000\n\n");
    s->number = number + 1;
}

static size_t part(const struct str *text, struct stream *s, char *bytes, size_t room)
{
    size_t left = text->len - s->said, len = left < room ? left : room;
    memcpy(bytes, text->data + s->said, len);
    s->said += len;
    return len;
}

static size_t pull(void *user, char *bytes, size_t room)
{
    static const char beat[] = ":\n\n";
    struct stream *s = user;
    const struct ring *ring = &s->feed->ring;
    if (s->greeting.len > 0) {
        size_t len = part(&s->greeting, s, bytes, room);
        if (s->said == s->greeting.len) {
            str_done(&s->greeting);
            s->said = 0;
        }
        return len;
    }
    const struct str *event = ring_at(ring, s->number);
    if (event) {
        size_t len = part(event, s, bytes, room);
        if (s->said == event->len) {
            s->number++;
            s->said = 0;
        }
        return len;
    }
    if (s->beat && room >= sizeof beat - 1) {
        s->beat = false;
        memcpy(bytes, beat, sizeof beat - 1);
        return sizeof beat - 1;
    }
    return 0;
}

/* ---- listeners ---- */

static void gone(void *user)
{
    struct stream *s = user;
    struct feed *f = s->feed;
    *s->at = s->next;
    if (s->next) {
        s->next->at = s->at;
    }
    if (--f->count == 0) {
        f->left_at = loop_now(f->p->loop);
        timer_stop(f->heartbeat);
    }
    str_done(&s->greeting);
    free(s);
}

static void cut(struct stream *s)
{
    if (!s->ending) {
        s->ending = true;
        http_stream_cut(s->x);
    }
}

/* Wakes those for whom there is something, and lets those go for whom it is too late. */
static void wake(void *user)
{
    struct feed *f = user;
    for (struct stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        if (s->number < f->ring.first) {
            f->p->stats.dropped_readers += !s->ending;
            cut(s);
        } else {
            http_stream_wake(s->x);
        }
    }
}

static void heartbeat(void *user)
{
    struct feed *f = user;
    uint64_t now = loop_now(f->p->loop);
    for (struct stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        s->beat = true;
        if (now - s->since >= STREAM_LIFE_MS) {
            cut(s);
        } else {
            http_stream_wake(s->x);
        }
    }
}

/* Nobody was there to keep events for: a new run begins. */
static void begin_run(struct feed *f)
{
    struct str run = STR_INIT;
    secrets_random_text(&run, 6); /* eight characters */
    for (size_t i = 0; i < RUN_CHARS; i++) {
        f->run[i] = run.data[i] == '-' ? '_' : run.data[i];
    }
    ring_done(&f->ring);
    f->kept = true;
    str_done(&run);
}

void partner_events(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    struct feed *f = p->feed;
    if (!request_begins(p, x)) {
        return;
    }
    http_add_header(x, "Cache-Control", "no-store");
    http_add_header(x, "X-Accel-Buffering", "no"); /* a proxy would keep it until it is much */
    if (strcmp(http_method(x), "HEAD") == 0) {
        http_answer(x, 200, "text/event-stream", NULL);
        return;
    }
    if (f->count >= PARTNER_MAX_STREAMS) {
        http_answer_error(x, 503, "temporarily_unavailable", "as many listen as may", RETRY_AFTER_S);
        return;
    }
    if (!f->kept) {
        begin_run(f);
    }
    struct stream *s = mem_alloc(sizeof *s);
    *s = (struct stream){
        .next = f->streams, .at = &f->streams, .feed = f, .x = x, .link = http_caller(x), .since = loop_now(p->loop)};
    if (s->next) {
        s->next->at = &s->next;
    }
    f->streams = s;
    if (f->count++ == 0) {
        timer_repeat(f->heartbeat, p->config.heartbeat_ms > 0 ? p->config.heartbeat_ms : HEARTBEAT_MS);
    }
    resume(f, s, http_header(x, "Last-Event-ID"));
    http_stream(x, "text/event-stream", pull, gone, s);
}

void feed_link_ended(struct partner *p, const struct oauth_link *link)
{
    for (struct stream *s = p->feed->streams, *next; s; s = next) {
        next = s->next;
        if (s->link == link) {
            cut(s);
        }
    }
}

/* ---- events ---- */

void feed_hear(struct partner *p, const struct hub_event *event)
{
    static const char *const types[] = {
        [HUB_EVENT_STATE] = "light.state",
        [HUB_EVENT_REACH] = "light.connected",
        [HUB_EVENT_LISTED] = "light.listed",
        [HUB_EVENT_REMOVED] = "light.removed",
    };
    struct feed *f = p->feed;
    struct light_info info;
    if (f->kept && !f->streams && loop_now(p->loop) - f->left_at >= KEEP_MS) {
        f->kept = false;
        ring_done(&f->ring);
    }
    hub_light_info(event->light, &info);
    bool listing = event->kind == HUB_EVENT_LISTED || event->kind == HUB_EVENT_REMOVED;
    if (!f->kept || event->kind == HUB_EVENT_FAILED || (!listing && !lifx_shown(&info))) {
        return;
    }
    struct str data = STR_INIT, text = STR_INIT;
    struct json_out j;
    json_out_init(&j, &data);
    if (lifx_shown(&info)) {
        lifx_light(&j, &p->house, &info, loop_wall_ms());
    } else {
        json_begin_object(&j);
        json_member_text(&j, "id", info.id);
        json_member_text(&j, "label", info.name);
        json_end_object(&j);
    }
    write_event(f, &text, f->ring.next, lifx_shown(&info) ? types[event->kind] : "light.removed", &data);
    ring_add(&f->ring, &text);
    p->stats.events++;
    str_done(&data);
    defer_call(f->wake);
}

void feed_new(struct partner *p)
{
    struct feed *f = mem_alloc(sizeof *f);
    f->p = p;
    ring_init(&f->ring);
    f->wake = defer_new(p->loop, wake, f);
    f->heartbeat = timer_new(p->loop, heartbeat, f);
    p->feed = f;
}

void feed_free(struct partner *p)
{
    struct feed *f = p->feed;
    ring_done(&f->ring);
    defer_free(f->wake);
    timer_free(f->heartbeat);
    free(f);
}

unsigned feed_streams(const struct partner *p)
{
    return p->feed->count;
}
