/* What the files of the sim plugin share. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "fleet.h"
#include "load.h"

#include <galvan/driver.h>

struct sim {
	struct gv_world *world;
	struct fleets *fleets;          /* NULL: no loop to run them on */
	struct load *load;              /* the one that runs, or the last */
	bool load_running, load_waited; /* waited: `load_ticket` is to be answered at its end */
	bool load_stations, draining, fleets_closed;
	struct gv_ticket load_ticket;
	Sim__Fleet **pending;           /* between start and open: fleets to be started */
	size_t n_pending, n_configured; /* the first are the config file's */
};

extern const struct gv_table sim_fleets;
extern const struct gv_method sim_methods[];

int sim_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_get_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_stop_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);

/* Tells the host, once nothing is left of fleets and load. */
void sim_look_drained(struct sim *sim);

#endif
