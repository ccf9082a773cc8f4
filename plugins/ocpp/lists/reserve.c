/* What people ask for: Charging/Reserve, CancelReservation, ListReservations; and what chargers answer. */
#include "reservations.h"

#include "lists.h"

#include <plugins/leases/leases.h>
#include <plugins/ocpp/edge/edge.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX 36                                  /* characters, as charging.proto has it */
#define AHEAD_MS (INT64_C(366) * 24 * 60 * 60 * 1000) /* a reservation ends within a year */
#define LIST_DEFAULT 100
#define LIST_MAX 1000
#define LAST_ID "reservations"

/* ---- Reserve --------------------------------------------------------------------------------- */

/* Positive and of 32 bits, as 1.6 has it. */
static uint64_t next_id(struct gv_turn *t)
{
	Ocpp__Counter *last = gv_edit(t, &ocpp_counters, gv_key(LAST_ID));

	last->value = last->value % INT32_MAX + 1;
	return last->value;
}

static unsigned count_standing(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(device) };
	unsigned n = 0;

	while (gv_next(t, &scan))
		n += reservation_stands(scan.row) || ((const Ocpp__ReservationRow *)scan.row)->asking;
	return n;
}

static const char *problem_of(struct gv_turn *t, const Charging__ReserveRequest *r)
{
	if (!r->device[0])
		return "device must be given";
	if (r->connector > OCPP_CONNECTOR_MAX)
		return gv_str(t, "connector must be at most %d, is %u", OCPP_CONNECTOR_MAX, r->connector);
	if (!r->token[0] || strlen(r->token) > TOKEN_MAX)
		return gv_str(t, "token must have 1 to %d characters, has %zu", TOKEN_MAX, strlen(r->token));
	if (r->token_type[0] && !token_type_known(r->token_type))
		return gv_str(t, "tokenType: OCPP has no \"%.20s\"", r->token_type);
	if (strlen(r->group) > TOKEN_MAX)
		return gv_str(t, "group must have at most %d characters, has %zu", TOKEN_MAX, strlen(r->group));
	if (r->expires_at_ms <= gv_now_ms(t) || r->expires_at_ms - gv_now_ms(t) > AHEAD_MS)
		return gv_str(t, "expiresAtMs must be a time within the next 366 days, is %" PRId64, r->expires_at_ms);
	return NULL;
}

/* The row to ask for, an empty one for a new reservation; NULL: the ticket has been answered. */
static Ocpp__ReservationRow *row_for(struct gv_turn *t, struct gv_ticket ticket, const Charging__ReserveRequest *r)
{
	Ocpp__ReservationRow *row;

	if (!r->reservation_id) {
		if (count_standing(t, r->device) >= RESERVATIONS_MAX) {
			gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED, "%s has %d reservations already", r->device,
				  RESERVATIONS_MAX);
			return NULL;
		}
		row = gv_alloc(t, sizeof *row);
		ocpp__reservation_row__init(row);
		return row;
	}
	row = reservation_get(t, r->device, r->reservation_id);
	if (!row || !row->reservation)
		gv_refuse(t, ticket, GV_NOT_FOUND, "%s has no reservation %" PRIu64, r->device, r->reservation_id);
	else if (!reservation_stands(row))
		gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "reservation %" PRIu64 " of %s is over", r->reservation_id,
			  r->device);
	else if (row->asking)
		gv_refuse(t, ticket, GV_ABORTED, "reservation %" PRIu64 " of %s is being changed: try again",
			  r->reservation_id, r->device);
	else
		return row;
	return NULL;
}

int reserve_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Charging__ReserveRequest *r = (const Charging__ReserveRequest *)m;
	struct ocpp *o = self;
	const char *problem = problem_of(t, r);
	struct command c = { .kind = OCPP__COMMAND__KIND__RESERVE };
	Charging__Reservation *asking = gv_alloc(t, sizeof *asking);
	const struct station *st;
	Ocpp__ReservationRow *row;
	struct verdict v;

	if (problem)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	if (lease_bars(t, ticket, r->device) || command_impossible(o, t, ticket, r->device))
		return 0;
	st = station_find(o, r->device);
	if (!st->edge->orders->reserve)
		return gv_refuse(t, ticket, GV_UNIMPLEMENTED, "%s speaks %s, which has no reservations", r->device,
				 st->edge->name);
	v = authorize(o, t, &(struct ask){ .device = r->device, .tag = r->token, .asked_for = true });
	if (strcmp(v.status, "Accepted") != 0)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "token %s may not charge at %s: it is %s", r->token,
				 r->device, v.status);
	row = row_for(t, ticket, r);
	if (!row)
		return 0;
	charging__reservation__init(asking);
	asking->id = r->reservation_id ? r->reservation_id : next_id(t);
	asking->device = r->device;
	asking->connector = r->connector;
	asking->token = r->token;
	asking->token_type = (char *)token_type(o, t, r->token, r->token_type, TOKEN_TYPE_CARD);
	asking->group = r->group[0] ? r->group : (char *)v.parent;
	asking->expires_at_ms = r->expires_at_ms;
	row->asking = asking;
	if (st->edge->orders->reserve(t,
				      &(struct reserve_order){ asking->id, asking->connector, asking->token,
							       asking->group, asking->token_type,
							       asking->expires_at_ms },
				      &c))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", c.problem);
	c.about = asking->id;
	reservation_ask(t, row);
	return command_send(o, t, ticket, r->device, &c);
}

static bool was_sent(const Ocpp__Command *command, const struct outcome *out)
{
	return out->kind == OUTCOME_LOST || (out->kind == OUTCOME_TIMEOUT && command->conn);
}

static int take_back(struct ocpp *o, struct gv_turn *t, const struct station *st, uint64_t id)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__TAKE_BACK, .about = id };

	st->edge->orders->cancel_reservation(t, id, &c);
	c.kind = OCPP__COMMAND__KIND__TAKE_BACK;
	return command_send(o, t, (struct gv_ticket){ 0 }, st->device, &c);
}

int reservation_release(struct ocpp *o, struct gv_turn *t, const char *device, uint64_t id)
{
	const struct station *st = station_find(o, device);

	return st && st->edge->orders->cancel_reservation ? take_back(o, t, st, id) : 0;
}

int reserve_conclude(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *command,
		     const struct outcome *out)
{
	Charging__ReserveReply reply = CHARGING__RESERVE_REPLY__INIT;
	Ocpp__ReservationRow *row = reservation_get(t, device, command->about);
	const char *status = outcome_status(out);
	const struct station *st = station_find(o, device);

	if (row && was_sent(command, out)) {
		reservation_doubt(t, row);
		if (row->unsure && st)
			take_back(o, t, st, command->about);
	} else if (row && !strcmp(status, "Accepted")) {
		reservation_accept(t, row);
	} else if (row) {
		reservation_drop(t, row);
	}
	if (!status[0])
		return command_refuse(t, device, command, out);
	reply.status = (char *)status;
	reply.reservation_id = strcmp(status, "Accepted") ? 0 : command->about;
	return gv_reply(t, command_ticket(command), &reply);
}

/* ---- what nobody wants ----------------------------------------------------------------------- */

static bool taking_back(struct gv_turn *t, const char *device, uint64_t id)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;

		if (row->kind == OCPP__COMMAND__KIND__TAKE_BACK && row->about == id)
			return true;
	}
	return false;
}

int reservations_opened(struct ocpp *o, struct gv_turn *t, const struct station *st)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(st->device) };

	while (gv_next(t, &scan))
		if (((const Ocpp__ReservationRow *)scan.row)->unsure && !taking_back(t, st->device, scan.key.part[1].u))
			take_back(o, t, st, scan.key.part[1].u);
	return 0;
}

int take_back_conclude(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *command,
		       const struct outcome *out)
{
	Ocpp__ReservationRow *row = reservation_get(t, device, command->about);

	/* Without an answer it is tried again at the next connection, until its time is over. */
	if (!row || !row->unsure || (out->kind != OUTCOME_ANSWERED && out->kind != OUTCOME_ERROR))
		return 0;
	return reservation_stands(row) ? reservation_end(t, row, CHARGING__RESERVATION_STATE__CANCELLED, "")
				       : reservation_drop(t, row);
}

/* ---- CancelReservation ----------------------------------------------------------------------- */

int cancel_reservation_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Charging__CancelReservationRequest *r = (const Charging__CancelReservationRequest *)m;
	struct ocpp *o = self;
	struct command c = { 0 };
	const Ocpp__ReservationRow *row;
	const struct station *st;

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	row = reservation_get(t, r->device, r->reservation_id);
	if (!row || !row->reservation)
		return gv_refuse(t, ticket, GV_NOT_FOUND,
				 "%s has no reservation %" PRIu64 ": ListReservations shows those that it has",
				 r->device, r->reservation_id);
	if (!reservation_stands(row))
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "reservation %" PRIu64 " of %s is over already",
				 r->reservation_id, r->device);
	if (command_impossible(o, t, ticket, r->device))
		return 0;
	st = station_find(o, r->device);
	if (!st->edge->orders->cancel_reservation)
		return gv_refuse(t, ticket, GV_UNIMPLEMENTED, "%s speaks %s, which has no reservations", r->device,
				 st->edge->name);
	st->edge->orders->cancel_reservation(t, r->reservation_id, &c);
	c.kind = OCPP__COMMAND__KIND__CANCEL_RESERVATION;
	c.about = r->reservation_id;
	return command_send(o, t, ticket, r->device, &c);
}

/* Rejected means that the charger holds no such reservation (1.6, 5.2): it is over, too. */
int cancel_conclude(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *command,
		    const struct outcome *out)
{
	Charging__CommandReply reply = CHARGING__COMMAND_REPLY__INIT;
	Ocpp__ReservationRow *row = reservation_get(t, device, command->about);

	reply.status = (char *)outcome_status(out);
	if (row && reservation_stands(row) && was_sent(command, out))
		reservation_unwanted(t, row);
	if (!reply.status[0])
		return command_refuse(t, device, command, out);
	if (row && reservation_stands(row))
		reservation_end(t, row, CHARGING__RESERVATION_STATE__CANCELLED, "");
	return gv_reply(t, command_ticket(command), &reply);
}

/* ---- ListReservations ------------------------------------------------------------------------ */

static int newest_first(const void *a, const void *b)
{
	uint64_t x = (*(Charging__Reservation *const *)a)->id, y = (*(Charging__Reservation *const *)b)->id;

	return x < y ? 1 : x > y ? -1 : 0;
}

int list_reservations_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Charging__ListReservationsRequest *r = (const Charging__ListReservationsRequest *)m;
	Charging__ListReservationsReply reply = CHARGING__LIST_RESERVATIONS_REPLY__INIT;
	struct gv_scan scan = { .table = &ocpp_reservations };
	uint32_t limit = r->limit ? r->limit : LIST_DEFAULT;

	if (r->device[0])
		scan.prefix = gv_key(r->device);
	for (unsigned looked = 0; looked < OCPP_SCAN_MAX && gv_next(t, &scan); looked++) {
		const Ocpp__ReservationRow *row = scan.row;

		if (row->reservation && (r->ended || reservation_stands(row)))
			*GV_APPEND(t, reply.reservations, reply.n_reservations) = row->reservation;
	}
	if (reply.n_reservations > 1)
		qsort(reply.reservations, reply.n_reservations, sizeof *reply.reservations, newest_first);
	if (limit > LIST_MAX)
		limit = LIST_MAX;
	if (reply.n_reservations > limit)
		reply.n_reservations = limit;
	return gv_reply(t, ticket, &reply);
}
