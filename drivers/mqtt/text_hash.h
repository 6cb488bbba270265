/* FNV-1a, for hash tables over texts that lie on a broker. */
#ifndef MQTT_TEXT_HASH_H
#define MQTT_TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t text_hash_more(uint64_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (uint8_t)text[i]) * 1099511628211u;
    }
    return hash;
}

static inline uint64_t text_hash(const char *text, size_t len)
{
    uint64_t hash = text_hash_more(14695981039346656037u, text, len);
    return hash ^ hash >> 32; /* tables use its low bits */
}

#endif
