#include "measure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"

#define NS_PER_S 1000000000u

uint64_t measure_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t measure_cpu(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        fail("the CPU time of process %d cannot be read", (int)pid);
    }
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void samples_add(struct samples *s, uint64_t ns)
{
    if (s->count == s->cap) {
        s->cap = s->cap > 0 ? 2 * s->cap : 4096;
        s->values = mem_grow(s->values, s->cap, sizeof *s->values);
    }
    s->values[s->count++] = ns;
}

void samples_done(struct samples *s)
{
    free(s->values);
    *s = (struct samples){0};
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest sample that `permille` of all do not exceed. */
static double at(const struct samples *s, size_t permille)
{
    size_t rank = (s->count * permille + 999) / 1000;
    return (double)s->values[rank > 0 ? rank - 1 : 0] / 1e6;
}

void measure_write(struct json_out *j, const char *name, double value)
{
    json_put_key(j, name);
    json_put_fixed(j, (int64_t)(value * 1e6 + 0.5), 6);
}

void samples_write(struct samples *s, struct json_out *j, const char *name)
{
    if (s->count == 0) {
        fail("%s: there is no sample", name);
    }
    qsort(s->values, s->count, sizeof *s->values, by_value);
    json_member_object(j, name);
    measure_write(j, "p50", at(s, 500));
    measure_write(j, "p99", at(s, 990));
    measure_write(j, "max", at(s, 1000));
    json_end_object(j);
}

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("bench-load: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}
