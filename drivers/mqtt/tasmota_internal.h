/* What the files of Tasmota's run time share; tasmota.h is for mqtt.c. */
#ifndef MQTT_TASMOTA_INTERNAL_H
#define MQTT_TASMOTA_INTERNAL_H

#include "base/str.h"
#include "loop/loop.h"
#include "mqtt/asking.h"
#include "mqtt/table.h"
#include "mqtt/tasmota.h"
#include "mqtt/tasmota_codec.h"

struct tasmota_module;

/* One light of a module. */
struct tasmota_slot {
    struct way way; /* first */
    struct tasmota_module *module;
    uint8_t place; /* among the module's lights, as in its make */
    char *name;
};

/* One topic of a module: listener.what is an enum tasmota_word. */
struct tasmota_ear {
    struct listener listener; /* first */
    struct tasmota_module *module;
};
enum tasmota_word { TASMOTA_LWT, TASMOTA_STATE, TASMOTA_ANSWER, TASMOTA_NETWORK };

struct tasmota_module {
    struct entry by_mac; /* first */
    struct entry by_topic;
    struct ask ask; /* for its state */
    struct tasmota *tasmota;
    char mac[TASMOTA_MAC];
    char *cmnd;    /* what its topics begin with: those of its commands, then stat and tele, each with its NUL */
    char *product; /* model, version and topic, each with its NUL */
    const struct tasmota_make *make;
    struct tasmota_slot **slots; /* make->count */
    struct tasmota_ear *ears;
    uint8_t ear_count;
    uint8_t reach;  /* enum light_reach, by its LWT, or because it spoke */
    bool tells;     /* its LWT was heard */
    bool displaced; /* another module has its topics */
    bool contested; /* it has the topics that another has announced, too: who is it really? */
};

struct tasmota_shared;
struct tasmota {
    struct dialect dialect;        /* first */
    struct table by_mac, by_topic; /* modules; by topic only those that have theirs */
    struct tasmota_shared *makes;  /* what is the same for many modules, kept once */
    struct asking *asking;
    struct tasmota_device *scratch; /* the announcement that is being read */
    struct str topic, payload;      /* scratch */
};

/* tasmota_modules.c: modules by MAC and by topic */
struct tasmota_module *tasmota_modules_find(const struct tasmota *t, const char *mac);
struct tasmota_module *tasmota_modules_on(const struct tasmota *t, const char *cmnd);
/* It has no topics yet: tasmota_modules_move gives it some. */
struct tasmota_module *tasmota_modules_add(struct tasmota *t, const char *mac);
/* Nobody else has these topics. False: they are its own already. */
bool tasmota_modules_move(struct tasmota_module *module, const struct tasmota_device *device);
void tasmota_modules_displace(struct tasmota_module *module); /* its topics are free for another */
void tasmota_modules_restore(struct tasmota_module *module);  /* it has them again */
void tasmota_modules_remove(struct tasmota_module *module);   /* frees it */
/* Iterates in no order; NULL starts. The one returned may be removed after its next was fetched. */
struct tasmota_module *tasmota_modules_next(const struct tasmota *t, const struct tasmota_module *after);
const struct tasmota_make *tasmota_make_take(struct tasmota *t, const struct tasmota_make *make);
void tasmota_make_release(struct tasmota *t, const struct tasmota_make *make); /* NULL is legal */

/* tasmota_module.c: modules as they announce themselves */
void tasmota_module_take(struct tasmota *t, const struct tasmota_device *device);
void tasmota_module_withdraw(struct tasmota_module *module); /* frees it */
void tasmota_module_stop(struct tasmota *t);                 /* all, without a word about their lights */
void tasmota_module_announce(struct way *way);
void tasmota_module_announce_all(struct tasmota_module *module);
void tasmota_module_reach(const struct tasmota_module *module);

/* The module says which MAC it has. */
void tasmota_module_identify(struct tasmota_module *module, const char *payload, size_t len);
void tasmota_module_ask_who(struct tasmota_module *module);

/* tasmota.c */
void tasmota_ask(struct tasmota_module *module); /* for its state, which it does not retain */

#endif
