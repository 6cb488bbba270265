/* The line engine's one small language, the same for lines that are written and lines that are read: text that stands
   for itself, and placeholders.

     <id>                  which lamp; read: letters, digits and . _ : -
     <on:ON|OFF>           the first word where it is on, the second where it is off
     <level> <level:255>   0 to 100, or to 255: the number is what stands for all of it
     <kelvin:2700-6500>    K, within what the lamp can
     <mired:153-500>       the same in mireds
     <hue> <saturation>    0 to 360 and 0 to 100, or as <level>
     <red> <green> <blue>  0 to 255, or as <level>
     <rgb>                 the three as six hexadecimal digits
     <fade> <fade:100>     written alone: the time of a transition, in ms or in so many of them
     <lit>                 read alone: a number; where it is 0 nothing that the pattern has read counts
     <*>                   read alone: any text, also none; the shortest with which the rest fits
     <<                    a '<' that stands for itself

   A pattern fits a line when it fits all of it. Numbers are read as far as there are digits (a fraction is read and
   rounded). Where each `<*>` ends is decided once, from left to right: no line makes matching slow. All pure. */
#ifndef SERIAL_LINE_TEMPLATE_H
#define SERIAL_LINE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/light.h"

#define LINE_MAX_TEMPLATE 512u /* bytes */
#define LINE_MAX_PIECES 48u
#define LINE_ID 32u /* an id with its NUL */

enum line_piece_kind {
    LINE_TEXT,
    LINE_PIECE_ID,
    LINE_ON,
    LINE_LEVEL,
    LINE_KELVIN,
    LINE_MIRED,
    LINE_HUE,
    LINE_SATURATION,
    LINE_RED,
    LINE_GREEN,
    LINE_BLUE,
    LINE_RGB,
    LINE_FADE,
    LINE_LIT,
    LINE_ANY,
    LINE_KINDS,
};

struct line_piece {
    uint8_t kind;
    uint16_t at, len;      /* of its text in `text`: LINE_TEXT, and the first word of LINE_ON */
    uint16_t at2, len2;    /* the second word */
    uint32_t scale, least; /* what stands for all of it; kelvin and mired: from least to scale */
};

struct line_template {
    char text[LINE_MAX_TEMPLATE];
    uint16_t text_len;
    uint8_t count;
    struct line_piece pieces[LINE_MAX_PIECES];
    uint32_t kinds; /* 1 << kind of all its pieces */
};

enum line_use { LINE_WRITTEN, LINE_READ };

/* ERR_INVALID with *ret_at, the byte from which on it is wrong, and *ret_why: what is, and what would be right (static
   text). */
int line_template_parse(const char *text, enum line_use use, struct line_template *ret, size_t *ret_at,
                        const char **ret_why);
bool line_template_has(const struct line_template *t, enum line_piece_kind kind);
const struct line_piece *line_template_piece(const struct line_template *t, enum line_piece_kind kind); /* or NULL */
/* LIGHT_* that the placeholders speak of; the same of a mask of 1 << kind. */
uint32_t line_kinds_members(uint32_t kind_bits);
uint32_t line_template_members(const struct line_template *t);

/* What is written: every member of `state` that the template speaks of is there. */
struct line_words {
    const char *id;
    const struct light_state *state;
    uint32_t fade_ms;
    bool dimmed; /* red, green and blue are as bright as the level says */
};
void line_template_write(const struct line_template *t, const struct line_words *words, struct str *out);

/* What was read; lines and patterns add to it. */
struct line_values {
    uint32_t kinds; /* 1 << kind */
    uint32_t seen;  /* the same, also of what did not count because of <lit> */
    bool on;
    uint16_t level, kelvin, hue, saturation;
    uint8_t red, green, blue;
    char id[LINE_ID];
};
/* False: it does not fit, and *values is as before. Where a <lit> was 0 only `seen` grows. */
bool line_template_match(const struct line_template *t, const char *bytes, size_t len, struct line_values *values);
/* As a patch: without more than `can` has. `dimmed` as above. */
void line_values_state(const struct line_values *values, uint32_t can, bool dimmed, struct light_state *ret_state);

#endif
