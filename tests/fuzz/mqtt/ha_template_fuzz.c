/* Whatever an announcement may have for a template, and a lamp for a payload: the first line is the template, the rest
   the payload. No crash, no more output than there may be, and what the check refuses is never evaluated. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "mqtt/ha_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ha_variable variables[] = {{"red", NULL, 255}, {"blue", NULL, 0.5}, {"state", "on", 0}};
    const char *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t template_len = line ? (size_t)(line - (const char *)data) : size;
    if (size > 65536 || (size > 0 && memchr(data, 0, template_len))) {
        return 0;
    }
    char *template = mem_text_n((const char *)data, template_len);
    size_t len = line ? size - template_len - 1 : 0;
    char *value = mem_text_n(line ? line + 1 : "", len);
    struct json *root = NULL;
    (void)json_parse(value, len, 65536, &root, NULL);
    const struct ha_scope scope = {value, len, root, variables, 3};
    struct str why = STR_INIT;
    struct str out = STR_INIT;
    int refused = ha_template_check(template, &why);
    int err = ha_template_run(template, &scope, &out);
    must(refused == 0 || why.len > 0);
    must(err != 0 || refused == 0);
    must(out.len <= HA_TEMPLATE_OUTPUT && (err == 0 || out.len == 0));
    str_done(&why);
    str_done(&out);
    json_free(root);
    free(template);
    free(value);
    return 0;
}
