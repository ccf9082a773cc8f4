/* The account of a load by cabinets must be exact: a server of known misdeeds on the same loop is loaded, and each
 * lost, doubled or wrong answer must show up as what it is. */
#include "cabinet_server.h"
#include "plugins/sim/cabinet_load.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum misdeed { GOOD, LOSE, TWICE, WRONG_BANK, REFUSE, NONSENSE, HANG_UP, SEND_BACK, LEND };

static enum misdeed misdeed;
static unsigned asked, heartbeats, confirmed;

static void say(struct peer *p, const struct gv_ruioo_frame *f, enum gv_ruioo_command command, enum gv_ruioo_sub sub)
{
	struct gv_ruioo_frame answer = *f;
	char text[512];
	answer.command = command;
	answer.sub = sub;
	int n = gv_ruioo_write(&answer, gv_ruioo_check_at(0), GV_RUIOO_COMMA, text, sizeof text);
	cr_assert_gt(n, 8);
	put(p, text, 8); /* TCP cuts anywhere */
	put(p, text + 8, (size_t)n - 8);
}

static void answer(struct peer *p, struct gv_ruioo_frame *f)
{
	bool odd = ++asked % 5 == 0;
	switch (odd ? misdeed : GOOD) {
	case LOSE:
		return;
	case TWICE:
		say(p, f, GV_RUIOO_RQ, GV_RUIOO_T);
		say(p, f, GV_RUIOO_RQ, GV_RUIOO_T);
		return;
	case WRONG_BANK:
		f->bank[2] = f->bank[2] == 'X' ? 'Y' : 'X';
		break;
	case REFUSE:
		say(p, f, GV_RUIOO_RQ, GV_RUIOO_F);
		return;
	case NONSENSE:
		put(p, "hello", 5);
		break;
	case HANG_UP:
		hang_up(p);
		return;
	default:
		break;
	}
	say(p, f, GV_RUIOO_RQ, GV_RUIOO_T);
}

static void lend(struct peer *p, struct gv_ruioo_frame *f)
{
	if (misdeed != LEND || p->lent)
		return;
	p->lent = true;
	f->slot = 1;
	snprintf(f->bank, sizeof f->bank, "LB%08u1", (unsigned)(strtoull(f->imei, NULL, 10) % 1000));
	say(p, f, GV_RUIOO_CC, GV_RUIOO_BW);
}

static void understand(struct peer *p, struct gv_ruioo_frame *f)
{
	switch (f->command) {
	case GV_RUIOO_CH:
		heartbeats++;
		lend(p, f);
		break;
	case GV_RUIOO_MQ:
		answer(p, f);
		break;
	case GV_RUIOO_MC:
		confirmed++;
		say(p, f, GV_RUIOO_AM, f->sub);
		break;
	default:
		cr_assert_fail("command %d", (int)f->command);
	}
}

static struct cabinet_load *load;

static void set_up(void)
{
	serve(understand);
}

static void tear_down(void)
{
	cabinet_load_destroy(load);
	serve_no_more();
}

TestSuite(cabinet_load, .init = set_up, .fini = tear_down, .timeout = 60);

static void on_done(void *arg)
{
	*(bool *)arg = true;
}

static Sim__LoadReport run(enum misdeed how, Sim__LoadCabinetsRequest *request)
{
	char error[300];
	bool done = false;
	Sim__LoadReport report;
	misdeed = how;
	server.sends_back = how == SEND_BACK;
	request->url = server.url;
	request->answer_timeout_s += !request->answer_timeout_s;
	cr_assert_eq(cabinet_load_start(&server.loop, request, on_done, &done, &load, error, sizeof error), 0, "%s",
		     error);
	while (!done)
		uv_run(&server.loop, UV_RUN_ONCE);
	cabinet_load_report(load, &report);
	return report;
}

#define REQUEST(...)                                                                                                   \
	(&(Sim__LoadCabinetsRequest){ PROTOBUF_C_MESSAGE_INIT(&sim__load_cabinets_request__descriptor), .url = "",     \
				      .first = "", .cabinets = 5, .seconds = 1, __VA_ARGS__ })

Test(cabinet_load, counts_each_answer_once)
{
	Sim__LoadReport r = run(GOOD, REQUEST(.rate = 200));
	cr_assert_str_eq(r.state, "done");
	cr_assert_str_eq(r.error, "");
	cr_assert_gt(r.sent, 100);
	cr_assert_eq(r.sent, asked);
	cr_assert_eq(r.answered, r.sent);
	cr_assert_leq(r.calls, r.sent);
	cr_assert_gt(r.p99_us, 0);
	cr_assert_eq(r.connections, 5);
	cr_assert_geq(heartbeats, 5);
}

Test(cabinet_load, tells_what_was_lost)
{
	Sim__LoadReport r = run(LOSE, REQUEST(.rate = 200));
	cr_assert_eq(r.unanswered, 5, "each cabinet's slot waits for ever once it is not answered");
	cr_assert_eq(r.answered + r.unanswered, r.sent);
}

Test(cabinet_load, tells_what_was_said_twice)
{
	Sim__LoadReport r = run(TWICE, REQUEST(.rate = 100));
	cr_assert_eq(r.doubled, asked / 5);
	cr_assert_eq(r.answered, r.sent);
	cr_assert_str_neq(r.error, "");
}

Test(cabinet_load, tells_a_wrong_bank_and_a_refusal_apart)
{
	Sim__LoadReport r = run(WRONG_BANK, REQUEST(.rate = 100));
	cr_assert_eq(r.wrong, 5);
	cr_assert_eq(r.unanswered, 5);
	cabinet_load_destroy(load);
	load = NULL;
	asked = 0;
	r = run(REFUSE, REQUEST(.rate = 100));
	cr_assert_eq(r.errors, asked / 5);
	cr_assert_eq(r.answered + r.errors, r.sent);
}

Test(cabinet_load, counts_nonsense)
{
	Sim__LoadReport r = run(NONSENSE, REQUEST(.rate = 100));
	cr_assert_eq(r.unexpected, asked / 5);
	cr_assert_eq(r.answered, r.sent);
}

Test(cabinet_load, counts_connections_that_end)
{
	Sim__LoadReport r = run(HANG_UP, REQUEST(.rate = 100));
	cr_assert_eq(r.dropped_connections, 5);
	cr_assert_eq(r.unanswered, 5);
	cr_assert_eq(r.connections, 0);
}

Test(cabinet_load, takes_an_echo_for_an_answer)
{
	Sim__LoadReport r = run(SEND_BACK, REQUEST(.rate = 200, .echo = true));
	cr_assert_gt(r.sent, 100);
	cr_assert_eq(r.answered, r.sent);
	cr_assert_str_eq(r.error, "");
}

Test(cabinet_load, lends_what_it_is_told_and_brings_it_back)
{
	Sim__LoadReport r = run(LEND, REQUEST(.return_s = 1, .answer_timeout_s = 10));
	cr_assert_str_eq(r.error, "");
	cr_assert_eq(asked, 5);
	cr_assert_eq(confirmed, 10, "each is lent, and is back");
	cr_assert_eq(r.sent, 15);
	cr_assert_eq(r.answered, 15);
}

Test(cabinet_load, says_what_is_wrong_with_a_request)
{
	char error[300];
	bool done;
	Sim__LoadCabinetsRequest *request = REQUEST(.rate = 1);
	request->url = "ws://127.0.0.1:1/";
	cr_assert_eq(cabinet_load_start(&server.loop, request, on_done, &done, &load, error, sizeof error), -EINVAL);
	cr_assert_not_null(strstr(error, "tcp://HOST:PORT"));
	request->url = server.url;
	request->first = "12";
	cr_assert_eq(cabinet_load_start(&server.loop, request, on_done, &done, &load, error, sizeof error), -EINVAL);
	cr_assert_not_null(strstr(error, "15 digits"));
}
