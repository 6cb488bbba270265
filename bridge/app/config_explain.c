#include "app/config_explain.h"

#include <stdio.h>
#include <string.h>

#include "app/config_schema.h"
#include "base/log.h"

/* "mqtt[3].url" -> "mqtt[].url" */
static void general_path(const char *path, char *to, size_t size)
{
    size_t n = 0;
    for (const char *p = path; *p && n + 2 < size; p++) {
        to[n++] = *p;
        if (*p == '[') {
            p += strcspn(p, "]");
            to[n++] = ']';
            if (!*p) {
                break;
            }
        }
    }
    to[n] = 0;
}

const struct config_key *config_key_of(const char *path)
{
    char general[256];
    general_path(path, general, sizeof general);
    size_t len = strlen(general);
    for (size_t i = 0; i < config_key_count; i++) {
        const char *key = config_keys[i].path;
        bool entry = len > 2 && strcmp(general + len - 2, "[]") == 0 && strlen(key) == len - 2;
        if (strcmp(key, general) == 0 || (entry && memcmp(key, general, len - 2) == 0)) {
            return &config_keys[i];
        }
    }
    return NULL;
}

/* ---- keys that are unknown ---- */

/* Single letters to add, take away, change or swap until one word is the other; words of up to 40 letters. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][41] = {0};
    if (a_len > 40 || b_len > 40) {
        return 99;
    }
    for (size_t k = 0; k <= b_len; k++) {
        rows[0][k] = (unsigned)k;
    }
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *before = rows[(i + 2) % 3];
        now[0] = (unsigned)i;
        for (size_t k = 1; k <= b_len; k++) {
            unsigned best = before[k - 1] + (a[i - 1] != b[k - 1]);
            best = before[k] + 1 < best ? before[k] + 1 : best;
            best = now[k - 1] + 1 < best ? now[k - 1] + 1 : best;
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
                unsigned swapped = rows[(i + 1) % 3][k - 2] + 1;
                best = swapped < best ? swapped : best;
            }
            now[k] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

/* Keys that are known where the unknown one stands, the most similar one first said. */
static void add_known_keys(struct str *why, const char *parent, const char *unknown)
{
    char general[256];
    struct str list = STR_INIT;
    const char *last = "";
    size_t last_len = 0;
    const char *nearest = NULL;
    size_t nearest_len = 0;
    unsigned nearest_distance = 3;
    general_path(parent, general, sizeof general);
    size_t depth = strlen(general);
    for (size_t i = 0; i < config_key_count; i++) {
        const char *key = config_keys[i].path + depth + (depth > 0);
        if (strncmp(config_keys[i].path, general, depth) != 0 || (depth > 0 && config_keys[i].path[depth] != '.')) {
            continue;
        }
        size_t len = strcspn(key, ".[");
        if (len == last_len && strncmp(key, last, len) == 0) {
            continue; /* the rows of one section stand together */
        }
        last = key;
        last_len = len;
        str_printf(&list, "%s%.*s", list.len > 0 ? ", " : "", (int)len, key);
        unsigned here = distance(unknown, strlen(unknown), key, len);
        if (here < nearest_distance) {
            nearest = key;
            nearest_len = len;
            nearest_distance = here;
        }
    }
    if (nearest) {
        str_printf(why, "; did you mean \"%.*s\"?", (int)nearest_len, nearest);
    }
    if (list.len > 0) {
        str_printf(why, " (known here: %s)", str_z(&list));
    }
    str_done(&list);
}

static size_t parent_length(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? (size_t)(dot - path) : 0;
}

/* libcyaml names the key, and where the mapping stands in which it found it. */
static const struct config_place *find_key(const struct config_places *places, const char *name, size_t from_line)
{
    for (size_t i = 0; i < config_places_count(places); i++) {
        const struct config_place *p = config_places_at(places, i);
        const char *dot = strrchr(p->path, '.');
        if (p->key_line >= from_line && strcmp(dot ? dot + 1 : p->path, name) == 0 && !config_key_of(p->path)) {
            return p;
        }
    }
    return NULL;
}

static void explain_unknown(struct str *s, const struct config_place *place, const char *name)
{
    char parent[256];
    (void)snprintf(parent, sizeof parent, "%.*s", place ? (int)parent_length(place->path) : 0,
                   place ? place->path : "");
    if (*parent) {
        str_printf(s, "%s: ", parent);
    }
    str_printf(s, "unknown key \"%s\"", name);
    add_known_keys(s, parent, name);
}

/* ---- keys that are there twice ---- */

static const struct config_place *find_second(const struct config_places *places)
{
    for (size_t i = 0; i < config_places_count(places); i++) {
        const struct config_place *p = config_places_at(places, i);
        if (config_places_find(places, p->path) != p) {
            return p;
        }
    }
    return NULL;
}

/* ---- values of a wrong sort ---- */

static const struct config_place *find_value(const struct config_places *places, size_t line, size_t column)
{
    for (size_t i = 0; i < config_places_count(places); i++) {
        const struct config_place *p = config_places_at(places, i);
        if (p->line == line && p->column == column && *p->path) {
            return p;
        }
    }
    return NULL;
}

static void explain_value(struct str *s, const struct config_places *places, const struct config_place *place,
                          const char *what)
{
    static const char *const kinds[] = {
        [CONFIG_TEXT] = "is one value", [CONFIG_LIST] = "is a list", [CONFIG_KEYS] = "is a group of keys"};
    const struct config_key *key = place ? config_key_of(place->path) : NULL;
    bool invalid = strncmp(what, "Invalid ", 8) == 0 && strstr(what, " value: ");
    if (!place || !*place->path) {
        const struct config_place *root = config_places_find(places, "");
        str_printf(s, "the file %s; right would be keys such as \"public:\", or nothing at all",
                   root ? kinds[root->kind] : "makes no sense");
        return;
    }
    str_printf(s, "%s: ", place->path);
    if (invalid && place->text) { /* what libcyaml names is what it has made of it, 2^64 - 1 of -1 */
        str_printf(s, "\"%s\" is not good", place->text);
    } else {
        str_add_z(s, place->kind == CONFIG_TEXT && place->len == 0 ? "has no value" : kinds[place->kind]);
    }
    if (key) {
        str_printf(s, "; right would be: %s", key->type);
    } else if (strcmp(place->path, "mqtt") == 0) {
        str_add_z(s, "; right would be a list, an entry for each broker: - url: mqtt://127.0.0.1:1883");
    } else {
        str_add_z(s, "; right would be keys below it, or to leave it out");
    }
}

void config_explain(const char *file, const struct config_places *places, const struct config_complaint *complaint,
                    struct str *why)
{
    static const char unexpected[] = "Unexpected key: ";
    struct str text = STR_INIT;
    size_t line;
    size_t column;
    const char *what = complaint->what;
    const char *problem = config_places_problem(places, &line, &column);
    const struct config_place *place = NULL;
    if (problem) {
        str_printf(&text, "%s%s", problem,
                   strstr(problem, "cannot start any token") ? " (YAML indents with spaces)" : "");
    } else {
        line = complaint->line > 0 ? complaint->line : 1;
        column = complaint->column > 0 ? complaint->column : 1;
        if (strncmp(what, unexpected, sizeof unexpected - 1) == 0) {
            place = find_key(places, what + sizeof unexpected - 1, line);
            explain_unknown(&text, place, what + sizeof unexpected - 1);
        } else if (strncmp(what, "Mapping field already seen: ", 28) == 0 && (place = find_second(places))) {
            str_printf(&text, "%s: is there twice; which one counts?", place->path);
        } else {
            explain_value(&text, places, find_value(places, line, column), what);
        }
        line = place ? place->key_line : line;
        column = place ? place->key_column : column;
    }
    str_printf(why, "%s:%zu:%zu: ", file, line, column);
    log_escape(why, str_z(&text), text.len);
    str_add_char(why, '\n');
    str_done(&text);
}
