/* What the files of the sim plugin share. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "cabinet_load.h"
#include "fleet.h"
#include "load.h"
#include "posts.h"
#include "racks.h"

#include <galvan/driver.h>

struct sim {
	struct gv_world *world;
	struct fleets *fleets; /* NULL: no loop to run them on */
	struct racks *racks;   /* likewise */
	struct posts *posts;   /* likewise */
	struct load *load;     /* the one that runs, or the last; at most one of these two */
	struct cabinet_load *cabinet_load;
	bool load_running, load_waited; /* waited: `load_ticket` is to be answered at its end */
	bool load_stations, draining, fleets_closed, racks_closed, posts_closed;
	struct gv_ticket load_ticket;
	Sim__Fleet **pending;           /* between start and open: fleets to be started */
	size_t n_pending, n_configured; /* the first are the config file's */
	Sim__CabinetFleet **pending_cabinets;
	size_t n_pending_cabinets, n_configured_cabinets;
	Sim__PileFleet **pending_piles;
	size_t n_pending_piles, n_configured_piles;
};

extern const struct gv_table sim_fleets, sim_cabinets, sim_piles;
extern const struct gv_method sim_methods[];

int sim_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_load_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_get_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_stop_load_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);

/* service_cabinets.c */
int sim_add_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_remove_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_list_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_return_bank_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_take_bank_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_break_slot_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_power_cycle_cabinet_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_set_cabinet_faults_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);

/* service_piles.c */
int sim_add_piles_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_remove_piles_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_list_piles_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_set_pile_certificate_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_unplug_pile_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_stop_pile_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_power_cycle_pile_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_write_pile_letter_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_set_pile_network_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
int sim_set_pile_radio_call(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m);
/* Has the piles whose fleets say so signed for by ble. Again by sim_on_timer until it is done. */
int sim_enrol(struct sim *sim, struct gv_turn *t);
int sim_enrol_soon(struct gv_turn *t); /* when the fleets are there */
int sim_on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer);
int sim_on_timer(void *self, struct gv_turn *t, const char *name, const void *note);

/* service.c: refusals. `r` and `why`: of fleet_check or rack_fleet_check. */
int sim_no_loop(struct gv_turn *t, struct gv_ticket ticket);
int sim_refuse_fleet(struct gv_turn *t, struct gv_ticket ticket, int r, const char *why);

/* Tells the host, once nothing is left of fleets and load. */
void sim_look_drained(struct sim *sim);

#endif
