/* Every lamp reports as fast as the broker takes it; then what the webhook shows of each is compared with the last that
   it said. The clock runs from the first report to the answer that shows the last one. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "load.h"
#include "measure.h"
#include "wire.h"

#define NS_PER_S 1000000000u
#define FLUSH_BYTES (64u * 1024)
#define POLL_US 1000u
#define PATIENCE_S 30u
#define LAST_LEVEL 100u /* of the very last report, seen in no other */
#define CHUNK 100u      /* lights of one question */

/* xorshift: the same storm in each run. */
static unsigned next_level(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed % (LAST_LEVEL - 1) + 1;
}

static void publish(const struct options *o, struct lamps *lamps)
{
    struct mqtt_wire mqtt;
    struct str state = STR_INIT;
    uint32_t seed = 2463534242u ^ (uint32_t)measure_now();
    mqtt_wire_open(&mqtt, o->broker, "bench-storm", NULL);
    for (unsigned long i = 0; i < o->reports; i++) {
        struct lamp *lamp = &lamps->list[(lamps->count + i - o->reports % lamps->count) % lamps->count];
        lamp->level = i + 1 == o->reports ? LAST_LEVEL : next_level(&seed);
        lamp->brightness = lamp_brightness(lamp->level);
        lamp->on = true;
        lamp_state(lamp, &state);
        mqtt_wire_add(&mqtt, lamp->topic, &state);
        if (mqtt.out.len > FLUSH_BYTES) {
            mqtt_wire_flush(&mqtt);
        }
    }
    mqtt_wire_flush(&mqtt);
    mqtt_wire_close(&mqtt);
    str_done(&state);
}

/* How many of these lamps the webhook shows otherwise than they are. */
static size_t differences(const struct options *o, struct http_wire *http, const struct lamp *first, size_t count)
{
    static unsigned long number;
    struct str body = STR_INIT;
    cloud_begin(&body, "stateRefreshRequest", o->token, ++number);
    str_add_z(&body, ",\"devices\":[");
    for (size_t i = 0; i < count; i++) {
        cloud_device(&body, &first[i], i == 0);
    }
    str_add_z(&body, "]}");
    http_wire_post(http, o->path, &body);
    http_wire_answer(http);
    str_done(&body);
    return cloud_differences(http->in.data + http->head, http->length, first, count);
}

void load_storm(const struct options *o, struct lamps *lamps)
{
    struct http_wire http;
    struct str out = STR_INIT;
    struct json_out j;
    size_t lost = 0;
    http_wire_open(&http, o->port);
    uint64_t cpu = measure_cpu(o->pid), from = measure_now();
    publish(o, lamps);
    uint64_t published = measure_now();
    while (differences(o, &http, &lamps->list[lamps->count - 1], 1) > 0) {
        if (measure_now() - published > (uint64_t)PATIENCE_S * NS_PER_S) {
            fail("the last report was not shown within %u s", PATIENCE_S);
        }
        (void)usleep(POLL_US);
    }
    uint64_t shown = measure_now();
    double used = (double)(measure_cpu(o->pid) - cpu) / NS_PER_S;
    for (size_t i = 0; i < lamps->count; i += CHUNK) {
        lost += differences(o, &http, &lamps->list[i], lamps->count - i < CHUNK ? lamps->count - i : CHUNK);
    }
    json_out_init(&j, &out);
    json_begin_object(&j);
    json_member_int(&j, "reports", (int64_t)o->reports);
    measure_write(&j, "per_second", (double)o->reports * NS_PER_S / (double)(shown - from));
    measure_write(&j, "per_cpu_second", used > 0 ? (double)o->reports / used : 0);
    measure_write(&j, "published_per_second", (double)o->reports * NS_PER_S / (double)(published - from));
    json_member_int(&j, "lost", (int64_t)lost);
    json_end_object(&j);
    (void)puts(str_z(&out));
    http_wire_close(&http);
    str_done(&out);
}
