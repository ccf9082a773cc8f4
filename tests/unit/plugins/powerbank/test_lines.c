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

/* ---- who may speak --------------------------------------------------------------------------- */

Test(lines, an_unknown_cabinet_is_told_nothing_and_closed_after_a_minute)
{
	struct box *b = box(IMEI);

	say(b, "CH,");
	say(b, "MC,BO,1,BANK0001");
	say(b, "MQ,1,BANK0001");
	cr_expect_str_eq(heard(b), "");
	cr_expect_eq(incidents("unknown-cabinet"), 1);
	pass(55 * SECOND_MS);
	cr_expect_eq(b->closed, 0);
	pass(15 * SECOND_MS);
	cr_expect_eq(b->closed, 1);
	cr_expect_eq(events("CabinetChanged"), 0);
}

Test(lines, made_known_while_it_is_connected_it_is_heard_from_its_next_frame_on)
{
	struct box *b = box(IMEI);

	say(b, "CH,");
	cr_expect_str_eq(heard(b), "");
	known(IMEI, NULL);
	say(b, "CH,");
	cr_expect_str_eq(heard(b), "CQ,");
}

Test(lines, who_does_not_say_who_he_is_is_closed_after_a_minute)
{
	struct box *b = box(IMEI);

	say_raw(b, "GET / HTTP/1.1\r\n\r\n");
	host_run_ms(h, 70 * SECOND_MS);
	cr_expect_eq(b->closed, 1);
}

Test(lines, a_cabinet_that_is_no_longer_known_is_closed)
{
	struct box *b = ready(IMEI, "1.EM;2.EM;3.EM;");

	host_call(h, "galvan.registry.v1.Registry/DeleteDevice", "{\"id\":\"" DEVICE "\"}");
	settle();
	cr_expect_eq(b->closed, 1);
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	cr_expect_eq(incidents("unknown-cabinet"), 1);
}

/* Longer than the registry's journal reaches back nothing of it arrives, while hearts beat. */
static void deaf_for_days(void)
{
	host_set(h, HOST_LOSE, 1000);
	host_call(h, "galvan.registry.v1.Registry/DeleteDevice", "{\"id\":\"" DEVICE "\"}");
	for (int i = 0; i < 2; i++) {
		pass(4 * 24 * (int64_t)HOUR_MS);
		host_call(h, "galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"other:%d\"}}", i);
	}
	host_set(h, HOST_LOSE, 0);
}

Test(lines, what_was_deleted_while_nothing_was_heard_of_the_registry_is_no_longer_known)
{
	struct box *gone = ready(IMEI, "1.EM;2.EM;3.EM;"), *stays = ready(OTHER_IMEI, "1.EM;2.EM;3.EM;");

	deaf_for_days();
	cr_expect_eq(gone->closed + stays->closed, 0u);
	known("860000000000003", NULL); /* what comes next shows that something is missing */
	pass(2 * MINUTE_MS);
	cr_expect_eq(gone->closed, 1u);
	cr_expect_eq(stays->closed, 0u);
	say(stays, "MC,RO,1,BANK0001");
	cr_expect_str_eq(heard(stays), "AM,RO,1,BANK0001");
	host_station_connect(gone->station);
	settle();
	say(gone, "CH,");
	settle();
	cr_expect_eq(incidents("unknown-cabinet"), 1);
}

Test(lines, a_connection_is_one_cabinets)
{
	struct box *b = ready(IMEI, "1.FU.BANK0001;2.EM;3.EM;");

	known(OTHER_IMEI, NULL);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(b->closed, 0);
		say_as(b, OTHER_IMEI, "MC,RO,2,BANK0001");
		cr_expect_str_eq(heard(b), "");
	}
	cr_expect_eq(b->closed, 1);
	cr_expect_str_eq(place("BANK0001"), "IN_SLOT", "what it said for another had no effect");
}

Test(lines, the_newest_connection_of_a_cabinet_wins)
{
	struct box *old = ready(IMEI, "1.FU.BANK0001;2.EM;3.EM;"), *b = box(IMEI);

	holds(b, "1.FU.BANK0001;2.EM;3.EM;");
	say(b, "CH,");
	settle();
	cr_expect_eq(old->closed, 1);
	lend("O-1", 0);
	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.online"), "true", "that the old one is closed takes nothing away");
}

Test(lines, more_than_six_new_connections_in_ten_minutes_are_an_alarm)
{
	struct box *b = ready(IMEI, "1.EM;2.EM;3.EM;");

	for (int i = 1; i <= 7; i++) {
		cr_expect_eq(incidents("flapping"), 0, "after %d", i);
		host_station_drop(b->station);
		settle();
		host_station_connect(b->station);
		settle();
		say(b, "CH,");
		settle();
	}
	cr_expect(alarmed(DEVICE, "flapping"));
	cr_expect_eq(incidents("flapping"), 1);
	pass(11 * MINUTE_MS);
	cr_expect_not(alarmed(DEVICE, "flapping"));
}

Test(lines, that_alarm_is_over_after_ten_quiet_minutes_also_of_another_incarnation)
{
	struct box *b = ready(IMEI, "1.EM;2.EM;3.EM;");

	for (int i = 1; i <= 7; i++) {
		host_station_finish(b->station);
		settle();
		host_station_connect(b->station);
		settle();
		say(b, "CH,");
		settle();
	}
	cr_expect(alarmed(DEVICE, "flapping"));
	host_station_finish(b->station);
	settle();
	host_crash(h, "powerbank.0");
	pass(MINUTE_MS);
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	pass(11 * MINUTE_MS);
	cr_expect_not(alarmed(DEVICE, "flapping"));
}

Test(lines, another_sim_card_is_told_of)
{
	struct box *b;

	known(IMEI, NULL);
	b = box_unconnected(IMEI, "ruioo");
	host_station_connect(b->station);
	settle();
	say_raw(b, "89860000000000000001");
	say(b, "CH,");
	settle();
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.iccid"), "89860000000000000001");
	host_station_finish(b->station);
	settle();
	host_station_connect(b->station);
	settle();
	say_raw(b, "89860000000000000002");
	say(b, "CH,");
	settle();
	cr_expect_eq(incidents("clone"), 1);
}

/* ---- silence and noise ----------------------------------------------------------------------- */

Test(lines, three_heartbeats_of_silence_are_the_end)
{
	struct box *b = ready(IMEI, "1.EM;2.EM;3.EM;");

	pass(HOUR_MS);
	cr_expect_eq(b->closed, 0, "while its heart beats it stays");
	holds(b, NULL);
	host_run_ms(h, 175 * SECOND_MS);
	cr_expect_eq(b->closed, 0);
	host_run_ms(h, 15 * SECOND_MS);
	cr_expect_eq(b->closed, 1);
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.online"), "false");
}

/* The fewest commits and sends that a frame has cost, of forty; one that comes in pieces costs more. */
static uint64_t cheapest(struct box *b, const char *words)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 40; i++) {
		uint64_t before = host_points(h, "powerbank.0"), cost;

		say(b, words);
		settle();
		cost = host_points(h, "powerbank.0") - before;
		best = cost < best ? cost : best;
	}
	return best;
}

Test(lines, a_heartbeat_writes_nothing_and_is_not_answered)
{
	struct box *b = ready(IMEI, "1.EM;2.EM;3.FU.BANK0001;");

	pass(MINUTE_MS);
	cr_expect_lt(cheapest(b, "CH,"), cheapest(b, "MQ,1,BANK0001"), "a question is written down");
	b->n_read = 0;
	cr_expect_str_eq(heard(b), "RQ,T,1,BANK0001", "nothing was said before that");
}

Test(lines, a_wrong_check_is_not_answered_and_five_in_a_minute_close)
{
	struct box *b = ready(IMEI, "1.FU.BANK0001;2.EM;3.EM;");

	b->crc = GV_CRC16_XMODEM;
	for (int i = 0; i < 5; i++) {
		cr_expect_eq(b->closed, 0);
		say(b, "MC,BO,1,BANK0001");
		cr_expect_str_eq(heard(b), "");
	}
	cr_expect_eq(b->closed, 1);
	cr_expect_str_eq(place("BANK0001"), "IN_SLOT");
}

Test(lines, noise_between_frames_does_no_harm)
{
	struct box *b = ready(IMEI, "1.EM;2.EM;3.EM;");

	say_raw(b, "\x01\x02{{\"noise}}");
	say(b, "MC,RO,1,BANK0001");
	cr_expect_str_eq(heard(b), "AM,RO,1,BANK0001");
}

Test(lines, a_frame_may_come_in_pieces_and_two_at_once)
{
	struct box *b = ready(IMEI, "1.EM;2.EM;3.EM;");
	char both[300];

	snprintf(both, sizeof both, "%s", frame_of(b, IMEI, "MC,RO,1,BANK0001"));
	strcat(both, frame_of(b, IMEI, "MC,RO,2,BANK0002"));
	for (const char *c = both; *c; c++) {
		host_station_send(b->station, GV_BYTES, c, 1);
		host_settle(h, 1);
	}
	cr_expect_str_eq(heard(b), "AM,RO,1,BANK0001");
	cr_expect_str_eq(heard(b), "AM,RO,2,BANK0002");
	say_raw(b, both);
	cr_expect_str_eq(heard(b), "AM,RO,1,BANK0001");
	cr_expect_str_eq(heard(b), "AM,RO,2,BANK0002");
}

Test(lines, a_report_of_a_slot_that_it_has_not_is_dropped)
{
	struct box *b = ready(IMEI, "1.EM;2.EM;3.EM;");

	say(b, "MC,RO,4,BANK0001");
	cr_expect_str_eq(heard(b), "");
}

Test(lines, a_cabinet_that_floods_is_closed)
{
	struct box *b;

	rig_stop();
	rig_start("{\"maxFramesPerMin\":50}");
	b = ready(IMEI, "1.EM;2.EM;3.EM;");
	for (int i = 0; i < 60; i++)
		say(b, "CH,");
	settle();
	cr_expect_eq(b->closed, 1);
}

Test(lines, frames_that_are_none_count_as_well)
{
	static const char *const noise[] = { "{\"" IMEI ",CH,,XYZ\"}\r\n", "89860000000000000001 ",
					     "GET / HTTP/1.1\r\n" };

	rig_stop();
	for (unsigned i = 0; i < sizeof noise / sizeof *noise; i++) {
		struct box *b;

		rig_start("{\"maxFramesPerMin\":50}");
		b = ready(IMEI, "1.EM;2.EM;3.EM;");
		for (int n = 0; n < 60; n++) {
			say_raw(b, noise[i]);
			settle();
		}
		cr_expect_eq(b->closed, 1, "%s", noise[i]);
		if (i + 1 < sizeof noise / sizeof *noise)
			rig_stop();
	}
}

/* ---- profiles -------------------------------------------------------------------------------- */

Test(lines, a_device_may_differ_from_its_ports_profile)
{
	struct box *b;

	known(IMEI, "{\"crc\":\"XMODEM/fields\",\"slots\":\"8\",\"hbEcho\":\"yes\"}");
	b = box(IMEI);
	b->crc = GV_CRC16_XMODEM;
	holds(b, "8.FU.BANK0001;");
	say(b, "CH,");
	cr_expect_str_eq(heard(b), "CH,");
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.crc"), "XMODEM/fields");
	cr_expect_str_eq(text("cabinet.slots.7.bank"), "BANK0001");
}

Test(lines, an_attribute_that_is_wrong_is_left_out)
{
	struct box *b;

	known(IMEI, "{\"slots\":\"many\"}");
	b = box(IMEI);
	say(b, "CH,");
	cr_expect_str_eq(heard(b), "CQ,");
}

Test(lines, three_frames_teach_how_a_cabinet_checks_them)
{
	struct box *b;

	rig_stop();
	rig_start("{\"profiles\":[{\"listener\":\"ruioo\",\"crc\":\"learn\"}]}");
	known(IMEI, NULL);
	b = box(IMEI);
	b->crc = GV_CRC16_XMODEM;
	holds(b, "1.FU.BANK0001;2.EM;3.EM;");
	say(b, "CH,");
	say(b, "CH,");
	settle();
	cr_expect_eq(b->asked, 0, "two are not enough");
	say(b, "CH,");
	settle();
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.crc"), "XMODEM/fields");
	cr_expect_str_eq(text("cabinet.ready"), "true");
	host_crash(h, "powerbank.0");
	pass(2 * SECOND_MS);
	lend("O-1", 0);
	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001", "it is known for ever");
	b->crc = GV_CRC16_MODBUS;
	for (int i = 0; i < 3; i++)
		say(b, "MC,BO,1,BANK0001");
	cr_expect_str_eq(heard(b), "", "another check is not believed");
	cr_expect_eq(incidents("crc-changed"), 1);
	cr_expect(alarmed(DEVICE, "crc-changed"));
}

Test(lines, a_cabinet_may_be_made_known_by_coming)
{
	struct box *b;
	struct host_answer *a;

	rig_stop();
	rig_start("{\"profiles\":[{\"listener\":\"ruioo\",\"autoEnrol\":true}]}");
	b = box(IMEI);
	say(b, "CH,");
	cr_expect_str_eq(heard(b), "CQ,");
	a = host_call(h, "galvan.registry.v1.Registry/GetDevice", "{\"id\":\"" DEVICE "\"}");
	cr_expect_eq(a->code, GV_OK, "%s", a->error);
}

Test(lines, it_runs_as_one_instance)
{
	struct host *two = host_create(2);

	cr_expect_lt(host_load(two, "powerbank", PLUGINS "/powerbank.so", 2, "{}"), 0);
	cr_expect(strstr(host_error(two), "one instance"), "%s", host_error(two));
	host_destroy(two);
}

Test(lines, after_a_crash_a_connection_is_whose_it_was)
{
	struct box *b = ready(IMEI, "1.FU.BANK0001;2.EM;3.EM;");

	host_crash(h, "powerbank.0");
	host_run_ms(h, 2 * SECOND_MS);
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.online"), "true", "before it has said a word");
	lend("O-1", 0);
	cr_expect_str_eq(heard(b), "CC,BW,1,BANK0001");
}

Test(lines, a_question_that_died_with_the_plugin_is_asked_soon)
{
	struct box *b;

	known(IMEI, NULL);
	b = box(IMEI);
	say(b, "CH,");
	cr_expect_str_eq(heard(b), "CQ,");
	host_crash(h, "powerbank.0");
	host_run_ms(h, 8 * SECOND_MS);
	cr_expect_str_eq(heard(b), "CQ,");
}

/* ---- what a restart finds no longer ---------------------------------------------------------- */

static void count_row(struct host *host, void *arg, const char *const *key, size_t parts, const char *json)
{
}

Test(lines, what_has_gone_while_the_plugin_was_down_is_offline_soon_after_it_is_back)
{
	struct box *b = ready(IMEI, "1.FU.BANK0001;2.EM;3.EM;");

	say_raw(b, "{\"86000");
	settle();
	cr_expect_eq(host_rows(h, "powerbank.0", "rests", count_row, NULL), 1u);
	host_stop(h, "powerbank.0");
	host_station_finish(b->station);
	host_run_ms(h, SECOND_MS);
	cr_assert_eq(host_start(h, "powerbank.0"), 0);
	host_run_ms(h, 35 * SECOND_MS);
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.online"), "false");
	cr_expect_eq(host_rows(h, "powerbank.0", "rests", count_row, NULL), 0u,
		     "half a frame of nobody is kept by nobody");
	cr_expect_eq(host_rows(h, "powerbank.0", "conns", count_row, NULL), 0u);
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.ready"), "true");
}

Test(lines, what_is_still_there_stays)
{
	struct box *b = ready(IMEI, "1.FU.BANK0001;2.EM;3.EM;");

	holds(b, NULL);
	say_raw(b, "{\"86000");
	settle();
	host_stop(h, "powerbank.0");
	cr_assert_eq(host_start(h, "powerbank.0"), 0);
	host_run_ms(h, 50 * SECOND_MS);
	cr_expect_eq(b->closed, 0);
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_str_eq(text("cabinet.online"), "true", "though it has not said a word since");
	cr_expect_eq(host_rows(h, "powerbank.0", "rests", count_row, NULL), 1u);
}
