/* Whatever comes from the port of an Insteon modem: after it, and a pause, the next frame is read. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "serial/insteon_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void look(const struct insteon_frame *f)
{
    static const struct light_profile profile = {.can = LIGHT_ON | LIGHT_LEVEL};
    struct insteon_message m;
    struct insteon_link l;
    struct insteon_modem modem;
    struct light_state s;
    bool asks;
    must(f->len >= 1 && f->len <= INSTEON_MAX_FRAME);
    (void)insteon_read_link(f, &l);
    (void)insteon_read_modem(f, &modem);
    if (insteon_read_message(f, &m)) {
        must(m.type <= INSTEON_CLEANUP_NAK && m.hops_left <= 3);
        (void)insteon_read_hand(&m, &profile, &s, &asks);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t good[] = {0x02, 0x50, 0x1a, 0x2b, 0x3c, 1, 2, 3, 0x2b, 0x11, 0xff};
    struct insteon_reader r = {0};
    struct insteon_frame f;
    const uint8_t *at = data;
    size_t left = size;
    size_t framed = 0;
    while (insteon_read(&r, &at, &left, &f)) {
        framed += f.len;
        look(&f);
    }
    must(left == 0 && framed + r.dropped + r.len == size); /* no byte is lost or made up */
    insteon_read_gap(&r);
    at = good;
    left = sizeof good;
    must(insteon_read(&r, &at, &left, &f) && f.number == INSTEON_STANDARD && left == 0);
    return 0;
}
