/* The cloud and the mind of a pile, as firmware embeds it, on one line: what either says the other understands. */
#include "rig.h"
#include "../pile/board.h"

#include <lib/hex.h>

static struct board b;
static struct host_station *line;
static uint8_t root[32];

static void drain(void)
{
	uint8_t out[BLE_DOCUMENT_MAX + BLE_HEADER_SIZE];
	int n;

	while ((n = ble_pile_uplink_message(&b.pile, b.now_ms, out, sizeof(out))) > 0)
		host_station_send(line, GV_BINARY, out, (size_t)n);
	cr_assert_eq(n, 0, "%s", ble_result_name(n));
}

static void on_open(struct host_station *s, void *arg)
{
	ble_pile_uplink_open(&b.pile, b.now_ms);
	drain();
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	int r = ble_pile_uplink_receive(&b.pile, (const uint8_t *)data, size, b.now_ms);

	cr_assert_eq(r, 0, "%02x: %s", (uint8_t)data[0], ble_result_name(r));
	drain();
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	ble_pile_uplink_close(&b.pile, b.now_ms);
}

static void go_on_line(void)
{
	static const struct host_station_model model = { on_open, on_frame, on_close };

	line = host_station(h, "ble", P1, "cpb1", &model, NULL);
	host_station_connect(line);
	pass(SECOND_MS);
}

/* Time at the pile and in the cloud. */
static void pass_both(unsigned seconds)
{
	board_pass(&b, seconds);
	host_run_ms(h, seconds * SECOND_MS);
	drain();
	settle();
}

static void setup(void)
{
	rig_start(NULL);
	must("GetKeySet", "{}");
	gv_hex_read(text("root"), 64, root, sizeof(root));
	board_init(&b);
	memset(b.records, 0, sizeof(b.records));
	memset(b.state, 0, sizeof(b.state));
	b.config.root = root;
	b.config.built = 0;
	cr_assert_eq(board_boot(&b), 0);
}
TestSuite(engine, .init = setup, .fini = rig_stop);

Test(engine, a_pile_that_comes_has_keys_time_and_receipts_at_once)
{
	go_on_line();
	cr_expect(ble_pile_online(&b.pile, b.now_ms));
	cr_expect_eq(b.pile.keys.number, 1);
	cr_expect_eq(b.pile.clock.trust, BLE_TRUST_SIGNED);
	pass_both(120);
	cr_expect_eq(ble_pile_pending(&b.pile), 0, "all that it has written is receipted");
}

Test(engine, a_session_by_the_clouds_word)
{
	struct host_answer *a;

	go_on_line();
	a = host_call_later(h, NULL, "galvan.charging.v1.Charging/Start",
			    "{\"device\":\"" P1 "\",\"connector\":1,\"token\":\"TOKEN\",\"maxEnergyWh\":\"900000\"}");
	settle();
	cr_assert(a->done);
	cr_expect_not_null(strstr(a->json, "Accepted"), "%s", a->json);
	cr_expect(b.closed[0]);
	cr_expect_str_eq(event("SessionStarted", 0, "session.token"), "TOKEN");
	pass_both(300);
	cr_expect_gt(events("SessionMetered"), 2);
	a = host_call_later(h, NULL, "galvan.charging.v1.Charging/Stop", "{\"device\":\"" P1 "\",\"connector\":1}");
	settle();
	cr_assert(a->done && a->code == GV_OK, "%s", a->error);
	cr_expect_not(b.closed[0]);
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect_eq(strtoull(event("SessionEnded", 0, "session.energyWh"), NULL, 10), b.delivered_wh[0]);
	cr_expect_str_eq(event("SessionEnded", 0, "session.reason"), "Remote");
	cr_expect_str_eq(event("SessionEnded", 0, "session.flags.0"), "(none)");
	cr_expect_eq(ble_pile_pending(&b.pile), 0);
}

Test(engine, the_limit_of_what_was_paid_for_ends_it)
{
	go_on_line();
	host_call_later(h, NULL, "galvan.charging.v1.Charging/Start",
			"{\"device\":\"" P1 "\",\"connector\":1,\"token\":\"TOKEN\",\"maxEnergyWh\":\"1000\"}");
	settle();
	pass_both(600);
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect_str_eq(event("SessionEnded", 0, "session.reason"), "EnergyLimitReached");
}

Test(engine, a_session_by_a_voucher_without_a_network_comes_home_later)
{
	struct ble_answer answer;
	struct vector shown = { .size = 0 };
	struct paper v;
	uint8_t jti[16];
	int r;

	go_on_line();
	host_station_finish(line);
	pass(SECOND_MS);
	grant("TOKEN");
	v = voucher("TOKEN", jti);
	memcpy(shown.at, v.at, v.size);
	shown.size = v.size;
	r = board_visit(&b, &shown);
	cr_assert_eq(r, 0, "%s", ble_result_name(r));
	cr_assert_eq(board_start(&b, 1, &answer), 0);
	board_leave(&b);
	pass_both(300);
	cr_assert_eq(board_visit(&b, &shown), 0, "who started it comes back with the same voucher");
	cr_assert_eq(board_stop(&b, 1, &answer), 0);
	board_leave(&b);
	cr_expect_eq(events("SessionStarted"), 0, "nobody has heard of it");
	go_on_line();
	pass_both(120);
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect_str_eq(event("SessionEnded", 0, "session.token"), "TOKEN");
	cr_expect_str_eq(event("SessionEnded", 0, "session.reason"), "Local");
	cr_expect_eq(ble_pile_pending(&b.pile), 0);
	must("ListCases", "{}");
	cr_expect_eq(length("cases"), 0);
}
