#include "base/json_arena.h"

#include <cjson/cJSON.h>
#include <sanitizer/asan_interface.h>
#include <stdalign.h>
#include <stdlib.h>
#include <threads.h>

#include "base/mem.h"

#define BLOCK_MIN 1024u
#define BLOCK_MAX (64u * 1024)
#define BYTES_PER_BYTE 6u /* a request's tree to its text */
/* Between two pieces, poisoned, where the address sanitizer looks: reading past one's end is still seen. */
#if defined(__SANITIZE_ADDRESS__)
#define GAP 16u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GAP 16u
#endif
#endif
#ifndef GAP
#define GAP 0u
#endif

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

/* While a document is read. */
struct arena {
    struct block *last, *first;
    size_t next_size;
};
static thread_local struct arena *reading;
static thread_local struct arena arena;
static once_flag hooked = ONCE_FLAG_INIT;

static void add_block(struct arena *a, size_t at_least)
{
    size_t size = a->next_size > at_least ? a->next_size : at_least;
    struct block *b = mem_grow(NULL, 1, sizeof *b + size);
    b->next = NULL;
    b->used = 0;
    b->size = size;
    *(a->last ? &a->last->next : &a->first) = b;
    a->last = b;
    a->next_size = a->next_size < BLOCK_MAX / 2 ? 2 * a->next_size : BLOCK_MAX;
    ASAN_POISON_MEMORY_REGION(b->bytes, b->size);
}

static void *take(size_t size)
{
    struct arena *a = reading;
    size_t whole = (size + GAP + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!a) {
        return malloc(size);
    }
    if (!a->last || a->last->size - a->last->used < whole) {
        add_block(a, whole);
    }
    char *piece = a->last->bytes + a->last->used;
    a->last->used += whole;
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
}

static void give(void *piece)
{
    if (!reading) {
        free(piece);
    }
}

static void hook(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){take, give});
}

void json_arena_begin(size_t text_len)
{
    size_t size = text_len < BLOCK_MAX / BYTES_PER_BYTE ? text_len * BYTES_PER_BYTE : BLOCK_MAX;
    call_once(&hooked, hook);
    arena = (struct arena){.next_size = size > BLOCK_MIN ? size : BLOCK_MIN};
    reading = &arena;
}

void *json_arena_end(void)
{
    reading = NULL;
    return arena.first ? arena.first->bytes : NULL;
}

void json_arena_free(void *first)
{
    struct block *b = first ? (struct block *)(void *)((char *)first - offsetof(struct block, bytes)) : NULL;
    while (b) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}
