/* Results of the whole program: 0, or one of these negative codes. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
    ERR_INVALID = -1,      /* malformed input */
    ERR_TOO_LARGE = -2,    /* over a named cap */
    ERR_NOT_FOUND = -3,    /* no such thing */
    ERR_EXISTS = -4,       /* already there */
    ERR_DENIED = -5,       /* wrong credentials, or not allowed */
    ERR_EXPIRED = -6,      /* was good, is too old */
    ERR_ENDED = -7,        /* the link or light it names has ended or was removed */
    ERR_TIMEOUT = -8,      /* no answer by the deadline */
    ERR_OFFLINE = -9,      /* the far side is known to be unreachable */
    ERR_UNSUPPORTED = -10, /* understood, but this one cannot do it */
    ERR_RANGE = -11,       /* understood, but out of range */
    ERR_BUSY = -12,        /* queue full, try later */
    ERR_FULL = -13,        /* no space to write, or the store is read-only */
    ERR_IO = -14,          /* the system or the network failed */
    ERR_CORRUPT = -15,     /* stored data is damaged */
    ERR_NEWER = -16,       /* stored data was written by a newer program */
    ERR_LOST = -17,        /* the store, or its key, is missing where one must be */
    ERR_CANCELLED = -18,   /* given up by the caller or at shutdown */
    ERR_REJECTED = -19,    /* the far side answered, and refused */
    ERR_LAST = -19,
};

/* A short lower-case phrase ("no answer by the deadline"); static; never NULL, "ok" for 0. */
const char *err_text(int code);

#endif
