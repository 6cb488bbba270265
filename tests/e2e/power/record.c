#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ops[] = {
    [DISK_CREATE] = "create",          [DISK_WRITE] = "write",   [DISK_TRUNCATE] = "truncate", [DISK_SYNC] = "sync",
    [DISK_SYNC_FOLDER] = "syncfolder", [DISK_RENAME] = "rename", [DISK_LINK] = "link",         [DISK_UNLINK] = "unlink",
};

static _Noreturn void wrong(const char *path, size_t at)
{
    fprintf(stderr, "power: %s: no event at byte %zu\n", path, at);
    exit(2);
}

static char *read_all(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "power: cannot read %s\n", path);
        exit(2);
    }
    size_t len = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(len + 1);
    if (!text || fread(text, 1, len, file) != len) {
        fprintf(stderr, "power: cannot read %s\n", path);
        exit(2);
    }
    text[len] = '\0';
    (void)fclose(file);
    *ret_len = len;
    return text;
}

/* The last event before `end` that said something beginning with `text`; `end` itself where nothing did. */
static size_t last_said(const struct record *record, size_t end, const char *text)
{
    for (size_t i = end; i > 0; i--) {
        const struct record_event *event = &record->events[i - 1];
        if (event->kind == RECORD_SAY && event->len >= strlen(text) && memcmp(event->bytes, text, strlen(text)) == 0) {
            return i - 1;
        }
    }
    return end;
}

/* A fact's bytes: KEY TAB VALUE, of an acknowledgement KEY TAB how it was said. */
static void take_fact(struct record *record, struct record_event *event, char *bytes, size_t index)
{
    char *tab = strchr(bytes, '\t');
    if (!tab) {
        fprintf(stderr, "power: a fact without a value: %s\n", bytes);
        exit(2);
    }
    *tab = '\0';
    event->key = bytes;
    event->value = tab + 1;
    event->said = event->kind == RECORD_ACK && *event->value ? last_said(record, index, event->value) : index;
}

static bool kind_of(const char *op, struct record_event *event)
{
    static const char *const others[] = {[RECORD_SAY] = "say", [RECORD_TRY] = "try", [RECORD_ACK] = "ack"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(op, ops[i]) == 0) {
            event->kind = RECORD_DISK;
            event->disk.op = (enum disk_op)i;
            return true;
        }
    }
    for (size_t i = RECORD_SAY; i <= RECORD_ACK; i++) {
        if (strcmp(op, others[i]) == 0) {
            event->kind = (enum record_kind)i;
            return true;
        }
    }
    return false;
}

/* OP INODE OFFSET LENGTH NAME NAME2 of a line. */
static bool read_head(char *line, struct record_event *event)
{
    enum { FIELDS = 6 };
    char *fields[FIELDS] = {line};
    for (size_t i = 1; i < FIELDS; i++) {
        char *tab = strchr(fields[i - 1], '\t');
        if (!tab) {
            return false;
        }
        *tab = '\0';
        fields[i] = tab + 1;
    }
    event->disk.inode = strtoul(fields[1], NULL, 10);
    event->disk.offset = (size_t)strtoull(fields[2], NULL, 10);
    event->disk.len = event->len = (size_t)strtoull(fields[3], NULL, 10);
    (void)snprintf(event->disk.name, DISK_NAME, "%s", fields[4]);
    (void)snprintf(event->disk.to, DISK_NAME, "%s", fields[5]);
    return kind_of(fields[0], event);
}

void record_read(struct record *record, const char *path)
{
    size_t len, cap = 0, at = 0;
    *record = (struct record){.text = read_all(path, &len)};
    while (at < len) {
        if (record->count == cap) {
            cap = cap ? cap * 2 : 256;
            record->events = realloc(record->events, cap * sizeof *record->events);
        }
        struct record_event event = {0};
        char *end = memchr(record->text + at, '\n', len - at);
        if (!record->events || !end) {
            wrong(path, at);
        }
        *end = '\0';
        size_t bytes = (size_t)(end - record->text) + 1;
        if (!read_head(record->text + at, &event) || bytes + event.len >= len) {
            wrong(path, at);
        }
        event.bytes = record->text + bytes;
        event.disk.bytes = (const unsigned char *)event.bytes;
        at = bytes + event.len;
        record->text[at++] = '\0';
        if (event.kind == RECORD_TRY || event.kind == RECORD_ACK) {
            take_fact(record, &event, record->text + bytes, record->count);
        }
        record->events[record->count++] = event;
    }
}

void record_free(struct record *record)
{
    free(record->events);
    free(record->text);
}

bool record_allows(const struct record *record, size_t cut, const char *key, const char *value, bool *ret_asked,
                   const char **ret_promised)
{
    const char *tried = NULL, *promised = NULL;
    bool allowed = false;
    for (size_t i = 0; i < record->count; i++) {
        const struct record_event *event = &record->events[i];
        if (event->key && strcmp(event->key, key) == 0) {
            if (event->kind == RECORD_TRY) { /* written down later than what it is about: the answer shows it first */
                tried = event->value;
                allowed = allowed || (i <= cut && strcmp(tried, value) == 0);
            } else if (event->kind == RECORD_ACK && event->said <= cut && tried) {
                promised = tried; /* what stood before is over */
                allowed = strcmp(tried, value) == 0;
            }
        }
    }
    *ret_asked = promised != NULL;
    *ret_promised = promised;
    return allowed || !promised;
}

void record_name(const struct record_event *event, char *text, size_t size)
{
    static const char *const others[] = {[RECORD_SAY] = "said", [RECORD_TRY] = "before", [RECORD_ACK] = "after"};
    if (event->kind == RECORD_DISK) {
        (void)snprintf(text, size, "%s %s%s%s", ops[event->disk.op], event->disk.name, *event->disk.to ? " to " : "",
                       event->disk.to);
    } else if (event->kind == RECORD_SAY) {
        (void)snprintf(text, size, "said %.*s", (int)event->len, event->bytes);
    } else {
        (void)snprintf(text, size, "%s %s", others[event->kind], event->key);
    }
}
