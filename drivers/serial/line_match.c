/* Lines against patterns, and what they say as a patch. */
#include "serial/line_template.h"

#include <ctype.h>
#include <string.h>

#include "model/color.h"

#define BIT(kind) (1u << (kind))
#define RGB_BITS (BIT(LINE_RED) | BIT(LINE_GREEN) | BIT(LINE_BLUE))

static uint32_t scaled(uint32_t value, uint32_t from, uint32_t to)
{
    return (uint32_t)(((uint64_t)value * to + from / 2) / from);
}

struct match {
    const struct line_template *t;
    const char *bytes;
    size_t len;
    struct line_values values;
    bool dark; /* a <lit> was 0 */
};

/* Digits with a fraction, rounded; how many bytes, 0 where there is no number or it is above 999999. */
static size_t match_number(const char *bytes, size_t len, uint32_t *ret_number)
{
    size_t at = 0;
    *ret_number = 0;
    for (; at < len && isdigit((unsigned char)bytes[at]); at++) {
        if (at == 6) {
            return 0;
        }
        *ret_number = *ret_number * 10 + (uint32_t)(bytes[at] - '0');
    }
    if (at > 0 && at + 1 < len && bytes[at] == '.' && isdigit((unsigned char)bytes[at + 1])) {
        *ret_number += bytes[at + 1] >= '5';
        for (at += 2; at < len && isdigit((unsigned char)bytes[at]); at++) {
        }
    }
    return at;
}

static size_t match_id(const char *bytes, size_t len, char ret_id[LINE_ID])
{
    size_t at = 0;
    while (at < len && (isalnum((unsigned char)bytes[at]) || (bytes[at] && strchr("._:-", bytes[at])))) {
        at++;
    }
    if (at == 0 || at >= LINE_ID) {
        return 0;
    }
    memcpy(ret_id, bytes, at);
    ret_id[at] = 0;
    return at;
}

static size_t match_rgb(const char *bytes, size_t len, struct line_values *v)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 6; i++) {
        if (i >= len || !isxdigit((unsigned char)bytes[i])) {
            return 0;
        }
        value = value * 16 + (uint32_t)(isdigit((unsigned char)bytes[i]) ? bytes[i] - '0'
                                                                         : tolower((unsigned char)bytes[i]) - 'a' + 10);
    }
    v->red = (uint8_t)(value >> 16);
    v->green = (uint8_t)(value >> 8);
    v->blue = (uint8_t)value;
    v->kinds |= RGB_BITS;
    return 6;
}

/* The longer word first, where one begins with the other. */
static size_t match_on(const struct match *m, const struct line_piece *piece, size_t at, struct line_values *v)
{
    const char *words[2] = {m->t->text + piece->at, m->t->text + piece->at2};
    const size_t lens[2] = {piece->len, piece->len2};
    size_t longer = lens[1] > lens[0];
    for (size_t i = 0; i < 2; i++) {
        size_t word = i == 0 ? longer : 1 - longer;
        if (m->len - at >= lens[word] && memcmp(m->bytes + at, words[word], lens[word]) == 0) {
            v->on = word == 0;
            return lens[word];
        }
    }
    return 0;
}

static void take_kelvin(uint32_t kelvin, struct line_values *v)
{
    v->kelvin = (uint16_t)(kelvin < LIGHT_KELVIN_MIN   ? LIGHT_KELVIN_MIN
                           : kelvin > LIGHT_KELVIN_MAX ? LIGHT_KELVIN_MAX
                                                       : kelvin);
    v->kinds |= BIT(LINE_KELVIN);
}

/* A number that is beyond its scale is its scale. */
static void take_number(const struct line_piece *piece, uint32_t number, struct match *m)
{
    struct line_values *v = &m->values;
    uint32_t part = number < piece->scale ? number : piece->scale;
    switch (piece->kind) {
    case LINE_LEVEL:
        v->level = color_level_from_steps(part, piece->scale);
        break;
    case LINE_KELVIN:
        take_kelvin(number, v);
        break;
    case LINE_MIRED:
        take_kelvin(color_kelvin_from_mired(number), v);
        break;
    case LINE_HUE:
        v->hue = (uint16_t)(scaled(part, piece->scale, LIGHT_HUE_MAX) % LIGHT_HUE_MAX);
        break;
    case LINE_SATURATION:
        v->saturation = (uint16_t)scaled(part, piece->scale, LIGHT_SATURATION_MAX);
        break;
    case LINE_RED:
        v->red = (uint8_t)scaled(part, piece->scale, 255);
        break;
    case LINE_GREEN:
        v->green = (uint8_t)scaled(part, piece->scale, 255);
        break;
    case LINE_BLUE:
        v->blue = (uint8_t)scaled(part, piece->scale, 255);
        break;
    default: /* LINE_LIT */
        m->dark = m->dark || number == 0;
        break;
    }
}

/* One piece at one place: how many bytes, 0 where it does not fit. No piece fits nothing, but <*>, which is not asked.
 */
static size_t match_piece(struct match *m, const struct line_piece *piece, size_t at)
{
    const char *bytes = m->bytes + at;
    size_t left = m->len - at;
    size_t taken;
    uint32_t number;
    switch (piece->kind) {
    case LINE_TEXT:
        return left >= piece->len && memcmp(bytes, m->t->text + piece->at, piece->len) == 0 ? piece->len : 0;
    case LINE_PIECE_ID:
        taken = match_id(bytes, left, m->values.id);
        break;
    case LINE_ON:
        taken = match_on(m, piece, at, &m->values);
        break;
    case LINE_RGB:
        return match_rgb(bytes, left, &m->values);
    default:
        taken = match_number(bytes, left, &number);
        if (taken > 0) {
            take_number(piece, number, m);
        }
        break;
    }
    if (taken > 0 && piece->kind != LINE_MIRED) {
        m->values.kinds |= BIT(piece->kind);
    }
    return taken;
}

/* The pieces between two <*> fit or not at a given place, without a choice; so the first place where they fit is as
   good as any later one for what follows, and only the last <*> is ever lengthened. */
bool line_template_match(const struct line_template *t, const char *bytes, size_t len, struct line_values *values)
{
    struct match m = {.t = t, .bytes = bytes, .len = len, .values = *values};
    struct match star = m; /* as things were behind the last <*> */
    size_t piece = 0, at = 0, star_piece = SIZE_MAX, star_at = 0;
    while (piece < t->count || at < len) {
        if (piece < t->count && t->pieces[piece].kind == LINE_ANY) {
            star = m;
            star_piece = ++piece;
            star_at = at;
            if (piece == t->count) {
                break; /* it takes the rest */
            }
            continue;
        }
        size_t taken = piece < t->count ? match_piece(&m, &t->pieces[piece], at) : 0;
        if (taken > 0) {
            piece++;
            at += taken;
        } else if (star_piece == SIZE_MAX || star_at >= len) {
            return false;
        } else {
            m = star;
            piece = star_piece;
            at = ++star_at;
        }
    }
    m.values.seen |= t->kinds;
    if (m.dark) {
        values->seen = m.values.seen;
    } else {
        *values = m.values;
    }
    return true;
}

/* ---- as a patch ---- */

void line_values_state(const struct line_values *values, uint32_t can, bool dimmed, struct light_state *ret_state)
{
    uint32_t kind_bits = values->kinds;
    struct light_state s = {.on = values->on,
                            .level = values->level,
                            .hue = values->hue,
                            .saturation = values->saturation,
                            .kelvin = values->kelvin};
    uint16_t value = 0;
    s.has |= kind_bits & BIT(LINE_ON) ? LIGHT_ON : 0u;
    if ((kind_bits & RGB_BITS) == RGB_BITS) {
        color_hs_from_rgb(values->red, values->green, values->blue, &s.hue, &s.saturation, &value);
        s.has |= value > 0 || !dimmed ? LIGHT_COLOR : 0u;
        if (dimmed) {
            s.level = value;
            kind_bits |= BIT(LINE_LEVEL);
        }
    } else if ((kind_bits & BIT(LINE_HUE)) && (kind_bits & BIT(LINE_SATURATION))) {
        s.has |= LIGHT_COLOR;
    }
    if ((kind_bits & BIT(LINE_LEVEL)) && s.level > 0) {
        s.has |= LIGHT_LEVEL;
    } else if ((kind_bits & BIT(LINE_LEVEL)) && !(s.has & LIGHT_ON)) {
        s.has |= LIGHT_ON; /* a level of 0 is off, where nothing else says so */
        s.on = false;
    }
    if ((kind_bits & BIT(LINE_KELVIN)) && !((s.has & LIGHT_COLOR) && (can & LIGHT_COLOR))) {
        s.has |= LIGHT_KELVIN;
    }
    if ((can & LIGHT_MODE) && (s.has & (LIGHT_COLOR | LIGHT_KELVIN))) {
        s.has |= LIGHT_MODE;
        s.mode = (s.has & LIGHT_COLOR) ? LIGHT_MODE_COLOR : LIGHT_MODE_WHITE;
    }
    s.has &= can;
    *ret_state = s;
}
