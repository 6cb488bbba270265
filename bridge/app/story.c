#include "app/story.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/print.h"
#include "base/age.h"
#include "base/json.h"
#include "base/str.h"

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_get_text(object, key);
    return text ? text : "";
}

static int64_t number_of(const struct json *object, const char *key)
{
    int64_t value = 0;
    (void)json_integer(json_get(object, key), 0, INT64_MAX, &value);
    return value;
}

static void print_labelled(const char *label, const char *text)
{
    if (*text) {
        printf("  %-10s", label);
        print_paragraph(text, 12, 12);
    }
}

/* ---- health ---- */

void story_health(const struct json *link, int64_t now_ms)
{
    static const struct {
        const char *key, *says;
    } times[] = {{"refresh_at", "refresh"},
                 {"discovery_at", "discovery"},
                 {"command_at", "command"},
                 {"callback_at", "callback"},
                 {"result_at", "complaint"}};
    const struct json *health = json_get(link, "health");
    struct str line = STR_INIT;
    str_printf(&line, "token %s", text_of(json_get(link, "callback"), "state"));
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        str_printf(&line, ", %s ", times[i].says);
        age_add(&line, number_of(health, times[i].key), now_ms);
    }
    printf("    ");
    print_paragraph(str_z(&line), 4, 4);
    str_done(&line);
}

/* ---- findings and attempts ---- */

void story_finding(const struct json *trace)
{
    const struct json *finding = json_get(trace, "finding");
    if (!json_is_object(finding)) {
        return;
    }
    const char *title = text_of(finding, "title");
    printf("    ! %s:", title);
    print_paragraph(text_of(finding, "sentence"), 7 + (unsigned)strlen(title), 6);
}

void story_attempt(const struct json *trace)
{
    const char *client = text_of(trace, "client");
    const char *awaits = text_of(trace, "awaits");
    char id[24];
    snprintf(id, sizeof id, "a%lld", (long long)number_of(trace, "attempt"));
    print_cell(id, 6);
    print_time(number_of(trace, "began_at"));
    printf("  ");
    print_cell(*client ? client : "unknown client", 16);
    print_text(stdout, text_of(trace, "account"));
    putchar('\n');
    if (json_is_object(json_get(trace, "finding"))) {
        story_finding(trace);
    } else if (*awaits) {
        printf("    waiting for: %s\n", awaits);
    }
}

/* ---- the whole story ---- */

/* To the second: that is what deadlines are about. */
static void print_second(int64_t wall_ms)
{
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);
    localtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    fputs(text, stdout);
}

static void print_event(const struct json *event)
{
    const char *outcome = text_of(event, "outcome");
    int64_t times = number_of(event, "times");
    printf("  ");
    print_second(number_of(event, "at"));
    printf("  %-22s %-8s", text_of(event, "title"), outcome);
    if (*text_of(event, "cause")) {
        printf(" %s", text_of(event, "cause"));
    }
    if (times > 1) {
        printf(" (%lld times, last ", (long long)times);
        print_second(number_of(event, "last_at"));
        printf(")");
    }
    putchar('\n');
    if (*text_of(event, "expected")) {
        printf("%8sexpected ", "");
        print_paragraph(text_of(event, "expected"), 17, 17);
    }
    if (*text_of(event, "got")) {
        printf("%8sgot      ", "");
        print_paragraph(text_of(event, "got"), 17, 17);
    }
}

void story_whole(const struct json *trace)
{
    const struct json *finding = json_get(trace, "finding");
    printf("what happened (attempt a%lld)\n", (long long)number_of(trace, "attempt"));
    for (const struct json *event = json_first(json_get(trace, "events")); event; event = json_next(event)) {
        print_event(event);
    }
    if (json_is_object(finding)) {
        printf("what is wrong: %s at %s\n", text_of(finding, "cause"), text_of(finding, "title"));
        print_labelled("", text_of(finding, "sentence"));
        print_labelled("expected", text_of(finding, "expected"));
        print_labelled("got", text_of(finding, "got"));
        printf("what to do\n");
        print_labelled("", text_of(finding, "advice"));
    } else if (*text_of(trace, "awaits")) {
        printf("nothing is wrong yet; waiting for: %s\n", text_of(trace, "awaits"));
    } else {
        puts("nothing is wrong");
    }
}
