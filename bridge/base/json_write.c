/* The writing half of base/json.h: straight appends, because a discovery of a thousand lights passes here. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

void json_out_init(struct json_out *j, struct str *out)
{
    *j = (struct json_out){.out = out};
}

static void before_value(struct json_out *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->has_items & (1u << j->depth)) {
        str_add_char(j->out, ',');
    }
    j->has_items |= 1u << j->depth;
}

static void begin(struct json_out *j, char bracket)
{
    before_value(j);
    str_add_char(j->out, bracket);
    j->depth++;
    assert(j->depth <= JSON_MAX_DEPTH);
    j->has_items &= ~(1u << j->depth);
}

static void end(struct json_out *j, char bracket)
{
    assert(j->depth > 0 && !j->after_key);
    j->depth--;
    str_add_char(j->out, bracket);
}

void json_begin_object(struct json_out *j)
{
    begin(j, '{');
}

void json_end_object(struct json_out *j)
{
    end(j, '}');
}

void json_begin_array(struct json_out *j)
{
    begin(j, '[');
}

void json_end_array(struct json_out *j)
{
    end(j, ']');
}

/* What follows the backslash for these bytes; 0 for those that pass as they are. */
static const char short_escapes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
};

static void add_quoted(struct str *s, const char *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    char *at = str_reserve(s, 6 * len + 2); /* a control byte becomes six, a bad one three */
    *at++ = '"';
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x20 && c < 0x80 && !short_escapes[c]) {
            *at++ = (char)c;
            i++;
        } else if (c >= 0x80) {
            size_t step = utf8_sequence(bytes + i, len - i);
            const char *from = step > 0 ? bytes + i : "\xef\xbf\xbd";
            size_t n = step > 0 ? step : 3;
            memcpy(at, from, n);
            at += n;
            i += step > 0 ? step : 1;
        } else if (short_escapes[c]) {
            *at++ = '\\';
            *at++ = short_escapes[c];
            i++;
        } else {
            memcpy(at, "\\u00", 4);
            at[4] = hex[c >> 4];
            at[5] = hex[c & 15];
            at += 6;
            i++;
        }
    }
    *at++ = '"';
    *at = 0;
    s->len = (size_t)(at - s->data);
}

void json_put_key(struct json_out *j, const char *key)
{
    assert(!j->after_key);
    before_value(j);
    add_quoted(j->out, key, strlen(key));
    str_add_char(j->out, ':');
    j->after_key = true;
}

void json_put_text_n(struct json_out *j, const char *bytes, size_t len)
{
    before_value(j);
    add_quoted(j->out, bytes, len);
}

void json_put_text(struct json_out *j, const char *text)
{
    if (text) {
        json_put_text_n(j, text, strlen(text));
    } else {
        json_put_null(j);
    }
}

/* Digits of `value` written backwards before `end`; returns where they begin. */
static char *digits(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return end;
}

void json_put_int(struct json_out *j, int64_t value)
{
    char text[24];
    char *end = text + sizeof text;
    char *at = digits(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0) {
        *--at = '-';
    }
    json_put_raw(j, at, (size_t)(end - at));
}

void json_put_fixed(struct json_out *j, int64_t value, unsigned decimals)
{
    char text[48];
    char *end = text + sizeof text;
    char *at = end;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    assert(decimals <= 18);
    for (; decimals > 0 && rest % 10 == 0; decimals--) {
        rest /= 10;
    }
    if (decimals > 0) {
        for (; decimals > 0; decimals--, rest /= 10) {
            *--at = (char)('0' + rest % 10);
        }
        *--at = '.';
    }
    at = digits(at, rest);
    if (value < 0) {
        *--at = '-';
    }
    json_put_raw(j, at, (size_t)(end - at));
}

void json_put_bool(struct json_out *j, bool value)
{
    json_put_raw(j, value ? "true" : "false", value ? 4 : 5);
}

void json_put_null(struct json_out *j)
{
    json_put_raw(j, "null", 4);
}

void json_put_raw(struct json_out *j, const char *json, size_t len)
{
    before_value(j);
    str_add(j->out, json, len);
}

void json_member_text(struct json_out *j, const char *key, const char *text)
{
    json_put_key(j, key);
    json_put_text(j, text);
}

void json_member_int(struct json_out *j, const char *key, int64_t value)
{
    json_put_key(j, key);
    json_put_int(j, value);
}

void json_member_bool(struct json_out *j, const char *key, bool value)
{
    json_put_key(j, key);
    json_put_bool(j, value);
}

void json_member_object(struct json_out *j, const char *key)
{
    json_put_key(j, key);
    json_begin_object(j);
}

void json_member_array(struct json_out *j, const char *key)
{
    json_put_key(j, key);
    json_begin_array(j);
}
