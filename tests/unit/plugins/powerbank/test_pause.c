/* A cabinet that is out of service as a whole: what it refuses, what goes on, and whose clock stands. */
#include "rig.h"

static struct box *b;

static void setup(void)
{
	rig_start(NULL);
	b = ready(IMEI, "1.FU.BANK0001;2.FU.BANK0002;3.EM;");
}

TestSuite(pause, .init = setup, .fini = rig_stop);

static unsigned pause_for(const char *why)
{
	return ask("PauseCabinet", "{\"device\":\"" DEVICE "\",\"why\":\"%s\"}", why);
}

/* The bank of slot 1 is out, as rental 1. */
static void lent(void)
{
	cr_assert_eq(lend("O-1", 1), GV_OK);
	cr_assert_str_eq(heard(b), "CC,BW,1,BANK0001");
	say(b, "MC,BO,1,BANK0001");
	cr_assert_str_eq(heard(b), "AM,BO,1,BANK0001");
	holds(b, "1.EM;2.FU.BANK0002;3.EM;");
}

Test(pause, it_lends_nothing_until_it_is_back)
{
	cr_assert_eq(pause_for("repair"), GV_OK);
	cr_expect_str_eq(text("cabinet.paused"), "repair");
	cr_expect_eq(lend("O-1", 0), GV_FAILED_PRECONDITION);
	cr_expect_str_eq(heard(b), "", "the cabinet is told nothing");
	cr_assert_eq(pause_for(""), GV_OK);
	cr_expect_eq(lend("O-1", 0), GV_OK);
	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
}

Test(pause, a_lend_that_was_first_wins)
{
	cr_assert_eq(lend("O-1", 1), GV_OK);
	cr_assert_str_eq(heard(b), "CC,BW,1,BANK0001");
	cr_expect_eq(pause_for("update"), GV_FAILED_PRECONDITION);
	say(b, "MC,BO,1,BANK0001");
	cr_assert_str_eq(heard(b), "AM,BO,1,BANK0001");
	cr_expect_eq(pause_for("update"), GV_OK, "the bank is out");
}

Test(pause, the_clock_of_what_it_lent_stands_while_it_is_updated)
{
	int64_t from_ms, until_ms;

	lent();
	pass(MINUTE_MS);
	cr_assert_eq(pause_for("update"), GV_OK);
	from_ms = host_now_ms(h);
	pass(10 * MINUTE_MS);
	cr_assert_eq(pause_for(""), GV_OK);
	until_ms = host_now_ms(h);
	ask("GetRental", "{\"id\":\"" DEVICE "/000001\"}");
	cr_expect_str_eq(text("rental.freezes.0.why"), "update");
	cr_expect_leq(from_ms - number("rental.freezes.0.fromMs"), SECOND_MS);
	cr_expect_leq(until_ms - number("rental.freezes.0.untilMs"), SECOND_MS);
}

Test(pause, a_repair_stops_no_clock)
{
	lent();
	cr_assert_eq(pause_for("repair"), GV_OK);
	pass(10 * MINUTE_MS);
	ask("GetRental", "{\"id\":\"" DEVICE "/000001\"}");
	cr_expect_str_eq(text("rental.freezes.0.why"), "(none)");
}

Test(pause, banks_come_back_all_the_same)
{
	lent();
	cr_assert_eq(pause_for("update"), GV_OK);
	say(b, "MQ,1,BANK0001");
	cr_expect_str_eq(heard(b), "RQ,T,1,BANK0001");
	say(b, "MC,RO,1,BANK0001");
	cr_expect_str_eq(heard(b), "AM,RO,1,BANK0001");
	cr_expect_str_eq(state(1), "RETURNED");
}

Test(pause, people_may_still_open_slots)
{
	cr_assert_eq(pause_for("repair"), GV_OK);
	host_call_later(h, NULL, "galvan.rental.v1.Rental/Eject", "{\"device\":\"" DEVICE "\",\"slot\":1}");
	settle();
	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
}

Test(pause, outlasts_a_restart)
{
	cr_assert_eq(pause_for("update"), GV_OK);
	host_stop(h, "powerbank.0");
	host_start(h, "powerbank.0");
	settle();
	cr_expect_eq(lend("O-1", 0), GV_FAILED_PRECONDITION);
}

Test(pause, what_is_not_known_is_refused)
{
	cr_expect_eq(pause_for("holidays"), GV_INVALID_ARGUMENT);
	cr_expect_eq(ask("PauseCabinet", "{\"device\":\"powerbank:860000000000009\",\"why\":\"update\"}"),
		     GV_NOT_FOUND);
}
