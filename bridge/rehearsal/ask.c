/* The server that asks: one interaction (facts 1.3) is one step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secrets.h"
#include "rehearsal/internal.h"
#include "rehearsal/judge.h"

struct interaction {
    const char *step, *type, *answer, *expected;
    void (*write)(const struct rehearsal *r, struct json_out *j); /* what stands behind the envelope; may be NULL */
    /* Judges the answer and takes it over; says what came, or what is wrong with it. */
    int (*read)(struct rehearsal *r, const struct json *root, struct str *ret_got);
    next_fn *then;
};

static void answered(void *user, const struct fetch_result *result);

/* ---- asking ---- */

void new_uuid(char ret_id[REQUEST_ID_SIZE])
{
    uint8_t bytes[16];
    struct str hex = STR_INIT;
    secrets_random(bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* RFC 9562: version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    secrets_hex(&hex, bytes, sizeof bytes);
    snprintf(ret_id, REQUEST_ID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.data, hex.data + 8, hex.data + 12, hex.data + 16,
             hex.data + 20);
    str_done(&hex);
}

static void write_envelope(struct rehearsal *r, struct json_out *j)
{
    json_member_object(j, "headers");
    json_member_text(j, "schema", "st-schema");
    json_member_text(j, "version", "1.0");
    json_member_text(j, "interactionType", r->asking->type);
    json_member_text(j, "requestId", r->request_id);
    json_end_object(j);
    if (r->authenticated) {
        json_member_object(j, "authentication");
        json_member_text(j, "tokenType", "Bearer");
        json_member_text(j, "token", str_z(&r->access));
        json_end_object(j);
    }
}

static void send_interaction(struct rehearsal *r)
{
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    write_envelope(r, &j);
    if (r->asking->write) {
        r->asking->write(r, &j);
    }
    json_end_object(&j);
    ask_bridge(
        r, &(struct asked){.method = "POST", .path = "/smartthings/schema", .type = "application/json", .body = &body},
        answered);
    secrets_wipe(body.data, body.len);
    str_done(&body);
}

static void ask(struct rehearsal *r, const struct interaction *interaction, bool authenticated)
{
    r->asking = interaction;
    r->authenticated = authenticated;
    r->again = false;
    new_uuid(r->request_id);
    step_begin(r, interaction->step, interaction->expected, "%s", interaction->type);
    send_interaction(r);
}

/* ---- the answer ---- */

static void send_again(struct rehearsal *r)
{
    new_uuid(r->request_id);
    step_begin(r, r->asking->step, r->asking->expected, "%s with the new token", r->asking->type);
    send_interaction(r);
}

/* SmartThings renews its token and asks once more. */
static void renew_and_ask_again(struct rehearsal *r)
{
    r->again = true;
    r->stats.asked_again++;
    step_pass(r, "TOKEN-EXPIRED: the token is renewed first");
    partner_token(r, true, send_again);
}

static int read_answer(struct rehearsal *r, const struct fetch_result *result, struct str *got)
{
    struct json *root = NULL;
    int err = ERR_INVALID;
    if (!answer_is_json(result)) {
        str_add_z(got, "the answer's Content-Type is not application/json");
    } else if ((err = judge_parse(result->body, result->body_len, &root, got)) == 0 &&
               (err = judge_answer(root, r->asking->answer, r->request_id, got)) == 0) {
        if (result->status == 200) {
            err = r->asking->read(r, root, got);
        } else {
            err = ERR_INVALID;
            str_add_z(got, "the answer is not 200");
        }
    }
    json_free(root);
    return err;
}

static void answered(void *user, const struct fetch_result *result)
{
    struct rehearsal *r = user;
    struct str got = STR_INIT;
    r->call = NULL;
    if (result->result != 0) {
        step_fail(r, "no answer: %s", result->why);
        return;
    }
    int err = read_answer(r, result, &got);
    if (err == ERR_EXPIRED && !r->again && r->refresh.len > 0) {
        renew_and_ask_again(r);
    } else if (err != 0 && result->status != 200) {
        step_fail(r, "status %d: %s", result->status, str_z(&got));
    } else if (err != 0) {
        step_fail(r, "%s", str_z(&got));
    } else {
        step_pass(r, "%s", str_z(&got));
        r->asking->then(r);
    }
    str_done(&got);
}

static void finish(struct rehearsal *r)
{
    act_end(r, 0);
}

/* ---- discovery ---- */

static int read_discovery(struct rehearsal *r, const struct json *root, struct str *ret_got)
{
    struct str news = STR_INIT;
    const struct json *wants = json_get(root, "requestGrantCallbackAccess");
    int err = judge_devices(json_get(root, "devices"), ret_got);
    if (err == 0 && wants && !json_is_bool(wants)) {
        str_add_z(ret_got, "requestGrantCallbackAccess is neither true nor false");
        err = ERR_INVALID;
    }
    if (err == 0) {
        house_take_devices(&r->house, json_get(root, "devices"), &news);
        r->wants_grant = json_is_true(wants);
        str_printf(ret_got, "%zu device%s%s", r->house.count, r->house.count == 1 ? "" : "s",
                   r->wants_grant ? ", callback access is asked for" : "");
    }
    str_done(&news);
    return err;
}

static void discovered(struct rehearsal *r)
{
    if (r->wants_grant) {
        ask_grant(r);
    } else {
        act_end(r, 0);
    }
}

/* ---- states: refresh and command ---- */

static void write_devices(const struct rehearsal *r, struct json_out *j, bool commands)
{
    json_member_array(j, "devices");
    for (size_t i = 0; i < r->house.count; i++) {
        if (!r->house.list[i].asked) {
            continue;
        }
        json_begin_object(j);
        json_member_text(j, "externalDeviceId", r->house.list[i].id);
        if (commands) {
            json_member_array(j, "commands");
            order_write(&r->order, j);
            json_end_array(j);
        }
        json_end_object(j);
    }
    json_end_array(j);
}

static void write_refresh(const struct rehearsal *r, struct json_out *j)
{
    write_devices(r, j, false);
}

static void write_command(const struct rehearsal *r, struct json_out *j)
{
    write_devices(r, j, true);
}

/* Nobody reads a thousand lamps in a line. */
static void add_news(struct str *got, const struct str *news)
{
    static const size_t max = 240;
    str_add(got, str_z(news), news->len > max ? max : news->len);
    if (news->len > max) {
        str_add_z(got, "...");
    }
}

static int read_states(struct rehearsal *r, const struct json *root, struct str *ret_got)
{
    struct str news = STR_INIT;
    const struct json *states = json_get(root, "deviceState");
    int err = judge_states(states, &r->house, true, ret_got);
    if (err == 0) {
        house_take_states(&r->house, states, &news);
        add_news(ret_got, &news);
    }
    str_done(&news);
    return err;
}

static int read_command(struct rehearsal *r, const struct json *root, struct str *ret_got)
{
    struct str why = STR_INIT;
    int err = read_states(r, root, ret_got);
    if (err == 0 && (err = order_check(&r->order, &r->house, &why)) != 0) {
        str_clear(ret_got);
        str_add_z(ret_got, str_z(&why));
    }
    str_done(&why);
    return err;
}

/* ---- callback access ---- */

static void write_grant(const struct rehearsal *r, struct json_out *j)
{
    struct str url = STR_INIT;
    json_member_object(j, "callbackAuthentication");
    json_member_text(j, "grantType", "authorization_code");
    json_member_text(j, "scope", "callback-access");
    json_member_text(j, "code", r->tokens.code);
    json_member_text(j, "clientId", r->config.callback_client_id);
    json_end_object(j);
    json_member_object(j, "callbackUrls");
    str_printf(&url, "%s/oauth/token", r->callback_url);
    json_member_text(j, "oauthToken", str_z(&url));
    str_clear(&url);
    str_printf(&url, "%s/device/events", r->callback_url);
    json_member_text(j, "stateCallback", str_z(&url));
    json_end_object(j);
    str_done(&url);
}

static int read_echo(struct rehearsal *r, const struct json *root, struct str *ret_got)
{
    (void)r;
    (void)root;
    str_add_z(ret_got, "acknowledged");
    return 0;
}

static void wait_over(void *user)
{
    struct rehearsal *r = user;
    bool grant = r->waiting == WAITING_FOR_GRANT;
    r->waiting = WAITING_FOR_NOTHING;
    step_fail(r, "nothing within %u s: %s", PATIENCE_MS / 1000,
              grant ? "the bridge did not come to exchange the code" : "no change was told");
}

static void wait_for(struct rehearsal *r, enum waiting what)
{
    if (!r->patience) {
        r->patience = timer_new(r->loop, wait_over, r);
    }
    r->waiting = what;
    timer_start(r->patience, PATIENCE_MS);
}

static void granted(struct rehearsal *r)
{
    step_begin(r, "callbacks", "the code is exchanged for a callback token", "waiting at %s/oauth/token",
               r->callback_url);
    if (r->stats.grants != r->grants_before) { /* it came before its answer to the grant */
        step_pass(r, "the bridge has a callback token for %u s", r->tokens.life_s);
        act_end(r, 0);
    } else {
        wait_for(r, WAITING_FOR_GRANT);
    }
}

void ask_told(struct rehearsal *r, bool states)
{
    if (r->waiting != (states ? WAITING_FOR_STATES : WAITING_FOR_GRANT)) {
        return;
    }
    r->waiting = WAITING_FOR_NOTHING;
    timer_stop(r->patience);
    if (states) {
        step_pass(r, "a change was told");
    } else {
        step_pass(r, "the bridge has a callback token for %u s", r->tokens.life_s);
    }
    act_end(r, 0);
}

/* ---- the table, and the acts ---- */

static void unlinked(struct rehearsal *r)
{
    str_clear(&r->access);
    str_clear(&r->refresh);
    house_done(&r->house);
    r->tokens = (struct tokens){.life_s = r->tokens.life_s}; /* the bridge has no business with us any more */
    act_end(r, 0);
}

static const struct interaction discovery = {
    "discovery", "discoveryRequest", "discoveryResponse", "the devices, each as SmartThings takes it",
    NULL,        read_discovery,     discovered};
static const struct interaction refresh = {
    "refresh", "stateRefreshRequest", "stateRefreshResponse", "the state of every device", write_refresh, read_states,
    finish};
static const struct interaction command = {
    "command", "commandRequest", "commandResponse", "the state that was commanded", write_command, read_command,
    finish};
static const struct interaction grant = {
    "grant", "grantCallbackAccess", "grantCallbackAccess", "an acknowledgement", write_grant, read_echo, granted};
static const struct interaction unlink_it = {
    "unlink", "integrationDeleted", "integrationDeleted", "an acknowledgement", NULL, read_echo, unlinked};

void ask_grant(struct rehearsal *r)
{
    tokens_grant(&r->tokens);
    r->grants_before = r->stats.grants;
    ask(r, &grant, true);
}

static int begin(struct rehearsal *r, bool needs_devices, rehearsal_done_fn *done, void *user)
{
    if (r->access.len == 0 || (needs_devices && r->house.count == 0)) {
        return ERR_NOT_FOUND;
    }
    return act_begin(r, done, user);
}

int rehearsal_discover(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    int err = begin(r, false, done, user);
    if (err == 0) {
        ask(r, &discovery, true);
    }
    return err;
}

int rehearsal_refresh(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    int err = begin(r, true, done, user);
    for (size_t i = 0; err == 0 && i < r->house.count; i++) {
        r->house.list[i].asked = true;
    }
    if (err == 0) {
        ask(r, &refresh, true);
    }
    return err;
}

int rehearsal_command(struct rehearsal *r, const struct rehearsal_device *device, const char *verb,
                      const double *values, rehearsal_done_fn *done, void *user)
{
    struct str say = STR_INIT;
    struct order order;
    int err = order_make(&order, verb, values);
    if (err == 0) {
        err = begin(r, true, done, user);
    }
    if (err != 0) {
        return err;
    }
    r->order = order;
    for (size_t i = 0; i < r->house.count; i++) {
        r->house.list[i].asked = !device || device == &r->house.list[i];
    }
    ask(r, &command, true);
    order_say(&say, &order);
    str_printf(&r->step.did, ", %s: %s", device ? device->name : "all devices", str_z(&say));
    str_done(&say);
    return 0;
}

/* The first device (by name) of those that can most: a level is better than a switch. NULL: none is online. */
static const struct rehearsal_device *choose_lamp(const struct rehearsal *r, uint32_t *ret_can)
{
    const struct rehearsal_device *lamp = NULL;
    *ret_can = 0;
    for (size_t i = 0; i < r->house.count; i++) {
        const struct rehearsal_device *d = &r->house.list[i];
        uint32_t can = d->has & (1u << REHEARSAL_LEVEL | 1u << REHEARSAL_SWITCH);
        bool online = d->has & (1u << REHEARSAL_HEALTH) && d->value[REHEARSAL_HEALTH] != 0;
        if (online && (can > *ret_can || (can == *ret_can && lamp && strcmp(d->name, lamp->name) < 0))) {
            *ret_can = can;
            lamp = d;
        }
    }
    return lamp;
}

/* Something that can be seen to have happened: another level than now, or the switch to the other side. */
int rehearsal_try_command(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    uint32_t can;
    const struct rehearsal_device *lamp = choose_lamp(r, &can);
    if (!lamp) {
        return ERR_NOT_FOUND;
    }
    if (can & (1u << REHEARSAL_LEVEL)) {
        const double level = lamp->value[REHEARSAL_LEVEL] == 40 ? 60 : 40;
        return rehearsal_command(r, lamp, "level", &level, done, user);
    }
    return rehearsal_command(r, lamp, lamp->value[REHEARSAL_SWITCH] != 0 ? "off" : "on", NULL, done, user);
}

/* A level would turn on a lamp that is off, so there the switch is left where it is. */
int rehearsal_keep_command(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    uint32_t can;
    const struct rehearsal_device *lamp = choose_lamp(r, &can);
    if (!lamp) {
        return ERR_NOT_FOUND;
    }
    bool knows_switch = can & (1u << REHEARSAL_SWITCH), on = knows_switch && lamp->value[REHEARSAL_SWITCH] != 0;
    if ((can & (1u << REHEARSAL_LEVEL)) && (on || !knows_switch)) {
        return rehearsal_command(r, lamp, "level", &lamp->value[REHEARSAL_LEVEL], done, user);
    }
    return rehearsal_command(r, lamp, on ? "on" : "off", NULL, done, user);
}

int rehearsal_grant(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    int err = begin(r, false, done, user);
    if (err == 0) {
        ask_grant(r);
    }
    return err;
}

int rehearsal_await(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    int err = begin(r, true, done, user);
    if (err == 0) {
        step_begin(r, "callback", "a change is told", "waiting at %s/device/events", r->callback_url);
        wait_for(r, WAITING_FOR_STATES);
    }
    return err;
}

int rehearsal_unlink(struct rehearsal *r, rehearsal_done_fn *done, void *user)
{
    int err = begin(r, false, done, user);
    if (err == 0) {
        ask(r, &unlink_it, true);
    }
    return err;
}

static void write_complaint(const struct rehearsal *r, struct json_out *j)
{
    (void)r;
    json_member_text(j, "originatingInteractionType", "discoveryRequest");
    json_member_object(j, "globalError");
    json_member_text(j, "errorEnum", "BAD-RESPONSE");
    json_member_text(j, "detail", "this was only a rehearsal");
    json_end_object(j);
}

int rehearsal_complain(struct rehearsal *r, bool authenticated, rehearsal_done_fn *done, void *user)
{
    static const struct interaction complaint = {
        "complaint", "interactionResult", "interactionResult", "an acknowledgement", write_complaint, read_echo,
        finish};
    int err = authenticated ? begin(r, false, done, user) : act_begin(r, done, user);
    if (err == 0) {
        ask(r, &complaint, authenticated);
    }
    return err;
}
