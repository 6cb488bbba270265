#include "sim/smartthings_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define TIMES_MAX 1000000u
#define TOKEN_PREFIX "token-"

/* ---- faults ---- */

static const struct {
    const char *name, *argument; /* argument: what stands behind the colon; NULL: nothing */
    enum rehearsal_fault fault;
    uint32_t usual, min, max;
} faults[] = {
    {"refuse", NULL, REHEARSAL_REFUSE, 0, 0, 0},       {"rate-limit", "seconds", REHEARSAL_RATE_LIMIT, 5, 1, 86400},
    {"fail", "status", REHEARSAL_FAIL, 500, 500, 599}, {"hang", "seconds", REHEARSAL_HANG, 20, 1, 3600},
    {"lose", NULL, REHEARSAL_LOSE, 0, 0, 0},
};
#define FAULT_COUNT (sizeof faults / sizeof faults[0])

static bool read_whole(const char **at, uint32_t min, uint32_t max, uint32_t *ret_value)
{
    char *end;
    unsigned long value = strtoul(*at, &end, 10);
    if (**at < '0' || **at > '9' || value < min || value > max) {
        return false;
    }
    *at = end;
    *ret_value = (uint32_t)value;
    return true;
}

int words_fault(struct rehearsal *r, const char *name, const char *text, struct str *say)
{
    enum rehearsal_door door = REHEARSAL_STATES;
    uint32_t times = 1, argument;
    size_t k = 0;
    if (strncmp(name, TOKEN_PREFIX, sizeof TOKEN_PREFIX - 1) == 0) {
        door = REHEARSAL_TOKENS;
        name += sizeof TOKEN_PREFIX - 1;
    }
    while (k < FAULT_COUNT && strcmp(faults[k].name, name) != 0) {
        k++;
    }
    if (k == FAULT_COUNT) {
        return ERR_NOT_FOUND;
    }
    argument = faults[k].usual;
    bool good = !*text || read_whole(&text, 0, TIMES_MAX, &times);
    if (good && *text == ':' && faults[k].argument) {
        text++;
        good = read_whole(&text, faults[k].min, faults[k].max, &argument);
    }
    if (!good || *text) {
        str_printf(say, "%s takes how many times", name);
        if (faults[k].argument) {
            str_printf(say, ", and behind a colon %s from %u to %u: %s 2:%u", faults[k].argument, faults[k].min,
                       faults[k].max, name, faults[k].usual);
        } else {
            str_printf(say, ": %s 2", name);
        }
        return ERR_INVALID;
    }
    if (rehearsal_order(r, door, faults[k].fault, times, argument) != 0) {
        str_add_z(say, "there are too many orders that still wait");
        return ERR_INVALID;
    }
    str_printf(say, "the next %u %s: %s", times, door == REHEARSAL_STATES ? "callbacks" : "token requests", name);
    return 0;
}

/* ---- acts ---- */

static int complain(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    return rehearsal_complain(r, true, done, user);
}

static int complain_anonymously(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    return rehearsal_complain(r, false, done, user);
}

static const struct {
    const char *word;
    rehearsal_act_fn *start;
} acts[] = {
    {"link", rehearsal_link},
    {"discover", rehearsal_discover},
    {"refresh", rehearsal_refresh},
    {"renew", rehearsal_renew},
    {"grant", rehearsal_grant},
    {"unlink", rehearsal_unlink},
    {"complain", complain},
    {"complain anonymously", complain_anonymously},
    {"command", rehearsal_try_command},
    {"smartapp", rehearsal_smartapp},
};

static enum words_result begun(int err, struct str *say)
{
    if (err == 0) {
        return WORDS_BUSY;
    }
    str_add_z(say,
              err == ERR_NOT_FOUND ? "there is no link yet, or no device; try link, then discover" : err_text(err));
    return WORDS_OVER;
}

/* "Living room 40": the last `count` words are numbers. Cuts them off. */
static bool take_values(char *text, int count, double *values)
{
    for (int i = count - 1; i >= 0; i--) {
        char *space = strrchr(text, ' ');
        char *end = NULL;
        if (!space || !space[1]) {
            return false;
        }
        values[i] = strtod(space + 1, &end);
        if (*end || !isfinite(values[i]) || fabs(values[i]) > 1e6) {
            return false;
        }
        *space = '\0';
    }
    return *text != '\0';
}

static enum words_result command(struct rehearsal *r, const char *verb, char *rest, rehearsal_done_fn *done, void *user,
                                 struct str *say)
{
    double values[2] = {0};
    int count = rehearsal_verb_values(verb);
    if (!take_values(rest, count, values)) {
        str_printf(say, "%s takes NAME%s", verb, count == 0 ? "" : count == 1 ? " NUMBER" : " HUE SATURATION");
        return WORDS_OVER;
    }
    const struct rehearsal_device *device = rehearsal_device_find(r, rest);
    if (!device && strcmp(rest, "all") != 0) {
        str_printf(say, "no device is called %s; devices lists them", rest);
        return WORDS_OVER;
    }
    return begun(rehearsal_command(r, device, verb, values, done, user), say);
}

/* ---- what is there ---- */

static void list_devices(const struct rehearsal *r, struct str *say)
{
    size_t count = rehearsal_device_count(r);
    for (size_t i = 0; i < count; i++) {
        const struct rehearsal_device *d = rehearsal_device_at(r, i);
        str_printf(say, "%s%s (%s%s%s): ", i > 0 ? "\n" : "", d->name, d->handler_type, d->room ? ", " : "",
                   d->room ? d->room : "");
        rehearsal_describe(say, d);
    }
    if (count == 0) {
        str_add_z(say, "no device yet; try discover");
    }
}

static void tell_stats(const struct rehearsal *r, struct str *say)
{
    struct rehearsal_stats s = rehearsal_stats(r);
    str_printf(say, "grants %u, refreshes %u, states %u, lists %u, refused %u, malformed %u, early %u, asked again %u",
               s.grants, s.refreshes, s.states, s.lists, s.refused, s.malformed, s.early, s.asked_again);
}

const char *words_help(void)
{
    return "What can be typed:\n"
           "  link, discover, refresh, renew, grant, unlink\n"
           "                        what SmartThings does on its own: renew is the bridge's\n"
           "                        access token, grant is callback access\n"
           "  on NAME, off NAME, level NAME PERCENT, kelvin NAME K, color NAME HUE SATURATION\n"
           "                        a command; NAME may be all, hue and saturation are percent\n"
           "  smartapp              a round as a webhook SmartApp sees SmartThings, whose API and\n"
           "                        key host this is: page, login, install, devices, a command\n"
           "  complain [anonymously]\n"
           "                        interactionResult, with or without authentication\n"
           "  expire                the callback token is refused from now on\n"
           "  refuse N, rate-limit N:SECONDS, fail N:STATUS, hang N:SECONDS, lose N\n"
           "                        what happens to the next N callbacks; with token- before it,\n"
           "                        to the next N token requests (token-lose 1)\n"
           "  devices, stats        what SmartThings knows, and how often what happened\n"
           "  help, quit\n";
}

/* ---- lines ---- */

static bool simple_word(struct rehearsal *r, const char *line, struct str *say)
{
    if (strcmp(line, "devices") == 0) {
        list_devices(r, say);
    } else if (strcmp(line, "stats") == 0) {
        tell_stats(r, say);
    } else if (strcmp(line, "help") == 0) {
        str_add_z(say, words_help());
        say->data[--say->len] = '\0'; /* the caller ends the line */
    } else if (strcmp(line, "expire") == 0) {
        rehearsal_expire(r);
        str_add_z(say, "the callback token is refused from now on");
    } else {
        return false;
    }
    return true;
}

static void trim(char **line)
{
    size_t len = strlen(*line);
    while (len > 0 && strchr(" \t\r\n", (*line)[len - 1])) {
        (*line)[--len] = '\0';
    }
    *line += strspn(*line, " \t");
}

enum words_result words_line(struct rehearsal *r, char *line, rehearsal_done_fn *done, void *user, struct str *say)
{
    trim(&line);
    if (!*line || simple_word(r, line, say)) {
        return WORDS_OVER;
    }
    if (strcmp(line, "quit") == 0) {
        return WORDS_QUIT;
    }
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (strcmp(acts[i].word, line) == 0) {
            return begun(acts[i].start(r, done, user), say);
        }
    }
    char *rest = line + strcspn(line, " ");
    if (*rest) {
        *rest++ = '\0';
        rest += strspn(rest, " ");
    }
    if (rehearsal_verb_values(line) >= 0) {
        return command(r, line, rest, done, user, say);
    }
    if (words_fault(r, line, rest, say) == ERR_NOT_FOUND) {
        str_printf(say, "there is no word %s; help lists them", line);
    }
    return WORDS_OVER;
}
