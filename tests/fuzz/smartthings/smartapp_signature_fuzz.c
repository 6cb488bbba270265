/* Whatever stands in the Authorization header: what is accepted names a key on the key host and nothing else. The rest
   of the input, behind a line's end, is a provider's answer. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "smartthings/smartapp_provider.h"
#include "smartthings/smartapp_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *header(void *user, const char *name)
{
    return name[0] == 'd' ? user : NULL;
}

static void judge(const char *authorization)
{
    struct signature signature;
    struct str why = STR_INIT, text = STR_INIT;
    const struct signature_request request = {.method = "POST",
                                              .path = "/p",
                                              .query = "",
                                              .header = header,
                                              .user = "Tue, 24 Mar 2020 13:23:37 UTC",
                                              .body = ""};
    if (signature_read(authorization, &signature, &why) == SIGNATURE_OK) {
        if (signature.key_id[0] != '/' || strstr(signature.key_id, "..") || strpbrk(signature.key_id, "?#@:\\% ") ||
            signature.len == 0 || signature.len > sizeof signature.bytes) {
            abort();
        }
        (void)signature_check(&signature, &request, 0, &why);
        signature_text(&text, &signature, &request, true);
    } else if (why.len == 0) {
        abort();
    }
    str_done(&text);
    str_done(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = end ? (size_t)(end - data) : size;
    char *line = mem_text_n((const char *)data, len);
    judge(line);
    free(line);
    if (end) {
        struct provider_tokens tokens;
        (void)provider_read_tokens(NULL, (const char *)end + 1, size - len - 1, &tokens);
        provider_tokens_done(&tokens);
    }
    return 0;
}
