#include "fetch/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* IANA's special-purpose registry for IPv4 (RFC 6890 and its updates), as far as it is not globally reachable. */
static const struct {
    uint32_t network;
    int bits;
} special4[] = {
    {0x00000000, 8},  /* 0.0.0.0/8: this host */
    {0x0a000000, 8},  /* 10.0.0.0/8: private, RFC 1918 */
    {0x64400000, 10}, /* 100.64.0.0/10: shared behind a carrier's NAT, RFC 6598 */
    {0xa9fe0000, 16}, /* 169.254.0.0/16: link-local, RFC 3927 */
    {0xac100000, 12}, /* 172.16.0.0/12: private */
    {0xc0000000, 24}, /* 192.0.0.0/24: protocol assignments */
    {0xc0000200, 24}, /* 192.0.2.0/24: documentation */
    {0xc0586300, 24}, /* 192.88.99.0/24: 6to4 relays, deprecated */
    {0xc0a80000, 16}, /* 192.168.0.0/16: private */
    {0xc6120000, 15}, /* 198.18.0.0/15: benchmarks */
    {0xc6336400, 24}, /* 198.51.100.0/24: documentation */
    {0xcb007100, 24}, /* 203.0.113.0/24: documentation */
    {0xe0000000, 4},  /* 224.0.0.0/4: multicast */
    {0xf0000000, 4},  /* 240.0.0.0/4: reserved, broadcast */
};

/* Inside 2000::/3, the only global unicast there is. */
static const struct {
    uint8_t prefix[6];
    int bytes;
} special6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 4},             /* 2001::/32: Teredo, hides an IPv4 address */
    {{0x20, 0x01, 0x00, 0x02, 0x00, 0x00}, 6}, /* 2001:2::/48: benchmarks */
    {{0x20, 0x01, 0x0d, 0xb8}, 4},             /* 2001:db8::/32: documentation */
};

/* Prefixes behind which an IPv4 address follows. */
static const struct {
    uint8_t prefix[12];
    int bytes;
} carriers[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12}, /* ::ffff:0:0/96: mapped, RFC 4291 */
    {{0x00, 0x64, 0xff, 0x9b}, 12},                   /* 64:ff9b::/96: NAT64, RFC 6052 */
    {{0x20, 0x02}, 2},                                /* 2002::/16: 6to4, RFC 3056 */
};

static enum address_kind kind4(uint32_t address)
{
    if (address >> 24 == 127) {
        return ADDRESS_LOOPBACK;
    }
    for (size_t i = 0; i < sizeof special4 / sizeof *special4; i++) {
        if ((address ^ special4[i].network) >> (32 - special4[i].bits) == 0) {
            return ADDRESS_PRIVATE;
        }
    }
    return ADDRESS_PUBLIC;
}

static enum address_kind kind6(const uint8_t bytes[16])
{
    static const uint8_t loopback[16] = {[15] = 1};
    if (memcmp(bytes, loopback, sizeof loopback) == 0) {
        return ADDRESS_LOOPBACK;
    }
    for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
        if (memcmp(bytes, carriers[i].prefix, (size_t)carriers[i].bytes) == 0) {
            const uint8_t *v4 = bytes + carriers[i].bytes;
            enum address_kind kind =
                kind4((uint32_t)v4[0] << 24 | (uint32_t)v4[1] << 16 | (uint32_t)v4[2] << 8 | (uint32_t)v4[3]);
            /* Only the mapped form really is the loopback of this machine. */
            return kind == ADDRESS_LOOPBACK && i > 0 ? ADDRESS_PRIVATE : kind;
        }
    }
    if (bytes[0] >> 5 != 1) { /* not 2000::/3: unspecified, fc00::/7, fe80::/10, ff00::/8, ... */
        return ADDRESS_PRIVATE;
    }
    for (size_t i = 0; i < sizeof special6 / sizeof *special6; i++) {
        if (memcmp(bytes, special6[i].prefix, (size_t)special6[i].bytes) == 0) {
            return ADDRESS_PRIVATE;
        }
    }
    return ADDRESS_PUBLIC;
}

enum address_kind address_kind(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof v4);
        return kind4(ntohl(v4.sin_addr.s_addr));
    case AF_INET6:
        memcpy(&v6, address, sizeof v6);
        return kind6(v6.sin6_addr.s6_addr);
    default:
        return ADDRESS_PRIVATE;
    }
}

enum address_kind address_kind_text(const char *text)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return kind4(ntohl(v4.s_addr));
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        return kind6(v6.s6_addr);
    }
    return ADDRESS_PRIVATE;
}

void address_text(const struct sockaddr *address, char *ret_text, size_t size)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const char *text = NULL;
    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        text = inet_ntop(AF_INET, &v4.sin_addr, ret_text, (socklen_t)size);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
        text = inet_ntop(AF_INET6, &v6.sin6_addr, ret_text, (socklen_t)size);
    }
    if (!text) {
        (void)snprintf(ret_text, size, "?");
    }
}
