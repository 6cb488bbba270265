/* The strict pass over JSON text before cJSON sees it; base/json.h is the contract for other rooms. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/json.h"

/* 0, or ERR_INVALID with *ret_error filled. Linear, but for sorting the keys of each object. */
int json_scan(const char *bytes, size_t len, struct json_error *ret_error);

#endif
