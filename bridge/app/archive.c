/* See archive.h. */
#include "app/archive.h"

#include <string.h>

#include "base/err.h"
#include "base/secrets.h"

#define HEAD 5u /* kind and length */

/* ---- writing ---- */

static void put_number(struct str *s, uint64_t value, int bytes)
{
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
        str_add_char(s, (char)(uint8_t)(value >> shift));
    }
}

static void put_text(struct str *s, const void *bytes, size_t len)
{
    put_number(s, len, 4);
    str_add(s, bytes, len);
}

/* Where the payload begins; record_end then fills in how long it became. */
static size_t record_begin(struct archive_writer *writer, char kind)
{
    str_add_char(writer->out, kind);
    put_number(writer->out, 0, 4);
    return writer->out->len;
}

static void record_end(struct archive_writer *writer, size_t begin)
{
    size_t len = writer->out->len - begin;
    for (size_t i = 0; i < 4; i++) {
        writer->out->data[begin - 4 + i] = (char)(uint8_t)(len >> (24 - 8 * i));
    }
    writer->count++;
}

void archive_put_about(struct archive_writer *writer, int store_version, int64_t made_ms, const char *program)
{
    size_t begin = record_begin(writer, 'A');
    put_number(writer->out, (uint64_t)store_version, 4);
    put_number(writer->out, (uint64_t)made_ms, 8);
    put_text(writer->out, program, strlen(program));
    record_end(writer, begin);
}

void archive_put_file(struct archive_writer *writer, const char *name, unsigned mode, const void *bytes, size_t len)
{
    size_t begin = record_begin(writer, 'F');
    put_text(writer->out, name, strlen(name));
    put_number(writer->out, mode, 4);
    put_text(writer->out, bytes, len);
    record_end(writer, begin);
}

void archive_put_row(struct archive_writer *writer, const char *table, const struct store_value *values, size_t count)
{
    size_t begin = record_begin(writer, 'R');
    put_text(writer->out, table, strlen(table));
    put_number(writer->out, count, 2);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = (uint64_t)values[i].integer;
        if (values[i].type == 'r') {
            memcpy(&bits, &values[i].real, sizeof bits);
        }
        str_add_char(writer->out, values[i].type);
        if (values[i].type == 'i' || values[i].type == 'r') {
            put_number(writer->out, bits, 8);
        } else if (values[i].type != 'n') {
            put_text(writer->out, values[i].bytes, values[i].len);
        }
    }
    record_end(writer, begin);
}

void archive_put_end(struct archive_writer *writer)
{
    uint64_t before = writer->count;
    size_t begin = record_begin(writer, 'E');
    put_number(writer->out, before, 8);
    record_end(writer, begin);
}

/* ---- reading ---- */

/* What is left of a payload; `bad` once more was asked of it than there is. */
struct cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static uint64_t take_number(struct cursor *c, size_t bytes)
{
    uint64_t value = 0;
    if (c->left < bytes) {
        c->bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | c->at[i];
    }
    c->at += bytes;
    c->left -= bytes;
    return value;
}

static struct archive_text take_text(struct cursor *c)
{
    size_t len = (size_t)take_number(c, 4);
    if (c->left < len) {
        c->bad = true;
        len = 0;
    }
    struct archive_text text = {(const char *)c->at, len};
    c->at += len;
    c->left -= len;
    return text;
}

/* A name, with a NUL behind it. */
static void take_name(struct cursor *c, char *ret_name, size_t cap)
{
    struct archive_text text = take_text(c);
    if (text.len == 0 || text.len >= cap || memchr(text.at, 0, text.len)) {
        c->bad = true;
        text.len = 0;
    }
    memcpy(ret_name, text.at, text.len);
    ret_name[text.len] = 0;
}

static int read_about(const struct archive_visitor *visitor, struct cursor *c)
{
    uint64_t version = take_number(c, 4), made_ms = take_number(c, 8);
    struct archive_text program = take_text(c);
    if (c->bad || c->left > 0 || version > INT32_MAX || made_ms > INT64_MAX) {
        return ERR_INVALID;
    }
    return visitor->about(visitor->user, (int)version, (int64_t)made_ms, &program);
}

static int read_file(const struct archive_visitor *visitor, struct cursor *c)
{
    char name[256];
    take_name(c, name, sizeof name);
    uint64_t mode = take_number(c, 4);
    struct archive_text bytes = take_text(c);
    if (c->bad || c->left > 0) {
        return ERR_INVALID;
    }
    return visitor->file(visitor->user, name, (unsigned)mode, &bytes);
}

static struct store_value take_value(struct cursor *c)
{
    struct store_value value = {.type = (char)take_number(c, 1)};
    uint64_t bits;
    struct archive_text text;
    switch (value.type) {
    case 'i':
        value.integer = (int64_t)take_number(c, 8);
        break;
    case 'r':
        bits = take_number(c, 8);
        memcpy(&value.real, &bits, sizeof bits);
        break;
    case 't':
    case 'b':
        text = take_text(c);
        value.bytes = text.at;
        value.len = text.len;
        c->bad = c->bad || text.len > STORE_COPY_VALUE;
        break;
    default:
        c->bad = c->bad || value.type != 'n';
        break;
    }
    return value;
}

static int read_row(const struct archive_visitor *visitor, struct cursor *c)
{
    char table[64];
    struct store_value values[STORE_COPY_COLUMNS];
    take_name(c, table, sizeof table);
    size_t count = (size_t)take_number(c, 2);
    if (count == 0 || count > STORE_COPY_COLUMNS) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = take_value(c);
    }
    if (c->bad || c->left > 0) {
        return ERR_INVALID;
    }
    return visitor->row(visitor->user, table, values, count);
}

static int read_record(struct archive_reader *reader, char kind, struct cursor *c)
{
    if (reader->ended || (kind == 'A') != (reader->count == 0)) {
        return ERR_INVALID;
    }
    switch (kind) {
    case 'A':
        return read_about(reader->visitor, c);
    case 'F':
        return read_file(reader->visitor, c);
    case 'R':
        return read_row(reader->visitor, c);
    case 'E':
        reader->ended = true;
        return take_number(c, 8) == reader->count && !c->bad && c->left == 0 ? 0 : ERR_INVALID;
    default:
        return ERR_INVALID;
    }
}

int archive_feed(struct archive_reader *reader, const void *bytes, size_t len)
{
    struct str *pending = &reader->pending;
    size_t done = 0;
    int result = 0;
    str_add(pending, bytes, len);
    while (result == 0 && pending->len - done >= HEAD) {
        struct cursor head = {(const uint8_t *)pending->data + done, HEAD, false};
        char kind = (char)take_number(&head, 1);
        size_t size = (size_t)take_number(&head, 4);
        if (size > ARCHIVE_RECORD_MAX) {
            return ERR_TOO_LARGE;
        }
        if (pending->len - done - HEAD < size) {
            break;
        }
        struct cursor payload = {(const uint8_t *)pending->data + done + HEAD, size, false};
        result = read_record(reader, kind, &payload);
        reader->count++;
        done += HEAD + size;
    }
    if (done > 0) {
        memmove(pending->data, pending->data + done, pending->len - done);
        pending->len -= done;
        pending->data[pending->len] = 0;
    }
    return result;
}

int archive_finish(const struct archive_reader *reader)
{
    return reader->ended && reader->pending.len == 0 ? 0 : ERR_INVALID;
}

void archive_reader_done(struct archive_reader *reader)
{
    secrets_wipe(reader->pending.data, reader->pending.cap);
    str_done(&reader->pending);
}
