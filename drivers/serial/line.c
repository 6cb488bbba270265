/* One thing is under way at a time: a line of a command, or a question. Its end is an answer or its timeout. Lines that
   nobody asked for are heard at any time: a hand at the lamp. */
#include "serial/line.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "serial/line_internal.h"

#define TIMEOUT_MS 1000u /* where none is given */
#define PACE_MS 20u      /* between lines that nobody answers */
#define SILENT_MAX 2u    /* unanswered questions, then it is offline */
#define WHO_AGAIN_MS 5000u

static bool hears(const struct line *l)
{
    return l->dialect->state.count > 0;
}

static uint32_t timeout_ms(const struct line *l)
{
    return l->dialect->options->timeout_ms > 0 ? l->dialect->options->timeout_ms : TIMEOUT_MS;
}

/* ---- writing ---- */

static bool send(struct line *l, enum line_command command, const struct line_lamp *lamp,
                 const struct light_state *state, uint32_t transition_ms)
{
    struct str s = STR_INIT;
    line_dialect_write(l->dialect, command, lamp->id, state, transition_ms, &s);
    bool written = port_write(l->protocol.serial->port, s.data, s.len) == 0;
    str_done(&s);
    return written;
}

void line_end_command(struct line *l, int result, enum basis basis, const char *why)
{
    struct queued *c = l->command;
    l->doing = NOTHING;
    l->command = NULL;
    timer_stop(l->timeout);
    queue_done(&l->queue, c, result, basis, why);
}

void line_send_step(struct line *l)
{
    const struct line_lamp *lamp = (const struct line_lamp *)l->command->lamp;
    struct light_state will_be;
    if (!lamp) {
        line_end_command(l, ERR_OFFLINE, BASIS_REPORTED, NULL);
        return;
    }
    will_be = lamp->known;
    (void)light_merge(&will_be, &l->command->patch);
    l->heard = (struct light_state){0};
    if (!send(l, l->steps[l->step].command, lamp, &will_be, l->command->transition_ms)) {
        line_end_command(l, ERR_BUSY, BASIS_REPORTED, "the port takes no more");
        return;
    }
    bool answers = hears(l) || l->dialect->answer.count > 0;
    timer_start(l->timeout, answers ? timeout_ms(l) : PACE_MS);
}

static void begin_command(struct line *l, struct queued *command)
{
    l->doing = COMMAND;
    l->command = command;
    l->step = 0;
    l->step_count = line_dialect_steps(l->dialect, &command->patch, l->steps);
    if (l->step_count > 0) {
        line_send_step(l);
    } else {
        line_end_command(l, 0, BASIS_ACCEPTED, NULL);
    }
}

void line_step_done(struct line *l, enum basis basis)
{
    struct line_lamp *lamp = (struct line_lamp *)l->command->lamp;
    if (++l->step < l->step_count) {
        line_send_step(l);
        return;
    }
    if (lamp && basis != BASIS_REPORTED) {
        (void)light_merge(&lamp->known, &l->command->patch);
        lamp->ask = l->dialect->has[LINE_ASK] && basis == BASIS_ACCEPTED;
    }
    line_end_command(l, 0, basis, NULL);
}

static void begin_question(struct line *l, enum doing doing, struct line_lamp *lamp)
{
    enum line_command command = doing == WHO ? LINE_WHO : LINE_ASK;
    bool each = line_template_has(&l->dialect->commands[command], LINE_PIECE_ID);
    for (size_t i = 0; i < l->count; i++) {
        l->lamps[i].ask = l->lamps[i].ask && each && &l->lamps[i] != lamp;
    }
    l->doing = doing;
    l->asked = lamp;
    (void)send(l, command, lamp, &lamp->known, 0);
    timer_start(l->timeout, timeout_ms(l));
}

void line_end_question(struct line *l)
{
    timer_stop(l->timeout);
    l->doing = NOTHING;
    l->asked = NULL;
}

void line_advance(struct line *l)
{
    while (l->doing == NOTHING && l->protocol.serial->open && !timer_active(l->starting)) {
        struct queued *command = queue_next(&l->queue);
        struct line_lamp *lamp = l->lamps;
        if (command) {
            begin_command(l, command);
            continue;
        }
        while (lamp < l->lamps + l->count && !lamp->ask) {
            lamp++;
        }
        if (lamp == l->lamps + l->count) {
            return;
        }
        begin_question(l, line_is_known(lamp) ? ASK : WHO, lamp);
    }
}

void line_ask_all(struct line *l)
{
    for (size_t i = 0; i < l->count; i++) {
        l->lamps[i].ask = line_is_known(&l->lamps[i]) ? l->dialect->has[LINE_ASK] : l->dialect->has[LINE_WHO];
    }
    line_advance(l);
}

/* ---- timers ---- */

static void on_timeout(void *user)
{
    struct line *l = user;
    struct str why = STR_INIT;
    if (l->doing == COMMAND && (hears(l) || l->dialect->answer.count > 0)) {
        str_printf(&why, "it did not answer within %u ms", timeout_ms(l));
        line_end_command(l, ERR_OFFLINE, BASIS_REPORTED, str_z(&why));
    } else if (l->doing == COMMAND) {
        line_step_done(l, BASIS_ASSUMED);
    } else {
        line_end_question(l);
        l->silent++;
        if (l->silent == SILENT_MAX) {
            log_warn(l->protocol.serial->log, "no answer to its questions: its lights are offline");
            serial_lamps_offline(l->protocol.serial);
        }
    }
    str_done(&why);
    line_advance(l);
}

static void on_poll(void *user)
{
    line_ask_all(user);
}

static void on_started(void *user)
{
    line_ask_all(user);
}

/* ---- life ---- */

static int start(struct line *l, const char *kind, const struct line_options *options)
{
    struct line_error error;
    struct loop *loop = l->protocol.serial->loop;
    if (line_dialect_new(options, &l->dialect, &error) != 0) {
        log_error(l->protocol.serial->log, "%s: %s", error.key, error.why);
        return ERR_INVALID;
    }
    l->kind = kind;
    queue_init(&l->queue, l->protocol.serial->driver, 1);
    l->timeout = timer_new(loop, on_timeout, l);
    l->poll = timer_new(loop, on_poll, l);
    l->starting = timer_new(loop, on_started, l);
    l->count = options->light_count > 0 ? options->light_count : 1;
    l->lamps = mem_array(l->count, sizeof *l->lamps);
    for (size_t i = 0; i < l->count && !options->who; i++) {
        const struct line_light *light =
            options->light_count > 0 ? &options->lights[i] : &(struct line_light){"1", NULL};
        memcpy(l->lamps[i].id, light->id, strlen(light->id) + 1);
        l->lamps[i].name = light->name ? light->name : options->light_count > 0 ? light->id : NULL;
        line_announce(l, &l->lamps[i]);
    }
    return 0;
}

static int start_line(struct protocol *self)
{
    return start((struct line *)self, "line", self->options);
}

static int start_wled(struct protocol *self)
{
    return start((struct line *)self, "wled", &line_wled);
}

static int start_tasmota(struct protocol *self)
{
    return start((struct line *)self, "tasmota", &line_tasmota);
}

static void stop(struct protocol *self)
{
    struct line *l = (struct line *)self;
    queue_free(&l->queue);
    timer_free(l->timeout);
    timer_free(l->poll);
    timer_free(l->starting);
    str_done(&l->in);
    free(l->lamps);
    free(l->dialect);
}

static void on_open(struct protocol *self)
{
    struct line *l = (struct line *)self;
    const struct line_options *o = l->dialect->options;
    l->silent = 0;
    if (!l->dialect->has[LINE_ASK]) {
        serial_lamps_online(self->serial); /* there is nothing that could tell otherwise */
    }
    if (l->dialect->has[LINE_ASK] || l->dialect->has[LINE_WHO]) {
        timer_repeat(l->poll, o->poll_s > 0 ? o->poll_s * 1000u : WHO_AGAIN_MS);
    }
    if (o->wait_ms > 0) {
        timer_start(l->starting, o->wait_ms);
    } else {
        line_ask_all(l);
    }
}

static void on_closed(struct protocol *self, const char *why)
{
    struct line *l = (struct line *)self;
    l->doing = NOTHING;
    l->command = NULL;
    l->too_long = false;
    str_clear(&l->in);
    timer_stop(l->timeout);
    timer_stop(l->poll);
    timer_stop(l->starting);
    queue_end_all(&l->queue, ERR_OFFLINE, why);
}

static void attach(struct protocol *self, struct serial_lamp *lamp)
{
    struct line *l = (struct line *)self;
    if (self->serial->open && !l->dialect->has[LINE_ASK]) {
        driver_reachable(lamp->light, LIGHT_REACH_ONLINE);
    }
}

static void detach(struct protocol *self, struct serial_lamp *lamp)
{
    queue_forget(&((struct line *)self)->queue, lamp);
}

static void apply(struct protocol *self, struct serial_lamp *lamp, struct request_id request,
                  const struct light_state *patch, uint32_t transition_ms)
{
    struct line *l = (struct line *)self;
    queue_add(&l->queue, lamp, request, patch, transition_ms);
    line_advance(l);
}

static void refresh(struct protocol *self, struct serial_lamp *lamp)
{
    struct line *l = (struct line *)self;
    ((struct line_lamp *)lamp)->ask = l->dialect->has[LINE_ASK];
    line_advance(l);
}

static void cancel(struct protocol *self, struct serial_lamp *lamp, struct request_id request)
{
    queue_cancel(&((struct line *)self)->queue, lamp, request);
}

static void discover(struct protocol *self)
{
    struct line *l = (struct line *)self;
    for (size_t i = 0; i < l->count; i++) {
        if (line_is_known(&l->lamps[i]) && l->lamps[i].lamp.light) {
            line_announce(l, &l->lamps[i]);
        }
    }
    line_ask_all(l);
}

static bool status(const struct protocol *self, struct str *s)
{
    const struct line *l = (const struct line *)self;
    if (!self->serial->open) {
        return true; /* that the port is not there is the port's to tell */
    }
    if (timer_active(l->starting)) {
        str_add_z(s, "waiting for it to start");
    } else if (l->silent >= SILENT_MAX) {
        str_add_z(s, "it does not answer");
    } else {
        str_printf(s, "%zu light%s", line_is_known(l->lamps) ? l->count : 0,
                   line_is_known(l->lamps) && l->count == 1 ? "" : "s");
    }
    return timer_active(l->starting) || l->silent < SILENT_MAX;
}

static struct port_line line_of(const struct line_options *o)
{
    return (struct port_line){.baud = o->baud > 0 ? o->baud : 9600, .stop_bits = 1, .keep_dtr = true};
}

static struct port_line of_user(const void *options)
{
    return line_of(options);
}

static struct port_line of_wled(const void *options)
{
    (void)options;
    return line_of(&line_wled);
}

static struct port_line of_tasmota(const void *options)
{
    (void)options;
    return line_of(&line_tasmota);
}

#define LINE_OPERATIONS                                                                                                \
    .size = sizeof(struct line), .stop = stop, .open = on_open, .closed = on_closed, .bytes = line_bytes,              \
    .attach = attach, .detach = detach, .apply = apply, .refresh = refresh, .cancel = cancel, .discover = discover,    \
    .status = status

const struct protocol_ops line_protocol = {.name = "line", .line = of_user, .start = start_line, LINE_OPERATIONS};
const struct protocol_ops line_wled_protocol = {.name = "wled", .line = of_wled, .start = start_wled, LINE_OPERATIONS};
const struct protocol_ops line_tasmota_protocol = {
    .name = "tasmota", .line = of_tasmota, .start = start_tasmota, LINE_OPERATIONS};
