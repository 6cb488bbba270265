/* A growing string: bytes with a length, always followed by a NUL that is not counted. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stddef.h>

struct str {
    char *data; /* never NULL after the first add; use str_z() to read an untouched one */
    size_t len;
    size_t cap;
};

#define STR_INIT ((struct str){0})

void str_done(struct str *s);  /* frees, and leaves s usable as new */
void str_clear(struct str *s); /* keeps the memory */
void str_add(struct str *s, const void *bytes, size_t len);
void str_add_z(struct str *s, const char *text);
void str_add_char(struct str *s, char c);
void str_printf(struct str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_vprintf(struct str *s, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Room for at least `more` bytes behind the text: returns where to write; then add to s->len. */
char *str_reserve(struct str *s, size_t more);
const char *str_z(const struct str *s); /* never NULL */
char *str_take(struct str *s);          /* the caller frees; s is as new; never NULL */

#endif
