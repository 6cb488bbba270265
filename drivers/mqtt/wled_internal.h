/* What the files of WLED's run time share; wled.h is for mqtt.c. */
#ifndef MQTT_WLED_INTERNAL_H
#define MQTT_WLED_INTERNAL_H

#include "mqtt/wled.h"

#include "mqtt/asking.h"
#include "mqtt/table.h"
#include "mqtt/wled_codec.h"

struct fetch_call;
struct wled_strip;

struct wled_light {
    struct way way; /* first */
    struct wled_strip *strip;
    struct wled_lamp lamp;
};

struct wled_strip {
    struct entry entry; /* first: its device topic */
    struct ask ask;
    struct wled *wled;
    struct wled_light **lights; /* the whole, and its segments where there are several */
    size_t count;
    enum light_reach reach; /* by its own word */
    bool tells;             /* it has said by `status` that it is there */
    bool asked_in_vain;     /* its host did not answer, and that was said */
    bool again;             /* something has changed since the document was asked for */
    struct fetch_call *call;
    char *address, *name, *version;
};

struct wled {
    struct dialect dialect; /* first */
    char *topic, *host;     /* of the configuration, apart; host NULL: not known */
    bool many;              /* the topic is what all lie under */
    struct table strips;
    struct asking *asking;
    struct str scratch_topic, payload;
};

/* ---- wled.c ---- */
/* Lights as the strip has them now; announces them. `device` NULL: one light, of colour. */
void wled_set_lights(struct wled_strip *strip, const struct wled_device *device);
void wled_report(struct wled_strip *strip, const struct wled_device *device);

/* ---- wled_document.c: what it says over HTTP ---- */
void wled_document_ask(struct wled_strip *strip);
void wled_document_forget(struct wled_strip *strip);

#endif
