#include "serial/insteon_codec.h"

#include <stdio.h>
#include <string.h>

#include "model/color.h"

#define START 0x02
#define TAKEN 0x06
#define NOT_TAKEN 0x15
#define MODEM_MIN 0x50
#define MODEM_MAX 0x73
#define FLAG_EXTENDED 0x10u
#define FLAGS_THREE_HOPS 0x0fu

/* 0..255 by whole steps; a lamp that was told a level says the same again. */
const struct light_tolerance insteon_tolerance = {.level = 40};

/* Length of what the modem sends, from 02 on, by number; 0: there is none such. 62 has 14 more where it is extended. */
static const uint8_t lengths[MODEM_MAX - MODEM_MIN + 1] = {
    [0x50 - MODEM_MIN] = 11, [0x51 - MODEM_MIN] = 25, [0x52 - MODEM_MIN] = 4, [0x53 - MODEM_MIN] = 10,
    [0x54 - MODEM_MIN] = 3,  [0x55 - MODEM_MIN] = 2,  [0x56 - MODEM_MIN] = 7, [0x57 - MODEM_MIN] = 10,
    [0x58 - MODEM_MIN] = 3,  [0x60 - MODEM_MIN] = 9,  [0x61 - MODEM_MIN] = 6, [0x62 - MODEM_MIN] = 9,
    [0x63 - MODEM_MIN] = 5,  [0x64 - MODEM_MIN] = 5,  [0x65 - MODEM_MIN] = 3, [0x66 - MODEM_MIN] = 6,
    [0x67 - MODEM_MIN] = 3,  [0x68 - MODEM_MIN] = 4,  [0x69 - MODEM_MIN] = 3, [0x6a - MODEM_MIN] = 3,
    [0x6b - MODEM_MIN] = 4,  [0x6c - MODEM_MIN] = 3,  [0x6d - MODEM_MIN] = 3, [0x6e - MODEM_MIN] = 3,
    [0x6f - MODEM_MIN] = 12, [0x70 - MODEM_MIN] = 4,  [0x71 - MODEM_MIN] = 5, [0x72 - MODEM_MIN] = 3,
    [0x73 - MODEM_MIN] = 6,
};

bool insteon_id_equal(struct insteon_id a, struct insteon_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

void insteon_id_write(struct insteon_id id, char ret_text[INSTEON_ID_TEXT])
{
    (void)snprintf(ret_text, INSTEON_ID_TEXT, "%02X.%02X.%02X", id.bytes[0], id.bytes[1], id.bytes[2]);
}

/* ---- framing ---- */

enum fit { FIT_MORE, FIT_WHOLE, FIT_NONE };

/* Is what was read the beginning of a frame, all of one, or none? */
static enum fit fit(const uint8_t *bytes, size_t len)
{
    if (bytes[0] == NOT_TAKEN) {
        return FIT_WHOLE;
    }
    if (bytes[0] != START) {
        return FIT_NONE;
    }
    if (len < 2) {
        return FIT_MORE;
    }
    if (bytes[1] < MODEM_MIN || bytes[1] > MODEM_MAX || lengths[bytes[1] - MODEM_MIN] == 0) {
        return FIT_NONE;
    }
    size_t need = lengths[bytes[1] - MODEM_MIN];
    if (bytes[1] == INSTEON_SEND && len >= 6 && (bytes[5] & FLAG_EXTENDED)) {
        need += 14;
    }
    if (len < need) {
        return FIT_MORE;
    }
    return bytes[1] >= INSTEON_INFO && bytes[len - 1] != TAKEN && bytes[len - 1] != NOT_TAKEN ? FIT_NONE : FIT_WHOLE;
}

static void drop(struct insteon_reader *r, size_t count)
{
    r->len = (uint8_t)(r->len - count);
    memmove(r->bytes, r->bytes + count, r->len);
}

/* Gives up bytes from the front until the rest may be a frame. The rest is shorter than what it was read for, so a
   frame that is whole in it ends where it ends: the bytes behind stay. */
static bool settle(struct insteon_reader *r, struct insteon_frame *ret_frame)
{
    size_t len = 1;
    while (len <= r->len) {
        switch (fit(r->bytes, len)) {
        case FIT_MORE:
            len++;
            break;
        case FIT_NONE:
            drop(r, 1);
            r->dropped++;
            len = 1;
            break;
        case FIT_WHOLE:
            ret_frame->number = r->bytes[0] == NOT_TAKEN ? INSTEON_BUSY : r->bytes[1];
            ret_frame->len = (uint8_t)len;
            memcpy(ret_frame->bytes, r->bytes, len);
            drop(r, len);
            return true;
        }
    }
    return false;
}

bool insteon_read(struct insteon_reader *reader, const uint8_t **bytes, size_t *len, struct insteon_frame *ret_frame)
{
    if (reader->len > 0 && settle(reader, ret_frame)) { /* what the last call had left */
        return true;
    }
    while (*len > 0) {
        reader->bytes[reader->len++] = **bytes;
        (*bytes)++;
        (*len)--;
        if (settle(reader, ret_frame)) {
            return true;
        }
    }
    return false;
}

void insteon_read_gap(struct insteon_reader *reader)
{
    reader->dropped += reader->len;
    reader->len = 0;
}

bool insteon_taken(const struct insteon_frame *frame)
{
    return frame->number >= INSTEON_INFO && frame->bytes[frame->len - 1] == TAKEN;
}

/* ---- what frames say ---- */

static struct insteon_id id_at(const uint8_t *bytes)
{
    return (struct insteon_id){{bytes[0], bytes[1], bytes[2]}};
}

bool insteon_read_message(const struct insteon_frame *frame, struct insteon_message *ret_message)
{
    bool echo = frame->number == INSTEON_SEND;
    if (!echo && frame->number != INSTEON_STANDARD && frame->number != INSTEON_EXTENDED) {
        return false;
    }
    const uint8_t *b = frame->bytes + (echo ? 5 : 8); /* flags */
    *ret_message = (struct insteon_message){
        .from = id_at(frame->bytes + 2),
        .to = id_at(frame->bytes + (echo ? 2 : 5)),
        .type = b[0] >> 5,
        .hops_left = (b[0] >> 2) & 3u,
        .max_hops = b[0] & 3u,
        .command = b[1],
        .argument = b[2],
    };
    if (ret_message->type == INSTEON_ALL_LINK) {
        ret_message->group = ret_message->to.bytes[2];
    } else if (ret_message->type == INSTEON_CLEANUP) {
        ret_message->group = ret_message->argument;
    }
    return true;
}

bool insteon_read_link(const struct insteon_frame *frame, struct insteon_link *ret_link)
{
    const uint8_t *b = frame->bytes;
    if (frame->number != INSTEON_RECORD) {
        return false;
    }
    bool controls = (b[2] & 0x40u) != 0;
    *ret_link = (struct insteon_link){
        .used = (b[2] & 0x80u) != 0,
        .controls = controls,
        .group = b[3],
        .id = id_at(b + 4),
        .category = controls ? b[7] : 0,
        .subcategory = controls ? b[8] : 0,
        .firmware = controls ? b[9] : 0,
    };
    return true;
}

bool insteon_read_modem(const struct insteon_frame *frame, struct insteon_modem *ret_modem)
{
    const uint8_t *b = frame->bytes;
    if (frame->number != INSTEON_INFO || !insteon_taken(frame)) {
        return false;
    }
    *ret_modem = (struct insteon_modem){id_at(b + 2), b[5], b[6], b[7]};
    return true;
}

/* Of category 2 what is plugged in, and not built in: it switches anything. */
static bool is_plug(uint8_t subcategory)
{
    static const uint8_t plugs[] = {0x06, 0x07, 0x08, 0x09, 0x0c, 0x12, 0x37, 0x38, 0x39};
    return memchr(plugs, subcategory, sizeof plugs) != NULL;
}

bool insteon_device(uint8_t category, uint8_t subcategory, const char **ret_model, struct light_profile *ret_profile)
{
    switch (category) {
    case 1:
        *ret_model = "Insteon dimmer";
        *ret_profile = (struct light_profile){.can = LIGHT_ON | LIGHT_LEVEL};
        return true;
    case 2:
        *ret_model = is_plug(subcategory) ? "Insteon plug" : "Insteon switch";
        *ret_profile = (struct light_profile){
            .can = LIGHT_ON,
            .kind = is_plug(subcategory) ? LIGHT_KIND_SWITCH : LIGHT_KIND_LIGHT,
        };
        return true;
    default:
        return false;
    }
}

void insteon_read_level(uint8_t argument, const struct light_profile *profile, struct light_state *ret_state)
{
    *ret_state = (struct light_state){.has = LIGHT_ON, .on = argument > 0};
    if (argument > 0 && (profile->can & LIGHT_LEVEL)) { /* what is off keeps the level that it had */
        ret_state->has |= LIGHT_LEVEL;
        ret_state->level = color_level_from_steps(argument, 255);
    }
}

bool insteon_read_hand(const struct insteon_message *message, const struct light_profile *profile,
                       struct light_state *ret_state, bool *ret_ask)
{
    bool dims = (profile->can & LIGHT_LEVEL) != 0;
    *ret_state = (struct light_state){0};
    *ret_ask = false;
    if ((message->type != INSTEON_ALL_LINK && message->type != INSTEON_CLEANUP) || message->group != 1) {
        return false; /* other groups are the buttons of a keypad: not the lamp at the switch */
    }
    switch (message->command) {
    case INSTEON_ON:
        *ret_state = (struct light_state){.has = LIGHT_ON, .on = true};
        *ret_ask = dims;
        return true;
    case INSTEON_FAST_ON:
        insteon_read_level(255, profile, ret_state);
        return true;
    case INSTEON_OFF:
    case INSTEON_FAST_OFF:
        insteon_read_level(0, profile, ret_state);
        return true;
    case INSTEON_END_CHANGE:
        *ret_ask = true;
        return true;
    default:
        return false;
    }
}

/* ---- commands ---- */

size_t insteon_write_send(uint8_t ret_bytes[INSTEON_MAX_COMMAND], struct insteon_id to, uint8_t command,
                          uint8_t argument)
{
    const uint8_t bytes[] = {START,       INSTEON_SEND,     to.bytes[0], to.bytes[1],
                             to.bytes[2], FLAGS_THREE_HOPS, command,     argument};
    memcpy(ret_bytes, bytes, sizeof bytes);
    return sizeof bytes;
}

size_t insteon_write_ask(uint8_t ret_bytes[INSTEON_MAX_COMMAND], uint8_t number)
{
    ret_bytes[0] = START;
    ret_bytes[1] = number;
    return 2;
}

/* Every second of the 32 rates that a device knows, in milliseconds: what fits into half a byte (2 * n + 1). */
static const uint32_t rates[16] = {480000, 360000, 270000, 210000, 150000, 90000, 47000, 38500,
                                   32000,  28000,  23500,  19000,  6500,   2000,  300,   100};

static uint8_t rate_of(uint32_t transition_ms)
{
    uint8_t best = 0;
    for (uint8_t i = 1; i < 16; i++) {
        uint32_t here = rates[i] > transition_ms ? rates[i] - transition_ms : transition_ms - rates[i];
        uint32_t there = rates[best] > transition_ms ? rates[best] - transition_ms : transition_ms - rates[best];
        if (here < there) {
            best = i;
        }
    }
    return best;
}

/* A level above 0 stays above 0. */
static uint8_t sixteenth_of(uint16_t level)
{
    return (uint8_t)color_level_to_steps(level, 15);
}

void insteon_write_patch(const struct light_profile *profile, const struct light_state *patch, uint32_t transition_ms,
                         uint8_t *ret_command, uint8_t *ret_argument, uint32_t *ret_ms)
{
    bool dims = (profile->can & LIGHT_LEVEL) != 0;
    bool off = (patch->has & LIGHT_ON) && !patch->on;
    bool level = dims && (patch->has & LIGHT_LEVEL);
    *ret_ms = 0;
    if (dims && transition_ms > 0 && (off || level)) {
        uint8_t rate = rate_of(transition_ms);
        *ret_command = off ? INSTEON_OFF_AT_RATE : INSTEON_ON_AT_RATE;
        *ret_argument = (uint8_t)((off ? 0u : (unsigned)sixteenth_of(patch->level) << 4) | rate);
        *ret_ms = rates[rate];
        return;
    }
    *ret_command = off ? INSTEON_OFF : INSTEON_ON;
    /* Without a level a dimmer goes on as bright as it can: there is no other way to say on. */
    *ret_argument = off ? 0 : level ? (uint8_t)color_level_to_steps(patch->level, 255) : 255;
}
