/* A cabinet's connection from its first byte to its last. */
#include "rig.h"

#include <string.h>

static void setup(void)
{
	rig_start(NULL);
}

TestSuite(lines, .init = setup, .fini = rig_stop);

Test(lines, the_first_frame_says_whose_a_connection_is_and_is_answered_with_a_question)
{
	struct box *b;

	known(IMEI, NULL);
	b = box(IMEI);
	cr_expect_str_eq(heard(b), "", "nobody is asked before he has said who he is");
	say(b, "CH,");
	cr_expect_str_eq(heard(b), "CQ,");
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.online"), "true");
	cr_expect_str_eq(text("cabinet.ready"), "false", "what it holds is not known yet");
	say(b, "AQ,1.FU.BANK0001;2.EM;3.ER;");
	settle();
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.ready"), "true");
	cr_expect_str_eq(text("cabinet.slots.0.bank"), "BANK0001");
	cr_expect_str_eq(text("cabinet.slots.0.state"), "SLOT_STATE_FULL");
	cr_expect_str_eq(text("cabinet.slots.1.state"), "SLOT_STATE_EMPTY");
	cr_expect_str_eq(text("cabinet.slots.2.outOfService"), "fault");
	cr_expect_str_eq(text("cabinet.freeSlots"), "1");
	cr_expect_str_eq(text("cabinet.fullBanks"), "1");
	cr_expect_str_eq(text("cabinet.crc"), "MODBUS/fields");
}
