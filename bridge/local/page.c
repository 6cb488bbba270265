/* GET /: the plain page. Read-only, without scripts, made for a phone. */
#include <string.h>
#include <time.h>

#include "local/local_internal.h"

static void put_row(struct str *s, const char *name, const char *right, const char *class, const char *below)
{
    str_add_z(s, "<li><div class=\"row\"><span class=\"name\">");
    http_escape(s, name);
    str_printf(s, "</span><span class=\"%s\">", class);
    http_escape(s, right);
    str_add_z(s, "</span></div>");
    if (*below) {
        str_add_z(s, "<div class=\"small\">");
        http_escape(s, below);
        str_add_z(s, "</div>");
    }
    str_add_z(s, "</li>\n");
}

static void describe(struct str *s, const struct light_info *i)
{
    const struct light_state *r = &i->reported;
    if (i->reach == LIGHT_REACH_OFFLINE) {
        str_add_z(s, "offline");
        return;
    }
    str_add_z(s, !(r->has & LIGHT_ON) ? "not heard of yet" : r->on ? "on" : "off");
    if ((r->has & LIGHT_ON) && r->on && (r->has & LIGHT_LEVEL)) {
        str_printf(s, " %u %%", (r->level + 50u) / 100u);
    }
    if ((r->has & LIGHT_MODE) && r->mode == LIGHT_MODE_COLOR && (r->has & LIGHT_HUE)) {
        str_printf(s, ", hue %u°", r->hue / 100u);
    } else if (r->has & LIGHT_KELVIN) {
        str_printf(s, ", %u K", r->kelvin);
    }
}

static void put_lights(struct str *s, struct hub *hub)
{
    size_t shown = 0;
    str_add_z(s, "<h2>Lights</h2>\n<div class=\"card\"><ul class=\"rows\">\n");
    for (size_t k = 0; k < hub_light_count(hub); k++) {
        struct light_info i;
        struct str right = STR_INIT;
        struct str below = STR_INIT;
        hub_light_info(hub_light_at(hub, k), &i);
        if (i.removed) {
            continue;
        }
        describe(&right, &i);
        str_printf(&below, "%s%s%s%s", i.room, *i.room ? " · " : "", *i.where ? i.where : i.address,
                   i.exposed ? "" : " · hidden from SmartThings");
        put_row(s, i.name, str_z(&right), i.reach == LIGHT_REACH_OFFLINE ? "bad" : "", str_z(&below));
        str_done(&right);
        str_done(&below);
        shown++;
    }
    if (shown == 0) {
        put_row(s, "No lights yet", "", "", "Is a broker configured, and is Zigbee2MQTT running?");
    }
    str_add_z(s, "</ul></div>\n");
}

static const struct {
    enum smartthings_callback callback;
    const char *says, *class;
} callbacks[] = {
    {SMARTTHINGS_NONE, "linked; SmartThings has not granted callbacks yet", ""},
    {SMARTTHINGS_EXCHANGING, "linked; the callback grant is being redeemed", ""},
    {SMARTTHINGS_GRANTED, "linked; changes are told at once", "good"},
    {SMARTTHINGS_REFRESHING, "linked; the callback token is being renewed", ""},
    {SMARTTHINGS_NEEDS_GRANT, "linked, but it needs a new grant: pull down in the SmartThings app", "bad"},
};

static void put_links(struct str *s, const struct local *local)
{
    size_t shown = 0;
    str_add_z(s, "<h2>Links</h2>\n<div class=\"card\"><ul class=\"rows\">\n");
    for (struct oauth_link *l = oauth_link_next(local->oauth, NULL); l; l = oauth_link_next(local->oauth, l)) {
        struct oauth_link_info i;
        struct smartthings_link_state state = {.callback = SMARTTHINGS_NONE, .last_error = ""};
        struct str below = STR_INIT;
        oauth_link_info(l, &i);
        if (!oauth_link_alive(l) || i.redeemed_ms == 0) {
            continue;
        }
        if (local->smartthings) {
            (void)smartthings_link_state(local->smartthings, l, &state);
        }
        str_printf(&below, "%s", i.id);
        if (*state.last_error) {
            str_printf(&below, " · last trouble: %s", state.last_error);
        }
        struct str name = STR_INIT;
        str_printf(&name, "%s · %s", i.account, i.client_name ? i.client_name : i.client_id);
        for (size_t k = 0; k < sizeof callbacks / sizeof callbacks[0]; k++) {
            if (callbacks[k].callback == state.callback) {
                put_row(s, str_z(&name), callbacks[k].says, callbacks[k].class, str_z(&below));
            }
        }
        str_done(&name);
        str_done(&below);
        shown++;
    }
    if (shown == 0) {
        put_row(s, "No account is linked", "", "", "In the SmartThings app: add a device, and choose this bridge.");
    }
    str_add_z(s, "</ul></div>\n");
}

static void put_driver(void *user, const char *name, const char *status)
{
    put_row(user, name, status, "", "");
}

void local_page(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct str s = STR_INIT;
    const char *health = "ok";
    const char *trouble = "";
    bool key = true;
    if (local->sources.store) {
        local->sources.store(local->sources.user, &health, &trouble, &key);
    }
    str_add_z(&s, "<main class=\"wide\">\n<h1>lightbridge</h1>\n");
    if (*trouble) {
        str_add_z(&s, "<p class=\"error\">");
        http_escape(&s, trouble);
        str_add_z(&s, "</p>\n");
    }
    put_lights(&s, local->hub);
    put_links(&s, local);
    str_add_z(&s, "<h2>Networks</h2>\n<div class=\"card\"><ul class=\"rows\">\n");
    hub_driver_status(local->hub, put_driver, &s);
    str_add_z(&s, "</ul></div>\n<p class=\"small\">lightbridge " LIGHTBRIDGE_VERSION "</p>\n</main>\n");
    http_answer_page(x, 200, "lightbridge", &s, NULL);
}
