/* Elements lie inside the text and in order; where the whole text is an array that json_parse takes, the cutter gives
   as many elements as it has, and json_parse takes each. */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct json *root = NULL;
    struct json_cut cut;
    const char *bytes, *before = text;
    size_t len, count = 0;
    int result;
    bool whole = json_parse(text, size, 65536, &root, NULL) == 0 && json_is_array(root);
    json_cut_init(&cut, text, size);
    while ((result = json_cut_next(&cut, &bytes, &len)) == 1) {
        struct json *element = NULL;
        if (bytes < before || bytes + len > text + size || len == 0) {
            abort();
        }
        before = bytes + len;
        count++;
        int err = json_parse(bytes, len, len, &element, NULL);
        json_free(element);
        if (whole && err != 0) {
            abort();
        }
    }
    if (json_cut_next(&cut, &bytes, &len) != result || (whole && (result != 0 || count != json_count(root)))) {
        abort();
    }
    json_free(root);
    return 0;
}
