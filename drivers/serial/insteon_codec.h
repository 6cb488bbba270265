/* What an Insteon PowerLinc modem (2412, 2413) says and is told, as bytes: pure functions. Sources: the Insteon Modem
   Developer's Guide (2007) and the Developer's Guide (messages), and npm home-controller 0.9.2, which drives a modem.
   Every frame begins 02 and a number; there is no checksum. The modem repeats each command with 06 (taken) or 15 (not
   taken) behind it; a lone 15 means that it is busy. */
#ifndef SERIAL_INSTEON_CODEC_H
#define SERIAL_INSTEON_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/light.h"

#define INSTEON_MAX_FRAME 25u
#define INSTEON_MAX_COMMAND 8u
#define INSTEON_GAP_MS 250u /* between the bytes of one frame there is never as much */

struct insteon_id {
    uint8_t bytes[3];
};
bool insteon_id_equal(struct insteon_id a, struct insteon_id b);
#define INSTEON_ID_TEXT 9u /* "1A.2B.3C" with its NUL */
void insteon_id_write(struct insteon_id id, char ret_text[INSTEON_ID_TEXT]);

/* ---- from the modem ---- */

enum insteon_number {
    INSTEON_STANDARD = 0x50, /* from a device */
    INSTEON_EXTENDED = 0x51,
    INSTEON_LINKED = 0x53, /* a link was made */
    INSTEON_RESET = 0x55,  /* by its button: its links are gone */
    INSTEON_RECORD = 0x57,
    INSTEON_INFO = 0x60,
    INSTEON_SEND = 0x62,
    INSTEON_FIRST = 0x69,
    INSTEON_NEXT = 0x6a,
    INSTEON_BUSY = 0x15, /* the lone 15; no frame has this number */
};

struct insteon_frame {
    uint8_t number;
    uint8_t len; /* of all of it, from 02 on */
    uint8_t bytes[INSTEON_MAX_FRAME];
};

/* Cuts frames out of bytes; zeroed when new. Garbage costs no more than the frame that it looks like. */
struct insteon_reader {
    uint8_t len;
    uint8_t bytes[INSTEON_MAX_FRAME];
    uint64_t dropped; /* bytes that belonged to no frame */
};
/* Takes bytes until a frame is whole: true with *ret_frame, and *bytes and *len are what is left to be read. */
bool insteon_read(struct insteon_reader *reader, const uint8_t **bytes, size_t *len, struct insteon_frame *ret_frame);
/* INSTEON_GAP_MS passed without a byte: what was begun will not be ended. */
void insteon_read_gap(struct insteon_reader *reader);

/* What a frame that repeats a command ends with: true for 06. */
bool insteon_taken(const struct insteon_frame *frame);

enum insteon_type {
    INSTEON_DIRECT = 0,
    INSTEON_DIRECT_ACK = 1,
    INSTEON_CLEANUP = 2,
    INSTEON_CLEANUP_ACK = 3,
    INSTEON_BROADCAST = 4,
    INSTEON_DIRECT_NAK = 5,
    INSTEON_ALL_LINK = 6,
    INSTEON_CLEANUP_NAK = 7,
};
/* A standard or extended message, or the echo of one that was sent (then `from` is who it goes to). */
struct insteon_message {
    struct insteon_id from, to; /* `to` of a broadcast: category, subcategory, firmware; of an all-link: 0, 0, group */
    uint8_t type;               /* enum insteon_type */
    uint8_t hops_left, max_hops;
    uint8_t command, argument; /* cmd1, cmd2 */
    uint8_t group;             /* of an all-link or its cleanup; 0 otherwise */
};
bool insteon_read_message(const struct insteon_frame *frame, struct insteon_message *ret_message);

/* A row of the modem's table of links: INSTEON_RECORD. */
struct insteon_link {
    bool used;
    bool controls; /* the modem controls the device; otherwise the device the modem */
    uint8_t group;
    struct insteon_id id;
    uint8_t category, subcategory, firmware; /* only where it controls; 0 where it was not told */
};
bool insteon_read_link(const struct insteon_frame *frame, struct insteon_link *ret_link);

/* The modem itself: INSTEON_INFO. */
struct insteon_modem {
    struct insteon_id id;
    uint8_t category, subcategory, firmware;
};
bool insteon_read_modem(const struct insteon_frame *frame, struct insteon_modem *ret_modem);

/* What a device is, by category and subcategory. False: no light and no switch. */
bool insteon_device(uint8_t category, uint8_t subcategory, const char **ret_model, struct light_profile *ret_profile);

/* What a hand at the switch did (all-link or cleanup, group 1): true with what is known of the lamp by it. `ret_ask`:
   where it ended has to be asked. A switch that dims says on, but how bright only when asked. */
bool insteon_read_hand(const struct insteon_message *message, const struct light_profile *profile,
                       struct light_state *ret_state, bool *ret_ask);
/* The level that a device says in cmd2: 0..255. */
void insteon_read_level(uint8_t argument, const struct light_profile *profile, struct light_state *ret_state);

/* ---- to the modem: each returns how many bytes ---- */

enum insteon_command {
    INSTEON_ID_REQUEST = 0x10,
    INSTEON_ON = 0x11,
    INSTEON_FAST_ON = 0x12,
    INSTEON_OFF = 0x13,
    INSTEON_FAST_OFF = 0x14,
    INSTEON_BEGIN_CHANGE = 0x17,
    INSTEON_END_CHANGE = 0x18,
    INSTEON_STATUS = 0x19,
    INSTEON_ON_AT_RATE = 0x2e,
    INSTEON_OFF_AT_RATE = 0x2f,
};
size_t insteon_write_send(uint8_t ret_bytes[INSTEON_MAX_COMMAND], struct insteon_id to, uint8_t command,
                          uint8_t argument);
size_t insteon_write_ask(uint8_t ret_bytes[INSTEON_MAX_COMMAND], uint8_t number); /* INFO, FIRST, NEXT */
/* The command for a patch. A ramp has 16 levels and 16 rates from 0.1 s to 8 minutes; without a transition it is as
   the switch itself is set. *ret_ms: how long it takes, 0 where the switch's own rate counts. */
void insteon_write_patch(const struct light_profile *profile, const struct light_state *patch, uint32_t transition_ms,
                         uint8_t *ret_command, uint8_t *ret_argument, uint32_t *ret_ms);

extern const struct light_tolerance insteon_tolerance;

#endif
