/* Chance that repeats: the same seed gives the same numbers on every machine (splitmix64, Steele et al. 2014). */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

#include <stdint.h>

/* The next number of the stream whose state is *stream; any value is a good start. */
static inline uint64_t chance_next(uint64_t *stream)
{
    uint64_t z = *stream += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0..below-1 */
static inline uint64_t chance_below(uint64_t *stream, uint64_t below)
{
    return chance_next(stream) % below;
}

#endif
