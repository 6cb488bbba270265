#include "store/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct store_batch *store_batch_new(void)
{
    return mem_alloc(sizeof(struct store_batch));
}

void store_batch_free(struct store_batch *batch)
{
    if (!batch) {
        return;
    }
    free(batch->statements);
    free(batch->values);
    str_done(&batch->bytes);
    free(batch->trouble);
    free(batch->error);
    free(batch);
}

static struct batch_value *value_new(struct store_batch *batch)
{
    if (batch->value_count == batch->value_room) {
        batch->value_room = batch->value_room ? batch->value_room * 2 : 16;
        batch->values = mem_grow(batch->values, batch->value_room, sizeof *batch->values);
    }
    struct batch_value *value = &batch->values[batch->value_count++];
    *value = (struct batch_value){.type = 'n'};
    return value;
}

static void value_bytes(struct store_batch *batch, struct batch_value *value, char type, const void *bytes, size_t len)
{
    if (!bytes) {
        return; /* SQL NULL */
    }
    value->type = type;
    value->offset = batch->bytes.len;
    value->len = len;
    str_add(&batch->bytes, bytes, len);
}

static void add_value(struct store_batch *batch, char type, va_list *values)
{
    struct batch_value *value = value_new(batch);
    switch (type) {
    case 'i':
        value->type = 'i';
        value->integer = va_arg(*values, int64_t);
        break;
    case 'r':
        value->type = 'r';
        value->real = va_arg(*values, double);
        break;
    case 't': {
        const char *text = va_arg(*values, const char *);
        value_bytes(batch, value, 't', text, text ? strlen(text) : 0);
        break;
    }
    case 'b': {
        const void *bytes = va_arg(*values, const void *);
        size_t len = va_arg(*values, size_t);
        value_bytes(batch, value, 'b', bytes, len);
        break;
    }
    default:
        assert(type == 'n');
        break;
    }
}

void batch_add(struct store_batch *batch, const char *sql, const char *types, va_list values)
{
    if (batch->statement_count == batch->statement_room) {
        batch->statement_room = batch->statement_room ? batch->statement_room * 2 : 4;
        batch->statements = mem_grow(batch->statements, batch->statement_room, sizeof *batch->statements);
    }
    struct batch_statement *statement = &batch->statements[batch->statement_count++];
    *statement = (struct batch_statement){.sql = sql, .first = batch->value_count, .count = strlen(types)};
    va_list copy; /* so that its address may be passed on */
    va_copy(copy, values);
    for (const char *type = types; *type; type++) {
        add_value(batch, *type, &copy);
    }
    va_end(copy);
}

void store_batch_add(struct store_batch *batch, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    batch_add(batch, sql, types, values);
    va_end(values);
}

static int bind_one(const struct store_batch *batch, const struct batch_value *value, sqlite3_stmt *compiled, int at)
{
    const char *bytes = str_z(&batch->bytes) + value->offset;
    switch (value->type) {
    case 'i':
        return sqlite3_bind_int64(compiled, at, value->integer);
    case 'r':
        return sqlite3_bind_double(compiled, at, value->real);
    case 't':
        return sqlite3_bind_text64(compiled, at, bytes, value->len, SQLITE_STATIC, SQLITE_UTF8);
    case 'b':
        return sqlite3_bind_blob64(compiled, at, bytes, value->len, SQLITE_STATIC);
    default:
        return sqlite3_bind_null(compiled, at);
    }
}

int batch_bind(const struct store_batch *batch, const struct batch_statement *statement, sqlite3_stmt *compiled)
{
    assert(sqlite3_bind_parameter_count(compiled) == (int)statement->count);
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < statement->count; i++) {
        rc = bind_one(batch, &batch->values[statement->first + i], compiled, (int)i + 1);
    }
    return rc;
}
