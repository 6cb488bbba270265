/* Colour strings: whatever is accepted is within the ranges of a light's state, and nothing is written otherwise. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "partner/color_string.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_text_n((const char *)data, size);
    struct light_state state = {0};
    const char *what = NULL;
    int err = color_string_parse(text, (uint32_t)size * 2654435761u, &state, &what);
    if ((err == 0) != (what == NULL) || (err == 0) != (state.has != 0)) {
        abort();
    }
    if (state.level > LIGHT_LEVEL_MAX || state.hue >= LIGHT_HUE_MAX || state.saturation > LIGHT_SATURATION_MAX ||
        (state.has & (LIGHT_ON | LIGHT_MODE)) || ((state.has & LIGHT_HUE) && !(state.has & LIGHT_SATURATION))) {
        abort();
    }
    if ((state.has & LIGHT_KELVIN) &&
        (state.kelvin < COLOR_STRING_KELVIN_MIN || state.kelvin > COLOR_STRING_KELVIN_MAX)) {
        abort();
    }
    free(text);
    return 0;
}
