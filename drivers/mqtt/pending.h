/* Commands on their way, the same for all dialects. The lamp's own report is the answer; with a transition its first
   move is. In the optimistic setting the broker's PUBACK is. */
#ifndef MQTT_PENDING_H
#define MQTT_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "hub/driver.h"
#include "model/light.h"

struct broker;
struct way;
struct pending;
struct pending_ack;

struct pendings {
    struct pending *spare;
    struct pending_ack *acks; /* ring: commands that wait for the broker's PUBACK */
    size_t ack_first, ack_count, ack_cap;
};

/* Publishes one message; ends the request with its reason where that cannot be: false. For all messages of a command
   but the last. */
bool pending_publish(struct way *way, struct request_id request, const char *topic, const struct str *payload);
/* The same for the last, or only, message of a command: the request then waits for the lamp's word, or for the broker's
   in the optimistic setting. What the lamp never reports (way->silent) is assumed; if that is all of it, so is the
   answer. `transition_ms` that the message really has: with one, the first move is the answer. */
void pending_send(struct way *way, struct request_id request, const char *topic, const struct str *payload,
                  const struct light_state *patch, uint32_t transition_ms);

/* What the lamp said: to way->known, to the hub, and to the commands that it answers (with the dialect's tolerance).
   The newest command that is answered takes the older ones along. */
void pending_report(struct way *way, const struct light_state *report);
/* Fails the oldest command that has one of these members (0: the oldest of all). False: none waits. */
bool pending_fail(struct way *way, uint32_t members, int result, const char *why);
void pending_end(struct way *way, int result, const char *why); /* all of the lamp */
void pending_cancel(struct way *way, struct request_id request);

void pending_acknowledged(struct broker *broker, int mid);
void pending_end_acks(struct broker *broker, const char *why);
void pending_done(struct broker *broker);

#endif
