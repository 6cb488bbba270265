/* Who may link, and with which credentials. */
#include <string.h>

#include "app/doctor.h"
#include "base/json.h"

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_get_text(object, key);
    return text ? text : "";
}

/* ---- clients ---- */

/* What was found of them: all, and what is wrong with some. */
struct roll {
    struct str all, bad;
    const char *fix; /* of the first that is wrong */
};

static void blame(struct roll *roll, const char *fix)
{
    roll->fix = roll->fix ? roll->fix : fix;
    str_add_z(&roll->bad, roll->bad.len > 0 ? "; " : "");
}

/* The c2c callbacks of SmartThings' regions (facts 1.8). */
static void check_regions(const struct config_smartthings *st, struct roll *roll)
{
    static const char *const regions[] = {"us", "eu", "ap"};
    struct str missing = STR_INIT, uri = STR_INIT;
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        bool there = false;
        str_clear(&uri);
        str_printf(&uri, "https://c2c-%s.smartthings.com/oauth/callback", regions[i]);
        for (unsigned k = 0; k < st->redirect_uris_count; k++) {
            there = there || strcmp(st->redirect_uris[k], str_z(&uri)) == 0;
        }
        if (!there) {
            str_printf(&missing, "%s%s", missing.len > 0 ? ", " : "", str_z(&uri));
        }
    }
    if (missing.len > 0) {
        blame(roll, "leave smartthings.redirect_uris out, or add them");
        str_printf(&roll->bad, "linking fails in these regions, whose redirect URIs are not listed: %s",
                   str_z(&missing));
    } else {
        str_printf(&roll->all, "%s, with SmartThings' three redirect URIs", st->client_id);
    }
    str_done(&missing);
    str_done(&uri);
}

/* The daemon read its configuration when it started. */
static void check_running(const struct config_smartthings *st, const struct json *client, struct roll *roll)
{
    bool same = strcmp(text_of(client, "id"), st->client_id) == 0;
    unsigned i = 0;
    for (const struct json *uri = json_first(json_get(client, "redirect_uris")); uri; uri = json_next(uri)) {
        same = same && i < st->redirect_uris_count && strcmp(json_text(uri), st->redirect_uris[i]) == 0;
        i++;
    }
    if (!same || i != st->redirect_uris_count) {
        blame(roll, "restart it: systemctl restart lightbridge");
        str_printf(&roll->bad,
                   "the daemon still runs with the client %s and the redirect URIs of before the "
                   "configuration was changed",
                   text_of(client, "id"));
    }
}

static bool leads_to_us(const struct doctor *d, const struct url *url)
{
    return d->has_url && strcmp(url->host, d->url.host) == 0 && url->port == d->url.port;
}

static void check_uri(const struct doctor *d, const char *id, const char *uri, struct roll *roll)
{
    struct url url;
    if (url_parse(uri, &url) != 0) {
        blame(roll, "remove the client and add it again, with the address that its own documents name");
        str_printf(&roll->bad, "the redirect URI %s of %s is no URL", uri, id);
    } else if (url_host_under(url.host, "smartthings.com")) {
        blame(roll, "remove it; SmartThings is the client that the configuration names, by smartthings.client_id");
        str_printf(&roll->bad,
                   "%s has SmartThings' redirect URI %s, but only the configuration's client gets to the lights by the "
                   "webhook",
                   id, uri);
    } else if (leads_to_us(d, &url)) {
        blame(roll, "remove the client and add it again, with the address that its own documents name");
        str_printf(&roll->bad, "the redirect URI %s of %s leads to this bridge itself, not back to the app", uri, id);
    }
}

static void check_added(const struct doctor *d, const struct json *client, struct roll *roll)
{
    const char *id = text_of(client, "id");
    str_printf(&roll->all, "; %s (added, %s)", id, text_of(client, "kind"));
    if (!json_is_true(json_get(client, "in_force"))) {
        blame(roll, "give one of them another id, in smartthings.client_id or by `lightbridge client add`");
        str_printf(&roll->bad, "%s was added, and the configuration's client of the same id wins: it cannot link", id);
        return;
    }
    for (const struct json *uri = json_first(json_get(client, "redirect_uris")); uri; uri = json_next(uri)) {
        str_printf(&roll->all, " %s", json_text(uri));
        check_uri(d, id, json_text(uri), roll);
    }
}

void doctor_clients(struct doctor *d, struct doctor_finding *f)
{
    const struct config_smartthings *st = &d->config->smartthings;
    struct roll roll = {STR_INIT, STR_INIT, NULL};
    check_regions(st, &roll);
    for (const struct json *x = json_first(json_get(d->clients, "clients")); x; x = json_next(x)) {
        if (strcmp(text_of(x, "source"), "added") == 0) {
            check_added(d, x, &roll);
        } else {
            check_running(st, x, &roll);
        }
    }
    if (!st->client_secret_file) {
        doctor_say(f, DOCTOR_FAILED, "`lightbridge setup` makes one",
                   "smartthings.client_secret_file is not set: nobody can link");
    } else if (roll.bad.len > 0) {
        doctor_say(f, DOCTOR_WARNING, roll.fix, "%s", str_z(&roll.bad));
    } else {
        doctor_say(f, DOCTOR_OK, "", "%s%s", str_z(&roll.all),
                   d->clients ? "" : "; those that were added the daemon would tell");
    }
    str_done(&roll.all);
    str_done(&roll.bad);
}

/* ---- the two pairs, and who showed which of them where ---- */

bool doctor_about_credentials(const struct json *event)
{
    static const char *const causes[] = {"swapped_credentials", "callback_client_refused", "grant_refused_client_id"};
    bool about = false;
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        about = about || strcmp(text_of(event, "cause"), causes[i]) == 0;
    }
    return about;
}

static const struct json *finding_of(const struct json *trace, const char *cause)
{
    const struct json *finding = json_get(trace, "finding");
    return strcmp(text_of(finding, "cause"), cause) == 0 ? finding : NULL;
}

/* One that lives and of which tokens came; the others are attempts. */
static bool is_link(const struct json *link)
{
    return json_is_true(json_get(link, "alive")) && doctor_number(link, "redeemed_at") != 0;
}

/* SmartThings showed us what it had given to us. An authorization request that would be right by now, because the
   configuration was mended since, is history. */
static const struct json *shown_to_us(const struct doctor *d)
{
    const struct json *last = NULL;
    const char *own = d->config->smartthings.client_id;
    int64_t linked = doctor_last_linked(d);
    for (const struct json *x = json_first(json_get(d->links, "attempts")); x; x = json_next(x)) {
        const struct json *finding = finding_of(x, "swapped_credentials");
        bool mended = strcmp(text_of(finding, "step"), "authorize") == 0 && strcmp(text_of(x, "client"), own) == 0;
        if (finding && !mended && doctor_number(x, "began_at") > linked) {
            last = finding;
        }
    }
    for (const struct json *x = json_first(json_get(d->links, "links")); x; x = json_next(x)) {
        const struct json *finding = finding_of(json_get(x, "trace"), "swapped_credentials");
        if (finding && is_link(x)) {
            last = finding;
        }
    }
    return last;
}

/* What we showed SmartThings was not what it had given to us. */
static const struct json *shown_by_us(const struct doctor *d)
{
    for (const struct json *x = json_first(json_get(d->links, "links")); x; x = json_next(x)) {
        const struct json *trace = json_get(x, "trace");
        const struct json *refused = finding_of(trace, "callback_client_refused");
        const struct json *other = finding_of(trace, "grant_refused_client_id");
        if (is_link(x) && (refused || other)) {
            return refused ? refused : other;
        }
    }
    return NULL;
}

static void judge_by_us(const struct config_smartthings *st, const struct json *finding, struct doctor_finding *f)
{
    const char *got = text_of(finding, "got");
    if (strcmp(got, st->client_id) == 0) {
        doctor_say(
            f, DOCTOR_FAILED,
            "put each in the place of the other: client_id and client_secret_file are what we give to SmartThings",
            "the pairs are swapped: SmartThings' grant is for %s, which is configured as our own client_id; "
            "callback_client_id is %s",
            got, st->callback_client_id);
    } else {
        doctor_say(
            f, DOCTOR_FAILED, text_of(finding, "advice"),
            "SmartThings does not take the pair that the bridge shows it as callback_client_id (%s): %s (%s) Is it "
            "the bridge's own, or of another project?",
            st->callback_client_id, text_of(finding, "sentence"), got);
    }
}

void doctor_credentials(struct doctor *d, struct doctor_finding *f)
{
    const struct config_smartthings *st = &d->config->smartthings;
    const struct json *to_us = shown_to_us(d), *by_us = shown_by_us(d);
    if (!st->callback_client_id) {
        doctor_say(f, DOCTOR_FAILED, "enter what SmartThings gave at registration: `lightbridge setup` takes it",
                   "smartthings.callback_client_id is not set: what is switched elsewhere never shows in the app");
    } else if (d->same_secret) {
        doctor_say(f, DOCTOR_FAILED,
                   "client_secret_file is what we give to SmartThings, callback_client_secret_file what it gave to us",
                   "both pairs have the same secret: one of them was entered in the place of the other");
    } else if (to_us) {
        doctor_say(f, DOCTOR_FAILED, text_of(to_us, "advice"),
                   "the pairs are swapped: at the %s SmartThings showed what it had given to the bridge (%s or its "
                   "secret), in the place of what the bridge gave to it (%s)",
                   text_of(to_us, "title"), st->callback_client_id, st->client_id);
    } else if (by_us) {
        judge_by_us(st, by_us, f);
    } else {
        doctor_say(f, DOCTOR_OK, "", "two pairs, different, and nobody showed one in the place of the other");
    }
}
