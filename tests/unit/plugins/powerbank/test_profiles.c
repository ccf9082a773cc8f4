/* Cabinets of one protocol differ: in the separators, the check and the rules of what they write, and in what they
 * expect. A port's profile says how, a device's attributes override it, and what cannot be known is learned. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS_3 "1.FU.BANK0001;2.EM;3.EM;"

TestSuite(profiles, .fini = rig_stop);

static void port(const char *profile)
{
	char config[300];

	snprintf(config, sizeof config, "{\"profiles\":[{\"listener\":\"ruioo\"%s}]}", profile);
	rig_start(config);
}

/* With dots, as the source's document prints frames: "CH." */
static void say_dotted(struct box *b, const char *words)
{
	char covered[300], frame[320];

	snprintf(covered, sizeof covered, "%s,%s", b->imei, words);
	snprintf(frame, sizeof frame, "{\"%s.%04X\"}\r\n", covered, gv_crc16(b->crc, covered, strlen(covered)));
	say_raw(b, frame);
}

static void expect_heard(struct box *b, const char *words)
{
	cr_expect_str_eq(heard(b), words);
}

/* ---- separators ------------------------------------------------------------------------------ */

Test(profiles, with_the_style_dot_all_that_is_said_has_dots)
{
	struct box *b;

	port(",\"style\":\"dot\"");
	known(IMEI, NULL);
	b = box(IMEI);
	say(b, "CH,");
	expect_heard(b, "CQ.");
	say(b, "AQ," SLOTS_3);
	settle();
	lend("O-1", 0);
	expect_heard(b, "CC.BW.1.BANK0001");
	say(b, "MC,BO,1,BANK0001");
	expect_heard(b, "AM.BO.1.BANK0001");
	say(b, "MQ,2,BANK0001");
	expect_heard(b, "RQ.T.2.BANK0001");
}

Test(profiles, with_the_style_mirror_each_is_answered_as_it_spoke_last)
{
	struct box *b;

	port(",\"style\":\"mirror\"");
	known(IMEI, NULL);
	b = box(IMEI);
	say_dotted(b, "CH.");
	expect_heard(b, "CQ.");
	say(b, "AQ," SLOTS_3);
	say(b, "MC,RO,2,BANK0002");
	expect_heard(b, "AM,RO,2,BANK0002");
	say_dotted(b, "MC.RO.3.BANK0003");
	expect_heard(b, "AM.RO.3.BANK0003");
	b->crc = GV_CRC16_XMODEM;
	say(b, "CH,");
	b->crc = GV_CRC16_MODBUS;
	settle();
	lend("O-1", 1);
	expect_heard(b, "CC.BW.1.BANK0001");
}

Test(profiles, how_a_cabinet_spoke_last_is_known_after_a_crash)
{
	struct box *b;

	port(",\"style\":\"mirror\"");
	known(IMEI, NULL);
	b = box(IMEI);
	say_dotted(b, "CH.");
	expect_heard(b, "CQ.");
	say_dotted(b, "AQ.1.FU.BANK0001;2.EM;3.EM;");
	settle();
	host_crash(h, "powerbank.0");
	host_run_ms(h, 2 * SECOND_MS);
	lend("O-1", 1);
	expect_heard(b, "CC.BW.1.BANK0001");
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* Right, but not as we should have written it. */
static const char *slack(const struct box *b)
{
	static char frame[200];
	char covered[100];

	snprintf(covered, sizeof covered, "%s ,mc.RO.2.BANK0002", b->imei);
	snprintf(frame, sizeof frame, "{ \"%s,%04X\" }\n", covered, gv_crc16(b->crc, covered, strlen(covered)));
	return frame;
}

Test(profiles, strict_takes_canonical_bytes_only)
{
	struct box *b;

	port(",\"rules\":\"strict\"");
	b = ready(IMEI, SLOTS_3);
	say_raw(b, slack(b));
	expect_heard(b, "");
	say(b, "MC,RO,2,BANK0002");
	expect_heard(b, "AM,RO,2,BANK0002");
}

Test(profiles, tolerant_takes_what_means_the_same)
{
	struct box *b;

	port("");
	b = ready(IMEI, SLOTS_3);
	say_raw(b, slack(b));
	expect_heard(b, "AM,RO,2,BANK0002");
}

Test(profiles, on_a_strict_port_a_device_may_be_tolerant_from_its_first_frame_on)
{
	struct box *b;

	port(",\"rules\":\"strict\"");
	known(IMEI, "{\"rules\":\"tolerant\"}");
	b = box(IMEI);
	say_dotted(b, "CH.");
	expect_heard(b, "CQ,");
}

Test(profiles, on_a_tolerant_port_a_device_may_be_strict_from_its_first_frame_on)
{
	struct box *b;

	port("");
	known(IMEI, "{\"rules\":\"strict\"}");
	b = box(IMEI);
	say_dotted(b, "CH.");
	expect_heard(b, "");
	say_raw(b, "\r\n");
	say(b, "CH,");
	expect_heard(b, "CQ,");
}

Test(profiles, a_device_may_have_more_slots_and_say_so_in_its_first_frame)
{
	struct box *b;

	port("");
	known(IMEI, "{\"slots\":\"8\"}");
	b = box(IMEI);
	say(b, "AQ,8.FU.BANK0001;");
	settle();
	cr_expect_str_eq(slot_field(DEVICE, 8, "bank"), "BANK0001");
}

Test(profiles, a_cabinet_that_has_become_smaller_loses_the_slots_behind)
{
	struct box *b;

	port("");
	known(IMEI, "{\"slots\":\"5\"}");
	b = box(IMEI);
	holds(b, "1.FU.BANK0001;5.FU.BANK0005;");
	say(b, "CH,");
	settle();
	known(IMEI, "{\"slots\":\"3\"}");
	holds(b, "1.FU.BANK0001;");
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	cr_expect_str_eq(slot_field(DEVICE, 5, "id"), "(none)");
	cr_expect_str_eq(place("BANK0005"), "MISSING");
	cr_expect_eq(lend("O-1", 5), GV_FAILED_PRECONDITION);
}

Test(profiles, where_all_banks_have_names_of_one_length_another_is_no_bank)
{
	struct box *b;

	port(",\"bankSize\":8");
	b = ready(IMEI, SLOTS_3);
	say(b, "MC,RO,2,BANK00022");
	expect_heard(b, "");
	say(b, "MC,RO,2,BANK0002");
	expect_heard(b, "AM,RO,2,BANK0002");
}

/* ---- what a device says differently ---------------------------------------------------------- */

Test(profiles, each_attribute_that_is_wrong_is_left_out_and_the_others_count)
{
	static const char *const wrong[] = {
		"\"crc\":\"MD5\"",      "\"style\":\"colon\"", "\"rules\":\"lax\"",    "\"slots\":\"0\"",
		"\"slots\":\"100\"",    "\"slots\":\"-3\"",    "\"bankSize\":\"21\"",  "\"bankSize\":\"3\"",
		"\"heartbeatS\":\"9\"", "\"heartbeatS\":\"\"", "\"hbEcho\":\"maybe\"", "\"arForBf\":\"both\"",
	};

	port("");
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char imei[16], attributes[120];
		struct box *b;

		snprintf(imei, sizeof imei, "8600000000001%02u", i);
		snprintf(attributes, sizeof attributes, "{%s,\"firmware\":\"any\",%s}", wrong[i],
			 strstr(wrong[i], "hbEcho") ? "\"slots\":\"8\"" : "\"hbEcho\":\"yes\"");
		known(imei, attributes);
		b = box(imei);
		say(b, "CH,");
		cr_expect_str_eq(heard(b), "CQ,", "%s", wrong[i]);
		if (!strstr(wrong[i], "hbEcho"))
			cr_expect_str_eq(heard(b), "CH,", "%s", wrong[i]);
		host_station_finish(b->station);
		settle();
	}
}

Test(profiles, an_attribute_that_changes_closes_the_connection_and_counts_in_the_next)
{
	struct box *b;

	port("");
	b = ready(IMEI, SLOTS_3);
	known(IMEI, "{\"hbEcho\":\"yes\"}");
	cr_expect_eq(b->closed, 1);
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	say(b, "CH,");
	expect_heard(b, "CH,");
	known(IMEI, "{\"hbEcho\":\"yes\",\"colour\":\"red\"}");
	cr_expect_eq(b->closed, 1, "what concerns somebody else closes nothing");
}

Test(profiles, a_heartbeat_is_answered_where_the_firmware_wants_it)
{
	struct box *b;

	port(",\"hbEcho\":\"yes\"");
	b = ready(IMEI, SLOTS_3);
	expect_heard(b, "CH,");
	say(b, "CH,");
	expect_heard(b, "CH,");
	expect_heard(b, "");
}

Test(profiles, a_port_of_firmware_that_insists_answers_bf_by_bf)
{
	struct box *b;

	port(",\"arForBf\":\"echo\"");
	b = ready(IMEI, SLOTS_3);
	say(b, "MQ,2,BANK0001");
	expect_heard(b, "RQ,T,2,BANK0001");
	for (int i = 0; i < 2; i++) {
		say(b, "MR,BF,2,BANK0001");
		expect_heard(b, "AR,BF,2,BANK0001");
	}
	cr_expect_str_eq(slot_field(DEVICE, 2, "failures"), "1", "it is a failed return all the same");
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* What is logged while the plugin starts. */
static bool logged_at_start(const char *profile, const char *sought)
{
	char text[20000] = "";
	FILE *log = tmpfile();
	int err = dup(STDERR_FILENO);
	size_t n;

	cr_assert(log && err >= 0);
	fflush(stderr);
	dup2(fileno(log), STDERR_FILENO);
	setenv("VERBOSE", "1", 1);
	port(profile);
	fflush(stderr);
	dup2(err, STDERR_FILENO);
	close(err);
	unsetenv("VERBOSE");
	host_verbose(h, false);
	rewind(log);
	n = fread(text, 1, sizeof text - 1, log);
	text[n] = 0;
	fclose(log);
	return strstr(text, sought) != NULL;
}

Test(profiles, for_the_laboratory_a_wrong_check_goes_and_the_log_says_so)
{
	struct box *b;

	cr_expect_not(logged_at_start("", "laboratory"));
	rig_stop();
	cr_expect(logged_at_start(",\"crcRequired\":\"no\"", "for a laboratory only profile=ruioo"));
	known(IMEI, NULL);
	b = box(IMEI);
	say_raw(b, "{\"" IMEI ",CH,,0000\"}\r\n");
	expect_heard(b, "CQ,");
	say_raw(b, "{\"" IMEI ",MC,RO,2,BANK0002,FFFF\"}\r\n");
	expect_heard(b, "AM,RO,2,BANK0002");
	cr_expect_eq(b->closed, 0);
}

static struct box *learner(void)
{
	struct box *b;

	known(IMEI, NULL);
	b = box(IMEI);
	b->crc = GV_CRC16_XMODEM;
	holds(b, SLOTS_3);
	for (int i = 0; i < 3; i++)
		say(b, "CH,");
	settle();
	cr_assert_eq(b->asked, 1u);
	return b;
}

static void reconnect(struct box *b)
{
	host_station_finish(b->station);
	settle();
	host_station_connect(b->station);
	settle();
}

Test(profiles, what_was_learned_holds_over_a_restart_and_the_next_connection)
{
	struct box *b;

	port(",\"crc\":\"learn\"");
	b = learner();
	host_stop(h, "powerbank.0");
	cr_assert_eq(host_start(h, "powerbank.0"), 0);
	host_run_ms(h, 2 * SECOND_MS);
	reconnect(b);
	b->asked = 0;
	say(b, "CH,");
	settle();
	cr_expect_eq(b->asked, 1, "one frame is enough");
	reconnect(b);
	b->crc = GV_CRC16_MODBUS;
	for (int i = 0; i < 3; i++) {
		cr_expect_not(alarmed(DEVICE, "crc-changed"));
		say(b, "CH,");
		settle();
	}
	cr_expect_eq(b->asked, 1, "another check is not believed");
	cr_expect(alarmed(DEVICE, "crc-changed"));
	known(IMEI, "{\"crc\":\"MODBUS/fields\"}");
	cr_expect_not(alarmed(DEVICE, "crc-changed"), "people have said which it is");
	reconnect(b);
	say(b, "CH,");
	settle();
	cr_expect_eq(b->asked, 2);
}

Test(profiles, frames_that_do_not_agree_teach_nothing)
{
	struct box *b;

	port(",\"crc\":\"learn\"");
	known(IMEI, NULL);
	b = box(IMEI);
	for (int i = 0; i < 6; i++) {
		b->crc = i % 2 ? GV_CRC16_XMODEM : GV_CRC16_MODBUS;
		say(b, "CH,");
	}
	expect_heard(b, "");
}

Test(profiles, frames_of_two_cabinets_teach_nothing_of_either)
{
	struct box *b;

	port(",\"crc\":\"learn\"");
	known(IMEI, NULL);
	known(OTHER_IMEI, NULL);
	b = box(IMEI);
	say(b, "CH,");
	say(b, "CH,");
	say_as(b, OTHER_IMEI, "CH,");
	expect_heard(b, "");
	ask("GetCabinet", "{\"device\":\"" OTHER "\"}");
	cr_expect_str_eq(text("cabinet.crc"), "");
}

Test(profiles, what_one_cabinet_has_differently_does_not_count_for_the_next_on_its_connection)
{
	struct box *b;

	port("");
	known(IMEI, "{\"hbEcho\":\"yes\",\"crc\":\"XMODEM/fields\"}");
	known(OTHER_IMEI, NULL);
	b = box(IMEI);
	say(b, "CH,"); /* its check is wrong: nobody is bound */
	expect_heard(b, "");
	say_as(b, OTHER_IMEI, "CH,");
	expect_heard(b, "CQ,");
}

Test(profiles, a_check_that_was_learned_on_one_port_does_not_count_on_another_that_names_one)
{
	struct box *b;

	rig_start("{\"profiles\":[{\"listener\":\"ruioo\",\"crc\":\"learn\"},{\"listener\":\"fixed\"}]}");
	host_station_finish(learner()->station);
	settle();
	b = box_unconnected(IMEI, "fixed");
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	expect_heard(b, "CQ,");
}

/* ---- who may come ---------------------------------------------------------------------------- */

Test(profiles, who_comes_is_made_known_only_once_its_frames_are_believed)
{
	struct box *b;

	port(",\"crc\":\"learn\",\"autoEnrol\":true");
	b = box(IMEI);
	say(b, "CH,");
	say(b, "CH,");
	expect_heard(b, "");
	cr_expect_eq(ask("GetCabinet", "{\"device\":\"" DEVICE "\"}"), GV_NOT_FOUND);
	say(b, "CH,");
	expect_heard(b, "CQ,");
	cr_expect_eq(ask("GetCabinet", "{\"device\":\"" DEVICE "\"}"), GV_OK);
}

Test(profiles, who_was_made_known_by_coming_is_in_the_registry_and_may_be_taken_out)
{
	struct box *b;
	struct host_answer *a;

	port(",\"autoEnrol\":true");
	b = box(IMEI);
	say(b, "CH,");
	expect_heard(b, "CQ,");
	a = host_call(h, "galvan.registry.v1.Registry/DeleteDevice", "{\"id\":\"" DEVICE "\"}");
	cr_expect_eq(a->code, GV_OK, "%s", a->error);
	settle();
	cr_expect_eq(b->closed, 1);
}
