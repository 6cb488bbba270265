/* What SmartThings (or whoever sits at that address) answers to our POSTs; the first byte picks the status. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smartthings/rules.h"
#include "smartthings/schema_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 401, 429, 500, 400, 204, 302, 404};
    struct schema_answer answer;
    int status = size > 0 ? statuses[data[0] % 8] : 200;
    int parsed = schema_parse_answer((const char *)data + (size > 0), size > 0 ? size - 1 : 0, &answer);
    if (rules_judge_token(0, status, parsed, &answer) == RULES_TOKEN_GOT && !answer.access_token) {
        abort();
    }
    rules_judge_post(0, status, &answer);
    schema_answer_done(&answer);
    char header[64];
    size_t len = size < sizeof header ? size : sizeof header - 1;
    memcpy(header, data, len);
    header[len] = '\0';
    if (rules_retry_after(header, 0) > RULES_RETRY_AFTER_MAX_MS) {
        abort();
    }
    return 0;
}
