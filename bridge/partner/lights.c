/* Which lights a request means, and the list of them. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "base/url.h"
#include "partner/color_string.h"
#include "partner/internal.h"

/* ---- selection ---- */

void lights_marks(struct partner *p)
{
    size_t count = hub_light_count(p->hub);
    if (count > p->mark_count) {
        p->marks = mem_grow(p->marks, count, sizeof p->marks[0]);
        p->places = mem_grow(p->places, count, sizeof p->places[0]);
        memset(&p->marks[p->mark_count], 0, (count - p->mark_count) * sizeof p->marks[0]);
        p->mark_count = count;
    }
    if (++p->mark == 0) { /* after four billion requests */
        memset(p->marks, 0, p->mark_count * sizeof p->marks[0]);
        p->mark = 1;
    }
}

static bool fits(const struct partner *p, const struct selector_term *term, const struct light_info *info)
{
    char id[LIFX_GROUP_ID_SIZE];
    switch (term->kind) {
    case SELECTOR_ALL:
        return true;
    case SELECTOR_ID:
        return strcmp(term->value, info->id) == 0;
    case SELECTOR_LABEL:
        return strcmp(term->value, info->name) == 0;
    case SELECTOR_GROUP:
        return strcmp(term->value, lifx_group_name(&p->house, info)) == 0;
    case SELECTOR_GROUP_ID:
        lifx_group_id(&p->house, lifx_group_name(&p->house, info), id);
        return strcmp(term->value, id) == 0;
    case SELECTOR_LOCATION:
        return strcmp(term->value, p->house.name) == 0;
    case SELECTOR_LOCATION_ID:
        lifx_location_id(&p->house, id);
        return strcmp(term->value, id) == 0;
    case SELECTOR_SCENE_ID:
        return scene_has(p, term->value, info->id);
    }
    return false;
}

static void take(struct partner *p, struct light *light, struct selection *s)
{
    size_t number = hub_light_number(light);
    if (p->marks[number] != p->mark) {
        p->marks[number] = p->mark;
        s->lights[s->count++] = light;
    }
}

/* Room for one more of a list that is drawn from. */
static struct light *drawn(struct light **list, size_t count)
{
    uint32_t random;
    secrets_random(&random, sizeof random);
    return list[random % count];
}

static void take_term(struct partner *p, const struct selector_term *term, struct selection *s)
{
    size_t all = hub_light_count(p->hub), found = 0;
    struct light **list = term->random ? mem_array(all + 1, sizeof(struct light *)) : NULL;
    struct light *named = term->kind == SELECTOR_ID ? hub_light_find(p->hub, term->value) : NULL;
    for (size_t i = 0; i < (term->kind == SELECTOR_ID ? (named != NULL) : all); i++) {
        struct light *light = named ? named : hub_light_at(p->hub, i);
        struct light_info info;
        hub_light_info(light, &info);
        if (!lifx_shown(&info) || !fits(p, term, &info)) {
            continue;
        }
        if (list) {
            list[found++] = light;
        } else {
            take(p, light, s);
        }
    }
    if (found > 0) {
        take(p, drawn(list, found), s);
    }
    free(list);
}

int find_lights(struct partner *p, const char *text, struct selection *s, const char **ret_what)
{
    struct selector selector;
    int err = selector_parse(text, &selector, ret_what);
    *s = (struct selection){0};
    if (err != 0) {
        selector_done(&selector);
        return ERR_INVALID;
    }
    lights_marks(p);
    s->lights = mem_array(hub_light_count(p->hub) + 1, sizeof(struct light *));
    bool all = false;
    for (size_t i = 0; i < selector.count; i++) {
        take_term(p, &selector.terms[i], s);
        all = all || selector.terms[i].kind == SELECTOR_ALL;
    }
    selector_done(&selector);
    if (s->count == 0 && !all) {
        selection_done(s);
        return ERR_NOT_FOUND;
    }
    return 0;
}

void selection_done(struct selection *s)
{
    free(s->lights);
    *s = (struct selection){0};
}

bool select_lights(struct partner *p, struct http_exchange *x, const char *text, struct selection *s)
{
    const char *what = NULL;
    int err = find_lights(p, text, s, &what);
    if (err == ERR_NOT_FOUND) {
        answer_not_found(x, "no light fits the selector");
    } else if (err != 0) {
        struct faults faults = {0};
        faults_add(&faults, "selector", what);
        answer_faults(x, &faults);
    }
    return err == 0;
}

bool select_tail(struct partner *p, struct http_exchange *x, struct selection *s)
{
    struct str text = STR_INIT;
    const char *tail = http_tail(x);
    bool found = false;
    if (url_decode(&text, tail, strlen(tail), false) != 0) {
        http_answer_error(x, 400, "invalid_request", "the selector in the path has a broken percent escape", 0);
    } else {
        found = select_lights(p, x, *str_z(&text) ? str_z(&text) : "all", s);
    }
    str_done(&text);
    return found;
}

/* ---- GET /v1/lights ---- */

void partner_lights(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    struct selection s = {0};
    if (!request_begins(p, x) || !select_tail(p, x, &s)) {
        return;
    }
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_array(&j);
    for (size_t i = 0; i < s.count; i++) {
        struct light_info info;
        hub_light_info(s.lights[i], &info);
        lifx_light(&j, &p->house, &info, loop_wall_ms());
    }
    json_end_array(&j);
    selection_done(&s);
    answer_json(x, 200, &body);
}

/* ---- GET /v1/color ---- */

static void member_or_null(struct json_out *j, const char *key, bool known, int64_t value, unsigned decimals)
{
    json_put_key(j, key);
    if (known) {
        json_put_fixed(j, value, decimals);
    } else {
        json_put_null(j);
    }
}

void partner_color(struct http_exchange *x, void *context)
{
    struct partner *p = context;
    const char *what = NULL, *text = NULL;
    struct faults faults = {0};
    struct light_state color = {0};
    uint32_t random;
    if (!request_begins(p, x)) {
        return;
    }
    const struct url_form *query = http_query(x, &what);
    text = query ? url_form_value(query, "string") : NULL;
    secrets_random(&random, sizeof random);
    if (!text) {
        what = what ? what : "is missing: /v1/color?string=red";
    } else {
        (void)color_string_parse(text, random, &color, &what);
    }
    if (what) {
        faults_add(&faults, "string", what);
        answer_faults(x, &faults);
        return;
    }
    struct str body = STR_INIT;
    struct json_out j;
    json_out_init(&j, &body);
    json_begin_object(&j);
    member_or_null(&j, "hue", color.has & LIGHT_HUE, color.hue, 2);
    member_or_null(&j, "saturation", color.has & LIGHT_SATURATION, color.saturation, 4);
    member_or_null(&j, "brightness", color.has & LIGHT_LEVEL, color.level, 4);
    member_or_null(&j, "kelvin", color.has & LIGHT_KELVIN, color.kelvin, 0);
    json_end_object(&j);
    answer_json(x, 200, &body);
}
