/* What outlets.c and outlet_plugin.c share. */
#ifndef TEST_HOST_OUTLETS_PRIVATE_H
#define TEST_HOST_OUTLETS_PRIVATE_H

#include "outlets.h"

#define OUTLET_CAR_LEAST_MA 6000 /* below it no car draws anything */

extern struct outlets *outlets_world; /* that the plugin drives */

struct outlet *outlets_find(const char *device);
void outlet_take_in(struct outlet *x, const struct outlet_limit *l, int64_t drift_ms);
/* What is under way arrives, in order: a later limit never overtakes an earlier one. `all`: what is not due yet, too.
 */
void outlets_flush(struct outlet *x, int64_t now_ms, bool all);

#endif
