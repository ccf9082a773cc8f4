/* Fleets of simulated chargers, each with its own connection, on one loop. */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "charger.h"
#include "uplink.h"

#include <galvan/sim.pb-c.h>

#define FLEET_MAX_CHARGERS 20000 /* of all fleets together */

struct fleet;

struct member { /* a charger of a fleet */
	struct uplink uplink;
	struct member *next; /* of the same fleet */
	struct fleet *fleet;
	struct charger *model;
	struct charger_env env;
	char identity[80];
};

struct fleet {
	struct fleet *next;
	struct fleets *owner;
	Sim__Fleet *want; /* a copy */
	bool configured;  /* by the config file */
	bool removed;
	struct line_target target;
	struct member *members;
	unsigned count;
};

/* All fleets. Allocated, since its handles may outlive the plugin by a turn of the loop. */
struct fleets {
	struct uplinks all;
	struct fleet *first;
	unsigned chargers;
};

struct fleets *fleets_create(uv_loop_t *loop, uint64_t seed);
/* Removes all fleets; `closed` of `all` follows, and then fleets_destroy may. */
void fleets_close(struct fleets *f);
void fleets_destroy(struct fleets *f);

/* Whether such a fleet can be. -EINVAL, -EEXIST (another of that name, or identities that are taken) or -ENOSPC, with a
 * sentence. */
int fleet_check(const struct fleets *f, const Sim__Fleet *want, char *ret_error, size_t error_size);
/* Adds a fleet that fleet_check let pass, and starts it. */
int fleet_add(struct fleets *f, const Sim__Fleet *want, bool configured);
/* Removes it; its sockets close in the background. */
void fleet_remove(struct fleet *fleet);
struct fleet *fleet_find(const struct fleets *f, const char *name);
struct member *fleet_member(const struct fleets *f, const char *identity);

void fleet_faults(const Sim__Faults *from, struct charger_faults *ret);

#endif
