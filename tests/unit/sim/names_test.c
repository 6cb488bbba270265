/* Names that come and go, against a plain list; and kinds of lamps as often as their weights say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/chance.h"
#include "sim/names.h"
#include "sim/shapes.h"

#define NAMES 500

static void names_come_and_go(void **state)
{
    struct names *n = names_new();
    bool there[NAMES] = {false};
    uint64_t stream = 1;
    uint32_t number;
    char name[32];
    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t i = chance_below(&stream, NAMES);
        snprintf(name, sizeof name, "Lamp %zu", i);
        if (chance_below(&stream, 2)) {
            assert_int_equal(names_put(n, name, (uint32_t)i), !there[i]);
            there[i] = true;
        } else {
            names_drop(n, name);
            there[i] = false;
        }
    }
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "Lamp %zu and more", i);
        assert_int_equal(names_get(n, name, strlen(name) - strlen(" and more"), &number), there[i]);
        assert_true(!there[i] || number == i);
        assert_false(names_get(n, name, strlen(name), &number));
    }
    names_free(n);
}

static void kinds_by_weight(void **state)
{
    enum { DRAWS = 170500 };
    unsigned first = 0;
    uint64_t stream = 3;
    unsigned models = 0;
    (void)state;
    for (size_t i = 0; i < shape_count; i++) {
        models += shape_is_plug(&shapes[i]) ? 0 : shapes[i].weight;
    }
    assert_int_equal(models, 1705);
    for (int i = 0; i < DRAWS; i++) {
        const struct shape *s = shape_draw(chance_next(&stream));
        assert_false(shape_is_plug(s));
        first += s == &shapes[0];
    }
    assert_in_range(first, 43000, 45400); /* 442 of 1705 */
    assert_ptr_equal(shape_draw(0), &shapes[0]);
    assert_ptr_equal(shape_draw(1704), shape_draw(1704 + 1705));
}

static void kinds_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(shape_find("1"), &shapes[1]);
    assert_ptr_equal(shape_find("81810"), &shapes[0]); /* a model before a number */
    assert_ptr_equal(shape_find("aduroSMART 81810"), &shapes[0]);
    assert_null(shape_find("99999"));
    assert_null(shape_find("toaster"));
    assert_null(shape_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_and_go),
        cmocka_unit_test(kinds_by_weight),
        cmocka_unit_test(kinds_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
