#include "partner/color_string.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "model/color.h"

/* One word of the text. */
struct word {
    const char *at;
    size_t len;
};

/* Hue in degrees and saturation of LIFX's names. */
static const struct {
    const char *name;
    uint16_t hue, saturation;
} names[] = {
    {"white", 0, 0},
    {"red", 0, LIGHT_SATURATION_MAX},
    {"orange", 36, LIGHT_SATURATION_MAX},
    {"yellow", 60, LIGHT_SATURATION_MAX},
    {"green", 120, LIGHT_SATURATION_MAX},
    {"cyan", 180, LIGHT_SATURATION_MAX},
    {"blue", 250, LIGHT_SATURATION_MAX},
    {"purple", 280, LIGHT_SATURATION_MAX},
    {"pink", 325, LIGHT_SATURATION_MAX},
};

static const struct component {
    const char *key;
    uint32_t member;
    uint32_t scale; /* of a unit to the state's */
    uint32_t min, max;
    size_t offset;
    bool percent; /* may be written as a percentage */
    const char *wrong;
} components[] = {
    {"hue", LIGHT_HUE, 100, 0, LIGHT_HUE_MAX, offsetof(struct light_state, hue), false,
     "hue is a number from 0 to 360"},
    {"saturation", LIGHT_SATURATION, LIGHT_SATURATION_MAX, 0, LIGHT_SATURATION_MAX,
     offsetof(struct light_state, saturation), true, "saturation is a number from 0.0 to 1.0"},
    {"brightness", LIGHT_LEVEL, LIGHT_LEVEL_MAX, 0, LIGHT_LEVEL_MAX, offsetof(struct light_state, level), true,
     "brightness is a number from 0.0 to 1.0"},
    {"kelvin", LIGHT_KELVIN, 1, COLOR_STRING_KELVIN_MIN, COLOR_STRING_KELVIN_MAX, offsetof(struct light_state, kelvin),
     false, "kelvin is a number from 1500 to 9000"},
};
#define COMPONENT_COUNT (sizeof components / sizeof components[0])

static bool is(const struct word *word, const char *text)
{
    return strlen(text) == word->len && strncasecmp(word->at, text, word->len) == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with or without a fraction, times `scale`, rounded to nearest. Without the locale, and of no size that could
   overflow. */
static bool read_number(const char *at, size_t len, uint32_t scale, uint32_t *ret_value)
{
    uint64_t whole = 0, fraction = 0, unit = 1;
    size_t i = 0;
    for (; i < len && is_digit(at[i]); i++) {
        whole = whole * 10 + (uint64_t)(at[i] - '0');
        if (whole > 100000) {
            return false;
        }
    }
    if (i == 0) {
        return false;
    }
    if (i < len && at[i] == '.') {
        if (++i == len) {
            return false;
        }
        for (; i < len && is_digit(at[i]); i++) {
            if (unit < 1000000000) {
                fraction = fraction * 10 + (uint64_t)(at[i] - '0');
                unit *= 10;
            }
        }
    }
    *ret_value = (uint32_t)(whole * scale + (fraction * scale + unit / 2) / unit);
    return i == len;
}

static void set(struct light_state *s, const struct component *c, uint32_t value)
{
    *(uint16_t *)(void *)((char *)s + c->offset) = (uint16_t)value;
    s->has |= c->member;
}

static const char *read_component(const struct word *word, struct light_state *s)
{
    const char *colon = memchr(word->at, ':', word->len);
    const struct word key = {word->at, colon ? (size_t)(colon - word->at) : word->len};
    for (size_t i = 0; colon && i < COMPONENT_COUNT; i++) {
        const struct component *c = &components[i];
        size_t len = word->len - key.len - 1;
        uint32_t value;
        if (!is(&key, c->key)) {
            continue;
        }
        bool percent = c->percent && len > 0 && colon[len] == '%';
        if (!read_number(colon + 1, len - percent, percent ? c->scale / 100 : c->scale, &value) || value < c->min ||
            value > c->max) {
            return c->wrong;
        }
        if (s->has & c->member) {
            return "a part of the colour is given twice";
        }
        set(s, c, value);
        return NULL;
    }
    return "a colour is white, red, orange, yellow, green, cyan, blue, purple, pink or random; hue:, saturation:, "
           "brightness: or kelvin: with a number; rgb:R,G,B; or #RRGGBB";
}

static void take_rgb(struct light_state *s, const uint32_t rgb[3])
{
    color_hs_from_rgb((uint8_t)rgb[0], (uint8_t)rgb[1], (uint8_t)rgb[2], &s->hue, &s->saturation, &s->level);
    s->has |= LIGHT_HUE | LIGHT_SATURATION | LIGHT_LEVEL;
}

static const char *read_rgb(const struct word *word, struct light_state *s)
{
    const char *at = word->at + 4, *end = word->at + word->len;
    uint32_t rgb[3];
    for (unsigned i = 0; i < 3; i++) {
        const char *comma = i < 2 ? memchr(at, ',', (size_t)(end - at)) : end;
        if (!comma || memchr(at, '.', (size_t)(comma - at)) || !read_number(at, (size_t)(comma - at), 1, &rgb[i]) ||
            rgb[i] > 255) {
            return "rgb is three numbers from 0 to 255: rgb:255,128,0";
        }
        at = comma + (i < 2);
    }
    take_rgb(s, rgb);
    return NULL;
}

static const char *read_hex(const struct word *word, struct light_state *s)
{
    uint32_t rgb[3] = {0};
    size_t i;
    for (i = 1; i < word->len && i < 7; i++) {
        char c = word->at[i], low = (char)(c | 0x20);
        if (!is_digit(c) && !(low >= 'a' && low <= 'f')) {
            break;
        }
        rgb[(i - 1) / 2] = rgb[(i - 1) / 2] * 16 + (uint32_t)(is_digit(c) ? c - '0' : low - 'a' + 10);
    }
    if (i != 7 || word->len != 7) {
        return "# is followed by six hexadecimal digits: #ff8000";
    }
    take_rgb(s, rgb);
    return NULL;
}

static bool read_name(const struct word *word, uint32_t random, struct light_state *s)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (is(word, names[i].name)) {
            s->hue = (uint16_t)(names[i].hue * 100);
            s->saturation = names[i].saturation;
            s->has |= LIGHT_COLOR;
            return true;
        }
    }
    if (is(word, "random")) {
        s->hue = (uint16_t)(random % LIGHT_HUE_MAX);
        s->saturation = LIGHT_SATURATION_MAX;
        s->has |= LIGHT_COLOR;
        return true;
    }
    return false;
}

/* What was said as one (a name, rgb, #) stands first, and its parts may be said anew behind it. */
static const char *read_word(const struct word *word, bool first, uint32_t random, struct light_state *whole,
                             struct light_state *parts)
{
    const char *once = "a name, rgb: or # begins a colour, and there is one of them";
    struct light_state named = {0};
    if (read_name(word, random, &named)) {
        *whole = named;
        return first ? NULL : once;
    }
    if (word->len > 4 && strncasecmp(word->at, "rgb:", 4) == 0) {
        return first ? read_rgb(word, whole) : once;
    }
    if (word->at[0] == '#') {
        return first ? read_hex(word, whole) : once;
    }
    return read_component(word, parts);
}

int color_string_parse(const char *text, uint32_t random, struct light_state *ret_state, const char **ret_what)
{
    struct light_state whole = {0}, parts = {0};
    bool first = true;
    *ret_what = NULL;
    if (strlen(text) > COLOR_STRING_MAX) {
        *ret_what = "the colour is longer than 128 bytes";
        return ERR_INVALID;
    }
    for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
        const struct word word = {at, strcspn(at, " ")};
        *ret_what = read_word(&word, first, random, &whole, &parts);
        if (*ret_what) {
            return ERR_INVALID;
        }
        first = false;
        at += word.len;
    }
    if (first) {
        *ret_what = "the colour is empty";
        return ERR_INVALID;
    }
    for (size_t i = 0; i < COMPONENT_COUNT; i++) {
        if (parts.has & components[i].member) {
            set(&whole, &components[i], *(const uint16_t *)(const void *)((const char *)&parts + components[i].offset));
        }
    }
    if ((whole.has & (LIGHT_HUE | LIGHT_SATURATION)) == LIGHT_HUE) {
        whole.saturation = LIGHT_SATURATION_MAX;
        whole.has |= LIGHT_SATURATION;
    } else if ((whole.has & (LIGHT_KELVIN | LIGHT_COLOR)) == LIGHT_KELVIN) {
        whole.saturation = 0;
        whole.has |= LIGHT_SATURATION;
    }
    if (whole.has & LIGHT_HUE) {
        whole.hue = (uint16_t)(whole.hue % LIGHT_HUE_MAX);
    }
    *ret_state = whole;
    return 0;
}
