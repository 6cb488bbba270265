/* lights and light: shown, driven, named. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/control.h"
#include "app/print.h"
#include "base/json.h"

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_get_text(object, key);
    return text ? text : "";
}

/* "on 40 % 2700 K", "off", "?" */
static void describe_state(struct str *s, const struct json *state)
{
    double value;
    const struct json *on = json_get(state, "on");
    bool color = strcmp(text_of(state, "mode"), "color") == 0;
    str_add_z(s, !on ? "?" : json_is_true(on) ? "on" : "off");
    if (json_number(json_get(state, "level"), &value) == 0) {
        str_printf(s, " %.4g %%", value);
    }
    if (!color && json_number(json_get(state, "kelvin"), &value) == 0) {
        str_printf(s, " %.0f K", value);
    }
    if (color && json_number(json_get(state, "hue"), &value) == 0) {
        double saturation = 0;
        (void)json_number(json_get(state, "saturation"), &saturation);
        str_printf(s, " hue %.0f saturation %.0f", value, saturation);
    }
}

static void print_light(const struct json *light)
{
    struct str state = STR_INIT;
    const char *reach = text_of(light, "reach");
    describe_state(&state, json_get(light, "state"));
    print_cell(text_of(light, "name"), 28);
    print_cell(text_of(light, "room"), 14);
    print_cell(strcmp(reach, "unknown") == 0 ? "not heard of" : reach, 13);
    print_cell(str_z(&state), 26);
    print_cell(json_is_true(json_get(light, "exposed")) ? "exposed" : "hidden", 8);
    printf("%s\n", text_of(light, "id"));
    str_done(&state);
}

int command_lights(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    int as_json = 0;
    int exit_code;
    size_t count;
    const struct option_spec options[] = {{"config", &path, NULL}, {"json", NULL, &as_json}};
    struct json *answer = NULL;
    if (command_options(self, argc, argv, options, 2, NULL, 0, &count, &exit_code) != 0) {
        return exit_code;
    }
    char *socket = control_socket(path);
    exit_code = socket ? control_ask(socket, "/control/lights", NULL, &answer) : EXIT_NO;
    if (exit_code == EXIT_FINE && as_json) {
        print_json(answer);
    } else if (exit_code == EXIT_FINE) {
        const struct json *all = json_get(answer, "lights");
        if (!json_first(all)) {
            puts("no lights yet; is a broker configured, and is Zigbee2MQTT running?");
        }
        for (const struct json *light = json_first(all); light; light = json_next(light)) {
            print_light(light);
        }
    }
    json_free(answer);
    free(socket);
    return exit_code;
}

/* ---- light ---- */

struct verb {
    const char *name;
    bool has_value;
    /* Writes the members of the request; false: the value is no good. */
    bool (*put)(struct json_out *j, const char *value);
    const char *right; /* what would be right */
};

static bool number(const char *text, double min, double max, double *ret_value)
{
    char *end = NULL;
    *ret_value = strtod(text, &end);
    return end != text && !*end && isfinite(*ret_value) && *ret_value >= min && *ret_value <= max;
}

static void put_number(struct json_out *j, const char *key, double value)
{
    json_put_key(j, key);
    json_put_fixed(j, llround(value * 100), 2);
}

static bool put_on(struct json_out *j, const char *value)
{
    (void)value;
    json_member_bool(j, "on", true);
    return true;
}

static bool put_off(struct json_out *j, const char *value)
{
    (void)value;
    json_member_bool(j, "on", false);
    return true;
}

static bool put_level(struct json_out *j, const char *text)
{
    double value;
    if (!number(text, 0, 100, &value)) {
        return false;
    }
    put_number(j, "level", value);
    return true;
}

static bool put_kelvin(struct json_out *j, const char *text)
{
    double value;
    if (!number(text, 1, 30000, &value)) {
        return false;
    }
    put_number(j, "kelvin", value);
    return true;
}

static bool put_color(struct json_out *j, const char *text)
{
    double hue;
    double saturation;
    char first[32];
    const char *comma = strchr(text, ',');
    if (!comma || (size_t)(comma - text) >= sizeof first) {
        return false;
    }
    memcpy(first, text, (size_t)(comma - text));
    first[comma - text] = 0;
    if (!number(first, 0, 360, &hue) || !number(comma + 1, 0, 100, &saturation)) {
        return false;
    }
    put_number(j, "hue", hue);
    put_number(j, "saturation", saturation);
    return true;
}

static const struct verb verbs[] = {
    {"on", false, put_on, NULL},
    {"off", false, put_off, NULL},
    {"level", true, put_level, "level 0..100"},
    {"kelvin", true, put_kelvin, "kelvin 2700 (1..30000)"},
    {"color", true, put_color, "color HUE,SATURATION, as color 120,100 (hue 0..360, saturation 0..100)"},
};

struct settings {
    const char *transition, *name, *room;
    int expose, hide, forget;
};

/* The request's members behind "light"; the exit code, EXIT_FINE where all is right. */
static int put_request(const struct command *self, struct json_out *j, const char **words, size_t count,
                       const struct settings *s)
{
    double seconds;
    bool edits = s->name || s->room || s->expose || s->hide;
    if (count < 2 && !edits && !s->forget) {
        return command_usage(self, "what shall be done with %s?", words[0]);
    }
    if (s->expose && s->hide) {
        return command_usage(self, "--expose and --hide exclude each other");
    }
    if (s->forget && (edits || count > 1)) {
        return command_usage(self, "--forget stands alone");
    }
    if (count > 1) {
        size_t v = 0;
        while (v < sizeof verbs / sizeof verbs[0] && strcmp(verbs[v].name, words[1]) != 0) {
            v++;
        }
        if (v == sizeof verbs / sizeof verbs[0]) {
            return command_usage(self, "\"%s\" is none of on, off, level, kelvin, color", words[1]);
        }
        if ((count == 3) != verbs[v].has_value || !verbs[v].put(j, words[2])) {
            return command_usage(self, "right would be: %s", verbs[v].right ? verbs[v].right : words[1]);
        }
    }
    if (s->transition) {
        if (count < 2 || !number(s->transition, 0, 6553, &seconds)) {
            return command_usage(self, "--transition takes seconds, 0..6553, beside something to do");
        }
        put_number(j, "transition", seconds);
    }
    if (s->name) {
        json_member_text(j, "name", s->name);
    }
    if (s->room) {
        json_member_text(j, "room", s->room);
    }
    if (s->expose || s->hide) {
        json_member_bool(j, "expose", s->expose != 0);
    }
    if (s->forget) {
        json_member_bool(j, "forget", true);
    }
    return EXIT_FINE;
}

static void print_outcome(const struct json *answer, bool as_json)
{
    struct str state = STR_INIT;
    const struct json *light = json_get(answer, "light");
    const char *basis = json_get_text(answer, "basis");
    if (as_json) {
        print_json(answer);
        return;
    }
    describe_state(&state, json_get(light, "state"));
    print_text(text_of(light, "name"));
    printf(": %s%s%s%s\n", str_z(&state), basis ? " (" : "", basis ? basis : "", basis ? ")" : "");
    str_done(&state);
}

int command_light(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    const char *words[3] = {0};
    size_t count;
    int exit_code;
    int as_json = 0;
    struct settings s = {0};
    const struct option_spec options[] = {
        {"config", &path, NULL}, {"json", NULL, &as_json},    {"transition", &s.transition, NULL},
        {"name", &s.name, NULL}, {"room", &s.room, NULL},     {"expose", NULL, &s.expose},
        {"hide", NULL, &s.hide}, {"forget", NULL, &s.forget},
    };
    struct str body = STR_INIT;
    struct json_out j;
    struct json *answer = NULL;
    if (command_options(self, argc, argv, options, sizeof options / sizeof options[0], words, 3, &count, &exit_code) !=
        0) {
        return exit_code;
    }
    if (count == 0) {
        return command_usage(self, "which light? `lightbridge lights` lists them");
    }
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_member_text(&j, "light", words[0]);
    exit_code = put_request(self, &j, words, count, &s);
    json_end_object(&j);
    char *socket = exit_code == EXIT_FINE ? control_socket(path) : NULL;
    if (exit_code == EXIT_FINE) {
        exit_code = socket ? control_ask(socket, "/control/light", &body, &answer) : EXIT_NO;
    }
    if (exit_code == EXIT_FINE) {
        print_outcome(answer, as_json);
    }
    json_free(answer);
    str_done(&body);
    free(socket);
    return exit_code;
}
