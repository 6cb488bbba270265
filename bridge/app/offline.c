#include "app/offline.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/command.h"
#include "base/err.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "oauth/oauth.h"

/* The configuration's clients are there to be listed, and so that their names are taken; secrets are not needed. */
static int open_oauth(struct offline *o, const struct config *config)
{
    const struct config_smartthings *st = &config->smartthings;
    o->redirects = mem_array(st->redirect_uris_count + 1, sizeof *o->redirects);
    for (unsigned i = 0; i < st->redirect_uris_count; i++) {
        o->redirects[i] = st->redirect_uris[i];
    }
    const struct config_smartapp *app = st->smartapp;
    o->app_redirects[0] = app ? app->provider.redirect_uri : NULL;
    const struct oauth_client_config clients[] = {
        {.id = st->client_id, .display_name = "SmartThings", .redirect_uris = o->redirects, .webhook = true},
        {.id = app ? app->provider.client_id : NULL,
         .display_name = "SmartThings (SmartApp)",
         .redirect_uris = o->app_redirects,
         .smartapp = true},
    };
    return oauth_new(o->loop, o->in.store,
                     &(struct oauth_config){.key = o->in.has_key ? o->in.key : NULL,
                                            .clients = clients,
                                            .client_count = app && !app->provider.authorize_url ? 2 : 1,
                                            .cost = config_password_cost(config)},
                     &o->oauth);
}

int offline_open(struct offline *o, const struct config *config, const char *command)
{
    struct str why = STR_INIT;
    *o = (struct offline){.claim = -1};
    int err = owner_become(config->store.path, &o->owner, &why);
    if (err == 0) {
        err = loop_new(&o->loop);
    }
    if (err == 0) {
        err = installation_claim(config->store.path, false, &o->claim, &why);
    }
    if (err == 0) {
        err = installation_open(o->loop, &config->store, &o->in, &why);
    }
    if (err == 0) {
        err = installation_claim_again(config->store.path, false, &o->claim, &why);
    }
    if (err == 0 && o->in.trouble.len > 0) {
        err = ERR_LOST;
        str_add_z(&why, str_z(&o->in.trouble));
    }
    if (err == 0) {
        err = open_oauth(o, config);
    }
    if (err != 0) {
        fprintf(stderr, "lightbridge %s: %s\n", command, why.len > 0 ? str_z(&why) : err_text(err));
    }
    str_done(&why);
    return err == 0 ? EXIT_FINE : EXIT_NO;
}

void offline_close(struct offline *o)
{
    oauth_free(o->oauth);
    installation_close(&o->in);
    installation_release(o->claim);
    loop_free(o->loop);
    owner_leave(&o->owner);
    free(o->redirects);
}

void offline_done(void *user, int result)
{
    struct offline *o = user;
    o->result = result;
    o->done = true;
}

int offline_wait(struct offline *o)
{
    while (!o->done) {
        loop_turn(o->loop, true);
    }
    o->done = false;
    return o->result;
}
