#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *checked(void *memory, size_t size)
{
    if (!memory) {
        log_error("base", "out of memory: %zu bytes were asked for", size);
        abort();
    }
    return memory;
}

void *mem_alloc(size_t size)
{
    return checked(calloc(1, size > 0 ? size : 1), size);
}

void *mem_array(size_t count, size_t size)
{
    if (count == 0 || size == 0) {
        return mem_alloc(1);
    }
    return checked(calloc(count, size), size);
}

void *mem_grow(void *old, size_t count, size_t size)
{
    if (count == 0 || size == 0) {
        count = 1;
        size = size > 0 ? size : 1;
    }
    return checked(reallocarray(old, count, size), size);
}

char *mem_text(const char *text)
{
    return text ? mem_text_n(text, strlen(text)) : NULL;
}

char *mem_text_n(const char *bytes, size_t len)
{
    char *copy = checked(malloc(len + 1), len);
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    copy[len] = 0;
    return copy;
}
