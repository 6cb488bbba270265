/* What a strip says over HTTP: its diodes, its segments and the state of each, none of which is on MQTT. */
#include "base/err.h"
#include "base/log.h"
#include "fetch/fetch.h"
#include "mqtt/wled_internal.h"

#define TIMEOUT_MS 3000u

static void failed(struct wled_strip *strip, const char *why)
{
    const struct wled *w = strip->wled;
    if (!strip->asked_in_vain) {
        strip->asked_in_vain = true;
        log_warn(driver_name(w->dialect.broker->driver),
                 "WLED %s does not say over HTTP what it is: %s%s. Is %s its host? Without a host in the "
                 "configuration it is taken for one light of colour",
                 strip->entry.name, why, strip->count > 0 ? "" : "; until it does it is not shown", w->host);
    }
}

static void answered(void *user, const struct fetch_result *result)
{
    static struct wled_device device; /* large, and used up before this returns */
    struct wled_strip *strip = user;
    strip->call = NULL;
    if (result->result != 0) {
        failed(strip, result->why);
    } else if (result->status != 200) {
        failed(strip, "it answers /json/si with an error");
    } else if (wled_read_document(result->body, result->body_len, &device) != 0) {
        failed(strip, "its /json/si is no document of WLED");
        driver_garbage(strip->wled->dialect.broker->driver, strip->entry.name, "a /json/si that is none");
    } else {
        strip->asked_in_vain = false;
        asking_end(strip->wled->asking, &strip->ask);
        wled_set_lights(strip, &device);
        wled_report(strip, &device);
    }
    if (strip->again) {
        strip->again = false;
        wled_document_ask(strip);
    }
}

void wled_document_ask(struct wled_strip *strip)
{
    const struct wled *w = strip->wled;
    struct fetch *fetch = driver_fetch(w->dialect.broker->driver);
    struct str url = STR_INIT;
    if (strip->call || !fetch) {
        strip->again = strip->call != NULL;
        return;
    }
    str_printf(&url, "http://%s/json/si", w->host);
    strip->call = fetch_start(fetch,
                              &(struct fetch_request){.method = "GET",
                                                      .url = str_z(&url),
                                                      .timeout_ms = TIMEOUT_MS,
                                                      .max_body = WLED_MAX_DOCUMENT,
                                                      .policy = FETCH_ALLOW_LAN},
                              answered, strip);
    str_done(&url);
}

void wled_document_forget(struct wled_strip *strip)
{
    if (strip->call) {
        fetch_cancel(strip->call);
        strip->call = NULL;
    }
    strip->again = false;
}
