/* Commands to the webhook on one side, the lamps they are meant for on the other, in one process and under one clock.

   Closed loop: each connection sends its next command when its last one was answered *and* has come to the lamp. Open
   loop: commands are due at a fixed rate whatever comes back, and their latency counts from the moment they were due,
   also where they had to wait for a free connection; so a stall is seen by every command that it delays. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "load.h"
#include "measure.h"
#include "wire.h"

#define NS_PER_S 1000000000u
#define STALL_MS 10000 /* nothing at all for so long: it hangs */
#define EVENTS 64
#define LEVEL_STEP 37u /* prime to 100: each command to a lamp asks for another level than the one before */

struct slot {
    struct http_wire http;
    struct lamp *lamp; /* NULL: free */
    uint64_t due;
    bool answered, arrived;
    struct slot *next_free;
};

struct run {
    const struct options *o;
    struct lamps *lamps;
    struct mqtt_wire mqtt;
    struct slot *slots, *first_free;
    int epoll, timer;
    size_t next_lamp;
    unsigned busy;
    unsigned long number;
    struct str body, state;
    uint64_t from, until; /* of the open loop: commands are due at from + n / rate */
    unsigned long started;
    bool recording;
    struct samples arrivals, answers;
};

/* ---- sending ---- */

static struct lamp *next_lamp(struct run *r)
{
    for (size_t i = 0; i < r->lamps->count; i++) {
        struct lamp *lamp = &r->lamps->list[r->next_lamp++ % r->lamps->count];
        if (!lamp->waiting) {
            return lamp;
        }
    }
    fail("every lamp waits for a command: the rate is more than can be taken");
}

static void send_command(struct run *r, uint64_t due)
{
    struct slot *slot = r->first_free;
    struct lamp *lamp = next_lamp(r);
    r->first_free = slot->next_free;
    lamp->level = (lamp->level + LEVEL_STEP - 1) % 100 + 1;
    lamp->waiting = slot;
    slot->lamp = lamp;
    slot->due = due;
    slot->answered = slot->arrived = false;
    r->busy++;
    cloud_begin(&r->body, "commandRequest", r->o->token, ++r->number);
    str_printf(&r->body,
               ",\"devices\":[{\"externalDeviceId\":\"%s\",\"deviceCookie\":{},\"commands\":[{\"component\":\"main\","
               "\"capability\":\"st.switchLevel\",\"command\":\"setLevel\",\"arguments\":[%u]}]}]}",
               lamp->id, lamp->level);
    http_wire_post(&slot->http, r->o->path, &r->body);
}

static uint64_t due_at(const struct run *r, unsigned long n)
{
    return r->from + (uint64_t)((double)n * NS_PER_S / r->o->rate);
}

static void set_timer(const struct run *r, uint64_t at)
{
    struct itimerspec when = {.it_value = {(time_t)(at / NS_PER_S), (long)(at % NS_PER_S)}};
    (void)timerfd_settime(r->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Starts what can start now. False: nothing is to come any more. */
static bool start_due(struct run *r)
{
    uint64_t now = measure_now();
    if (r->o->rate <= 0) {
        while (r->first_free && now < r->until) {
            send_command(r, measure_now());
        }
        return now < r->until || r->busy > 0;
    }
    uint64_t due;
    while (r->first_free && (due = due_at(r, r->started)) <= now && due < r->until) {
        r->started++;
        send_command(r, due);
    }
    due = due_at(r, r->started);
    if (due < r->until && r->first_free) {
        set_timer(r, due);
    }
    return due < r->until || r->busy > 0;
}

/* ---- receiving ---- */

static void finish(struct run *r, struct slot *slot)
{
    if (slot->answered && slot->arrived) {
        slot->lamp = NULL;
        slot->next_free = r->first_free;
        r->first_free = slot;
        r->busy--;
    }
}

static void answered(struct run *r, struct slot *slot)
{
    const struct http_wire *h = &slot->http;
    if (!slot->lamp || slot->answered) {
        fail("an answer that nobody asked for");
    }
    if (h->status != 200 || memmem(h->in.data, h->in.len, "Error\"", 6) ||
        !memmem(h->in.data, h->in.len, "\"states\"", 8)) {
        fail("a command was answered %d: %.400s", h->status, h->in.data + h->head);
    }
    if (r->recording) {
        samples_add(&r->answers, measure_now() - slot->due);
    }
    slot->answered = true;
    finish(r, slot);
}

static void arrived(void *user, const char *topic, size_t topic_len, const char *payload, size_t len)
{
    struct run *r = user;
    uint64_t now = measure_now();
    struct lamp *lamp = lamps_find(r->lamps, topic, topic_len, "set");
    if (!lamp) {
        return;
    }
    struct slot *slot = lamp->waiting;
    lamp_obey(lamp, payload, len);
    if (!slot || lamp->brightness != lamp_brightness(lamp->level)) {
        fail("%s was told %.*s, asked for was level %u", lamp->name, (int)len, payload, lamp->level);
    }
    if (r->recording) {
        samples_add(&r->arrivals, now - slot->due);
    }
    lamp->waiting = NULL;
    slot->arrived = true;
    finish(r, slot);
    lamp_state(lamp, &r->state);
    mqtt_wire_add(&r->mqtt, lamp->topic, &r->state);
}

static void turn(struct run *r)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(r->epoll, events, EVENTS, STALL_MS);
    if (n == 0) {
        fail("%u commands hang: nothing has come for %d s", r->busy, STALL_MS / 1000);
    }
    for (int i = 0; i < n; i++) {
        void *what = events[i].data.ptr;
        if (what == &r->timer) {
            uint64_t fired;
            (void)!read(r->timer, &fired, sizeof fired);
        } else if (what == &r->mqtt) {
            mqtt_wire_read(&r->mqtt, arrived, r);
            if (r->mqtt.out.len > 0) {
                mqtt_wire_flush(&r->mqtt);
            }
        } else if (http_wire_read(&((struct slot *)what)->http)) {
            answered(r, what);
        }
    }
}

/* ---- the run ---- */

static void watch(const struct run *r, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        fail("epoll: %s", strerror(errno));
    }
}

static void drive(struct run *r, double seconds, bool recording)
{
    r->recording = recording;
    r->from = measure_now();
    r->until = r->from + (uint64_t)(seconds * NS_PER_S);
    r->started = 0;
    while (start_due(r)) {
        turn(r);
    }
}

static void write_result(struct run *r, double seconds, double cpu)
{
    struct str out = STR_INIT;
    struct json_out j;
    double count = (double)r->answers.count;
    json_out_init(&j, &out);
    json_begin_object(&j);
    json_member_int(&j, "commands", (int64_t)r->answers.count);
    measure_write(&j, "per_second", count / seconds);
    measure_write(&j, "per_cpu_second", cpu > 0 ? count / cpu : 0);
    samples_write(&r->arrivals, &j, "arrival_ms");
    samples_write(&r->answers, &j, "answer_ms");
    json_end_object(&j);
    (void)puts(str_z(&out));
    str_done(&out);
}

void load_commands(const struct options *o, struct lamps *lamps)
{
    struct run r = {.o = o, .lamps = lamps, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    struct str topic = STR_INIT;
    str_printf(&topic, "%s/+/set", o->base);
    mqtt_wire_open(&r.mqtt, o->broker, "bench-lamps", str_z(&topic));
    watch(&r, r.mqtt.fd, &r.mqtt);
    r.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    watch(&r, r.timer, &r.timer);
    r.slots = mem_array(o->connections, sizeof *r.slots);
    for (unsigned i = 0; i < o->connections; i++) {
        struct slot *slot = &r.slots[i];
        http_wire_open(&slot->http, o->port);
        watch(&r, slot->http.fd, slot);
        slot->next_free = r.first_free;
        r.first_free = slot;
    }
    drive(&r, o->warm_up, false);
    uint64_t from = measure_now(), cpu = measure_cpu(o->pid);
    drive(&r, o->seconds, true);
    write_result(&r, (double)(measure_now() - from) / NS_PER_S, (double)(measure_cpu(o->pid) - cpu) / NS_PER_S);
    for (unsigned i = 0; i < o->connections; i++) {
        http_wire_close(&r.slots[i].http);
    }
    mqtt_wire_close(&r.mqtt);
    (void)close(r.timer);
    (void)close(r.epoll);
    free(r.slots);
    samples_done(&r.arrivals);
    samples_done(&r.answers);
    str_done(&r.body);
    str_done(&r.state);
    str_done(&topic);
}
