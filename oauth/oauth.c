/* The room's own life: loading, the jobs on their way to the store, the clock. */
#include "oauth/oauth.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "oauth/oauth_internal.h"

int oauth_new(struct loop *loop, struct store *store, const struct oauth_config *config, struct oauth **ret_oauth)
{
    struct oauth *oauth = mem_alloc(sizeof *oauth);
    oauth->loop = loop;
    oauth->store = store;
    oauth->cost = config->cost;
    oauth->refusal = "";
    oauth->wall_ms = loop_wall_ms;
    oauth->mono_ms = loop_now;
    if (config->key) {
        oauth->has_key = true;
        memcpy(oauth->key, config->key, sizeof oauth->key);
        token_bridge_key(oauth->bridge_key, oauth->key);
        oauth_bridge_id(oauth->key, oauth->bridge_id);
    }
    clients_load(oauth, config);
    clients_load_callback(oauth, config);
    oauth_now(oauth); /* jumps are noticed from here on */
    if (oauth_store_trouble(oauth) == 0) {
        oauth->load_error = rows_load(oauth);
        if (oauth->load_error != 0) {
            log_error("oauth", "accounts and links cannot be read: %s", err_text(oauth->load_error));
        }
    }
    traces_load(oauth, config->public_url);
    *ret_oauth = oauth;
    return 0;
}

void oauth_free(struct oauth *oauth)
{
    if (!oauth) {
        return;
    }
    accounts_cancel(oauth);
    while (oauth->jobs) {
        struct job *job = oauth->jobs;
        oauth->jobs = job->next;
        job->done(job, ERR_CANCELLED);
        job->oauth = NULL; /* the store still holds it; job_stored frees it */
    }
    free(oauth->rehearsal);
    traces_done(oauth);
    links_done(oauth);
    clients_done(oauth);
    secrets_wipe(oauth, sizeof *oauth);
    free(oauth);
}

int oauth_store_trouble(const struct oauth *oauth)
{
    if (oauth->load_error != 0) {
        return oauth->load_error;
    }
    switch (store_health(oauth->store)) {
    case STORE_CORRUPT:
        return ERR_CORRUPT;
    case STORE_NEWER:
        return ERR_NEWER;
    case STORE_MISSING:
        return ERR_LOST;
    case STORE_OK:
    case STORE_FULL:
        break;
    }
    return 0;
}

int oauth_trouble(const struct oauth *oauth)
{
    return oauth->has_key ? oauth_store_trouble(oauth) : ERR_LOST;
}

int64_t oauth_now(struct oauth *oauth)
{
    int64_t wall = oauth->wall_ms();
    rules_clock_see(&oauth->clock, wall, oauth->mono_ms(oauth->loop));
    return wall;
}

void oauth_on_link_ended(struct oauth *oauth, void (*fn)(void *user, struct oauth_link *link), void *user)
{
    if (oauth->listener_count == OAUTH_MAX_LISTENERS) {
        log_error("oauth", "too many listeners for ended links");
        abort();
    }
    oauth->listeners[oauth->listener_count].fn = fn;
    oauth->listeners[oauth->listener_count++].user = user;
}

/* ---- jobs ---- */

static void job_stored(void *user, int result)
{
    struct job *job = user;
    struct oauth *oauth = job->oauth;
    if (oauth) {
        if (job->prev) {
            job->prev->next = job->next;
        } else {
            oauth->jobs = job->next;
        }
        if (job->next) {
            job->next->prev = job->prev;
        }
        job->next = job->prev = NULL;
        job->done(job, result);
    }
    free(job);
}

void oauth_submit(struct oauth *oauth, struct job *job, struct store_batch *batch)
{
    job->oauth = oauth;
    job->prev = NULL;
    job->next = oauth->jobs;
    if (job->next) {
        job->next->prev = job;
    }
    oauth->jobs = job;
    store_submit(oauth->store, batch, job_stored, job);
}
