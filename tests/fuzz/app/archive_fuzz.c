/* The records of a backup, in pieces of any size: the same is read however they are cut, and what was read is what
   would be written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool so)
{
    if (!so) {
        abort();
    }
}

static int about(void *user, int store_version, int64_t made_ms, const struct archive_text *program)
{
    char *text = strndup(program->at, program->len);
    if (strlen(text) == program->len) {
        archive_put_about(user, store_version, made_ms, text);
    } else {
        ((struct archive_writer *)user)->count = UINT64_MAX / 2; /* our writer makes no such text: compare no further */
    }
    free(text);
    return 0;
}

static int file(void *user, const char *name, unsigned mode, const struct archive_text *bytes)
{
    archive_put_file(user, name, mode, bytes->at, bytes->len);
    return 0;
}

static int row(void *user, const char *table, const struct store_value *values, size_t count)
{
    demand(count > 0 && count <= STORE_COPY_COLUMNS);
    archive_put_row(user, table, values, count);
    return 0;
}

static int read_in_pieces(const uint8_t *data, size_t size, size_t piece, struct str *ret_again, bool *ret_same)
{
    struct archive_writer writer = {ret_again, 0};
    const struct archive_visitor visitor = {&writer, about, file, row};
    struct archive_reader reader = {.visitor = &visitor};
    int result = 0;
    for (size_t at = 0; result == 0 && at < size; at += piece) {
        result = archive_feed(&reader, data + at, size - at < piece ? size - at : piece);
    }
    if (result == 0) {
        result = archive_finish(&reader);
    }
    if (result == 0) {
        archive_put_end(&writer);
    }
    *ret_same = writer.count < UINT64_MAX / 2;
    archive_reader_done(&reader);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str whole = STR_INIT, cut = STR_INIT;
    bool same;
    int result = read_in_pieces(data, size, size + 1, &whole, &same);
    demand(read_in_pieces(data, size, 1 + size % 7, &cut, &same) == result);
    demand(whole.len == cut.len && memcmp(str_z(&whole), str_z(&cut), whole.len) == 0);
    demand(result != 0 || !same || (whole.len == size && memcmp(whole.data, data, size) == 0));
    str_done(&whole);
    str_done(&cut);
    return 0;
}
