/* The house and its links: what the daemon tells of them. */
#include <string.h>

#include "app/doctor.h"
#include "base/json.h"

#define DAY_MS (INT64_C(86400) * 1000)
#define IDLE_DAYS 90

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_get_text(object, key);
    return text ? text : "";
}

int64_t doctor_number(const struct json *object, const char *key)
{
    int64_t value = 0;
    (void)json_integer(json_get(object, key), 0, INT64_MAX, &value);
    return value;
}

static void add(struct str *s, const char *between, const char *text)
{
    str_printf(s, "%s%s", s->len > 0 ? between : "", text);
}

/* By the kind of driver, the word before the slash in its name; the last one is for every other. */
static const struct {
    const char *kind, *fix;
} driver_fixes[] = {
    {"mqtt/", "start the broker, or correct mqtt.url, username and password_file; is Zigbee2MQTT running, and is its "
              "base topic listed?"},
    {"serial/", "plug it in, or correct its port: a name under /dev/serial/by-id stays the same; only one program may "
                "have it open, and the user of the service must be in the group dialout"},
    {"", "is it powered and on the network, and does the configuration have its address?"},
};

static const char *driver_fix(const char *name)
{
    size_t i = 0;
    while (strncmp(name, driver_fixes[i].kind, strlen(driver_fixes[i].kind)) != 0) {
        i++;
    }
    return driver_fixes[i].fix;
}

void doctor_drivers(struct doctor *d, struct doctor_finding *f)
{
    struct str bad = STR_INIT;
    struct str fix = STR_INIT;
    size_t count = 0;
    for (const struct json *x = json_first(json_get(d->status, "drivers")); x; x = json_next(x)) {
        const char *name = text_of(x, "name");
        count++;
        if (!json_is_true(json_get(x, "well"))) {
            add(&bad, "; ", name);
            str_printf(&bad, ": %s", text_of(x, "status"));
            if (!fix.data || !strstr(str_z(&fix), driver_fix(name))) {
                add(&fix, "; ", driver_fix(name));
            }
        }
    }
    if (count == 0) {
        doctor_say(f, DOCTOR_FAILED, "name a broker under mqtt, with its url",
                   "no driver is configured: there is no lamp");
    } else if (bad.len > 0) {
        doctor_say(f, DOCTOR_FAILED, str_z(&fix), "%s", str_z(&bad));
    } else {
        doctor_say(f, DOCTOR_OK, "", "%zu connected", count);
    }
    str_done(&fix);
    str_done(&bad);
}

void doctor_lamps(struct doctor *d, struct doctor_finding *f)
{
    struct str bad = STR_INIT;
    size_t count = 0;
    for (const struct json *x = json_first(json_get(d->lights, "lights")); x; x = json_next(x)) {
        const char *reach = text_of(x, "reach");
        count++;
        if (strcmp(reach, "online") != 0) {
            add(&bad, ", ", text_of(x, "name"));
            str_add_z(&bad, strcmp(reach, "offline") == 0 ? " is offline" : " was never heard");
        }
    }
    if (count == 0) {
        doctor_say(f, DOCTOR_WARNING, "pair a lamp in Zigbee2MQTT", "there is no lamp yet");
    } else if (bad.len > 0) {
        doctor_say(f, DOCTOR_WARNING, "give it power, or forget it: `lightbridge light NAME --forget`", "%s",
                   str_z(&bad));
    } else {
        doctor_say(f, DOCTOR_OK, "", "%zu online", count);
    }
    str_done(&bad);
}

static void judge_link(const struct json *link, int64_t now_ms, struct str *bad, bool *ret_failed)
{
    const struct json *finding = json_get(json_get(link, "trace"), "finding");
    int64_t used = doctor_number(link, "used_at");
    if (strcmp(text_of(json_get(link, "callback"), "state"), "needs_grant") == 0) {
        add(bad, "; ", text_of(link, "id"));
        str_printf(bad, " of %s needs a grant: the app does not hear of changes", text_of(link, "account"));
        *ret_failed = true;
    } else if (json_is_object(finding) && !doctor_about_credentials(finding)) {
        add(bad, "; ", text_of(link, "id"));
        str_printf(bad, " of %s: %s: %s", text_of(link, "account"), text_of(finding, "title"),
                   text_of(finding, "sentence"));
        *ret_failed = true;
    } else if (used > 0 && now_ms - used > IDLE_DAYS * DAY_MS) {
        add(bad, "; ", text_of(link, "id"));
        str_printf(bad, " of %s was not used for %lld days", text_of(link, "account"),
                   (long long)((now_ms - used) / DAY_MS));
    }
}

void doctor_links(struct doctor *d, struct doctor_finding *f)
{
    struct str bad = STR_INIT;
    size_t count = 0;
    bool failed = false;
    for (const struct json *x = json_first(json_get(d->links, "links")); x; x = json_next(x)) {
        if (json_is_true(json_get(x, "alive")) && doctor_number(x, "redeemed_at") != 0) {
            count++;
            judge_link(x, d->now_s * 1000, &bad, &failed);
        }
    }
    if (bad.len > 0) {
        doctor_say(
            f, failed ? DOCTOR_FAILED : DOCTOR_WARNING,
            "`lightbridge links ID` tells its story. A grant comes with the next discovery: open the devices of the "
            "linked service in the app and refresh; if it does not come, unlink and link again",
            "%s", str_z(&bad));
    } else if (count == 0) {
        doctor_say(f, DOCTOR_SKIPPED, "", "nobody has linked yet");
    } else {
        doctor_say(f, DOCTOR_OK, "", "%zu, all well", count);
    }
    str_done(&bad);
}

int64_t doctor_last_linked(const struct doctor *d)
{
    int64_t linked = 0;
    for (const struct json *x = json_first(json_get(d->links, "links")); x; x = json_next(x)) {
        linked = doctor_number(x, "redeemed_at") > linked ? doctor_number(x, "redeemed_at") : linked;
    }
    return linked;
}

/* Old attempts are history: only one that is newer than the last success says something of now. */
void doctor_attempts(struct doctor *d, struct doctor_finding *f)
{
    const struct json *last = NULL;
    int64_t linked = doctor_last_linked(d);
    for (const struct json *x = json_first(json_get(d->links, "attempts")); x; x = json_next(x)) {
        const struct json *finding = json_get(x, "finding");
        if (json_is_object(finding) && !doctor_about_credentials(finding) && doctor_number(x, "began_at") > linked) {
            last = x;
        }
    }
    if (last) {
        const struct json *finding = json_get(last, "finding");
        doctor_say(f, DOCTOR_WARNING, text_of(finding, "advice"), "the last attempt to link (a%lld) failed at %s: %s",
                   (long long)doctor_number(last, "attempt"), text_of(finding, "title"), text_of(finding, "sentence"));
    } else {
        doctor_say(f, DOCTOR_OK, "", "none has failed since the last that succeeded");
    }
}
