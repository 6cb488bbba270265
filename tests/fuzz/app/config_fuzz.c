/* A configuration is read whole or refused in lines that tell where; nothing is left behind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char file[] = "/nowhere/lightbridge.yaml";
    struct config *config = NULL;
    struct str why = STR_INIT;
    char *text = malloc(size + 1);
    if (!text) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = 0;
    int err = config_parse(text, size, file, &config, &why);
    if ((err == 0) != (config != NULL) || (err == 0) != (why.len == 0)) {
        abort();
    }
    for (const char *line = str_z(&why); *line;) { /* each line begins with the place, and none is broken */
        const char *end = strchr(line, '\n');
        if (strncmp(line, file, sizeof file - 1) != 0 || line[sizeof file - 1] != ':' || !end) {
            abort();
        }
        line = end + 1;
    }
    config_free(config);
    str_done(&why);
    free(text);
    return 0;
}
