/* A driver that does what the test says, and a hub around it. */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secrets.h"
#include "hub/hub.h"
#include "loop/loop.h"
#include "store/store.h"

#define FAKE_MAX 256

/* Both the configuration and what the driver saw. */
struct fake {
    int start_result;
    int answer_at_once; /* 0: wait; 1: reported; 2: accepted; 3: assumed; negative: that error */
    struct driver *driver;
    size_t applied, cancelled, attached, detached, refreshed, discovered, stopped;
    struct {
        struct driver_light *light;
        struct request_id request;
        struct light_state patch;
        uint32_t transition_ms;
    } log[FAKE_MAX];
};

struct fake_self {
    struct fake *fake;
};

struct fake_light {
    int zeroed;
};

static struct fake *fake_of(void *self)
{
    return ((struct fake_self *)self)->fake;
}

static int fake_start(struct driver *driver, void *self, const void *config)
{
    struct fake *f = *(struct fake *const *)config;
    ((struct fake_self *)self)->fake = f;
    f->driver = driver;
    return f->start_result;
}

static void fake_stop(struct driver *driver, void *self)
{
    (void)driver;
    fake_of(self)->stopped++;
}

static void fake_attach(void *self, struct driver_light *light, void *light_self)
{
    (void)light;
    fake_of(self)->attached += ((struct fake_light *)light_self)->zeroed++ == 0;
}

static void fake_detach(void *self, struct driver_light *light, void *light_self)
{
    (void)light;
    fake_of(self)->detached += ((struct fake_light *)light_self)->zeroed == 1;
}

static void fake_apply(void *self, struct driver_light *light, void *light_self, struct request_id request,
                       const struct light_state *patch, uint32_t transition_ms)
{
    struct fake *f = fake_of(self);
    (void)light_self;
    if (f->applied < FAKE_MAX) {
        f->log[f->applied].light = light;
        f->log[f->applied].request = request;
        f->log[f->applied].patch = *patch;
        f->log[f->applied].transition_ms = transition_ms;
    }
    f->applied++;
    if (f->answer_at_once == 1) {
        driver_report(light, patch);
    }
    if (f->answer_at_once != 0) {
        static const enum basis bases[] = {0, BASIS_REPORTED, BASIS_ACCEPTED, BASIS_ASSUMED};
        int result = f->answer_at_once < 0 ? f->answer_at_once : 0;
        request_done(f->driver, request, result, result ? BASIS_REPORTED : bases[f->answer_at_once], NULL);
    }
}

static void fake_refresh(void *self, struct driver_light *light, void *light_self)
{
    (void)light;
    (void)light_self;
    fake_of(self)->refreshed++;
}

static void fake_cancel(void *self, struct driver_light *light, void *light_self, struct request_id request)
{
    (void)light;
    (void)light_self;
    (void)request;
    fake_of(self)->cancelled++;
}

static void fake_discover(void *self)
{
    fake_of(self)->discovered++;
}

static bool fake_status(void *self, struct str *s)
{
    str_printf(s, "%zu applied", fake_of(self)->applied);
    return fake_of(self)->applied == 0;
}

static const struct driver_ops fake_driver = {
    .kind = "fake",
    .driver_size = sizeof(struct fake_self),
    .light_size = sizeof(struct fake_light),
    .start = fake_start,
    .stop = fake_stop,
    .attach = fake_attach,
    .detach = fake_detach,
    .apply = fake_apply,
    .refresh = fake_refresh,
    .cancel = fake_cancel,
    .discover = fake_discover,
    .status = fake_status,
};

/* ---- a hub around it ---- */

struct house {
    char path[64];       /* of the store, "" for memory */
    bool store_expected; /* it must exist */
    struct loop *loop;
    struct store *store;
    struct hub *hub;
    struct fake fake;
    struct fake *config;
    struct hub_config hub_config;
    struct timer *pulse;
};

static const uint8_t fake_bridge[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static void house_pulse(void *user)
{
    (void)user;
}

static void house_open(struct house *h)
{
    memset(&h->fake, 0, sizeof h->fake);
    h->config = &h->fake;
    if (!h->hub_config.bridge_id) {
        h->hub_config.bridge_id = fake_bridge;
    }
    if (h->hub_config.deadline_ms == 0) {
        h->hub_config.deadline_ms = 60;
    }
    assert_int_equal(loop_new(&h->loop), 0);
    assert_int_equal(
        store_open(h->loop,
                   &(struct store_config){.path = h->path[0] ? h->path : ":memory:", .expected = h->store_expected},
                   &h->store),
        0);
    assert_int_equal(hub_new(h->loop, h->store, NULL, &h->hub_config, &h->hub), 0);
    h->pulse = timer_new(h->loop, house_pulse, NULL);
    timer_repeat(h->pulse, 5);
    assert_int_equal(hub_add_driver(h->hub, &fake_driver, "fake/one", &h->config), 0);
}

static inline void house_close(struct house *h)
{
    hub_free(h->hub);
    store_close(h->store);
    timer_free(h->pulse);
    loop_free(h->loop);
    h->hub = NULL;
}

/* A store that outlives the hub. */
static inline void house_file(struct house *h)
{
    (void)snprintf(h->path, sizeof h->path, "/tmp/hub_test_XXXXXX");
    int fd = mkstemp(h->path);
    assert_true(fd >= 0);
    close(fd);
    unlink(h->path);
}

static inline void house_unlink(struct house *h)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[80];
        (void)snprintf(path, sizeof path, "%s%s", h->path, ends[i]);
        unlink(path);
    }
}

static inline void house_turn(struct house *h, int times)
{
    for (int i = 0; i < times; i++) {
        loop_turn(h->loop, true);
    }
}

/* Turns until the condition holds; a generous bound, so that a failure ends. */
#define house_until(h, condition)                                                                                      \
    do {                                                                                                               \
        for (int turns_ = 0; !(condition) && turns_ < 4000; turns_++) {                                                \
            loop_turn((h)->loop, true);                                                                                \
        }                                                                                                              \
        assert_true(condition);                                                                                        \
    } while (0)

/* An edit or a forgetting that ended. */
struct ending {
    unsigned done;
    int result;
};

static inline void house_ending(void *user, int result)
{
    struct ending *e = user;
    e->done++;
    e->result = result;
}

#define FULL_CAN (LIGHT_ON | LIGHT_LEVEL | LIGHT_KELVIN | LIGHT_COLOR | LIGHT_MODE)

static inline struct driver_light *house_announce(struct driver *driver, const char *address, const char *name)
{
    return driver_announce(driver, &(struct driver_announcement){
                                       .address = address,
                                       .name = name,
                                       .profile = {FULL_CAN, 2000, 6500, LIGHT_KIND_LIGHT},
                                       .has_availability = true,
                                   });
}

static inline struct light *house_light(struct house *h, const char *name)
{
    struct light *light = NULL;
    assert_int_equal(hub_light_lookup(h->hub, name, &light), 0);
    return light;
}

static inline struct light_info house_info(const struct light *light)
{
    struct light_info i;
    hub_light_info(light, &i);
    return i;
}

struct reply {
    unsigned done;
    size_t count;
    struct hub_result results[8];
    char why[128];
};

static inline void house_reply(void *user, const struct hub_result *results, size_t count)
{
    struct reply *r = user;
    r->done++;
    r->count = count;
    for (size_t i = 0; i < count && i < 8; i++) {
        r->results[i] = results[i];
        (void)snprintf(r->why, sizeof r->why, "%s", results[i].why);
    }
}

static const struct light_state fake_on = {.has = LIGHT_ON, .on = true};
static const struct light_state fake_off = {.has = LIGHT_ON};

#endif
