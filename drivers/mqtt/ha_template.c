/* Statements: text, {{ }}, {% if %}, {% set %}, {# #}. */
#include "mqtt/ha_template.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mqtt/ha_value.h"

/* One {% if %}: whether its text is said now, and whether any branch was taken. */
struct branch {
    bool said, taken, otherwise; /* otherwise: its else was there */
};

struct run {
    struct ha_machine m;
    struct str *out;
    size_t began; /* of out */
    bool broken;  /* something that is broken was used */
    struct branch branches[HA_TEMPLATE_DEPTH];
    size_t depth;
    bool cut_next; /* -%} or -}}: white space behind it goes */
};

/* ---- {% %} ---- */

static bool quiet(const struct run *r)
{
    for (size_t i = 0; i < r->depth; i++) {
        if (!r->branches[i].said) {
            return true;
        }
    }
    return false;
}

static bool holds(struct run *r, bool matters)
{
    struct ha_value condition = ha_expression(&r->m);
    r->broken |= matters && condition.type == HA_BROKEN;
    return condition.type != HA_BROKEN && ha_true(&condition);
}

static void begin_if(struct run *r)
{
    if (r->depth == HA_TEMPLATE_DEPTH) {
        (void)ha_fail(&r->m, ERR_TOO_LARGE, "more than %u blocks in each other", HA_TEMPLATE_DEPTH);
        return;
    }
    bool said = holds(r, !quiet(r));
    r->branches[r->depth++] = (struct branch){.said = said, .taken = said};
}

static void next_branch(struct run *r, bool otherwise)
{
    struct branch *b = r->depth > 0 ? &r->branches[r->depth - 1] : NULL;
    if (!b || b->otherwise) {
        (void)ha_fail(&r->m, ERR_INVALID, "an else or elif without its if");
        return;
    }
    b->said = true; /* for quiet(): is what is around it said? */
    bool matters = !quiet(r) && !b->taken;
    bool holding = otherwise || holds(r, matters);
    b->said = holding && !b->taken;
    b->taken |= b->said;
    b->otherwise = otherwise;
}

static void set_name(struct run *r)
{
    struct ha_machine *m = &r->m;
    const char *name;
    size_t len;
    if (!ha_take_name(m, &name, &len) || !ha_take(m, "=")) {
        (void)ha_fail(m, ERR_UNSUPPORTED, "a {%% set %%} of another form than NAME = VALUE");
        return;
    }
    struct ha_value v = ha_expression(m);
    if (quiet(r) || m->err != 0) {
        return;
    }
    if (m->name_count == HA_NAMES) {
        (void)ha_fail(m, ERR_TOO_LARGE, "more than %u {%% set %%}", HA_NAMES);
        return;
    }
    m->names[m->name_count].name = name;
    m->names[m->name_count].len = len;
    m->names[m->name_count++].value = v;
}

static void statement(struct run *r)
{
    struct ha_machine *m = &r->m;
    const char *name;
    size_t len;
    if (ha_take_word(m, "if")) {
        begin_if(r);
    } else if (ha_take_word(m, "elif")) {
        next_branch(r, false);
    } else if (ha_take_word(m, "else")) {
        next_branch(r, true);
    } else if (ha_take_word(m, "endif")) {
        if (r->depth == 0) {
            (void)ha_fail(m, ERR_INVALID, "an endif without its if");
        } else {
            r->depth--;
        }
    } else if (ha_take_word(m, "set")) {
        set_name(r);
    } else if (ha_take_name(m, &name, &len)) {
        (void)ha_fail(m, ERR_UNSUPPORTED, "{%% %.*s %%}", (int)(len < 64 ? len : 64), name);
    } else {
        (void)ha_fail(m, ERR_INVALID, "an empty {%% %%}");
    }
}

/* ---- {{ }} and text ---- */

static void say(struct run *r, const char *bytes, size_t len)
{
    if (quiet(r)) {
        return;
    }
    if (len > HA_TEMPLATE_OUTPUT - (r->out->len - r->began)) {
        (void)ha_fail(&r->m, ERR_TOO_LARGE, "it gives more than %u bytes", HA_TEMPLATE_OUTPUT);
        return;
    }
    str_add(r->out, bytes, len);
}

static void output(struct run *r)
{
    struct str s = STR_INIT;
    struct ha_value v = ha_expression(&r->m);
    if (ha_render(&s, &v)) {
        say(r, str_z(&s), s.len);
    } else {
        r->broken |= !quiet(r);
    }
    str_done(&s);
}

static bool space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Plain text up to `to`. Jinja keeps no single newline at the very end. */
static void text(struct run *r, const char *to, bool cut_end)
{
    const char *from = r->m.at;
    while (r->cut_next && from < to && space(*from)) {
        from++;
    }
    const char *end = to;
    while (cut_end && end > from && space(end[-1])) {
        end--;
    }
    if (end == r->m.end && end > from && end[-1] == '\n') {
        end--;
    }
    r->m.at = to;
    r->cut_next = false;
    say(r, from, (size_t)(end - from));
}

/* Where the next {{, {% or {# is; the end if there is none. */
static const char *next_mark(const struct ha_machine *m)
{
    const char *at = m->at;
    for (; at + 1 < m->end; at++) {
        if (at[0] == '{' && (at[1] == '{' || at[1] == '%' || at[1] == '#')) {
            return at;
        }
    }
    return m->end;
}

static void closing(struct run *r, const char *mark)
{
    struct ha_machine *m = &r->m;
    if (m->err != 0) {
        return;
    }
    ha_skip_space(m);
    if (m->at < m->end && (*m->at == '-' || *m->at == '+')) {
        r->cut_next = *m->at == '-';
        m->at++;
    }
    if ((size_t)(m->end - m->at) < 2 || memcmp(m->at, mark, 2) != 0) {
        if (m->at < m->end && mark[0] == '}') {
            (void)ha_fail(m, ERR_INVALID, "more behind an expression than belongs to it");
        } else {
            (void)ha_fail(m, ERR_INVALID, "no %s where it should be", mark);
        }
        return;
    }
    m->at += 2;
}

static void comment(struct run *r)
{
    struct ha_machine *m = &r->m;
    const char *end = memmem(m->at, (size_t)(m->end - m->at), "#}", 2);
    if (!end) {
        (void)ha_fail(m, ERR_INVALID, "a comment without its #}");
        return;
    }
    r->cut_next = end > m->at && end[-1] == '-';
    m->at = end + 2;
}

static void evaluate(struct run *r)
{
    struct ha_machine *m = &r->m;
    while (m->err == 0 && m->at < m->end) {
        const char *mark = next_mark(m);
        bool cut = mark + 2 < m->end && mark[2] == '-';
        text(r, mark, cut);
        if (mark == m->end || m->err != 0) {
            break;
        }
        char kind = mark[1];
        m->at = mark + 2 + (mark + 2 < m->end && (mark[2] == '-' || (mark[2] == '+' && kind == '%')));
        if (kind == '#') {
            comment(r);
        } else if (kind == '%') {
            statement(r);
            closing(r, "%}");
        } else {
            output(r);
            closing(r, "}}");
        }
    }
    if (m->err == 0 && r->depth > 0) {
        (void)ha_fail(m, ERR_INVALID, "an if without its endif");
    }
}

static int run(const char *template, const struct ha_scope *scope, struct str *out, struct str *why, bool *ret_broken)
{
    _Alignas(16) char memory[HA_TEMPLATE_MEMORY];
    struct run r = {.m = {.at = template, .scope = scope, .why = why, .memory = memory}, .out = out, .began = out->len};
    size_t len = strlen(template);
    r.m.end = template + len;
    if (len > HA_TEMPLATE_MAX) {
        (void)ha_fail(&r.m, ERR_TOO_LARGE, "it is longer than %u bytes", HA_TEMPLATE_MAX);
    }
    evaluate(&r);
    for (size_t i = 0; i < r.m.document_count; i++) {
        json_free(r.m.documents[i]);
    }
    *ret_broken = r.broken;
    return r.m.err;
}

int ha_template_check(const char *template, struct str *why)
{
    static const struct ha_scope nothing;
    struct str out = STR_INIT;
    bool broken;
    int err = run(template, &nothing, &out, why, &broken);
    str_done(&out);
    return err;
}

int ha_template_run(const char *template, const struct ha_scope *scope, struct str *out)
{
    size_t began = out->len;
    bool broken;
    int err = run(template, scope, out, NULL, &broken);
    if (err == 0 && broken) {
        err = ERR_INVALID;
    }
    if (err != 0 && out->data) {
        out->len = began;
        out->data[began] = 0;
    }
    return err;
}
