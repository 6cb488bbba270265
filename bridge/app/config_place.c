#include "app/config_place.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/str.h"

#define PLACE_MAX_DEPTH 16

struct place {
    char *path; /* "mqtt[0].url" */
    size_t line, column;
    size_t key_line, key_column; /* of the key itself; as the value's for list entries */
};

struct config_places {
    struct place *list;
    size_t count;
};

struct level {
    bool is_list;
    size_t index;
    char *key; /* the mapping's current key, NULL while one is awaited */
    size_t key_line, key_column;
    size_t path_len; /* of the path of the container itself */
};

struct walk {
    struct config_places *places;
    struct level levels[PLACE_MAX_DEPTH];
    size_t depth;
    struct str path;
};

static void add_place(struct walk *w, const yaml_mark_t *mark)
{
    struct config_places *p = w->places;
    p->list = mem_grow(p->list, p->count + 1, sizeof *p->list);
    struct place *place = &p->list[p->count++];
    *place =
        (struct place){mem_text(str_z(&w->path)), mark->line + 1, mark->column + 1, mark->line + 1, mark->column + 1};
    if (w->depth > 0 && !w->levels[w->depth - 1].is_list) {
        place->key_line = w->levels[w->depth - 1].key_line;
        place->key_column = w->levels[w->depth - 1].key_column;
    }
}

/* Puts the path of the value that begins now into w->path. */
static void enter_value(struct walk *w)
{
    if (w->depth == 0) {
        str_clear(&w->path);
        return;
    }
    struct level *level = &w->levels[w->depth - 1];
    w->path.len = level->path_len;
    if (level->is_list) {
        str_printf(&w->path, "[%zu]", level->index++);
    } else {
        str_printf(&w->path, "%s%s", level->path_len > 0 ? "." : "", level->key ? level->key : "?");
    }
}

static void leave_value(struct walk *w)
{
    if (w->depth > 0 && !w->levels[w->depth - 1].is_list) {
        free(w->levels[w->depth - 1].key);
        w->levels[w->depth - 1].key = NULL;
    }
}

static bool scalar(struct walk *w, const yaml_event_t *event)
{
    struct level *level = w->depth > 0 ? &w->levels[w->depth - 1] : NULL;
    if (level && !level->is_list && !level->key) {
        level->key = mem_text_n((const char *)event->data.scalar.value, event->data.scalar.length);
        level->key_line = event->start_mark.line + 1;
        level->key_column = event->start_mark.column + 1;
        return true;
    }
    enter_value(w);
    add_place(w, &event->start_mark);
    leave_value(w);
    return true;
}

static bool container(struct walk *w, const yaml_event_t *event, bool is_list)
{
    if (w->depth == PLACE_MAX_DEPTH) {
        return false;
    }
    enter_value(w);
    add_place(w, &event->start_mark);
    w->levels[w->depth++] = (struct level){.is_list = is_list, .path_len = w->path.len};
    return true;
}

static bool take_event(struct walk *w, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar(w, event);
    case YAML_ALIAS_EVENT:
        enter_value(w);
        leave_value(w);
        return true;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return container(w, event, event->type == YAML_SEQUENCE_START_EVENT);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        free(w->levels[--w->depth].key);
        leave_value(w);
        return true;
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return false;
    default:
        return true;
    }
}

struct config_places *config_places_new(const char *text, size_t len)
{
    struct config_places *places = mem_alloc(sizeof *places);
    struct walk w = {.places = places};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return places;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            break; /* libcyaml has said what is wrong, or will */
        }
        more = take_event(&w, &event);
        yaml_event_delete(&event);
    }
    while (w.depth > 0) {
        free(w.levels[--w.depth].key);
    }
    yaml_parser_delete(&parser);
    str_done(&w.path);
    return places;
}

void config_places_free(struct config_places *places)
{
    if (!places) {
        return;
    }
    for (size_t i = 0; i < places->count; i++) {
        free(places->list[i].path);
    }
    free(places->list);
    free(places);
}

void config_place(const struct config_places *places, const char *path, size_t *ret_line, size_t *ret_column)
{
    *ret_line = *ret_column = 1;
    size_t best = 0;
    for (size_t i = 0; i < places->count; i++) {
        const struct place *p = &places->list[i];
        size_t len = strlen(p->path);
        bool covers = strncmp(path, p->path, len) == 0 && (path[len] == 0 || path[len] == '.' || path[len] == '[');
        if (len > best && covers) {
            best = len;
            *ret_line = path[len] == 0 ? p->line : p->key_line;
            *ret_column = path[len] == 0 ? p->column : p->key_column;
        }
    }
}

const char *config_place_of_key(const struct config_places *places, const char *name, size_t from_line,
                                size_t *ret_line, size_t *ret_column)
{
    for (size_t i = 0; i < places->count; i++) {
        const struct place *p = &places->list[i];
        const char *dot = strrchr(p->path, '.');
        if (p->key_line >= from_line && strcmp(dot ? dot + 1 : p->path, name) == 0) {
            *ret_line = p->key_line;
            *ret_column = p->key_column;
            return p->path;
        }
    }
    return NULL;
}
