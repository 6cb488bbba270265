/* One exchange under way: what is asked, what has come, and its libcurl handle's settings. */
#ifndef FETCH_CALL_H
#define FETCH_CALL_H

#include <curl/curl.h>

#include "base/str.h"
#include "base/url.h"
#include "fetch/fetch.h"

struct fetch_call {
    struct fetch *fetch;
    struct fetch_call *prev, *next; /* in the fetch's list of calls under way, or of refused ones */
    fetch_done_fn *done;
    void *user;

    CURL *easy; /* NULL: refused before it began */
    struct url target;
    struct curl_slist *headers, *connect_to;
    char *method, *body, *unix_socket;
    size_t body_len, max_body;
    unsigned policy;

    bool sending;   /* libcurl was let loose with the request: bytes may have left */
    bool opened;    /* a socket to an allowed address was made */
    bool too_large; /* body or headers */
    int refused;    /* ERR_* of the policy */
    struct str why;
    struct str answer, answer_headers; /* headers as name NUL value NUL ... */
    char error[CURL_ERROR_SIZE];
};

/* Copies the request and checks it: what must not begin gets `refused` and `why`. */
struct fetch_call *call_new(const struct fetch_request *request, fetch_done_fn *done, void *user);
void call_free(struct fetch_call *call); /* not its handle */
/* Sets all options of a fresh or reset handle. False if libcurl lacks one. */
bool call_set_up(struct fetch_call *call, CURL *easy, const struct fetch_request *request);
/* Tells the caller: from libcurl's verdict, or with `result` if that is not 0. */
void call_finish(struct fetch_call *call, CURLcode code, int result, int status);

#endif
