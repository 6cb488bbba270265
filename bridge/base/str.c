#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void str_done(struct str *s)
{
    free(s->data);
    *s = STR_INIT;
}

void str_clear(struct str *s)
{
    s->len = 0;
    if (s->data) {
        s->data[0] = 0;
    }
}

char *str_reserve(struct str *s, size_t more)
{
    size_t need = s->len + more + 1;
    if (need <= more) {
        abort(); /* the sum overflowed: no outside size is that large */
    }
    if (need > s->cap) {
        size_t cap = s->cap > 0 ? s->cap + s->cap / 2 : 64;
        if (cap < need) {
            cap = need;
        }
        s->data = mem_grow(s->data, cap, 1);
        s->cap = cap;
        s->data[s->len] = 0;
    }
    return s->data + s->len;
}

void str_add(struct str *s, const void *bytes, size_t len)
{
    char *at = str_reserve(s, len);
    if (len > 0) {
        memcpy(at, bytes, len);
    }
    at[len] = 0;
    s->len += len;
}

void str_add_z(struct str *s, const char *text)
{
    str_add(s, text, strlen(text));
}

void str_add_char(struct str *s, char c)
{
    char *at = str_reserve(s, 1);
    at[0] = c;
    at[1] = 0;
    s->len++;
}

void str_vprintf(struct str *s, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char *at = str_reserve(s, 64);
    int len = vsnprintf(at, s->cap - s->len, format, args);
    if (len < 0) {
        abort(); /* a broken format is a bug */
    }
    if ((size_t)len >= s->cap - s->len) {
        at = str_reserve(s, (size_t)len);
        vsnprintf(at, (size_t)len + 1, format, again);
    }
    va_end(again);
    s->len += (size_t)len;
}

void str_printf(struct str *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    str_vprintf(s, format, args);
    va_end(args);
}

const char *str_z(const struct str *s)
{
    return s->data ? s->data : "";
}

char *str_take(struct str *s)
{
    char *data = s->data ? s->data : mem_text("");
    *s = STR_INIT;
    return data;
}
