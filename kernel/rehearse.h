/* The start of a plugin, rehearsed: its own code looks at its config, in a child, on an empty store that is thrown
 * away, without sockets. */
#ifndef GV_REHEARSE_H
#define GV_REHEARSE_H

#include "plan.h"

/* Blocks as gv_probe does. -EINVAL: it refuses; *ret_error says why, with the plugin's place in the config. */
int gv_rehearse(const struct gv_plan *plan, char **ret_error);
/* Makes all of a config's plans, rehearses them, and says what is wrong with each; how many are refused. Those whose
 * own keys are wrong are passed over. */
unsigned gv_rehearse_all(const struct gv_config *c, void (*say)(const char *sentence), unsigned *ret_instances);
/* The child: argv[2] the file, argv[3] its folder, argv[4] the instances. Returns the exit status. */
int gv_rehearse_main(int argc, char **argv);

#endif
