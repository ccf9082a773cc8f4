/* Fleets of simulated cabinets, each with its own connection, on one loop, and the people who carry their banks about.
 */
#ifndef SIM_RACKS_H
#define SIM_RACKS_H

#include "cabinet.h"
#include "uplink.h"

#include <galvan/sim.pb-c.h>

#define RACKS_MAX 40000 /* of all fleets together */

struct rack { /* a cabinet of a fleet */
	struct uplink uplink;
	struct rack_fleet *fleet;
	struct cabinet *model;
	struct cabinet_env env;
	char imei[GV_RUIOO_IMEI_SIZE];
};

struct hand { /* a bank that somebody has */
	char bank[CABINET_BANK_SIZE];
	int64_t due_ms; /* when they try a cabinet; INT64_MAX: when told */
};

struct rack_fleet {
	struct rack_fleet *next;
	struct racks *owner;
	Sim__CabinetFleet *want; /* a copy */
	bool configured;         /* by the config file */
	bool removed;
	struct line_target target;
	struct rack **by_number;
	unsigned count, alive; /* alive: handles that are not closed yet */
	struct hand *hands;
	unsigned n_hands, cap_hands;
	uv_timer_t people;
};

/* All fleets. Allocated, since its handles may outlive the plugin by a turn of the loop. */
struct racks {
	struct uplinks all;
	struct rack_fleet *first;
	unsigned cabinets;
};

struct racks *racks_create(uv_loop_t *loop, uint64_t seed);
/* Removes all fleets; `closed` of `all` follows, and then racks_destroy may. */
void racks_close(struct racks *r);
void racks_destroy(struct racks *r);

/* Whether such a fleet can be. -EINVAL, -EEXIST (another of that name, or IMEIs that are taken) or -ENOSPC, with a
 * sentence. */
int rack_fleet_check(const struct racks *r, const Sim__CabinetFleet *want, char *ret_error, size_t error_size);
/* Adds a fleet that rack_fleet_check let pass, and starts it. */
int rack_fleet_add(struct racks *r, const Sim__CabinetFleet *want, bool configured);
/* Removes it; its sockets close in the background. */
void rack_fleet_remove(struct rack_fleet *f);
struct rack_fleet *rack_fleet_find(const struct racks *r, const char *name);
/* The first of that IMEI. */
struct rack *rack_find(const struct racks *r, const char *imei);
/* Somebody puts a bank into a slot (0: the first empty one): the one named, or, for "", one that people have. The slot,
 * -ENODATA if nobody has one, or as cabinet_insert. `ret_bank`: which. */
int rack_return(struct rack *rack, unsigned slot, const char *bank, char ret_bank[CABINET_BANK_SIZE]);
/* Somebody takes the bank out of a slot by force: as cabinet_take. */
int rack_take(struct rack *rack, unsigned slot, char ret_bank[CABINET_BANK_SIZE]);

/* Between racks.c, a cabinet by itself, and rack_fleets.c. */
int rack_add(struct rack_fleet *f, uint64_t imei, unsigned number);
void rack_remove(struct rack *rack);
/* The fleet goes with its last handle. */
void rack_fleet_release(struct rack_fleet *f);

void rack_faults(const Sim__CabinetFaults *from, struct cabinet_faults *ret);

#endif
