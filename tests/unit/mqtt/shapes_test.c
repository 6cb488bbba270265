/* Every shape of light that is known: as an entry of bridge/devices, back as abilities, and a command and its echo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/str.h"
#include "model/color.h"
#include "model/light.h"
#include "mqtt/z2m_codec.h"
#include "shapes.h"

/* One word of a shape's features. */
struct word {
    char name[32];
    unsigned access, min, max; /* min..max 0: no range */
};

static bool next_word(const char **at, struct word *w)
{
    char text[96];
    int used = 0;
    if (sscanf(*at, " %95s%n", text, &used) != 1 || text[0] == '@') {
        return false;
    }
    *at += used;
    *w = (struct word){0};
    if (sscanf(text, "%31[a-z_][%u..%u]/%u", w->name, &w->min, &w->max, &w->access) != 4) {
        w->min = w->max = 0;
        assert_int_equal(sscanf(text, "%31[a-z_]/%u", w->name, &w->access), 2);
    }
    return true;
}

static void put_feature(struct json_out *j, const struct word *w, const char *suffix)
{
    bool color = strcmp(w->name, "color_hs") == 0 || strcmp(w->name, "color_xy") == 0;
    struct str property = STR_INIT;
    str_printf(&property, "%s%s", color ? "color" : w->name, suffix);
    json_begin_object(j);
    json_member_text(j, "type", color ? "composite" : "numeric");
    json_member_text(j, "name", w->name);
    json_member_text(j, "property", str_z(&property));
    json_member_int(j, "access", w->access);
    if (strcmp(w->name, "state") == 0) {
        json_member_text(j, "value_on", "ON");
        json_member_text(j, "value_off", "OFF");
    }
    if (w->max > 0 || strcmp(w->name, "brightness") == 0) {
        json_member_int(j, "value_min", w->min);
        json_member_int(j, "value_max", w->max > 0 ? w->max : 254);
    }
    json_end_object(j);
    str_done(&property);
}

static void put_entry(struct str *s, const char *features, const char *endpoint)
{
    struct json_out j;
    struct word w;
    char suffix[40] = "";
    if (endpoint[0]) {
        (void)snprintf(suffix, sizeof suffix, "_%s", endpoint);
    }
    json_out_init(&j, s);
    json_begin_object(&j);
    json_member_text(&j, "ieee_address", "0x00158d0001234567");
    json_member_text(&j, "friendly_name", "Lamp");
    json_member_text(&j, "interview_state", "SUCCESSFUL");
    json_member_object(&j, "definition");
    json_member_array(&j, "exposes");
    json_begin_object(&j);
    json_member_text(&j, "type", "light");
    if (endpoint[0]) {
        json_member_text(&j, "endpoint", endpoint);
    }
    json_member_array(&j, "features");
    for (const char *at = features; next_word(&at, &w);) {
        put_feature(&j, &w, suffix);
    }
    json_end_array(&j);
    json_end_object(&j);
    json_end_array(&j);
    json_end_object(&j);
    json_end_object(&j);
}

static bool has_word(const char *features, const char *name)
{
    size_t len = strlen(name);
    const char *at = features;
    while ((at = strstr(at, name))) {
        if ((at == features || at[-1] == ' ') && (at[len] == '/' || at[len] == '[')) {
            return true;
        }
        at += len;
    }
    return false;
}

/* What the shape can do, worked out from its text. */
static struct light_profile expect(const char *features)
{
    struct light_profile p = {.kind = LIGHT_KIND_LIGHT};
    unsigned min, max;
    const char *range = strstr(features, "color_temp[");
    p.can |= has_word(features, "state") ? LIGHT_ON : 0u;
    p.can |= has_word(features, "brightness") ? LIGHT_LEVEL : 0u;
    p.can |= has_word(features, "color_hs") || has_word(features, "color_xy") ? LIGHT_COLOR : 0u;
    if (range) {
        assert_int_equal(sscanf(range, "color_temp[%u..%u]", &min, &max), 2);
        p.can |= LIGHT_KELVIN;
        p.min_kelvin = color_kelvin_from_mired(max);
        p.max_kelvin = color_kelvin_from_mired(min);
    }
    p.can |= (p.can & LIGHT_COLOR) && (p.can & LIGHT_KELVIN) ? LIGHT_MODE : 0u;
    return p;
}

/* As Zigbee2MQTT echoes: the command's members, and the mode beside them. */
static void echo(struct str *s, const struct z2m_lamp *lamp, const char *set, const char *mode)
{
    str_clear(s);
    str_printf(s, "%.*s,\"%s\":\"%s\"}", (int)strlen(set) - 1, set, lamp->color_mode, mode);
}

static void try_command(const struct z2m_lamp *lamp, struct light_state patch, const char *mode)
{
    struct str set = STR_INIT;
    struct str state = STR_INIT;
    struct light_state report;
    struct light_state resolved = patch;
    light_clamp(&resolved, &lamp->profile);
    z2m_write_set(&set, lamp, &resolved, 0);
    echo(&state, lamp, str_z(&set), mode);
    assert_int_equal(z2m_read_state(state.data, state.len, &lamp, 1, &report), 0);
    if (!light_confirms(&resolved, &report, &z2m_tolerance)) {
        fail_msg("%s is not confirmed by %s", str_z(&set), str_z(&state));
    }
    str_done(&set);
    str_done(&state);
}

static void try_commands(const struct z2m_lamp *lamp)
{
    uint32_t base = lamp->profile.can & (LIGHT_ON | LIGHT_LEVEL);
    for (uint16_t level = 1; level <= LIGHT_LEVEL_MAX; level = (uint16_t)(level + 333)) {
        struct light_state patch = {.has = base, .on = true, .level = level, .kelvin = (uint16_t)(1500 + level)};
        try_command(lamp, patch, "none");
        if (lamp->profile.can & LIGHT_KELVIN) {
            patch.has = base | LIGHT_KELVIN;
            try_command(lamp, patch, "color_temp");
        }
        if (lamp->profile.can & LIGHT_COLOR) {
            patch.has = base | LIGHT_COLOR;
            patch.hue = (uint16_t)(level * 3);
            patch.saturation = (uint16_t)(LIGHT_SATURATION_MAX - level / 2);
            try_command(lamp, patch, lamp->hs && (lamp->prefer_hs || !lamp->xy) ? "hs" : "xy");
        }
    }
}

static void every_shape(void **unused)
{
    (void)unused;
    static struct z2m_device device;
    unsigned models = 0;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        const char *features = shapes[i].features;
        const char *at = strchr(features, '@');
        const char *endpoint = at ? at + 1 : "";
        struct str entry = STR_INIT;
        struct str get = STR_INIT;
        struct json *root = NULL;
        put_entry(&entry, features, endpoint);
        assert_int_equal(json_parse(entry.data, entry.len, Z2M_MAX_ENTRY, &root, NULL), 0);
        assert_int_equal(z2m_read_device(root, &device), 0);
        json_free(root);
        assert_int_equal(device.lamp_count, 1);
        const struct z2m_lamp *lamp = &device.lamps[0];
        struct light_profile expected = expect(features);
        assert_string_equal(lamp->endpoint, endpoint);
        assert_int_equal(lamp->profile.can, expected.can);
        assert_int_equal(lamp->profile.min_kelvin, expected.min_kelvin);
        assert_int_equal(lamp->profile.max_kelvin, expected.max_kelvin);
        assert_int_equal(lamp->profile.kind, LIGHT_KIND_LIGHT);
        z2m_write_get(&get, lamp);
        assert_int_equal(strstr(str_z(&get), "\"state") != NULL, strstr(features, "state/7") != NULL);
        assert_int_equal(strstr(str_z(&get), "\"color_temp") != NULL,
                         strstr(features, "color_temp[") && !strstr(features, "color_temp[250..454]/3"));
        if (at) {
            assert_null(strstr(str_z(&get), "\"state\""));
        }
        try_commands(lamp);
        models += shapes[i].models;
        str_done(&entry);
        str_done(&get);
    }
    assert_true(models > 1700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_shape)};
    return cmocka_run_group_tests_name("zigbee2mqtt shapes", tests, NULL, NULL);
}
