/* Asking many for their states without a crowd: one after another, a little apart, and those that do not answer again,
   later each time. */
#ifndef MQTT_ASKING_H
#define MQTT_ASKING_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct asking;

/* A member of what is asked; zeroed when it is new. */
struct ask {
    struct ask *next; /* while it is queued, or waits for its next turn */
    uint64_t due;     /* loop ms */
    uint8_t tries;    /* in vain so far */
    bool queued;
};

/* `ask` sends the question. */
struct asking *asking_new(struct loop *loop, void (*fn)(void *user, struct ask *ask), void *user);
void asking_free(struct asking *a); /* NULL is legal */

/* Asks as soon as it is its turn, and again until asking_end: after a second, then after twice that, and so on, at
   most ASKING_TRIES times (four minutes). From the beginning where it is asked already. */
#define ASKING_TRIES 9u
void asking_begin(struct asking *a, struct ask *ask);
void asking_end(struct asking *a, struct ask *ask); /* answered, or nobody wants to know any more */
void asking_end_all(struct asking *a);

#endif
