/* Whatever a user may write as a template, and whatever a device may print. The first line is a pattern or a template,
   the rest a line; the rest is also given to the presets. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "serial/line_dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check_values(const struct line_values *v, const struct line_dialect *d)
{
    struct light_state s;
    line_values_state(v, d->profile.can, d->dimmed, &s);
    must((s.has & ~d->profile.can) == 0 && memchr(v->id, 0, sizeof v->id) != NULL);
    must(!(s.has & LIGHT_LEVEL) || (s.level > 0 && s.level <= LIGHT_LEVEL_MAX));
    must(!(s.has & LIGHT_HUE) || (s.hue < LIGHT_HUE_MAX && s.saturation <= LIGHT_SATURATION_MAX));
    must(!(s.has & LIGHT_KELVIN) || (s.kelvin >= LIGHT_KELVIN_MIN && s.kelvin <= LIGHT_KELVIN_MAX));
}

static void hear(const struct line_options *o, const char *line, size_t len)
{
    struct line_dialect *d = NULL;
    struct line_error e = {0};
    struct line_values v = {0}, who = {0};
    if (line_dialect_new(o, &d, &e) != 0) {
        must(e.key != NULL && e.why != NULL);
        return;
    }
    if (line_patterns_match(&d->state, line, len, &v)) {
        check_values(&v, d);
    }
    (void)line_patterns_match(&d->who_is, line, len, &who);
    (void)line_patterns_match(&d->refusal, line, len, &who);
    free(d);
}

static void write_line(const char *text)
{
    static const struct light_state s = {.on = true, .level = 1, .kelvin = 9000, .hue = 35999, .saturation = 1};
    struct line_template t;
    struct str out = STR_INIT;
    const char *why = NULL;
    size_t at = 0;
    if (line_template_parse(text, LINE_WRITTEN, &t, &at, &why) == 0) {
        line_template_write(&t, &(struct line_words){"1", &s, 4294967295u, true}, &out);
    } else {
        must(why != NULL && at <= strlen(text));
    }
    str_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *end = size > 0 ? memchr(bytes, '\n', size) : NULL;
    const char *line = end ? end + 1 : bytes;
    size_t len = size - (size_t)(line - bytes);
    if (end && !memchr(bytes, 0, (size_t)(end - bytes))) {
        char *first = mem_text_n(bytes, (size_t)(end - bytes));
        const char *const state[] = {first, NULL};
        write_line(first);
        hear(
            &(struct line_options){
                .on = "1", .off = "0", .level = "<level>", .kelvin = "<kelvin>", .color = "<rgb>", .state = state},
            line, len);
        free(first);
    }
    hear(&line_wled, line, len);
    hear(&line_tasmota, line, len);
    return 0;
}
