/* POST /control/light: drives, names, places, exposes, forgets. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "local/local_internal.h"

/* A member of the request that drives: its range in the API's units and where it goes, in hundredths. */
static const struct {
    const char *key;
    uint32_t member;
    double min, max, factor;
} members[] = {
    {"level", LIGHT_LEVEL, 0, 100, 100},
    {"kelvin", LIGHT_KELVIN, 1, 30000, 1},
    {"hue", LIGHT_HUE, 0, 360, 100},
    {"saturation", LIGHT_SATURATION, 0, 100, 100},
};

struct asked {
    struct http_exchange *x;
    struct local *local;
    struct light *light;
    struct hub_command command;
    struct hub_edit edit;
    char *name, *room;
    bool edits, drives, forgets;
};

static void set_member(struct light_state *s, uint32_t member, uint16_t value)
{
    s->has |= member;
    if (member == LIGHT_LEVEL) {
        s->level = value;
    } else if (member == LIGHT_KELVIN) {
        s->kelvin = value;
    } else if (member == LIGHT_HUE) {
        s->hue = (uint16_t)(value % LIGHT_HUE_MAX);
    } else {
        s->saturation = value;
    }
}

/* A misspelt member must not be passed over as if it were done. */
static int check_keys(const struct json *body, struct str *why)
{
    static const char *const known[] = {"light",      "on",   "level", "kelvin", "hue",   "saturation",
                                        "transition", "name", "room",  "expose", "forget"};
    for (const struct json *m = json_first(body); m; m = json_next(m)) {
        size_t i = 0;
        while (i < sizeof known / sizeof known[0] && strcmp(known[i], json_key(m)) != 0) {
            i++;
        }
        if (i == sizeof known / sizeof known[0]) {
            str_printf(why, "there is no member \"%s\"", json_key(m));
            return ERR_INVALID;
        }
    }
    return 0;
}

static int read_command(const struct json *body, struct asked *a, struct str *why)
{
    struct light_state *s = &a->command.patch;
    const struct json *on = json_get(body, "on");
    const struct json *transition = json_get(body, "transition");
    double value;
    if (on && !json_is_bool(on)) {
        str_add_z(why, "\"on\" is true or false");
        return ERR_INVALID;
    }
    if (on) {
        s->has |= LIGHT_ON;
        s->on = json_is_true(on);
    }
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *v = json_get(body, members[i].key);
        if (!v) {
            continue;
        }
        if (json_number(v, &value) != 0 || value < members[i].min || value > members[i].max) {
            str_printf(why, "\"%s\" is a number %g..%g", members[i].key, members[i].min, members[i].max);
            return ERR_RANGE;
        }
        set_member(s, members[i].member, (uint16_t)lround(value * members[i].factor));
    }
    if (transition) {
        if (json_number(transition, &value) != 0 || value < 0 || value > 6553) {
            str_add_z(why, "\"transition\" is a number of seconds, 0..6553");
            return ERR_RANGE;
        }
        a->command.transition_ms = (uint32_t)lround(value * 1000);
    }
    a->drives = s->has != 0;
    return 0;
}

static int read_edit(const struct json *body, struct asked *a, struct str *why)
{
    const struct json *name = json_get(body, "name");
    const struct json *room = json_get(body, "room");
    const struct json *expose = json_get(body, "expose");
    if ((name && !json_is_string(name)) || (room && !json_is_string(room)) || (expose && !json_is_bool(expose))) {
        str_add_z(why, "\"name\" and \"room\" are texts, \"expose\" is true or false");
        return ERR_INVALID;
    }
    a->name = mem_text(json_text(name));
    a->room = mem_text(json_text(room));
    a->edit = (struct hub_edit){a->name, a->room, expose ? json_is_true(expose) : -1};
    a->edits = name || room || expose;
    a->forgets = json_is_true(json_get(body, "forget"));
    return 0;
}

static void finish(struct asked *a)
{
    free(a->name);
    free(a->room);
    free(a);
}

static void answer(struct asked *a, const char *basis)
{
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    json_put_key(&j, "light");
    control_put_light(&j, a->light);
    if (basis) {
        json_member_text(&j, "basis", basis);
    }
    json_end_object(&j);
    str_add_char(&body, '\n');
    http_add_header(a->x, "Cache-Control", "no-store");
    http_answer(a->x, 200, "application/json", &body);
    finish(a);
}

static void fail(struct asked *a, int err, const char *text)
{
    control_answer_error(a->x, err, text);
    finish(a);
}

static void describe_failure(struct str *s, const struct light *light, int result, const char *why)
{
    struct light_info info;
    hub_light_info(light, &info);
    str_printf(s, "%s: ", info.name);
    str_add_z(s, *why ? why : err_text(result));
    if (result == ERR_UNSUPPORTED) {
        str_add_z(s, "; it can: ");
        control_add_abilities(s, &info.profile);
    }
}

static void driven(void *user, const struct hub_result *results, size_t count)
{
    static const char *const bases[] = {
        [BASIS_REPORTED] = "reported", [BASIS_ACCEPTED] = "accepted", [BASIS_ASSUMED] = "assumed"};
    struct asked *a = user;
    struct str why = STR_INIT;
    if (count == 1 && results[0].result == 0) {
        answer(a, bases[results[0].basis]);
        return;
    }
    describe_failure(&why, a->light, count == 1 ? results[0].result : ERR_CANCELLED, count == 1 ? results[0].why : "");
    fail(a, count == 1 ? results[0].result : ERR_CANCELLED, str_z(&why));
    str_done(&why);
}

static void edited(void *user, int result)
{
    struct asked *a = user;
    if (result != 0) {
        fail(a, result, NULL);
    } else if (a->drives) {
        hub_apply(a->local->hub, &a->command, 1, driven, a);
    } else {
        answer(a, NULL);
    }
}

/* A name that fits several lights: which ones they are. */
static void answer_ambiguous(struct http_exchange *x, struct local *local, const char *name)
{
    struct str body = STR_INIT;
    struct str text = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    str_printf(&text, "several lights are called \"%s\"; name one by its id", name);
    json_begin_object(&j);
    json_member_text(&j, "error", "ambiguous");
    json_member_text(&j, "error_description", str_z(&text));
    json_member_array(&j, "candidates");
    for (size_t i = 0; i < hub_light_count(local->hub); i++) {
        struct light_info info;
        hub_light_info(hub_light_at(local->hub, i), &info);
        if (!info.removed && strcasecmp(info.name, name) == 0) {
            json_begin_object(&j);
            json_member_text(&j, "id", info.id);
            json_member_text(&j, "name", info.name);
            json_end_object(&j);
        }
    }
    json_end_array(&j);
    json_end_object(&j);
    http_answer(x, 409, "application/json", &body);
    str_done(&text);
}

static bool find_light(struct http_exchange *x, struct local *local, const struct json *body, struct light **ret_light)
{
    struct str text = STR_INIT;
    const char *name = json_get_text(body, "light");
    int err = name ? hub_light_lookup(local->hub, name, ret_light) : ERR_INVALID;
    if (!name) {
        control_answer_error(x, err, "\"light\" is needed: a name or an id");
    } else if (err == ERR_INVALID) {
        answer_ambiguous(x, local, name);
    } else if (err != 0) {
        str_printf(&text, "there is no light \"%s\"; `lightbridge lights` lists them", name);
        control_answer_error(x, err, str_z(&text));
    }
    str_done(&text);
    return err == 0;
}

void local_light(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct json *body = control_body(x);
    struct light *light = NULL;
    struct str why = STR_INIT;
    if (!body) {
        return;
    }
    if (find_light(x, local, body, &light)) {
        struct asked *a = mem_alloc(sizeof *a);
        a->x = x;
        a->local = local;
        a->light = a->command.light = light;
        int err = check_keys(body, &why);
        if (err == 0) {
            err = read_command(body, a, &why);
        }
        if (err == 0) {
            err = read_edit(body, a, &why);
        }
        if (err == 0 && !a->drives && !a->edits && !a->forgets) {
            err = ERR_INVALID;
            str_add_z(&why, "nothing is asked of the light");
        }
        if (err == 0 && (a->edits || a->forgets)) {
            err = a->forgets ? hub_light_forget(local->hub, light, edited, a)
                             : hub_light_edit(local->hub, light, &a->edit, edited, a);
            if (err == ERR_INVALID) {
                str_add_z(&why, "a name or room is up to 100 characters of text");
            }
        } else if (err == 0) {
            edited(a, 0);
        }
        if (err != 0) {
            fail(a, err, str_z(&why));
        }
    }
    str_done(&why);
    json_free(body);
}
