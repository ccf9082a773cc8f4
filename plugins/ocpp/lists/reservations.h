/* Reservations: rows and rules in reservations.c, what people ask for in reserve.c. */
#ifndef OCPP_RESERVATIONS_H
#define OCPP_RESERVATIONS_H

#include <plugins/ocpp/ocpp.h>
#include <plugins/ocpp/stations/commands.h>

#define RESERVATIONS_MAX 64   /* of one charger that stand or are asked for */
#define RESERVATIONS_KEPT 256 /* rows of one charger: the oldest that have ended go */
#define RESERVATIONS_TIMER "reservations"

extern const struct gv_table ocpp_reservations;     /* device, id -> ReservationRow */
extern const struct gv_table ocpp_reservation_ends; /* time, device, id -> ReservationEnd */

/* ---- reservations.c -------------------------------------------------------------------------- */

/* A copy to change, in the turn's memory; NULL where there is none. */
Ocpp__ReservationRow *reservation_get(struct gv_turn *t, const char *device, uint64_t id);
bool reservation_stands(const Ocpp__ReservationRow *row);
/* Writes a row that waits for the charger's answer. */
int reservation_ask(struct gv_turn *t, Ocpp__ReservationRow *row);
/* The charger has accepted what was asked. */
int reservation_accept(struct gv_turn *t, Ocpp__ReservationRow *row);
/* It has not: what stood before stands. */
int reservation_drop(struct gv_turn *t, Ocpp__ReservationRow *row);
/* Nobody knows; what is unsure is taken back when the charger can be asked. */
int reservation_doubt(struct gv_turn *t, Ocpp__ReservationRow *row);
/* It was to be cancelled, and nobody knows. */
int reservation_unwanted(struct gv_turn *t, Ocpp__ReservationRow *row);
int reservation_end(struct gv_turn *t, Ocpp__ReservationRow *row, Charging__ReservationState state,
		    const char *session_id);
/* Its device was deleted: those that stand are lost. */
int reservations_forget(struct gv_turn *t, const char *device);
int reservations_due(struct gv_turn *t);

/* What the start of a session has to do with reservations. */
struct reservation_match {
	uint64_t id;  /* that it uses; 0: none */
	bool foreign; /* the connector is kept for somebody else */
};
struct reservation_claim {
	const char *device;
	uint32_t connector; /* 0: none in particular */
	const char *tag, *parent;
	int64_t id; /* that the charger named; what is not positive is none (quirk of some chargers) */
	int64_t at_ms;
};
/* One stands there for this very token: somebody inside galvan has asked for it. */
bool reservation_holds(struct gv_turn *t, const char *device, const char *tag);
void reservation_match(struct gv_turn *t, const struct reservation_claim *claim, struct reservation_match *ret);
int reservation_use(struct gv_turn *t, const char *device, uint64_t id, const char *session_id);
/* The one that keeps a session with this tag from being started there; NULL: none does. */
const Charging__Reservation *reservation_against(struct gv_turn *t, const struct reservation_claim *claim);
/* The status of a connector has changed; `before`: "" where it was not known. */
int reservations_status(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, const char *before,
			const char *status);
/* The charger says (2.0.1) that one is over: by its time, or otherwise. */
int reservation_over(struct gv_turn *t, const char *device, uint64_t id, bool expired);
/* Emits those that stand. */
int reservations_snapshot(void *self, struct gv_turn *t);

/* ---- reserve.c ------------------------------------------------------------------------------- */

gv_method_fn reserve_method, cancel_reservation_method, list_reservations_method;
conclude_fn reserve_conclude, cancel_conclude, take_back_conclude;
/* One that is over here: a charger on line is told, as it may keep it. What it answers changes nothing. */
int reservation_release(struct ocpp *o, struct gv_turn *t, const char *device, uint64_t id);
/* Takes back what a charger that is there again may hold. */
int reservations_opened(struct ocpp *o, struct gv_turn *t, const struct station *st);

#endif
