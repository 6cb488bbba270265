/* WLED strips behind one broker: who is there, what it says, what it is told. */
#include "mqtt/wled.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/wled_internal.h"

#define MAX_STRIPS 65536u
#define MAX_ADDRESS 256u

static struct driver *driver_of(const struct wled *w)
{
    return w->dialect.broker->driver;
}

static void garbage(const struct wled_strip *strip, const char *tail, const char *what)
{
    struct str from = STR_INIT;
    str_printf(&from, "%s/%s", strip->entry.name, tail);
    driver_garbage(driver_of(strip->wled), str_z(&from), what);
    str_done(&from);
}

/* ---- strips ---- */

static struct wled_strip *next_strip(const struct wled *w, const struct wled_strip *after)
{
    return (struct wled_strip *)(void *)table_next(&w->strips, after ? &after->entry : NULL);
}

static struct wled_strip *find(const struct wled *w, const char *topic, size_t len)
{
    return (struct wled_strip *)(void *)table_find(&w->strips, topic, len);
}

static struct wled_strip *add(struct wled *w, const char *topic, size_t len)
{
    if (w->strips.count == MAX_STRIPS) {
        return NULL;
    }
    struct wled_strip *strip = mem_alloc(sizeof *strip);
    strip->entry.name = mem_text_n(topic, len);
    strip->wled = w;
    table_add(&w->strips, &strip->entry);
    return strip;
}

static void strip_free(struct wled_strip *strip)
{
    wled_document_forget(strip);
    for (size_t i = 0; i < strip->count; i++) {
        way_forget(&strip->lights[i]->way);
        free(strip->lights[i]);
    }
    free(strip->lights);
    free(strip->address);
    free(strip->name);
    free(strip->version);
    free(strip->entry.name);
    free(strip);
}

static void reach_is(struct wled_strip *strip, enum light_reach reach)
{
    strip->reach = reach;
    for (size_t i = 0; i < strip->count; i++) {
        if (reach == LIGHT_REACH_OFFLINE) {
            pending_end(&strip->lights[i]->way, ERR_OFFLINE, "the lamp has left the broker");
        }
        way_reaches(&strip->lights[i]->way, reach);
    }
}

/* ---- who it is ---- */

/* By default the last part of the topic is the second half of the MAC address: whose it is, wherever it is heard. */
static bool is_half_mac(const char *part)
{
    size_t len = 0;
    while (isxdigit((unsigned char)part[len])) {
        len++;
    }
    return len == 6 && part[6] == 0;
}

static char *address_by_topic(const struct wled_strip *strip)
{
    const char *name = driver_name(driver_of(strip->wled));
    const char *slash = strchr(name, '/');
    const char *last = strrchr(strip->entry.name, '/');
    struct str s = STR_INIT;
    last = last ? last + 1 : strip->entry.name;
    if (is_half_mac(last)) {
        str_add_z(&s, "wled/");
        for (const char *at = last; *at; at++) {
            str_add_char(&s, (char)toupper((unsigned char)*at));
        }
    } else {
        str_printf(&s, "wled/%s/%s", slash ? slash + 1 : name, strip->entry.name);
    }
    return str_take(&s);
}

/* The address that a strip was first announced under is its for good: that its host is told later, or no more, must not
   make another light of it. */
static void set_address(struct wled_strip *strip, const char *mac)
{
    struct driver *driver = driver_of(strip->wled);
    struct str key = STR_INIT;
    size_t len = 0;
    if (strip->address) {
        return;
    }
    str_printf(&key, "wled-address %s", strip->entry.name);
    const char *kept = driver_secret_get(driver, str_z(&key), &len);
    if (kept && len > 0 && len < MAX_ADDRESS) {
        strip->address = mem_text_n(kept, len);
    } else {
        struct str address = STR_INIT;
        if (mac) {
            str_printf(&address, "mac/%s", mac);
            strip->address = str_take(&address);
        } else {
            strip->address = address_by_topic(strip);
        }
        driver_secret_put(driver, str_z(&key), strip->address, strlen(strip->address));
    }
    str_done(&key);
}

static void announce(struct way *way)
{
    const struct wled_light *light = (struct wled_light *)way;
    const struct wled_strip *strip = light->strip;
    struct str address = STR_INIT;
    struct str name = STR_INIT;
    struct str where = STR_INIT;
    str_add_z(&address, strip->address);
    str_add_z(&name, light->lamp.name[0] ? light->lamp.name : strip->name ? strip->name : strip->entry.name);
    str_printf(&where, "%s %s", driver_name(driver_of(strip->wled)), strip->entry.name);
    if (light->lamp.segment != WLED_WHOLE) {
        str_printf(&address, "/%u", light->lamp.segment);
        str_printf(&where, " segment %u", light->lamp.segment);
        if (!light->lamp.name[0]) {
            str_printf(&name, " segment %u", light->lamp.segment);
        }
    }
    way_announce(way, &(struct driver_announcement){.address = str_z(&address),
                                                    .name = str_z(&name),
                                                    .manufacturer = "WLED",
                                                    .version = strip->version,
                                                    .where = str_z(&where),
                                                    .profile = light->lamp.profile,
                                                    .has_availability = strip->tells});
    str_done(&address);
    str_done(&name);
    str_done(&where);
}

static void announce_all(struct wled_strip *strip)
{
    for (size_t i = 0; i < strip->count; i++) {
        announce(&strip->lights[i]->way);
    }
}

static struct wled_light *light_for(struct wled_strip *strip, struct wled_light **before, size_t before_count,
                                    const struct wled_lamp *lamp)
{
    struct wled_light *light = NULL;
    for (size_t i = 0; i < before_count && !light; i++) {
        if (before[i] && before[i]->lamp.segment == lamp->segment) {
            light = before[i];
            before[i] = NULL;
        }
    }
    if (!light) {
        light = mem_alloc(sizeof *light);
        light->way.dialect = &strip->wled->dialect;
        light->strip = strip;
    }
    light->lamp = *lamp;
    return light;
}

void wled_set_lights(struct wled_strip *strip, const struct wled_device *device)
{
    struct wled_light **before = strip->lights;
    size_t before_count = strip->count;
    size_t segments = device && device->segment_count > 1 ? device->segment_count : 0;
    struct wled_lamp whole = device ? device->whole : wled_make_lamp(WLED_WHOLE, WLED_RGB);
    if (device) {
        free(strip->name);
        free(strip->version);
        strip->name = device->name[0] ? mem_text(device->name) : NULL;
        strip->version = device->version[0] ? mem_text(device->version) : NULL;
    }
    set_address(strip, device ? device->mac : NULL);
    strip->lights = mem_array(segments + 1, sizeof(struct wled_light *));
    strip->count = segments + 1;
    strip->lights[0] = light_for(strip, before, before_count, &whole);
    for (size_t i = 0; i < segments; i++) {
        strip->lights[i + 1] = light_for(strip, before, before_count, &device->segments[i]);
    }
    for (size_t i = 0; i < before_count; i++) {
        if (before[i]) {
            way_withdraw(&before[i]->way);
            free(before[i]);
        }
    }
    free(before);
    announce_all(strip);
}

static void report(struct wled_light *light, const struct light_state *state)
{
    if (light->way.light && state->has) {
        pending_report(&light->way, state);
    }
}

void wled_report(struct wled_strip *strip, const struct wled_device *device)
{
    report(strip->lights[0], &device->whole_state);
    for (size_t i = 1; i < strip->count; i++) {
        report(strip->lights[i], &device->segment_states[i - 1]);
    }
}

/* ---- questions ---- */

static void publish_get(struct wled_strip *strip)
{
    struct wled *w = strip->wled;
    str_clear(&w->scratch_topic);
    str_clear(&w->payload);
    str_printf(&w->scratch_topic, "%s/api", strip->entry.name);
    wled_write_get(&w->payload);
    (void)connection_publish(w->dialect.broker->connection, str_z(&w->scratch_topic), &w->payload, NULL);
}

static void ask_due(void *user, struct ask *ask)
{
    struct wled_strip *strip = (struct wled_strip *)(void *)((char *)ask - offsetof(struct wled_strip, ask));
    const struct wled *w = user;
    if (w->host) {
        wled_document_ask(strip);
    } else {
        publish_get(strip);
    }
}

/* ---- messages ---- */

/* It is there. A strip whose host is known is shown when it has said over HTTP what it is. */
static void seen(struct wled_strip *strip)
{
    if (strip->count == 0 && !strip->wled->host) {
        wled_set_lights(strip, NULL);
    }
}

static void take_status(struct wled_strip *strip, const char *payload, size_t len)
{
    bool online;
    if (wled_read_online(payload, len, &online) != 0) {
        garbage(strip, "status", "neither online nor offline");
        return;
    }
    if (!strip->tells) {
        strip->tells = true;
        announce_all(strip);
    }
    seen(strip);
    if (strip->reach == (online ? LIGHT_REACH_ONLINE : LIGHT_REACH_OFFLINE)) {
        return; /* it repeats it with every state */
    }
    reach_is(strip, online ? LIGHT_REACH_ONLINE : LIGHT_REACH_OFFLINE);
    if (online) {
        asking_begin(strip->wled->asking, &strip->ask);
    } else {
        asking_end(strip->wled->asking, &strip->ask);
    }
}

static void take_state(struct wled_strip *strip, bool level, const char *payload, size_t len)
{
    struct light_state state;
    const struct wled_lamp any = wled_make_lamp(WLED_WHOLE, WLED_RGB);
    const struct wled_lamp *lamp = strip->count > 0 ? &strip->lights[0]->lamp : &any;
    int err = level ? wled_read_level(payload, len, &state) : wled_read_color(payload, len, lamp, &state);
    if (err != 0) {
        garbage(strip, level ? "g" : "c", level ? "no brightness from 0 to 255" : "no color of the form #RRGGBB");
        return;
    }
    seen(strip);
    if (strip->reach != LIGHT_REACH_ONLINE) {
        reach_is(strip, LIGHT_REACH_ONLINE); /* whoever speaks is there */
    }
    if (strip->count > 0) {
        state.has &= strip->lights[0]->lamp.profile.can;
        report(strip->lights[0], &state);
    }
    if (level && strip->wled->host) {
        wled_document_ask(strip); /* what else has changed? */
    } else if (level) {
        asking_end(strip->wled->asking, &strip->ask);
    }
}

static bool is_mine(const struct wled *w, const char *topic, size_t len)
{
    size_t base = strlen(w->topic);
    if (!w->many) {
        return base == len && memcmp(w->topic, topic, len) == 0;
    }
    return len > base + 1 && memcmp(w->topic, topic, base) == 0 && topic[base] == '/' &&
           !memchr(topic + base + 1, '/', len - base - 1);
}

static bool message(struct dialect *self, const char *topic, const char *payload, size_t len)
{
    struct wled *w = (struct wled *)self;
    const char *tail = strrchr(topic, '/');
    size_t strip_len = tail ? (size_t)(tail - topic) : 0;
    bool status = tail && strcmp(tail, "/status") == 0;
    if (!tail || !(status || strcmp(tail, "/g") == 0 || strcmp(tail, "/c") == 0) || !is_mine(w, topic, strip_len)) {
        return false;
    }
    struct wled_strip *strip = find(w, topic, strip_len);
    strip = strip || len == 0 ? strip : add(w, topic, strip_len);
    if (!strip || len == 0) {
        return true; /* a retained message was cleared */
    }
    if (status) {
        take_status(strip, payload, len);
    } else {
        take_state(strip, tail[1] == 'g', payload, len);
    }
    return true;
}

/* ---- the dialect ---- */

static void up(struct dialect *self)
{
    static const char *const tails[] = {"status", "g", "c"};
    struct wled *w = (struct wled *)self;
    char *filters[3];
    struct str filter = STR_INIT;
    for (size_t i = 0; i < 3; i++) {
        str_printf(&filter, "%s%s/%s", w->topic, w->many ? "/+" : "", tails[i]);
        filters[i] = str_take(&filter);
    }
    connection_subscribe(self->broker->connection, filters, 3, 0);
    for (size_t i = 0; i < 3; i++) {
        free(filters[i]);
    }
    for (struct wled_strip *strip = next_strip(w, NULL); strip; strip = next_strip(w, strip)) {
        reach_is(strip, LIGHT_REACH_UNKNOWN);
        asking_begin(w->asking, &strip->ask);
    }
}

static void down(struct dialect *self, const char *why)
{
    struct wled *w = (struct wled *)self;
    (void)why; /* the commands were ended and the lights are offline */
    asking_end_all(w->asking);
    for (struct wled_strip *strip = next_strip(w, NULL); strip; strip = next_strip(w, strip)) {
        wled_document_forget(strip);
    }
}

static struct wled_strip *strip_of(struct way *way)
{
    return ((struct wled_light *)way)->strip;
}

static void attach(struct way *way)
{
    way_reaches(way, strip_of(way)->reach);
    asking_begin(strip_of(way)->wled->asking, &strip_of(way)->ask);
}

static void refresh(struct way *way)
{
    asking_begin(strip_of(way)->wled->asking, &strip_of(way)->ask);
}

static void apply(struct way *way, struct request_id request, const struct light_state *patch, uint32_t transition_ms)
{
    const struct wled_light *light = (struct wled_light *)way;
    struct wled *w = light->strip->wled;
    str_clear(&w->scratch_topic);
    str_clear(&w->payload);
    str_printf(&w->scratch_topic, "%s/api", light->strip->entry.name);
    wled_write_set(&w->payload, &light->lamp, patch, transition_ms);
    pending_send(way, request, str_z(&w->scratch_topic), &w->payload, patch, transition_ms);
}

static bool status(const struct dialect *self, struct str *out)
{
    const struct wled *w = (const struct wled *)self;
    size_t lights = 0;
    for (const struct wled_strip *strip = next_strip(w, NULL); strip; strip = next_strip(w, strip)) {
        for (size_t i = 0; i < strip->count; i++) {
            lights += strip->lights[i]->way.light != NULL;
        }
    }
    if (lights > 0) {
        str_printf(out, "%s, %zu light%s", self->topic, lights, lights == 1 ? "" : "s");
    }
    return true;
}

static int start(struct dialect *self)
{
    struct wled *w = (struct wled *)self;
    size_t len = strcspn(self->topic, " ");
    w->many = len > 2 && memcmp(self->topic + len - 2, "/+", 2) == 0;
    w->topic = mem_text_n(self->topic, w->many ? len - 2 : len);
    const char *host = self->topic + len + strspn(self->topic + len, " ");
    if (!topics_good(w->topic) || (w->many && *host)) {
        log_error(driver_name(self->broker->driver),
                  "wled: \"%s\" is none of wled/+, TOPIC and TOPIC HOST (the host of one strip)", self->topic);
        free(w->topic);
        return ERR_INVALID;
    }
    w->host = *host ? mem_text(host) : NULL;
    w->asking = asking_new(self->broker->loop, ask_due, w);
    if (!w->many) {
        (void)add(w, w->topic, strlen(w->topic));
    }
    return 0;
}

static void stop(struct dialect *self)
{
    struct wled *w = (struct wled *)self;
    struct wled_strip *strip;
    asking_free(w->asking);
    while ((strip = next_strip(w, NULL))) {
        table_remove(&w->strips, &strip->entry);
        strip_free(strip);
    }
    table_done(&w->strips);
    free(w->topic);
    free(w->host);
    str_done(&w->scratch_topic);
    str_done(&w->payload);
}

const struct dialect_ops wled_dialect = {
    .name = "wled",
    .size = sizeof(struct wled),
    .rank = WAY_NATIVE,
    .tolerance = &wled_tolerance,
    .start = start,
    .stop = stop,
    .up = up,
    .down = down,
    .message = message,
    .attach = attach,
    .apply = apply,
    .refresh = refresh,
    .announce = announce,
    .status = status,
};
