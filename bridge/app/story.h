/* How the command line tells the story of an attempt to link: documents of the control API (bridge/local/README.md). */
#ifndef APP_STORY_H
#define APP_STORY_H

#include <stdint.h>

struct json;

/* One line: when what was last done on a link ("refresh 2h, discovery 3h, ..."). */
void story_health(const struct json *link, int64_t now_ms);
/* "! token request: why", where a trace has a finding; nothing otherwise. */
void story_finding(const struct json *trace);
/* One line, with its finding below. */
void story_attempt(const struct json *trace);
/* All events, what is wrong, what to do. */
void story_whole(const struct json *trace);

#endif
