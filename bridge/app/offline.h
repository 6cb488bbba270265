/* Accounts and clients on the store itself, for commands that need no daemon. */
#ifndef APP_OFFLINE_H
#define APP_OFFLINE_H

#include <stdbool.h>

#include "app/installation.h"
#include "app/owner.h"

struct loop;
struct oauth;

struct offline {
    struct owner owner; /* root has become the one who has the store */
    struct loop *loop;
    struct installation in;
    int claim; /* on the store's file: no daemon may begin meanwhile */
    const char **redirects, *app_redirects[2];
    struct oauth *oauth;
    /* of the verb that is waited for */
    bool done;
    int result;
};

/* EXIT_FINE, or EXIT_NO with the reason on standard error. Release with offline_close also then. config outlives it. */
int offline_open(struct offline *o, const struct config *config, const char *command);
void offline_close(struct offline *o);
/* An oauth_done_fn, user is the struct offline; and the wait for it: its result. */
void offline_done(void *user, int result);
int offline_wait(struct offline *o);

#endif
