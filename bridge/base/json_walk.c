/* Walking the members of an object in text that json_scan has found good: brackets and strings are trusted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/json_scan.h"

#define NUMBER_MAX 63 /* bytes of a number that is looked at; longer ones hold no more digits than a double */

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    return at;
}

/* Behind the opening quote: the closing one. */
static const char *string_end(const char *at, const char *end)
{
    while (at < end && *at != '"') {
        at += *at == '\\' ? 2 : 1;
    }
    return at < end ? at : end;
}

/* Behind the value that begins here. */
static const char *value_end(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        char c = *at;
        if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            return at;
        }
        if (c == '"') {
            at = string_end(at + 1, end);
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at += at < end;
        if (depth == 0 && (c == '"' || c == '}' || c == ']')) {
            return at;
        }
    }
    return end;
}

bool json_walk_into(struct json_walk *walk, const struct json_bytes *value)
{
    if (value->len == 0 || value->at[0] != '{') {
        return false;
    }
    *walk = (struct json_walk){value->at + 1, value->at + value->len};
    return true;
}

int json_walk_init(struct json_walk *walk, const char *bytes, size_t len, size_t cap, struct json_error *ret_error)
{
    if (len > cap) {
        if (ret_error) {
            *ret_error = (struct json_error){cap, "longer than is accepted"};
        }
        return ERR_TOO_LARGE;
    }
    int err = json_scan(bytes, len, ret_error);
    const char *at = skip_space(bytes, bytes + len);
    if (err == 0 && !json_walk_into(walk, &(struct json_bytes){at, (size_t)(bytes + len - at)})) {
        err = ERR_INVALID;
        if (ret_error) {
            *ret_error = (struct json_error){0, "no object"};
        }
    }
    return err;
}

bool json_walk_next(struct json_walk *walk, struct json_bytes *ret_key, struct json_bytes *ret_value)
{
    const char *end = walk->end;
    const char *at = skip_space(walk->at, end);
    if (at < end && *at == ',') {
        at = skip_space(at + 1, end);
    }
    if (at == end || *at != '"') {
        return false;
    }
    const char *key = at + 1;
    const char *key_end = string_end(key, end);
    at = skip_space(key_end < end ? key_end + 1 : end, end);
    at = skip_space(at < end ? at + 1 : end, end); /* ':' */
    const char *behind = value_end(at, end);
    *ret_key = (struct json_bytes){key, (size_t)(key_end - key)};
    *ret_value = (struct json_bytes){at, (size_t)(behind - at)};
    walk->at = behind;
    return true;
}

bool json_bytes_key(const struct json_bytes *key, const char *text)
{
    return strlen(text) == key->len && memcmp(key->at, text, key->len) == 0;
}

bool json_bytes_text(const struct json_bytes *value, const char *text)
{
    size_t len = strlen(text);
    return value->len == len + 2 && value->at[0] == '"' && memcmp(value->at + 1, text, len) == 0;
}

/* Whole numbers without the library: most of what lamps say. */
static bool small_integer(const struct json_bytes *value, double *ret_value)
{
    long number = 0;
    if (value->len == 0 || value->len > 9) {
        return false;
    }
    for (size_t i = 0; i < value->len; i++) {
        if (value->at[i] < '0' || value->at[i] > '9') {
            return false;
        }
        number = number * 10 + (value->at[i] - '0');
    }
    *ret_value = (double)number;
    return true;
}

int json_bytes_number(const struct json_bytes *value, double *ret_value)
{
    char text[NUMBER_MAX + 1];
    if (small_integer(value, ret_value)) {
        return 0;
    }
    if (value->len == 0 || value->len > NUMBER_MAX ||
        !(value->at[0] == '-' || (value->at[0] >= '0' && value->at[0] <= '9'))) {
        return ERR_INVALID;
    }
    memcpy(text, value->at, value->len);
    text[value->len] = 0;
    double number = strtod(text, NULL); /* the program's locale is C */
    if (!isfinite(number)) {
        return ERR_INVALID;
    }
    *ret_value = number;
    return 0;
}
