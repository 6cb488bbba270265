/* What of the partner API needs no I/O: limits, selectors, colours, orders, the ring of events, signatures, where
   webhooks may go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "partner/color_string.h"
#include "partner/limit.h"
#include "partner/order.h"
#include "partner/ring.h"
#include "partner/selector.h"
#include "partner/signature.h"
#include "partner/webhook.h"

/* ---- limits ---- */

static void a_window_begins_with_its_first_request(void **state)
{
    struct limit limit = {0};
    (void)state;
    struct limit_verdict v = limit_take(&limit, 2, 1000);
    assert_true(v.allowed && v.remaining == 1 && v.reset_ms == 60000);
    v = limit_take(&limit, 2, 31000);
    assert_true(v.allowed && v.remaining == 0 && v.reset_ms == 30000);
    v = limit_take(&limit, 2, 60999);
    assert_true(!v.allowed && v.remaining == 0 && v.reset_ms == 1);
    v = limit_take(&limit, 2, 61000);
    assert_true(v.allowed && v.remaining == 1 && v.reset_ms == 60000);
    v = limit_take(&limit, 1, 61001); /* fewer than were used already */
    assert_true(!v.allowed && v.remaining == 0);
}

/* ---- selectors ---- */

static void check_selector(const char *text, const char *expected)
{
    struct selector s;
    struct str got = STR_INIT;
    const char *what = NULL;
    if (selector_parse(text, &s, &what) != 0) {
        str_add_z(&got, "wrong");
        assert_non_null(what);
    } else {
        for (size_t i = 0; i < s.count; i++) {
            str_printf(&got, "%s%d[%s]%s", i > 0 ? " " : "", (int)s.terms[i].kind, s.terms[i].value,
                       s.terms[i].random ? "?" : "");
        }
    }
    assert_string_equal(str_z(&got), expected);
    str_done(&got);
    selector_done(&s);
}

static void selectors(void **state)
{
    (void)state;
    check_selector("all", "0[]");
    check_selector("all:random", "0[]?");
    check_selector("id:d073", "1[d073]");
    check_selector("label:Lamp, tall", "2[Lamp, tall]");
    check_selector("label:a,label:b:random,id:c", "2[a] 2[b]? 1[c]");
    check_selector("group_id:1,group:2,location_id:3,location:4,scene_id:5", "3[1] 4[2] 5[3] 6[4] 7[5]");
    check_selector("label:all,all", "2[all] 0[]");
    check_selector("label:Bar, all of it", "2[Bar, all of it]");
    check_selector("", "wrong");
    check_selector("allow", "wrong");
    check_selector("all:x", "wrong");
    check_selector("id:", "wrong");
    check_selector("id::random", "wrong");
    check_selector("all,", "wrong");
    check_selector(",all", "wrong");
    check_selector("colour:red", "wrong");
    check_selector("label:\xff", "wrong");
    struct str many = STR_INIT;
    for (int i = 0; i < 25; i++) {
        str_add_z(&many, i > 0 ? ",all" : "all");
    }
    struct selector s;
    const char *what = NULL;
    assert_int_equal(selector_parse(str_z(&many), &s, &what), 0);
    assert_int_equal(s.count, 25);
    selector_done(&s);
    str_add_z(&many, ",all");
    assert_int_equal(selector_parse(str_z(&many), &s, &what), ERR_INVALID);
    selector_done(&s);
    str_done(&many);
}

/* ---- colours ---- */

#define H LIGHT_HUE
#define S LIGHT_SATURATION
#define B LIGHT_LEVEL
#define K LIGHT_KELVIN

static void colors(void **state)
{
    static const struct {
        const char *text;
        uint32_t has; /* 0: wrong */
        uint16_t hue, saturation, level, kelvin;
    } rows[] = {
        {"red", H | S, 0, 10000, 0, 0},
        {"Orange", H | S, 3600, 10000, 0, 0},
        {"white", H | S, 0, 0, 0, 0},
        {"blue saturation:0.5", H | S, 25000, 5000, 0, 0},
        {"blue brightness:100%", H | S | B, 25000, 10000, 10000, 0},
        {"hue:120", H | S, 12000, 10000, 0, 0},
        {"hue:359.99 saturation:0.3333", H | S, 35999, 3333, 0, 0},
        {"hue:360", H | S, 0, 10000, 0, 0},
        {"saturation:0.25", S, 0, 2500, 0, 0},
        {"brightness:0", B, 0, 0, 0, 0},
        {"kelvin:2700", K | S, 0, 0, 0, 2700},
        {"kelvin:2700 hue:10", H | S | K, 1000, 10000, 0, 2700},
        {"  kelvin:9000   brightness:0.5 ", K | S | B, 0, 0, 5000, 9000},
        {"rgb:0,255,0", H | S | B, 12000, 10000, 10000, 0},
        {"#0000fF", H | S | B, 24000, 10000, 10000, 0},
        {"#ff0000 brightness:0.5", H | S | B, 0, 10000, 5000, 0},
        {"random", H | S, 777, 10000, 0, 0},
        {"", 0, 0, 0, 0, 0},
        {"   ", 0, 0, 0, 0, 0},
        {"beige", 0, 0, 0, 0, 0},
        {"red blue", 0, 0, 0, 0, 0},
        {"saturation:1 red", 0, 0, 0, 0, 0},
        {"hue:361", 0, 0, 0, 0, 0},
        {"hue:-1", 0, 0, 0, 0, 0},
        {"hue:1e2", 0, 0, 0, 0, 0},
        {"hue:", 0, 0, 0, 0, 0},
        {"hue:1.", 0, 0, 0, 0, 0},
        {"hue:10 hue:20", 0, 0, 0, 0, 0},
        {"saturation:1.1", 0, 0, 0, 0, 0},
        {"brightness:101%", 0, 0, 0, 0, 0},
        {"hue:10%", 0, 0, 0, 0, 0},
        {"kelvin:1499", 0, 0, 0, 0, 0},
        {"kelvin:9001", 0, 0, 0, 0, 0},
        {"rgb:256,0,0", 0, 0, 0, 0, 0},
        {"rgb:1,2", 0, 0, 0, 0, 0},
        {"rgb:1,2,3,4", 0, 0, 0, 0, 0},
        {"rgb:1.5,2,3", 0, 0, 0, 0, 0},
        {"#ff000", 0, 0, 0, 0, 0},
        {"#ff00000", 0, 0, 0, 0, 0},
        {"#gg0000", 0, 0, 0, 0, 0},
        {"hue:99999999999999999999999999", 0, 0, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct light_state s = {0};
        const char *what = NULL;
        int err = color_string_parse(rows[i].text, 777, &s, &what);
        if ((err == 0) != (rows[i].has != 0) || s.has != rows[i].has || s.hue != rows[i].hue ||
            s.saturation != rows[i].saturation || s.level != rows[i].level || s.kelvin != rows[i].kelvin) {
            fail_msg("\"%s\": has %x hue %u saturation %u level %u kelvin %u (%s)", rows[i].text, s.has, s.hue,
                     s.saturation, s.level, s.kelvin, what ? what : "taken");
        }
    }
}

/* ---- orders ---- */

static const struct light_profile full = {LIGHT_ALL, 2000, 6500, LIGHT_KIND_LIGHT};
static const struct light_profile white = {LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN, 2200, 4000, LIGHT_KIND_LIGHT};
static const struct light_profile color_only = {LIGHT_ON | LIGHT_LEVEL | LIGHT_COLOR, 0, 0, LIGHT_KIND_LIGHT};
static const struct light_profile plain = {LIGHT_ON, 0, 0, LIGHT_KIND_LIGHT};
static const struct light_profile dim = {LIGHT_LEVEL, 0, 0, LIGHT_KIND_LIGHT};

static struct light_state colored(const char *text)
{
    struct light_state s = {0};
    const char *what = NULL;
    assert_int_equal(color_string_parse(text, 0, &s, &what), 0);
    return s;
}

static void what_a_light_is_told(void **state)
{
    const struct light_state last = {.has = LIGHT_KELVIN, .kelvin = 3000}, nothing = {0};
    struct light_state want = colored("red brightness:0.5"), patch;
    (void)state;
    assert_int_equal(order_fit(&want, &full, &last, &patch), 0);
    assert_int_equal(patch.has, H | S | B);
    assert_int_equal(order_fit(&want, &white, &last, &patch), H | S);
    assert_int_equal(patch.has, B);
    assert_int_equal(order_fit(&want, &plain, &last, &patch), H | S | B);
    assert_int_equal(patch.has, 0);

    want = colored("kelvin:9000"); /* into the lamp's range */
    assert_int_equal(order_fit(&want, &white, &last, &patch), 0);
    assert_true(patch.has == K && patch.kelvin == 4000);
    assert_int_equal(order_fit(&want, &color_only, &last, &patch), K);
    assert_true(patch.has == (H | S) && patch.saturation == 0);

    want = colored("white"); /* of the lamp's last, or LIFX's temperature */
    assert_int_equal(order_fit(&want, &full, &last, &patch), 0);
    assert_true(patch.has == K && patch.kelvin == 3000);
    assert_int_equal(order_fit(&want, &full, &nothing, &patch), 0);
    assert_true(patch.has == K && patch.kelvin == 3500);
    assert_int_equal(order_fit(&want, &plain, &nothing, &patch), 0);
    assert_int_equal(patch.has, 0);

    want = colored("red brightness:0.5"); /* off is off, whatever else is said */
    want.has |= LIGHT_ON;
    want.on = false;
    assert_int_equal(order_fit(&want, &full, &last, &patch), 0);
    assert_true(patch.has == LIGHT_ON && !patch.on);
    assert_int_equal(order_fit(&want, &dim, &last, &patch), 0); /* by its level, which is the hub's business */
    assert_true(patch.has == LIGHT_ON && !patch.on);
}

static void deltas(void **state)
{
    const struct light_state last = {.has = LIGHT_ALL,
                                     .on = true,
                                     .level = 9000,
                                     .kelvin = 6000,
                                     .hue = 1000,
                                     .saturation = 5000,
                                     .mode = LIGHT_MODE_COLOR};
    struct order_delta d = {.level = 2000, .hue = -2000, .saturation = -9000, .kelvin = 9000, .has = H | S | B | K};
    uint32_t left_out = 0;
    (void)state;
    struct light_state want = order_apply_delta(&d, &full, &last, &left_out);
    assert_true(left_out == 0 && want.has == (H | S | B | K));
    assert_true(want.level == 10000 && want.hue == 35000 && want.saturation == 0 && want.kelvin == 6500);
    struct light_state off = last;
    off.on = false;
    want = order_apply_delta(&d, &full, &off, &left_out);
    assert_true(want.has == 0 && left_out == (H | S | B | K));
    d.at.want = (struct light_state){.has = LIGHT_ON, .on = true};
    left_out = 0;
    want = order_apply_delta(&d, &full, &off, &left_out);
    assert_true(left_out == 0 && want.level == 10000 && want.on);
    const struct light_state unknown = {.has = LIGHT_ON, .on = true};
    want = order_apply_delta(&d, &full, &unknown, &left_out);
    assert_true(want.has == LIGHT_ON && left_out == (H | S | B | K));
}

/* ---- the ring ---- */

static void add(struct ring *ring, size_t len)
{
    struct str text = STR_INIT;
    while (text.len < len) {
        str_add_char(&text, 'x');
    }
    ring_add(ring, &text);
}

static void the_oldest_make_room(void **state)
{
    struct ring ring;
    (void)state;
    ring_init(&ring);
    assert_null(ring_at(&ring, 1));
    for (size_t i = 1; i <= RING_EVENTS + 3; i++) {
        add(&ring, i % 7 + 1);
        assert_int_equal(ring_at(&ring, i)->len, i % 7 + 1);
    }
    assert_null(ring_at(&ring, 3));
    assert_non_null(ring_at(&ring, 4));
    assert_null(ring_at(&ring, RING_EVENTS + 4));
    add(&ring, RING_BYTES - 10);
    assert_true(ring.bytes <= RING_BYTES);
    assert_true(ring.next - ring.first < 12);
    add(&ring, RING_BYTES + 1); /* larger than all that may be kept: alone, rather than lost */
    assert_int_equal(ring.next - ring.first, 1);
    ring_done(&ring);
}

/* ---- signatures ---- */

/* RFC 4231, test case 2. */
static void hmac(void **state)
{
    uint8_t tag[SECRETS_SHA256_SIZE];
    struct str hex = STR_INIT;
    static const char text[] = "what do ya want for nothing?";
    (void)state;
    secrets_hmac_sha256(tag, "Jefe", 4, text, strlen(text));
    secrets_hex(&hex, tag, sizeof tag);
    assert_string_equal(str_z(&hex), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    str_done(&hex);
}

/* Made beside by Python's hmac and hashlib; the end-to-end tests have a library that verifies. */
static void a_signature(void **state)
{
    struct str digest = STR_INIT, input = STR_INIT, signature = STR_INIT;
    (void)state;
    signature_make(&(struct signature_of){.url = "https://partner.example/lights?a=1",
                                          .content_type = "application/json",
                                          .body = "{}",
                                          .body_len = 2,
                                          .key_id = "hook",
                                          .secret = "secret",
                                          .created_s = 1700000000},
                   &digest, &input, &signature);
    assert_string_equal(str_z(&digest), "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:");
    assert_string_equal(str_z(&input), "lightbridge=(\"@method\" \"@target-uri\" \"content-type\" \"content-digest\");"
                                       "created=1700000000;keyid=\"hook\";alg=\"hmac-sha256\"");
    assert_string_equal(str_z(&signature), "lightbridge=:Iiqhvlq38XGtaUrCjWLOxh4ZFoOK0uFNzZtpnaQ0k6Y=:");
    str_done(&digest);
    str_done(&input);
    str_done(&signature);
}

/* ---- where webhooks may go ---- */

static void webhook_urls(void **state)
{
    static const char *const hosts[] = {"hub.home", "127.0.0.1", "192.168.1.7", NULL};
    static const struct {
        const char *text, *url; /* url NULL: refused */
        unsigned policy;
    } rows[] = {
        {"https://Partner.example", "https://partner.example/", 0},
        {"https://partner.example:443/a?b=c", "https://partner.example/a?b=c", 0},
        {"https://hub.home/x", "https://hub.home/x", FETCH_ALLOW_PRIVATE},
        {"https://192.168.1.7/x", "https://192.168.1.7/x", FETCH_ALLOW_PRIVATE},
        {"http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x", FETCH_ALLOW_PRIVATE | FETCH_ALLOW_HTTP},
        {"http://hub.home/x", NULL, 0},
        {"http://partner.example/", NULL, 0},
        {"https://192.168.1.8/x", NULL, 0},
        {"https://localhost/x", NULL, 0},
        {"https://[::1]/x", NULL, 0},
        {"https://user@partner.example/", NULL, 0},
        {"partner.example", NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str url = STR_INIT;
        unsigned policy = 0;
        const char *what = NULL;
        int err = webhook_url(rows[i].text, hosts, &url, &policy, &what);
        assert_int_equal(err, rows[i].url ? 0 : ERR_INVALID);
        if (rows[i].url) {
            assert_string_equal(str_z(&url), rows[i].url);
            assert_int_equal(policy, rows[i].policy);
        } else {
            assert_non_null(what);
        }
        str_done(&url);
    }
}

static void when_a_webhook_is_given_up(void **state)
{
    (void)state;
    assert_false(webhook_gives_up(WEBHOOK_GIVE_UP - 1, 500));
    assert_true(webhook_gives_up(WEBHOOK_GIVE_UP, 500));
    assert_true(webhook_gives_up(1, 410));
    assert_false(webhook_gives_up(1, 404));
    assert_false(webhook_gives_up(1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_begins_with_its_first_request),
        cmocka_unit_test(selectors),
        cmocka_unit_test(colors),
        cmocka_unit_test(what_a_light_is_told),
        cmocka_unit_test(deltas),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(hmac),
        cmocka_unit_test(a_signature),
        cmocka_unit_test(webhook_urls),
        cmocka_unit_test(when_a_webhook_is_given_up),
    };
    secrets_init();
    return cmocka_run_group_tests_name("partner rules", tests, NULL, NULL);
}
