/* lightbridge-sim shelly and wled: the command line and the orders of standard input. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/url.h"
#include "loop/loop.h"
#include "sim/orders.h"
#include "sim/subcommand.h"
#include "sim/wifi.h"

/* ---- orders ---- */

static void run_wall(struct order *o)
{
    wifi_wall(o->far, o->lamp);
}

static void run_offline(struct order *o)
{
    wifi_set_online(o->far, o->lamp, false);
}

static void run_online(struct order *o)
{
    wifi_set_online(o->far, o->lamp, true);
}

static void run_topic(struct order *o)
{
    if (*o->rest) {
        wifi_rename(o->far, o->lamp, o->rest);
    } else {
        str_add_z(o->out, "no: the new topic is missing\n");
    }
}

static void run_well(struct order *o)
{
    wifi_behave(o->far, o->lamp, &(struct wifi_manner){0});
}

static void run_silent(struct order *o)
{
    wifi_behave(o->far, o->lamp, &(struct wifi_manner){.silent = true});
}

static void run_slow(struct order *o)
{
    wifi_behave(o->far, o->lamp, &(struct wifi_manner){.delay_ms = (uint32_t)order_number(o->rest, 2000)});
}

static void run_stale(struct order *o)
{
    wifi_behave(o->far, o->lamp, &(struct wifi_manner){.stale = true});
}

static void run_refuse(struct order *o)
{
    wifi_behave(o->far, o->lamp, &(struct wifi_manner){.refuses = true});
}

static void run_babble(struct order *o)
{
    wifi_babble(o->far, o->lamp);
}

static void run_restart(struct order *o)
{
    wifi_restart(o->far);
}

static void run_storm(struct order *o)
{
    wifi_storm(o->far, (uint32_t)order_number(o->rest, 0));
}

static void run_list(struct order *o)
{
    const struct wifi *w = o->far;
    for (size_t i = 0; i < wifi_count(w); i++) {
        int max;
        int level = wifi_level(w, i, &max);
        str_printf(o->out, "%4zu  %-3s  %s %s %s", i + 1, wifi_is_on(w, i) ? "on" : "off", wifi_mac(w, i),
                   wifi_topic(w, i), wifi_part(w, i));
        if (level >= 0) {
            str_printf(o->out, ", level %d/%d", level, max);
        }
        str_add_z(o->out, "\n");
    }
}

static void run_help(struct order *o);

static const struct order_row orders[] = {
    {"wall", "LAMP", "a hand on the wall switch", true, run_wall},
    {"offline", "LAMP", "its power is cut", true, run_offline},
    {"online", "LAMP", "and back", true, run_online},
    {"topic", "LAMP TOPIC", "its owner gives it another topic", true, run_topic},
    {"silent", "LAMP", "it does nothing and says nothing, though it seems online", true, run_silent},
    {"slow", "LAMP [MS]", "it does everything so much later (2000)", true, run_slow},
    {"stale", "LAMP", "on a command it first repeats its old state", true, run_stale},
    {"refuse", "LAMP", "it answers commands with an error (Shelly of generation 2)", true, run_refuse},
    {"well", "LAMP", "none of these any more", true, run_well},
    {"babble", "LAMP", "sends what no lamp would", true, run_babble},
    {"storm", "RATE", "so many reports a second; 0: none", false, run_storm},
    {"restart", "", "a power cut: all of them start anew", false, run_restart},
    {"list", "", "all lamps", false, run_list},
    {"help", "", "this", false, run_help},
    {"quit", "", "ends, as SIGTERM does", false, NULL},
};
#define ORDERS (sizeof orders / sizeof orders[0])

static void run_help(struct order *o)
{
    orders_help(orders, ORDERS, o->out);
}

static size_t count_lamps(const void *far)
{
    return wifi_count(far);
}

/* ---- the command line ---- */

struct run {
    struct wifi *wifi;
    const char *broker;
};

struct options {
    const char *broker, *username, *password_file, *model;
    int64_t devices, generation, seed, http_port, cooldown;
    bool retain, status, list, quiet;
};

static void print_ready(void *user)
{
    const struct run *r = user;
    printf("ready: %zu lamps at %s\n", wifi_count(r->wifi), r->broker);
    fflush(stdout);
}

static int list_models(enum wifi_family family)
{
    size_t count;
    const char *const *models = wifi_models(family, &count);
    for (size_t i = 0; i < count; i++) {
        puts(models[i]);
    }
    return SIM_EXIT_FINE;
}

static int play(const struct subcommand *self, const struct options *o, enum wifi_family family, const struct url *url,
                const char *password)
{
    static const char *models[4096];
    struct run r = {.broker = o->broker};
    struct loop *loop;
    const char *why = "";
    for (size_t i = 0; o->model && i < (size_t)o->devices; i++) {
        models[i] = o->model;
    }
    const struct wifi_config config = {.family = family,
                                       .host = url->host,
                                       .port = url->port,
                                       .username = o->username,
                                       .password = password,
                                       .models = o->model ? models : NULL,
                                       .devices = (size_t)o->devices,
                                       .seed = (uint64_t)o->seed,
                                       .http_port = (uint16_t)o->http_port,
                                       .cooldown_ms = (uint32_t)o->cooldown,
                                       .retain = o->retain,
                                       .status = o->status,
                                       .plain = SIZE_MAX,
                                       .say = o->quiet ? NULL : orders_print,
                                       .ready = print_ready,
                                       .user = &r};
    if (loop_new(&loop) != 0) {
        return SIM_EXIT_NO;
    }
    int exit_code = SIM_EXIT_FINE;
    if (wifi_new(loop, &config, &r.wifi, &why) == 0) {
        orders_play(loop, &(struct orders){orders, ORDERS, r.wifi, count_lamps});
    } else {
        fprintf(stderr, "lightbridge-sim %s: %s\n", self->name, why);
        exit_code = SIM_EXIT_NO;
    }
    wifi_free(r.wifi);
    loop_free(loop);
    return exit_code;
}

/* `family` of what is played; where o->generation is asked for, it decides. */
static int run(const struct subcommand *self, int argc, char **argv, struct options *o, enum wifi_family family,
               const struct option_row *rows, size_t count)
{
    struct str more = STR_INIT;
    struct str password = STR_INIT;
    struct str why = STR_INIT;
    struct url url;
    int exit_code;
    str_add_z(&more, "While it runs, lines of standard input say what happens (lamps are numbered from 1):\n");
    orders_help(orders, ORDERS, &more);
    int err = subcommand_options(self, argc, argv, rows, count, str_z(&more), &exit_code);
    family = family == WIFI_SHELLY && o->generation == 1 ? WIFI_SHELLY1 : family;
    if (err != 0) {
        ;
    } else if (o->list) {
        exit_code = list_models(family);
    } else if (url_parse(o->broker, &url) != 0 || strcmp(url.scheme, "mqtt") != 0) {
        exit_code = subcommand_usage(self, "--broker: \"%s\" is no mqtt://HOST:PORT", o->broker);
    } else if (o->password_file && file_read_secret(o->password_file, &password, &why) != 0) {
        fprintf(stderr, "lightbridge-sim %s: %s\n", self->name, str_z(&why));
        exit_code = SIM_EXIT_NO;
    } else {
        setvbuf(stdout, NULL, _IOLBF, 0);
        exit_code = play(self, o, family, &url, password.len ? str_z(&password) : NULL);
    }
    str_done(&more);
    str_done(&password);
    str_done(&why);
    return exit_code;
}

#define COMMON_ROWS(o)                                                                                                 \
    {"broker", "URL", "mqtt://, default mqtt://127.0.0.1:1883", OPTION_TEXT, &(o).broker, 0, 0},                       \
        {"username", "NAME", "for the broker", OPTION_TEXT, &(o).username, 0, 0},                                      \
        {"password-file", "FILE", "whose one line is the password", OPTION_TEXT, &(o).password_file, 0, 0},            \
        {"devices", "N", "how many, default 4", OPTION_WHOLE, &(o).devices, 0, 4096},                                  \
        {"model", "MODEL", "all of this model; default: one of each in turn", OPTION_TEXT, &(o).model, 0, 0},          \
        {"models", NULL, "lists the models", OPTION_SWITCH, &(o).list, 0, 0},                                          \
        {"seed", "S", "the same seed makes the same devices; default 1", OPTION_WHOLE, &(o).seed, 0, 4294967295},      \
    {                                                                                                                  \
        "quiet", NULL, "prints when it is ready and no more", OPTION_SWITCH, &(o).quiet, 0, 0                          \
    }

int subcommand_shelly(const struct subcommand *self, int argc, char **argv)
{
    struct options o = {.broker = "mqtt://127.0.0.1:1883", .devices = 4, .generation = 2, .seed = 1};
    const struct option_row rows[] = {
        COMMON_ROWS(o),
        {"generation", "N", "1: by topics; 2 (default): this and all later ones, by RPC", OPTION_WHOLE, &o.generation,
         1, 2},
        {"status", NULL, "whole states on status/light:0, too (generation 2 only)", OPTION_SWITCH, &o.status, 0, 0},
        {"retain", NULL, "states are retained (generation 1 only)", OPTION_SWITCH, &o.retain, 0, 0},
    };
    return run(self, argc, argv, &o, WIFI_SHELLY, rows, sizeof rows / sizeof rows[0]);
}

int subcommand_wled(const struct subcommand *self, int argc, char **argv)
{
    struct options o = {.broker = "mqtt://127.0.0.1:1883", .devices = 4, .seed = 1, .cooldown = 1000};
    const struct option_row rows[] = {
        COMMON_ROWS(o),
        {"http", "PORT", "the first is there over HTTP on 127.0.0.1:PORT, the next on the next", OPTION_WHOLE,
         &o.http_port, 1, 61000},
        {"cooldown", "MS", "publishes no oftener, default 1000", OPTION_WHOLE, &o.cooldown, 0, 60000},
        {"retain", NULL, "brightness and colour are retained", OPTION_SWITCH, &o.retain, 0, 0},
    };
    return run(self, argc, argv, &o, WIFI_WLED, rows, sizeof rows / sizeof rows[0]);
}
