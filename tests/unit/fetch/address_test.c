/* Whose address is it? The edges of each range, both sides. */
#include "fetch/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static const struct {
    const char *text;
    enum address_kind kind;
} rows[] = {
    {"0.0.0.0", ADDRESS_PRIVATE},
    {"0.255.255.255", ADDRESS_PRIVATE},
    {"1.0.0.0", ADDRESS_PUBLIC},
    {"9.255.255.255", ADDRESS_PUBLIC},
    {"10.0.0.0", ADDRESS_PRIVATE},
    {"10.255.255.255", ADDRESS_PRIVATE},
    {"11.0.0.0", ADDRESS_PUBLIC},
    {"100.63.255.255", ADDRESS_PUBLIC},
    {"100.64.0.0", ADDRESS_PRIVATE},
    {"100.127.255.255", ADDRESS_PRIVATE},
    {"100.128.0.0", ADDRESS_PUBLIC},
    {"126.255.255.255", ADDRESS_PUBLIC},
    {"127.0.0.0", ADDRESS_LOOPBACK},
    {"127.255.255.255", ADDRESS_LOOPBACK},
    {"128.0.0.0", ADDRESS_PUBLIC},
    {"169.253.255.255", ADDRESS_PUBLIC},
    {"169.254.169.254", ADDRESS_PRIVATE},
    {"169.255.0.0", ADDRESS_PUBLIC},
    {"172.15.255.255", ADDRESS_PUBLIC},
    {"172.16.0.0", ADDRESS_PRIVATE},
    {"172.31.255.255", ADDRESS_PRIVATE},
    {"172.32.0.0", ADDRESS_PUBLIC},
    {"192.0.0.1", ADDRESS_PRIVATE},
    {"192.0.1.0", ADDRESS_PUBLIC},
    {"192.0.2.1", ADDRESS_PRIVATE},
    {"192.88.99.1", ADDRESS_PRIVATE},
    {"192.167.255.255", ADDRESS_PUBLIC},
    {"192.168.0.0", ADDRESS_PRIVATE},
    {"192.168.255.255", ADDRESS_PRIVATE},
    {"192.169.0.0", ADDRESS_PUBLIC},
    {"198.17.255.255", ADDRESS_PUBLIC},
    {"198.18.0.0", ADDRESS_PRIVATE},
    {"198.19.255.255", ADDRESS_PRIVATE},
    {"198.20.0.0", ADDRESS_PUBLIC},
    {"198.51.100.7", ADDRESS_PRIVATE},
    {"203.0.113.7", ADDRESS_PRIVATE},
    {"223.255.255.255", ADDRESS_PUBLIC},
    {"224.0.0.1", ADDRESS_PRIVATE},
    {"239.255.255.255", ADDRESS_PRIVATE},
    {"240.0.0.0", ADDRESS_PRIVATE},
    {"255.255.255.255", ADDRESS_PRIVATE},
    {"::", ADDRESS_PRIVATE},
    {"::1", ADDRESS_LOOPBACK},
    {"::2", ADDRESS_PRIVATE},
    {"::8.8.8.8", ADDRESS_PRIVATE},
    {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
    {"::ffff:10.0.0.1", ADDRESS_PRIVATE},
    {"::ffff:8.8.8.8", ADDRESS_PUBLIC},
    {"64:ff9b::8.8.8.8", ADDRESS_PUBLIC},
    {"64:ff9b::10.0.0.1", ADDRESS_PRIVATE},
    {"64:ff9b::127.0.0.1", ADDRESS_PRIVATE},
    {"64:ff9b:1::8.8.8.8", ADDRESS_PRIVATE},
    {"100::1", ADDRESS_PRIVATE},
    {"2001::1", ADDRESS_PRIVATE},
    {"2001:2::1", ADDRESS_PRIVATE},
    {"2001:db8::1", ADDRESS_PRIVATE},
    {"2001:4860:4860::8888", ADDRESS_PUBLIC},
    {"2002:a00:1::", ADDRESS_PRIVATE},
    {"2002:7f00:1::", ADDRESS_PRIVATE},
    {"2002:808:808::", ADDRESS_PUBLIC},
    {"2a00:1450::1", ADDRESS_PUBLIC},
    {"3fff:ffff::1", ADDRESS_PUBLIC},
    {"4000::1", ADDRESS_PRIVATE},
    {"fc00::1", ADDRESS_PRIVATE},
    {"fdff::1", ADDRESS_PRIVATE},
    {"fe80::1", ADDRESS_PRIVATE},
    {"fec0::1", ADDRESS_PRIVATE},
    {"ff02::1", ADDRESS_PRIVATE},
    {"", ADDRESS_PRIVATE},
    {"localhost", ADDRESS_PRIVATE},
    {"8.8.8", ADDRESS_PRIVATE},
};

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (address_kind_text(rows[i].text) != rows[i].kind) {
            fail_msg("%s is %d", rows[i].text, address_kind_text(rows[i].text));
        }
    }
}

static void test_socket_addresses(void **state)
{
    (void)state;
    char text[64];
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    inet_pton(AF_INET, "192.168.1.2", &v4.sin_addr);
    inet_pton(AF_INET6, "2a00::5", &v6.sin6_addr);
    assert_int_equal(address_kind((struct sockaddr *)&v4), ADDRESS_PRIVATE);
    assert_int_equal(address_kind((struct sockaddr *)&v6), ADDRESS_PUBLIC);
    assert_int_equal(address_kind((struct sockaddr *)&local), ADDRESS_PRIVATE);
    address_text((struct sockaddr *)&v4, text, sizeof text);
    assert_string_equal(text, "192.168.1.2");
    address_text((struct sockaddr *)&v6, text, sizeof text);
    assert_string_equal(text, "2a00::5");
    address_text((struct sockaddr *)&local, text, sizeof text);
    assert_string_equal(text, "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_socket_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
