#include "serial/line_dialect.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

/* What a lamp is taken to be where nothing is known of it and a template wants to say it. */
static const struct light_state unknown = {.on = true, .level = LIGHT_LEVEL_MAX, .kelvin = 3000};

/* ---- compiling ---- */

struct compile {
    struct line_dialect *d;
    struct line_error *error;
};

static int wrong(struct compile *c, const char *key, size_t index, size_t at, const char *why)
{
    *c->error = (struct line_error){key, index, at, why};
    return ERR_INVALID;
}

static int compile_command(struct compile *c, enum line_command command, const char *key, const char *text)
{
    size_t at;
    const char *why;
    if (!text) {
        return 0;
    }
    if (line_template_parse(text, LINE_WRITTEN, &c->d->commands[command], &at, &why) != 0) {
        return wrong(c, key, 0, at, why);
    }
    c->d->has[command] = true;
    return 0;
}

/* "/POINTER PATTERN", or a pattern. */
static int compile_pattern(struct compile *c, const char *key, size_t index, const char *text,
                           struct line_patterns *into)
{
    size_t pointer = text[0] == '/' ? strcspn(text, " ") : 0;
    size_t at;
    const char *why;
    if (into->count == LINE_MAX_PATTERNS) {
        return wrong(c, key, index, 0, "there are more than 16 patterns");
    }
    if (pointer >= LINE_MAX_TEMPLATE || (pointer > 0 && !text[pointer])) {
        return wrong(c, key, index, pointer,
                     "behind a JSON pointer stand a space and a pattern for the value: /state/bri <level:255>");
    }
    struct line_pattern *p = &into->list[into->count++];
    memcpy(p->pointer, text, pointer);
    size_t begin = pointer > 0 ? pointer + 1 : 0;
    if (line_template_parse(text + begin, LINE_READ, &p->pattern, &at, &why) != 0) {
        return wrong(c, key, index, begin + at, why);
    }
    return 0;
}

static int compile_patterns(struct compile *c, const char *key, const char *const *list, struct line_patterns *into)
{
    int err = 0;
    for (size_t i = 0; list && list[i] && err == 0; i++) {
        err = compile_pattern(c, key, i, list[i], into);
    }
    return err;
}

static int compile_one(struct compile *c, const char *key, const char *text, struct line_patterns *into)
{
    return text ? compile_pattern(c, key, 0, text, into) : 0;
}

static int compile_ending(struct compile *c)
{
    static const struct {
        const char *name, *bytes;
    } endings[] = {{"lf", "\n"}, {"cr", "\r"}, {"crlf", "\r\n"}};
    const char *name = c->d->options->ending ? c->d->options->ending : "lf";
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (strcmp(endings[i].name, name) == 0) {
            c->d->ending = endings[i].bytes;
            return 0;
        }
    }
    return wrong(c, "ending", 0, 0, "a line ends with lf, cr or crlf");
}

/* ---- what the commands can do ---- */

static bool says(const struct line_dialect *d, enum line_command command, enum line_piece_kind kind)
{
    return d->has[command] && line_template_has(&d->commands[command], kind);
}

static int check_kelvin(struct compile *c)
{
    struct line_dialect *d = c->d;
    const struct line_template *t = &d->commands[LINE_DO_KELVIN];
    const struct line_piece *piece = line_template_piece(t, LINE_KELVIN);
    const struct line_piece *mired = line_template_piece(t, LINE_MIRED);
    if (!d->has[LINE_DO_KELVIN]) {
        return 0;
    }
    if (!piece && !mired) {
        return wrong(c, "kelvin", 0, 0, "it has to say <kelvin:2700-6500> or <mired:153-500>, with the lamp's range");
    }
    d->profile.can |= LIGHT_KELVIN;
    d->profile.min_kelvin = (uint16_t)(piece ? piece->least : 1000000 / mired->scale);
    d->profile.max_kelvin = (uint16_t)(piece ? piece->scale : 1000000 / mired->least);
    return 0;
}

static int check_color(struct compile *c)
{
    struct line_dialect *d = c->d;
    bool rgb =
        says(d, LINE_DO_COLOR, LINE_RGB) ||
        (says(d, LINE_DO_COLOR, LINE_RED) && says(d, LINE_DO_COLOR, LINE_GREEN) && says(d, LINE_DO_COLOR, LINE_BLUE));
    if (!d->has[LINE_DO_COLOR]) {
        return 0;
    }
    if (!rgb && !(says(d, LINE_DO_COLOR, LINE_HUE) && says(d, LINE_DO_COLOR, LINE_SATURATION))) {
        return wrong(c, "color", 0, 0, "it has to say <red>, <green> and <blue>, or <rgb>, or <hue> and <saturation>");
    }
    d->profile.can |= LIGHT_COLOR;
    if (rgb && !(d->profile.can & LIGHT_LEVEL)) { /* a strip that is dimmed by its colours */
        d->profile.can |= LIGHT_LEVEL;
        d->dimmed = true;
    }
    return 0;
}

static int check_commands(struct compile *c)
{
    struct line_dialect *d = c->d;
    if (!d->has[LINE_DO_ON] || !d->has[LINE_DO_OFF]) {
        return wrong(c, d->has[LINE_DO_ON] ? "off" : "on", 0, 0, "a light needs both: on and off");
    }
    d->profile.can = LIGHT_ON;
    if (d->has[LINE_DO_LEVEL] && !says(d, LINE_DO_LEVEL, LINE_LEVEL)) {
        return wrong(c, "level", 0, 0, "it has to say <level>, or <level:255> where 255 is all of it");
    }
    if (d->has[LINE_DO_LEVEL] || says(d, LINE_DO_COLOR, LINE_LEVEL)) {
        d->profile.can |= LIGHT_LEVEL;
    }
    int err = check_kelvin(c);
    if (err == 0) {
        err = check_color(c);
    }
    if ((d->profile.can & LIGHT_KELVIN) && (d->profile.can & LIGHT_COLOR)) {
        d->profile.can |= LIGHT_MODE;
    }
    return err;
}

/* Ids are what <id> reads. */
static bool is_id(const char *id)
{
    size_t len = strlen(id);
    return len > 0 && len < LINE_ID &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-") == len;
}

static int check_lights(struct compile *c)
{
    const struct line_options *o = c->d->options;
    if (o->light_count > LINE_MAX_LIGHTS) {
        return wrong(c, "lights", LINE_MAX_LIGHTS, 0, "at most 64 lights are on one port");
    }
    for (size_t i = 0; i < o->light_count; i++) {
        if (!o->lights[i].id || !is_id(o->lights[i].id)) {
            return wrong(c, "lights", i, 0, "its id is 1 to 31 letters, digits and . _ : -");
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(o->lights[i].id, o->lights[k].id) == 0) {
                return wrong(c, "lights", i, 0, "another light has this id");
            }
        }
    }
    bool two = o->light_count > 1;
    for (enum line_command command = 0; two && command < LINE_ASK; command++) {
        static const char *const keys[] = {"on", "off", "level", "kelvin", "color"};
        if (c->d->has[command] && !says(c->d, command, LINE_PIECE_ID)) {
            return wrong(c, keys[command], 0, 0, "with several lights it has to say which: <id>");
        }
    }
    return 0;
}

static int check_who(struct compile *c)
{
    const struct line_options *o = c->d->options;
    if (!o->who != !o->who_is) {
        return wrong(c, o->who ? "who" : "who_is", 0, 0, "who and who_is go together: the question and its answer");
    }
    if (o->who_is && !line_template_has(&c->d->who_is.list[0].pattern, LINE_PIECE_ID)) {
        return wrong(c, "who_is", 0, 0, "it has to read <id>");
    }
    return 0;
}

/* One step of the coarsest scale that is written. */
static void set_tolerance(struct line_dialect *d)
{
    uint32_t level = 255, turn = 360;
    for (enum line_command i = 0; i < LINE_ASK; i++) {
        const struct line_piece *l = d->has[i] ? line_template_piece(&d->commands[i], LINE_LEVEL) : NULL;
        const struct line_piece *h = d->has[i] ? line_template_piece(&d->commands[i], LINE_HUE) : NULL;
        level = l && l->scale < level ? l->scale : level;
        turn = h && h->scale < turn ? h->scale : turn;
    }
    bool hue = says(d, LINE_DO_COLOR, LINE_HUE);
    d->tolerance = (struct light_tolerance){
        .level = (uint16_t)(LIGHT_LEVEL_MAX / level),
        .kelvin_mired = 3,
        .hue = (uint16_t)(hue ? LIGHT_HUE_MAX / turn : 1200), /* 8 bits a colour: a pale one has few hues */
        .saturation = 250,
    };
}

static int compile(struct compile *c)
{
    const struct line_options *o = c->d->options;
    const struct {
        const char *key, *text;
    } commands[LINE_COMMANDS] = {{"on", o->on},       {"off", o->off}, {"level", o->level}, {"kelvin", o->kelvin},
                                 {"color", o->color}, {"ask", o->ask}, {"who", o->who}};
    int err = compile_ending(c);
    for (enum line_command i = 0; i < LINE_COMMANDS && err == 0; i++) {
        err = compile_command(c, i, commands[i].key, commands[i].text);
    }
    if (err != 0 || (err = compile_patterns(c, "state", o->state, &c->d->state)) != 0 ||
        (err = compile_patterns(c, "answer", o->answer, &c->d->answer)) != 0 ||
        (err = compile_patterns(c, "refusal", o->refusal, &c->d->refusal)) != 0 ||
        (err = compile_one(c, "who_is", o->who_is, &c->d->who_is)) != 0 ||
        (err = compile_one(c, "ready", o->ready, &c->d->ready)) != 0 || (err = check_commands(c)) != 0 ||
        (err = check_lights(c)) != 0) {
        return err;
    }
    set_tolerance(c->d);
    return check_who(c);
}

int line_dialect_new(const struct line_options *options, struct line_dialect **ret_dialect,
                     struct line_error *ret_error)
{
    struct compile c = {.d = mem_alloc(sizeof *c.d), .error = ret_error};
    c.d->options = options;
    int err = compile(&c);
    if (err != 0) {
        free(c.d);
        return err;
    }
    *ret_dialect = c.d;
    return 0;
}

/* ---- commands ---- */

static void add_step(const struct line_dialect *d, enum line_command command, const struct light_state *patch,
                     uint32_t *left, struct line_step *steps, size_t *count)
{
    uint32_t members = line_template_members(&d->commands[command]);
    members |= command == LINE_DO_ON || command == LINE_DO_OFF ? LIGHT_ON : 0u;
    members |= command == LINE_DO_COLOR && d->dimmed ? LIGHT_LEVEL : 0u;
    steps[(*count)++] = (struct line_step){command, members & patch->has};
    *left &= ~members;
}

size_t line_dialect_steps(const struct line_dialect *d, const struct light_state *patch,
                          struct line_step ret_steps[LINE_MAX_STEPS])
{
    uint32_t left = patch->has & d->profile.can & ~(uint32_t)LIGHT_MODE;
    size_t count = 0;
    if ((left & LIGHT_ON) && !patch->on) {
        add_step(d, LINE_DO_OFF, patch, &left, ret_steps, &count);
        return count;
    }
    if (left & LIGHT_KELVIN) {
        add_step(d, LINE_DO_KELVIN, patch, &left, ret_steps, &count);
    } else if ((left & LIGHT_COLOR) || (d->dimmed && (left & LIGHT_LEVEL))) {
        add_step(d, LINE_DO_COLOR, patch, &left, ret_steps, &count);
    }
    if ((left & LIGHT_LEVEL) && (d->has[LINE_DO_LEVEL] || d->has[LINE_DO_COLOR])) {
        add_step(d, d->has[LINE_DO_LEVEL] ? LINE_DO_LEVEL : LINE_DO_COLOR, patch, &left, ret_steps, &count);
    }
    if (left & LIGHT_ON) { /* last, so that it is never lit as it was before */
        add_step(d, LINE_DO_ON, patch, &left, ret_steps, &count);
    }
    return count;
}

void line_dialect_write(const struct line_dialect *d, enum line_command command, const char *id,
                        const struct light_state *state, uint32_t transition_ms, struct str *out)
{
    struct light_state whole = unknown;
    (void)light_merge(&whole, state);
    line_template_write(&d->commands[command],
                        &(struct line_words){id, &whole, .fade_ms = transition_ms, .dimmed = d->dimmed}, out);
    str_add_z(out, d->ending);
}

/* ---- lines ---- */

/* One token of a pointer, with ~1 for / and ~0 for ~. */
static bool token_is(const char *token, size_t len, const char *key)
{
    size_t at = 0;
    for (; at < len && *key; key++) {
        char c = token[at++];
        if (c == '~' && at < len) {
            c = token[at++] == '1' ? '/' : '~';
        }
        if (c != *key) {
            return false;
        }
    }
    return at == len && !*key;
}

static const struct json *child(const struct json *value, const char *token, size_t len)
{
    const struct json *at = json_first(value);
    if (json_is_object(value)) {
        while (at && !token_is(token, len, json_key(at))) {
            at = json_next(at);
        }
        return at;
    }
    size_t index = 0;
    for (size_t i = 0; i < len; i++) {
        if (token[i] < '0' || token[i] > '9' || i > 3) {
            return NULL;
        }
        index = index * 10 + (size_t)(token[i] - '0');
    }
    for (; at && index > 0; index--) {
        at = json_next(at);
    }
    return len > 0 ? at : NULL;
}

static const struct json *pointed(const struct json *value, const char *pointer)
{
    while (value && *pointer) {
        size_t len = strcspn(pointer + 1, "/");
        value = child(value, pointer + 1, len);
        pointer += 1 + len;
    }
    return value;
}

static bool match_value(const struct line_pattern *p, const struct json *root, struct line_values *values)
{
    const struct json *value = pointed(root, p->pointer);
    struct str text = STR_INIT;
    if (!value || json_is_object(value) || json_is_array(value)) {
        return false;
    }
    if (json_is_string(value)) {
        str_add_z(&text, json_text(value));
    } else {
        json_copy(&text, value);
    }
    bool fits = line_template_match(&p->pattern, str_z(&text), text.len, values);
    str_done(&text);
    return fits;
}

bool line_patterns_match(const struct line_patterns *p, const char *line, size_t len, struct line_values *values)
{
    struct json *root = NULL;
    bool parsed = false, any = false;
    for (size_t i = 0; i < p->count; i++) {
        if (!p->list[i].pointer[0]) {
            any = line_template_match(&p->list[i].pattern, line, len, values) || any;
            continue;
        }
        const char *brace = memchr(line, '{', len);
        if (!parsed && brace) {
            size_t rest = len - (size_t)(brace - line);
            (void)json_parse(brace, rest, LINE_MAX_BYTES, &root, NULL); /* root stays NULL where it is none */
        }
        parsed = true;
        any = (root && match_value(&p->list[i], root, values)) || any;
    }
    json_free(root);
    return any;
}
