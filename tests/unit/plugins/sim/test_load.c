/* The load's account must be exact: tests of reloads and crashes rely on it. So here a server of known misdeeds, on the
 * same loop, is loaded, and each lost, doubled, wrong or invented answer must show up as what it is. Pieces of it
 * (histogram, calls, answers) are tested alone. */
#include "plugins/sim/histogram.h"
#include "plugins/sim/load.h"
#include "plugins/sim/load_call.h"
#include "server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- histogram ------------------------------------------------------------------------------- */

Test(histogram, reads_percentiles_within_one_percent)
{
	static struct histogram h;
	for (uint64_t i = 1; i <= 100000; i++)
		histogram_add(&h, i * 1000);
	cr_assert_float_eq((double)histogram_at(&h, 0.5), 50e6, 50e4);
	cr_assert_float_eq((double)histogram_at(&h, 0.99), 99e6, 99e4);
	cr_assert_float_eq((double)histogram_at(&h, 0.999), 99.9e6, 99.9e4);
	cr_assert_eq(h.max_ns, 100000000);
	cr_assert_leq(histogram_at(&h, 1), h.max_ns);
}

Test(histogram, takes_any_value)
{
	static struct histogram h;
	cr_assert_eq(histogram_at(&h, 0.5), 0);
	for (int shift = 0; shift < 64; shift++)
		histogram_add(&h, (uint64_t)1 << shift);
	histogram_add(&h, 0);
	histogram_add(&h, UINT64_MAX);
	cr_assert_eq(h.count, 66);
	cr_assert_eq(histogram_at(&h, 0), 0);
}

/* ---- calls and answers ----------------------------------------------------------------------- */

Test(load_call, makes_a_frame_of_the_size_asked_for)
{
	static char text[LOAD_CALL_ROOM + 70000];
	for (size_t want = 340; want < 4000; want += 37) {
		size_t tail_size;
		char *tail = load_tail(want, &tail_size);
		struct load_call c = { LOAD_METER, 3,    4,        1763700000123, 1234, LOAD_METER_BASE_WH + 5,
				       "CARD",     tail, tail_size };
		cr_assert_eq(load_call_write(&c, text), want);
		free(tail);
	}
}

Test(load_call, understands_answers_however_they_are_spaced)
{
	struct load_answer a;
	int64_t id = 0;
	const char *text = " [ 3 , \"0000000a-0000000b\" , { \"idTagInfo\":{}, \"transactionId\" : 42 } ] ";
	cr_assert_eq(load_answer_read(text, strlen(text), &a), 0);
	cr_assert(a.ours && a.station == 10 && a.seq == 11 && a.type == 3);
	cr_assert(load_answer_right(&a, LOAD_START, &id));
	cr_assert_eq(id, 42);
	cr_assert_not(load_answer_right(&a, LOAD_METER, &id), "the answer to MeterValues is empty");
	static const char *const bad[] = { "",      "[",        "[3",        "[3,",          "[3,5]",
					   "[3,\"", "[3,\"a\"", "{\"a\":1}", "[7,\"a\",{}]", "hello" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_assert_eq(load_answer_read(bad[i], strlen(bad[i]), &a), -EBADMSG, "%s", bad[i]);
}

/* ---- a whole run ----------------------------------------------------------------------------- */

static void on_done(void *arg)
{
	*(bool *)arg = true;
}

static struct load *load;
static Sim__LoadReport report;

static void forget_run(void)
{
	load_report_fini(&report);
	load_destroy(load);
	load = NULL;
}

static void tear_down(void)
{
	forget_run();
	if (server.port)
		serve_no_more();
}

TestSuite(load, .fini = tear_down);

/* A whole run; its report lives until the next. */
static Sim__LoadReport run(Sim__LoadRequest *request, bool stations)
{
	char error[300];
	bool done = false;
	forget_run();
	request->url = server.url;
	if (!request->connections)
		request->connections = 5;
	cr_assert_eq(load_start(&server.loop, request, on_done, &done, &load, error, sizeof error), 0, "%s", error);
	while (!done)
		uv_run(&server.loop, UV_RUN_ONCE);
	load_report(load, stations, &report);
	return report;
}

#define REQUEST(msg, ...)                                                                                              \
	(&(Sim__LoadRequest){ PROTOBUF_C_MESSAGE_INIT(&sim__load_request__descriptor), .url = "", .message = (msg),    \
			      .prefix = "", .subprotocol = "", .password = "", .token = "", __VA_ARGS__ })

static void is_clean(const Sim__LoadReport *r)
{
	cr_assert_str_eq(r->state, "done", "%s", r->error);
	cr_assert_eq(r->errors + r->wrong + r->doubled + r->unexpected + r->unanswered + r->repeated, 0);
	cr_assert_eq(r->dropped_connections + r->failed_connections, 0);
	cr_assert_eq(r->sent, r->answered);
}

/* Every charger was there, is cut off, and is there again. */
Test(load, a_storm_is_over_when_all_are_back_and_answered)
{
	serve(NONE, 1);
	Sim__LoadReport r = run(REQUEST("Storm", .connections = 50), true);
	is_clean(&r);
	cr_assert_eq(r.calls, 50, "as many handshakes as chargers");
	cr_assert_gt(r.p50_us, 0);
	cr_assert_gt(r.seconds, 0);
	cr_assert_eq(server.connections, 100);
	cr_assert_eq(server.boots, 100);
	cr_assert_eq(server.starts, 50, "its session goes on");
	cr_assert_eq(server.meter_values, 50);
	cr_assert_eq(r.answered, 50 * 5);
}

Test(load, a_storm_takes_as_many_attempts_as_it_needs)
{
	serve(HANG_UP, 10); /* at every tenth of its first meter values */
	Sim__LoadReport r = run(REQUEST("Storm", .connections = 50), true);
	cr_assert_str_eq(r.state, "done", "%s", r.error);
	cr_assert_eq(r.unanswered, 0);
	cr_assert_gt(r.repeated, 0);
	cr_assert_gt(r.calls, 50);
}

Test(load, accounts_for_a_server_that_behaves)
{
	static char *const messages[] = { "", "MeterValues", "Heartbeat", "StartStop" };
	serve(NONE, 1);
	for (unsigned i = 0; i < 4; i++) {
		Sim__LoadReport r = run(REQUEST(messages[i], .calls = 1000), true);
		is_clean(&r);
		cr_assert_geq(r.calls, 1000);
		cr_assert_eq(r.n_stations, 5);
		cr_assert_gt(r.p50_us, 0);
		cr_assert_leq(r.p50_us, r.p999_us);
		cr_assert_leq(r.p999_us, r.max_us);
	}
}

Test(load, knows_what_each_station_was_answered)
{
	serve(NONE, 1);
	Sim__LoadReport r = run(REQUEST("", .calls = 500), true);
	uint64_t meter_values = 0;
	for (size_t i = 0; i < r.n_stations; i++) {
		meter_values += r.stations[i]->meter_wh - r.stations[i]->meter_start_wh;
		cr_assert_eq(r.stations[i]->transaction_id, 7);
	}
	cr_assert_eq(meter_values, r.answered - 2 * r.n_stations, "all but a boot and a start each");
	cr_assert_str_eq(r.stations[0]->identity, "LOAD-0001");
}

Test(load, takes_an_echo_for_an_answer_where_told_so)
{
	serve(SEND_BACK, 1);
	Sim__LoadReport r = run(REQUEST("", .calls = 500, .echo = true, .in_flight = 4), false);
	is_clean(&r);
}

Test(load, holds_idle_connections)
{
	serve(NONE, 1);
	Sim__LoadReport r = run(REQUEST("Idle", .seconds = 1, .connections = 50, .connect_rate = 500), false);
	is_clean(&r);
	cr_assert_eq(r.connections, 50);
	cr_assert_eq(r.sent, 0);
	cr_assert_gt(r.connect_ms, 90, "at 500 a second");
}

Test(load, counts_answers_that_never_come)
{
	serve(LOSE, 100);
	Sim__LoadReport r = run(REQUEST("", .calls = 480, .answer_timeout_s = 1, .connections = 5), false);
	cr_assert_eq(r.unanswered, server.done);
	cr_assert_gt(r.unanswered, 0);
	cr_assert_eq(r.sent, r.answered + r.unanswered);
}

Test(load, counts_each_misdeed_as_what_it_is)
{
	static const enum misdeed misdeeds[] = { DOUBLE, ERROR, WRONG, INVENT, NONSENSE };
	serve(NONE, 10);
	for (size_t i = 0; i < 5; i++) {
		server.misdeed = misdeeds[i];
		server.done = server.meter_values = 0;
		Sim__LoadReport r = run(REQUEST("", .calls = 1000), false);
		cr_assert_gt(server.done, 0);
		cr_assert_eq(r.doubled, server.misdeed == DOUBLE ? server.done : 0);
		cr_assert_eq(r.errors, server.misdeed == ERROR ? server.done : 0);
		cr_assert_eq(r.wrong, server.misdeed == WRONG ? server.done : 0);
		cr_assert_eq(r.unexpected, server.misdeed == INVENT || server.misdeed == NONSENSE ? server.done : 0);
		cr_assert_eq(r.unanswered, 0);
		cr_assert_neq(r.error[0], 0, "the first of them is shown");
	}
}

Test(load, refuses_the_servers_calls)
{
	serve(CALL, 10);
	Sim__LoadReport r = run(REQUEST("", .calls = 100), false);
	is_clean(&r);
	cr_assert_eq(server.refusals, server.done);
}

Test(load, counts_connections_that_end_and_what_is_lost_with_them)
{
	serve(HANG_UP, 200);
	Sim__LoadReport r = run(REQUEST("", .calls = 500), false);
	cr_assert_gt(server.hung_up, 0);
	cr_assert_eq(r.dropped_connections, server.hung_up);
	cr_assert_eq(r.unanswered, server.hung_up, "the call that it hung up on");
}

Test(load, comes_back_and_repeats_what_was_not_answered)
{
	serve(HANG_UP, 200);
	Sim__LoadReport r = run(REQUEST("", .calls = 1000, .reconnect = true), false);
	cr_assert_gt(server.hung_up, 0);
	cr_assert_eq(r.dropped_connections, server.hung_up);
	cr_assert_eq(r.repeated, server.hung_up);
	cr_assert_eq(r.unanswered + r.doubled + r.unexpected, 0);
	cr_assert_eq(r.sent, r.answered);
}

Test(load, fails_where_nobody_lets_it_in)
{
	serve(REFUSE, 1);
	Sim__LoadReport r = run(REQUEST("", .seconds = 1), false);
	cr_assert_str_eq(r.state, "failed");
	cr_assert_eq(r.failed_connections, 5);
	serve_no_more();
	r = run(REQUEST("", .seconds = 1), false);
	cr_assert_str_eq(r.state, "failed");
	cr_assert_eq(r.failed_connections, 5);
	cr_assert_not_null(strstr(r.error, "refused"), "%s", r.error);
}

Test(load, gives_up_on_a_server_that_lets_it_in_and_says_nothing)
{
	serve(SILENT, 1);
	Sim__LoadReport r = run(REQUEST("", .seconds = 1, .answer_timeout_s = 1), false);
	cr_assert_str_eq(r.state, "failed");
	cr_assert_eq(r.failed_connections, 5);
	cr_assert_eq(r.unanswered, 5);
}

Test(load, refuses_requests_that_cannot_be)
{
	static const struct {
		const char *url, *message;
		uint32_t in_flight;
	} bad[] = { { "http://x/", "", 1 }, { "ws://", "", 1 },           { "ws://x:99999/", "", 1 },
		    { "ws://x:y/", "", 1 }, { "ws://x/", "Nonsense", 1 }, { "ws://x/", "", 17 } };
	uv_loop_t loop;
	struct load *none = NULL;
	uv_loop_init(&loop);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char error[300] = "";
		Sim__LoadRequest *request = REQUEST("", .in_flight = bad[i].in_flight);
		request->url = (char *)bad[i].url;
		request->message = (char *)bad[i].message;
		cr_assert_eq(load_start(&loop, request, on_done, NULL, &none, error, sizeof error), -EINVAL, "case %zu",
			     i);
		cr_assert_neq(error[0], 0);
	}
	cr_assert_eq(uv_loop_close(&loop), 0, "nothing is left on the loop");
}
