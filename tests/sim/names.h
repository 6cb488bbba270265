/* Who is called what: text to number, for tens of thousands of names that change. */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names;

struct names *names_new(void);
void names_free(struct names *names); /* NULL is legal */
/* Copies the name. False, and nothing happens, where somebody has it already. */
bool names_put(struct names *names, const char *name, uint32_t number);
void names_drop(struct names *names, const char *name);
bool names_get(const struct names *names, const char *name, size_t len, uint32_t *ret_number);

#endif
