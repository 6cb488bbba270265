#include "app/config_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/str.h"

#define PLACE_MAX_DEPTH 16

struct config_places {
    struct config_place *list;
    size_t count, cap;
    char *problem;
    size_t problem_line, problem_column;
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

static struct config_place *add_place(struct walk *w, const yaml_mark_t *mark, enum config_kind kind)
{
    struct config_places *p = w->places;
    if (p->count == p->cap) {
        p->cap = p->cap > 0 ? 2 * p->cap : 64;
        p->list = mem_grow(p->list, p->cap, sizeof *p->list);
    }
    struct config_place *place = &p->list[p->count++];
    *place = (struct config_place){.path = mem_text(str_z(&w->path)),
                                   .kind = kind,
                                   .line = mark->line + 1,
                                   .column = mark->column + 1,
                                   .key_line = mark->line + 1,
                                   .key_column = mark->column + 1};
    if (w->depth > 0 && !w->levels[w->depth - 1].is_list) {
        place->key_line = w->levels[w->depth - 1].key_line;
        place->key_column = w->levels[w->depth - 1].key_column;
    }
    return place;
}

static void add_problem(struct config_places *p, const char *text, const yaml_mark_t *mark)
{
    p->problem = mem_text(text);
    p->problem_line = mark->line + 1;
    p->problem_column = mark->column + 1;
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
    struct config_place *place = add_place(w, &event->start_mark, CONFIG_TEXT);
    place->len = event->data.scalar.length;
    place->text = mem_text_n((const char *)event->data.scalar.value, place->len);
    place->has_nul = memchr(event->data.scalar.value, 0, place->len) != NULL;
    leave_value(w);
    return true;
}

static bool container(struct walk *w, const yaml_event_t *event, bool is_list)
{
    if (w->depth == PLACE_MAX_DEPTH) {
        add_problem(w->places, "this is nested too deeply", &event->start_mark);
        return false;
    }
    if (w->depth > 0 && !w->levels[w->depth - 1].is_list && !w->levels[w->depth - 1].key) {
        add_problem(w->places, "a key is one word", &event->start_mark);
        return false;
    }
    enter_value(w);
    (void)add_place(w, &event->start_mark, is_list ? CONFIG_LIST : CONFIG_KEYS);
    w->levels[w->depth++] = (struct level){.is_list = is_list, .path_len = w->path.len};
    return true;
}

static bool take_event(struct walk *w, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return scalar(w, event);
    case YAML_ALIAS_EVENT:
        add_problem(w->places, "anchors and aliases (& and *) are not taken; write it out", &event->start_mark);
        return false;
    case YAML_DOCUMENT_START_EVENT:
        if (w->places->count > 0) {
            add_problem(w->places, "a second document begins here; the file is one", &event->start_mark);
            return false;
        }
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
        return false;
    default:
        return true;
    }
}

/* A reader's error (bad UTF-8) has an offset, the others have a mark. */
static void add_parser_problem(struct config_places *places, const yaml_parser_t *parser, const char *text, size_t len)
{
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR) {
        mark = (yaml_mark_t){0};
        for (size_t i = 0; i < len && i < parser->problem_offset; i++) {
            mark.line += text[i] == '\n';
            mark.column = text[i] == '\n' ? 0 : mark.column + 1;
        }
    }
    add_problem(places, parser->problem ? parser->problem : "this is no text", &mark);
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
            add_parser_problem(places, &parser, text, len);
            break;
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
        free(places->list[i].text);
    }
    free(places->list);
    free(places->problem);
    free(places);
}

size_t config_places_count(const struct config_places *places)
{
    return places->count;
}

const struct config_place *config_places_at(const struct config_places *places, size_t index)
{
    return &places->list[index];
}

const struct config_place *config_places_find(const struct config_places *places, const char *path)
{
    for (size_t i = 0; i < places->count; i++) {
        if (strcmp(places->list[i].path, path) == 0) {
            return &places->list[i];
        }
    }
    return NULL;
}

const char *config_places_problem(const struct config_places *places, size_t *ret_line, size_t *ret_column)
{
    *ret_line = places->problem_line;
    *ret_column = places->problem_column;
    return places->problem;
}

void config_place(const struct config_places *places, const char *path, size_t *ret_line, size_t *ret_column)
{
    *ret_line = *ret_column = 1;
    size_t best = 0;
    for (size_t i = 0; i < places->count; i++) {
        const struct config_place *p = &places->list[i];
        size_t len = strlen(p->path);
        bool covers = strncmp(path, p->path, len) == 0 && (path[len] == 0 || path[len] == '.' || path[len] == '[');
        if (len > best && covers) {
            best = len;
            *ret_line = path[len] == 0 ? p->line : p->key_line;
            *ret_column = path[len] == 0 ? p->column : p->key_column;
        }
    }
}
