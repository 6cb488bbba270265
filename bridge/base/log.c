#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/utf8.h"

/* The level is the one setting of the whole process: pool threads log too, hence atomic. */
static atomic_int threshold = LOG_LEVEL_INFO;

static const struct {
    const char *name;
    const char *priority; /* sd-daemon(3) prefix */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", "<3>"},
    [LOG_LEVEL_WARN] = {"warn", "<4>"},
    [LOG_LEVEL_INFO] = {"info", "<6>"},
    [LOG_LEVEL_DEBUG] = {"debug", "<7>"},
};

/* U+0080..9F are control characters too, and U+2028, 2029 and the marks of bidirectional text (U+200E, 200F, 202A..2E,
   2066..69) can rearrange a terminal's line. */
static bool is_hidden(const char *bytes, size_t step)
{
    const unsigned char *b = (const unsigned char *)bytes;
    if (step == 2) {
        return b[0] == 0xc2 && b[1] < 0xa0;
    }
    if (step != 3 || b[0] != 0xe2) {
        return false;
    }
    return (b[1] == 0x80 && (b[2] == 0x8e || b[2] == 0x8f || (b[2] >= 0xa8 && b[2] <= 0xae))) ||
           (b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9);
}

void log_escape(struct str *s, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        unsigned char c = (unsigned char)bytes[at];
        size_t step = utf8_sequence(bytes + at, len - at);
        if (c == '\n') {
            str_add_z(s, "\\n");
            at++;
        } else if (c == '\r' || c == '\t') {
            str_add_z(s, c == '\r' ? "\\r" : "\\t");
            at++;
        } else if (step == 0 || is_hidden(bytes + at, step) || c < 0x20 || c == 0x7f) {
            size_t count = step > 0 ? step : 1;
            for (size_t i = 0; i < count; i++) {
                str_printf(s, "\\x%02x", (unsigned char)bytes[at + i]);
            }
            at += count;
        } else {
            str_add(s, bytes + at, step);
            at += step;
        }
    }
}

static void write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, bytes, len);
        if (n <= 0) {
            return; /* a log that cannot be written must not stop the lights */
        }
        bytes += n;
        len -= (size_t)n;
    }
}

static void log_line(enum log_level level, const char *facility, const char *format, va_list args)
{
    struct str text = STR_INIT;
    struct str line = STR_INIT;
    if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed)) {
        return;
    }
    str_vprintf(&text, format, args);
    if (getenv("JOURNAL_STREAM")) {
        str_add_z(&line, levels[level].priority);
    } else {
        str_printf(&line, "%-5s ", levels[level].name);
    }
    log_escape(&line, facility, strlen(facility));
    str_add_z(&line, ": ");
    log_escape(&line, str_z(&text), text.len);
    str_add_char(&line, '\n');
    write_all(str_z(&line), line.len); /* one write: lines of several threads do not mix */
    str_done(&line);
    str_done(&text);
}

#define DEFINE_LOG(name, level)                                                                                        \
    void name(const char *facility, const char *format, ...)                                                           \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, format);                                                                                        \
        log_line(level, facility, format, args);                                                                       \
        va_end(args);                                                                                                  \
    }
DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}
