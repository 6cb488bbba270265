/* Forms and queries: names are unique, values decode to what url_decode says, raw bytes lie inside the input. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct url_form *form, size_t index, const char *from, const char *to)
{
    const struct url_field *f = &form->fields[index];
    struct str decoded = STR_INIT;
    if (url_form_field(form, f->name) != f || f->raw < from || f->raw + f->raw_len > to ||
        memchr(f->raw, '&', f->raw_len)) {
        abort();
    }
    bool broken = url_decode(&decoded, f->raw, f->raw_len, true) != 0;
    if (broken != f->broken || broken != (f->value == NULL) ||
        (!broken && (strlen(f->value) != f->value_len || strcmp(f->value, str_z(&decoded)) != 0))) {
        abort();
    }
    str_done(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct url_form form;
    const char *what = NULL;
    if (url_form_parse(&form, text, size, &what) == 0) {
        for (size_t i = 0; i < form.count; i++) {
            look_at(&form, i, text, text + size);
        }
    } else if (!what) {
        abort();
    }
    url_form_done(&form);
    return 0;
}
