#include "lamps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "measure.h"

#define BRIGHTNESS_MAX 254u
#define ANSWER_MAX (64u * 1024 * 1024)

struct name {
    const char *text;
    size_t len;
    struct lamp *lamp;
};

static int by_name(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->text, y->text, len);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

void lamps_load(struct lamps *lamps, const char *file, const char *base)
{
    FILE *f = fopen(file, "re");
    char id[128], name[128], ieee[32], kind[16];
    *lamps = (struct lamps){.base_len = strlen(base) + 1};
    if (!f) {
        fail("%s cannot be read", file);
    }
    while (fscanf(f, "%127s %127s %31s %15s", id, name, ieee, kind) == 4) {
        struct str topic = STR_INIT;
        str_printf(&topic, "%s/%s", base, name);
        lamps->list = mem_grow(lamps->list, lamps->count + 1, sizeof *lamps->list);
        lamps->list[lamps->count++] = (struct lamp){.id = mem_text(id),
                                                    .name = mem_text(name),
                                                    .ieee = mem_text(ieee),
                                                    .topic = str_take(&topic),
                                                    .white = strcmp(kind, "white") == 0};
    }
    (void)fclose(f);
    if (lamps->count == 0) {
        fail("%s names no lamp", file);
    }
    lamps->names = mem_array(2 * lamps->count, sizeof *lamps->names);
    for (size_t i = 0; i < lamps->count; i++) {
        struct lamp *l = &lamps->list[i];
        lamps->names[2 * i] = (struct name){l->name, strlen(l->name), l};
        lamps->names[2 * i + 1] = (struct name){l->ieee, strlen(l->ieee), l};
    }
    qsort(lamps->names, 2 * lamps->count, sizeof *lamps->names, by_name);
}

void lamps_done(struct lamps *lamps)
{
    for (size_t i = 0; i < lamps->count; i++) {
        free(lamps->list[i].id);
        free(lamps->list[i].name);
        free(lamps->list[i].ieee);
        free(lamps->list[i].topic);
    }
    free(lamps->list);
    free(lamps->names);
}

struct lamp *lamps_find(struct lamps *lamps, const char *topic, size_t len, const char *verb)
{
    size_t verb_len = strlen(verb);
    if (len < lamps->base_len + verb_len + 2 || memcmp(topic + len - verb_len, verb, verb_len) != 0) {
        return NULL;
    }
    struct name wanted = {topic + lamps->base_len, len - lamps->base_len - verb_len - 1, NULL};
    struct name *found = bsearch(&wanted, lamps->names, 2 * lamps->count, sizeof wanted, by_name);
    return found ? found->lamp : NULL;
}

unsigned lamp_brightness(unsigned percent)
{
    return (percent * BRIGHTNESS_MAX + 50) / 100;
}

void lamp_obey(struct lamp *lamp, const char *payload, size_t len)
{
    struct json *command;
    int64_t brightness;
    if (json_parse(payload, len, len, &command, NULL) != 0) {
        fail("a command for %s is no JSON: %.*s", lamp->name, (int)len, payload);
    }
    const char *state = json_get_text(command, "state");
    if (state) {
        lamp->on = strcmp(state, "ON") == 0;
    }
    if (json_integer(json_get(command, "brightness"), 0, BRIGHTNESS_MAX, &brightness) == 0) {
        lamp->brightness = (unsigned)brightness;
        lamp->on = state ? lamp->on : brightness > 0;
    }
    json_free(command);
}

void lamp_state(const struct lamp *lamp, struct str *out)
{
    str_clear(out);
    str_printf(out, "{\"brightness\":%u,", lamp->brightness);
    if (lamp->white) {
        str_add_z(out, "\"color_mode\":\"color_temp\",\"color_temp\":370,");
    }
    str_printf(out, "\"linkquality\":120,\"state\":\"%s\"}", lamp->on ? "ON" : "OFF");
}

void cloud_begin(struct str *out, const char *type, const char *token, unsigned long number)
{
    str_clear(out);
    str_printf(out,
               "{\"headers\":{\"schema\":\"st-schema\",\"version\":\"1.0\",\"interactionType\":\"%s\","
               "\"requestId\":\"%08lx-1f2e-4d3c-8b4a-5a6978879685\"},"
               "\"authentication\":{\"tokenType\":\"Bearer\",\"token\":\"%s\"}",
               type, number, token);
}

void cloud_device(struct str *out, const struct lamp *lamp, bool first)
{
    str_printf(out, "%s{\"externalDeviceId\":\"%s\"}", first ? "" : ",", lamp->id);
}

/* The level that a device's states show; -1 where none does. */
static int64_t level_of(const struct json *device)
{
    for (const struct json *s = json_first(json_get(device, "states")); s; s = json_next(s)) {
        const char *attribute = json_get_text(s, "attribute");
        int64_t level;
        if (attribute && strcmp(attribute, "level") == 0 && json_integer(json_get(s, "value"), 0, 100, &level) == 0) {
            return level;
        }
    }
    return -1;
}

size_t cloud_differences(const char *answer, size_t len, const struct lamp *first, size_t count)
{
    struct json *root;
    size_t differences = count;
    if (json_parse(answer, len, ANSWER_MAX, &root, NULL) != 0) {
        fail("the answer is no JSON: %.200s", answer);
    }
    const struct json *device = json_first(json_get(root, "deviceState"));
    for (size_t i = 0; device; device = json_next(device)) {
        const char *id = json_get_text(device, "externalDeviceId");
        if (i < count && id && strcmp(id, first[i].id) == 0 && level_of(device) == (int64_t)first[i].level) {
            differences--;
        }
        i++;
    }
    json_free(root);
    return differences;
}
