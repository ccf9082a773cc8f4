/* Durable timers: once, not before their time, whatever happens in between. */
#include "puppet.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char rung[256];

/* Reads the request as an order: key "NAME" and by milliseconds; 0 cancels. */
static int set_timer(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__ChainNote note = ZOO__CHAIN_NOTE__INIT;

	note.id = (char *)"note";
	note.step = (uint32_t)q->by;
	return q->by ? gv_timer(t, q->key, gv_now_ms(t) + q->by, &note) : gv_timer_cancel(t, q->key);
}

static int ring(struct gv_turn *t, const char *name, const void *note)
{
	const Zoo__ChainNote *n = note;

	snprintf(rung + strlen(rung), sizeof rung - strlen(rung), "%s%u ", name, n ? n->step : 0);
	gv_edit(t, &puppet_totals, gv_key(name));
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key(name)))->total++;
	return 0;
}

static void setup(void)
{
	puppet_setup();
	puppet.add = set_timer;
	puppet.timer = ring;
	*rung = 0;
}

static void order(const char *name, int64_t in_ms)
{
	static uint64_t id = 5000;

	rig_add(&rig, "test.0", ++id, name, in_ms);
	rig_run(&rig);
}

TestSuite(timers, .init = setup, .fini = puppet_teardown);

Test(timers, ring_at_their_time_in_its_order_with_their_notes)
{
	order("b", 200);
	order("a", 100);
	order("c", 300);
	cr_assert_leq(gv_actor_next_ms(rig.actor), rig.now + 100, "the owner is told when to come back");
	rig_pass(&rig, 99);
	cr_assert_str_eq(rung, "");
	rig_pass(&rig, 1);
	cr_assert_str_eq(rung, "a100 ");
	rig_pass(&rig, 1000);
	cr_assert_str_eq(rung, "a100 b200 c300 ");
	rig_pass(&rig, 100000);
	cr_assert_str_eq(rung, "a100 b200 c300 ", "once each");
}

Test(timers, set_again_replace_themselves)
{
	order("a", 100);
	order("a", 50);
	order("b", 50);
	order("b", 70);
	rig_pass(&rig, 1000);
	cr_assert_str_eq(rung, "a50 b70 ");
}

Test(timers, cancelled_do_not_ring)
{
	order("a", 100);
	order("a", 0);
	order("never set", 0);
	rig_pass(&rig, 1000);
	cr_assert_str_eq(rung, "");
}

Test(timers, outlive_a_restart)
{
	order("a", 100);
	order("b", 1000);
	rig_stop(&rig);
	rig.now += 500;
	rig_restart(&rig, true);
	rig_pass(&rig, 0);
	cr_assert_str_eq(rung, "a100 ", "what fell due meanwhile rings at once");
	rig_pass(&rig, 600);
	cr_assert_str_eq(rung, "a100 b1000 ");
	rig_restart(&rig, false);
	rig_pass(&rig, 1000);
	cr_assert_str_eq(rung, "a100 b1000 ", "what rang is over");
}

Test(timers, in_hand_at_a_crash_ring_again_and_count_once)
{
	order("a", 100);
	rig.die_at_commit = 1;
	rig.now += 100;
	rig_run(&rig);
	cr_assert_str_eq(rung, "a100 ");
	rig_restart(&rig, true);
	rig_pass(&rig, 100);
	cr_assert_str_eq(rung, "a100 a100 ");
	cr_assert_eq(puppet_total("a"), 1);
}

static int cancels_the_other(struct gv_turn *t, const char *name, const void *note)
{
	ring(t, name, note);
	return gv_timer_cancel(t, strcmp(name, "a") ? "a" : "b");
}

Test(timers, due_in_the_same_turn_may_cancel_each_other)
{
	puppet.timer = cancels_the_other;
	order("a", 100);
	order("b", 100);
	rig.now += 100;
	rig_run(&rig);
	cr_assert(!strcmp(rung, "a100 ") || !strcmp(rung, "b100 "), "the one that rang cancelled the other: %s", rung);
}

static int rings_on(struct gv_turn *t, const char *name, const void *note)
{
	ring(t, name, NULL);
	return gv_timer(t, name, gv_now_ms(t) + 100, NULL);
}

Test(timers, may_set_themselves_again)
{
	puppet.timer = rings_on;
	order("a", 100);
	rig_pass(&rig, 350);
	cr_assert_str_eq(rung, "a0 a0 a0 ");
}

static unsigned tries;
static int never_works(struct gv_turn *t, const char *name, const void *note)
{
	tries++;
	return gv_fault(t, "the bell is broken");
}

Test(timers, that_fail_are_tried_five_times_and_parked)
{
	tries = 0;
	puppet.timer = never_works;
	order("a", 100);
	rig_pass(&rig, 60000);
	cr_assert_eq(tries, 5);
	cr_assert(rig_logged(&rig, "the bell is broken"), "the log says why");
	puppet.timer = ring;
	order("b", 100);
	rig_pass(&rig, 1000);
	cr_assert_str_eq(rung, "b100 ", "others ring");
}
