/* OCPP 2.0.1: each of its 64 messages, both ways. */
#include "every.h"

TestSuite(ocpp_v201_every, BENCH_V201);

Test(ocpp_v201_every, message_of_a_charger_is_answered_as_the_version_says)
{
	cr_expect_eq(every_message_is_answered(&spec_v201), 25);
}

Test(ocpp_v201_every, call_of_ours_reaches_a_charger_and_its_answer_comes_back)
{
	cr_expect_eq(every_call_is_passed_on(&spec_v201), 40, "DataTransfer goes both ways");
}
