#include "fetch/call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "fetch/address.h"

#define MAX_ANSWER_HEADERS (64u * 1024u)
#define DEFAULT_TIMEOUT_MS 10000
/* Hashed, as Debian's ca-certificates leaves it: OpenSSL reads the one anchor it needs, not a bundle of 140. */
#define CA_FOLDER "/etc/ssl/certs"

/* What fetch_answer_header finds its way back by. */
struct answer {
    struct fetch_result result; /* first */
    const struct fetch_call *call;
};

/* ---- policy ---- */

static void refuse(struct fetch_call *call, int result, const char *text, const char *what)
{
    if (call->refused == 0) {
        call->refused = result;
        str_clear(&call->why);
        str_printf(&call->why, "%s: %s", what, text);
    }
}

/* True if this address may be spoken to. */
static bool allowed(struct fetch_call *call, enum address_kind kind, const char *text)
{
    if (strcmp(call->target.scheme, "http") == 0) {
        bool lan = (call->policy & FETCH_ALLOW_LAN) != 0;
        if (kind == ADDRESS_LOOPBACK || (lan && kind == ADDRESS_PRIVATE)) {
            return true;
        }
        refuse(call, ERR_DENIED,
               lan ? "plain http stays in the house: no address of the Internet"
                   : "plain http goes to a loopback address only",
               text);
        return false;
    }
    if (kind == ADDRESS_PUBLIC || call->policy & FETCH_ALLOW_PRIVATE) {
        return true;
    }
    refuse(call, ERR_DENIED, "an address that is not on the Internet", text);
    return false;
}

/* The address is looked at where it is used, after the resolver: so no second answer of a DNS server counts. */
static curl_socket_t on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch_call *call = user;
    char text[64];
    if (purpose != CURLSOCKTYPE_IPCXN) {
        return CURL_SOCKET_BAD;
    }
    if (!call->unix_socket) {
        address_text(&address->addr, text, sizeof text);
        if (!allowed(call, address_kind(&address->addr), text)) {
            return CURL_SOCKET_BAD;
        }
    }
    call->opened = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

/* Before each sending of the request, on a new or a kept connection: which may have been opened for a call that
   was allowed more than this one. Also, where a kept connection dies without an answer libcurl sends again on a
   new one by itself; only the caller can know whether doing it twice does harm. */
static int on_before_request(void *user, char *address, char *local, int port, int local_port)
{
    struct fetch_call *call = user;
    (void)local;
    (void)port;
    (void)local_port;
    if (!call->unix_socket && !allowed(call, address_kind_text(address), address)) {
        return CURL_PREREQFUNC_ABORT;
    }
    if (call->sending && strcmp(call->method, "GET") != 0 && strcmp(call->method, "HEAD") != 0) {
        return CURL_PREREQFUNC_ABORT;
    }
    call->sending = true;
    return CURL_PREREQFUNC_OK;
}

/* ---- what comes ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct fetch_call *call = user;
    size_t len = size * count;
    if (len > call->max_body - call->answer.len) {
        call->too_large = true;
        return 0;
    }
    str_add(&call->answer, bytes, len);
    return len;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct fetch_call *call = user;
    size_t len = size * count;
    if (len > MAX_ANSWER_HEADERS - call->answer_headers.len) {
        call->too_large = true;
        return 0;
    }
    if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        str_clear(&call->answer_headers); /* the answer behind a 100 Continue */
        return len;
    }
    const char *colon = memchr(bytes, ':', len);
    if (!colon || memchr(bytes, '\0', len)) {
        return len;
    }
    const char *value = colon + 1;
    const char *end = bytes + len;
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (end > value && strchr(" \t\r\n", end[-1])) {
        end--;
    }
    str_add(&call->answer_headers, bytes, (size_t)(colon - bytes));
    str_add_char(&call->answer_headers, '\0');
    str_add(&call->answer_headers, value, (size_t)(end - value));
    str_add_char(&call->answer_headers, '\0');
    return len;
}

const char *fetch_answer_header(const struct fetch_result *result, const char *name)
{
    const struct fetch_call *call = ((const struct answer *)result)->call;
    const char *at = str_z(&call->answer_headers);
    const char *end = at + call->answer_headers.len;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0) {
            return value;
        }
        at = value + strlen(value) + 1;
    }
    return NULL;
}

/* ---- what is asked ---- */

static bool one_line(const char *text)
{
    return !strpbrk(text, "\r\n");
}

static void add_header(struct fetch_call *call, const char *name, const char *value)
{
    struct str line = STR_INIT;
    if (!one_line(name) || !one_line(value) || strpbrk(name, ": ;") || name[0] == '\0') {
        refuse(call, ERR_INVALID, "no header of HTTP", name);
        return;
    }
    /* libcurl's spelling: "Name;" sends an empty header, "Name:" would leave it out. */
    str_printf(&line, value[0] ? "%s: %s" : "%s;%s", name, value);
    struct curl_slist *longer = curl_slist_append(call->headers, str_z(&line));
    if (longer) {
        call->headers = longer;
    } else {
        refuse(call, ERR_IO, "out of memory", name);
    }
    str_done(&line);
}

static void leave_out_header(struct fetch_call *call, const char *name_and_colon)
{
    struct curl_slist *longer = curl_slist_append(call->headers, name_and_colon);
    call->headers = longer ? longer : call->headers;
}

static void add_headers(struct fetch_call *call, const struct fetch_request *request)
{
    bool has_type = false;
    for (size_t i = 0; i < request->header_count; i++) {
        has_type = has_type || strcasecmp(request->headers[i].name, "Content-Type") == 0;
        add_header(call, request->headers[i].name, request->headers[i].value);
    }
    leave_out_header(call, "Expect:");
    if (!has_type) {
        leave_out_header(call, "Content-Type:"); /* libcurl would call every body a form */
    }
}

static void check_url(struct fetch_call *call, const char *url)
{
    if (url_parse(url, &call->target) < 0) {
        refuse(call, ERR_INVALID, "no URL that can be called", url);
        return;
    }
    if (strcmp(call->target.scheme, "https") == 0) {
        return;
    }
    bool http = strcmp(call->target.scheme, "http") == 0;
    if (!http || !(call->unix_socket || call->policy & (FETCH_ALLOW_HTTP | FETCH_ALLOW_LAN))) {
        refuse(call, ERR_DENIED, "not https", url);
    }
}

static void set_connect_to(struct fetch_call *call, const char *place)
{
    struct str line = STR_INIT;
    if (place) {
        str_printf(&line, "::%s", place); /* whatever host and port */
        call->connect_to = curl_slist_append(NULL, str_z(&line));
        if (!call->connect_to) {
            refuse(call, ERR_IO, "out of memory", place);
        }
    }
    str_done(&line);
}

struct fetch_call *call_new(const struct fetch_request *request, fetch_done_fn *done, void *user)
{
    struct fetch_call *call = mem_alloc(sizeof *call);
    call->done = done;
    call->user = user;
    call->method = mem_text(request->method ? request->method : "GET");
    call->body_len = request->body ? request->body_len : 0;
    call->body = mem_text_n(request->body ? request->body : "", call->body_len);
    call->unix_socket = mem_text(request->unix_socket);
    call->policy = request->policy;
    call->max_body = request->max_body ? request->max_body : FETCH_MAX_BODY;
    if (!one_line(call->method) || strpbrk(call->method, " \t") || call->method[0] == '\0') {
        refuse(call, ERR_INVALID, "no method of HTTP", call->method);
    }
    check_url(call, request->url);
    add_headers(call, request);
    set_connect_to(call, request->connect_to);
    return call;
}

void call_free(struct fetch_call *call)
{
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    free(call->method);
    free(call->body);
    free(call->unix_socket);
    str_done(&call->why);
    str_done(&call->answer);
    str_done(&call->answer_headers);
    free(call);
}

/* ---- the handle ---- */

/* Written anew from what we parsed and judged: two parsers never disagree about where a URL leads. */
static void write_url(struct str *s, const struct url *url)
{
    bool v6 = strchr(url->host, ':') != NULL;
    str_printf(s, v6 ? "%s://[%s]:%u%s" : "%s://%s:%u%s", url->scheme, url->host, url->port, url->path);
}

static bool set_method(struct fetch_call *call, CURL *easy)
{
    bool get = strcmp(call->method, "GET") == 0;
    bool sends = call->body_len > 0 || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0 ||
                 strcmp(call->method, "PATCH") == 0;
    CURLcode code = CURLE_OK;
    if (sends) {
        code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
        if (code == CURLE_OK) {
            code = curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
        }
    } else if (strcmp(call->method, "HEAD") == 0) {
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    }
    if (code == CURLE_OK && (sends || !get)) {
        code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    }
    return code == CURLE_OK;
}

bool call_set_up(struct fetch_call *call, CURL *easy, const struct fetch_request *request)
{
    long timeout = (long)(request->timeout_ms ? request->timeout_ms : DEFAULT_TIMEOUT_MS);
    struct str url = STR_INIT;
    bool ok = set_method(call, easy);
    write_url(&url, &call->target);
#define SET(option, value) (ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK)
    SET(CURLOPT_URL, str_z(&url));
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_ERRORBUFFER, call->error);
    SET(CURLOPT_HTTPHEADER, call->headers);
    SET(CURLOPT_USERAGENT, "lightbridge/" LIGHTBRIDGE_VERSION);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* never wait for the resolver's thread */
    SET(CURLOPT_TIMEOUT_MS, timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout);
    SET(CURLOPT_TCP_KEEPALIVE, 0L); /* kept connections are used again or forgotten: no packets in between */
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_CAPATH, CA_FOLDER);
    SET(CURLOPT_CAINFO, request->ca_file);
    SET(CURLOPT_CONNECT_TO, call->connect_to);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, call);
    SET(CURLOPT_PREREQFUNCTION, on_before_request);
    SET(CURLOPT_PREREQDATA, call);
    if (call->unix_socket) {
        SET(CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
    }
#undef SET
    str_done(&url);
    return ok;
}

/* ---- the end ---- */

static int result_of(const struct fetch_call *call, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_COULDNT_CONNECT:
        return call->refused && !call->opened ? call->refused : ERR_OFFLINE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_SSL_CONNECT_ERROR:
        return ERR_OFFLINE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return ERR_DENIED;
    case CURLE_ABORTED_BY_CALLBACK:
        return call->refused ? call->refused : ERR_IO;
    default:
        return call->too_large ? ERR_TOO_LARGE : ERR_IO;
    }
}

static void explain(struct fetch_call *call, CURLcode code, int result)
{
    if (result == 0 || (result == call->refused && call->why.len > 0)) {
        if (result == 0) {
            str_clear(&call->why);
        }
        return;
    }
    str_clear(&call->why);
    str_printf(&call->why, "%s: ", call->target.host);
    if (result == ERR_CANCELLED) {
        str_add_z(&call->why, err_text(result));
    } else if (result == ERR_TOO_LARGE) {
        str_printf(&call->why, "the answer is larger than %zu bytes", call->max_body);
    } else if (code == CURLE_ABORTED_BY_CALLBACK) {
        str_add_z(&call->why, "the kept connection ended without an answer");
    } else {
        str_add_z(&call->why, call->error[0] ? call->error : curl_easy_strerror(code));
    }
}

void call_finish(struct fetch_call *call, CURLcode code, int result, int status)
{
    result = result ? result : result_of(call, code);
    explain(call, code, result);
    struct answer answer = {
        .result =
            {
                .result = result,
                .may_have_arrived = call->sending,
                .status = result == 0 ? status : 0,
                .body = str_z(&call->answer),
                .body_len = call->answer.len,
                .why = str_z(&call->why),
            },
        .call = call,
    };
    call->done(call->user, &answer.result);
}
