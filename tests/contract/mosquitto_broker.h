/* A real mosquitto on loopback, for the far sides behind a broker. */
#ifndef CONTRACT_MOSQUITTO_BROKER_H
#define CONTRACT_MOSQUITTO_BROKER_H

#include <stdint.h>
#include <sys/types.h>

struct mosquitto_broker {
    char folder[32], file[64];
    uint16_t port;
    pid_t pid; /* 0: not running */
};

/* Aborts where there is none, and says why. It dies with this process. */
void mosquitto_start(struct mosquitto_broker *b);
void mosquitto_kill(struct mosquitto_broker *b);  /* as kill -9; nothing that was retained is kept */
void mosquitto_again(struct mosquitto_broker *b); /* on the same port */
void mosquitto_end(struct mosquitto_broker *b);   /* kills it, and its files are gone */

#endif
