/* The reading half of base/json.h. The tree is cJSON's; what cJSON would let pass, json_scan has refused. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/json_arena.h"
#include "base/json_scan.h"

#define INTEGER_LIMIT 9007199254740992.0 /* 2^53 */

static const cJSON *tree(const struct json *v)
{
    return (const cJSON *)(const void *)v;
}

static const struct json *handle(const cJSON *v)
{
    return (const struct json *)(const void *)v;
}

int json_parse(const char *bytes, size_t len, size_t cap, struct json **ret_root, struct json_error *ret_error)
{
    if (len > cap) {
        if (ret_error) {
            *ret_error = (struct json_error){cap, "longer than is accepted"};
        }
        return ERR_TOO_LARGE;
    }
    int err = json_scan(bytes, len, ret_error);
    if (err != 0) {
        return err;
    }
    json_arena_begin(len);
    cJSON *root = cJSON_ParseWithLengthOpts(bytes, len, NULL, 0);
    void *memory = json_arena_end();
    if (!root || (void *)root != memory) {
        /* the scan is the stricter of the two: this cannot be, but is no reason to go on */
        json_arena_free(memory);
        if (ret_error) {
            *ret_error = (struct json_error){0, "a value that cannot be held"};
        }
        return ERR_INVALID;
    }
    *ret_root = (struct json *)(void *)root;
    return 0;
}

void json_free(struct json *root)
{
    json_arena_free(root);
}

const struct json *json_get(const struct json *object, const char *key)
{
    return json_is_object(object) ? handle(cJSON_GetObjectItemCaseSensitive(tree(object), key)) : NULL;
}

bool json_is_object(const struct json *v)
{
    return cJSON_IsObject(tree(v)) != 0;
}

bool json_is_array(const struct json *v)
{
    return cJSON_IsArray(tree(v)) != 0;
}

bool json_is_string(const struct json *v)
{
    return cJSON_IsString(tree(v)) != 0;
}

bool json_is_number(const struct json *v)
{
    return cJSON_IsNumber(tree(v)) != 0;
}

bool json_is_null(const struct json *v)
{
    return cJSON_IsNull(tree(v)) != 0;
}

bool json_is_bool(const struct json *v)
{
    return cJSON_IsBool(tree(v)) != 0;
}

bool json_is_true(const struct json *v)
{
    return cJSON_IsTrue(tree(v)) != 0;
}

const char *json_text(const struct json *v)
{
    return json_is_string(v) ? tree(v)->valuestring : NULL;
}

int json_number(const struct json *v, double *ret_value)
{
    if (!json_is_number(v) || !isfinite(tree(v)->valuedouble)) {
        return ERR_INVALID;
    }
    *ret_value = tree(v)->valuedouble;
    return 0;
}

int json_integer(const struct json *v, int64_t min, int64_t max, int64_t *ret_value)
{
    double value;
    if (json_number(v, &value) != 0 || value != floor(value)) {
        return ERR_INVALID;
    }
    /* From 2^53 on a double has lost digits: which integer was meant is not known any more. */
    if (fabs(value) >= INTEGER_LIMIT || (int64_t)value < min || (int64_t)value > max) {
        return ERR_RANGE;
    }
    *ret_value = (int64_t)value;
    return 0;
}

const char *json_get_text(const struct json *object, const char *key)
{
    return json_text(json_get(object, key));
}

size_t json_count(const struct json *v)
{
    size_t count = 0;
    for (const struct json *child = json_first(v); child; child = json_next(child)) {
        count++;
    }
    return count;
}

const struct json *json_first(const struct json *v)
{
    return json_is_object(v) || json_is_array(v) ? handle(tree(v)->child) : NULL;
}

const struct json *json_next(const struct json *v)
{
    return v ? handle(tree(v)->next) : NULL;
}

const char *json_key(const struct json *member)
{
    return member ? tree(member)->string : NULL;
}

static void copy_number(struct json_out *j, double value)
{
    char text[40];
    if (value == floor(value) && fabs(value) < INTEGER_LIMIT) {
        json_put_int(j, (int64_t)value);
        return;
    }
    int len = snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value) {
        len = snprintf(text, sizeof text, "%.17g", value);
    }
    json_put_raw(j, text, (size_t)len);
}

/* Depth is bounded by JSON_MAX_DEPTH, which the scan has seen to. */
static void copy(struct json_out *j, const struct json *v)
{
    if (json_is_object(v)) {
        json_begin_object(j);
        for (const struct json *m = json_first(v); m; m = json_next(m)) {
            json_put_key(j, json_key(m));
            copy(j, m);
        }
        json_end_object(j);
    } else if (json_is_array(v)) {
        json_begin_array(j);
        for (const struct json *e = json_first(v); e; e = json_next(e)) {
            copy(j, e);
        }
        json_end_array(j);
    } else if (json_is_string(v)) {
        json_put_text(j, json_text(v));
    } else if (json_is_number(v)) {
        copy_number(j, tree(v)->valuedouble);
    } else if (json_is_bool(v)) {
        json_put_bool(j, json_is_true(v));
    } else {
        json_put_null(j);
    }
}

void json_copy(struct str *s, const struct json *v)
{
    struct json_out j;
    json_out_init(&j, s);
    copy(&j, v);
}
