/* Is a document what SmartThings expects (facts 1.2 to 1.8)? Pure. Each answers 0, or ERR_INVALID with one sentence in
   `why` that names what is wrong and what would be right. */
#ifndef REHEARSAL_JUDGE_H
#define REHEARSAL_JUDGE_H

#include "base/json.h"
#include "rehearsal/house.h"

#define JUDGE_DOCUMENT_MAX (16u * 1024 * 1024)

/* Strict JSON, and an object. The caller frees *ret_root. */
int judge_parse(const char *bytes, size_t len, struct json **ret_root, struct str *why);
/* headers: schema, version, requestId; type and request_id as expected, where they are not NULL. */
int judge_headers(const struct json *root, const char *type, const char *request_id, struct str *why);
/* The answer to an interaction: headers, and no globalError (ERR_EXPIRED: it is TOKEN-EXPIRED; ERR_REJECTED). */
int judge_answer(const struct json *root, const char *type, const char *request_id, struct str *why);
/* discoveryResponse.devices and discoveryCallback.devices. */
int judge_devices(const struct json *devices, struct str *why);
/* deviceState. With `answer`, there is one entry for each device that was asked for (house: `asked`), and no other. */
int judge_states(const struct json *states, struct house *house, bool answer, struct str *why);

#endif
