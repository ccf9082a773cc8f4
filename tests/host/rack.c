/* Cabinets at billing's far end. The same order is the same rental, however often it is asked for; what becomes of a
 * lend is told once, and a bank may come out after it was told that none would. */
#include "rack.h"
#include "rental.schema.h"

#include <galvan/rental.pb-c.h>

#include <string.h>

#define MINUTE_MS 60000

static const struct gv_table rentals = { .name = RACK_RENTALS, .key = "s", .value = &rental__rental_row__descriptor };
static const struct gv_table lends = { .name = RACK_LENDS, .key = "su", .value = &rental__lend_request__descriptor };

static uint32_t below(struct gv_turn *t, uint32_t n)
{
	return (uint32_t)(gv_random(t) % n);
}

static Rental__RentalRow *take(struct gv_turn *t, const char *id)
{
	const Rental__RentalRow *found = gv_get(t, &rentals, gv_key(id));
	Rental__RentalRow *r = gv_alloc(t, sizeof *r);

	if (!found)
		return NULL;
	*r = *found;
	return r;
}

static void put(struct gv_turn *t, Rental__RentalRow *r, Rental__RentalState state)
{
	r->state = state;
	r->changed_at_ms = gv_now_ms(t);
	gv_put(t, &rentals, gv_key(r->id), r);
}

static void later(struct gv_turn *t, const char *what, const Rental__RentalRow *r, int64_t ms)
{
	gv_timer(t, gv_str(t, "%s:%s", what, r->id), gv_now_ms(t) + ms, NULL);
}

/* ---- what banks do --------------------------------------------------------------------------- */

/* A while during which the cabinet was away; for reasons that count, and that do not. */
static void freeze(struct gv_turn *t, Rental__RentalRow *r)
{
	static const char *const why[] = { "offline", "update", "full" };
	Rental__Freeze *f = gv_alloc(t, sizeof *f);

	rental__freeze__init(f);
	f->from_ms = gv_now_ms(t) + below(t, 10 * MINUTE_MS);
	f->until_ms = f->from_ms + below(t, 40 * MINUTE_MS);
	f->why = (char *)why[below(t, 3)];
	*GV_APPEND(t, r->freezes, r->n_freezes) = f;
}

static int come_out(struct gv_turn *t, Rental__RentalRow *r, bool late)
{
	Rental__RentalStarted event = RENTAL__RENTAL_STARTED__INIT;

	r->bank = gv_str(t, "BANK%u", below(t, 10000));
	r->started_at_ms = gv_now_ms(t);
	if (late)
		*GV_APPEND(t, r->flags, r->n_flags) = (char *)"late";
	if (!below(t, 3))
		freeze(t, r);
	put(t, r, RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE);
	if (below(t, 4)) /* else it never comes back */
		later(t, "back", r, 1 + below(t, 150 * MINUTE_MS));
	event.device = r->device;
	event.rental = r;
	gv_emit(t, &event);
	return below(t, 8) ? 0 : gv_emit(t, &event);
}

static int jam(struct gv_turn *t, Rental__RentalRow *r)
{
	Rental__RentalFailed event = RENTAL__RENTAL_FAILED__INIT;

	r->error = (char *)"the slot is stuck";
	put(t, r, RENTAL__RENTAL_STATE__RENTAL_STATE_FAILED);
	if (!below(t, 3))
		later(t, "late", r, 1 + below(t, 10 * MINUTE_MS));
	event.device = r->device;
	event.rental = r;
	return gv_emit(t, &event);
}

static int over(struct gv_turn *t, Rental__RentalRow *r, Rental__RentalState how, int64_t at_ms)
{
	Rental__RentalEnded event = RENTAL__RENTAL_ENDED__INIT;

	r->ended_at_ms = at_ms;
	if (how == RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED) {
		r->return_device = gv_str(t, "rack:R%u", below(t, 2));
		r->return_slot = 1 + below(t, 3);
	}
	put(t, r, how);
	gv_timer_cancel(t, gv_str(t, "back:%s", r->id));
	event.device = r->device;
	event.rental = r;
	gv_emit(t, &event);
	return below(t, 8) ? 0 : gv_emit(t, &event);
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	Rental__RentalRow *r = take(t, strchr(name, ':') + 1);
	bool out = r && r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE;

	if (!r)
		return 0;
	if (!strncmp(name, "back:", 5))
		return out ? over(t, r, RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED, gv_now_ms(t)) : 0;
	if (!strncmp(name, "late:", 5))
		return come_out(t, r, true);
	return below(t, 4) ? come_out(t, r, false) : jam(t, r);
}

/* ---- Lending and Rental ---------------------------------------------------------------------- */

static const Rental__RentalRow *of_order(struct gv_turn *t, const char *order)
{
	struct gv_scan scan = { .table = &rentals };

	while (gv_next(t, &scan))
		if (!strcmp(((const Rental__RentalRow *)scan.row)->order, order))
			return scan.row;
	return NULL;
}

static void note_lend(struct gv_turn *t, const Rental__LendRequest *q)
{
	struct gv_scan scan = { .table = &lends, .prefix = gv_key(q->order) };
	uint64_t n = 0;

	while (gv_next(t, &scan))
		n++;
	gv_put(t, &lends, gv_key(q->order, n + 1), q);
}

static const Rental__RentalRow *make(struct gv_turn *t, const Rental__LendRequest *q)
{
	Rental__RentalRow *r = gv_alloc(t, sizeof *r);
	bool unknown = !below(t, 8);

	rental__rental_row__init(r);
	r->id = gv_str(t, "%s/%llu", q->device, (unsigned long long)gv_random(t) % 1000000000);
	r->device = gv_strdup(t, q->device);
	r->slot = q->slot ? q->slot : 1 + below(t, 3);
	r->order = gv_strdup(t, q->order);
	r->token = gv_strdup(t, q->token);
	r->begun_at_ms = gv_now_ms(t);
	put(t, r, unknown ? RENTAL__RENTAL_STATE__RENTAL_STATE_UNKNOWN : RENTAL__RENTAL_STATE__RENTAL_STATE_EJECTING);
	later(t, "eject", r, 1 + below(t, unknown ? 60 * MINUTE_MS : 20000));
	return r;
}

static int lend(void *self, struct gv_turn *t, struct gv_ticket to, const Rental__LendRequest *q)
{
	const Rental__RentalRow *r = of_order(t, q->order);
	Rental__LendReply reply = RENTAL__LEND_REPLY__INIT;
	unsigned chance = below(t, 14);

	note_lend(t, q);
	if (!r && chance == 0)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s has no bank that could be lent", q->device);
	if (!r && chance == 1)
		return gv_refuse(t, to, GV_UNAVAILABLE, "%s is not connected", q->device);
	if (!r && chance == 4)
		return gv_refuse(t, to, GV_UNKNOWN, "the question was lost");
	if (!r && chance == 5)
		return 0; /* nothing is done, and no answer ever comes */
	reply.rental = (Rental__RentalRow *)(r ? r : make(t, q));
	if (chance == 2)
		return gv_refuse(t, to, GV_UNKNOWN, "the answer was lost");
	return chance == 3 ? 0 : gv_reply(t, to, &reply); /* 0: the answer never comes */
}
GV_ON_CALL(lend, void, Rental__LendRequest)

static int get(void *self, struct gv_turn *t, struct gv_ticket to, const Rental__GetRentalRequest *q)
{
	Rental__GetRentalReply reply = RENTAL__GET_RENTAL_REPLY__INIT;

	if (!below(t, 6))
		return gv_refuse(t, to, GV_UNAVAILABLE, "not now");
	reply.rental = take(t, q->id);
	return reply.rental ? gv_reply(t, to, &reply) : gv_refuse(t, to, GV_NOT_FOUND, "there is no rental %s", q->id);
}
GV_ON_CALL(get, void, Rental__GetRentalRequest)

static int list(void *self, struct gv_turn *t, struct gv_ticket to, const Rental__ListRentalsRequest *q)
{
	Rental__ListRentalsReply reply = RENTAL__LIST_RENTALS_REPLY__INIT;
	struct gv_scan scan = { .table = &rentals };

	while (gv_next(t, &scan))
		if (!strcmp(((const Rental__RentalRow *)scan.row)->device, q->device))
			*GV_APPEND(t, reply.rentals, reply.n_rentals) = (Rental__RentalRow *)scan.row;
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(list, void, Rental__ListRentalsRequest)

static int end(void *self, struct gv_turn *t, struct gv_ticket to, const Rental__EndRentalRequest *q)
{
	Rental__EndRentalReply reply = RENTAL__END_RENTAL_REPLY__INIT;
	Rental__RentalRow *r = take(t, q->id);

	if (!r)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no rental %s", q->id);
	if (!below(t, 4))
		return gv_refuse(t, to, GV_UNAVAILABLE, "not now");
	if (r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE)
		over(t, r, RENTAL__RENTAL_STATE__RENTAL_STATE_SOLD, q->at_ms);
	else if (r->state != RENTAL__RENTAL_STATE__RENTAL_STATE_SOLD)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "rental %s is over", q->id);
	reply.rental = r;
	return below(t, 6) ? gv_reply(t, to, &reply) : gv_refuse(t, to, GV_UNKNOWN, "the answer was lost");
}
GV_ON_CALL(end, void, Rental__EndRentalRequest)

/* ---- the plugin ------------------------------------------------------------------------------ */

static int snapshot(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &rentals };

	while (gv_next(t, &scan)) {
		Rental__RentalStarted event = RENTAL__RENTAL_STARTED__INIT;

		event.rental = (Rental__RentalRow *)scan.row;
		event.device = event.rental->device;
		if (event.rental->state == RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE)
			gv_emit(t, &event);
	}
	return 0;
}

const struct gv_plugin rack_record = {
	GV_STAMP,
	.name = "rack",
	.version = "1",
	.summary = "Cabinets that do as chance has it",
	.serves = GV_SERVES(
		{ &rental__lending__descriptor, GV_METHODS({ "Lend", lend_call }) },
		{ &rental__rental__descriptor,
		  GV_METHODS({ "GetRental", get_call }, { "ListRentals", list_call }, { "EndRental", end_call }) }),
	.emits = GV_EMITS({ &rental__rental_started__descriptor, snapshot },
			  { &rental__rental_failed__descriptor, NULL }, { &rental__rental_ended__descriptor, NULL }),
	.tables = GV_TABLES(&rentals, &lends),
	.schema_set = GV_SCHEMA(rental),
	.schema = 1,
	.self_size = 1,
	.on_timer = on_timer,
};
