/* What the files of a line share. */
#ifndef SIM_LINE_INTERNAL_H
#define SIM_LINE_INTERNAL_H

#include "line.h"

/* Ends it; the first reason counts. */
void line_finish(struct line *l, const char *why);
/* For masks and keys, which need to differ, not to be secret, in a simulation. */
uint64_t line_random(struct line_io *io);

#endif
