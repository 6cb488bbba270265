/* What the lines say: who it is, states, answers. */
#include "serial/line_internal.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"

bool line_is_known(const struct line_lamp *lamp)
{
    return lamp->id[0] != 0;
}

/* ---- lamps ---- */

void line_announce(struct line *l, struct line_lamp *lamp)
{
    const struct line_options *o = l->dialect->options;
    struct light_profile profile = l->dialect->profile;
    struct str address = STR_INIT;
    if (o->learn) {
        profile.can &= lamp->learned | LIGHT_ON | LIGHT_MODE;
        if (!(profile.can & LIGHT_KELVIN)) {
            profile.min_kelvin = profile.max_kelvin = 0;
        }
        if (!(profile.can & LIGHT_KELVIN) || (profile.can & LIGHT_COLOR) != LIGHT_COLOR) {
            profile.can &= ~(uint32_t)LIGHT_MODE;
        }
    }
    if (o->who) {
        str_printf(&address, "%s/%s", l->kind, lamp->id);
    } else {
        str_printf(&address, "%s/%s/%s", l->kind, l->protocol.serial->name, lamp->id);
    }
    serial_announce(l->protocol.serial, &lamp->lamp,
                    &(struct driver_announcement){
                        .address = str_z(&address),
                        .name = lamp->name ? lamp->name : l->protocol.serial->name,
                        .model = o->model,
                        .where = l->protocol.serial->log,
                        .profile = profile,
                    });
    str_done(&address);
}

/* A MAC address is written in many ways and is the same. */
static void take_id(struct line *l, struct line_lamp *lamp, const char *id)
{
    size_t digits = 0;
    char plain[LINE_ID] = "";
    for (const char *c = id; *c; c++) {
        if (*c != ':' && *c != '-') {
            plain[digits++] = (char)toupper((unsigned char)*c);
        }
    }
    bool mac = digits == 12 && strspn(plain, "0123456789ABCDEF") == 12;
    id = mac ? plain : id;
    if (strcmp(lamp->id, id) == 0) {
        return;
    }
    if (line_is_known(lamp)) { /* another device at the same port */
        serial_withdraw(&lamp->lamp);
        lamp->known = (struct light_state){0};
        lamp->learned = 0;
    }
    memcpy(lamp->id, id, strlen(id) + 1);
    lamp->ask = l->dialect->has[LINE_ASK];
    if (!l->dialect->options->learn) {
        line_announce(l, lamp);
    }
}

/* ---- what lines say ---- */

static struct line_lamp *speaker(struct line *l, const struct line_values *values)
{
    for (size_t i = 0; (values->kinds & (1u << LINE_PIECE_ID)) && i < l->count; i++) {
        if (strcmp(l->lamps[i].id, values->id) == 0) {
            return &l->lamps[i];
        }
    }
    if (values->kinds & (1u << LINE_PIECE_ID)) {
        return NULL;
    }
    return l->count == 1         ? l->lamps
           : l->doing == COMMAND ? (struct line_lamp *)l->command->lamp
           : l->doing == ASK     ? l->asked
                                 : NULL;
}

/* Does what was heard answer the line that is under way? */
static bool confirms(struct line *l)
{
    struct light_state patch = l->command->patch;
    patch.has &= l->steps[l->step].members;
    if (patch.has == 0 || l->command->transition_ms > 0) {
        return true; /* nothing to compare, or on its way there */
    }
    return light_confirms(&patch, &l->heard, &l->dialect->tolerance);
}

static void take_state(struct line *l, const struct line_values *values)
{
    struct line_lamp *lamp = speaker(l, values);
    struct light_state state;
    if (!lamp || !line_is_known(lamp)) {
        return;
    }
    uint32_t learned = lamp->learned | line_kinds_members(values->seen);
    if (l->dialect->options->learn && learned != lamp->learned) {
        lamp->learned = learned;
        line_announce(l, lamp);
    }
    line_values_state(values, l->dialect->profile.can, l->dialect->dimmed, &state);
    (void)light_merge(&lamp->known, &state);
    if (lamp->lamp.light && state.has) {
        driver_report(lamp->lamp.light, &state);
    }
    if (l->doing == ASK && (lamp == l->asked || !line_template_has(&l->dialect->commands[LINE_ASK], LINE_PIECE_ID))) {
        line_end_question(l);
    } else if (l->doing == COMMAND && &lamp->lamp == l->command->lamp) {
        (void)light_merge(&l->heard, &state);
        if (confirms(l)) {
            line_step_done(l, l->command->transition_ms > 0 ? BASIS_ACCEPTED : BASIS_REPORTED);
        }
    }
}

/* It has started, by itself or because its port was opened: nothing is as it was. */
static void take_start(struct line *l)
{
    timer_stop(l->starting);
    if (l->doing == COMMAND) {
        line_send_step(l);
    } else if (l->doing != NOTHING) {
        line_end_question(l);
    }
    line_ask_all(l);
}

static void take_answer(struct line *l, const char *line, size_t len)
{
    struct line_values ignored = {0};
    struct str why = STR_INIT;
    if (line_patterns_match(&l->dialect->refusal, line, len, &ignored)) {
        str_printf(&why, "it refused: %.*s", (int)(len < 100 ? len : 100), line);
        line_end_command(l, ERR_REJECTED, BASIS_REPORTED, str_z(&why));
    } else if (line_patterns_match(&l->dialect->answer, line, len, &ignored)) {
        line_step_done(l, BASIS_ACCEPTED);
    }
    str_done(&why);
}

static void take_line(struct line *l, const char *line, size_t len)
{
    const struct line_dialect *d = l->dialect;
    struct line_values who = {0}, state = {0}, ignored = {0};
    const struct queued *command = l->command;
    size_t step = l->step;
    if (line_patterns_match(&d->ready, line, len, &ignored)) {
        take_start(l);
        return;
    }
    if (line_patterns_match(&d->who_is, line, len, &who) && who.id[0]) {
        l->silent = 0;
        take_id(l, l->lamps, who.id);
        if (l->doing == WHO) {
            line_end_question(l);
        }
    }
    if (line_patterns_match(&d->state, line, len, &state)) {
        l->silent = 0;
        take_state(l, &state);
    }
    /* What answered one line is no answer to the next. */
    if (l->doing == COMMAND && l->command == command && l->step == step) {
        take_answer(l, line, len);
    }
    line_advance(l);
}

/* ---- framing ---- */

static bool is_end(uint8_t c)
{
    return c == '\n' || c == '\r';
}

static void end_line(struct line *l)
{
    if (l->too_long) {
        driver_garbage(l->protocol.serial->driver, l->protocol.serial->log, "a line of more than 32768 bytes");
    } else if (l->in.len > 0) {
        struct str line = l->in; /* what it does may close the port */
        l->in = STR_INIT;
        take_line(l, str_z(&line), line.len);
        str_done(&line);
    }
    l->too_long = false;
    str_clear(&l->in);
}

void line_bytes(struct protocol *self, const uint8_t *bytes, size_t len)
{
    struct line *l = (struct line *)self;
    for (size_t at = 0; at < len;) {
        size_t end = at;
        while (end < len && !is_end(bytes[end])) {
            end++;
        }
        if (l->in.len + (end - at) > LINE_MAX_BYTES) {
            l->too_long = true;
        }
        if (!l->too_long) {
            str_add(&l->in, bytes + at, end - at);
        }
        if (end < len) {
            end_line(l);
            end++;
        }
        at = end;
    }
}
