/* Clocks and samples. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct json_out;

uint64_t measure_now(void); /* monotonic nanoseconds */
/* CPU time of a process with all its threads, in nanoseconds. */
uint64_t measure_cpu(pid_t pid);

struct samples {
    uint64_t *values; /* nanoseconds */
    size_t count, cap;
};

void samples_add(struct samples *s, uint64_t ns);
void samples_done(struct samples *s);
/* "NAME": {"p50": ..., "p99": ..., "max": ...} in milliseconds; sorts. */
void samples_write(struct samples *s, struct json_out *j, const char *name);

/* "NAME": VALUE with six decimals. */
void measure_write(struct json_out *j, const char *name, double value);

/* One line on standard error and exit 1: what could not be measured. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
