/* The address that a browser is sent to at the end of linking (RFC 6749 4.1.2); pure. */
#ifndef REHEARSAL_REDIRECT_H
#define REHEARSAL_REDIRECT_H

#include "base/str.h"

/* `location` must be `redirect_uri` with code and `state` behind it, and `state` must be the very bytes that were sent:
   SmartThings refuses an account link whose state was decoded and encoded anew (facts 5, row 1). 0 and the code behind
   ret_code; ERR_REJECTED where the bridge answered an error; ERR_INVALID; `why` then gets a sentence. */
int redirect_read(const char *location, const char *redirect_uri, const char *state, struct str *ret_code,
                  struct str *why);

#endif
