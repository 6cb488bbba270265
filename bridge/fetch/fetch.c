/* One multi handle on the loop. libcurl is entered from watches, the timer and the public functions; callers are
   told only from the deferred call on_finish, never from inside libcurl, so that they may start, cancel and free
   as they like. */
#include "fetch/fetch.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/call.h"
#include "loop/loop.h"

#define KEPT_HANDLES 4 /* unused easy handles, with their buffers */
/* At once, and kept when unused: one number, because libcurl closes every idle connection while more are open
   than it may keep. Further calls wait, within their timeout. */
#define MAX_CONNECTIONS 16L

struct calls {
    struct fetch_call *first, *last;
};

struct fetch {
    struct loop *loop;
    CURLM *multi;
    struct timer *timer;
    struct defer *finish;
    struct calls running, refused;
    CURL *handles[KEPT_HANDLES];
    size_t handle_count;
    bool finishing; /* on_finish is on the stack: it frees the memory of a fetch that is freed meanwhile */
    bool gone;      /* freed, but for that memory */
};

static void calls_append(struct calls *calls, struct fetch_call *call)
{
    call->next = NULL;
    call->prev = calls->last;
    *(calls->last ? &calls->last->next : &calls->first) = call;
    calls->last = call;
}

static void calls_remove(struct calls *calls, struct fetch_call *call)
{
    *(call->prev ? &call->prev->next : &calls->first) = call->next;
    *(call->next ? &call->next->prev : &calls->last) = call->prev;
}

/* ---- libcurl asks for descriptors and time ---- */

static void on_watch(void *user, int events);

struct socket_watch {
    struct fetch *fetch;
    struct watch *watch;
    curl_socket_t fd;
};

static void socket_watch_free(struct socket_watch *socket_watch)
{
    if (socket_watch) {
        watch_free(socket_watch->watch);
        free(socket_watch);
    }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct fetch *fetch = user;
    struct socket_watch *socket_watch = socket_user;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        socket_watch_free(socket_watch);
        (void)curl_multi_assign(fetch->multi, fd, NULL);
        return 0;
    }
    int events = (what & CURL_POLL_IN ? WATCH_READ : 0) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0);
    if (socket_watch) {
        watch_set(socket_watch->watch, events);
        return 0;
    }
    socket_watch = mem_alloc(sizeof *socket_watch);
    *socket_watch = (struct socket_watch){.fetch = fetch, .fd = fd};
    socket_watch->watch = watch_new(fetch->loop, fd, events, on_watch, socket_watch);
    if (!socket_watch->watch) { /* the transfer's own timeout ends it */
        free(socket_watch);
        return 0;
    }
    (void)curl_multi_assign(fetch->multi, fd, socket_watch);
    return 0;
}

static int on_timer_wanted(CURLM *multi, long delay_ms, void *user)
{
    struct fetch *fetch = user;
    (void)multi;
    if (delay_ms < 0) {
        timer_stop(fetch->timer);
    } else {
        timer_start(fetch->timer, (uint64_t)delay_ms); /* 0 too: never from inside this callback */
    }
    return 0;
}

static void on_watch(void *user, int events)
{
    struct socket_watch *socket_watch = user;
    struct fetch *fetch = socket_watch->fetch;
    int running;
    int bits = (events & WATCH_READ ? CURL_CSELECT_IN : 0) | (events & WATCH_WRITE ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(fetch->multi, socket_watch->fd, bits, &running);
    defer_call(fetch->finish);
}

static void on_timer(void *user)
{
    struct fetch *fetch = user;
    int running;
    (void)curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    defer_call(fetch->finish);
}

/* ---- calls ---- */

static CURL *take_handle(struct fetch *fetch)
{
    return fetch->handle_count > 0 ? fetch->handles[--fetch->handle_count] : curl_easy_init();
}

static void put_handle(struct fetch *fetch, CURL *easy)
{
    if (fetch->handle_count < KEPT_HANDLES) {
        curl_easy_reset(easy); /* connections are the multi handle's, they stay */
        fetch->handles[fetch->handle_count++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

/* Takes it from libcurl and from the lists; it can still be told about. */
static void detach(struct fetch_call *call)
{
    struct fetch *fetch = call->fetch;
    if (call->easy) {
        (void)curl_multi_remove_handle(fetch->multi, call->easy);
        calls_remove(&fetch->running, call);
    } else {
        calls_remove(&fetch->refused, call);
    }
}

/* The handle goes back first: `done` may free the whole fetch. */
static void finish(struct fetch_call *call, CURLcode code, int result)
{
    struct fetch *fetch = call->fetch;
    long status = 0;
    detach(call);
    if (call->easy) {
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        put_handle(fetch, call->easy);
        call->easy = NULL;
    }
    call_finish(call, code, result, (int)status);
    call_free(call);
}

static struct fetch_call *next_finished(struct fetch *fetch, CURLcode *ret_code)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(fetch->multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            struct fetch_call *call = NULL;
            *ret_code = message->data.result;
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
            return call;
        }
    }
    return NULL;
}

static void on_finish(void *user)
{
    struct fetch *fetch = user;
    struct fetch_call *call;
    CURLcode code = CURLE_OK;
    fetch->finishing = true;
    while (!fetch->gone && (call = next_finished(fetch, &code))) {
        finish(call, code, 0);
    }
    while (!fetch->gone && fetch->refused.first) {
        finish(fetch->refused.first, CURLE_OK, fetch->refused.first->refused);
    }
    fetch->finishing = false;
    if (fetch->gone) {
        free(fetch);
    }
}

struct fetch_call *fetch_start(struct fetch *fetch, const struct fetch_request *request, fetch_done_fn *done,
                               void *user)
{
    struct fetch_call *call = call_new(request, done, user);
    call->fetch = fetch;
    if (!call->refused) {
        CURL *easy = take_handle(fetch);
        if (easy && call_set_up(call, easy, request) && curl_multi_add_handle(fetch->multi, easy) == CURLM_OK) {
            call->easy = easy;
            calls_append(&fetch->running, call);
            return call;
        }
        curl_easy_cleanup(easy);
        call->refused = ERR_IO;
    }
    calls_append(&fetch->refused, call);
    defer_call(fetch->finish);
    return call;
}

void fetch_cancel(struct fetch_call *call)
{
    if (!call) {
        return;
    }
    struct fetch *fetch = call->fetch;
    CURL *easy = call->easy;
    detach(call);
    call_free(call);
    if (easy) {
        put_handle(fetch, easy);
    }
}

/* ---- beginning and end ---- */

int fetch_new(struct loop *loop, struct fetch **ret_fetch)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        log_error("fetch", "libcurl cannot start");
        return ERR_IO;
    }
    struct fetch *fetch = mem_alloc(sizeof *fetch);
    fetch->loop = loop;
    fetch->multi = curl_multi_init();
    if (!fetch->multi) {
        free(fetch);
        curl_global_cleanup();
        return ERR_IO;
    }
    fetch->timer = timer_new(loop, on_timer, fetch);
    fetch->finish = defer_new(loop, on_finish, fetch);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, MAX_CONNECTIONS);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    *ret_fetch = fetch;
    return 0;
}

void fetch_free(struct fetch *fetch)
{
    if (!fetch) {
        return;
    }
    while (fetch->running.first || fetch->refused.first) {
        struct fetch_call *call = fetch->running.first ? fetch->running.first : fetch->refused.first;
        finish(call, CURLE_OK, ERR_CANCELLED);
    }
    fetch->gone = true;
    for (size_t i = 0; i < fetch->handle_count; i++) {
        curl_easy_cleanup(fetch->handles[i]);
    }
    (void)curl_multi_cleanup(fetch->multi); /* closes kept connections; asks for watches to be removed */
    defer_free(fetch->finish);
    timer_free(fetch->timer);
    if (!fetch->finishing) {
        free(fetch);
    }
    curl_global_cleanup();
}
