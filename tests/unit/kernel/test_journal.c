/* Events from both sides: what was emitted reaches each subscriber in order, once in effect, whatever is lost, repeated
 * or restarted. */
#include "puppet.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COUNTED "galvan.zoo.v1.Counted"

TestSuite(journal, .init = puppet_setup, .fini = puppet_teardown);

/* ---- as emitter ------------------------------------------------------------------------------ */

static int emits(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__Counted event = ZOO__COUNTED__INIT;
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	event.key = q->key;
	event.total = q->by;
	gv_emit(t, &event);
	return q->by < 0 ? gv_fault(t, "negative") : gv_reply(t, ticket, &reply);
}

static uint64_t next_id = 1000;

static void emit(const char *key, int64_t total)
{
	rig_add(&rig, "test.0", ++next_id, key, total);
	rig_run(&rig);
}

static void hears_counted(const char *name, uint64_t incarnation)
{
	rig_peer(&rig, name, incarnation)->hears[0] = COUNTED;
	rig_directory(&rig);
	rig_run(&rig);
	puppet.add = emits;
}

static const Env__Event *sent_event(const char *to, size_t i)
{
	const Env__Item *item = rig_sent(&rig, to, ENV__ITEM__KIND_EVENT, i);

	return item ? item->event : NULL;
}

#define NONE 0  /* the cursor of a subscriber that has no place yet */
#define START 1 /* of one whose place is before all events */

static void subscribe(const char *name, uint64_t cursor)
{
	rig_subscribe(&rig, name, COUNTED, cursor, false);
	rig_run(&rig);
}

Test(journal, sends_events_in_order_each_naming_the_one_before)
{
	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE);
	for (int i = 1; i <= 3; i++)
		emit("a", i);
	for (size_t i = 0; i < 3; i++) {
		cr_assert(sent_event("sub.0", i), "event %zu was sent", i);
		cr_assert_str_eq(sent_event("sub.0", i)->type, COUNTED);
		cr_assert_str_eq(sent_event("sub.0", i)->key, "a");
		cr_assert_eq(sent_event("sub.0", i)->prev, i ? sent_event("sub.0", i - 1)->seq : START);
	}
	cr_assert_eq(rig_count(&rig, "test.0", ENV__ITEM__KIND_EVENT), 0, "who did not subscribe gets none");
}

Test(journal, keeps_what_happens_before_a_subscriber_comes_up)
{
	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE); /* the first time, a newcomer: its history starts here */
	cr_assert_eq(rig_sent(&rig, "sub.0", ENV__ITEM__KIND_SNAPSHOT, 1)->snapshot->cursor, START,
		     "where nothing has happened yet is a place, too");
	rig_peer(&rig, "sub.0", 3)->up = false;
	rig_directory(&rig);
	emit("a", 1);
	emit("a", 2);
	rig_clear(&rig);
	rig_peer(&rig, "sub.0", 4)->up = true;
	rig_directory(&rig);
	subscribe("sub.0", START);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 2);
	cr_assert_eq(sent_event("sub.0", 0)->prev, START);
}

Test(journal, outlives_the_emitter)
{
	uint64_t seq;

	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE);
	emit("a", 1);
	emit("a", 2);
	seq = sent_event("sub.0", 0)->seq;
	rig_restart(&rig, true);
	rig_clear(&rig);
	subscribe("sub.0", seq);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 1, "what lies behind its cursor");
	cr_assert_eq(sent_event("sub.0", 0)->prev, seq);
	emit("a", 3);
	cr_assert_gt(sent_event("sub.0", 1)->seq, sent_event("sub.0", 0)->seq, "numbers are never used again");
	cr_assert_eq(sent_event("sub.0", 1)->prev, sent_event("sub.0", 0)->seq);
}

Test(journal, keeps_everything_until_it_knows_who_subscribes)
{
	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE);
	for (int i = 1; i <= 5; i++)
		emit("a", i);
	rig_restart(&rig, true); /* its start is a turn, before the directory says that anybody is there */
	rig_restart(&rig, true);
	rig_clear(&rig);
	subscribe("sub.0", START);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 5);
}

Test(journal, serves_one_that_subscribed_before_the_directory_named_it)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Subscribe s = ENV__SUBSCRIBE__INIT;
	char *types[] = { (char *)COUNTED };

	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE);
	rig_peer(&rig, "sub.0", 3)->up = false;
	rig_directory(&rig);
	emit("a", 1);
	rig_clear(&rig);
	s.types = types;
	s.n_types = 1;
	s.cursor = START;
	item.kind_case = ENV__ITEM__KIND_SUBSCRIBE;
	item.subscribe = &s;
	rig_feed_as(&rig, "sub.0", 4, &item, 1);
	rig_run(&rig);
	rig_peer(&rig, "sub.0", 4)->up = true;
	rig_directory(&rig);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 1);
}

Test(journal, sends_nothing_of_a_turn_that_did_not_commit)
{
	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE);
	rig.die_at_commit = 1;
	emit("a", 1);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 0);
	rig_restart(&rig, true);
	subscribe("sub.0", START);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 0);
}

Test(journal, forgets_the_events_of_a_failed_message)
{
	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE);
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_add(&rig, "test.0", 2, "bad", -1);
	rig_add(&rig, "test.0", 3, "b", 1);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 2);
	cr_assert_str_eq(sent_event("sub.0", 1)->key, "b");
	cr_assert_eq(sent_event("sub.0", 1)->prev, sent_event("sub.0", 0)->seq);
}

Test(journal, runs_ahead_of_a_subscriber_by_a_window_at_most)
{
	const Env__Event *last;

	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE);
	for (int i = 1; i <= 1500; i++)
		rig_add(&rig, "test.0", ++next_id, "a", i);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 1024);
	last = sent_event("sub.0", 1023);
	rig_event_ack(&rig, "sub.0", last->seq);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 1500, "the rest comes from the journal");
	for (size_t i = 1; i < 1500; i++)
		cr_assert_eq(sent_event("sub.0", i)->prev, sent_event("sub.0", i - 1)->seq);
}

Test(journal, shows_followers_what_happens_from_now_on)
{
	hears_counted("sub.0", 3);
	subscribe("sub.0", NONE);
	emit("a", 1);
	rig_subscribe(&rig, "test.0", "*", 0, true);
	rig_run(&rig);
	emit("a", 2);
	cr_assert_eq(rig_count(&rig, "test.0", ENV__ITEM__KIND_EVENT), 1);
	cr_assert(sent_event("test.0", 0)->follow);
	rig_peer(&rig, "test.0", 8);
	rig_run(&rig);
	emit("a", 3);
	cr_assert_eq(rig_count(&rig, "test.0", ENV__ITEM__KIND_EVENT), 1, "its next incarnation has to ask anew");
}

Test(journal, costs_no_commit_where_nobody_is_registered)
{
	puppet.add = emits;
	rig_subscribe(&rig, "test.0", COUNTED, 0, true);
	rig_run(&rig);
	rig_clear(&rig);
	emit("a", 1);
	cr_assert_eq(rig.commits, 0);
	cr_assert_eq(rig_count(&rig, "test.0", ENV__ITEM__KIND_EVENT), 1, "a follower sees it all the same");
}

static int snapshot_of_two(struct gv_turn *t)
{
	Zoo__Counted event = ZOO__COUNTED__INIT;

	event.key = (char *)"a";
	event.total = 10;
	gv_emit(t, &event);
	event.key = (char *)"b";
	return gv_emit(t, &event);
}

static size_t place(const char *to, Env__Item__KindCase kind, size_t i)
{
	const Env__Item *item = rig_sent(&rig, to, kind, i);

	for (size_t j = 0; j < rig.n_sent; j++)
		if (rig.sent[j].item == item)
			return j;
	return SIZE_MAX;
}

Test(journal, brackets_a_snapshot_for_a_newcomer)
{
	const Env__Item *begin, *end;

	puppet.snapshot = snapshot_of_two;
	hears_counted("sub.0", 3);
	emit("a", 1);
	rig_clear(&rig);
	subscribe("sub.0", NONE);
	begin = rig_sent(&rig, "sub.0", ENV__ITEM__KIND_SNAPSHOT, 0);
	end = rig_sent(&rig, "sub.0", ENV__ITEM__KIND_SNAPSHOT, 1);
	cr_assert(begin && begin->snapshot->edge == ENV__SNAPSHOT__EDGE__BEGIN);
	cr_assert(end && end->snapshot->edge == ENV__SNAPSHOT__EDGE__END);
	cr_assert_eq(rig_count(&rig, "sub.0", ENV__ITEM__KIND_EVENT), 2);
	cr_assert_eq(sent_event("sub.0", 0)->seq, 0, "what is in a snapshot has no place in the journal");
	cr_assert_lt(place("sub.0", ENV__ITEM__KIND_SNAPSHOT, 0), place("sub.0", ENV__ITEM__KIND_EVENT, 0));
	cr_assert_gt(place("sub.0", ENV__ITEM__KIND_SNAPSHOT, 1), place("sub.0", ENV__ITEM__KIND_EVENT, 1));
	emit("c", 1);
	cr_assert_eq(sent_event("sub.0", 2)->prev, end->snapshot->cursor, "events go on from the snapshot's cursor");
}

Test(journal, gives_a_snapshot_to_one_whose_place_is_gone)
{
	rig_stop(&rig);
	rig.options.journal_limit_bytes = 1000;
	rig_restart(&rig, false);
	puppet.snapshot = snapshot_of_two;
	hears_counted("slow.0", 3);
	subscribe("slow.0", NONE);
	rig_pass(&rig, 10);
	rig_clear(&rig);
	for (int round = 0; round < 5; round++) { /* it acknowledges nothing; the journal is cut by its size */
		for (int i = 1; i <= 300; i++)
			rig_add(&rig, "test.0", ++next_id, "a", i);
		rig_pass(&rig, 120000);
	}
	rig_peer(&rig, "slow.0", 4);
	rig_clear(&rig);
	subscribe("slow.0", 5);
	cr_assert(rig_sent(&rig, "slow.0", ENV__ITEM__KIND_SNAPSHOT, 0), "its place is gone");
	cr_assert_eq(rig_sent(&rig, "slow.0", ENV__ITEM__KIND_SNAPSHOT, 0)->snapshot->edge, ENV__SNAPSHOT__EDGE__BEGIN);
	cr_assert_eq(sent_event("slow.0", 0)->seq, 0);
	cr_assert_eq(rig_sent(&rig, "slow.0", ENV__ITEM__KIND_SNAPSHOT, 1)->snapshot->edge, ENV__SNAPSHOT__EDGE__END);
}

static int replies_when_heard(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__Counted event = ZOO__COUNTED__INIT;
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	event.key = q->key;
	gv_emit(t, &event);
	return gv_reply_when_heard(t, ticket, &reply);
}

Test(journal, holds_a_reply_until_every_running_subscriber_has_heard)
{
	hears_counted("one.0", 3);
	hears_counted("two.0", 4);
	subscribe("one.0", NONE);
	subscribe("two.0", NONE);
	puppet.add = replies_when_heard;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert_null(rig_answer(&rig, 1));
	rig_event_ack(&rig, "one.0", sent_event("one.0", 0)->seq);
	rig_run(&rig);
	cr_assert_null(rig_answer(&rig, 1));
	rig_event_ack(&rig, "two.0", sent_event("two.0", 0)->seq);
	rig_run(&rig);
	cr_assert(rig_answer(&rig, 1));
}

Test(journal, does_not_hold_a_reply_for_one_that_is_down)
{
	hears_counted("one.0", 3);
	subscribe("one.0", NONE);
	puppet.add = replies_when_heard;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert_null(rig_answer(&rig, 1));
	rig_peer(&rig, "one.0", 3)->up = false;
	rig_directory(&rig);
	rig_pass(&rig, 10);
	cr_assert(rig_answer(&rig, 1));
}

/* ---- as subscriber --------------------------------------------------------------------------- */

static int counts_events(struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from)
{
	Zoo__Total *row = gv_edit(t, &puppet_totals, gv_key(e->key));

	cr_expect_str_eq(from->instance, "emitter.0");
	cr_expect_str_eq(from->key, e->key);
	row->total++;
	return 0;
}

static void with_emitter(void)
{
	rig_peer(&rig, "emitter.0", 5)->emits[0] = COUNTED;
	rig_directory(&rig);
	rig_run(&rig);
	puppet.counted = counts_events;
}

static uint64_t asked_from(size_t i)
{
	const Env__Item *item = rig_sent(&rig, "emitter.0", ENV__ITEM__KIND_SUBSCRIBE, i);

	return item ? item->subscribe->cursor : UINT64_MAX;
}

static uint64_t last_ack(void)
{
	size_t n = rig_count(&rig, "emitter.0", ENV__ITEM__KIND_EVENT_ACK);

	return n ? rig_sent(&rig, "emitter.0", ENV__ITEM__KIND_EVENT_ACK, n - 1)->event_ack->cursor : 0;
}

Test(journal, subscribes_and_acknowledges_what_is_committed)
{
	with_emitter();
	cr_assert_eq(asked_from(0), 0);
	rig_event(&rig, "emitter.0", 1, 0, "a", 1, 1);
	rig_event(&rig, "emitter.0", 2, 1, "a", 1, 2);
	rig_run(&rig);
	cr_assert_eq(last_ack(), 2);
	cr_assert_eq(puppet_total("a"), 2);
}

Test(journal, takes_a_repeated_event_once)
{
	with_emitter();
	for (int i = 0; i < 3; i++) {
		rig_event(&rig, "emitter.0", 1, 0, "a", 1, 1);
		rig_run(&rig);
	}
	cr_assert_eq(puppet_total("a"), 1);
}

Test(journal, asks_again_at_a_gap)
{
	with_emitter();
	rig_event(&rig, "emitter.0", 1, 0, "a", 1, 1);
	rig_run(&rig);
	rig_clear(&rig);
	rig_event(&rig, "emitter.0", 4, 3, "a", 1, 4);
	rig_run(&rig);
	cr_assert_eq(puppet_total("a"), 1, "what comes behind a gap waits");
	rig_pass(&rig, 2500);
	cr_assert_eq(asked_from(0), 1, "from where it stands");
	for (uint64_t seq = 2; seq <= 4; seq++)
		rig_event(&rig, "emitter.0", seq, seq - 1, "a", 1, (int64_t)seq);
	rig_run(&rig);
	cr_assert_eq(puppet_total("a"), 4);
	cr_assert_eq(last_ack(), 4);
}

Test(journal, goes_on_from_its_cursor_after_a_restart)
{
	with_emitter();
	rig_event(&rig, "emitter.0", 1, 0, "a", 1, 1);
	rig_run(&rig);
	rig.die_at_commit = 1;
	rig_event(&rig, "emitter.0", 2, 1, "a", 1, 2);
	rig_run(&rig);
	cr_assert_eq(last_ack(), 1, "what is not committed is not acknowledged");
	rig_clear(&rig);
	rig_restart(&rig, true);
	rig_run(&rig);
	cr_assert_eq(asked_from(0), 1);
	rig_event(&rig, "emitter.0", 2, 1, "a", 1, 2);
	rig_run(&rig);
	cr_assert_eq(puppet_total("a"), 2);
}

Test(journal, subscribes_again_to_the_emitters_next_incarnation)
{
	with_emitter();
	rig_event(&rig, "emitter.0", 1, 0, "a", 1, 1);
	rig_run(&rig);
	rig_clear(&rig);
	rig_peer(&rig, "emitter.0", 6);
	rig_run(&rig);
	cr_assert_eq(asked_from(0), 1);
}

static unsigned resyncs, firsts, snapshots;
static int counts_resync(struct gv_turn *t, const char *emitter, bool first)
{
	resyncs++;
	firsts += first;
	return 0;
}

static int counts_snapshots(struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from)
{
	snapshots += from->snapshot;
	return 0;
}

static void edge(Env__Snapshot__Edge where, uint64_t cursor)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Snapshot s = ENV__SNAPSHOT__INIT;

	s.edge = where;
	s.cursor = cursor;
	item.kind_case = ENV__ITEM__KIND_SNAPSHOT;
	item.snapshot = &s;
	rig_feed(&rig, "emitter.0", &item, 1);
}

Test(journal, takes_a_snapshot_and_goes_on_from_its_cursor)
{
	with_emitter();
	resyncs = firsts = snapshots = 0;
	puppet.resync = counts_resync;
	puppet.counted = counts_snapshots;
	edge(ENV__SNAPSHOT__EDGE__BEGIN, 0);
	rig_event(&rig, "emitter.0", 0, 0, "a", 1, 1);
	rig_event(&rig, "emitter.0", 0, 0, "b", 1, 1);
	edge(ENV__SNAPSHOT__EDGE__END, 700);
	rig_event(&rig, "emitter.0", 701, 700, "a", 1, 2);
	rig_run(&rig);
	cr_assert_eq(resyncs, 1);
	cr_assert_eq(firsts, 1, "it had no place before");
	cr_assert_eq(snapshots, 2);
	cr_assert_eq(last_ack(), 701);
	rig_clear(&rig);
	rig_restart(&rig, false);
	rig_run(&rig);
	cr_assert_eq(asked_from(0), 701);
	edge(ENV__SNAPSHOT__EDGE__BEGIN, 0);
	edge(ENV__SNAPSHOT__EDGE__END, 900);
	rig_run(&rig);
	cr_assert_eq(resyncs, 2);
	cr_assert_eq(firsts, 1, "now it has lost a place that it had");
}

static bool all;
static int looks_whether_all(struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from)
{
	all = gv_heard_all(t, &zoo__counted__descriptor);
	return 0;
}

static bool all_after(uint64_t seq, uint64_t prev)
{
	rig_event(&rig, "emitter.0", seq, prev, "a", 1, 1);
	rig_run(&rig);
	return all;
}

Test(journal, half_a_snapshot_is_not_all_that_there_is)
{
	with_emitter();
	puppet.counted = looks_whether_all;
	edge(ENV__SNAPSHOT__EDGE__BEGIN, 0);
	cr_expect_not(all_after(0, 0), "more may follow");
	edge(ENV__SNAPSHOT__EDGE__END, 700);
	cr_expect(all_after(701, 700));
	edge(ENV__SNAPSHOT__EDGE__BEGIN, 0);
	cr_expect_not(all_after(0, 0), "it is told anew");
}

Test(journal, a_crash_in_the_middle_of_a_snapshot_begins_it_anew)
{
	with_emitter();
	edge(ENV__SNAPSHOT__EDGE__BEGIN, 0);
	edge(ENV__SNAPSHOT__EDGE__END, 700);
	edge(ENV__SNAPSHOT__EDGE__BEGIN, 0); /* its place was lost */
	rig_run(&rig);
	rig_clear(&rig);
	rig_restart(&rig, true);
	rig_run(&rig);
	cr_assert_eq(asked_from(0), 0, "the place before stands for a state that is not there any more");
	puppet.resync = counts_resync;
	resyncs = firsts = 0;
	edge(ENV__SNAPSHOT__EDGE__BEGIN, 0);
	rig_run(&rig);
	cr_expect_eq(resyncs, 1);
	cr_expect_eq(firsts, 0, "it had a place once");
}

static int follows(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	static const char *const types[] = { "*" };
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	gv_follow(t, types, q->by ? 1 : 0);
	return gv_reply(t, ticket, &reply);
}

static char followed[64];
static int hears_anything(struct gv_turn *t, const char *type, const uint8_t *packed, size_t size,
			  const struct gv_emitter *from)
{
	snprintf(followed, sizeof followed, "%s %s", type, from->key);
	return 0;
}

Test(journal, follows_what_it_asked_for)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Event e = ENV__EVENT__INIT;

	rig_peer(&rig, "bell.0", 5)->emits[0] = "galvan.zoo.v1.Rang";
	rig_directory(&rig);
	puppet.add = follows;
	puppet.event = hears_anything;
	rig_add(&rig, "test.0", 1, "", 1);
	rig_pass(&rig, 10);
	cr_assert(rig_sent(&rig, "bell.0", ENV__ITEM__KIND_SUBSCRIBE, 0), "it tells the emitters");
	cr_assert(rig_sent(&rig, "bell.0", ENV__ITEM__KIND_SUBSCRIBE, 0)->subscribe->follow);
	e.follow = true;
	e.type = (char *)"galvan.zoo.v1.Rang";
	e.key = (char *)"dong";
	item.kind_case = ENV__ITEM__KIND_EVENT;
	item.event = &e;
	rig_clear(&rig);
	rig_feed(&rig, "bell.0", &item, 1);
	rig_run(&rig);
	cr_assert_str_eq(followed, "galvan.zoo.v1.Rang dong");
	cr_assert_eq(rig.commits, 0, "what is followed is kept in memory only");
	cr_assert_eq(rig_count(&rig, "bell.0", ENV__ITEM__KIND_EVENT_ACK), 0, "and holds nothing back");
}
