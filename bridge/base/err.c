#include "base/err.h"

#include <stddef.h>

static const char *const texts[] = {
    [0] = "ok",
    [-ERR_INVALID] = "malformed input",
    [-ERR_TOO_LARGE] = "too large",
    [-ERR_NOT_FOUND] = "no such thing",
    [-ERR_EXISTS] = "already there",
    [-ERR_DENIED] = "not allowed",
    [-ERR_EXPIRED] = "expired",
    [-ERR_ENDED] = "ended",
    [-ERR_TIMEOUT] = "no answer by the deadline",
    [-ERR_OFFLINE] = "the far side is unreachable",
    [-ERR_UNSUPPORTED] = "this one cannot do it",
    [-ERR_RANGE] = "out of range",
    [-ERR_BUSY] = "busy, try later",
    [-ERR_FULL] = "no space to write",
    [-ERR_IO] = "the system or the network failed",
    [-ERR_CORRUPT] = "the stored data is damaged",
    [-ERR_NEWER] = "the stored data was written by a newer program",
    [-ERR_LOST] = "the store or its key is missing",
    [-ERR_CANCELLED] = "given up",
    [-ERR_REJECTED] = "the far side refused",
};

const char *err_text(int code)
{
    if (code >= 0) {
        return texts[0];
    }
    return code >= ERR_LAST ? texts[-code] : "unknown error";
}
