/* GET /metrics: Prometheus text exposition format 0.0.4. Every series is a row. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "local/local_internal.h"

struct series {
    const char *name, *type, *help;
    double value;
};

static void put(struct str *s, const char *name, const char *type, const char *help, double value)
{
    str_printf(s, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
}

static double resident_bytes(void)
{
    struct str text = STR_INIT;
    unsigned long pages = 0;
    if (file_read("/proc/self/statm", 4096, &text) == 0) {
        char *resident = NULL; /* the second number */
        (void)strtoul(str_z(&text), &resident, 10);
        pages = strtoul(resident, NULL, 10);
    }
    str_done(&text);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put_lights(struct str *s, struct hub *hub)
{
    static const char *const names[] = {"unknown", "online", "offline"};
    unsigned counts[3] = {0};
    for (size_t i = 0; i < hub_light_count(hub); i++) {
        struct light_info info;
        hub_light_info(hub_light_at(hub, i), &info);
        counts[info.reach] += !info.removed;
    }
    str_add_z(s,
              "# HELP lightbridge_lights Lights by what is known of their reach.\n# TYPE lightbridge_lights gauge\n");
    for (size_t i = 0; i < 3; i++) {
        str_printf(s, "lightbridge_lights{reach=\"%s\"} %u\n", names[i], counts[i]);
    }
}

static void put_links(struct str *s, struct oauth *oauth)
{
    unsigned alive = 0;
    unsigned ended = 0;
    for (struct oauth_link *l = oauth_link_next(oauth, NULL); l; l = oauth_link_next(oauth, l)) {
        alive += oauth_link_alive(l);
        ended += !oauth_link_alive(l);
    }
    str_printf(s,
               "# HELP lightbridge_links Account links.\n# TYPE lightbridge_links gauge\n"
               "lightbridge_links{state=\"alive\"} %u\nlightbridge_links{state=\"ended\"} %u\n",
               alive, ended);
}

static void put_all(struct str *s, const struct series *series, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put(s, series[i].name, series[i].type, series[i].help, series[i].value);
    }
}

static void put_hub(struct str *s, struct hub *hub)
{
    const struct hub_stats h = hub_stats(hub);
    const struct series rows[] = {
        {"lightbridge_commands_total", "counter", "Commands sent to lights.", (double)h.commands},
        {"lightbridge_command_failures_total", "counter", "Commands that failed.", (double)h.failed},
        {"lightbridge_command_timeouts_total", "counter", "Commands without an answer by the deadline.",
         (double)h.timeouts},
        {"lightbridge_reports_total", "counter", "Reports of lights.", (double)h.reports},
        {"lightbridge_events_total", "counter", "Events that reports and lights coming and going made.",
         (double)h.events},
        {"lightbridge_garbage_total", "counter", "Messages that could not be understood.", (double)h.garbage},
    };
    put_all(s, rows, sizeof rows / sizeof rows[0]);
}

static void put_smartthings(struct str *s, const struct smartthings *st)
{
    const struct smartthings_stats v = smartthings_stats(st);
    const struct series rows[] = {
        {"lightbridge_smartthings_discoveries_total", "counter", "discoveryRequests.", (double)v.discoveries},
        {"lightbridge_smartthings_state_refreshes_total", "counter", "stateRefreshRequests.",
         (double)v.state_refreshes},
        {"lightbridge_smartthings_commands_total", "counter", "commandRequests.", (double)v.commands},
        {"lightbridge_smartthings_grants_total", "counter", "grantCallbackAccess.", (double)v.grants},
        {"lightbridge_smartthings_deletions_total", "counter", "integrationDeleted.", (double)v.deletions},
        {"lightbridge_smartthings_results_total", "counter", "interactionResults.", (double)v.results},
        {"lightbridge_smartthings_malformed_total", "counter", "Documents answered with 400.", (double)v.malformed},
        {"lightbridge_smartthings_global_errors_total", "counter", "Answers with a globalError.",
         (double)v.global_errors},
        {"lightbridge_smartthings_device_errors_total", "counter", "deviceErrors in answers.", (double)v.device_errors},
        {"lightbridge_callback_posts_total", "counter", "Callbacks sent.", (double)v.posts},
        {"lightbridge_callback_failures_total", "counter", "Callbacks that failed.", (double)v.post_failures},
        {"lightbridge_callback_token_requests_total", "counter", "Callback token requests.", (double)v.refreshes},
        {"lightbridge_callback_token_failures_total", "counter", "Callback token requests that failed.",
         (double)v.refresh_failures},
        {"lightbridge_callback_dropped_total", "counter", "Lights whose news SmartThings refused for good.",
         (double)v.dropped},
        {"lightbridge_callback_queued", "gauge", "Lights whose news wait.", (double)v.queued},
        {"lightbridge_links_usable", "gauge", "Links on which changes can be told.", (double)v.links_usable},
        {"lightbridge_links_needing_grant", "gauge", "Links that need a grant.", (double)v.links_needing_grant},
    };
    put_all(s, rows, sizeof rows / sizeof rows[0]);
}

static void put_http(struct str *s, const struct http *http)
{
    const struct http_stats v = http_stats(http);
    str_printf(
        s,
        "# HELP lightbridge_http_answers_total HTTP answers by class.\n# TYPE lightbridge_http_answers_total "
        "counter\nlightbridge_http_answers_total{class=\"ok\"} %llu\n"
        "lightbridge_http_answers_total{class=\"4xx\"} %llu\nlightbridge_http_answers_total{class=\"5xx\"} %llu\n",
        (unsigned long long)v.answers_2xx, (unsigned long long)v.answers_4xx, (unsigned long long)v.answers_5xx);
    const struct series rows[] = {
        {"lightbridge_http_requests_total", "counter", "HTTP requests that reached a handler.", (double)v.requests},
        {"lightbridge_http_refused_total", "counter", "HTTP requests whose head was ambiguous.",
         (double)v.refused_by_gate},
        {"lightbridge_http_deadlines_total", "counter", "HTTP requests answered 503 for lateness.",
         (double)v.deadlines},
        {"lightbridge_http_connections", "gauge", "Open HTTP connections.", (double)v.open_connections},
    };
    put_all(s, rows, sizeof rows / sizeof rows[0]);
}

static void put_store(struct str *s, const struct local_sources *sources)
{
    const char *health = "unknown";
    const char *trouble = "";
    bool key = false;
    if (sources->store) {
        sources->store(sources->user, &health, &trouble, &key);
        put(s, "lightbridge_store_ok", "gauge", "1 when the store is well.", strcmp(health, "ok") == 0);
        put(s, "lightbridge_key_ok", "gauge", "1 when the installation's key is there.", key);
    }
    if (sources->metrics) {
        sources->metrics(sources->user, s);
    }
}

void local_metrics(struct http_exchange *x, void *context)
{
    struct local *local = context;
    struct str s = STR_INIT;
    str_add_z(&s, "# HELP lightbridge_build_info The program's version.\n# TYPE lightbridge_build_info gauge\n"
                  "lightbridge_build_info{version=\"" LIGHTBRIDGE_VERSION "\"} 1\n");
    put(&s, "process_start_time_seconds", "gauge", "Start time of the process since 1970.",
        (double)local->started_wall_ms / 1000);
    put(&s, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    put(&s, "process_cpu_seconds_total", "counter", "Processor time spent.", cpu_seconds());
    put_lights(&s, local->hub);
    put_links(&s, local->oauth);
    put_hub(&s, local->hub);
    if (local->smartthings) {
        put_smartthings(&s, local->smartthings);
    }
    if (local->http) {
        put_http(&s, local->http);
    }
    put_store(&s, &local->sources);
    http_add_header(x, "Cache-Control", "no-store");
    http_answer(x, 200, "text/plain; version=0.0.4; charset=utf-8", &s);
}
