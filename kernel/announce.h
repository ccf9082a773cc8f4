/* What a person wants to know when a node is ready: where to point the browser. */
#ifndef GV_ANNOUNCE_H
#define GV_ANNOUNCE_H

#include "plan.h"

#include <stdio.h>

/* One line for each HTTP address in the config of `link`, none for other plugins. */
void gv_announce(const struct gv_plan *plan, FILE *out);

#endif
