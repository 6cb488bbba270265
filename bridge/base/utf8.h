/* UTF-8 (RFC 3629). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *bytes, size_t len);
/* Length of the valid sequence at bytes (1..4), 0 if there is none. */
size_t utf8_sequence(const char *bytes, size_t len);
/* Largest prefix length <= max_chars code points of a valid text. */
size_t utf8_prefix(const char *bytes, size_t len, size_t max_chars);

#endif
