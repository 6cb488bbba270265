/* A URL that is taken is its own origin's; a query value that is copied means what it meant and cannot leave its place;
   what is encoded decodes to itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool so)
{
    if (!so) {
        abort();
    }
}

static void parse(const char *text)
{
    struct url u, again;
    struct str s = STR_INIT, t = STR_INIT;
    if (url_parse(text, &u) != 0) {
        return;
    }
    demand(u.host[0] && u.path[0] == '/' && !strpbrk(u.path, "# \r\n\t") && !strpbrk(u.host, "@/\\ "));
    url_origin(&s, &u);
    demand(url_parse(str_z(&s), &again) == 0);
    demand(strcmp(again.host, u.host) == 0 && again.port == u.port && strcmp(again.scheme, u.scheme) == 0);
    url_origin(&t, &again);
    demand(strcmp(str_z(&s), str_z(&t)) == 0);
    demand(url_host_under(u.host, u.host));
    str_done(&s);
    str_done(&t);
}

static void copy(const char *bytes, size_t len)
{
    struct str copied = STR_INIT, before = STR_INIT, after = STR_INIT, encoded = STR_INIT;
    url_copy_query_value(&copied, bytes, len);
    for (size_t i = 0; i < copied.len; i++) {
        demand(copied.data[i] > ' ' && copied.data[i] < 0x7f && !strchr("&#\"<>", copied.data[i]));
    }
    if (url_decode(&before, bytes, len, true) == 0) {
        demand(url_decode(&after, str_z(&copied), copied.len, true) == 0);
        demand(before.len == after.len && memcmp(str_z(&before), str_z(&after), before.len) == 0);
    }
    url_encode(&encoded, bytes, len);
    str_clear(&after);
    if (!memchr(bytes, 0, len)) {
        demand(url_decode(&after, str_z(&encoded), encoded.len, false) == 0);
        demand(after.len == len && memcmp(str_z(&after), bytes, len) == 0);
    }
    str_done(&copied);
    str_done(&before);
    str_done(&after);
    str_done(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_text_n((const char *)data, size);
    parse(text);
    copy(text, size);
    free(text);
    return 0;
}
