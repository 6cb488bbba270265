/* How long ago something was, as people read it in a list. */
#ifndef BASE_AGE_H
#define BASE_AGE_H

#include <stdint.h>

#include "base/str.h"

/* "3d", "47h", "2m", "0s": one unit, the largest of which there are two at least. Both in ms since 1970; then_ms 0:
   "never"; a time to come, which a clock that was set back makes of the past: "0s". */
void age_add(struct str *s, int64_t then_ms, int64_t now_ms);

#endif
