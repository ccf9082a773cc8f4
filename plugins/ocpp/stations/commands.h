/* Calls to chargers: how what became of one comes back to the code that asked for it. */
#ifndef OCPP_COMMANDS_H
#define OCPP_COMMANDS_H

#include <plugins/ocpp/ocpp.h>

enum outcome_kind {
	OUTCOME_ANSWERED, /* with a result */
	OUTCOME_ERROR,    /* with a CALLERROR */
	OUTCOME_LOST,     /* the connection was lost behind it: the charger may have acted */
	OUTCOME_UNSENT,   /* the connection was lost before it: the charger knows nothing of it */
	OUTCOME_TIMEOUT,  /* row->conn tells whether it was sent */
	OUTCOME_UNREACHED /* a station over SOAP could not be called; the description says where and why */
};
struct outcome {
	enum outcome_kind kind;
	const struct cJSON *payload; /* ANSWERED; NULL: {} */
	const char *code;            /* ERROR */
	const char *description;     /* ERROR, withheld where the call held a secret; UNREACHED */
};

/* A kind of Command names who concludes it, in the table of outcomes.c. The call is off the queue by then, and another
 * may be sent, with the same ticket too. A command from inside has no one to answer: its ticket is zero. `row` lives
 * until the callback returns. */
typedef int conclude_fn(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			const struct outcome *out);
conclude_fn outcome_conclude;

/* stations/configuration.c */
/* Reads a configuration of keys, of a charger that can be asked for it. */
int configuration_get(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
		      const Charging__GetConfigurationRequest *r);
/* Notes where an answer to GetConfiguration has passwords in it. */
void configuration_told(struct ocpp *o, struct gv_turn *t, struct station *st, const struct cJSON *payload);
/* Whether two values are the same to a charger. */
bool configuration_same(struct gv_turn *t, const char *a, const char *b);
conclude_fn conclude_get_configuration, conclude_set_configuration, conclude_read_back;

/* The result's `status`; "" where there is none. */
const char *outcome_status(const struct outcome *out);
struct gv_ticket command_ticket(const Ocpp__Command *row);
/* Tells whoever asked that there is no usable answer, and why. */
int command_refuse(struct gv_turn *t, const char *device, const Ocpp__Command *row, const struct outcome *out);

/* answer_check.c: notes where an answer of the charger's is not what its version says. Its payload may be made what it
 * says. secret: the call held one, and the answer may repeat it.
 */
void answer_check(struct ocpp *o, struct gv_turn *t, struct station *st, const char *action,
		  const struct rpc_frame *frame, bool secret);

/* answer_show.c */
/* Did the call hold a secret? What the charger says of it may repeat that. */
bool command_held_secret(struct gv_turn *t, const Ocpp__Command *row);
/* Has the charger such a call, and not answered yet? */
bool command_secret_under_way(struct gv_turn *t, const struct station *st);
/* Puts an answer into the history. masked: a result may hold a secret; secret: the call held one. */
void answer_show(struct ocpp *o, struct gv_turn *t, struct station *st, const struct gv_frame *f, const char *action,
		 const struct rpc_frame *frame, bool masked, bool secret);

#endif
