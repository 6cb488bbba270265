/* What has a name, found by one look: a hash table of members of larger structs. */
#ifndef MQTT_TABLE_H
#define MQTT_TABLE_H

#include <stddef.h>

/* Begins what has a name. Stays where it is in memory while it is in the table. */
struct entry {
    struct entry *next; /* of its bucket */
    char *name;         /* the owner's, and the same while it is in the table */
};

struct table {
    struct entry **buckets;
    size_t size, count;
};

void table_add(struct table *t, struct entry *entry); /* no other has its name */
void table_remove(struct table *t, struct entry *entry);
struct entry *table_find(const struct table *t, const char *name, size_t len); /* NULL: none */
/* Iterates in no order; NULL starts. The one returned may be removed after its next was fetched. */
struct entry *table_next(const struct table *t, const struct entry *after);
void table_done(struct table *t); /* nothing is in it any more */

#endif
