/* lightbridge-sim zigbee2mqtt: the command line, standard input and the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/url.h"
#include "loop/loop.h"
#include "sim/chance.h"
#include "sim/shapes.h"
#include "sim/subcommand.h"
#include "sim/zigbee2mqtt.h"
#include "sim/zigbee_console.h"

struct run {
    struct loop *loop;
    struct zigbee *zigbee;
    const char *broker; /* as given */
};

/* Everything that the command line can say. */
struct options {
    const char *broker, *base, *ca, *username, *password_file, *shape, *availability, *output;
    int64_t lamps, plugs, others, seed, slow, silent, lost, reports, storm, groups;
    double wall;
    bool stale, homeassistant, unknown, pessimistic, retain, chatty, list_shapes, quiet;
};

static void print_ready(void *user)
{
    struct run *r = user;
    printf("ready: %zu lamps on %s\n", zigbee_count(r->zigbee), r->broker);
    fflush(stdout);
}

/* ---- what the options mean ---- */

static int find_word(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int list_shapes(void)
{
    for (size_t i = 0; i < shape_count; i++) {
        struct str s = STR_INIT;
        shape_describe(&s, &shapes[i]);
        printf("%4zu %4u  %s %s: %s\n", i, shapes[i].weight, shapes[i].vendor, shapes[i].model, str_z(&s));
        str_done(&s);
    }
    return SIM_EXIT_FINE;
}

/* Some of the lamps, by the seed: the first `count` of a shuffled deck. */
static void choose(const struct options *o, struct zigbee *z, int64_t count, uint64_t salt,
                   void (*fn)(struct zigbee *zigbee, size_t lamp))
{
    size_t all = zigbee_count(z);
    uint64_t stream = (uint64_t)o->seed ^ salt;
    size_t *deck = mem_array(all + 1, sizeof *deck);
    for (size_t i = 0; i < all; i++) {
        deck[i] = i;
    }
    for (size_t i = 0; i < all && i < (size_t)count; i++) {
        size_t k = i + chance_below(&stream, all - i);
        size_t lamp = deck[k];
        deck[k] = deck[i];
        fn(z, lamp);
    }
    free(deck);
}

static void make_silent(struct zigbee *z, size_t lamp)
{
    struct zigbee_manner m = zigbee_manner(z, lamp);
    m.silent = true;
    zigbee_behave(z, lamp, &m);
}

static void make_lost(struct zigbee *z, size_t lamp)
{
    zigbee_set_online(z, lamp, false);
}

static void make_groups(struct zigbee *z, int64_t count)
{
    for (int64_t g = 0; g < count; g++) {
        size_t members[3];
        size_t n = 0;
        char name[32];
        for (size_t i = (size_t)g * 3; i < zigbee_count(z) && n < 3; i++) {
            members[n++] = i;
        }
        snprintf(name, sizeof name, "Group %lld", (long long)g + 1);
        (void)zigbee_group(z, name, members, n);
    }
}

static int start(struct run *r, const struct subcommand *self, const struct options *o, const struct url *url,
                 const char *password)
{
    static const char *const availabilities[] = {"json", "text", "none"};
    static const char *const outputs[] = {"json", "attribute", "both"};
    int availability = find_word(o->availability, availabilities, 3);
    int output = find_word(o->output, outputs, 3);
    bool each = o->shape && strcmp(o->shape, "each") == 0;
    const struct shape *shape = o->shape && !each ? shape_find(o->shape) : NULL;
    const char *why = "";
    if (availability < 0 || output < 0) {
        return subcommand_usage(self, availability < 0 ? "--availability is json, text or none"
                                                       : "--output is json, attribute or both");
    }
    if (o->shape && !shape && !each) {
        return subcommand_usage(self, "\"%s\" is no kind of lamp; --shapes lists them", o->shape);
    }
    const struct zigbee_config config = {
        .host = url->host,
        .port = url->port,
        .tls = strcmp(url->scheme, "mqtts") == 0,
        .ca_file = o->ca,
        .username = o->username,
        .password = password,
        .base = o->base,
        .seed = (uint64_t)o->seed,
        .lamps = (size_t)o->lamps,
        .plugs = (size_t)o->plugs,
        .others = (size_t)o->others,
        .shape = shape,
        .each_shape = each,
        .manner = {.delay_ms = (uint32_t)o->slow, .stale = o->stale, .reports = (int)o->reports},
        .availability = (enum zigbee_availability)availability,
        .output = (enum zigbee_output)output,
        .homeassistant = o->homeassistant,
        .unknown = o->unknown,
        .pessimistic = o->pessimistic,
        .retain = o->retain,
        .chatty = o->chatty,
        .say = o->quiet ? NULL : orders_print,
        .ready = print_ready,
        .user = r,
    };
    int err = zigbee_new(r->loop, &config, &r->zigbee, &why);
    if (err != 0) {
        fprintf(stderr, "lightbridge-sim %s: %s\n", self->name, why);
        return SIM_EXIT_NO;
    }
    choose(o, r->zigbee, o->silent, 0x73696c656e74, make_silent);
    choose(o, r->zigbee, o->lost, 0x6c6f7374, make_lost);
    make_groups(r->zigbee, o->groups);
    zigbee_set_walls(r->zigbee, (uint32_t)(o->wall * 1000));
    zigbee_storm(r->zigbee, (uint32_t)o->storm);
    return SIM_EXIT_FINE;
}

static int play(const struct subcommand *self, const struct options *o, const struct url *url, const char *password)
{
    struct run r = {.broker = o->broker};
    struct str where = STR_INIT;
    str_printf(&where, "%s at %s", o->base, o->broker);
    r.broker = str_z(&where);
    if (loop_new(&r.loop) != 0) {
        return SIM_EXIT_NO;
    }
    int exit_code = start(&r, self, o, url, password);
    if (exit_code == SIM_EXIT_FINE) {
        const struct orders orders = console_orders(r.zigbee);
        orders_play(r.loop, &orders);
        zigbee_leave(r.zigbee);
    }
    zigbee_free(r.zigbee);
    loop_free(r.loop);
    str_done(&where);
    return exit_code;
}

int subcommand_zigbee2mqtt(const struct subcommand *self, int argc, char **argv)
{
    struct options o = {.broker = "mqtt://127.0.0.1:1883",
                        .base = "zigbee2mqtt",
                        .availability = "json",
                        .output = "json",
                        .lamps = 12,
                        .others = 2,
                        .seed = 1,
                        .reports = -1};
    const struct option_row rows[] = {
        {"broker", "URL", "mqtt:// or mqtts://, default mqtt://127.0.0.1:1883", OPTION_TEXT, &o.broker, 0, 0},
        {"username", "NAME", "for the broker", OPTION_TEXT, &o.username, 0, 0},
        {"password-file", "FILE", "whose one line is the password", OPTION_TEXT, &o.password_file, 0, 0},
        {"ca", "FILE", "PEM, whom mqtts believes; default the system's", OPTION_TEXT, &o.ca, 0, 0},
        {"base", "TOPIC", "base topic, default zigbee2mqtt", OPTION_TEXT, &o.base, 0, 0},
        {"lamps", "N", "how many, default 12", OPTION_WHOLE, &o.lamps, 0, 90000},
        {"plugs", "N", "and so many plugs and relays behind them", OPTION_WHOLE, &o.plugs, 0, 10000},
        {"others", "N",
         "devices that are no lights: a sensor, a remote, one unsupported,\none disabled, one not "
         "interviewed; default 2",
         OPTION_WHOLE, &o.others, 0, 10000},
        {"groups", "N", "of three lamps each", OPTION_WHOLE, &o.groups, 0, 1000},
        {"seed", "S", "the same seed makes the same lamps and the same chances; default 1", OPTION_WHOLE, &o.seed, 0,
         4294967295},
        {"shape", "KIND", "all lamps of this kind: a number of --shapes, or a model; `each`: one\nof each in turn",
         OPTION_TEXT, &o.shape, 0, 0},
        {"shapes", NULL, "lists the kinds of lamps, with how many models are of each", OPTION_SWITCH, &o.list_shapes, 0,
         0},
        {"wall", "SECONDS", "a hand on some wall switch, on average every so often", OPTION_REAL, &o.wall, 0, 1e6},
        {"storm", "RATE", "so many reports of changes a second", OPTION_WHOLE, &o.storm, 0, 1000000},
        {"slow", "MS", "lamps do everything so much later", OPTION_WHOLE, &o.slow, 0, 600000},
        {"silent", "N", "so many lamps never answer", OPTION_WHOLE, &o.silent, 0, 100000},
        {"lost", "N", "so many lamps are offline", OPTION_WHOLE, &o.lost, 0, 100000},
        {"reports", "N", "identical messages after the first, 0 to 4; default -1: 1 to 4 by chance", OPTION_WHOLE,
         &o.reports, -1, 4},
        {"stale", NULL, "on a command the full old state comes first", OPTION_SWITCH, &o.stale, 0, 0},
        {"availability", "FORM", "json (default), text (as before 2.0), none", OPTION_TEXT, &o.availability, 0, 0},
        {"output", "FORM", "json (default), attribute, both", OPTION_TEXT, &o.output, 0, 0},
        {"homeassistant", NULL, "what is not known is published as null", OPTION_SWITCH, &o.homeassistant, 0, 0},
        {"unknown", NULL, "starts with an empty cache of states", OPTION_SWITCH, &o.unknown, 0, 0},
        {"pessimistic", NULL, "option optimistic: false: nothing before the lamp's own report", OPTION_SWITCH,
         &o.pessimistic, 0, 0},
        {"retain", NULL, "states are retained", OPTION_SWITCH, &o.retain, 0, 0},
        {"chatty", NULL, "bridge/logging repeats all that is published, as at log level info", OPTION_SWITCH, &o.chatty,
         0, 0},
        {"quiet", NULL, "prints when it is ready and no more", OPTION_SWITCH, &o.quiet, 0, 0},
    };
    const struct orders orders = console_orders(NULL);
    struct str more = STR_INIT;
    struct str password = STR_INIT;
    struct str why = STR_INIT;
    struct url url;
    int exit_code;
    str_add_z(&more, "While it runs, lines of standard input say what happens (lamps are numbered from 1):\n");
    orders_help(orders.rows, orders.count, &more);
    if (subcommand_options(self, argc, argv, rows, sizeof rows / sizeof rows[0], str_z(&more), &exit_code) != 0) {
        ;
    } else if (o.list_shapes) {
        exit_code = list_shapes();
    } else if (url_parse(o.broker, &url) != 0 ||
               (strcmp(url.scheme, "mqtt") != 0 && strcmp(url.scheme, "mqtts") != 0)) {
        exit_code = subcommand_usage(self, "--broker: \"%s\" is no mqtt://HOST:PORT or mqtts://HOST:PORT", o.broker);
    } else if (o.password_file && file_read_secret(o.password_file, &password, &why) != 0) {
        fprintf(stderr, "lightbridge-sim %s: %s\n", self->name, str_z(&why));
        exit_code = SIM_EXIT_NO;
    } else {
        setvbuf(stdout, NULL, _IOLBF, 0);
        exit_code = play(self, &o, &url, password.len ? str_z(&password) : NULL);
    }
    str_done(&more);
    str_done(&password);
    str_done(&why);
    return exit_code;
}
