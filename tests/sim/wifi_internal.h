/* What the families of lamps on the Wi-Fi share. */
#ifndef SIM_WIFI_INTERNAL_H
#define SIM_WIFI_INTERNAL_H

#include "base/json.h"
#include "base/str.h"
#include "sim/broker.h"
#include "sim/wifi.h"

#define WIFI_LAMPS_MAX 8u /* of one device */

/* What a lamp shows, in its own units: level 0..100, with WLED 0..255. */
struct wifi_lamp {
    bool on, white_mode;
    int level, rgb[3], white, kelvin, cct;
};

struct wifi_shape {
    const char *model, *app; /* "SNDC-0D4P10WW", "shellyplusrgbwpm" */
    const char *parts[WIFI_LAMPS_MAX];
    int generation, min_kelvin, max_kelvin;
    int diodes; /* WLED: 1 RGB, 2 white, 4 CCT */
};

struct wifi_device {
    struct wifi *wifi;
    const struct wifi_shape *shape;
    struct broker *broker; /* NULL: without power */
    char mac[13], id[64];
    char *topic;
    size_t first, count, shown; /* its lamps, by number; those that count as such */
    struct wifi_lamp lamps[WIFI_LAMPS_MAX];
    struct wifi_lamp before; /* of the lamp that is told something, before it obeyed */
    struct wifi_manner manner;
    uint32_t generation;  /* of its last command: what a longer fade would say is overtaken */
    bool up, plain, told; /* told: WLED's publishing waits for its cooldown */
    uint64_t published_at;
    struct http_door *door;
};

struct wifi_ops {
    const struct wifi_shape *shapes;
    size_t shape_count;
    const char *online, *offline;         /* texts of its availability */
    const char *status;                   /* its topic, behind the device's */
    void (*name)(struct wifi_device *d);  /* id and topic of a new one */
    void (*hello)(struct wifi_device *d); /* the broker is there */
    /* Which lamp a message commands; -1: none, it is a question or nothing for it. */
    int (*commands)(struct wifi_device *d, const char *topic, const char *payload, size_t len);
    void (*obey)(struct wifi_device *d, int lamp, const char *topic, const char *payload, size_t len);
    void (*hear)(struct wifi_device *d, const char *topic, const char *payload, size_t len); /* anything else */
    void (*tell)(struct wifi_device *d, int lamp, bool full); /* its state; not full: what differs from d->before */
    void (*babble)(struct wifi_device *d);
};
extern const struct wifi_ops wifi_shelly, wifi_shelly1, wifi_wled;

struct wifi {
    struct loop *loop;
    struct wifi_config config;
    const struct wifi_ops *ops;
    struct schedule *schedule;
    struct storm *storm;
    struct wifi_device *devices;
    size_t count, lamps, hello; /* hello: how many have said it */
    struct str text, topic;     /* of the message being made */
};

/* On a topic below the device's, "" for the device's own; the text is w->text. */
void wifi_send(struct wifi_device *d, const char *tail, bool retain);
void wifi_send_to(struct wifi_device *d, const char *topic, bool retain);
void wifi_subscribe(struct wifi_device *d, const char *tail); /* with a leading '/' it is a whole topic */
void wifi_say(struct wifi_device *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Later; not when the device got another command meanwhile. */
void wifi_later(struct wifi_device *d, uint32_t delay_ms, int lamp);
/* As if a message had come, by another way (HTTP). */
void wifi_hear(struct wifi_device *d, const char *topic, const char *payload, size_t len);
/* WLED's document and commands over HTTP (sim/http_door.h). */
int wifi_wled_serve(void *user, const char *method, const char *path, const char *body, size_t len, struct str *out);
struct json *wifi_parse(const char *payload, size_t len); /* NULL: no object */
int wifi_whole(const struct json *object, const char *key, int otherwise);

#endif
