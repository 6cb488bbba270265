/* The log: lines on stderr with a syslog priority prefix (<3>) when journald reads them, plain otherwise.
   Text from outside may be passed as it came: control bytes, bad UTF-8 and line breaks are escaped
   here (\x1b, \n), so a device's name can never forge a line. Secrets are never passed at all. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `facility` is the room or driver instance, "mqtt/home". One line per call, no newline in format. */
void log_error(const char *facility, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *facility, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *facility, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *facility, const char *format, ...) __attribute__((format(printf, 2, 3)));

void log_set_level(enum log_level level);

/* Appends bytes to s so that it is one printable line of UTF-8: what log_* does to its arguments. */
void log_escape(struct str *s, const char *bytes, size_t len);

#endif
