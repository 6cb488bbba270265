/* The local page is announced where the configuration opens it to the LAN, under a name that it answers to; else not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "app/announce.h"

static void only_what_is_open_and_answers(void **state)
{
    static const struct {
        const char *listen, *name, *hostname;
        bool open, announced;
    } table[] = {
        {"0.0.0.0:8001", "gateway.local", "gateway", true, true},
        {"192.168.1.2:8001", "Gateway.LOCAL", "gateway", true, true},
        {"[::]:8001", "gateway.local", "gateway.example.org", true, true},
        {"127.0.0.1:8001", "gateway.local", "gateway", false, false},
        {"127.1.2.3:8001", "gateway.local", "gateway", false, false},
        {"[::1]:8001", "gateway.local", "gateway", false, false},
        {"localhost:8001", "gateway.local", "gateway", false, false},
        {"0.0.0.0:0", "gateway.local", "gateway", false, false},
        {"0.0.0.0:8001", "gateway.lan", "gateway", true, false},
        {"0.0.0.0:8001", "gateway.local", "gate", true, false},
        {"0.0.0.0:8001", NULL, "gateway", true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char *names[] = {(char *)(uintptr_t)table[i].name};
        const struct config_local local = {
            .listen = (char *)(uintptr_t)table[i].listen, .names = names, .names_count = table[i].name != NULL};
        struct str file = STR_INIT;
        announce_write(&local, table[i].hostname, &file);
        if (announce_open(&local) != table[i].open || (file.len > 0) != table[i].announced) {
            fail_msg("%s, named %s, on %s", table[i].listen, table[i].name, table[i].hostname);
        }
        if (table[i].announced) {
            assert_non_null(strstr(str_z(&file), "<type>_http._tcp</type>"));
            assert_non_null(strstr(str_z(&file), "<port>8001</port>"));
        }
        str_done(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_is_open_and_answers)};
    return cmocka_run_group_tests_name("announce", tests, NULL, NULL);
}
