/* lightbridge-sim tasmota: the command line and the orders of standard input. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/url.h"
#include "loop/loop.h"
#include "sim/orders.h"
#include "sim/sonoff.h"
#include "sim/subcommand.h"

/* ---- orders ---- */

static void run_wall(struct order *o)
{
    sonoff_wall(o->far, o->lamp);
}

static void run_offline(struct order *o)
{
    sonoff_set_power(o->far, o->lamp, false);
}

static void run_online(struct order *o)
{
    sonoff_set_power(o->far, o->lamp, true);
}

static void run_silent(struct order *o)
{
    struct sonoff_manner m = sonoff_manner(o->far, o->lamp);
    m.silent = true;
    sonoff_behave(o->far, o->lamp, &m);
}

static void run_slow(struct order *o)
{
    struct sonoff_manner m = sonoff_manner(o->far, o->lamp);
    m.delay_ms = (uint32_t)order_number(o->rest, 2000);
    sonoff_behave(o->far, o->lamp, &m);
}

static void run_stale(struct order *o)
{
    struct sonoff_manner m = sonoff_manner(o->far, o->lamp);
    m.stale = true;
    sonoff_behave(o->far, o->lamp, &m);
}

static void run_well(struct order *o)
{
    sonoff_behave(o->far, o->lamp, &(struct sonoff_manner){0});
}

static void run_babble(struct order *o)
{
    sonoff_babble(o->far, o->lamp);
}

/* cmd LAMP Dimmer 50 */
static void run_command(struct order *o)
{
    char command[32];
    size_t len = strcspn(o->rest, " ");
    if (len == 0 || len >= sizeof command) {
        str_add_z(o->out, "no: a command of Tasmota is wanted: cmd 2 Dimmer 50\n");
        return;
    }
    memcpy(command, o->rest, len);
    command[len] = 0;
    sonoff_console(o->far, o->lamp, command, o->rest + len + (o->rest[len] == ' '));
}

static void run_tele(struct order *o)
{
    sonoff_say_state(o->far, o->lamp);
}

static void run_reconnect(struct order *o)
{
    sonoff_reconnect(o->far, o->lamp);
}

static void run_topic(struct order *o)
{
    if (o->rest[0] == 0 || strpbrk(o->rest, "+# ")) {
        str_add_z(o->out, "no: a topic without blanks and wildcards is wanted: topic 2 kitchen\n");
    } else {
        sonoff_move(o->far, o->lamp, o->rest);
    }
}

static void run_replace(struct order *o)
{
    sonoff_replace(o->far, o->lamp);
}

static void run_hide(struct order *o)
{
    sonoff_announce(o->far, o->lamp, false);
}

static void run_announce(struct order *o)
{
    sonoff_announce(o->far, o->lamp, true);
}

static void run_become(struct order *o)
{
    const struct sonoff_kind *kind = sonoff_kind_find(o->rest);
    if (kind) {
        sonoff_set_light(o->far, o->lamp, kind);
    } else {
        str_printf(o->out, "no: \"%s\" is no kind of module; --kinds lists them\n", o->rest);
    }
}

static void run_storm(struct order *o)
{
    sonoff_storm(o->far, (uint32_t)order_number(o->rest, 0));
}

static void run_restart(struct order *o)
{
    sonoff_restart(o->far);
}

static void run_list(struct order *o)
{
    const struct sonoff *s = o->far;
    for (size_t i = 0; i < sonoff_count(s); i++) {
        const struct sonoff_light *l = sonoff_light(s, i);
        struct sonoff_manner m = sonoff_manner(s, i);
        str_printf(o->out, "%4zu  %-4s %-20s %s  %s%s%s%s", i + 1,
                   !sonoff_online(s, i) ? "lost"
                   : l->power           ? "on"
                                        : "off",
                   sonoff_topic(s, i), sonoff_mac(s, i), l->kind->name, m.silent ? ", silent" : "",
                   m.stale ? ", stale" : "", m.delay_ms ? ", slow" : "");
        if (l->kind->subtype != SUBTYPE_NONE) {
            str_printf(o->out, ", level %u/255", l->bri_rgb);
        }
        str_add_z(o->out, "\n");
    }
}

static void run_stats(struct order *o)
{
    struct sonoff_stats s = sonoff_stats(o->far);
    str_printf(o->out, "%llu commands, %llu questions, %llu states\n", (unsigned long long)s.commands,
               (unsigned long long)s.questions, (unsigned long long)s.states);
}

static void run_fade(struct order *o)
{
    str_printf(o->out, "%u ms\n", sonoff_light(o->far, o->lamp)->fade_ms);
}

static void run_help(struct order *o);

static const struct order_row rows[] = {
    {"wall", "LAMP", "its button: all its lights on, or off", true, run_wall},
    {"cmd", "LAMP COMMAND [ARG]", "as on its console: cmd 2 Dimmer 50", true, run_command},
    {"tele", "LAMP", "it says its state, as each five minutes", true, run_tele},
    {"fade", "LAMP", "how long its last change took", true, run_fade},
    {"offline", "LAMP", "its power is cut", true, run_offline},
    {"online", "LAMP", "and back: it starts", true, run_online},
    {"reconnect", "LAMP", "its connection is lost and comes back", true, run_reconnect},
    {"silent", "LAMP", "it does nothing and says nothing, though it seems online", true, run_silent},
    {"slow", "LAMP [MS]", "it does everything so much later (2000)", true, run_slow},
    {"stale", "LAMP", "on a command it first repeats its old state", true, run_stale},
    {"well", "LAMP", "none of these any more", true, run_well},
    {"babble", "LAMP", "sends on its topic what no module would", true, run_babble},
    {"topic", "LAMP TOPIC", "it gets another topic", true, run_topic},
    {"replace", "LAMP", "another module takes its place and topic", true, run_replace},
    {"become", "LAMP KIND", "it gets another template", true, run_become},
    {"hide", "LAMP", "SetOption19 1: its announcement is taken back", true, run_hide},
    {"announce", "LAMP", "SetOption19 0: and comes again", true, run_announce},
    {"storm", "RATE", "so many reports a second; 0: none", false, run_storm},
    {"restart", "", "a power cut: all of them start anew", false, run_restart},
    {"list", "", "all modules", false, run_list},
    {"stats", "", "what was heard and said so far", false, run_stats},
    {"help", "", "this", false, run_help},
    {"quit", "", "ends, as SIGTERM does", false, NULL},
};
#define ROWS (sizeof rows / sizeof rows[0])

static void run_help(struct order *o)
{
    orders_help(rows, ROWS, o->out);
}

static size_t count_lamps(const void *far)
{
    return sonoff_count(far);
}

/* ---- the command line ---- */

/* Everything that it can say. */
struct options {
    const char *broker, *ca, *username, *password_file, *kind, *topic, *full_topic;
    int64_t modules, seed, slow, silent, storm, discovery;
    bool so4, so17, so20, so26, so59, so82, so90, so104, so117, renamed, stale, list_kinds, quiet;
};

static void print_ready(void *user)
{
    const struct options *o = user;
    printf("ready: %lld modules at %s\n", (long long)o->modules, o->broker);
    fflush(stdout);
}

static int list_kinds(void)
{
    for (size_t i = 0; i < sonoff_kind_count; i++) {
        const struct sonoff_kind *k = &sonoff_kinds[i];
        printf("  %-13s %s: relays %u, channels %u%s%s%s%s%s%s\n", k->name, k->model, k->relays, k->subtype,
               k->split ? ", colour and white apart" : "", k->channels ? ", each a dimmer" : "",
               k->tuya ? ", behind a Tuya MCU" : "", k->fan ? ", of a fan" : "", k->shutter ? ", of a shutter" : "",
               k->relay_is_light ? ", a light" : "");
    }
    return SIM_EXIT_FINE;
}

static int play(const struct subcommand *self, struct options *o, const struct url *url, const char *password)
{
    const struct sonoff_kind *kind = o->kind ? sonoff_kind_find(o->kind) : NULL;
    struct sonoff *sonoff = NULL;
    struct loop *loop;
    const char *why = "";
    if (o->kind && !kind) {
        return subcommand_usage(self, "\"%s\" is no kind of module; --kinds lists them", o->kind);
    }
    if (loop_new(&loop) != 0) {
        return SIM_EXIT_NO;
    }
    const struct sonoff_config config = {
        .host = url->host,
        .port = url->port,
        .tls = strcmp(url->scheme, "mqtts") == 0,
        .ca_file = o->ca,
        .username = o->username,
        .password = password,
        .seed = (uint64_t)o->seed,
        .modules = (size_t)o->modules,
        .kind = kind,
        .settings = {.by_command = o->so4,
                     .decimal = o->so17,
                     .power_apart = o->so20,
                     .index = o->so26,
                     .tele_too = o->so59,
                     .short_range = o->so82,
                     .json_only = o->so90,
                     .fixed_duration = o->so117,
                     .off = o->renamed ? "aus" : NULL,
                     .on = o->renamed ? "an" : NULL},
        .topic = o->topic,
        .full_topic = o->full_topic,
        .offline = o->renamed ? "weg" : NULL,
        .online = o->renamed ? "da" : NULL,
        .discovery_ms = (uint32_t)o->discovery,
        .no_retain = o->so104,
        .manner = {.delay_ms = (uint32_t)o->slow, .stale = o->stale},
        .say = o->quiet ? NULL : orders_print,
        .ready = print_ready,
        .user = o,
    };
    int exit_code = SIM_EXIT_FINE;
    if (sonoff_new(loop, &config, &sonoff, &why) != 0) {
        fprintf(stderr, "lightbridge-sim %s: %s\n", self->name, why);
        exit_code = SIM_EXIT_NO;
    } else {
        for (size_t i = 0; i < (size_t)o->silent && i < sonoff_count(sonoff); i++) {
            sonoff_behave(sonoff, i, &(struct sonoff_manner){.silent = true});
        }
        sonoff_storm(sonoff, (uint32_t)o->storm);
        orders_play(loop, &(struct orders){rows, ROWS, sonoff, count_lamps});
        sonoff_leave(sonoff);
    }
    sonoff_free(sonoff);
    loop_free(loop);
    return exit_code;
}

int subcommand_tasmota(const struct subcommand *self, int argc, char **argv)
{
    struct options o = {
        .broker = "mqtt://127.0.0.1:1883", .topic = "tasmota_", .modules = 12, .seed = 1, .discovery = 1000};
    const struct option_row option_rows[] = {
        {"broker", "URL", "mqtt:// or mqtts://, default mqtt://127.0.0.1:1883", OPTION_TEXT, &o.broker, 0, 0},
        {"username", "NAME", "for the broker", OPTION_TEXT, &o.username, 0, 0},
        {"password-file", "FILE", "whose one line is the password", OPTION_TEXT, &o.password_file, 0, 0},
        {"ca", "FILE", "PEM, whom mqtts believes; default the system's", OPTION_TEXT, &o.ca, 0, 0},
        {"modules", "N", "how many, default 12", OPTION_WHOLE, &o.modules, 0, 100000},
        {"kind", "KIND", "all modules of this kind; default one of each in turn", OPTION_TEXT, &o.kind, 0, 0},
        {"kinds", NULL, "lists the kinds of modules", OPTION_SWITCH, &o.list_kinds, 0, 0},
        {"seed", "S", "the same seed makes the same modules; default 1", OPTION_WHOLE, &o.seed, 0, 4294967295},
        {"topic", "TEXT", "what their topics begin with; default tasmota_", OPTION_TEXT, &o.topic, 0, 0},
        {"fulltopic", "TEMPLATE", "default %prefix%/%topic%/", OPTION_TEXT, &o.full_topic, 0, 0},
        {"discovery", "MS", "from the start of a module to its announcement; default 1000", OPTION_WHOLE, &o.discovery,
         1, 600000},
        {"storm", "RATE", "so many reports of changes a second", OPTION_WHOLE, &o.storm, 0, 1000000},
        {"slow", "MS", "they do everything so much later", OPTION_WHOLE, &o.slow, 0, 600000},
        {"silent", "N", "the first N never answer", OPTION_WHOLE, &o.silent, 0, 100000},
        {"stale", NULL, "on a command the full old state comes first", OPTION_SWITCH, &o.stale, 0, 0},
        {"renamed", NULL, "ON is called \"an\", OFF \"aus\", Online \"da\", Offline \"weg\"", OPTION_SWITCH, &o.renamed,
         0, 0},
        {"so4", NULL, "SetOption4: answers come on stat/.../COMMAND", OPTION_SWITCH, &o.so4, 0, 0},
        {"so17", NULL, "SetOption17: Color in decimal", OPTION_SWITCH, &o.so17, 0, 0},
        {"so20", NULL, "SetOption20: a level does not switch on", OPTION_SWITCH, &o.so20, 0, 0},
        {"so26", NULL, "SetOption26: POWER1 even where it is the only one", OPTION_SWITCH, &o.so26, 0, 0},
        {"so59", NULL, "SetOption59: tele/STATE beside every answer", OPTION_SWITCH, &o.so59, 0, 0},
        {"so82", NULL, "SetOption82: CT 200 to 380 only", OPTION_SWITCH, &o.so82, 0, 0},
        {"so90", NULL, "SetOption90: JSON only", OPTION_SWITCH, &o.so90, 0, 0},
        {"so104", NULL, "SetOption104: nothing is retained", OPTION_SWITCH, &o.so104, 0, 0},
        {"so117", NULL, "SetOption117: fades take their time however far they go", OPTION_SWITCH, &o.so117, 0, 0},
        {"quiet", NULL, "prints when it is ready and no more", OPTION_SWITCH, &o.quiet, 0, 0},
    };
    struct str more = STR_INIT, password = STR_INIT, why = STR_INIT;
    struct url url;
    int exit_code;
    str_add_z(&more, "While it runs, lines of standard input say what happens (LAMP is a module's number, from 1):\n");
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
