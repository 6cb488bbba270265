/* The far side of Home Assistant discovery, in whatever kinds of lamps the subject has: a real mosquitto, and simulated
   lamps behind it on the suite's loop. */
#ifndef CONTRACT_HERALDS_H
#define CONTRACT_HERALDS_H

#include "contract.h"

#define HERALDS_DEADLINE_MS 600

int heralds_start(struct loop *loop, const char *const kinds[CONTRACT_LAMPS], void **ret_self, const void **ret_config);
void heralds_stop(void *self);
const char *heralds_name(void *self, size_t lamp); /* "herald_1" */
const char *heralds_mac(void *self, size_t lamp);  /* "a4cf07000001" */
void heralds_act(void *self, enum contract_act act, size_t lamp);
const char *heralds_lack(enum contract_act act);

#endif
