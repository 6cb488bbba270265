#include "serial/line_template.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "model/color.h"

/* Each placeholder, and how it may be used. */
enum argument { NO_ARGUMENT, SCALE, RANGE, WORDS };
static const struct kind {
    const char *name;
    enum argument argument;
    bool written, read;
    uint32_t scale, least; /* without an argument */
    uint32_t members;
} kinds[LINE_KINDS] = {
    [LINE_TEXT] = {"", NO_ARGUMENT, true, true, 0, 0, 0},
    [LINE_PIECE_ID] = {"id", NO_ARGUMENT, true, true, 0, 0, 0},
    [LINE_ON] = {"on", WORDS, true, true, 0, 0, LIGHT_ON},
    [LINE_LEVEL] = {"level", SCALE, true, true, 100, 0, LIGHT_LEVEL},
    [LINE_KELVIN] = {"kelvin", RANGE, true, true, 6500, 2700, LIGHT_KELVIN},
    [LINE_MIRED] = {"mired", RANGE, true, true, 500, 153, LIGHT_KELVIN},
    [LINE_HUE] = {"hue", SCALE, true, true, 360, 0, LIGHT_HUE},
    [LINE_SATURATION] = {"saturation", SCALE, true, true, 100, 0, LIGHT_SATURATION},
    [LINE_RED] = {"red", SCALE, true, true, 255, 0, LIGHT_COLOR},
    [LINE_GREEN] = {"green", SCALE, true, true, 255, 0, LIGHT_COLOR},
    [LINE_BLUE] = {"blue", SCALE, true, true, 255, 0, LIGHT_COLOR},
    [LINE_RGB] = {"rgb", NO_ARGUMENT, true, true, 255, 0, LIGHT_COLOR},
    [LINE_FADE] = {"fade", SCALE, true, false, 1, 0, 0},
    [LINE_LIT] = {"lit", NO_ARGUMENT, false, true, 0, 0, 0},
    [LINE_ANY] = {"*", NO_ARGUMENT, false, true, 0, 0, 0},
};

#define BIT(kind) (1u << (kind))
#define SCALE_MAX 65535u

/* ---- reading a template ---- */

struct parse {
    const char *text;
    size_t len, at;
    enum line_use use;
    struct line_template *t;
    const char *why;
};

static int wrong(struct parse *p, const char *why)
{
    p->why = why;
    return ERR_INVALID;
}

static bool read_number(const char *text, size_t len, uint32_t *ret_number)
{
    *ret_number = 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]) || i == 5) {
            return false;
        }
        *ret_number = *ret_number * 10 + (uint32_t)(text[i] - '0');
    }
    return len > 0 && *ret_number > 0 && *ret_number <= SCALE_MAX;
}

static int parse_range(struct parse *p, struct line_piece *piece, const char *text, size_t len)
{
    const char *dash = memchr(text, '-', len);
    if (!dash || !read_number(text, (size_t)(dash - text), &piece->least) ||
        !read_number(dash + 1, len - (size_t)(dash - text) - 1, &piece->scale) || piece->least >= piece->scale) {
        return wrong(p, "a range is two numbers, the smaller first: <kelvin:2700-6500>");
    }
    if (piece->kind == LINE_KELVIN && (piece->least < LIGHT_KELVIN_MIN || piece->scale > LIGHT_KELVIN_MAX)) {
        return wrong(p, "kelvin go from 1000 to 30000");
    }
    if (piece->kind == LINE_MIRED && (piece->least < 34 || piece->scale > 1000)) {
        return wrong(p, "mireds go from 34 to 1000");
    }
    return 0;
}

/* Stores text that stands for itself; a template is no longer than the room for it. */
static uint16_t keep(struct line_template *t, const char *text, size_t len)
{
    uint16_t at = t->text_len;
    memcpy(t->text + at, text, len);
    t->text_len = (uint16_t)(t->text_len + len);
    return at;
}

static int parse_words(struct parse *p, struct line_piece *piece, const char *text, size_t len)
{
    const char *bar = memchr(text, '|', len);
    size_t first = bar ? (size_t)(bar - text) : 0;
    if (!bar || first == 0 || first + 1 == len || (first == len - first - 1 && memcmp(text, bar + 1, first) == 0)) {
        return wrong(p, "two different words are needed, the one for on first: <on:ON|OFF>");
    }
    piece->len = (uint16_t)first;
    piece->len2 = (uint16_t)(len - first - 1);
    piece->at = keep(p->t, text, first);
    piece->at2 = keep(p->t, bar + 1, piece->len2);
    return 0;
}

static int parse_argument(struct parse *p, struct line_piece *piece, const char *text, size_t len)
{
    switch (kinds[piece->kind].argument) {
    case SCALE:
        return read_number(text, len, &piece->scale) ? 0 : wrong(p, "behind the colon stands a number, 1 to 65535");
    case RANGE:
        return parse_range(p, piece, text, len);
    case WORDS:
        return parse_words(p, piece, text, len);
    case NO_ARGUMENT:
        break;
    }
    return wrong(p, "this placeholder takes nothing behind its name");
}

/* What stands between the brackets. */
static int parse_placeholder(struct parse *p, const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    size_t name = colon ? (size_t)(colon - text) : len;
    struct line_piece *piece = &p->t->pieces[p->t->count];
    uint8_t kind = 1;
    while (kind < LINE_KINDS && (strlen(kinds[kind].name) != name || memcmp(kinds[kind].name, text, name) != 0)) {
        kind++;
    }
    if (kind == LINE_KINDS) {
        return wrong(p,
                     "no such placeholder; there are id, on, level, kelvin, mired, hue, saturation, red, green, blue, "
                     "rgb, fade, lit and *, and << is a < that stands for itself");
    }
    if (!(p->use == LINE_WRITTEN ? kinds[kind].written : kinds[kind].read)) {
        return wrong(p, p->use == LINE_WRITTEN ? "this placeholder is for what is read"
                                               : "this placeholder is for what is written");
    }
    if (p->use == LINE_READ && p->t->count > 0 && piece[-1].kind != LINE_TEXT) {
        return wrong(p, "two placeholders need text between them to be told apart");
    }
    *piece = (struct line_piece){.kind = kind, .scale = kinds[kind].scale, .least = kinds[kind].least};
    if (!colon && kinds[kind].argument == WORDS) {
        return wrong(p, "two different words are needed, the one for on first: <on:ON|OFF>");
    }
    int err = colon ? parse_argument(p, piece, colon + 1, len - name - 1) : 0;
    if (err == 0) {
        p->t->kinds |= BIT(kind);
        p->t->count++;
    }
    return err;
}

static void add_text(struct line_template *t, char c)
{
    struct line_piece *last = t->count > 0 ? &t->pieces[t->count - 1] : NULL;
    if (!last || last->kind != LINE_TEXT) {
        last = &t->pieces[t->count++];
        *last = (struct line_piece){.kind = LINE_TEXT, .at = t->text_len};
    }
    (void)keep(t, &c, 1);
    last->len++;
}

static int parse_next(struct parse *p)
{
    const char *here = p->text + p->at;
    size_t left = p->len - p->at;
    if (p->t->count == LINE_MAX_PIECES) {
        return wrong(p, "too many placeholders");
    }
    if (*here != '<' || (left > 1 && here[1] == '<')) {
        if ((unsigned char)*here < 0x20 && *here != '\t') {
            return wrong(p, "a line has no control characters in it; its ending is set by `ending`");
        }
        add_text(p->t, *here);
        p->at += *here == '<' ? 2 : 1;
        return 0;
    }
    const char *end = memchr(here, '>', left);
    if (!end) {
        return wrong(p, "this < has no >; << is a < that stands for itself");
    }
    int err = parse_placeholder(p, here + 1, (size_t)(end - here - 1));
    p->at += err == 0 ? (size_t)(end - here + 1) : 0;
    return err;
}

int line_template_parse(const char *text, enum line_use use, struct line_template *ret, size_t *ret_at,
                        const char **ret_why)
{
    struct parse p = {.text = text, .len = strlen(text), .use = use, .t = ret, .why = ""};
    int err = 0;
    memset(ret, 0, sizeof *ret);
    if (p.len == 0 || p.len >= LINE_MAX_TEMPLATE) {
        err = wrong(&p, p.len == 0 ? "it is empty" : "it is longer than 511 bytes");
    }
    while (err == 0 && p.at < p.len) {
        err = parse_next(&p);
    }
    *ret_at = p.at;
    *ret_why = p.why;
    return err;
}

uint32_t line_kinds_members(uint32_t kind_bits)
{
    uint32_t members = 0;
    for (size_t i = 0; i < LINE_KINDS; i++) {
        members |= kind_bits & BIT(i) ? kinds[i].members : 0u;
    }
    return members;
}

bool line_template_has(const struct line_template *t, enum line_piece_kind kind)
{
    return (t->kinds & BIT(kind)) != 0;
}

const struct line_piece *line_template_piece(const struct line_template *t, enum line_piece_kind kind)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->pieces[i].kind == kind) {
            return &t->pieces[i];
        }
    }
    return NULL;
}

uint32_t line_template_members(const struct line_template *t)
{
    return line_kinds_members(t->kinds);
}

/* ---- writing ---- */

static uint32_t within(uint32_t value, const struct line_piece *piece)
{
    return value < piece->least ? piece->least : value > piece->scale ? piece->scale : value;
}

static uint32_t scaled(uint32_t value, uint32_t max, uint32_t scale)
{
    return (uint32_t)(((uint64_t)value * scale + max / 2) / max);
}

static uint32_t number_of(const struct line_piece *piece, const struct line_words *words, const uint8_t rgb[3])
{
    const struct light_state *s = words->state;
    switch (piece->kind) {
    case LINE_LEVEL:
        return color_level_to_steps(s->level, piece->scale);
    case LINE_KELVIN:
        return within(s->kelvin, piece);
    case LINE_MIRED:
        return within(color_mired_from_kelvin(s->kelvin), piece);
    case LINE_HUE:
        return scaled(s->hue, LIGHT_HUE_MAX, piece->scale);
    case LINE_SATURATION:
        return scaled(s->saturation, LIGHT_SATURATION_MAX, piece->scale);
    case LINE_RED:
    case LINE_GREEN:
    case LINE_BLUE:
        return scaled(rgb[piece->kind - LINE_RED], 255, piece->scale);
    default: /* LINE_FADE */
        return (words->fade_ms + piece->scale / 2) / piece->scale;
    }
}

void line_template_write(const struct line_template *t, const struct line_words *words, struct str *out)
{
    const struct light_state *s = words->state;
    uint8_t rgb[3];
    color_rgb_from_hs(s->hue, s->saturation, words->dimmed ? s->level : LIGHT_LEVEL_MAX, &rgb[0], &rgb[1], &rgb[2]);
    for (size_t i = 0; i < t->count; i++) {
        const struct line_piece *piece = &t->pieces[i];
        switch (piece->kind) {
        case LINE_TEXT:
            str_add(out, t->text + piece->at, piece->len);
            break;
        case LINE_PIECE_ID:
            str_add_z(out, words->id);
            break;
        case LINE_ON:
            str_add(out, t->text + (s->on ? piece->at : piece->at2), s->on ? piece->len : piece->len2);
            break;
        case LINE_RGB:
            str_printf(out, "%02X%02X%02X", rgb[0], rgb[1], rgb[2]);
            break;
        default:
            str_printf(out, "%u", number_of(piece, words, rgb));
            break;
        }
    }
}
