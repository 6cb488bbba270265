/* Strict JSON. Reading wraps cJSON and refuses what cJSON would let pass; writing appends to a str.

   The reader accepts RFC 8259 text in UTF-8 only: nothing but white space behind the value, no control
   bytes in strings, no \u0000, no lone surrogates, no bad UTF-8, no `012` or `1.`, no number over 63
   characters or out of a double's range, depth <= 16, no duplicate keys in any object. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define JSON_MAX_DEPTH 16

/* ---- reading ---- */

struct json; /* a value inside a document, or the document's root; borrowed, lives as long as the root */

struct json_error {
    size_t offset;    /* byte at which reading stopped */
    const char *what; /* static text: "duplicate key", "trailing bytes", ... */
};

/* Parses bytes[0..len). ERR_TOO_LARGE if len > cap, ERR_INVALID with *ret_error filled (may be NULL).
   The caller releases the root with json_free. */
int json_parse(const char *bytes, size_t len, size_t cap, struct json **ret_root, struct json_error *ret_error);
void json_free(struct json *root); /* NULL is legal */

/* Case-sensitive member of an object; NULL if absent or if `object` is NULL or no object. A present
   null is returned as a value for which json_is_null is true. */
const struct json *json_get(const struct json *object, const char *key);

bool json_is_object(const struct json *v); /* all of these: false for NULL */
bool json_is_array(const struct json *v);
bool json_is_string(const struct json *v);
bool json_is_number(const struct json *v);
bool json_is_null(const struct json *v);
bool json_is_bool(const struct json *v);
bool json_is_true(const struct json *v);

const char *json_text(const struct json *v);              /* NULL unless a string */
int json_number(const struct json *v, double *ret_value); /* ERR_INVALID unless a finite number */
/* ERR_INVALID unless an integral number, ERR_RANGE outside [min, max] or of 2^53 and more, where digits are lost.
   40.0 is integral. */
int json_integer(const struct json *v, int64_t min, int64_t max, int64_t *ret_value);

const char *json_get_text(const struct json *object, const char *key); /* NULL unless a string member */

size_t json_count(const struct json *v);             /* elements or members; 0 for anything else */
const struct json *json_first(const struct json *v); /* child of an array or object, NULL if none */
const struct json *json_next(const struct json *v);
const char *json_key(const struct json *member); /* name of an object's member */
/* Writes the value as compact JSON behind s (to keep a cookie or a fragment verbatim in meaning). */
void json_copy(struct str *s, const struct json *v);

/* ---- cutting a large array into its elements without building a tree ---- */

struct json_cut {
    const char *bytes;
    size_t len;
    size_t at;
    int state; /* internal */
};

void json_cut_init(struct json_cut *cut, const char *bytes, size_t len);
/* Next element of the top-level array: 1 and its bytes, 0 at the regular end, ERR_INVALID where the
   text is no array or is broken (elements are only balanced here; parse each with json_parse). */
int json_cut_next(struct json_cut *cut, const char **ret_bytes, size_t *ret_len);

/* ---- walking an object without building a tree: for small messages that come often ---- */

/* Raw bytes of the text: of a key what stands between its quotes, of a value all of it. */
struct json_bytes {
    const char *at;
    size_t len;
};

struct json_walk {
    const char *at, *end;
};

/* The whole text is checked as json_parse checks it. ERR_TOO_LARGE, ERR_INVALID (also where it is no object). `bytes`
   outlive the walk. */
int json_walk_init(struct json_walk *walk, const char *bytes, size_t len, size_t cap, struct json_error *ret_error);
/* An object among the values of a walk. False where it is none. */
bool json_walk_into(struct json_walk *walk, const struct json_bytes *value);
/* The next member, false at the end. */
bool json_walk_next(struct json_walk *walk, struct json_bytes *ret_key, struct json_bytes *ret_value);
/* A key or string whose raw bytes are `text` (which needs no escapes). */
bool json_bytes_key(const struct json_bytes *key, const char *text);
bool json_bytes_text(const struct json_bytes *value, const char *text);
int json_bytes_number(const struct json_bytes *value, double *ret_value); /* ERR_INVALID unless a finite number */

/* ---- writing ---- */

/* Appends to `out`; commas are put by the writer. Usage errors (a value without a key in an object)
   are bugs and assert. Depth is at most JSON_MAX_DEPTH. */
struct json_out {
    struct str *out;
    uint32_t depth;
    uint32_t has_items; /* bit per depth */
    bool after_key;
};

void json_out_init(struct json_out *j, struct str *out);
void json_begin_object(struct json_out *j);
void json_end_object(struct json_out *j);
void json_begin_array(struct json_out *j);
void json_end_array(struct json_out *j);
void json_put_key(struct json_out *j, const char *key);
void json_put_text(struct json_out *j, const char *text); /* NULL writes null; bad UTF-8 becomes U+FFFD */
void json_put_text_n(struct json_out *j, const char *bytes, size_t len);
void json_put_int(struct json_out *j, int64_t value);
/* value / 10^decimals without trailing zeros: (12345, 2) writes 123.45, (5000, 2) writes 50. */
void json_put_fixed(struct json_out *j, int64_t value, unsigned decimals);
void json_put_bool(struct json_out *j, bool value);
void json_put_null(struct json_out *j);
void json_put_raw(struct json_out *j, const char *json, size_t len); /* already valid JSON */
/* key and value in one call, for objects */
void json_member_text(struct json_out *j, const char *key, const char *text);
void json_member_int(struct json_out *j, const char *key, int64_t value);
void json_member_bool(struct json_out *j, const char *key, bool value);
void json_member_object(struct json_out *j, const char *key); /* begins an object */
void json_member_array(struct json_out *j, const char *key);  /* begins an array */

#endif
