/* bridge/request/...: answered on bridge/response/... with the transaction that came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "loop/loop.h"
#include "sim/zigbee_internal.h"

#define REQUEST_MAX 65536
#define RESTART_DELAY_MS 500

/* One request: what came, and where its answer is written. `message` is an object, or a bare value. */
struct request {
    struct zigbee *z;
    const struct json *message;
    struct json_out *data; /* members of the answer's `data` */
    struct str *error;
};

typedef void request_fn(struct request *r);

/* The member, or the message itself where that is a bare text or number. */
static const char *argument(const struct request *r, const char *key, char memory[24])
{
    const struct json *v = json_is_object(r->message) ? json_get(r->message, key) : r->message;
    int64_t number;
    if (json_integer(v, 0, INT32_MAX, &number) == 0) {
        snprintf(memory, 24, "%lld", (long long)number);
        return memory;
    }
    return json_text(v);
}

static struct device *find_device(struct request *r, const char *name)
{
    uint32_t number;
    if (name && names_get(r->z->names, name, strlen(name), &number) && !(number & ZIGBEE_GROUP)) {
        return &r->z->devices[number];
    }
    if (name) {
        str_printf(r->error, "Device '%s' does not exist", name);
    } else {
        str_add_z(r->error, "Invalid payload");
    }
    return NULL;
}

static struct group *find_group(struct request *r, const char *name)
{
    struct group *g = name ? zigbee_find_group(r->z, name) : NULL;
    if (!g && name) {
        str_printf(r->error, "Group '%s' does not exist", name);
    } else if (!g) {
        str_add_z(r->error, "Invalid payload");
    }
    return g;
}

static void name_error(struct request *r, int err, const char *name)
{
    if (err == ERR_EXISTS) {
        str_printf(r->error, "friendly_name '%s' is already in use", name);
    } else if (err != 0) {
        str_printf(r->error, "friendly_name '%s' is not valid", name);
    }
}

static void put_rename(struct request *r, const char *from, const char *to)
{
    json_member_text(r->data, "from", from);
    json_member_bool(r->data, "homeassistant_rename", false);
    json_member_text(r->data, "to", to);
}

static void device_rename(struct request *r)
{
    const char *to = json_get_text(r->message, "to");
    struct device *d = find_device(r, to ? json_get_text(r->message, "from") : NULL);
    if (d) {
        struct str from = STR_INIT;
        str_add_z(&from, d->name);
        name_error(r, zigbee_rename(r->z, (size_t)(d - r->z->devices), to), to);
        put_rename(r, str_z(&from), to);
        str_done(&from);
    }
}

static void device_remove(struct request *r)
{
    char memory[24];
    const char *id = argument(r, "id", memory);
    struct device *d = find_device(r, id);
    if (d) {
        zigbee_remove(r->z, (size_t)(d - r->z->devices));
        json_member_bool(r->data, "block", json_is_true(json_get(r->message, "block")));
        json_member_bool(r->data, "force", json_is_true(json_get(r->message, "force")));
        json_member_text(r->data, "id", id);
        json_member_bool(r->data, "keep_config", false);
    }
}

static void device_options(struct request *r)
{
    const char *id = json_get_text(r->message, "id");
    struct device *d = find_device(r, id);
    const struct json *options = json_get(r->message, "options");
    const struct json *optimistic = json_get(options, "optimistic");
    const struct json *retain = json_get(options, "retain");
    if (!d) {
        return;
    }
    if (json_is_bool(optimistic)) {
        d->pessimistic = !json_is_true(optimistic);
    }
    if (json_is_bool(retain)) {
        d->retain = json_is_true(retain);
    }
    zigbee_tell_info(r->z);
    json_member_text(r->data, "id", id);
    json_member_bool(r->data, "restart_required", false);
}

static void group_add(struct request *r)
{
    char memory[24];
    const char *name = argument(r, "friendly_name", memory);
    int64_t id = 0;
    struct group *g;
    if (!name || (json_get(r->message, "id") && json_integer(json_get(r->message, "id"), 1, 65535, &id) != 0)) {
        str_add_z(r->error, "Invalid payload");
        return;
    }
    int err = zigbee_add_group(r->z, name, (uint32_t)id, &g);
    name_error(r, err, name);
    if (err == 0) {
        zigbee_tell_groups(r->z);
        zigbee_judge_group(r->z, g, true);
        json_member_text(r->data, "friendly_name", g->name);
        json_member_int(r->data, "id", g->id);
    }
}

static void group_remove(struct request *r)
{
    char memory[24];
    const char *id = argument(r, "id", memory);
    struct group *g = find_group(r, id);
    if (g) {
        zigbee_remove_group(r->z, g);
        json_member_bool(r->data, "force", json_is_true(json_get(r->message, "force")));
        json_member_text(r->data, "id", id);
    }
}

static void group_rename(struct request *r)
{
    const char *to = json_get_text(r->message, "to");
    struct group *g = find_group(r, to ? json_get_text(r->message, "from") : NULL);
    if (g) {
        struct str from = STR_INIT;
        str_add_z(&from, g->name);
        name_error(r, zigbee_rename_group(r->z, g, to), to);
        put_rename(r, str_z(&from), to);
        str_done(&from);
    }
}

static void change_member(struct request *r, bool add)
{
    const char *group = json_get_text(r->message, "group");
    const char *device = json_get_text(r->message, "device");
    struct group *g = find_group(r, group);
    struct device *d = g ? find_device(r, device) : NULL;
    if (!d) {
        return;
    }
    if (add) {
        zigbee_add_member(r->z, g, (uint32_t)(d - r->z->devices));
    } else {
        zigbee_remove_member(r->z, g, (uint32_t)(d - r->z->devices));
    }
    zigbee_tell_groups(r->z);
    zigbee_judge_group(r->z, g, false);
    json_member_text(r->data, "device", device);
    json_member_text(r->data, "endpoint", "default");
    json_member_text(r->data, "group", group);
}

static void group_members_add(struct request *r)
{
    change_member(r, true);
}

static void group_members_remove(struct request *r)
{
    change_member(r, false);
}

static void close_network(void *user, uint32_t subject, void *load)
{
    struct zigbee *z = user;
    (void)load;
    if (subject == z->permit_s) {
        z->permit_join = false;
        zigbee_tell_info(z);
    }
}

static void permit_join(struct request *r)
{
    const struct json *v = json_is_object(r->message) ? json_get(r->message, "time") : r->message;
    int64_t seconds;
    if (json_integer(v, 0, 254, &seconds) != 0) {
        str_add_z(r->error, "Invalid payload");
        return;
    }
    r->z->permit_join = seconds > 0;
    r->z->permit_s = (uint32_t)seconds;
    if (seconds > 0) {
        schedule_add(r->z->schedule, (uint64_t)seconds * 1000, close_network, (uint32_t)seconds, NULL);
    }
    zigbee_tell_info(r->z);
    json_member_int(r->data, "time", seconds);
}

static void health_check(struct request *r)
{
    json_member_bool(r->data, "healthy", true);
}

static void restart_now(void *user, uint32_t subject, void *load)
{
    (void)subject;
    (void)load;
    zigbee_restart(user, false);
}

static void restart(struct request *r)
{
    schedule_add(r->z->schedule, RESTART_DELAY_MS, restart_now, 0, NULL);
}

static const struct {
    const char *name;
    request_fn *run;
} request_rows[] = {
    {"device/rename", device_rename},
    {"device/remove", device_remove},
    {"device/options", device_options},
    {"group/add", group_add},
    {"group/remove", group_remove},
    {"group/rename", group_rename},
    {"group/members/add", group_members_add},
    {"group/members/remove", group_members_remove},
    {"permit_join", permit_join},
    {"health_check", health_check},
    {"restart", restart},
};

static void answer(struct zigbee *z, const char *what, const struct json *message, struct str *data, struct str *error)
{
    const struct json *transaction = json_get(message, "transaction");
    struct str s = STR_INIT;
    struct json_out j;
    char topic[128];
    json_out_init(&j, &s);
    json_begin_object(&j);
    json_put_key(&j, "data");
    json_put_raw(&j, error->len ? "{}" : str_z(data), error->len ? 2 : data->len);
    if (error->len) {
        json_member_text(&j, "error", str_z(error));
    }
    json_member_text(&j, "status", error->len ? "error" : "ok");
    if (transaction) {
        struct str copy = STR_INIT;
        json_copy(&copy, transaction);
        json_put_key(&j, "transaction");
        json_put_raw(&j, copy.data, copy.len);
        str_done(&copy);
    }
    json_end_object(&j);
    snprintf(topic, sizeof topic, "bridge/response/%s", what);
    zigbee_send(z, topic, s.data, s.len, 0, false);
    str_done(&s);
}

void zigbee_hear_request(struct zigbee *z, const char *what, const char *payload, size_t len)
{
    for (size_t i = 0; i < sizeof request_rows / sizeof request_rows[0]; i++) {
        if (strcmp(request_rows[i].name, what) != 0) {
            continue;
        }
        struct json *message = NULL;
        struct str bare = STR_INIT;
        struct str data = STR_INIT;
        struct str error = STR_INIT;
        struct json_out j;
        if (json_parse(payload, len, REQUEST_MAX, &message, NULL) != 0) {
            json_out_init(&j, &bare); /* a bare name is taken as it is */
            json_put_text_n(&j, payload, len);
            (void)json_parse(bare.data, bare.len, REQUEST_MAX, &message, NULL);
        }
        json_out_init(&j, &data);
        json_begin_object(&j);
        request_rows[i].run(&(struct request){z, message, &j, &error});
        json_end_object(&j);
        answer(z, what, message, &data, &error);
        if (error.len) {
            struct str log = STR_INIT;
            str_printf(&log, "Request '%s/bridge/request/%s' failed with error: '%s'", z->config.base, what,
                       error.data);
            zigbee_log(z, "error", log.data);
            str_done(&log);
        }
        json_free(message);
        str_done(&bare);
        str_done(&data);
        str_done(&error);
        return;
    }
}
