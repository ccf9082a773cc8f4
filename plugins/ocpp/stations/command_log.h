/* What became of the calls to a charger, for people: kept when they are over, in the turn of their outcome. */
#ifndef OCPP_COMMAND_LOG_H
#define OCPP_COMMAND_LOG_H

#include "commands.h"

#define COMMAND_LOG_TIMER "command log"
#define COMMAND_LOG_KEEP 50          /* of one charger, that somebody waited for */
#define COMMAND_LOG_KEEP_INTERNAL 20 /* of one charger, that galvan made by itself: they push nobody's out */
#define COMMAND_LOG_TEXT_MAX 2048    /* bytes of a payload that are kept */

extern const struct gv_table ocpp_command_log; /* device, number -> CommandRow */

/* The call is over, like this. */
int command_log_add(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		    const struct outcome *out);
/* An answer to no call that waits has come: NULL where no call is known that it answers. Otherwise that call; the
 * answer is attached to it and told, unless there was one already. `again`: it may be the very same. */
const Ocpp__CommandRecord *command_log_answered(struct ocpp *o, struct gv_turn *t, const char *device,
						const struct rpc_frame *frame, bool again);
/* Did the call hold a secret? What the charger says of it may repeat that. */
bool command_log_held_secret(const Ocpp__CommandRecord *c);
/* The first number from this one on that is greater than any of this charger's: clocks may be put back. */
uint64_t command_log_free(struct gv_turn *t, const char *device, uint64_t from);
int command_log_start(struct ocpp *o, struct gv_turn *t);
/* Forgets what is too old. */
int command_log_purge(struct ocpp *o, struct gv_turn *t);

gv_method_fn list_commands;

#endif
