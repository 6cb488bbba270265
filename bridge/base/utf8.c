#include "base/utf8.h"

#include <stdint.h>

/* One row for each kind of first byte (RFC 3629 section 4, the ABNF of UTF8-octets): the second byte's range
   is what keeps out overlong forms, surrogates and values above U+10FFFF. */
static const struct {
    uint8_t first_low, first_high, second_low, second_high, len;
} forms[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t utf8_sequence(const char *bytes, size_t len)
{
    const uint8_t *b = (const uint8_t *)bytes;
    if (len == 0) {
        return 0;
    }
    if (b[0] < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (b[0] < forms[i].first_low || b[0] > forms[i].first_high) {
            continue;
        }
        if (len < forms[i].len || b[1] < forms[i].second_low || b[1] > forms[i].second_high) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].len; k++) {
            if ((b[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].len;
    }
    return 0;
}

bool utf8_valid(const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t step = utf8_sequence(bytes + at, len - at);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

size_t utf8_prefix(const char *bytes, size_t len, size_t max_chars)
{
    size_t at = 0;
    while (at < len && max_chars > 0) {
        size_t step = utf8_sequence(bytes + at, len - at);
        if (step == 0) {
            break;
        }
        at += step;
        max_chars--;
    }
    return at;
}
