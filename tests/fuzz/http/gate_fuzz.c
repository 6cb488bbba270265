/* The head of a request as lines "name:value": whatever the gate lets through is unambiguous, and what is taken out of
   single headers lies inside them. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "http/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 40

static void demand(bool so)
{
    if (!so) {
        abort();
    }
}

static size_t split(const char *text, size_t len, struct gate_header *headers)
{
    size_t count = 0;
    for (const char *p = text, *end = text + len; p < end && count < MAX;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        stop = stop ? stop : end;
        const char *colon = memchr(p, ':', (size_t)(stop - p));
        const char *value = colon ? colon + 1 : stop;
        headers[count++] = (struct gate_header){p, value, (size_t)((colon ? colon : stop) - p), (size_t)(stop - value)};
        p = stop + 1;
    }
    return count;
}

static unsigned count_of(const struct gate_header *headers, size_t count, const char *name)
{
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        found += headers[i].name_len == strlen(name) && strncasecmp(headers[i].name, name, strlen(name)) == 0;
    }
    return found;
}

static void head(const struct gate_header *headers, size_t count)
{
    const char *wrong = gate_check(headers, count);
    (void)gate_forwarded(headers, count);
    if (wrong) {
        demand(wrong[0] != 0);
        return;
    }
    demand(count_of(headers, count, "Host") == 1);
    demand(count_of(headers, count, "Content-Length") + count_of(headers, count, "Transfer-Encoding") <= 1);
    demand(count_of(headers, count, "Authorization") <= 1);
    for (size_t i = 0; i < count; i++) {
        demand(headers[i].name_len > 0 && !memchr(headers[i].name, ' ', headers[i].name_len));
        demand(!memchr(headers[i].value, 0, headers[i].value_len) &&
               !memchr(headers[i].value, '\r', headers[i].value_len));
    }
}

static void single(const char *text)
{
    static const char *const trusted[] = {"127.0.0.1", "::1", NULL};
    static const char *const names[] = {"gateway.home", NULL};
    struct str s = STR_INIT;
    const char *password = NULL;
    size_t len = 0;
    unsigned char address[16];
    if (gate_basic(text, &s, &password) == 0) {
        demand(password == s.data + strlen(s.data) + 1 && password + strlen(password) == s.data + s.len);
    }
    const char *bearer = gate_bearer(text);
    demand(!bearer || (bearer > text && *bearer && !strpbrk(bearer, " ,\"\\\r\n")));
    const char *cookie = gate_cookie(text, "lightbridge_link", &len);
    demand(!cookie || (cookie > text && cookie + len <= text + strlen(text) && !memchr(cookie, ';', len)));
    (void)gate_host_ours(text, names);
    const char *const sources[][2] = {{text, NULL}, {NULL, text}, {text, text}};
    for (size_t i = 0; i < 3; i++) {
        str_clear(&s);
        gate_source(&s, "127.0.0.1", sources[i][0], sources[i][1], trusted);
        demand(s.len == 0 || inet_pton(AF_INET, s.data, address) == 1 || inet_pton(AF_INET6, s.data, address) == 1);
        demand(s.len == 0 || (strcmp(s.data, trusted[0]) != 0 && strcmp(s.data, trusted[1]) != 0));
    }
    str_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gate_header headers[MAX];
    char *text = mem_text_n((const char *)data, size);
    head(headers, split(text, size, headers));
    single(text);
    free(text);
    return 0;
}
