#include "base/json_scan.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

/* A key as it stands in the text, between its quotes. */
struct key {
    const char *from, *to;
    uint32_t hash; /* over its code points: "a" and "\u0061" are the same key */
};

struct scan {
    const char *bytes, *at, *end;
    const char *what;
    struct key *keys; /* of all objects still open, innermost last */
    size_t key_count, key_cap;
    size_t first_key[JSON_MAX_DEPTH + 1]; /* where the object at this depth begins in keys */
    char open[JSON_MAX_DEPTH + 1];        /* its bracket */
    int depth;
};

static bool fail(struct scan *s, const char *what)
{
    s->what = what;
    return false;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t')) {
        s->at++;
    }
}

static bool is_digit(const struct scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static bool skip_digits(struct scan *s)
{
    const char *from = s->at;
    while (is_digit(s)) {
        s->at++;
    }
    return s->at > from;
}

/* RFC 8259 section 6. */
static bool number_form(struct scan *s)
{
    if (*s->at == '-') {
        s->at++;
    }
    if (is_digit(s) && *s->at == '0') {
        s->at++;
        if (is_digit(s)) {
            return fail(s, "a number with a leading zero");
        }
    } else if (!skip_digits(s)) {
        return fail(s, "a number without digits");
    }
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!skip_digits(s)) {
            return fail(s, "a number that ends in its point");
        }
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-')) {
            s->at++;
        }
        if (!skip_digits(s)) {
            return fail(s, "a number without digits in its exponent");
        }
    }
    return true;
}

/* cJSON takes the first 63 characters of a number for the whole, and infinity for what no double can hold. */
static bool number(struct scan *s)
{
    char text[64];
    const char *from = s->at;
    if (!number_form(s)) {
        return false;
    }
    size_t len = (size_t)(s->at - from);
    if (len >= sizeof text) {
        s->at = from;
        return fail(s, "a number of more than 63 characters");
    }
    memcpy(text, from, len);
    text[len] = 0;
    if (strpbrk(text, "eE") && !isfinite(strtod(text, NULL))) {
        s->at = from;
        return fail(s, "a number that is too large");
    }
    return true;
}

static int hex4(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        char l = (char)(c | 0x20);
        int digit = c >= '0' && c <= '9' ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* One code point at *at, which is moved behind it; -1 and *ret_what where the text is not allowed. */
static int32_t code_point(const char **at, const char *end, const char **ret_what)
{
    static const char escapes[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char *p = *at;
    unsigned char c = (unsigned char)*p;
    if (c < 0x20) {
        *ret_what = "a control byte in a string";
        return -1;
    }
    if (c >= 0x80) {
        size_t step = utf8_sequence(p, (size_t)(end - p));
        if (step == 0) {
            *ret_what = "bytes that are no UTF-8";
            return -1;
        }
        int32_t value = c & (0xff >> (step + 1));
        for (size_t i = 1; i < step; i++) {
            value = value << 6 | (p[i] & 0x3f);
        }
        *at = p + step;
        return value;
    }
    if (c != '\\') {
        *at = p + 1;
        return c;
    }
    const char *which = p + 1 < end && p[1] ? strchr(escapes, p[1]) : NULL;
    if (which) {
        *at = p + 2;
        return meant[which - escapes];
    }
    int high = p + 1 < end && p[1] == 'u' ? hex4(p + 2, end) : -1;
    *ret_what = high == 0 ? "\\u0000 in a string" : high < 0 ? "an unknown escape" : "half of a surrogate pair";
    if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff)) {
        return -1;
    }
    if (high < 0xd800 || high > 0xdfff) {
        *at = p + 6;
        return high;
    }
    int low = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8, end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }
    *at = p + 12;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* At the opening quote; leaves s->at behind the closing one. */
static bool string(struct scan *s, struct key *ret_key)
{
    uint32_t hash = 2166136261u; /* FNV-1a; collisions are settled by comparing */
    const char *p = s->at + 1;
    const char *from = p;
    while (p < s->end && *p != '"') {
        const char *what = NULL;
        int32_t c =
            (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '\\' ? *p++ : code_point(&p, s->end, &what);
        if (c < 0) {
            s->at = p;
            return fail(s, what);
        }
        hash = (hash ^ (uint32_t)c) * 16777619u;
    }
    if (p == s->end) {
        s->at = p;
        return fail(s, "a string without its end");
    }
    *ret_key = (struct key){from, p, hash};
    s->at = p + 1;
    return true;
}

static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left;
    const struct key *b = right;
    const char *what = NULL;
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    const char *p = a->from;
    const char *q = b->from;
    while (p < a->to && q < b->to) {
        int32_t c = code_point(&p, a->to, &what);
        int32_t d = code_point(&q, b->to, &what);
        if (c != d) {
            return c < d ? -1 : 1;
        }
    }
    return (p < a->to) - (q < b->to);
}

/* At the end of an object: are its keys all different? */
static bool keys_differ(struct scan *s)
{
    struct key *first = s->keys + s->first_key[s->depth];
    size_t count = s->key_count - s->first_key[s->depth];
    if (count > 8) {
        qsort(first, count, sizeof *first, compare_keys);
        for (size_t i = 1; i < count; i++) {
            if (compare_keys(&first[i - 1], &first[i]) == 0) {
                s->at = first[i].from;
                return fail(s, "duplicate key");
            }
        }
        return true;
    }
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (first[i].hash == first[k].hash && compare_keys(&first[i], &first[k]) == 0) {
                s->at = first[i].from;
                return fail(s, "duplicate key");
            }
        }
    }
    return true;
}

static bool word(struct scan *s, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, text, len) != 0) {
        return fail(s, "a value was expected");
    }
    s->at += len;
    return true;
}

static bool member_name(struct scan *s)
{
    struct key key;
    skip_space(s);
    if (s->at == s->end || *s->at != '"') {
        return fail(s, "a member's name in quotes was expected");
    }
    if (!string(s, &key)) {
        return false;
    }
    if (s->key_count == s->key_cap) {
        s->key_cap = s->key_cap > 0 ? 2 * s->key_cap : 64;
        s->keys = mem_grow(s->keys, s->key_cap, sizeof *s->keys);
    }
    s->keys[s->key_count++] = key;
    skip_space(s);
    if (s->at == s->end || *s->at != ':') {
        return fail(s, "':' was expected");
    }
    s->at++;
    return true;
}

/* At the beginning of a value; an array or object that is not empty stays open. */
static bool value(struct scan *s, bool *ret_opened)
{
    struct key unused;
    *ret_opened = false;
    skip_space(s);
    if (s->at == s->end) {
        return fail(s, "the text ends where a value was expected");
    }
    char c = *s->at;
    if (c == '"') {
        return string(s, &unused);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return number(s);
    }
    if (c != '{' && c != '[') {
        return word(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
    }
    if (s->depth == JSON_MAX_DEPTH) {
        return fail(s, "more than 16 levels deep");
    }
    s->depth++;
    s->open[s->depth] = c;
    s->first_key[s->depth] = s->key_count;
    s->at++;
    skip_space(s);
    if (s->at < s->end && *s->at == (c == '{' ? '}' : ']')) {
        s->at++;
        s->depth--;
        return true;
    }
    *ret_opened = true;
    return c == '[' || member_name(s);
}

/* Behind a value: closes what ends here, or goes on to the next value of what is open. */
static bool after_value(struct scan *s)
{
    while (s->depth > 0) {
        bool object = s->open[s->depth] == '{';
        skip_space(s);
        if (s->at < s->end && *s->at == ',') {
            s->at++;
            return !object || member_name(s);
        }
        if (s->at == s->end || *s->at != (object ? '}' : ']')) {
            return fail(s, object ? "',' or '}' was expected" : "',' or ']' was expected");
        }
        s->at++;
        if (object && !keys_differ(s)) {
            return false;
        }
        s->key_count = s->first_key[s->depth];
        s->depth--;
    }
    return true;
}

static bool document(struct scan *s)
{
    do {
        bool opened;
        if (!value(s, &opened)) {
            return false;
        }
        if (!opened && !after_value(s)) {
            return false;
        }
    } while (s->depth > 0);
    skip_space(s);
    return s->at == s->end || fail(s, "bytes behind the value");
}

int json_scan(const char *bytes, size_t len, struct json_error *ret_error)
{
    struct scan s = {.bytes = bytes, .at = bytes, .end = bytes + len};
    bool ok = document(&s);
    if (!ok && ret_error) {
        *ret_error = (struct json_error){(size_t)(s.at - bytes), s.what};
    }
    free(s.keys);
    return ok ? 0 : ERR_INVALID;
}
