/* What can be typed at a simulated SmartThings, and the fault options, which are the same words. */
#ifndef SIM_SMARTTHINGS_WORDS_H
#define SIM_SMARTTHINGS_WORDS_H

#include "base/str.h"
#include "rehearsal/rehearsal.h"

/* One line, without its end. 0: an act has begun and `done` will come. Otherwise it is over at once: what there is to
   say (of several lines, or of a mistake) stands in `say`; WORDS_QUIT ends the program. */
enum words_result { WORDS_BUSY, WORDS_OVER, WORDS_QUIT };
enum words_result words_line(struct rehearsal *r, char *line, rehearsal_done_fn *done, void *user, struct str *say);

/* "3", "2:5" after the name of a fault ("refuse", "token-lose"). ERR_NOT_FOUND: no fault of this name; ERR_INVALID with
   a sentence. */
int words_fault(struct rehearsal *r, const char *name, const char *text, struct str *say);
const char *words_help(void); /* a line for each word */

#endif
