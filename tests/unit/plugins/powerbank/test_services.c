/* What people and billing ask of the plugin. */
#include "billing.schema.h"
#include "rig.h"

#include <galvan/billing.pb-c.h>
#include <string.h>

#define BANKS "1.FU.BANK0001;2.NF.BANK0002;3.EM;"

static struct box *b;

/* ---- billing --------------------------------------------------------------------------------- */

static enum gv_code checkout_says;
static char asked_for[200];

static int on_checkout(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__CheckoutRequest *r = (const void *)m;
	Billing__CheckoutReply reply = BILLING__CHECKOUT_REPLY__INIT;
	Billing__Order order = BILLING__ORDER__INIT;

	snprintf(asked_for, sizeof asked_for, "%s %s %u %s %d", r->id, r->device, r->connector, r->customer, r->pay_by);
	if (checkout_says != GV_OK)
		return gv_refuse(t, to, checkout_says, "billing says no");
	order.id = (char *)"O-77";
	order.state = BILLING__ORDER_STATE__ORDER_STATE_PAYING;
	order.url = (char *)"https://pay.example.com/O-77";
	order.held = 2000;
	order.currency = (char *)"EUR";
	reply.order = &order;
	return gv_reply(t, to, &reply);
}

static const struct gv_plugin till = {
	GV_STAMP,
	.name = "till",
	.version = "0",
	.serves = (const struct gv_service[]){ { &billing__billing__descriptor,
						 (const struct gv_method[]){ { "Checkout", on_checkout }, { 0 } } },
					       { 0 } },
	.schema_set = GV_SCHEMA(billing),
	.schema = 1,
	.self_size = 1,
};

static void setup(void)
{
	checkout_says = GV_OK;
	asked_for[0] = 0;
	rig_start(NULL);
	b = ready(IMEI, BANKS);
}

static void with_billing(void)
{
	cr_assert_eq(host_load_record(h, &till, 1, NULL), 0, "%s", host_error(h));
	settle();
}

TestSuite(services, .init = setup, .fini = rig_stop);

/* ---- Borrow ---------------------------------------------------------------------------------- */

Test(services, borrow_is_a_front_of_checkout)
{
	with_billing();
	cr_expect_eq(ask("Borrow", "{\"id\":\"B-1\",\"device\":\"" DEVICE "\",\"slot\":2,\"customer\":\"C-1\"}"), GV_OK,
		     "%s", text("error"));
	cr_expect_str_eq(asked_for, "B-1 " DEVICE " 2 C-1 0");
	cr_expect_str_eq(text("order"), "O-77");
	cr_expect_str_eq(text("state"), "ORDER_STATE_PAYING");
	cr_expect_str_eq(text("url"), "https://pay.example.com/O-77");
	cr_expect_str_eq(text("held"), "2000");
	cr_expect_str_eq(heard(b), "", "nothing opens before the money is held");
	ask("Borrow", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(asked_for, " " DEVICE " 0  1", "a guest pays by a provider");
}

Test(services, what_cannot_be_lent_is_refused_before_any_money)
{
	with_billing();
	cr_expect_eq(ask("Borrow", "{\"device\":\"powerbank:NOBODY\",\"customer\":\"C-1\"}"), GV_NOT_FOUND);
	cr_expect_eq(ask("Borrow", "{\"device\":\"" DEVICE "\",\"slot\":3}"), GV_FAILED_PRECONDITION);
	cr_expect_str_eq(text("error"), "slot 3 of " DEVICE " has no bank that can be lent");
	host_station_finish(b->station);
	settle();
	cr_expect_eq(ask("Borrow", "{\"device\":\"" DEVICE "\"}"), GV_UNAVAILABLE);
	cr_expect_str_eq(asked_for, "");
}

Test(services, a_borrow_that_is_repeated_is_answered_also_when_its_bank_was_the_last)
{
	with_billing();
	cr_expect_eq(lend("B-1", 2), GV_OK);
	cr_expect_eq(ask("Borrow", "{\"id\":\"B-2\",\"device\":\"" DEVICE "\",\"slot\":2,\"customer\":\"C-1\"}"),
		     GV_FAILED_PRECONDITION);
	cr_expect_eq(ask("Borrow", "{\"id\":\"B-1\",\"device\":\"" DEVICE "\",\"slot\":2,\"customer\":\"C-1\"}"), GV_OK,
		     "%s", text("error"));
	cr_expect_str_eq(asked_for, "B-1 " DEVICE " 2 C-1 0");
}

Test(services, what_billing_refuses_is_refused)
{
	with_billing();
	checkout_says = GV_FAILED_PRECONDITION;
	cr_expect_eq(ask("Borrow", "{\"device\":\"" DEVICE "\",\"customer\":\"C-1\"}"), GV_FAILED_PRECONDITION);
	cr_expect_str_eq(text("error"), "billing says no");
}

/* ---- EndRental ------------------------------------------------------------------------------- */

static void lent(void)
{
	lend("O-1", 1);
	heard(b);
	say(b, "MC,BO,1,BANK0001");
	heard(b);
	holds(b, "1.EM;2.NF.BANK0002;3.EM;");
	cr_assert_str_eq(state(1), "ACTIVE");
}

Test(services, a_rental_may_end_because_its_bank_was_sold)
{
	lent();
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(ask("EndRental", "{\"id\":\"" DEVICE "/000001\",\"how\":\"sold\"}"), GV_OK);
		cr_expect_str_eq(text("rental.state"), "RENTAL_STATE_SOLD");
	}
	cr_expect_eq(events("RentalEnded"), 1, "asked twice it ends once");
	cr_expect_str_eq(place("BANK0001"), "SOLD");
	cr_expect_eq(ask("EndRental", "{\"id\":\"" DEVICE "/000001\",\"how\":\"closed\"}"), GV_FAILED_PRECONDITION);
}

Test(services, people_may_end_one_at_a_time_of_their_choice)
{
	lent();
	pass(HOUR_MS);
	cr_expect_eq(ask("EndRental", "{\"id\":\"" DEVICE "/000001\",\"how\":\"closed\",\"atMs\":\"1\"}"),
		     GV_INVALID_ARGUMENT);
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect_eq(ask("EndRental", "{\"id\":\"" DEVICE "/000001\",\"how\":\"closed\",\"atMs\":\"%lld\"}",
			 (long long)host_now_ms(h) - 30 * MINUTE_MS),
		     GV_OK);
	cr_expect_str_eq(state(1), "CLOSED");
	cr_expect(flagged(1, "by-hand"));
	cr_expect_str_eq(place("BANK0001"), "OUT");
}

Test(services, one_that_waits_is_taken_back_and_one_that_is_under_way_is_not)
{
	lend("O-1", 1);
	lend("O-2", 2);
	cr_expect_eq(ask("EndRental", "{\"id\":\"" DEVICE "/000001\",\"how\":\"closed\"}"), GV_FAILED_PRECONDITION);
	cr_expect_eq(ask("EndRental", "{\"id\":\"" DEVICE "/000002\",\"how\":\"closed\"}"), GV_OK);
	cr_expect_str_eq(state(2), "FAILED");
	cr_expect_eq(events("RentalFailed"), 1);
}

Test(services, a_bank_whose_rental_was_ended_by_hand_comes_back_as_any_other)
{
	lent();
	cr_assert_eq(ask("EndRental", "{\"id\":\"" DEVICE "/000001\",\"how\":\"closed\",\"reason\":\"paid in cash\"}"),
		     GV_OK);
	cr_expect_str_eq(place("BANK0001"), "OUT");
	say(b, "MQ,3,BANK0001");
	cr_expect_str_eq(heard(b), "RQ,T,3,BANK0001");
	say(b, "MC,RO,3,BANK0001");
	cr_expect_str_eq(heard(b), "AM,RO,3,BANK0001");
	cr_expect_str_eq(state(1), "CLOSED", "its end stands");
	cr_expect_eq(events("RentalEnded"), 1);
	cr_expect_eq(incidents("ghost"), 0);
	cr_expect_str_eq(place("BANK0001"), "IN_SLOT");
	holds(b, "1.EM;2.NF.BANK0002;3.FU.BANK0001;");
	pass(15 * SECOND_MS);
	cr_expect_eq(lend("O-2", 3), GV_OK, "%s", text("error"));
}

/* ---- Eject ----------------------------------------------------------------------------------- */

Test(services, people_open_a_slot_without_a_rental)
{
	struct host_answer *a = host_call_later(h, NULL, "galvan.rental.v1.Rental/Eject",
						"{\"device\":\"" DEVICE "\",\"slot\":1,\"reason\":\"cleaning\"}");

	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
	say(b, "MC,BO,1,BANK0001");
	cr_expect_str_eq(heard(b), "AM,BO,1,BANK0001");
	cr_expect(a->done && strstr(a->json, "\"status\":\"Ejected\",\"bank\":\"BANK0001\""), "%s", a->json);
	cr_expect_eq(incidents("unsolicited-eject"), 0);
	cr_expect_eq(events("RentalStarted"), 0);
	cr_expect_str_eq(place("BANK0001"), "OUT");
}

Test(services, a_slot_that_does_not_open_is_told)
{
	struct host_answer *a = host_call_later(h, NULL, "galvan.rental.v1.Rental/Eject",
						"{\"device\":\"" DEVICE "\",\"slot\":1}");

	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
	say(b, "MR,BF,1,BANK0001");
	cr_expect_str_eq(heard(b), "AR,BF,1,BANK0001");
	cr_expect_str_eq(heard(b), "", "people did not ask for another slot");
	cr_expect(a->done && strstr(a->json, "\"status\":\"Failed\""), "%s", a->json);
}

Test(services, a_frozen_slot_is_passed_over_for_a_worse_one)
{
	cr_expect_eq(ask("FreezeSlot", "{\"device\":\"" DEVICE "\",\"slot\":1,\"frozen\":true}"), GV_OK);
	cr_expect_str_eq(text("slot.frozen"), "true");
	cr_expect_eq(lend("O-1", 1), GV_FAILED_PRECONDITION, "not even for who asks for it");
	cr_expect_eq(lend("O-1", 0), GV_OK);
	cr_expect_str_eq(heard(b), "CC,BW,2,BANK0002");
	say(b, "MR,BF,2,BANK0002");
	cr_expect_str_eq(heard(b), "AR,BF,2,BANK0002");
	cr_expect_str_eq(heard(b), "", "nor after a failure");
	cr_expect_str_eq(state(1), "FAILED");
	cr_expect_eq(ask("FreezeSlot", "{\"device\":\"" DEVICE "\",\"slot\":1,\"frozen\":false}"), GV_OK);
	cr_expect_eq(lend("O-2", 0), GV_OK);
	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
	cr_expect_eq(ask("FreezeSlot", "{\"device\":\"" DEVICE "\",\"slot\":9,\"frozen\":true}"), GV_NOT_FOUND);
}

Test(services, a_slot_that_is_frozen_while_an_order_waits_for_it_opens_no_more)
{
	lend("O-1", 1);
	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
	lend("O-2", 2);
	ask("FreezeSlot", "{\"device\":\"" DEVICE "\",\"slot\":2,\"frozen\":true}");
	say(b, "MC,BO,1,BANK0001");
	cr_expect_str_eq(heard(b), "AM,BO,1,BANK0001");
	cr_expect_str_eq(heard(b), "");
	cr_expect_str_eq(state(2), "FAILED");
}

Test(services, what_a_cabinet_cannot_do_is_unimplemented)
{
	cr_expect_eq(ask("Eject", "{\"device\":\"" DEVICE "\",\"slot\":1,\"force\":true}"), GV_UNIMPLEMENTED);
	cr_expect_eq(ask("Eject", "{\"device\":\"" DEVICE "\",\"slot\":3}"), GV_FAILED_PRECONDITION);
	cr_expect_eq(ask("Eject", "{\"device\":\"" DEVICE "\",\"slot\":9}"), GV_NOT_FOUND);
	cr_expect_eq(ask("Command", "{\"device\":\"" DEVICE "\",\"command\":\"reboot\"}"), GV_UNIMPLEMENTED);
	cr_expect_eq(ask("Command", "{\"device\":\"" DEVICE
				    "\",\"command\":\"set-server\",\"address\":\"cloud.example.com:9011\"}"),
		     GV_UNIMPLEMENTED);
	cr_expect_str_eq(heard(b), "");
}

Test(services, more_than_eight_do_not_wait)
{
	struct box *large;
	char inventory[400] = "";

	known(OTHER_IMEI, "{\"slots\":\"12\"}");
	large = box(OTHER_IMEI);
	for (int i = 1; i <= 12; i++)
		snprintf(inventory + strlen(inventory), sizeof inventory - strlen(inventory), "%d.FU.BANK%04d;", i,
			 100 + i);
	holds(large, inventory);
	say(large, "CH,");
	settle();
	for (int i = 1; i <= 9; i++)
		cr_expect_eq(ask("Lending/Lend", "{\"device\":\"" OTHER "\",\"order\":\"Q-%d\"}", i),
			     i <= 8 ? GV_OK : GV_RESOURCE_EXHAUSTED, "order %d: %s", i, text("error"));
	ask("GetCabinet", "{\"device\":\"" OTHER "\"}");
	cr_expect_str_eq(text("cabinet.waiting"), "8");
}

/* ---- lists ----------------------------------------------------------------------------------- */

Test(services, lists_come_in_pages)
{
	char page[200];

	ready(OTHER_IMEI, "1.FU.BANK0003;2.EM;3.EM;");
	cr_expect_eq(ask("ListCabinets", "{\"limit\":1}"), GV_OK);
	cr_expect_str_eq(text("cabinets.0.device"), DEVICE);
	snprintf(page, sizeof page, "%s", text("nextPage"));
	cr_expect_eq(ask("ListCabinets", "{\"limit\":1,\"page\":\"%s\"}", page), GV_OK);
	cr_expect_str_eq(text("cabinets.0.device"), OTHER);
	cr_expect_eq(ask("ListCabinets", "{\"page\":\"nonsense\"}"), GV_INVALID_ARGUMENT);
	cr_expect_eq(ask("ListBanks", "{\"place\":\"in-slot\",\"limit\":2}"), GV_OK);
	cr_expect_str_eq(text("banks.1.id"), "BANK0002");
}

Test(services, rentals_are_listed_newest_first_by_cabinet_and_by_bank)
{
	lent();
	lend("O-2", 2);
	ask("ListRentals", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("rentals.0.order"), "O-2");
	cr_expect_str_eq(text("rentals.1.order"), "O-1");
	ask("ListRentals", "{\"bank\":\"BANK0001\"}");
	cr_expect_str_eq(text("rentals.0.order"), "O-1");
	cr_expect_str_eq(text("rentals.1.order"), "(none)");
	say(b, "MC,RO,1,BANK0001");
	settle();
	ask("ListRentals", "{\"open\":true}");
	cr_expect_str_eq(text("rentals.0.order"), "O-2");
	cr_expect_str_eq(text("rentals.1.order"), "(none)");
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("rentals.0.order"), "O-2");
}

/* Of the cabinets with that alarm the first; "(none)". */
static const char *alarmed_first(const char *alarm)
{
	cr_assert_eq(ask("ListCabinets", "{\"alarm\":\"%s\"}", alarm), GV_OK, "%s", text("error"));
	return text("cabinets.0.device");
}

Test(services, cabinets_are_found_by_what_is_wrong_with_them)
{
	struct box *other = ready(OTHER_IMEI, "1.EM;2.EM;3.ER;");

	cr_expect_str_eq(alarmed_first("no-full-bank"), OTHER);
	cr_expect_str_eq(text("cabinets.1.device"), "(none)");
	cr_expect_str_eq(alarmed_first("slot-fault"), OTHER);
	cr_expect_str_eq(alarmed_first("no-free-slot"), "(none)");
	cr_expect_str_eq(alarmed_first("offline"), "(none)");
	cr_expect_str_eq(alarmed_first("any"), OTHER);
	cr_expect_str_eq(text("cabinets.1.device"), "(none)", "with the first all is well");
	host_station_finish(b->station);
	host_station_finish(other->station);
	settle();
	cr_expect_str_eq(alarmed_first("offline"), DEVICE);
	cr_expect_str_eq(text("cabinets.1.device"), OTHER);
	cr_expect_eq(ask("ListCabinets", "{\"alarm\":\"weather\"}"), GV_INVALID_ARGUMENT);
	cr_expect_eq(ask("ListBanks", "{\"place\":\"heaven\"}"), GV_INVALID_ARGUMENT);
	cr_expect_str_eq(text("error"),
			 "place must be one of in-slot, rented, missing, sold, out, lost, is \"heaven\"");
}

Test(services, cabinets_are_found_by_their_site)
{
	struct host_answer *a;

	ready(OTHER_IMEI, "1.EM;2.EM;3.EM;");
	a = host_call(h, "galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"mall\",\"name\":\"Mall\"}}");
	cr_assert_eq(a->code, GV_OK, "%s", a->error);
	a = host_call(h, "galvan.registry.v1.Registry/PutDevice",
		      "{\"device\":{\"id\":\"" OTHER "\",\"site\":\"mall\"}}");
	cr_assert_eq(a->code, GV_OK, "%s", a->error);
	settle();
	ask("ListCabinets", "{\"site\":\"mall\"}");
	cr_expect_str_eq(text("cabinets.0.device"), OTHER);
	cr_expect_str_eq(text("cabinets.0.site"), "mall");
	cr_expect_str_eq(text("cabinets.1.device"), "(none)");
}

Test(services, of_many_rentals_the_open_ones_are_found_without_looking_at_the_others)
{
	lent();
	say(b, "MC,RO,1,BANK0001");
	lend("O-2", 2);
	heard(b);
	say(b, "MR,BF,2,BANK0002");
	settle();
	ask("ListRentals", "{\"open\":true}");
	cr_expect_str_eq(text("rentals.0.id"), "(none)");
	say(b, "MC,BO,2,BANK0002"); /* late: it is open after all */
	settle();
	ask("ListRentals", "{\"open\":true,\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("rentals.0.order"), "O-2");
	ask("ListRentals", "{\"open\":true,\"device\":\"" OTHER "\"}");
	cr_expect_str_eq(text("rentals.0.order"), "(none)");
	ask("ListRentals", "{\"open\":true,\"bank\":\"BANK0001\"}");
	cr_expect_str_eq(text("rentals.0.order"), "(none)");
}

Test(services, a_bank_that_is_out_for_three_days_counts_as_lost)
{
	lent();
	holds(b, "1.EM;2.NF.BANK0002;3.EM;");
	ask("ListBanks", "{\"place\":\"lost\"}");
	cr_expect_str_eq(text("banks.0.id"), "(none)");
	host_run_ms(h, 73 * HOUR_MS);
	ask("ListBanks", "{\"place\":\"lost\"}");
	cr_expect_str_eq(text("banks.0.id"), "BANK0001");
}

Test(services, a_bank_has_tags_and_an_id_that_cabinets_can_say)
{
	cr_expect_eq(ask("PutBank", "{\"bank\":{\"id\":\"BANK0001\",\"tags\":[\"blue\"]}}"), GV_OK);
	cr_expect_str_eq(text("bank.tags.0"), "blue");
	cr_expect_str_eq(text("bank.place"), "BANK_PLACE_IN_SLOT", "where it is stays");
	cr_expect_eq(ask("PutBank", "{\"bank\":{\"id\":\"no\"}}"), GV_INVALID_ARGUMENT);
}
