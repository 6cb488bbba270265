/* Accounts and their passwords. Argon2id takes 19 MiB and a good part of a second on a small gateway: one at a time
   on the pool, a short queue, and then ERR_BUSY, so that strangers who guess cannot starve the machine. */
#include "oauth/oauth_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

enum password_task { TASK_LOGIN, TASK_ADD, TASK_CHANGE };

/* Everything the pool needs by value. `oauth` is NULL when it was freed while the pool was at work. */
struct password_job {
    struct password_job *next;
    struct oauth *oauth;
    enum password_task task;
    struct oauth_account account; /* its hash: to verify (login), or made */
    bool known;                   /* login: the account exists; otherwise the same time is spent on a dummy */
    char verified[SECRETS_PASSWORD_HASH_SIZE]; /* login: the hash that a fresh one may replace */
    char *password;
    size_t password_len;
    struct secrets_cost cost;
    int result;
    bool rehashed;
    char *source; /* login: of delay_who */
    const char *side;
    struct pool_job *pool;
    oauth_done_fn *done;
    void *user;
};

struct oauth_account *accounts_find(struct oauth *oauth, const char *name)
{
    for (size_t i = 0; i < oauth->account_count; i++) {
        if (strcmp(oauth->accounts[i].name, name) == 0) {
            return &oauth->accounts[i];
        }
    }
    return NULL;
}

void accounts_put(struct oauth *oauth, const struct oauth_account *account)
{
    struct oauth_account *old = accounts_find(oauth, account->name);
    if (old) {
        *old = *account;
        old->stamp = ++oauth->stamps;
        return;
    }
    size_t at = oauth->account_count++;
    while (at > 0 && strcmp(oauth->accounts[at - 1].name, account->name) > 0) {
        oauth->accounts[at] = oauth->accounts[at - 1];
        at--;
    }
    oauth->accounts[at] = *account;
    oauth->accounts[at].stamp = ++oauth->stamps;
}

uint64_t oauth_account_stamp(struct oauth *oauth, const char *name)
{
    const struct oauth_account *account = accounts_find(oauth, name);
    return account ? account->stamp : 0;
}

size_t oauth_account_count(const struct oauth *oauth)
{
    return oauth->account_count;
}

const char *oauth_account_at(const struct oauth *oauth, size_t index, int64_t *ret_created_ms)
{
    if (index >= oauth->account_count) {
        return NULL;
    }
    if (ret_created_ms) {
        *ret_created_ms = oauth->accounts[index].created_ms;
    }
    return oauth->accounts[index].name;
}

/* ---- the queue to the pool ---- */

static void password_free(struct password_job *job)
{
    secrets_wipe(job->password, job->password_len);
    free(job->password);
    free(job->source);
    secrets_wipe(job->account.hash, sizeof job->account.hash);
    secrets_wipe(job->verified, sizeof job->verified);
    free(job);
}

static void password_work(void *user)
{
    struct password_job *job = user;
    if (job->task != TASK_LOGIN) {
        job->result = secrets_password_hash(job->password, job->password_len, job->cost, job->account.hash);
        return;
    }
    const char *hash = job->known ? job->account.hash : NULL;
    job->result = secrets_password_verify(hash, job->password, job->password_len, job->cost);
    if (job->result == 0 && secrets_password_stale(hash, job->cost)) {
        char fresh[SECRETS_PASSWORD_HASH_SIZE];
        if (secrets_password_hash(job->password, job->password_len, job->cost, fresh) == 0) {
            memcpy(job->verified, job->account.hash, sizeof job->verified);
            memcpy(job->account.hash, fresh, sizeof fresh);
            job->rehashed = true;
        }
    }
}

static void password_done(void *user, bool cancelled);

/* A login is judged by the password as it is when its turn comes, not as it was when it was asked. */
static void run_next(struct oauth *oauth)
{
    struct password_job *job = oauth->queue;
    if (job && job->task == TASK_LOGIN) {
        const struct oauth_account *account = accounts_find(oauth, job->account.name);
        job->known = account != NULL;
        if (account) {
            job->account = *account;
        }
    }
    if (job) {
        oauth->queue->pool = pool_submit(oauth->loop, password_work, password_done, oauth->queue);
    }
}

/* ---- after the pool: the store ---- */

struct account_write {
    struct job job;
    struct oauth_account account;
    enum { WRITE_ADD, WRITE_PASSWORD, WRITE_REMOVE } what;
    char was[SECRETS_PASSWORD_HASH_SIZE]; /* a rehash replaces this hash only, never a password set meanwhile */
    int64_t at_ms;
    oauth_done_fn *done;
    void *user;
};

static const char removed_reason[] = "the account was removed";

static void account_removed(struct oauth *oauth, struct oauth_account *account, int64_t at_ms)
{
    char name[OAUTH_NAME_MAX + 1];
    memcpy(name, account->name, sizeof name);
    size_t index = (size_t)(account - oauth->accounts);
    memmove(account, account + 1, (oauth->account_count - index - 1) * sizeof *account);
    oauth->account_count--;
    for (struct oauth_link *link = NULL; (link = oauth_link_next(oauth, link)) != NULL;) {
        if (oauth_link_alive(link) && strcmp(link->account, name) == 0) {
            links_ended(oauth, link, at_ms, removed_reason);
        }
    }
}

static int password_replaced(struct oauth *oauth, struct oauth_account *account, const struct account_write *write)
{
    if (!account) {
        return ERR_NOT_FOUND; /* removed meanwhile */
    }
    if (!write->was[0] || strcmp(account->hash, write->was) == 0) {
        memcpy(account->hash, write->account.hash, sizeof account->hash);
        account->stamp = write->was[0] ? account->stamp : ++oauth->stamps;
    }
    return 0;
}

static void account_written(struct job *job, int result)
{
    struct account_write *write = (struct account_write *)job;
    struct oauth *oauth = job->oauth;
    struct oauth_account *account = accounts_find(oauth, write->account.name);
    oauth->adding -= write->what == WRITE_ADD;
    if (result == 0 && write->what == WRITE_REMOVE && account) {
        account_removed(oauth, account, write->at_ms);
    } else if (result == 0 && write->what == WRITE_ADD) {
        accounts_put(oauth, &write->account);
    } else if (result == 0 && write->what == WRITE_PASSWORD) {
        result = password_replaced(oauth, account, write);
    }
    secrets_wipe(write->account.hash, sizeof write->account.hash);
    secrets_wipe(write->was, sizeof write->was);
    if (write->done) {
        write->done(write->user, result);
    }
}

static struct account_write *write_new(const struct oauth_account *account, oauth_done_fn *done, void *user)
{
    struct account_write *write = mem_alloc(sizeof *write);
    write->job.done = account_written;
    write->account = *account;
    write->done = done;
    write->user = user;
    return write;
}

/* `was` NULL: whatever the password is now. */
static void store_password(struct oauth *oauth, const struct oauth_account *account, const char *was,
                           oauth_done_fn *done, void *user)
{
    struct account_write *write = write_new(account, done, user);
    write->what = WRITE_PASSWORD;
    struct store_batch *batch = store_batch_new();
    memcpy(write->was, was ? was : "", was ? strlen(was) + 1 : 1);
    rows_set_password(batch, account->name, account->hash, was);
    oauth_submit(oauth, &write->job, batch);
}

static void store_new_account(struct oauth *oauth, struct password_job *job)
{
    if (oauth->account_count + oauth->adding >= OAUTH_MAX_ACCOUNTS) {
        job->done(job->user, ERR_TOO_LARGE);
        return;
    }
    oauth->adding++;
    job->account.created_ms = oauth_now(oauth);
    struct account_write *write = write_new(&job->account, job->done, job->user);
    write->what = WRITE_ADD;
    struct store_batch *batch = store_batch_new();
    rows_add_account(batch, &job->account);
    oauth_submit(oauth, &write->job, batch);
}

static struct delay_who who_of(const struct password_job *job)
{
    return (struct delay_who){.side = job->side, .name = job->account.name, .source = job->source};
}

static void count_login(struct oauth *oauth, const struct password_job *job, int result)
{
    struct delay_who who = who_of(job);
    delay_end(&oauth->delays, &who,
              result == 0            ? DELAY_SUCCEEDED
              : result == ERR_DENIED ? DELAY_FAILED
                                     : DELAY_UNDECIDED,
              oauth->mono_ms(oauth->loop));
}

static void finish_login(struct oauth *oauth, struct password_job *job)
{
    int result = job->result;
    const struct oauth_account *account = accounts_find(oauth, job->account.name);
    if (result == 0 && (!account || account->stamp != job->account.stamp)) {
        result = ERR_DENIED; /* removed, or another password, while the pool was at work */
    }
    if (result == 0 && job->rehashed) { /* the answer does not wait for it: the old hash is as good */
        store_password(oauth, &job->account, job->verified, NULL, NULL);
    }
    count_login(oauth, job, result);
    job->done(job->user, result);
}

static void password_done(void *user, bool cancelled)
{
    struct password_job *job = user;
    struct oauth *oauth = job->oauth;
    if (!oauth) { /* freed: its user was told then */
        password_free(job);
        return;
    }
    oauth->queue = job->next;
    oauth->queue_len--;
    run_next(oauth);
    int result = cancelled ? ERR_CANCELLED : job->result;
    if (cancelled) {
        if (job->task == TASK_LOGIN) {
            count_login(oauth, job, ERR_CANCELLED);
        }
        job->done(job->user, ERR_CANCELLED);
    } else if (job->task == TASK_LOGIN) {
        finish_login(oauth, job);
    } else if (result != 0) {
        job->done(job->user, result);
    } else if (job->task == TASK_ADD) {
        store_new_account(oauth, job);
    } else {
        store_password(oauth, &job->account, NULL, job->done, job->user);
    }
    password_free(job);
}

void accounts_cancel(struct oauth *oauth)
{
    struct password_job *job = oauth->queue;
    oauth->queue = NULL;
    oauth->queue_len = 0;
    for (bool first = true; job; first = false) {
        struct password_job *next = job->next;
        job->oauth = NULL;
        job->done(job->user, ERR_CANCELLED);
        if (first) {
            pool_cancel(job->pool); /* password_done frees it */
        } else {
            password_free(job);
        }
        job = next;
    }
}

/* NULL: the queue is full, and `done` was told. */
static struct password_job *enqueue(struct oauth *oauth, enum password_task task, const char *name,
                                    const char *password, oauth_done_fn *done, void *user)
{
    if (oauth->queue_len > OAUTH_LOGIN_QUEUE) { /* one at work and the queue */
        done(user, ERR_BUSY);
        return NULL;
    }
    struct password_job *job = mem_alloc(sizeof *job);
    job->oauth = oauth;
    job->task = task;
    strncpy(job->account.name, name, OAUTH_NAME_MAX);
    job->password_len = strnlen(password, SECRETS_PASSWORD_MAX + 1); /* one too many is refused, not cut */
    job->password = mem_text_n(password, job->password_len);
    job->cost = oauth->cost;
    job->done = done;
    job->user = user;
    struct password_job **last = &oauth->queue;
    while (*last) {
        last = &(*last)->next;
    }
    *last = job;
    oauth->queue_len++;
    return job;
}

static void run_first(struct oauth *oauth)
{
    if (oauth->queue_len == 1) {
        run_next(oauth);
    }
}

/* ---- the verbs ---- */

static const char *name_problem(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > OAUTH_NAME_MAX) {
        return "an account name has 1 to 64 characters";
    }
    size_t good = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-");
    return good == len ? NULL : "an account name has only letters A-Z, digits and the characters . _ @ -";
}

static const char *password_problem(const char *password)
{
    size_t len = strlen(password);
    if (len < OAUTH_PASSWORD_MIN) {
        return "a password has at least 8 characters";
    }
    return len > SECRETS_PASSWORD_MAX ? "a password has at most 1024 bytes" : NULL;
}

static int check(const char *name, const char *password, struct str *why)
{
    const char *problem = name_problem(name);
    if (!problem) {
        problem = password_problem(password);
    }
    if (!problem) {
        return 0;
    }
    if (why) {
        str_add_z(why, problem);
    }
    return ERR_INVALID;
}

int oauth_account_add(struct oauth *oauth, const char *name, const char *password, oauth_done_fn *done, void *user,
                      struct str *why)
{
    int result = check(name, password, why);
    if (result != 0) {
        return result;
    }
    int trouble = oauth_store_trouble(oauth);
    if (accounts_find(oauth, name)) {
        done(user, ERR_EXISTS);
    } else if (trouble != 0) {
        done(user, trouble);
    } else if (oauth->account_count >= OAUTH_MAX_ACCOUNTS) {
        done(user, ERR_TOO_LARGE);
    } else {
        (void)enqueue(oauth, TASK_ADD, name, password, done, user);
        run_first(oauth);
    }
    return 0;
}

/* For a name that is not there: not found, unless the store cannot tell. */
static int absent(const struct oauth *oauth, int otherwise)
{
    int trouble = oauth_store_trouble(oauth);
    return trouble != 0 ? trouble : otherwise;
}

int oauth_account_password(struct oauth *oauth, const char *name, const char *password, oauth_done_fn *done, void *user,
                           struct str *why)
{
    int result = check(name, password, why);
    if (result != 0) {
        return result;
    }
    const struct oauth_account *account = accounts_find(oauth, name);
    if (!account) {
        done(user, absent(oauth, ERR_NOT_FOUND));
    } else {
        (void)enqueue(oauth, TASK_CHANGE, name, password, done, user);
        run_first(oauth);
    }
    return 0;
}

void oauth_account_remove(struct oauth *oauth, const char *name, oauth_done_fn *done, void *user)
{
    const struct oauth_account *account = accounts_find(oauth, name);
    if (!account) {
        done(user, absent(oauth, ERR_NOT_FOUND));
        return;
    }
    struct account_write *write = write_new(account, done, user);
    write->what = WRITE_REMOVE;
    write->at_ms = oauth_now(oauth);
    struct store_batch *batch = store_batch_new();
    rows_remove_account(batch, name, write->at_ms, removed_reason);
    oauth_submit(oauth, &write->job, batch);
}

/* Who must wait is told so before anything is looked at, whether there is such an account or not. */
static bool must_wait(struct oauth *oauth, const struct delay_who *who)
{
    uint32_t wait_ms = delay_wait_ms(&oauth->delays, who, oauth->mono_ms(oauth->loop));
    oauth->login_wait_s = (wait_ms + 999) / 1000;
    return wait_ms > 0;
}

void oauth_login(struct oauth *oauth, const struct oauth_login *login, oauth_done_fn *done, void *user)
{
    char name[OAUTH_NAME_MAX + 1] = ""; /* a longer one is no account's */
    strncpy(name, login->name, OAUTH_NAME_MAX);
    struct delay_who who = {.side = login->side, .name = name, .source = login->source};
    int trouble = oauth_store_trouble(oauth);
    if (trouble != 0 && !accounts_find(oauth, login->name)) {
        done(user, trouble);
        return;
    }
    if (must_wait(oauth, &who)) {
        done(user, ERR_BUSY);
        return;
    }
    struct password_job *job = enqueue(oauth, TASK_LOGIN, name, login->password, done, user);
    if (job) {
        job->source = mem_text(login->source);
        job->side = login->side;
        delay_begin(&oauth->delays, &who, oauth->mono_ms(oauth->loop));
        run_first(oauth);
    }
}

unsigned oauth_login_wait_s(const struct oauth *oauth)
{
    return oauth->login_wait_s;
}
