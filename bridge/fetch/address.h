/* Which addresses are whose: pure functions on a socket address. */
#ifndef FETCH_ADDRESS_H
#define FETCH_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_LOOPBACK, /* 127.0.0.0/8, ::1, also as ::ffff:127... */
    ADDRESS_PRIVATE,  /* everything else that no server on the Internet has: private, link-local, shared, multicast,
                         documentation, reserved; IPv6 forms that carry such an IPv4 address */
};

enum address_kind address_kind(const struct sockaddr *address); /* neither IPv4 nor IPv6: ADDRESS_PRIVATE */
/* The same for the text of an address ("10.0.0.1", "fe80::1"); what is none is ADDRESS_PRIVATE. */
enum address_kind address_kind_text(const char *text);
/* "10.0.0.1", "fe80::1"; "?" for other families. */
void address_text(const struct sockaddr *address, char *ret_text, size_t size);

#endif
