/* The same engine behind the other protocol: it says who it is once, lends by slot, and asks for a verdict on a bank
 * that is in already. */
#include "rig.h"

#include <lib/woshi.h>
#include <stdlib.h>
#include <string.h>

#define SERIAL "RL3H082111030142"
#define CABINET "powerbank:" SERIAL
#define BANK_1 "524C334800000001"
#define BANK_2 "524C334800000002"

static struct host_station *station;
static struct gv_woshi_packet got[128];
static unsigned n_got, n_read, closed;
static uint8_t in[4096];
static size_t n_in;

/* ---- the cabinet ----------------------------------------------------------------------------- */

static void on_open(struct host_station *s, void *arg)
{
	n_in = 0;
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	cr_assert_lt(n_in + size, sizeof in);
	memcpy(in + n_in, data, size);
	n_in += size;
	for (;;) {
		struct gv_woshi_found found = { 0 };

		gv_woshi_next(GV_WOSHI_SERVER_SIDE, in, n_in, &got[n_got], &found);
		if (!found.used)
			return;
		cr_assert(found.packet && found.error == GV_WOSHI_OK, "%s", gv_woshi_error_name(found.error));
		memmove(in, in + found.used, n_in - found.used);
		n_in -= found.used;
		n_got++;
	}
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	closed++;
}

static const struct host_station_model model = { on_open, on_frame, on_close };

static void send_packet(struct gv_woshi_packet p)
{
	uint8_t out[GV_WOSHI_PACKET_MAX];
	int size;

	p.token = GV_WOSHI_TOKEN;
	size = gv_woshi_write(&p, GV_WOSHI_CABINET, out, sizeof out);
	cr_assert_gt(size, 0);
	host_station_send(station, GV_BYTES, out, (size_t)size);
	settle();
}

static const struct gv_woshi_packet *next(void)
{
	static const struct gv_woshi_packet none;

	settle();
	return n_read < n_got ? &got[n_read++] : &none;
}

static void login(const char *serial)
{
	struct gv_woshi_packet p = { .command = GV_WOSHI_LOGIN, .random = 7, .magic = 9 };

	snprintf(p.text, sizeof p.text, "%s", serial);
	send_packet(p);
}

static void slot_report(enum gv_woshi_command command, uint8_t slot, uint8_t result, const char *bank)
{
	struct gv_woshi_packet p = { .command = command, .slot = slot, .result = result };

	snprintf(p.bank, sizeof p.bank, "%s", bank);
	send_packet(p);
}

static void inventory(unsigned n)
{
	struct gv_woshi_packet p = { .command = GV_WOSHI_INVENTORY };
	static const char *const banks[] = { BANK_1, BANK_2 };

	for (; p.n_slots < n; p.n_slots++) {
		p.slots[p.n_slots].slot = p.n_slots + 1;
		p.slots[p.n_slots].level = p.n_slots ? 2 : 4;
		snprintf(p.slots[p.n_slots].bank, sizeof p.slots[0].bank, "%s", banks[p.n_slots]);
	}
	send_packet(p);
}

static unsigned lend_here(const char *order)
{
	return ask("Lending/Lend", "{\"device\":\"" CABINET "\",\"order\":\"%s\"}", order);
}

static void setup(void)
{
	n_got = n_read = closed = 0;
	rig_start(NULL);
	known(SERIAL, NULL);
	station = host_tcp(h, "powerbank", "woshi", SERIAL, &model, NULL);
	host_station_connect(station);
	settle();
	login(SERIAL);
	cr_assert_eq(next()->command, GV_WOSHI_LOGIN);
	cr_assert_eq(next()->command, GV_WOSHI_INVENTORY);
	inventory(2);
}

TestSuite(woshi, .init = setup, .fini = rig_stop);

/* ---- what holds ------------------------------------------------------------------------------ */

Test(woshi, a_login_is_welcomed_and_followed_by_the_question_what_it_holds)
{
	ask("GetCabinet", "{\"device\":\"" CABINET "\"}");
	cr_expect_str_eq(text("cabinet.ready"), "true");
	cr_expect_str_eq(text("cabinet.driver"), "woshi");
	cr_expect_str_eq(text("cabinet.slots.0.state"), "SLOT_STATE_FULL");
	cr_expect_str_eq(text("cabinet.slots.1.chargePercent"), "40");
	cr_expect_str_eq(text("cabinet.slots.2.state"), "SLOT_STATE_EMPTY", "it lists only those that hold a bank");
}

Test(woshi, a_login_of_an_unknown_serial_number_is_not_answered)
{
	struct host_station *stranger = host_tcp(h, "powerbank", "woshi", "stranger", &model, NULL);

	host_station_connect(stranger);
	settle();
	station = stranger;
	login("NOBODY");
	cr_expect_eq(next()->command, 0);
	cr_expect_eq(incidents("unknown-cabinet"), 1);
}

Test(woshi, a_heartbeat_is_echoed)
{
	send_packet((struct gv_woshi_packet){ .command = GV_WOSHI_HEARTBEAT });
	cr_expect_eq(next()->command, GV_WOSHI_HEARTBEAT);
}

Test(woshi, a_bank_is_lent_by_its_slot)
{
	const struct gv_woshi_packet *p;

	cr_expect_eq(lend_here("O-1"), GV_OK, "%s", text("error"));
	p = next();
	cr_expect_eq(p->command, GV_WOSHI_LEND);
	cr_expect_eq(p->slot, 1);
	slot_report(GV_WOSHI_LEND, 1, 1, BANK_1);
	cr_expect_eq(events("RentalStarted"), 1);
	cr_expect_str_eq(place(BANK_1), "RENTED");
	cr_expect_eq(next()->command, 0, "its report wants no confirmation");
}

Test(woshi, a_failed_lend_tries_the_next_slot)
{
	lend_here("O-1");
	cr_expect_eq(next()->slot, 1);
	slot_report(GV_WOSHI_LEND, 1, 0, BANK_1);
	cr_expect_eq(next()->slot, 2);
}

static void lent(void)
{
	lend_here("O-1");
	next();
	slot_report(GV_WOSHI_LEND, 1, 1, BANK_1);
}

static unsigned verdict_on(uint8_t slot, const char *bank)
{
	const struct gv_woshi_packet *p;

	slot_report(GV_WOSHI_RETURN, slot, 0, bank);
	p = next();
	cr_expect_eq(p->command, GV_WOSHI_RETURN);
	cr_expect_eq(p->slot, slot);
	return p->result;
}

Test(woshi, a_returned_bank_is_judged_and_a_repeat_gets_the_same_answer)
{
	lent();
	cr_expect_eq(verdict_on(3, BANK_1), GV_WOSHI_RETURN_OK);
	cr_expect_eq(verdict_on(3, BANK_1), GV_WOSHI_RETURN_OK);
	cr_expect_eq(events("RentalEnded"), 1);
	for (int i = 0; i < 30; i++) {
		host_run_ms(h, 30 * SECOND_MS);
		send_packet((struct gv_woshi_packet){ .command = GV_WOSHI_HEARTBEAT });
	}
	n_read = n_got;
	cr_expect_eq(verdict_on(3, BANK_1), GV_WOSHI_RETURN_REPEATED, "a quarter of an hour later it is none");
}

Test(woshi, a_bank_that_nobody_knows_is_illegal_and_a_refused_one_abnormal)
{
	cr_expect_eq(verdict_on(3, "524C334800000009"), GV_WOSHI_RETURN_ILLEGAL);
	lent();
	cr_assert_eq(ask("PutBank", "{\"bank\":{\"id\":\"" BANK_1 "\",\"refused\":true}}"), GV_OK);
	cr_expect_eq(verdict_on(3, BANK_1), GV_WOSHI_RETURN_ABNORMAL);
	cr_expect_eq(events("RentalEnded"), 0);
}

Test(woshi, a_slot_that_holds_another_bank_is_not_empty)
{
	lent();
	cr_expect_eq(verdict_on(2, BANK_1), GV_WOSHI_RETURN_NOT_EMPTY);
	cr_expect_eq(events("RentalEnded"), 0);
	cr_expect_eq(next()->command, GV_WOSHI_INVENTORY, "what it really holds is asked for");
}

static void nothing_known(const char *config)
{
	rig_stop();
	n_got = n_read = 0;
	rig_start(config);
	known(SERIAL, NULL);
	station = host_tcp(h, "powerbank", "woshi", SERIAL, &model, NULL);
	host_station_connect(station);
	settle();
	login(SERIAL);
	inventory(0);
	n_read = n_got;
}

Test(woshi, where_no_bank_is_known_at_all_none_is_judged)
{
	nothing_known(NULL);
	cr_expect_eq(verdict_on(3, BANK_1), GV_WOSHI_RETURN_SERVER_ERROR);
	cr_expect_str_eq(place(BANK_1), "(unknown)");
	cr_assert_eq(ask("PutBank", "{\"bank\":{\"id\":\"" BANK_1 "\"}}"), GV_OK);
	cr_expect_eq(verdict_on(3, BANK_1), GV_WOSHI_RETURN_OK, "it asks again, and now it is known");
}

Test(woshi, banks_that_an_inventory_shows_are_made_known_only_if_the_config_says_so)
{
	nothing_known("{\"unknownBanks\":\"refuse\"}");
	inventory(1);
	cr_expect_str_eq(place(BANK_1), "(unknown)");
	cr_expect_eq(incidents("bank-foreign"), 1);
	inventory(1);
	cr_expect_eq(incidents("bank-foreign"), 1, "said once");
	cr_expect_eq(lend_here("O-1"), GV_FAILED_PRECONDITION);
}

Test(woshi, it_can_be_forced_to_open)
{
	struct host_answer *a = host_call_later(h, NULL, "galvan.rental.v1.Rental/Eject",
						"{\"device\":\"" CABINET "\",\"slot\":1,\"force\":true}");

	cr_expect_eq(next()->command, GV_WOSHI_FORCE_EJECT);
	slot_report(GV_WOSHI_FORCE_EJECT, 1, 1, BANK_1);
	cr_expect(a->done && strstr(a->json, "Ejected"), "%s", a->json);
}

static struct host_answer *command(const char *words)
{
	char json[300];

	snprintf(json, sizeof json, "{\"device\":\"" CABINET "\",\"command\":%s}", words);
	return host_call_later(h, NULL, "galvan.rental.v1.Rental/Command", json);
}

static void expect_reply(const struct host_answer *a, const char *status, const char *error)
{
	char sought[40];

	settle();
	snprintf(sought, sizeof sought, "\"status\":\"%s\"", status);
	cr_expect(a->done && strstr(a->json, sought) && strstr(a->json, error), "%s %s", a->error, a->json);
}

Test(woshi, it_can_be_sent_to_another_server_and_is_believed_when_it_says_so)
{
	struct host_answer *a = command("\"set-server\",\"address\":\"cloud.example.com:9011\"");
	const struct gv_woshi_packet *p = next();

	cr_expect_eq(p->command, GV_WOSHI_SERVER);
	cr_expect_str_eq(p->text, "cloud.example.com");
	cr_expect_eq(p->port, 9011);
	cr_expect_eq(p->heartbeat_s, 30);
	cr_expect_not(a->done, "it has not answered yet");
	send_packet((struct gv_woshi_packet){ .command = GV_WOSHI_REBOOT });
	cr_expect_not(a->done, "that was no answer to this");
	send_packet((struct gv_woshi_packet){ .command = GV_WOSHI_SERVER });
	expect_reply(a, "Done", "\"error\":\"\"");
}

Test(woshi, it_can_be_rebooted_and_one_command_at_a_time_is_told)
{
	struct host_answer *a = command("\"reboot\"");

	cr_expect_eq(next()->command, GV_WOSHI_REBOOT);
	cr_expect_eq(ask("Command", "{\"device\":\"" CABINET "\",\"command\":\"reboot\"}"), GV_FAILED_PRECONDITION);
	cr_expect_eq(next()->command, 0);
	send_packet((struct gv_woshi_packet){ .command = GV_WOSHI_REBOOT });
	expect_reply(a, "Done", "");
}

Test(woshi, without_an_answer_to_a_command_that_is_what_is_said)
{
	struct host_answer *a = command("\"reboot\"");

	host_run_ms(h, 9 * SECOND_MS);
	cr_expect_not(a->done);
	host_run_ms(h, 2 * SECOND_MS);
	expect_reply(a, "Unknown", "may have obeyed all the same");
	a = command("\"reboot\"");
	host_station_finish(station);
	expect_reply(a, "Unknown", "lost its connection before it answered");
	cr_expect_eq(ask("Command", "{\"device\":\"" CABINET "\",\"command\":\"reboot\"}"), GV_UNAVAILABLE);
}

Test(woshi, a_command_outlives_a_crash)
{
	struct host_answer *a = command("\"reboot\"");

	host_run_ms(h, SECOND_MS);
	host_crash(h, "powerbank.0");
	host_run_ms(h, 2 * SECOND_MS);
	send_packet((struct gv_woshi_packet){ .command = GV_WOSHI_REBOOT });
	expect_reply(a, "Done", "");
}

Test(woshi, a_command_that_cannot_be_is_not_told)
{
	static const char *const wrong[] = {
		"\"set-server\",\"address\":\"nowhere\"",
		"\"set-server\",\"address\":\":9011\"",
		"\"set-server\",\"address\":\"host:\"",
		"\"set-server\",\"address\":\"host:0\"",
		"\"set-server\",\"address\":\"host:65536\"",
		"\"set-server\",\"address\":\"host:+80\"",
		"\"set-server\",\"address\":\"host:9011:\"",
		"\"set-server\"",
		"\"dance\"",
		"\"set-server\",\"address\":\"h\\u0001:80\"",
	};

	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_expect_eq(ask("Command", "{\"device\":\"" CABINET "\",\"command\":%s}", wrong[i]),
			     GV_INVALID_ARGUMENT, "%s: %s", wrong[i], text("error"));
	cr_expect_eq(next()->command, 0);
}

Test(woshi, a_stream_that_has_lost_its_step_is_closed)
{
	host_station_send(station, GV_BYTES, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10);
	settle();
	cr_expect_eq(closed, 1);
}
