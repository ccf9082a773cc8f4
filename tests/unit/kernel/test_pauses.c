/* How long a message waits whose handler failed, under the virtual clock: to the millisecond, for each kind that is
 * tried again, and over a crash. docs/guide-plugin-author.md, section 7, draws it. */
#include <tests/host/host.h>

#include <criterion/criterion.h>
#include <string.h>

#include "zoo.pb-c.h"
#include "zoo.schema.h"

static struct host *h;
static int64_t tries[16];
static unsigned n_tries;
static unsigned works_from; /* the try that succeeds; 0: none */

static int fail(struct gv_turn *t, const char *what)
{
	cr_assert_lt(n_tries, 16);
	tries[n_tries++] = host_now_ms(h);
	return n_tries == works_from ? 0 : gv_fault(t, "%s hurts", what);
}

static int on_counted(void *self, struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from)
{
	return strcmp(e->key, "counter:sore") == 0 ? fail(t, e->key) : 0;
}
GV_ON_EVENT(on_counted, void, Zoo__Counted)

static int on_act(void *self, struct gv_turn *t, struct gv_ticket ticket, const Zoo__ActRequest *q)
{
	Zoo__ActReply reply = ZOO__ACT_REPLY__INIT;

	if (strcmp(q->how, "set the timer") == 0)
		gv_timer(t, "sore", gv_now_ms(t) + 1000, NULL);
	else if (fail(t, q->key) < 0)
		return -EINVAL;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(on_act, void, Zoo__ActRequest)

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return fail(t, name);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static const struct gv_plugin sore = {
	GV_STAMP,
	.name = "sore",
	.version = "1",
	.summary = "Fails when asked to.",
	.serves = GV_SERVES({ &zoo__faulty__descriptor, GV_METHODS({ "Act", on_act_call }) }),
	.hears = GV_HEARS({ &zoo__counted__descriptor, on_counted_event }),
	.schema_set = GV_SCHEMA(zoo),
	.schema = 1,
	.self_size = 1,
	.start = start,
	.on_timer = on_timer,
};

static void setup(void)
{
	h = host_create(1);
	cr_assert_eq(host_load(h, "counter", ZOO "/zoo_counter.so", 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load_record(h, &sore, 1, NULL), 0, "%s", host_error(h));
	host_settle(h, 100);
	host_durable(h, true);
	n_tries = works_from = 0;
}

static void teardown(void)
{
	host_destroy(h);
}

TestSuite(pauses, .init = setup, .fini = teardown, .timeout = 60);

static void count(const char *key)
{
	cr_assert_eq(host_call(h, "galvan.zoo.v1.Counter/Add", "{\"key\":\"%s\",\"by\":\"1\"}", key)->code, GV_OK);
}

/* 50 ms, and twice as long each time; after the fifth try it is parked. */
static void expect_pauses(unsigned from, unsigned to)
{
	static const int64_t pauses[] = { 50, 100, 200, 400 };

	for (unsigned i = from; i + 1 < to; i++)
		cr_expect_eq(tries[i + 1] - tries[i], pauses[i], "pause %u is %lld ms", i,
			     (long long)(tries[i + 1] - tries[i]));
}

static void expect_parked(void)
{
	host_run_ms(h, 60000);
	cr_assert_eq(n_tries, 5);
	expect_pauses(0, 5);
	cr_expect_eq(host_parked(h, "sore.0"), 1);
}

Test(pauses, of_an_event)
{
	count("counter:sore");
	expect_parked();
}

Test(pauses, of_a_durable_call_whose_caller_is_told_at_the_end)
{
	struct host_answer *a = host_call_later(h, NULL, "galvan.zoo.v1.Faulty/Act", "{\"key\":\"x\"}");

	expect_parked();
	cr_expect(a->done && a->code == GV_INTERNAL, "%s", a->error);
}

Test(pauses, of_a_timer)
{
	cr_assert_eq(host_call(h, "galvan.zoo.v1.Faulty/Act", "{\"how\":\"set the timer\"}")->code, GV_OK);
	expect_parked();
}

Test(pauses, end_with_the_first_try_that_succeeds)
{
	works_from = 3;
	count("counter:sore");
	host_run_ms(h, 60000);
	cr_assert_eq(n_tries, 3);
	expect_pauses(0, 3);
	cr_expect_eq(host_parked(h, "sore.0"), 0);
}

Test(pauses, are_of_the_message_not_of_the_process)
{
	count("counter:sore");
	while (n_tries < 2)
		host_run_ms(h, 1);
	host_crash(h, "sore.0");
	host_run_ms(h, 60000);
	cr_assert_eq(n_tries, 5, "the crash cost no try and gave none");
	expect_pauses(2, 5);
	cr_expect_eq(host_parked(h, "sore.0"), 1);
}

Test(pauses, of_one_key_hold_nobody_else_up)
{
	count("counter:sore");
	count("counter:well");
	host_run_ms(h, 60000);
	cr_expect_eq(n_tries, 5);
	cr_expect_eq(host_parked(h, "sore.0"), 1);
}
