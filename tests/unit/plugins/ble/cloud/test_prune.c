/* Old records go, those about money last; never one that the cloud has not receipted, of a session that is not over, or
 * of a pile that somebody has to look at; and one that went and comes again is known, and no fork. */
#include "rig.h"

#define DAY_MS (24 * HOUR_MS)

static void setup(void)
{
	rig_start("\"keepMoneyDays\":400,\"keepDays\":40");
}
TestSuite(prune, .init = setup, .fini = rig_stop);

static unsigned held(void)
{
	must("ListRecords", "{\"device\":\"" P1 "\"}");
	return length("records");
}

/* Sixty days and more, day by day. */
static void days(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pass(DAY_MS);
}

/* A boot, and a session with a meter record. */
static void session(void)
{
	struct ble_record boot = { .type = BLE_RECORD_BOOT };
	uint8_t jti[16];

	grant("TOKEN");
	voucher("TOKEN", jti);
	post(&pile, record(&pile, &boot));
	post(&pile, start_record(&pile, jti));
	post(&pile, meter_record(&pile, 1000));
}

Test(prune, what_is_not_about_money_goes_first)
{
	session();
	post(&pile, end_record(&pile, 2000));
	days(39);
	cr_expect_eq(held(), 4);
	days(3);
	cr_expect_eq(held(), 2, "the start and the end");
	days(340);
	cr_expect_eq(held(), 2);
	days(25);
	cr_expect_eq(held(), 0);
	must("GetPile", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(number("chains.0.upto") + number("pile.chains.0.upto"), 4, "the chain is where it was");
	cr_expect_eq(length("pile.chains.0.missing"), 0, "nothing is missing");
}

Test(prune, one_that_comes_again_is_known_and_no_fork)
{
	session();
	post(&pile, end_record(&pile, 2000));
	days(410);
	cr_expect_eq(held(), 0);
	for (uint64_t seq = 1; seq <= 4; seq++)
		cr_expect_str_eq(post(&pile, seq), "DUPLICATE");
	cr_expect_eq(receipted(), 4, "and its pile is told once more that it may forget");
	cr_expect_eq(cases("fork"), 0);
	cr_expect_str_eq(post(&pile, start_record(&pile, NULL)), "OK", "its history goes on");
	pile.records[2].at[pile.records[2].size - 1] ^= 1;
	cr_expect_str_eq(post(&pile, 2), "BAD_SIG", "what its pile did not sign was never here");
}

Test(prune, nothing_goes_that_has_no_receipt_yet)
{
	session();
	end_record(&pile, 2000);
	meter_record(&pile, 2000);
	post(&pile, 5); /* behind a hole */
	days(500);
	must("ListRecords", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("records.0.seq"), "1", "of a pile with a case nothing goes");
	cr_expect_gt(length("records"), 3);
}

Test(prune, a_session_that_is_not_over_keeps_its_records)
{
	session();
	days(1);
	cr_expect_eq(events("SessionEnded"), 0);
	days(500);
	cr_expect_eq(cases("no-end"), 1);
	cr_expect_eq(held(), 4 - 1, "a case is open, so all are here");
}
