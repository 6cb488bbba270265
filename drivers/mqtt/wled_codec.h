/* WLED's messages to values and back: pure functions. Source: WLED's mqtt.cpp, xml.cpp and json.cpp, and kno.wled.ge,
   "MQTT" and "JSON API". Units on the wire: brightness and colours 0..255, cct 0..255 for 1900..10060 K, tt in tenths
   of a second. */
#ifndef MQTT_WLED_CODEC_H
#define MQTT_WLED_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"

#define WLED_MAX_MESSAGE 4096u    /* bytes of a command */
#define WLED_MAX_DOCUMENT 131072u /* bytes of /json/si: a long list of segments has 20 kB */
#define WLED_MAX_SEGMENTS 32u
#define WLED_NAME 64u /* a name or version with its NUL */

#define WLED_WHOLE 255u /* in place of a segment's number: the whole strip */

/* What diodes there are: info.leds.lc and seg[].lc. */
enum { WLED_RGB = 1, WLED_WHITE = 2, WLED_CCT = 4 };

/* A strip, or a segment of it. */
struct wled_lamp {
    uint8_t segment;      /* WLED_WHOLE */
    uint8_t capabilities; /* WLED_RGB | ... */
    struct light_profile profile;
    char name[WLED_NAME]; /* the user's, "" if none */
};
struct wled_lamp wled_make_lamp(uint8_t segment, uint8_t capabilities);

/* ---- over MQTT: TOPIC/g, /c and /status (/v, the XML, says nothing else of a light). All ERR_INVALID. ---- */

int wled_read_level(const char *bytes, size_t len, struct light_state *ret_patch); /* 0 is off */
int wled_read_color(const char *bytes, size_t len, const struct wled_lamp *lamp, struct light_state *ret_patch);
int wled_read_online(const char *bytes, size_t len, bool *ret_online); /* online or offline */

/* TOPIC/api. transition_ms 0: at once. Always asks for an answer: WLED says nothing where nothing changes. */
void wled_write_set(struct str *out, const struct wled_lamp *lamp, const struct light_state *patch,
                    uint32_t transition_ms);
void wled_write_get(struct str *out); /* changes nothing, and WLED publishes */

/* ---- over HTTP: /json/si ---- */

struct wled_device {
    char name[WLED_NAME], version[WLED_NAME];
    char mac[13]; /* twelve hex digits, upper case */
    struct wled_lamp whole, segments[WLED_MAX_SEGMENTS];
    struct light_state whole_state, segment_states[WLED_MAX_SEGMENTS];
    size_t segment_count;
};
/* ERR_INVALID, ERR_TOO_LARGE. */
int wled_read_document(const char *bytes, size_t len, struct wled_device *ret_device);

extern const struct light_tolerance wled_tolerance;

#endif
