/* A page of linking, and an address to go back to; the first line is the address, the rest the page. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rehearsal/page.h"
#include "rehearsal/redirect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_location(const char *bytes, size_t len)
{
    struct str code = STR_INIT;
    struct str why = STR_INIT;
    char *location = mem_text_n(bytes, len);
    int err = redirect_read(location, "https://a.example/b", "s+%2b~", &code, &why);
    if ((err == 0) != (code.len > 0) || (err == 0) != (why.len == 0)) {
        abort();
    }
    free(location);
    str_done(&code);
    str_done(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *line = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t len = line ? (size_t)(line - text) : 0;
    struct page page;
    struct str body = STR_INIT;
    read_location(text, len);
    page_read(&page, text + len, size - len);
    const struct page_form *login = page_login_form(&page), *consent = page_consent_form(&page);
    if (login) {
        page_fill(&body, login, "anna", "secret", NULL);
    }
    if (consent) {
        page_fill(&body, consent, "", "", page_allow_button(consent));
    }
    str_clear(&body);
    page_says(&body, text + len, size - len);
    if (body.len > 700) {
        abort(); /* two texts of 300 bytes, and what is between them */
    }
    str_done(&body);
    page_done(&page);
    return 0;
}
