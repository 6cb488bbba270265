/* One discoveryRequest after the other over one connection, or several. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "load.h"
#include "measure.h"
#include "wire.h"

#define NS_PER_S 1000000000u
#define STALL_MS 10000

struct asking {
    struct http_wire http;
    uint64_t since;
};

static size_t devices_in(const struct http_wire *h)
{
    static const char key[] = "\"externalDeviceId\"";
    const char *at = h->in.data + h->head, *end = h->in.data + h->in.len;
    size_t count = 0;
    while ((at = memmem(at, (size_t)(end - at), key, sizeof key - 1))) {
        count++;
        at += sizeof key - 1;
    }
    return count;
}

static void ask(struct asking *a, const struct options *o, const struct str *body)
{
    a->since = measure_now();
    http_wire_post(&a->http, o->path, body);
}

/* The first answer is looked at closely; the others must be as long. */
static size_t first_answer(struct asking *a, const struct options *o, const struct str *body, size_t lamps)
{
    ask(a, o, body);
    http_wire_answer(&a->http);
    if (devices_in(&a->http) != lamps) {
        fail("discovery shows %zu devices of %zu", devices_in(&a->http), lamps);
    }
    return a->http.length;
}

static void write_result(struct samples *times, double seconds, double cpu, size_t bytes)
{
    struct str out = STR_INIT;
    struct json_out j;
    double count = (double)times->count;
    json_out_init(&j, &out);
    json_begin_object(&j);
    json_member_int(&j, "bytes", (int64_t)bytes);
    measure_write(&j, "per_second", count / seconds);
    measure_write(&j, "per_cpu_second", cpu > 0 ? count / cpu : 0);
    samples_write(times, &j, "answer_ms");
    json_end_object(&j);
    (void)puts(str_z(&out));
    str_done(&out);
}

void load_discovery(const struct options *o, struct lamps *lamps)
{
    struct str body = STR_INIT;
    struct samples times = {0};
    struct asking *list = mem_array(o->connections, sizeof *list);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    size_t bytes = 0;
    cloud_begin(&body, "discoveryRequest", o->token, 1);
    str_add_char(&body, '}');
    for (unsigned i = 0; i < o->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &list[i]};
        http_wire_open(&list[i].http, o->port);
        bytes = first_answer(&list[i], o, &body, lamps->count);
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, list[i].http.fd, &event);
    }
    uint64_t from = measure_now(), until = from + (uint64_t)(o->seconds * NS_PER_S), cpu = measure_cpu(o->pid);
    for (unsigned i = 0; i < o->connections; i++) {
        ask(&list[i], o, &body);
    }
    for (unsigned busy = o->connections; busy > 0;) {
        struct epoll_event event;
        if (epoll_wait(epoll, &event, 1, STALL_MS) != 1) {
            fail("discovery hangs");
        }
        struct asking *a = event.data.ptr;
        if (!http_wire_read(&a->http)) {
            continue;
        }
        uint64_t now = measure_now();
        samples_add(&times, now - a->since);
        if (a->http.status != 200 || a->http.length != bytes) {
            fail("a discovery was answered %d with %zu bytes", a->http.status, a->http.length);
        }
        if (now < until) {
            ask(a, o, &body);
        } else {
            busy--;
        }
    }
    write_result(&times, (double)(measure_now() - from) / NS_PER_S, (double)(measure_cpu(o->pid) - cpu) / NS_PER_S,
                 bytes);
    for (unsigned i = 0; i < o->connections; i++) {
        http_wire_close(&list[i].http);
    }
    (void)close(epoll);
    free(list);
    samples_done(&times);
    str_done(&body);
}
