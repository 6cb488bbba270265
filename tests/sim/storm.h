/* A storm: changes that are reported at a rate, one lamp after the other, as fast as the broker takes them at most. */
#ifndef SIM_STORM_H
#define SIM_STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct storm;

struct storm_ops {
    void (*change)(void *user, size_t lamp); /* it changes, and says so */
    bool (*busy)(void *user);                /* the socket is full: what is due waits until it takes it. NULL: never */
};

struct storm *storm_new(struct loop *loop, const struct storm_ops *ops, void *user);
void storm_free(struct storm *storm); /* NULL is legal */
/* So many a second over so many lamps, whenever there is a connection; 0: none. */
void storm_set(struct storm *storm, uint32_t per_second, size_t lamps);
void storm_connected(struct storm *storm, bool connected);
uint64_t storm_held(const struct storm *storm); /* milliseconds that the socket was full */

#endif
