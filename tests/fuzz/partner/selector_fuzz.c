/* Selectors as they come from a path or a body: never more than 25, each names something, all of it inside the text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "partner/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_text_n((const char *)data, size);
    struct selector selector;
    const char *what = NULL;
    int err = selector_parse(text, &selector, &what);
    if ((err == 0) != (what == NULL) || selector.count > SELECTOR_MAX || (err == 0 && selector.count == 0)) {
        abort();
    }
    size_t bytes = 0;
    for (size_t i = 0; err == 0 && i < selector.count; i++) {
        const struct selector_term *term = &selector.terms[i];
        bytes += strlen(term->value);
        if ((*term->value == 0) != (term->kind == SELECTOR_ALL)) {
            abort();
        }
    }
    if (bytes > strlen(text)) {
        abort();
    }
    selector_done(&selector);
    free(text);
    return 0;
}
