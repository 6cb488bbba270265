/* Commands that wait for the wire, the same for all protocols: at most one waits for each lamp, and a newer one for the
   same lamp is folded into it (newest wins), so that of a slider that is dragged what is under way and the last
   position are sent, and nothing between them. What answers a command answers all that were folded into it.

   The hub owns deadlines: a request that it gives up is forgotten by queue_cancel, a command whose requests were all
   given up is not sent any more. */
#ifndef SERIAL_QUEUE_H
#define SERIAL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/driver.h"
#include "model/light.h"

#define QUEUE_REQUESTS_MAX 256u /* that one command may answer; more are ERR_BUSY */

struct serial_lamp;

/* A command; its members may be read. */
struct queued {
    struct serial_lamp *lamp; /* NULL: the light has gone; its answer is still to come on the wire */
    struct light_state patch;
    uint32_t transition_ms; /* of the newest */
    unsigned tries;         /* the protocol's to count */
    struct request_id *requests;
    size_t request_count, request_cap;
    struct queued *next;
};

struct queue {
    struct driver *driver;
    size_t limit; /* commands under way at once; 1: the next one is sent when this one is answered */
    size_t under_way;
    struct queued *first_waiting, *last_waiting; /* oldest first */
    struct queued *first_sent, *last_sent;       /* the same, of those under way */
};

void queue_init(struct queue *q, struct driver *driver, size_t limit);
void queue_free(struct queue *q); /* no light is left; zeroed is legal */

/* Takes a command. The request ends by one of the functions below, or at once with ERR_BUSY. */
void queue_add(struct queue *q, struct serial_lamp *lamp, struct request_id request, const struct light_state *patch,
               uint32_t transition_ms);
/* The next command to send, which then is under way; NULL: none waits, or as many as may be are under way. */
struct queued *queue_next(struct queue *q);
/* The oldest that is under way; NULL: none. */
struct queued *queue_sent(const struct queue *q);
/* Is there anything to be sent for this lamp, or on its way? */
bool queue_concerns(const struct queue *q, const struct serial_lamp *lamp);
/* The command is over: all its requests end, and it is freed. */
void queue_done(struct queue *q, struct queued *command, int result, enum basis basis, const char *why);
/* It was not taken (a busy modem): it goes before all that wait, unless a newer one for the lamp waits already, which
   then takes its requests, and what it lacks of its patch, along. */
void queue_again(struct queue *q, struct queued *command);
void queue_end_all(struct queue *q, int result, const char *why);

void queue_cancel(struct queue *q, const struct serial_lamp *lamp, struct request_id request);
/* The lamp goes: what waits for it is dropped, what is under way stays without it. Its requests were ended. */
void queue_forget(struct queue *q, struct serial_lamp *lamp);

#endif
