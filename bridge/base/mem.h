/* Memory that cannot fail: every size that comes from outside has a cap, so running out is a bug
   or a machine beyond help, and the program aborts with a line in the log. Release with free(). */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                         /* zeroed */
void *mem_array(size_t count, size_t size);           /* zeroed; aborts on overflow */
void *mem_grow(void *old, size_t count, size_t size); /* realloc of an array; new part NOT zeroed */
char *mem_text(const char *text);                     /* strdup; NULL gives NULL */
char *mem_text_n(const char *bytes, size_t len);      /* copy of len bytes with a NUL behind it */

#endif
