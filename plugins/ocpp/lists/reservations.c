/* Reservations as rows, and when they end: with the session that uses them, at their time, with their connector, or
 * when somebody cancels them. A charger and galvan may learn of an end in any order, so each end is looked for here and
 * believed once. */
#include "reservations.h"

#include "lists.h"

#include <string.h>

#define NEARLY_MS (2 * 60 * 1000) /* a charger's clock may differ by so much when it lets one go by itself */

const struct gv_table ocpp_reservations = { .name = "reservations",
					    .key = "su",
					    .value = &ocpp__reservation_row__descriptor };
const struct gv_table ocpp_reservation_ends = { .name = "reservation_ends",
						.key = "isu",
						.value = &ocpp__reservation_end__descriptor };

/* ---- rows ------------------------------------------------------------------------------------ */

Ocpp__ReservationRow *reservation_get(struct gv_turn *t, const char *device, uint64_t id)
{
	const Ocpp__ReservationRow *row = gv_get(t, &ocpp_reservations, gv_key(device, id));
	Ocpp__ReservationRow *copy = row ? gv_alloc(t, sizeof *copy) : NULL;

	if (copy)
		*copy = *row;
	return copy;
}

bool reservation_stands(const Ocpp__ReservationRow *row)
{
	return row->reservation && row->reservation->state == CHARGING__RESERVATION_STATE__RESERVED;
}

static const Charging__Reservation *any(const Ocpp__ReservationRow *row)
{
	return row->reservation ? row->reservation : row->asking;
}

static int put(struct gv_turn *t, const Ocpp__ReservationRow *row)
{
	const Charging__Reservation *r = any(row);

	return gv_put(t, &ocpp_reservations, gv_key(r->device, r->id), row);
}

/* The first end sets the timer. */
static int arm(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_reservation_ends };

	return gv_next(t, &scan) ? gv_timer(t, RESERVATIONS_TIMER, scan.key.part[0].i, NULL) : 0;
}

static void ends_at(struct gv_turn *t, const Charging__Reservation *r)
{
	Ocpp__ReservationEnd end = OCPP__RESERVATION_END__INIT;

	gv_put(t, &ocpp_reservation_ends, gv_key(r->expires_at_ms, r->device, r->id), &end);
	arm(t);
}

static void ends_no_more(struct gv_turn *t, const Charging__Reservation *r)
{
	if (r)
		gv_delete(t, &ocpp_reservation_ends, gv_key(r->expires_at_ms, r->device, r->id));
}

static int tell(struct gv_turn *t, const Charging__Reservation *r)
{
	Charging__ReservationChanged event = CHARGING__RESERVATION_CHANGED__INIT;

	event.device = r->device;
	event.reservation = (Charging__Reservation *)r;
	gv_log(t, GV_INFO, "reservation changed device=%s reservation=%llu connector=%u state=%d", r->device,
	       (unsigned long long)r->id, r->connector, r->state);
	return gv_emit(t, &event);
}

static void prune(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(device), .reverse = true };

	for (unsigned n = 0; gv_next(t, &scan); n++) {
		const Ocpp__ReservationRow *row = scan.row;

		if (n >= RESERVATIONS_KEPT && !row->asking && !reservation_stands(row))
			gv_delete(t, &ocpp_reservations, scan.key);
	}
}

int reservation_ask(struct gv_turn *t, Ocpp__ReservationRow *row)
{
	ends_at(t, row->asking);
	return put(t, row);
}

int reservation_accept(struct gv_turn *t, Ocpp__ReservationRow *row)
{
	if (!row->asking)
		return 0;
	if (row->reservation && row->reservation->expires_at_ms != row->asking->expires_at_ms)
		ends_no_more(t, row->reservation);
	row->reservation = row->asking;
	row->reservation->state = CHARGING__RESERVATION_STATE__RESERVED;
	row->asking = NULL;
	put(t, row);
	return tell(t, row->reservation);
}

int reservation_drop(struct gv_turn *t, Ocpp__ReservationRow *row)
{
	const Charging__Reservation *asked = row->asking;

	if (!asked)
		return 0;
	if (!row->reservation) {
		ends_no_more(t, asked);
		return gv_delete(t, &ocpp_reservations, gv_key(asked->device, asked->id));
	}
	if (row->reservation->expires_at_ms != asked->expires_at_ms)
		ends_no_more(t, asked);
	row->asking = NULL;
	row->unsure = false;
	return put(t, row);
}

int reservation_doubt(struct gv_turn *t, Ocpp__ReservationRow *row)
{
	if (!row->asking || row->reservation)
		return reservation_drop(t, row);
	row->unsure = true;
	return put(t, row);
}

int reservation_unwanted(struct gv_turn *t, Ocpp__ReservationRow *row)
{
	row->unsure = true;
	return put(t, row);
}

int reservation_end(struct gv_turn *t, Ocpp__ReservationRow *row, Charging__ReservationState state,
		    const char *session_id)
{
	ends_no_more(t, row->reservation);
	ends_no_more(t, row->asking);
	if (!row->reservation)
		row->reservation = row->asking;
	row->asking = NULL;
	row->unsure = false;
	row->reservation->state = state;
	row->reservation->session_id = (char *)session_id;
	put(t, row);
	prune(t, row->reservation->device);
	return tell(t, row->reservation);
}

int reservations_forget(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		Ocpp__ReservationRow *row = reservation_get(t, device, scan.key.part[1].u);

		if (row && reservation_stands(row))
			reservation_end(t, row, CHARGING__RESERVATION_STATE__LOST, "");
		else if (row && row->asking)
			reservation_drop(t, row);
	}
	return 0;
}

int reservations_due(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_reservation_ends };

	while (gv_next(t, &scan) && scan.key.part[0].i <= gv_now_ms(t)) {
		const char *device = scan.key.part[1].s;
		Ocpp__ReservationRow *row = reservation_get(t, device, scan.key.part[2].u);

		if (row && reservation_stands(row) && row->reservation->expires_at_ms <= gv_now_ms(t))
			reservation_end(t, row, CHARGING__RESERVATION_STATE__EXPIRED, "");
		else if (row)
			reservation_drop(t, row);
		gv_delete(t, &ocpp_reservation_ends, scan.key);
	}
	return arm(t);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static bool same(struct gv_turn *t, const char *a, const char *b)
{
	return a[0] && !strcmp(model_fold(t, a), model_fold(t, b));
}

static bool is_for(struct gv_turn *t, const Charging__Reservation *r, const struct reservation_claim *c)
{
	return same(t, c->tag, r->token) || same(t, c->parent, r->group);
}

/* By the number that the charger gave: also one that is over here, where the session began before its end. */
static Ocpp__ReservationRow *named(struct gv_turn *t, const struct reservation_claim *c)
{
	Ocpp__ReservationRow *row = c->id > 0 ? reservation_get(t, c->device, (uint64_t)c->id) : NULL;

	if (!row || (row->reservation && row->reservation->state == CHARGING__RESERVATION_STATE__USED))
		return NULL;
	return reservation_stands(row) || row->asking || c->at_ms <= row->reservation->expires_at_ms ? row : NULL;
}

bool reservation_holds(struct gv_turn *t, const char *device, const char *tag)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(device) };

	while (gv_next(t, &scan))
		if (reservation_stands(scan.row) &&
		    same(t, tag, ((const Ocpp__ReservationRow *)scan.row)->reservation->token))
			return true;
	return false;
}

void reservation_match(struct gv_turn *t, const struct reservation_claim *c, struct reservation_match *ret)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(c->device) };
	const Ocpp__ReservationRow *row = named(t, c);
	const Charging__Reservation *best = row ? any(row) : NULL;
	bool by_name = best != NULL;

	*ret = (struct reservation_match){ 0 };
	while (gv_next(t, &scan)) {
		const Charging__Reservation *r = any(scan.row);

		if (!reservation_stands(scan.row) || (r->connector && r->connector != c->connector))
			continue;
		if (!is_for(t, r, c))
			ret->foreign |= r->connector != 0;
		else if (!by_name && (!best || (same(t, c->tag, r->token) && !same(t, c->tag, best->token))))
			best = r;
	}
	if (!best)
		return;
	ret->id = best->id;
	ret->foreign = !is_for(t, best, c);
}

int reservation_use(struct gv_turn *t, const char *device, uint64_t id, const char *session_id)
{
	Ocpp__ReservationRow *row = id ? reservation_get(t, device, id) : NULL;

	return row ? reservation_end(t, row, CHARGING__RESERVATION_STATE__USED, session_id) : 0;
}

/* Connectors on which a session could begin and that nobody in particular has reserved. */
static unsigned free_connectors(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_connectors, .prefix = gv_key(device) };
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		const char *status = ((const Ocpp__ConnectorRow *)scan.row)->status;

		n += scan.key.part[1].u != 0 && (!strcmp(status, "Available") || !strcmp(status, "Preparing"));
	}
	return n;
}

const Charging__Reservation *reservation_against(struct gv_turn *t, const struct reservation_claim *c)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(c->device) };
	const Charging__Reservation *whichever = NULL;
	unsigned kept = 0;

	while (gv_next(t, &scan)) {
		const Ocpp__ReservationRow *row = scan.row;

		if (!reservation_stands(row))
			continue;
		if (is_for(t, row->reservation, c)) {
			if (!row->reservation->connector || row->reservation->connector == c->connector)
				return NULL;
		} else if (!row->reservation->connector) {
			whichever = row->reservation;
			kept++;
		} else if (row->reservation->connector == c->connector) {
			return row->reservation;
		}
	}
	/* One without a connector keeps one of them free, whichever it is. */
	return whichever && free_connectors(t, c->device) <= kept ? whichever : NULL;
}

/* ---- what the charger says ------------------------------------------------------------------- */

static bool cancelling(struct gv_turn *t, const char *device, uint64_t id)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;

		if (row->kind == OCPP__COMMAND__KIND__CANCEL_RESERVATION && row->about == id)
			return true;
	}
	return false;
}

static int let_go(struct gv_turn *t, Ocpp__ReservationRow *row)
{
	bool over = row->reservation->expires_at_ms - gv_now_ms(t) < NEARLY_MS;

	return reservation_end(t, row, over ? CHARGING__RESERVATION_STATE__EXPIRED : CHARGING__RESERVATION_STATE__LOST,
			       "");
}

/* A charger whose connector 0 is Faulted may well charge: some report it while their connectors are Available (quirk
 * row 43), so each speaks for itself. */
int reservations_status(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, const char *before,
			const char *status)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(device) };
	bool out = (connector && !strcmp(status, "Faulted")) || !strcmp(status, "Unavailable");
	bool freed = !strcmp(before, "Reserved") && !strcmp(status, "Available");

	while ((out || freed) && gv_next(t, &scan)) {
		uint64_t id = scan.key.part[1].u;
		Ocpp__ReservationRow *row = reservation_get(t, device, id);

		if (!row || !reservation_stands(row) || (connector && row->reservation->connector != connector))
			continue;
		if (out) {
			reservation_end(t, row, CHARGING__RESERVATION_STATE__LOST, "");
			reservation_release(o, t, device, id);
		} else if (connector && !cancelling(t, device, id)) {
			let_go(t, row);
		}
	}
	return 0;
}

int reservation_over(struct gv_turn *t, const char *device, uint64_t id, bool expired)
{
	Ocpp__ReservationRow *row = reservation_get(t, device, id);

	if (!row || !reservation_stands(row) || cancelling(t, device, id))
		return 0;
	return reservation_end(t, row,
			       expired ? CHARGING__RESERVATION_STATE__EXPIRED : CHARGING__RESERVATION_STATE__LOST, "");
}

int reservations_snapshot(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_reservations };

	while (gv_next(t, &scan)) {
		const Ocpp__ReservationRow *row = scan.row;
		Charging__ReservationChanged event = CHARGING__RESERVATION_CHANGED__INIT;

		if (!reservation_stands(row))
			continue;
		event.device = row->reservation->device;
		event.reservation = row->reservation;
		gv_emit(t, &event);
	}
	return 0;
}
