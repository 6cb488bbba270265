/* Tests: `v is NAME`; a new one is a row. */
#include "mqtt/ha_value.h"

static struct ha_value is_defined(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    (void)a;
    return ha_bool(v->type != HA_UNDEFINED && v->type != HA_BROKEN);
}

static struct ha_value is_undefined(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    (void)m;
    (void)a;
    return ha_bool(v->type == HA_UNDEFINED || v->type == HA_BROKEN);
}

#define TEST(function, condition)                                                                                      \
    static struct ha_value function(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)      \
    {                                                                                                                  \
        (void)m;                                                                                                       \
        (void)a;                                                                                                       \
        return v->type == HA_BROKEN ? ha_broken : ha_bool(condition);                                                  \
    }
TEST(is_none, v->type == HA_NONE)
TEST(is_number, ha_numeric(v))
TEST(is_text, v->type == HA_TEXT)
TEST(is_bool, v->type == HA_BOOL)
TEST(is_mapping, v->type == HA_MAP || (v->type == HA_TREE && json_is_object(v->tree)))
TEST(is_sequence, v->type == HA_TEXT || v->type == HA_LIST || v->type == HA_MAP || v->type == HA_TREE)
TEST(is_true, v->type == HA_BOOL && v->number != 0)
TEST(is_false, v->type == HA_BOOL && v->number == 0)

static struct ha_value is_equal(struct ha_machine *m, const struct ha_value *v, const struct ha_arguments *a)
{
    const struct ha_value *other = ha_argument(a, 0, "other");
    (void)m;
    return other ? ha_bool(ha_equal(v, other)) : ha_broken;
}

static const struct ha_row tests[] = {
    {"boolean", is_bool},  {"defined", is_defined}, {"eq", is_equal},
    {"equalto", is_equal}, {"false", is_false},     {"mapping", is_mapping},
    {"none", is_none},     {"number", is_number},   {"sequence", is_sequence},
    {"string", is_text},   {"true", is_true},       {"undefined", is_undefined},
    {NULL, NULL},
};
ha_call *ha_test_find(const char *name, size_t len)
{
    return ha_row_find(tests, name, len);
}
