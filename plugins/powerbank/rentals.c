/* Rentals: their rows, how they are found, and the events that billing lives by: exactly one of RentalStarted and
 * RentalFailed, and RentalEnded behind the first. */
#include "powerbank.h"

#include <plugins/leases/leases.h>

#include <inttypes.h>
#include <string.h>

const Rental__RentalRow *rental_get(struct gv_turn *t, const char *id)
{
	return *id ? gv_get(t, &pb_rentals, gv_key(id)) : NULL;
}

Rental__RentalRow *rental_edit(struct gv_turn *t, const char *id)
{
	return gv_edit(t, &pb_rentals, gv_key(id));
}

bool rental_is_over(const Rental__RentalRow *r)
{
	switch (r->state) {
	case RENTAL__RENTAL_STATE__RENTAL_STATE_EJECTING:
	case RENTAL__RENTAL_STATE__RENTAL_STATE_PROBING:
	case RENTAL__RENTAL_STATE__RENTAL_STATE_UNKNOWN:
	case RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE:
		return false;
	default:
		return true;
	}
}

const Rental__RentalRow *rental_of_order(struct gv_turn *t, const char *order)
{
	const Powerbank__RentalRef *ref = gv_get(t, &pb_orders, gv_key(order));

	return ref ? rental_get(t, ref->rental) : NULL;
}

static void index_at(struct gv_turn *t, const char *whose, const Rental__RentalRow *r)
{
	static const Powerbank__RentalAt none = POWERBANK__RENTAL_AT__INIT;

	gv_put(t, &pb_rental_times, gv_key(whose, r->begun_at_ms, r->id), &none);
}

static void index_open(struct gv_turn *t, const Rental__RentalRow *r)
{
	Powerbank__RentalRef ref = POWERBANK__RENTAL_REF__INIT;

	ref.rental = r->id;
	gv_put(t, &pb_open, gv_key(r->device, r->id), &ref);
	index_at(t, "o:", r);
}

static const char *state_name(Rental__RentalState state)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(&rental__rental_state__descriptor, state);

	return v ? v->name + strlen("RENTAL_STATE_") : "?";
}

static void to(struct gv_turn *t, Rental__RentalRow *r, Rental__RentalState state)
{
	r->state = state;
	r->changed_at_ms = gv_now_ms(t);
	if (rental_is_over(r)) {
		gv_delete(t, &pb_open, gv_key(r->device, r->id));
		gv_delete(t, &pb_rental_times, gv_key("o:", r->begun_at_ms, r->id));
	}
	gv_log(t, GV_INFO, "rental is %s rental=%s order=%s bank=%s%s%s", state_name(state), r->id, r->order, r->bank,
	       *r->error ? " why=" : "", r->error);
}

void rental_to(struct gv_turn *t, const char *id, Rental__RentalState state)
{
	to(t, rental_edit(t, id), state);
}

void rental_flag(struct gv_turn *t, Rental__RentalRow *r, const char *flag)
{
	for (size_t i = 0; i < r->n_flags; i++)
		if (!strcmp(r->flags[i], flag))
			return;
	*GV_APPEND(t, r->flags, r->n_flags) = gv_strdup(t, flag);
}

/* ---- from order to end ----------------------------------------------------------------------- */

Rental__RentalRow *rental_begin(struct gv_turn *t, const char *id, const Rental__LendRequest *request)
{
	Rental__RentalRow *r = rental_edit(t, id);
	Powerbank__RentalRef ref = POWERBANK__RENTAL_REF__INIT;

	r->id = gv_strdup(t, id);
	r->device = gv_strdup(t, request->device);
	r->order = gv_strdup(t, request->order);
	r->token = gv_strdup(t, request->token);
	r->begun_at_ms = gv_now_ms(t);
	ref.rental = r->id;
	gv_put(t, &pb_orders, gv_key(r->order), &ref);
	index_open(t, r);
	index_at(t, "", r);
	index_at(t, gv_str(t, "d:%s", r->device), r);
	to(t, r, RENTAL__RENTAL_STATE__RENTAL_STATE_EJECTING);
	return r;
}

void rental_start(struct gv_turn *t, const char *id, uint32_t slot, const char *bank)
{
	Rental__RentalRow *r = rental_edit(t, id);
	Rental__RentalStarted event = RENTAL__RENTAL_STARTED__INIT;

	if (r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_FAILED)
		index_open(t, r);
	r->slot = slot;
	r->bank = gv_strdup(t, bank);
	r->error = (char *)"";
	r->started_at_ms = gv_now_ms(t);
	r->ended_at_ms = 0;
	index_at(t, gv_str(t, "b:%s", bank), r);
	to(t, r, RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE);
	event.device = r->device;
	event.rental = r;
	event.event_id = incident_id(t, "started|%s", r->id);
	lease_claim_used(t, r->device, r->order);
	gv_emit(t, &event);
}

void rental_fail(struct gv_turn *t, const char *id, const char *why)
{
	Rental__RentalRow *r = rental_edit(t, id);
	Rental__RentalFailed event = RENTAL__RENTAL_FAILED__INIT;

	r->error = gv_strdup(t, why);
	r->ended_at_ms = gv_now_ms(t);
	to(t, r, RENTAL__RENTAL_STATE__RENTAL_STATE_FAILED);
	event.device = r->device;
	event.rental = r;
	event.event_id = incident_id(t, "failed|%s", r->id);
	gv_emit(t, &event);
}

/* The clock's pauses end where it does. */
static void cut_freezes(Rental__RentalRow *r)
{
	while (r->n_freezes && r->freezes[r->n_freezes - 1]->from_ms >= r->ended_at_ms)
		r->n_freezes--;
	for (size_t i = 0; i < r->n_freezes; i++)
		if (!r->freezes[i]->until_ms || r->freezes[i]->until_ms > r->ended_at_ms)
			r->freezes[i]->until_ms = r->ended_at_ms;
}

void rental_end(struct gv_turn *t, const char *id, const struct rental_end *end)
{
	Rental__RentalRow *r = rental_edit(t, id);
	Rental__RentalEnded event = RENTAL__RENTAL_ENDED__INIT;

	r->ended_at_ms = end->at_ms > r->started_at_ms ? end->at_ms : r->started_at_ms;
	cut_freezes(r);
	if (end->device) {
		r->return_device = gv_strdup(t, end->device);
		r->return_slot = end->slot;
	}
	if (end->flag)
		rental_flag(t, r, end->flag);
	to(t, r, end->state);
	event.device = r->device;
	event.rental = r;
	event.event_id = incident_id(t, "ended|%s", r->id);
	gv_emit(t, &event);
}

/* ---- times during which the lending cabinet could not take it back --------------------------- */

static bool is_frozen(const Rental__RentalRow *r, const char *why)
{
	for (size_t i = 0; i < r->n_freezes; i++)
		if (!r->freezes[i]->until_ms && !strcmp(r->freezes[i]->why, why))
			return true;
	return false;
}

static void freeze(struct gv_turn *t, Rental__RentalRow *r, const char *why, int64_t from_ms)
{
	Rental__Freeze *f;

	if (r->n_freezes == PB_FREEZES_MAX) {
		r->freezes[PB_FREEZES_MAX - 1]->until_ms = 0;
		r->freezes[PB_FREEZES_MAX - 1]->why = gv_strdup(t, why);
		return;
	}
	f = gv_alloc(t, sizeof *f);
	rental__freeze__init(f);
	f->from_ms = from_ms > r->started_at_ms ? from_ms : r->started_at_ms;
	f->why = gv_strdup(t, why);
	*GV_APPEND(t, r->freezes, r->n_freezes) = f;
}

void rentals_freeze(struct gv_turn *t, const char *device, const char *why, int64_t from_ms)
{
	struct gv_scan scan = { .table = &pb_open, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const char *id = scan.key.part[1].s;
		const Rental__RentalRow *r = rental_get(t, id);

		if (r && r->state == RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE && !is_frozen(r, why))
			freeze(t, rental_edit(t, id), why, from_ms);
	}
}

void rentals_thaw(struct gv_turn *t, const char *device, const char *why)
{
	struct gv_scan scan = { .table = &pb_open, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const char *id = scan.key.part[1].s;
		const Rental__RentalRow *r = rental_get(t, id);

		if (!r || !is_frozen(r, why))
			continue;
		for (size_t i = 0; i < r->n_freezes; i++)
			if (!r->freezes[i]->until_ms && !strcmp(r->freezes[i]->why, why))
				rental_edit(t, id)->freezes[i]->until_ms = gv_now_ms(t);
	}
}
