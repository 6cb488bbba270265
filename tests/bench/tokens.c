/* Forms to a token endpoint, each once, over kept connections: refreshes, or codes that become tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "load.h"
#include "measure.h"
#include "wire.h"

#define NS_PER_S 1000000000u
#define STALL_MS 60000
#define FORMS_MAX (64u * 1024u * 1024u)

struct asking {
    struct http_wire http;
    uint64_t since;
};

struct forms {
    struct str text;
    const char *at; /* the next line */
};

/* False: no more. */
static bool ask(struct asking *a, const struct options *o, struct forms *forms)
{
    size_t len = strcspn(forms->at, "\n");
    if (len == 0) {
        return false;
    }
    a->since = measure_now();
    http_wire_post_form(&a->http, o->path, o->authorization, forms->at, len);
    forms->at += len + (forms->at[len] == '\n');
    return true;
}

static void write_result(struct samples *times, double seconds, double cpu)
{
    struct str out = STR_INIT;
    struct json_out j;
    double count = (double)times->count;
    json_out_init(&j, &out);
    json_begin_object(&j);
    json_member_int(&j, "answers", (int64_t)times->count);
    measure_write(&j, "per_second", count / seconds);
    measure_write(&j, "per_cpu_second", cpu > 0 ? count / cpu : 0);
    samples_write(times, &j, "answer_ms");
    json_end_object(&j);
    (void)puts(str_z(&out));
    str_done(&out);
}

static void take_answer(struct asking *a, struct samples *times)
{
    samples_add(times, measure_now() - a->since);
    if (a->http.status != 200 || !strstr(a->http.in.data + a->http.head, "\"access_token\"")) {
        fail("a form was answered %d: %.200s", a->http.status, a->http.in.data + a->http.head);
    }
}

void load_tokens(const struct options *o)
{
    struct forms forms = {0};
    struct samples times = {0};
    struct asking *list = mem_array(o->connections, sizeof *list);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int err = file_read(o->forms_file, FORMS_MAX, &forms.text);
    if (err != 0) {
        fail("%s: %s", o->forms_file, err_text(err));
    }
    forms.at = str_z(&forms.text);
    for (unsigned i = 0; i < o->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &list[i]};
        http_wire_open(&list[i].http, o->port);
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, list[i].http.fd, &event);
    }
    uint64_t from = measure_now(), cpu = measure_cpu(o->pid);
    unsigned busy = 0;
    while (busy < o->connections && ask(&list[busy], o, &forms)) {
        busy++;
    }
    while (busy > 0) {
        struct epoll_event event;
        if (epoll_wait(epoll, &event, 1, STALL_MS) != 1) {
            fail("the token endpoint hangs");
        }
        struct asking *a = event.data.ptr;
        if (http_wire_read(&a->http)) {
            take_answer(a, &times);
            busy -= ask(a, o, &forms) ? 0 : 1;
        }
    }
    write_result(&times, (double)(measure_now() - from) / NS_PER_S, (double)(measure_cpu(o->pid) - cpu) / NS_PER_S);
    for (unsigned i = 0; i < o->connections; i++) {
        http_wire_close(&list[i].http);
    }
    (void)close(epoll);
    free(list);
    samples_done(&times);
    str_done(&forms.text);
}
