/* Operators: read and evaluated in one pass, by recursive descent. Both sides of `if`, `and` and `or` are evaluated,
   which costs little and has no effect: what is broken there matters only where it is taken. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "mqtt/ha_value.h"

static struct ha_value unary(struct ha_machine *m)
{
    bool negative = false;
    ha_skip_space(m);
    for (; ha_take(m, "-") || ha_take(m, "+");) {
        negative = negative != (m->at[-1] == '-');
    }
    struct ha_value v = ha_operand(m);
    if (ha_looks_at(m, "**")) {
        return ha_fail(m, ERR_UNSUPPORTED, "the operator '**'");
    }
    if (negative) { /* before filters: -3 | abs is 3 */
        v = !ha_numeric(&v) ? ha_broken : v.whole ? ha_whole(-v.number) : ha_float(-v.number);
    }
    return ha_filtered(m, v);
}

static struct ha_value arithmetic(char sign, bool twice, const struct ha_value *a, const struct ha_value *b)
{
    if (!ha_numeric(a) || !ha_numeric(b) || ((sign == '/' || sign == '%') && b->number == 0)) {
        return ha_broken;
    }
    bool whole = a->whole && b->whole && (sign != '/' || twice);
    double n = sign == '+'   ? a->number + b->number
               : sign == '-' ? a->number - b->number
               : sign == '*' ? a->number * b->number
               : sign == '%' ? a->number - b->number * floor(a->number / b->number)
               : twice       ? floor(a->number / b->number)
                             : a->number / b->number;
    return whole ? ha_whole(n) : ha_float(n);
}

static struct ha_value product(struct ha_machine *m)
{
    struct ha_value a = unary(m);
    while (m->err == 0) {
        char sign = ha_looks_at(m, "*")                            ? '*'
                    : ha_looks_at(m, "/")                          ? '/'
                    : ha_looks_at(m, "%") && !ha_looks_at(m, "%}") ? '%'
                                                                   : 0;
        if (sign == 0) {
            break;
        }
        bool twice = ha_take(m, "//");
        m->at += !twice;
        struct ha_value b = unary(m);
        a = arithmetic(sign, twice, &a, &b);
    }
    return a;
}

static struct ha_value joined(struct ha_machine *m, const struct ha_value *a, const struct ha_value *b)
{
    struct str s = STR_INIT;
    bool fine = ha_render(&s, a) && ha_render(&s, b);
    struct ha_value v = fine ? ha_copy(m, str_z(&s), s.len) : ha_broken;
    str_done(&s);
    return v;
}

static struct ha_value sum(struct ha_machine *m)
{
    struct ha_value a = product(m);
    while (m->err == 0 &&
           (ha_looks_at(m, "+") || (ha_looks_at(m, "-") && !ha_looks_at(m, "-}}") && !ha_looks_at(m, "-%}")))) {
        char sign = *m->at++;
        struct ha_value b = product(m);
        bool texts = sign == '+' && a.type == HA_TEXT && b.type == HA_TEXT;
        a = texts ? joined(m, &a, &b) : arithmetic(sign, false, &a, &b);
    }
    return a;
}

static struct ha_value concatenation(struct ha_machine *m)
{
    struct ha_value a = sum(m);
    while (m->err == 0 && ha_take(m, "~")) {
        struct ha_value b = sum(m);
        a = joined(m, &a, &b);
    }
    return a;
}

static struct ha_value ordered(const struct ha_value *a, const struct ha_value *b, bool less, bool or_equal)
{
    double difference;
    if (ha_numeric(a) && ha_numeric(b)) {
        difference = a->number - b->number;
    } else if (a->type == HA_TEXT && b->type == HA_TEXT) {
        int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
        difference = order != 0 ? order : (double)a->len - (double)b->len;
    } else {
        return ha_broken;
    }
    return ha_bool((less ? difference < 0 : difference > 0) || (or_equal && difference == 0));
}

static struct ha_value contained(const struct ha_value *what, const struct ha_value *in)
{
    if (in->type == HA_TEXT && what->type == HA_TEXT) {
        return ha_bool(what->len == 0 || memmem(in->text, in->len, what->text, what->len) != NULL);
    }
    if (in->type == HA_MAP || (in->type == HA_TREE && json_is_object(in->tree))) {
        struct ha_value member = ha_member(in, what);
        return ha_bool(member.type != HA_UNDEFINED && member.type != HA_BROKEN);
    }
    if (in->type != HA_LIST && in->type != HA_TREE) {
        return ha_broken;
    }
    for (size_t i = 0; in->type == HA_LIST && i < in->count; i++) {
        if (ha_equal(&in->items[i], what)) {
            return ha_bool(true);
        }
    }
    for (const struct json *e = in->type == HA_TREE ? json_first(in->tree) : NULL; e; e = json_next(e)) {
        struct ha_value element = ha_tree(e);
        if (ha_equal(&element, what)) {
            return ha_bool(true);
        }
    }
    return ha_bool(false);
}

static struct ha_value negated(const struct ha_value *v, bool negate)
{
    return v->type == HA_BROKEN ? ha_broken : ha_bool(ha_true(v) != negate);
}

static struct ha_value tested(struct ha_machine *m, const struct ha_value *v)
{
    bool negate = ha_take_word(m, "not");
    const char *name;
    size_t len;
    struct ha_arguments a = {.count = 0};
    if (!ha_take_name(m, &name, &len)) {
        return ha_unexpected(m);
    }
    if (ha_take(m, "(")) {
        ha_read_arguments(m, &a);
    }
    struct ha_value said = ha_apply(m, ha_test_find(name, len), "test", name, len, v, &a);
    return negated(&said, negate);
}

static struct ha_value comparison(struct ha_machine *m)
{
    struct ha_value a = concatenation(m);
    while (m->err == 0) {
        if (ha_take_word(m, "is")) {
            a = tested(m, &a);
            continue;
        }
        const char *back = m->at;
        bool not = ha_take_word(m, "not");
        if (ha_take_word(m, "in")) {
            struct ha_value b = concatenation(m);
            struct ha_value said = contained(&a, &b);
            a = negated(&said, not );
            continue;
        }
        m->at = not ? back : m->at;
        bool same = ha_take(m, "=="), other = !same && ha_take(m, "!=");
        if (same || other) {
            struct ha_value b = concatenation(m);
            a = a.type == HA_BROKEN || b.type == HA_BROKEN ? ha_broken : ha_bool(ha_equal(&a, &b) == same);
            continue;
        }
        bool less = ha_take(m, "<"), more = !less && ha_take(m, ">");
        if (!less && !more) {
            return a;
        }
        bool or_equal = m->at < m->end && *m->at == '=';
        m->at += or_equal;
        struct ha_value b = concatenation(m);
        a = ordered(&a, &b, less, or_equal);
    }
    return a;
}

static struct ha_value negation(struct ha_machine *m)
{
    bool negate = false;
    bool any = false;
    while (m->err == 0 && ha_take_word(m, "not")) {
        negate = !negate;
        any = true;
    }
    struct ha_value v = comparison(m);
    return any ? negated(&v, negate) : v;
}

static struct ha_value conjunction(struct ha_machine *m)
{
    struct ha_value a = negation(m);
    while (m->err == 0 && ha_take_word(m, "and")) {
        struct ha_value b = negation(m);
        a = a.type == HA_BROKEN || !ha_true(&a) ? a : b;
    }
    return a;
}

static struct ha_value disjunction(struct ha_machine *m)
{
    struct ha_value a = conjunction(m);
    while (m->err == 0 && ha_take_word(m, "or")) {
        struct ha_value b = conjunction(m);
        a = a.type == HA_BROKEN || ha_true(&a) ? a : b;
    }
    return a;
}

struct ha_value ha_expression(struct ha_machine *m)
{
    if (m->depth >= HA_TEMPLATE_DEPTH) {
        return ha_fail(m, ERR_TOO_LARGE, "more than %u brackets in each other", HA_TEMPLATE_DEPTH);
    }
    m->depth++;
    struct ha_value v = disjunction(m);
    if (m->err == 0 && ha_take_word(m, "if")) {
        struct ha_value condition = disjunction(m);
        struct ha_value otherwise = ha_take_word(m, "else") ? ha_expression(m) : ha_undefined;
        v = condition.type == HA_BROKEN ? ha_broken : ha_true(&condition) ? v : otherwise;
    }
    m->depth--;
    return m->err == 0 ? v : ha_broken;
}
