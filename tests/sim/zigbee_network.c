/* Lamps that are renamed, leave and join, and groups. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "sim/zigbee_internal.h"

/* settings.ts, utils.ts: validateFriendlyName */
static int check_name(const struct zigbee *z, const char *name)
{
    uint32_t number;
    size_t len = strlen(name);
    if (len == 0 || len > 200 || strpbrk(name, "+#") || name[0] == '/' || name[len - 1] == '/') {
        return ERR_INVALID;
    }
    return names_get(z->names, name, len, &number) ? ERR_EXISTS : 0;
}

static void clear_retained(struct zigbee *z, const char *name, const char *behind)
{
    char topic[512];
    snprintf(topic, sizeof topic, "%s%s", name, behind);
    zigbee_send(z, topic, "", 0, *behind ? 1 : 0, true);
}

int zigbee_rename(struct zigbee *z, size_t lamp, const char *name)
{
    struct device *d = &z->devices[lamp];
    int err = d->removed ? ERR_ENDED : check_name(z, name);
    if (err != 0) {
        return err;
    }
    zigbee_say(z, "%s is now called %s", d->name, name);
    clear_retained(z, d->name, "");
    if (d->watched) {
        clear_retained(z, d->name, "/availability");
    }
    if (strcmp(d->name, d->ieee) != 0) {
        names_drop(z->names, d->name);
    }
    zigbee_call(z, d, name);
    zigbee_tell_availability(z, d);
    zigbee_tell_info(z);
    zigbee_tell_devices(z);
    zigbee_tell_state(z, d);
    return 0;
}

void zigbee_remove(struct zigbee *z, size_t lamp)
{
    struct device *d = &z->devices[lamp];
    if (d->removed) {
        return;
    }
    zigbee_say(z, "%s is removed", d->name);
    d->removed = true;
    zigbee_leave_groups(z, (uint32_t)lamp);
    clear_retained(z, d->name, "");
    names_drop(z->names, d->name);
    names_drop(z->names, d->ieee);
    zigbee_tell_event(z, d, "device_leave", NULL);
    zigbee_tell_groups(z);
    zigbee_tell_devices(z);
    zigbee_tell_definitions(z);
}

static void finish_interview(void *user, uint32_t subject, void *load)
{
    struct zigbee *z = user;
    struct device *d = &z->devices[subject];
    (void)load;
    if (d->removed || d->interview == INTERVIEW_DONE) {
        return;
    }
    d->interview = INTERVIEW_DONE;
    d->known = true; /* configuring it has read its state */
    zigbee_say(z, "%s is interviewed", d->name);
    zigbee_tell_devices(z);
    zigbee_tell_event(z, d, "device_interview", "successful");
    zigbee_tell_info(z);
    zigbee_tell_definitions(z);
    zigbee_tell_availability(z, d);
    zigbee_tell_state(z, d);
}

void zigbee_join(struct zigbee *z, size_t lamp)
{
    struct device *d = &z->devices[lamp];
    if (!d->removed) {
        return;
    }
    d->removed = false;
    d->online = true;
    d->interview = INTERVIEW_UNDER_WAY;
    d->generation++;
    zigbee_call(z, d, d->ieee); /* the name went with the settings */
    zigbee_say(z, "%s joins", d->name);
    zigbee_tell_devices(z);
    zigbee_tell_event(z, d, "device_joined", NULL);
    zigbee_tell_event(z, d, "device_interview", "started");
    schedule_add(z->schedule, ZIGBEE_INTERVIEW_MS, finish_interview, (uint32_t)lamp, NULL);
}

/* ---- groups ---- */

struct group *zigbee_find_group(struct zigbee *z, const char *name)
{
    uint32_t number;
    char *end;
    unsigned long id = strtoul(name, &end, 10);
    if (names_get(z->names, name, strlen(name), &number)) {
        return number & ZIGBEE_GROUP ? &z->groups[number & ~ZIGBEE_GROUP] : NULL;
    }
    for (size_t i = 0; end != name && !*end && i < z->group_count; i++) {
        if (z->groups[i].id == id && id) {
            return &z->groups[i];
        }
    }
    return NULL;
}

static void call_group(struct zigbee *z, struct group *g, const char *name)
{
    struct str topic = STR_INIT;
    free(g->name);
    free(g->topic);
    g->name = mem_text(name);
    str_printf(&topic, "%s/%s", z->config.base, name);
    g->topic = str_take(&topic);
    names_put(z->names, name, (uint32_t)(g - z->groups) | ZIGBEE_GROUP);
}

int zigbee_add_group(struct zigbee *z, const char *name, uint32_t id, struct group **ret_group)
{
    int err = check_name(z, name);
    uint32_t next = 1;
    size_t slot = z->group_count;
    for (size_t i = 0; i < z->group_count; i++) {
        if (z->groups[i].id == 0) {
            slot = i;
            continue;
        }
        err = id && z->groups[i].id == id ? ERR_EXISTS : err;
        next = z->groups[i].id >= next ? z->groups[i].id + 1 : next;
    }
    if (err != 0) {
        return err;
    }
    if (slot == z->group_count) {
        z->groups = mem_grow(z->groups, ++z->group_count, sizeof *z->groups);
    }
    struct group *g = &z->groups[slot];
    *g = (struct group){.id = id ? id : next};
    call_group(z, g, name);
    *ret_group = g;
    return 0;
}

void zigbee_judge_group(struct zigbee *z, struct group *g, bool always)
{
    bool online = g->count == 0;
    char topic[512];
    for (size_t i = 0; i < g->count; i++) {
        online |= z->devices[g->members[i]].online;
    }
    if (z->config.availability == ZIGBEE_AVAILABILITY_NONE || (!always && online == g->online)) {
        return;
    }
    g->online = online;
    snprintf(topic, sizeof topic, "%s/availability", g->name);
    const char *text = z->config.availability == ZIGBEE_AVAILABILITY_TEXT ? (online ? "online" : "offline")
                       : online                                           ? "{\"state\":\"online\"}"
                                                                          : "{\"state\":\"offline\"}";
    zigbee_send(z, topic, text, strlen(text), 1, true);
}

void zigbee_add_member(struct zigbee *z, struct group *g, uint32_t device)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->members[i] == device) {
            return;
        }
    }
    g->members = mem_grow(g->members, g->count + 1, sizeof *g->members);
    g->members[g->count++] = device;
    z->devices[device].groups++;
}

void zigbee_remove_member(struct zigbee *z, struct group *g, uint32_t device)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->members[i] == device) {
            g->members[i] = g->members[--g->count];
            z->devices[device].groups--;
            return;
        }
    }
}

void zigbee_leave_groups(struct zigbee *z, uint32_t device)
{
    for (size_t i = 0; i < z->group_count; i++) {
        zigbee_remove_member(z, &z->groups[i], device);
    }
}

void zigbee_remove_group(struct zigbee *z, struct group *g)
{
    zigbee_say(z, "the group %s is removed", g->name);
    clear_retained(z, g->name, "");
    names_drop(z->names, g->name);
    while (g->count > 0) {
        zigbee_remove_member(z, g, g->members[0]);
    }
    free(g->members);
    free(g->name);
    free(g->topic);
    *g = (struct group){0};
    zigbee_tell_groups(z);
}

int zigbee_rename_group(struct zigbee *z, struct group *g, const char *name)
{
    int err = check_name(z, name);
    if (err != 0) {
        return err;
    }
    clear_retained(z, g->name, "");
    if (z->config.availability != ZIGBEE_AVAILABILITY_NONE) {
        clear_retained(z, g->name, "/availability");
    }
    names_drop(z->names, g->name);
    call_group(z, g, name);
    zigbee_judge_group(z, g, true);
    zigbee_tell_groups(z);
    zigbee_tell_info(z);
    zigbee_tell_group_state(z, g);
    return 0;
}

int zigbee_group(struct zigbee *z, const char *name, const size_t *members, size_t count)
{
    struct group *g;
    int err = zigbee_add_group(z, name, 0, &g);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        zigbee_add_member(z, g, (uint32_t)members[i]);
    }
    zigbee_say(z, "the group %s has %zu lamps", name, count);
    zigbee_tell_groups(z);
    zigbee_judge_group(z, g, true);
    zigbee_tell_group_state(z, g);
    return 0;
}

int zigbee_ungroup(struct zigbee *z, const char *name)
{
    struct group *g = zigbee_find_group(z, name);
    if (!g) {
        return ERR_NOT_FOUND;
    }
    zigbee_remove_group(z, g);
    return 0;
}
