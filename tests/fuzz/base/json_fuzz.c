/* Whatever json_parse takes: its copy is taken too, the copy of the copy is the copy, and walking it without a tree
   sees the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool so)
{
    if (!so) {
        abort();
    }
}

/* Everything that can be asked about a value, and that it agrees with itself. */
static size_t walk(const struct json *v, size_t depth)
{
    double number;
    int64_t integer;
    size_t count = 0;
    demand(depth <= JSON_MAX_DEPTH + 1);
    demand(json_is_object(v) + json_is_array(v) + json_is_string(v) + json_is_number(v) + json_is_null(v) +
               json_is_bool(v) ==
           1);
    demand(!json_is_number(v) || json_number(v, &number) == 0);
    if (json_integer(v, -1000, 1000, &integer) == 0) {
        demand(integer >= -1000 && integer <= 1000 && json_is_number(v));
    }
    demand(!json_is_string(v) || utf8_valid(json_text(v), strlen(json_text(v))));
    for (const struct json *child = json_first(v); child; child = json_next(child)) {
        if (json_is_object(v)) {
            demand(json_get(v, json_key(child)) == child); /* no key twice: the name finds this one */
        }
        count += 1 + walk(child, depth + 1);
    }
    return count;
}

/* The walk without a tree sees what the tree has. */
static void compare_walk(const char *bytes, size_t len, const struct json *root)
{
    struct json_walk walk;
    struct json_bytes key, value;
    const struct json *member = json_first(root);
    bool object = json_walk_init(&walk, bytes, len, len, NULL) == 0;
    demand(object == json_is_object(root));
    while (object && json_walk_next(&walk, &key, &value)) {
        double a = 0, b = 0;
        demand(member && key.at >= bytes && value.at + value.len <= bytes + len);
        demand((json_number(member, &a) == 0) == (json_bytes_number(&value, &b) == 0) && a == b);
        demand(memchr(key.at, '\\', key.len) ||
               (key.len == strlen(json_key(member)) && memcmp(key.at, json_key(member), key.len) == 0));
        member = json_next(member);
    }
    demand(!object || !member);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *root = NULL, *again = NULL;
    struct json_error error = {0, NULL};
    struct str copy = STR_INIT, copy_of_copy = STR_INIT;
    if (json_parse((const char *)data, size, 65536, &root, &error) != 0) {
        demand(error.what && error.offset <= size);
        return 0;
    }
    size_t count = walk(root, 1);
    compare_walk((const char *)data, size, root);
    json_copy(&copy, root);
    demand(json_parse(copy.data, copy.len, copy.len, &again, NULL) == 0);
    demand(walk(again, 1) == count);
    json_copy(&copy_of_copy, again);
    demand(strcmp(str_z(&copy), str_z(&copy_of_copy)) == 0);
    str_done(&copy);
    str_done(&copy_of_copy);
    json_free(root);
    json_free(again);
    return 0;
}
