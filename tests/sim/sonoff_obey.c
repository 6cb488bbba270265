/* A module's commands: a row each. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/sonoff_light_internal.h"

#define BACKLOG_MAX 30

/* One command on its way. */
struct order {
    struct sonoff_light *light;
    const char *name, *argument; /* as in its row; "" asks */
    unsigned index;              /* "Dimmer2": 2; 1 where none was said */
    int number;                  /* the argument as a number; -1: it is none */
    sonoff_say_fn *say;
    void *user;
};

/* RESULT_OR_STAT: SetOption4 */
static void answer(const struct order *o, const char *text)
{
    o->say(o->user, PREFIX_STAT, o->light->settings.by_command ? o->name : "RESULT", text);
}

static void answer_number(const struct order *o, const char *key, unsigned value)
{
    char text[64];
    (void)snprintf(text, sizeof text, "{\"%s\":%u}", key, value);
    answer(o, text);
}

static void answer_light(const struct order *o)
{
    struct str s = STR_INIT;
    str_add_char(&s, '{');
    sonoff_write_light(&s, o->light);
    str_add_char(&s, '}');
    answer(o, str_z(&s));
    str_done(&s);
}

static void say_tele(const struct order *o)
{
    struct str s = STR_INIT;
    sonoff_write_state(&s, o->light);
    o->say(o->user, PREFIX_TELE, "STATE", str_z(&s));
    str_done(&s);
}

/* ---- fades ---- */

/* What is shone, with what is off at 0. */
static void shine(const struct sonoff_light *l, uint8_t levels[5])
{
    memset(levels, 0, 5);
    if (!l->first) {
        return;
    }
    sonoff_levels(l, levels);
    for (unsigned i = 0; i < 5; i++) {
        unsigned device = l->kind->channels ? l->first + i : l->kind->split && i >= 3 ? l->first + 1u : l->first;
        if (!((l->power >> (device - 1)) & 1)) {
            levels[i] = 0;
        }
    }
}

/* LightApplyFade: the farthest channel says how long it takes. */
static void note_fade(struct sonoff_light *l, const uint8_t before[5])
{
    uint8_t after[5];
    unsigned farthest = 0;
    unsigned speed = l->once ? l->once_speed : l->fade ? l->speed : 0;
    shine(l, after);
    for (size_t i = 0; i < 5; i++) {
        unsigned way = (unsigned)abs((int)after[i] - (int)before[i]);
        farthest = way > farthest ? way : farthest;
    }
    if (farthest > 0) {
        l->fade_ms = l->settings.fixed_duration ? speed * 500 : speed * 500 * farthest / 255;
        l->once = false;
    }
}

/* ---- power ---- */

static void set_power(struct sonoff_light *l, unsigned device, bool on)
{
    l->power = on ? l->power | 1u << (device - 1) : l->power & ~(1u << (device - 1));
}

static bool is_on(const struct sonoff_light *l, unsigned device)
{
    return (l->power >> (device - 1)) & 1;
}

void sonoff_say_power(struct sonoff_light *l, unsigned device, sonoff_say_fn *say, void *user)
{
    char name[12], text[128];
    sonoff_power_name(l, device, l->settings.index, name);
    (void)snprintf(text, sizeof text, "{\"%s\":\"%s\"}", name, sonoff_state_text(l, is_on(l, device)));
    say(user, PREFIX_STAT, l->settings.by_command ? name : "RESULT", text);
    if (!l->settings.json_only) {
        say(user, PREFIX_STAT, name, sonoff_state_text(l, is_on(l, device)));
    }
}

/* GetStateNumber knows numbers and these words, not those that the owner has given. */
static int state_number(const char *text)
{
    static const char *const words[] = {"OFF", "ON", "TOGGLE", "FALSE", "TRUE"};
    for (int i = 0; i < 5; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return i < 3 ? i : i - 3;
        }
    }
    return -1;
}

static void run_power(struct order *o)
{
    struct sonoff_light *l = o->light;
    int state = o->number >= 0 ? o->number : state_number(o->argument);
    unsigned device = o->index == 0 || o->index > l->devices ? 1 : o->index;
    uint8_t before[5];
    shine(l, before);
    if (state >= 0 && state <= 2) {
        set_power(l, device, state == 2 ? !is_on(l, device) : state == 1);
        note_fade(l, before);
    }
    if (l->settings.tele_too) {
        say_tele(o);
    }
    sonoff_say_power(l, device, o->say, o->user);
}

/* LightPreparePower: a level lights what was dark, none puts out. `parts`: bits of its devices. */
static void prepare_power(struct order *o, unsigned parts, const uint8_t before[5])
{
    struct sonoff_light *l = o->light;
    unsigned lights = l->devices - l->first + 1u;
    for (unsigned i = 0; i < lights; i++) {
        uint8_t bri = l->kind->channels ? l->channel[i]
                      : l->kind->split  ? (i == 0 ? l->bri_rgb : l->bri_ct)
                                        : sonoff_bri(l);
        bool on = is_on(l, l->first + i);
        if ((parts >> i & 1) && bri > 0 && !on && !l->settings.power_apart) {
            set_power(l, l->first + i, true);
        } else if ((parts >> i & 1) && bri == 0 && on) {
            set_power(l, l->first + i, false);
        }
    }
    note_fade(l, before);
    if (l->settings.tele_too) {
        say_tele(o);
    }
    answer_light(o);
}

/* ---- lights ---- */

static void run_dimmer(struct order *o)
{
    struct sonoff_light *l = o->light;
    unsigned part = o->index == 3 ? 0 : o->index > 4 ? 1 : o->index;
    uint8_t before[5];
    shine(l, before);
    if (o->number < 0 || o->number > 100) {
        answer_number(o, "Dimmer", sonoff_dimmer(sonoff_bri(l)));
    } else if (sonoff_linked(l)) {
        sonoff_change_dimmer(l, (unsigned)o->number, 0);
        prepare_power(o, 1, before);
    } else {
        for (unsigned i = 1; i <= 2; i++) {
            if (part == 0 || part == i) {
                sonoff_change_dimmer(l, (unsigned)o->number, i);
            }
        }
        prepare_power(o, part == 0 ? 3 : 1u << (part - 1), before);
    }
}

static void run_ct(struct order *o)
{
    struct sonoff_light *l = o->light;
    uint8_t before[5];
    shine(l, before);
    if ((l->kind->subtype != SUBTYPE_COLDWARM && l->kind->subtype != SUBTYPE_RGBCW) || l->kind->channels) {
        answer(o, "{\"Command\":\"Unknown\"}");
    } else if (o->number >= 153 && o->number <= 500) {
        sonoff_change_ct(l, (unsigned)o->number);
        prepare_power(o, l->kind->split ? 2 : 1, before);
    } else {
        answer_number(o, "CT", l->ct);
    }
}

static void run_hsbcolor(struct order *o)
{
    struct sonoff_light *l = o->light;
    unsigned hsb[3] = {l->hue, l->saturation, l->bri_rgb};
    uint8_t before[5];
    shine(l, before);
    if (l->kind->subtype < SUBTYPE_RGB) {
        answer(o, "{\"Command\":\"Unknown\"}");
        return;
    }
    if (!o->argument[0]) {
        answer_light(o);
        return;
    }
    const char *at = o->argument;
    for (unsigned i = o->index == 2 || o->index == 3 ? o->index - 1 : 0; i < 3 && at; i++) {
        long value = strtol(at, NULL, 10);
        value = value < 0 ? 0 : i == 0 ? (value > 360 ? 360 : value) : (value > 100 ? 100 : value);
        hsb[i] = i == 0 ? (unsigned)value : sonoff_scale((unsigned)value, 100, 255);
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    sonoff_change_hsb(l, hsb[0], hsb[1], hsb[2]);
    prepare_power(o, 1, before);
}

static bool read_channels(const char *text, unsigned count, uint8_t channels[5])
{
    memset(channels, 0, 5);
    text += text[0] == '#';
    if (strchr(text, ',')) {
        for (size_t i = 0; i < 5 && text; i++) {
            channels[i] = (uint8_t)strtoul(text, NULL, 10);
            text = strchr(text, ',');
            text = text ? text + 1 : NULL;
        }
        return true;
    }
    size_t len = strspn(text, "0123456789abcdefABCDEF");
    for (size_t i = 0; i < 5 && 2 * i + 1 < len; i++) {
        channels[i] = (uint8_t)strtoul((const char[]){text[2 * i], text[2 * i + 1], 0}, NULL, 16);
    }
    return text[len] == 0 && (len == 2ul * count || len > 3);
}

static void run_color(struct order *o)
{
    struct sonoff_light *l = o->light;
    uint8_t channels[5], before[5];
    uint8_t kept = sonoff_linked(l) ? sonoff_bri(l) : l->bri_rgb;
    shine(l, before);
    if (l->kind->subtype < SUBTYPE_COLDWARM || l->kind->channels) {
        answer(o, "{\"Command\":\"Unknown\"}");
    } else if (o->index <= 2 && read_channels(o->argument, l->kind->subtype, channels)) {
        if (l->kind->subtype == SUBTYPE_COLDWARM) {
            memmove(channels + 3, channels, 2);
            memset(channels, 0, 3);
        }
        sonoff_change_color(l, channels);
        if (o->index == 2) {
            sonoff_change_dimmer(l, sonoff_scale(kept, 255, 100), sonoff_linked(l) ? 0 : 1);
        }
        prepare_power(o, 3, before);
    } else {
        answer_light(o);
    }
}

static void run_white(struct order *o)
{
    struct sonoff_light *l = o->light;
    uint8_t before[5];
    shine(l, before);
    if (l->kind->channels || (l->kind->subtype < SUBTYPE_RGBW && l->kind->subtype != SUBTYPE_COLDWARM)) {
        answer(o, "{\"Command\":\"Unknown\"}");
    } else if (o->number >= 0 && o->number <= 100) {
        sonoff_change_dimmer(l, (unsigned)o->number, 2);
        prepare_power(o, l->kind->split ? 2 : 1, before);
    } else {
        answer_number(o, "White", sonoff_dimmer(l->bri_ct));
    }
}

static void run_channel(struct order *o)
{
    struct sonoff_light *l = o->light;
    uint8_t before[5];
    shine(l, before);
    if (!l->kind->channels || o->index < l->first || o->index > l->devices) {
        answer(o, "{\"Command\":\"Unknown\"}"); /* without SetOption68 it is more than we play */
    } else if (o->number >= 0 && o->number <= 100) {
        l->channel[o->index - l->first] = (uint8_t)sonoff_scale((unsigned)o->number, 100, 255);
        prepare_power(o, 1u << (o->index - l->first), before);
    } else {
        char key[16];
        (void)snprintf(key, sizeof key, "Channel%u", o->index);
        answer_number(o, key, sonoff_scale(l->channel[o->index - l->first], 255, 100));
    }
}

/* CmndFade: Fade2 does nothing any more. */
static void run_fade(struct order *o)
{
    char text[64];
    if (o->index != 2 && o->number >= 0 && o->number <= 1) {
        o->light->fade = o->number == 1;
    }
    (void)snprintf(text, sizeof text, "{\"Fade\":\"%s\"}", sonoff_state_text(o->light, o->light->fade));
    answer(o, text);
}

static void run_speed(struct order *o)
{
    struct sonoff_light *l = o->light;
    if (o->index == 2) {
        if (o->number >= 0 && o->number <= 40) {
            l->once = true;
            l->once_speed = (uint8_t)o->number;
        }
        answer_number(o, "Speed2", l->once_speed);
        return;
    }
    if (o->number > 0 && o->number <= 40) {
        l->speed = (uint8_t)o->number;
    }
    answer_number(o, "Speed", l->speed);
}

static void run_state(struct order *o)
{
    struct str s = STR_INIT;
    if (o->light->settings.tele_too) {
        say_tele(o);
    }
    sonoff_write_state(&s, o->light);
    answer(o, str_z(&s));
    str_done(&s);
}

static void run_status(struct order *o)
{
    struct str s = STR_INIT;
    if (o->number == 0 || o->number == 11) {
        str_add_z(&s, "{\"StatusSTS\":");
        sonoff_write_state(&s, o->light);
        str_add_char(&s, '}');
        o->say(o->user, PREFIX_STAT, "STATUS11", str_z(&s));
    }
    str_done(&s);
}

static void run_backlog(struct order *o)
{
    char *text = strdup(o->argument);
    unsigned count = 0;
    char *rest = NULL;
    for (char *at = strtok_r(text, ";", &rest); at && count++ < BACKLOG_MAX; at = strtok_r(NULL, ";", &rest)) {
        at += strspn(at, " ");
        size_t name = strcspn(at, " ");
        char *argument = at + name;
        if (*argument) {
            *argument++ = 0;
        }
        if (*at && strncasecmp(at, "Backlog", 7) != 0) {
            sonoff_obey(o->light, at, argument, o->say, o->user);
        }
    }
    free(text);
}

static const struct order_row {
    const char *name;
    enum { NEEDS_NOTHING, NEEDS_POWER, NEEDS_LIGHT } needs;
    void (*run)(struct order *o);
} rows[] = {
    {"POWER", NEEDS_POWER, run_power},     {"DIMMER", NEEDS_LIGHT, run_dimmer},
    {"CT", NEEDS_LIGHT, run_ct},           {"HSBCOLOR", NEEDS_LIGHT, run_hsbcolor},
    {"COLOR", NEEDS_LIGHT, run_color},     {"WHITE", NEEDS_LIGHT, run_white},
    {"CHANNEL", NEEDS_LIGHT, run_channel}, {"FADE", NEEDS_LIGHT, run_fade},
    {"SPEED", NEEDS_LIGHT, run_speed},     {"STATE", NEEDS_NOTHING, run_state},
    {"STATUS", NEEDS_NOTHING, run_status}, {"BACKLOG", NEEDS_NOTHING, run_backlog},
};

/* CommandHandler: the digits at the end are the index. */
void sonoff_obey(struct sonoff_light *light, const char *command, const char *argument, sonoff_say_fn *say, void *user)
{
    size_t len = strlen(command);
    while (len > 0 && isdigit((unsigned char)command[len - 1])) {
        len--;
    }
    char *end;
    long number = strtol(argument, &end, 10);
    struct order o = {.light = light,
                      .name = "COMMAND",
                      .argument = argument,
                      .index = command[len] ? (unsigned)strtoul(command + len, NULL, 10) : 1,
                      .number = end != argument && *end == 0 && number >= 0 && number < 100000 ? (int)number : -1,
                      .say = say,
                      .user = user};
    unsigned has = light->first ? NEEDS_LIGHT : light->devices > 0 ? NEEDS_POWER : NEEDS_NOTHING;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strlen(rows[i].name) == len && strncasecmp(rows[i].name, command, len) == 0 && rows[i].needs <= has) {
            o.name = rows[i].name;
            rows[i].run(&o);
            return;
        }
    }
    answer(&o, "{\"Command\":\"Unknown\"}");
}
