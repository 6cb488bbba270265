/* The memory of one JSON document: taken in a few blocks, freed as one. A request's tree is some fifty small pieces;
   one by one they cost more than reading them. base/json.h is the contract for other rooms. */
#ifndef BASE_JSON_ARENA_H
#define BASE_JSON_ARENA_H

#include <stddef.h>

/* From here to json_arena_end all that cJSON takes on this thread comes from one new arena. `text_len` is the
   document's length. */
void json_arena_begin(size_t text_len);
/* The arena, found again by what was taken from it first (cJSON takes the root first); NULL where nothing was. */
void *json_arena_end(void);
void json_arena_free(void *first); /* NULL is legal */

#endif
