/* The cabinet keeps no rows: a rental is what the test last made of it, and each is told of when the test says so. */
#include "rental_rig.h"
#include "orders_rig.h"
#include "rental.schema.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the cabinet ----------------------------------------------------------------------------- */

enum gv_code lend_says, end_says;
unsigned lends, ends;
bool acts;
Rental__RentalRow rentals[RENTALS];
unsigned n_rentals;
static Rental__Freeze freezes[2], *freeze_list[2] = { &freezes[0], &freezes[1] };
static enum rack_says says;
const char *ended_elsewhere;
unsigned speaker;

static Rental__RentalRow *of_order(const char *order)
{
	for (unsigned i = 0; i < n_rentals; i++)
		if (!strcmp(rentals[i].order, order))
			return &rentals[i];
	return NULL;
}

static Rental__RentalRow *make(const Rental__LendRequest *q, int64_t now_ms)
{
	static char ids[RENTALS][20], orders[RENTALS][20];
	Rental__RentalRow *r = &rentals[n_rentals];

	snprintf(ids[n_rentals], sizeof ids[0], "rack:1/%u", n_rentals + 1);
	snprintf(orders[n_rentals], sizeof orders[0], "%s", q->order);
	rental__rental_row__init(r);
	r->id = ids[n_rentals];
	r->order = orders[n_rentals];
	r->device = (char *)"rack:1";
	r->slot = q->slot ? q->slot : 3;
	r->state = RENTAL__RENTAL_STATE__RENTAL_STATE_EJECTING;
	r->begun_at_ms = now_ms;
	n_rentals++;
	return r;
}

static int on_lend(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__LendRequest *q = (const Rental__LendRequest *)m;
	Rental__LendReply reply = RENTAL__LEND_REPLY__INIT;

	lends++;
	reply.rental = of_order(q->order);
	if (!reply.rental && (acts || lend_says == GV_OK))
		reply.rental = make(q, gv_now_ms(t));
	if (lend_says != GV_OK)
		return gv_refuse(t, to, lend_says, "the cabinet says no");
	return gv_reply(t, to, &reply);
}

static int on_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const char *id = ((const Rental__GetRentalRequest *)m)->id;
	Rental__GetRentalReply reply = RENTAL__GET_RENTAL_REPLY__INIT;

	for (unsigned i = 0; i < n_rentals; i++)
		if (!strcmp(rentals[i].id, id))
			reply.rental = &rentals[i];
	return reply.rental ? gv_reply(t, to, &reply) : gv_refuse(t, to, GV_NOT_FOUND, "there is no such rental");
}

static int on_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Rental__ListRentalsReply reply = RENTAL__LIST_RENTALS_REPLY__INIT;
	Rental__RentalRow *list[RENTALS];

	for (unsigned i = 0; i < n_rentals; i++)
		list[reply.n_rentals++] = &rentals[i];
	reply.rentals = list;
	return gv_reply(t, to, &reply);
}

static int tell(struct gv_turn *t)
{
	Rental__RentalStarted started = RENTAL__RENTAL_STARTED__INIT;
	Rental__RentalFailed failed = RENTAL__RENTAL_FAILED__INIT;
	Rental__RentalEnded ended = RENTAL__RENTAL_ENDED__INIT;

	started.device = failed.device = ended.device = (char *)"rack:1";
	started.rental = failed.rental = ended.rental = &rentals[speaker];
	return says == OUT ? gv_emit(t, &started) : says == OVER ? gv_emit(t, &ended) : gv_emit(t, &failed);
}

static int on_end(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__EndRentalRequest *q = (const Rental__EndRentalRequest *)m;
	Rental__EndRentalReply reply = RENTAL__END_RENTAL_REPLY__INIT;

	ends++;
	if (end_says != GV_OK) {
		rentals[0].state = RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED;
		rentals[0].return_device = (char *)ended_elsewhere;
		rentals[0].ended_at_ms = q->at_ms - 1;
		return gv_refuse(t, to, end_says, "it has come back");
	}
	rentals[0].state = RENTAL__RENTAL_STATE__RENTAL_STATE_SOLD;
	rentals[0].ended_at_ms = q->at_ms;
	reply.rental = &rentals[0];
	says = OVER;
	tell(t);
	return gv_reply(t, to, &reply);
}

/* Stands for the cabinet's own acts. */
static int on_eject(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Rental__EjectReply reply = RENTAL__EJECT_REPLY__INIT;

	tell(t);
	return gv_reply(t, to, &reply);
}

static const struct gv_plugin rack = {
	GV_STAMP,
	.name = "rack",
	.version = "0",
	.serves = GV_SERVES(
		{ &rental__lending__descriptor, GV_METHODS({ "Lend", on_lend }) },
		{ &rental__rental__descriptor, GV_METHODS({ "GetRental", on_get }, { "ListRentals", on_list },
							  { "EndRental", on_end }, { "Eject", on_eject }) }),
	.emits = GV_EMITS({ &rental__rental_started__descriptor, NULL }, { &rental__rental_failed__descriptor, NULL },
			  { &rental__rental_ended__descriptor, NULL }),
	.schema_set = GV_SCHEMA(rental),
	.schema = 1,
	.self_size = 1,
};

void say(enum rack_says what)
{
	says = what;
	cr_assert_eq(host_call(h, "galvan.rental.v1.Rental/Eject", "{\"device\":\"rack:1\",\"slot\":1}")->code, GV_OK);
	host_settle(h, 5);
}

void come_out(void)
{
	rentals[speaker].state = RENTAL__RENTAL_STATE__RENTAL_STATE_ACTIVE;
	rentals[speaker].started_at_ms = host_now_ms(h);
	rentals[speaker].bank = (char *)"BANK0007";
	say(OUT);
}

void fail_to_come_out(void)
{
	rentals[speaker].state = RENTAL__RENTAL_STATE__RENTAL_STATE_FAILED;
	rentals[speaker].error = (char *)"the slot is stuck";
	say(FAILED_LEND);
}

void return_silently(Rental__RentalState how)
{
	rentals[speaker].state = how;
	rentals[speaker].ended_at_ms = host_now_ms(h);
	rentals[speaker].return_device = (char *)"rack:2";
	rentals[speaker].return_slot = 5;
}

void come_back(void)
{
	return_silently(RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED);
	say(OVER);
}

void freeze(unsigned i, int64_t from_ms, int64_t until_ms, const char *why)
{
	rental__freeze__init(&freezes[i]);
	freezes[i].from_ms = from_ms;
	freezes[i].until_ms = until_ms;
	freezes[i].why = (char *)why;
	rentals[0].freezes = freeze_list;
	rentals[0].n_freezes = i + 1;
}

/* ---- billing --------------------------------------------------------------------------------- */

void borrow(const char *id, const char *more)
{
	char json[300];

	snprintf(json, sizeof json, "{\"id\":\"%s\",\"device\":\"rack:1\",%s}", id, more);
	must("Checkout", json);
	host_settle(h, 5);
}

void borrow_one(void)
{
	borrow("O-1", "\"customer\":\"C-1\"");
}

void rent_by(const char *terms)
{
	char json[600];

	snprintf(json, sizeof json, "{\"tariff\":{\"id\":\"R\",\"rental\":{%s}}}", terms);
	must("PutTariff", json);
	must("AssignTariff", "{\"assignment\":{\"device\":\"rack:1\",\"tariff\":\"R\"}}");
}

void load(uint64_t seed, const char *more)
{
	char config[500];

	h = host_create(seed);
	host_verbose(h, getenv("VERBOSE") != NULL);
	lend_says = end_says = GV_OK;
	lends = ends = n_rentals = speaker = 0;
	acts = false;
	snprintf(config, sizeof config,
		 "{\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"}],\"hold\":{\"amount\":\"1000\",\"startS\":120,"
		 "\"noStopS\":3600,\"openS\":900}%s}",
		 more);
	cr_assert_eq(host_load_record(h, &rack, 1, NULL), 0);
	cr_assert_eq(host_load(h, "billing", PLUGINS "/billing.so", 1, config), 0, "%s", host_error(h));
	rent_by(USUAL);
}

void setup(void)
{
	load(1, "");
	must("TopUp",
	     "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"5000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	host_settle(h, 5);
}

const char *charge(const char *path)
{
	char full[80];

	snprintf(full, sizeof full, "charges.0.%s", path);
	must("ListCharges", "{}");
	return text(full);
}

int64_t posted(const char *account)
{
	char json[80];

	snprintf(json, sizeof json, "{\"id\":\"%s\"}", account);
	return ask("GetAccount", json) == GV_OK
		       ? atoll(text("account.creditsPosted")) - atoll(text("account.debitsPosted"))
		       : 0;
}
