/* GET /: the plain page. Read-only, without scripts, made for a phone. */
#include <string.h>
#include <time.h>

#include "local/local_internal.h"

#define ATTEMPTS_SHOWN 10u

static void put_row(struct str *s, const char *name, const char *right, const char *class, const char *below)
{
    str_add_z(s, "<li><div class=\"row\"><span class=\"name\" dir=\"auto\">");
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

/* A section of rows that are made already; `none` and `hint` stand where there are none. */
static void put_section(struct str *s, const char *title, struct str *rows, size_t count, const char *none,
                        const char *hint)
{
    str_printf(s, "<h2>%s", title);
    if (count > 0) {
        str_printf(s, " <span class=\"count\">%zu</span>", count);
    }
    str_add_z(s, "</h2>\n<div class=\"card\"><ul class=\"rows\">\n");
    if (count == 0) {
        put_row(rows, none, "", "", hint);
    }
    str_add(s, rows->data, rows->len);
    str_add_z(s, "</ul></div>\n");
    str_done(rows);
}

static void describe(struct str *s, const struct light_info *i)
{
    const struct light_state *r = &i->reported;
    bool knows = (r->has & (LIGHT_ON | LIGHT_LEVEL)) != 0;
    bool on = r->has & LIGHT_ON ? r->on : r->level > 0; /* a lamp without a switch is on by its level */
    if (i->reach == LIGHT_REACH_OFFLINE || !knows) {
        str_add_z(s, i->reach == LIGHT_REACH_OFFLINE ? "offline" : "not heard of yet");
        return;
    }
    str_add_z(s, on ? "on" : "off");
    if (!on) {
        return;
    }
    if (r->has & LIGHT_LEVEL) {
        str_printf(s, r->level < 100 ? " <1 %%" : " %u %%", (r->level + 50u) / 100u);
    }
    if ((r->has & LIGHT_HUE) && (!(r->has & LIGHT_KELVIN) || r->mode == LIGHT_MODE_COLOR)) {
        str_printf(s, ", hue %u°", r->hue / 100u);
    } else if (r->has & LIGHT_KELVIN) {
        str_printf(s, ", %u K", r->kelvin);
    }
}

static void put_lights(struct str *s, struct hub *hub)
{
    size_t shown = 0;
    struct str rows = STR_INIT;
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
        put_row(&rows, i.name, str_z(&right), i.reach == LIGHT_REACH_OFFLINE ? "bad" : "", str_z(&below));
        str_done(&right);
        str_done(&below);
        shown++;
    }
    put_section(s, "Lights", &rows, shown, "No lights yet", "Is a broker configured, and is Zigbee2MQTT running?");
}

static const struct {
    enum smartthings_callback callback;
    const char *right, *class, *says;
} callbacks[] = {
    {SMARTTHINGS_NONE, "linked", "", "SmartThings has not granted callbacks: it learns of changes when it asks"},
    {SMARTTHINGS_EXCHANGING, "linked", "", "the callback grant is being redeemed"},
    {SMARTTHINGS_GRANTED, "linked", "good", "changes are told at once"},
    {SMARTTHINGS_REFRESHING, "linked", "good", "the callback token is being renewed"},
    {SMARTTHINGS_NEEDS_GRANT, "needs a grant", "bad", "pull down in the SmartThings app, so that it discovers anew"},
};

static void put_links(struct str *s, const struct local *local)
{
    size_t shown = 0;
    struct str rows = STR_INIT;
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
        size_t k = 0;
        while (k + 1 < sizeof callbacks / sizeof callbacks[0] && callbacks[k].callback != state.callback) {
            k++;
        }
        struct trace_finding finding;
        const struct trace *trace = oauth_trace_of(l);
        bool troubled = trace && trace_finding(trace, &finding);
        traces_add_health(&below, &i, trace, loop_wall_ms());
        str_printf(&below, " · %s · %s", callbacks[k].says, i.id);
        if (troubled) {
            traces_add_finding(&below, &finding);
        } else if (*state.last_error) {
            str_printf(&below, " · last trouble: %s", state.last_error);
        }
        struct str name = STR_INIT;
        str_printf(&name, "%s · %s", i.account, i.client_name ? i.client_name : i.client_id);
        put_row(&rows, str_z(&name), callbacks[k].right, troubled ? "bad" : callbacks[k].class, str_z(&below));
        str_done(&name);
        str_done(&below);
        shown++;
    }
    put_section(s, "Links", &rows, shown, "No account is linked",
                "In the SmartThings app: add a device, and choose this bridge.");
}

/* The newest first: whoever looks here has just tried. */
static void put_attempts(struct str *s, struct oauth *oauth)
{
    const struct trace *found[ATTEMPTS_SHOWN];
    size_t count = 0;
    struct str rows = STR_INIT;
    for (const struct trace *t = oauth_trace_next(oauth, NULL); t; t = oauth_trace_next(oauth, t)) {
        if (traces_is_attempt(oauth, t)) {
            found[count++ % ATTEMPTS_SHOWN] = t;
        }
    }
    for (size_t i = 0; i < count && i < ATTEMPTS_SHOWN; i++) {
        const struct trace *t = found[(count - 1 - i) % ATTEMPTS_SHOWN];
        struct trace_finding finding;
        bool troubled = trace_finding(t, &finding);
        struct str name = STR_INIT, below = STR_INIT;
        str_printf(&name, "%s%s%s", t->account ? t->account : "", t->account ? " · " : "",
                   t->client_id ? t->client_id : "unknown client");
        str_add_z(&below, "began ");
        traces_add_age(&below, t->events[0].at_ms, loop_wall_ms());
        if (troubled) {
            traces_add_finding(&below, &finding);
        }
        put_row(&rows, str_z(&name), troubled ? trace_step_row(finding.step)->title : "under way",
                troubled ? "bad" : "", str_z(&below));
        str_done(&name);
        str_done(&below);
    }
    if (count > 0) {
        put_section(s, "Attempts without a link", &rows, count, "", "");
    }
}

struct networks {
    struct str rows;
    size_t count;
};

static void put_driver(void *user, const char *name, bool well, const char *status)
{
    struct networks *n = user;
    put_row(&n->rows, name, "", well ? "" : "not well", status);
    n->count++;
}

static void put_networks(struct str *s, struct hub *hub)
{
    struct networks n = {0};
    hub_driver_status(hub, put_driver, &n);
    put_section(s, "Networks", &n.rows, n.count, "No network is configured",
                "The configuration file names brokers under \"mqtt\"; `lightbridge run --demo` shows lamps in memory.");
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
    put_attempts(&s, local->oauth);
    put_networks(&s, local->hub);
    str_add_z(&s, "<p class=\"small\">lightbridge " LIGHTBRIDGE_VERSION "</p>\n</main>\n");
    http_answer_page(x, 200, "lightbridge", &s, NULL);
}
