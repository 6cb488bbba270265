/* lightbridge-sim homeassistant: the command line and the orders of standard input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/url.h"
#include "loop/loop.h"
#include "sim/herald.h"
#include "sim/orders.h"
#include "sim/subcommand.h"

/* ---- orders ---- */

static void run_wall(struct order *o)
{
    herald_wall(o->far, o->lamp);
}

static void run_offline(struct order *o)
{
    herald_set_online(o->far, o->lamp, false);
}

static void run_online(struct order *o)
{
    herald_set_online(o->far, o->lamp, true);
}

static void run_silent(struct order *o)
{
    struct herald_manner m = herald_manner(o->far, o->lamp);
    m.silent = true;
    herald_behave(o->far, o->lamp, &m);
}

static void run_slow(struct order *o)
{
    struct herald_manner m = herald_manner(o->far, o->lamp);
    m.delay_ms = (uint32_t)order_number(o->rest, 2000);
    herald_behave(o->far, o->lamp, &m);
}

static void run_stale(struct order *o)
{
    struct herald_manner m = herald_manner(o->far, o->lamp);
    m.stale = true;
    herald_behave(o->far, o->lamp, &m);
}

static void run_well(struct order *o)
{
    herald_behave(o->far, o->lamp, &(struct herald_manner){0});
}

static void run_babble(struct order *o)
{
    herald_babble(o->far, o->lamp);
}

static void run_hide(struct order *o)
{
    herald_announce(o->far, o->lamp, false);
}

static void run_announce(struct order *o)
{
    herald_announce(o->far, o->lamp, true);
}

static void run_restart(struct order *o)
{
    herald_restart(o->far);
}

static void run_storm(struct order *o)
{
    herald_storm(o->far, (uint32_t)order_number(o->rest, 0));
}

static void run_list(struct order *o)
{
    const struct herald *h = o->far;
    for (size_t i = 0; i < herald_count(h); i++) {
        const struct herald_lamp *l = herald_lamp(h, i);
        struct herald_manner m = herald_manner(h, i);
        str_printf(o->out, "%4zu  %-4s %-16s %s  %s%s%s%s", i + 1,
                   !herald_online(h, i) ? "lost"
                   : l->on              ? "on"
                                        : "off",
                   herald_name(h, i), herald_mac(h, i), l->kind->name, m.silent ? ", silent" : "",
                   m.stale ? ", stale" : "", m.delay_ms ? ", slow" : "");
        if (l->kind->level) {
            str_printf(o->out, ", level %u/%u", l->level, l->kind->scale);
        }
        str_add_z(o->out, "\n");
    }
}

static void run_stats(struct order *o)
{
    struct herald_stats s = herald_stats(o->far);
    str_printf(o->out, "%llu commands, %llu states\n", (unsigned long long)s.commands, (unsigned long long)s.states);
}

static void run_help(struct order *o);

static const struct order_row rows[] = {
    {"wall", "LAMP", "a hand: on becomes off and the reverse", true, run_wall},
    {"offline", "LAMP", "it is gone, and its availability says so", true, run_offline},
    {"online", "LAMP", "and back", true, run_online},
    {"silent", "LAMP", "it does nothing and says nothing, though it seems online", true, run_silent},
    {"slow", "LAMP [MS]", "it does everything so much later (2000)", true, run_slow},
    {"stale", "LAMP", "on a command it first repeats its old state", true, run_stale},
    {"well", "LAMP", "none of these any more", true, run_well},
    {"babble", "LAMP", "sends on its state topic what no lamp would", true, run_babble},
    {"hide", "LAMP", "an empty announcement takes it back", true, run_hide},
    {"announce", "LAMP", "and it comes again", true, run_announce},
    {"storm", "RATE", "so many reports a second; 0: none", false, run_storm},
    {"restart", "", "all of them start anew", false, run_restart},
    {"list", "", "all lamps", false, run_list},
    {"stats", "", "what was heard and said so far", false, run_stats},
    {"help", "", "this", false, run_help},
    {"quit", "", "ends, as SIGTERM does", false, NULL},
};
#define ROWS (sizeof rows / sizeof rows[0])

static void run_help(struct order *o)
{
    orders_help(rows, ROWS, o->out);
}

/* ---- the command line ---- */

struct options {
    const char *broker, *ca, *username, *password_file, *prefix, *kind, *name;
    int64_t lamps, seed, slow, silent;
    bool shy, stale, list_kinds, quiet;
};

static void print_ready(void *user)
{
    const struct options *o = user;
    printf("ready: %lld lamps at %s\n", (long long)o->lamps, o->broker);
    fflush(stdout);
}

static int list_kinds(void)
{
    static const char *const families[] = {"the JSON schema", "the default schema", "the default schema",
                                           "a device with components"};
    for (size_t i = 0; i < herald_kind_count; i++) {
        const struct herald_kind *k = &herald_kinds[i];
        printf("  %-15s %s%s%s%s%s\n", k->name, families[k->family], k->level ? ", brightness" : "",
               k->white ? ", colour temperature" : "", k->color ? ", " : "", k->color ? k->color : "");
    }
    return SIM_EXIT_FINE;
}

static size_t count_lamps(const void *far)
{
    return herald_count(far);
}

static int play(const struct subcommand *self, struct options *o, const struct url *url, const char *password)
{
    const struct herald_kind *kind = o->kind ? herald_kind_find(o->kind) : NULL;
    struct herald *herald = NULL;
    struct loop *loop;
    const char *why = "";
    int exit_code = SIM_EXIT_FINE;
    if (o->kind && !kind) {
        return subcommand_usage(self, "\"%s\" is no kind of lamp; --kinds lists them", o->kind);
    }
    if (loop_new(&loop) != 0) {
        return SIM_EXIT_NO;
    }
    const struct herald_config config = {.host = url->host,
                                         .port = url->port,
                                         .tls = strcmp(url->scheme, "mqtts") == 0,
                                         .ca_file = o->ca,
                                         .username = o->username,
                                         .password = password,
                                         .prefix = o->prefix,
                                         .seed = (uint64_t)o->seed,
                                         .lamps = (size_t)o->lamps,
                                         .kind = kind,
                                         .name = o->name,
                                         .shy = o->shy,
                                         .say = o->quiet ? NULL : orders_print,
                                         .ready = print_ready,
                                         .user = o};
    if (herald_new(loop, &config, &herald, &why) != 0) {
        fprintf(stderr, "lightbridge-sim %s: %s\n", self->name, why);
        exit_code = SIM_EXIT_NO;
    } else {
        for (size_t i = 0; i < herald_count(herald); i++) {
            herald_behave(herald, i,
                          &(struct herald_manner){
                              .delay_ms = (uint32_t)o->slow, .stale = o->stale, .silent = i < (size_t)o->silent});
        }
        orders_play(loop, &(struct orders){rows, ROWS, herald, count_lamps});
        herald_leave(herald);
    }
    herald_free(herald);
    loop_free(loop);
    return exit_code;
}

int subcommand_homeassistant(const struct subcommand *self, int argc, char **argv)
{
    struct options o = {
        .broker = "mqtt://127.0.0.1:1883", .prefix = "homeassistant", .name = "herald_", .lamps = 13, .seed = 1};
    const struct option_row option_rows[] = {
        {"broker", "URL", "mqtt:// or mqtts://, default mqtt://127.0.0.1:1883", OPTION_TEXT, &o.broker, 0, 0},
        {"username", "NAME", "for the broker", OPTION_TEXT, &o.username, 0, 0},
        {"password-file", "FILE", "whose one line is the password", OPTION_TEXT, &o.password_file, 0, 0},
        {"ca", "FILE", "PEM, whom mqtts believes; default the system's", OPTION_TEXT, &o.ca, 0, 0},
        {"prefix", "TOPIC", "where they announce themselves, default homeassistant", OPTION_TEXT, &o.prefix, 0, 0},
        {"lamps", "N", "how many, default 13", OPTION_WHOLE, &o.lamps, 0, 100000},
        {"kind", "KIND", "all lamps of this kind; default one of each in turn", OPTION_TEXT, &o.kind, 0, 0},
        {"kinds", NULL, "lists the kinds of lamps", OPTION_SWITCH, &o.list_kinds, 0, 0},
        {"seed", "S", "the same seed makes the same lamps; default 1", OPTION_WHOLE, &o.seed, 0, 4294967295},
        {"name", "TEXT", "what their names and topics begin with; default herald_", OPTION_TEXT, &o.name, 0, 0},
        {"shy", NULL, "nothing is retained; they announce themselves only to a Home Assistant that has just come",
         OPTION_SWITCH, &o.shy, 0, 0},
        {"slow", "MS", "they do everything so much later", OPTION_WHOLE, &o.slow, 0, 600000},
        {"silent", "N", "the first N never answer", OPTION_WHOLE, &o.silent, 0, 100000},
        {"stale", NULL, "on a command the full old state comes first", OPTION_SWITCH, &o.stale, 0, 0},
        {"quiet", NULL, "prints when it is ready and no more", OPTION_SWITCH, &o.quiet, 0, 0},
    };
    struct str more = STR_INIT, password = STR_INIT, why = STR_INIT;
    struct url url;
    int exit_code;
    str_add_z(&more, "While it runs, lines of standard input say what happens (LAMP is a lamp's number, from 1):\n");
    orders_help(rows, ROWS, &more);
    if (subcommand_options(self, argc, argv, option_rows, sizeof option_rows / sizeof option_rows[0], str_z(&more),
                           &exit_code) != 0) {
        ;
    } else if (o.list_kinds) {
        exit_code = list_kinds();
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
