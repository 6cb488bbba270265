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

/* "on 40 % 2700 K", "off", "?"; what an off lamp would show is told where it was just set. */
static void describe_state(struct str *s, const struct json *state, bool whole)
{
    double value;
    const struct json *on = json_get(state, "on");
    bool color = strcmp(text_of(state, "mode"), "color") == 0 || !json_get(state, "kelvin");
    if (on) {
        str_add_z(s, json_is_true(on) ? "on" : "off");
    }
    if (on && !json_is_true(on) && !whole) {
        return;
    }
    if (json_number(json_get(state, "level"), &value) == 0) {
        str_printf(s, value >= 1 && !whole ? " %.0f %%" : " %.4g %%", value);
    }
    if (!color && json_number(json_get(state, "kelvin"), &value) == 0) {
        str_printf(s, " %.0f K", value);
    }
    if (color && json_number(json_get(state, "hue"), &value) == 0) {
        double saturation = 0;
        (void)json_number(json_get(state, "saturation"), &saturation);
        str_printf(s, " hue %.0f sat %.0f", value, saturation);
    }
    if (s->len == 0) {
        str_add_char(s, '?');
    }
}

/* "on 40 %", "offline, was on", "not heard of" */
static void describe_light(struct str *s, const struct json *light)
{
    const struct json *state = json_get(light, "state");
    const struct json *on = json_get(state, "on");
    const char *reach = text_of(light, "reach");
    if (strcmp(reach, "online") == 0) {
        describe_state(s, state, false);
        return;
    }
    str_add_z(s, strcmp(reach, "offline") == 0 ? "offline" : "not heard of");
    if (on) {
        str_add_z(s, json_is_true(on) ? ", was on" : ", was off");
    }
}

#define MIN_CELL 4u
#define NAME_CELL 40u /* columns at most; what is longer pushes the rest */
#define ROOM_CELL 20u
#define STATE_CELL 24u
#define EXPOSED_CELL 11u
#define HEARD_CELL 16u
#define ID_CELL 26u

static unsigned widest(const struct json *lights, const char *key, unsigned most)
{
    unsigned width = MIN_CELL;
    for (const struct json *light = json_first(lights); light; light = json_next(light)) {
        unsigned here = print_width(text_of(light, key));
        width = here > width ? here : width;
    }
    return width < most ? width : most;
}

/* When its last report came. */
static void print_heard(const struct json *light)
{
    int64_t heard = 0;
    if (json_integer(json_get(light, "heard_at"), 1, INT64_MAX, &heard) == 0) {
        print_time(heard);
        print_cell("", 0);
    } else {
        print_cell("never", HEARD_CELL);
    }
}

static void print_lights(const struct json *lights, bool ids)
{
    unsigned name = widest(lights, "name", NAME_CELL);
    unsigned room = widest(lights, "room", ROOM_CELL);
    if (!json_first(lights)) {
        puts("no lights yet; is a broker configured, and is Zigbee2MQTT running?");
        return;
    }
    print_cell("NAME", name);
    print_cell("ROOM", room);
    print_cell("STATE", STATE_CELL);
    print_cell("SMARTTHINGS", EXPOSED_CELL);
    print_cell("HEARD", HEARD_CELL);
    if (ids) {
        print_cell("ID", ID_CELL);
    }
    puts("WHERE");
    for (const struct json *light = json_first(lights); light; light = json_next(light)) {
        struct str state = STR_INIT;
        const char *exposed = json_is_true(json_get(light, "exposed")) ? "exposed" : "hidden";
        describe_light(&state, light);
        print_cell(text_of(light, "name"), name);
        print_cell(text_of(light, "room"), room);
        print_cell(str_z(&state), STATE_CELL);
        print_cell(exposed, EXPOSED_CELL);
        print_heard(light);
        if (ids) {
            print_cell(text_of(light, "id"), ID_CELL);
        }
        print_text(stdout, text_of(light, "where")[0] ? text_of(light, "where") : "not announced");
        putchar('\n');
        str_done(&state);
    }
}

int command_lights(const struct command *self, int argc, char **argv)
{
    const char *path = NULL;
    int as_json = 0;
    int ids = 0;
    int exit_code;
    size_t count;
    const struct option_spec options[] = {{"config", &path, NULL}, {"json", NULL, &as_json}, {"ids", NULL, &ids}};
    struct json *answer = NULL;
    if (command_options(self, argc, argv, options, 3, NULL, 0, &count, &exit_code) != 0) {
        return exit_code;
    }
    char *socket = control_socket(path);
    exit_code = socket ? control_ask(socket, "/control/lights", NULL, &answer) : EXIT_NO;
    if (exit_code == EXIT_FINE && as_json) {
        print_json(answer);
    } else if (exit_code == EXIT_FINE) {
        print_lights(json_get(answer, "lights"), ids != 0);
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
    const char *right; /* what would be right; NULL where there is no value */
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
    {"level", true, put_level, "level 40 (0 to 100)"},
    {"kelvin", true, put_kelvin, "kelvin 2700 (1 to 30000)"},
    {"color", true, put_color, "color 120,100 (hue 0 to 360, saturation 0 to 100)"},
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
        return command_usage(self, "what shall be done with \"%s\"?", words[0]);
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
        if (!verbs[v].has_value && count == 3) {
            return command_usage(self, "\"%s\" takes no value, so \"%s\" is one word too many", words[1], words[2]);
        }
        if (verbs[v].has_value && count < 3) {
            return command_usage(self, "\"%s\" needs a value; right would be: %s", words[1], verbs[v].right);
        }
        if (!verbs[v].put(j, words[2])) {
            return command_usage(self, "\"%s\" is not good for %s; right would be: %s", words[2], words[1],
                                 verbs[v].right);
        }
    }
    if (s->transition) {
        if (count < 2 || !number(s->transition, 0, 6553, &seconds)) {
            return command_usage(self, "--transition takes seconds, 0 to 6553, beside something to do");
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

static void print_outcome(const struct json *answer, const struct settings *s)
{
    const struct json *light = json_get(answer, "light");
    const char *basis = json_get_text(answer, "basis");
    print_text(stdout, text_of(light, "name"));
    if (s->forget) {
        puts(" is forgotten; it comes back when its lamp announces itself again");
        return;
    }
    if (s->name || s->room || s->expose || s->hide) {
        printf(" (");
        print_text(stdout, *text_of(light, "room") ? text_of(light, "room") : "no room");
        printf(", %s)", json_is_true(json_get(light, "exposed")) ? "exposed" : "hidden");
    }
    if (basis) {
        struct str state = STR_INIT;
        describe_state(&state, json_get(light, "state"), true);
        printf(": %s (%s)", str_z(&state), basis);
        str_done(&state);
    }
    putchar('\n');
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
        if (as_json) {
            print_json(answer);
        } else {
            print_outcome(answer, &s);
        }
    }
    json_free(answer);
    str_done(&body);
    free(socket);
    return exit_code;
}
