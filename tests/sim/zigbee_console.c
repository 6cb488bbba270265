#include "sim/zigbee_console.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "sim/orders.h"
#include "sim/shapes.h"
#include "sim/zigbee2mqtt.h"

#define WORDS_MAX 32

static void say_result(struct order *o, int err)
{
    if (err != 0) {
        str_printf(o->out, "no: %s\n", err_text(err));
    }
}

static void run_wall(struct order *o)
{
    zigbee_wall(o->far, o->lamp);
}

static void run_offline(struct order *o)
{
    zigbee_set_online(o->far, o->lamp, false);
}

static void run_online(struct order *o)
{
    zigbee_set_online(o->far, o->lamp, true);
}

static void run_silent(struct order *o)
{
    struct zigbee_manner m = zigbee_manner(o->far, o->lamp);
    m.silent = true;
    zigbee_behave(o->far, o->lamp, &m);
}

static void run_slow(struct order *o)
{
    struct zigbee_manner m = zigbee_manner(o->far, o->lamp);
    m.delay_ms = (uint32_t)order_number(o->rest, 2000);
    zigbee_behave(o->far, o->lamp, &m);
}

static void run_stale(struct order *o)
{
    struct zigbee_manner m = zigbee_manner(o->far, o->lamp);
    m.stale = true;
    zigbee_behave(o->far, o->lamp, &m);
}

static void run_reports(struct order *o)
{
    struct zigbee_manner m = zigbee_manner(o->far, o->lamp);
    m.reports = (int)order_number(o->rest, 3);
    m.reports = m.reports > 4 ? 4 : m.reports;
    zigbee_behave(o->far, o->lamp, &m);
}

static void run_well(struct order *o)
{
    zigbee_behave(o->far, o->lamp, &(struct zigbee_manner){.reports = -1});
}

static void run_set(struct order *o)
{
    struct json *message = NULL;
    struct json_error error;
    if (json_parse(o->rest, strlen(o->rest), 65536, &message, &error) != 0 || !json_is_object(message)) {
        str_add_z(o->out, "no: what to set is a JSON object: set 2 {\"state\":\"ON\",\"brightness\":120}\n");
    } else {
        zigbee_set(o->far, o->lamp, o->rest);
    }
    json_free(message);
}

static void run_rename(struct order *o)
{
    say_result(o, zigbee_rename(o->far, o->lamp, o->rest));
}

static void run_remove(struct order *o)
{
    zigbee_remove(o->far, o->lamp);
}

static void run_join(struct order *o)
{
    zigbee_join(o->far, o->lamp);
}

static void run_babble(struct order *o)
{
    zigbee_babble(o->far, o->lamp);
}

/* group NAME = 1 2 3, or NAME alone to remove it */
static void run_group(struct order *o)
{
    size_t members[WORDS_MAX];
    size_t count = 0;
    const char *equals = strchr(o->rest, '=');
    struct str name = STR_INIT;
    size_t len = equals ? (size_t)(equals - o->rest) : strlen(o->rest);
    while (len > 0 && isspace((unsigned char)o->rest[len - 1])) {
        len--;
    }
    str_add(&name, o->rest, len);
    for (const char *p = equals ? equals + 1 : ""; *p && count < WORDS_MAX;) {
        char *end;
        unsigned long lamp = strtoul(p, &end, 10);
        if (end == p || lamp < 1 || lamp > zigbee_count(o->far)) {
            str_printf(o->out, "no: members are numbers from 1 to %zu: group Hall = 1 2\n", zigbee_count(o->far));
            str_done(&name);
            return;
        }
        members[count++] = lamp - 1;
        p = end + strspn(end, " ,\t");
    }
    say_result(o, equals ? zigbee_group(o->far, str_z(&name), members, count) : zigbee_ungroup(o->far, str_z(&name)));
    str_done(&name);
}

static void run_walls(struct order *o)
{
    zigbee_set_walls(o->far, (uint32_t)(strtod(o->rest, NULL) * 1000));
}

static void run_storm(struct order *o)
{
    zigbee_storm(o->far, (uint32_t)order_number(o->rest, 0));
}

static void run_restart(struct order *o)
{
    zigbee_restart(o->far, strcmp(o->rest, "crash") == 0);
}

static void run_list(struct order *o)
{
    for (size_t i = 0; i < zigbee_count(o->far); i++) {
        struct zigbee_manner m = zigbee_manner(o->far, i);
        str_printf(o->out, "%4zu  %-4s %-20s %s  ", i + 1,
                   !zigbee_joined(o->far, i)   ? "gone"
                   : !zigbee_online(o->far, i) ? "lost"
                   : zigbee_is_on(o->far, i)   ? "on"
                                               : "off",
                   zigbee_name(o->far, i), zigbee_address(o->far, i));
        shape_describe(o->out, zigbee_shape(o->far, i));
        str_printf(o->out, "%s%s%s", m.silent ? ", silent" : "", m.stale ? ", stale" : "", m.delay_ms ? ", slow" : "");
        int level = zigbee_level(o->far, i);
        if (level >= 0) {
            str_printf(o->out, ", level %d/254", level);
        }
        str_add_z(o->out, "\n");
    }
}

static void run_stats(struct order *o)
{
    struct zigbee_stats s = zigbee_stats(o->far);
    str_printf(o->out, "%llu set, %llu get, %llu states, %llu errors, %llu walls, %llu ms of storm held back\n",
               (unsigned long long)s.sets, (unsigned long long)s.gets, (unsigned long long)s.states,
               (unsigned long long)s.errors, (unsigned long long)s.walls, (unsigned long long)s.held);
}

static void run_help(struct order *o);

static const struct order_row rows[] = {
    {"wall", "LAMP", "a hand on its wall switch", true, run_wall},
    {"set", "LAMP JSON", "as if this had been sent to its /set", true, run_set},
    {"offline", "LAMP", "it is lost: its availability says so, it hears nothing", true, run_offline},
    {"online", "LAMP", "and back", true, run_online},
    {"silent", "LAMP", "it does nothing and says nothing, though it seems online", true, run_silent},
    {"slow", "LAMP [MS]", "it does everything so much later (2000)", true, run_slow},
    {"stale", "LAMP", "on a command it first repeats its old state", true, run_stale},
    {"reports", "LAMP [N]", "it says everything N times more (3), 0 to 4", true, run_reports},
    {"well", "LAMP", "none of these any more", true, run_well},
    {"babble", "LAMP", "sends on its topic what no lamp would", true, run_babble},
    {"rename", "LAMP NAME", "in Zigbee2MQTT", true, run_rename},
    {"remove", "LAMP", "from the network", true, run_remove},
    {"join", "LAMP", "a removed one joins again", true, run_join},
    {"group", "NAME = LAMP...", "makes a group of lamps; `group NAME` removes it", false, run_group},
    {"walls", "SECONDS", "a hand on some switch, on average every so often; 0: nobody", false, run_walls},
    {"storm", "RATE", "so many reports a second; 0: none", false, run_storm},
    {"restart", "[crash]", "Zigbee2MQTT ends (crash: as by kill -9) and starts again", false, run_restart},
    {"list", "", "all lamps", false, run_list},
    {"stats", "", "what was heard and said so far", false, run_stats},
    {"help", "", "this", false, run_help},
    {"quit", "", "ends, as SIGTERM does", false, NULL},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static void run_help(struct order *o)
{
    orders_help(rows, ROW_COUNT, o->out);
}

static size_t count_lamps(const void *far)
{
    return zigbee_count(far);
}

struct orders console_orders(struct zigbee *zigbee)
{
    return (struct orders){rows, ROW_COUNT, zigbee, count_lamps};
}
