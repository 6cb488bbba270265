/* What a token may do: a set of scopes, and their spelling (RFC 6749 3.3). Pure. */
#ifndef OAUTH_SCOPE_H
#define OAUTH_SCOPE_H

#include "base/str.h"

enum {
    SCOPE_READ = 1,    /* devices:read: see lights and their states */
    SCOPE_CONTROL = 2, /* devices:control: drive them */
    SCOPE_ALL = SCOPE_READ | SCOPE_CONTROL,
};

/* Words with single spaces between them into a set; ERR_INVALID: empty, an unknown word, or an odd space. A word twice
   is the word once; remote_control:all, LIFX's only scope, is both. */
int scope_parse(const char *text, unsigned *ret_scopes);
/* The one spelling of a set, "" of the empty one; static. */
const char *scope_text(unsigned scopes);

#endif
