/* What a handler may rely on within its turn. */
#include "puppet.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

TestSuite(turn, .init = puppet_setup, .fini = puppet_teardown);

/* ---- one turn, one commit, then the sends ---------------------------------------------------- */

static int only_reads(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	gv_get(t, &puppet_totals, gv_key(q->key));
	return gv_reply(t, ticket, &reply);
}

Test(turn, that_wrote_nothing_does_not_commit)
{
	puppet.add = only_reads;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert(rig_answer(&rig, 1));
	cr_assert_str_eq(rig.trace, "s", "a query costs no fsync, only its reply: %s", rig.trace);
}

Test(turn, commits_once_for_the_whole_batch)
{
	puppet.add = puppet_adds;
	for (uint64_t i = 1; i <= 100; i++)
		rig_add(&rig, "test.0", i, "a", 1);
	rig_run(&rig);
	cr_assert_eq(rig.commits, 1, "100 messages that came together cost %u commits", rig.commits);
	cr_assert_eq(rig_answer(&rig, 100)->code, GV_OK);
	cr_assert_eq(puppet_total("a"), 100);
}

Test(turn, sends_nothing_before_its_commit)
{
	puppet.add = puppet_adds;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert_str_eq(rig.trace, "bas", "before the commit, after it, send; it was %s", rig.trace);
}

Test(turn, that_dies_before_its_commit_leaves_nothing)
{
	puppet.add = puppet_adds;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig.die_at_commit = 1;
	cr_assert_eq(rig_run(&rig), -ECANCELED);
	cr_assert_null(rig_answer(&rig, 1));
	rig_restart(&rig, true);
	cr_assert_eq(puppet_total("a"), -1);
}

Test(turn, that_dies_after_its_commit_has_kept_everything)
{
	puppet.add = puppet_adds;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig.die_at_commit = -1;
	cr_assert_eq(rig_run(&rig), -ECANCELED);
	cr_assert_null(rig_answer(&rig, 1), "nothing left before it died");
	rig_restart(&rig, true);
	cr_assert_eq(puppet_total("a"), 1);
}

/* ---- failing --------------------------------------------------------------------------------- */

static int fails_on_bad(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__Counted event = ZOO__COUNTED__INIT;

	puppet_adds(t, ticket, q);
	event.key = q->key;
	gv_emit(t, &event);
	gv_timer(t, q->key, gv_now_ms(t) + 10, NULL);
	return q->by < 0 ? gv_fault(t, "cannot add %d to %s", (int)q->by, q->key) : 0;
}

static unsigned timers;
static int count_timer(struct gv_turn *t, const char *name, const void *note)
{
	timers++;
	return 0;
}

Test(turn, undoes_a_failed_message_and_not_its_neighbours)
{
	puppet.add = fails_on_bad;
	puppet.timer = count_timer;
	timers = 0;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_add(&rig, "test.0", 2, "a", 1);
	rig_add(&rig, "test.0", 3, "a", -5);
	rig_add(&rig, "test.0", 4, "b", -5);
	rig_add(&rig, "test.0", 5, "a", 1);
	rig_run(&rig);
	cr_assert_eq(rig.commits, 1);
	cr_assert_eq(rig_answer(&rig, 2)->code, GV_OK);
	cr_assert_eq(rig_answer(&rig, 3)->code, GV_INTERNAL);
	cr_assert(strstr(rig_answer(&rig, 3)->error, "cannot add -5 to a"), "the caller is told why: %s",
		  rig_answer(&rig, 3)->error);
	cr_assert_eq(rig_answer(&rig, 5)->code, GV_OK);
	cr_assert_eq(puppet_total("a"), 3);
	cr_assert_eq(puppet_total("b"), -1);
	rig_pass(&rig, 1000);
	cr_assert_eq(timers, 1, "the timer of a failed message never rings, that of a good one rings once; %u rang",
		     timers);
}

static int ignores_a_failure(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__Total row = ZOO__TOTAL__INIT;

	puppet_adds(t, ticket, q);
	cr_expect_lt(gv_put(t, &puppet_totals, gv_key(7), &row), 0, "a number is no key of a table keyed by a string");
	return 0;
}

Test(turn, fails_a_message_that_ignored_a_failure)
{
	puppet.add = ignores_a_failure;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL, "a failure sticks to the message");
	cr_assert_eq(puppet_total("a"), -1);
}

static int64_t walk_sum(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &puppet_totals };
	int64_t sum = 0;

	while (gv_next(t, &scan))
		sum += ((const Zoo__Total *)scan.row)->total;
	return sum;
}

static int edits_around_walks(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__Total *row = gv_edit(t, &puppet_totals, gv_key("edited")), other = ZOO__TOTAL__INIT;

	row->total = 1;
	cr_expect_eq(walk_sum(t), 1, "a walk sees what was written before it");
	row->total = 2;
	for (int i = 0; i < 200; i++)
		gv_put(t, &puppet_totals, gv_key(gv_str(t, "other-%d", i)), &other);
	row->total += 4;
	cr_expect_eq(((const Zoo__Total *)gv_get(t, &puppet_totals, gv_key("edited")))->total, 6);
	cr_expect_eq(gv_edit(t, &puppet_totals, gv_key("edited")), row, "it is one row, however often it is asked for");
	cr_expect_eq(walk_sum(t), 6, "and a walk after that sees it as it is");
	row->total += 8;
	other.total = 100;
	gv_edit(t, &puppet_totals, gv_key("deleted"));
	walk_sum(t);
	gv_delete(t, &puppet_totals, gv_key("deleted"));
	gv_edit(t, &puppet_totals, gv_key("replaced"));
	walk_sum(t);
	gv_put(t, &puppet_totals, gv_key("replaced"), &other);
	walk_sum(t);
	return q->by < 0 ? -EIO : puppet_adds(t, ticket, q);
}

Test(turn, writes_an_edited_row_as_it_is_in_the_end)
{
	puppet.add = edits_around_walks;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert_eq(puppet_total("edited"), 14,
		     "what is changed behind a walk, or behind many other writes, counts too");
	cr_assert_eq(puppet_total("replaced"), 100);
	cr_assert_eq(puppet_total("deleted"), -1);
}

Test(turn, undoes_an_edited_row_that_a_walk_has_seen)
{
	puppet.add = edits_around_walks;
	rig_add(&rig, "test.0", 1, "a", -1);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
	cr_assert_eq(puppet_total("edited"), -1);
	cr_assert_eq(puppet_total("other-0"), -1);
}

static int emits_what_it_may_not(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__Heard event = ZOO__HEARD__INIT;

	return gv_emit(t, &event);
}

Test(turn, refuses_an_event_that_the_record_does_not_name)
{
	puppet.add = emits_what_it_may_not;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
	cr_assert(strstr(rig_answer(&rig, 1)->error, "galvan.zoo.v1.Heard"), "the sentence names it: %s",
		  rig_answer(&rig, 1)->error);
}

static int asks_for_the_world(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	if (q->by < 0)
		for (int i = 0; i < 80; i++)
			memset(gv_alloc(t, 1 << 20), 1, 16);
	return puppet_adds(t, ticket, q);
}

Test(turn, fails_a_message_that_takes_too_much_memory_and_goes_on)
{
	puppet.add = asks_for_the_world;
	rig_add(&rig, "test.0", 1, "a", -1);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
	rig_add(&rig, "test.0", 2, "a", 1);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 2)->code, GV_OK);
	cr_assert_eq(puppet_total("a"), 1);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int (*in_turn)(struct gv_turn *t);

static int run_in_turn(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;
	int r = in_turn(t);

	return r < 0 ? r : gv_reply(t, ticket, &reply);
}

static void handle(int (*fn)(struct gv_turn *t))
{
	static uint64_t id;

	in_turn = fn;
	puppet.add = run_in_turn;
	rig_add(&rig, "test.0", ++id, "", 0);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, id)->code, GV_OK, "%s", rig_answer(&rig, id)->error);
}

static int put_total(struct gv_turn *t, const struct gv_table *table, struct gv_key key, int64_t total)
{
	Zoo__Total row = ZOO__TOTAL__INIT;

	row.total = total;
	return gv_put(t, table, key, &row);
}

static int sees_its_own_writes(struct gv_turn *t)
{
	Zoo__Total *edited;
	const Zoo__Total *row;

	cr_expect_null(gv_get(t, &puppet_totals, gv_key("x")));
	put_total(t, &puppet_totals, gv_key("x"), 1);
	row = gv_get(t, &puppet_totals, gv_key("x"));
	cr_expect(row && row->total == 1, "what was put is read");
	edited = gv_edit(t, &puppet_totals, gv_key("x"));
	cr_expect_eq(edited->total, 1, "what was put is edited");
	edited->total = 2;
	row = gv_get(t, &puppet_totals, gv_key("x"));
	cr_expect(row && row->total == 2, "what is being edited is read");
	edited = gv_edit(t, &puppet_totals, gv_key("x"));
	cr_expect_eq(edited->total, 2, "editing again goes on from there");
	gv_delete(t, &puppet_totals, gv_key("x"));
	cr_expect_null(gv_get(t, &puppet_totals, gv_key("x")), "what was deleted is gone");
	edited = gv_edit(t, &puppet_totals, gv_key("x"));
	cr_expect_eq(edited->total, 0, "and a fresh row is fresh");
	edited->total = 3;
	return gv_delete(t, &puppet_totals, gv_key("never there"));
}

static int sees_earlier_turns(struct gv_turn *t)
{
	const Zoo__Total *row = gv_get(t, &puppet_totals, gv_key("x"));

	cr_expect(row && row->total == 3);
	return 0;
}

Test(turn, reads_what_it_has_written)
{
	handle(sees_its_own_writes);
	handle(sees_earlier_turns);
}

static int fills_pairs(struct gv_turn *t)
{
	static const int64_t numbers[] = { 5, -3, 1000, 0, INT64_MIN, INT64_MAX };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		put_total(t, &puppet_pairs, gv_key("b", numbers[i]), numbers[i]);
	put_total(t, &puppet_pairs, gv_key("a", 1), 1);
	put_total(t, &puppet_pairs, gv_key("ba", 1), 1);
	return put_total(t, &puppet_pairs, gv_key("c", 1), 1);
}

static int scans_pairs(struct gv_turn *t)
{
	static const int64_t up[] = { INT64_MIN, -3, 0, 5, 1000, INT64_MAX };
	struct gv_scan scan = { .table = &puppet_pairs, .prefix = gv_key("b") };
	struct gv_scan down = { .table = &puppet_pairs, .prefix = gv_key("b"), .reverse = true };
	struct gv_scan page = { .table = &puppet_pairs, .prefix = gv_key("b"), .after = gv_key("b", 0) };
	struct gv_scan back = {
		.table = &puppet_pairs, .prefix = gv_key("b"), .after = gv_key("b", 0), .reverse = true
	};
	struct gv_scan all = { .table = &puppet_pairs };
	size_t n = 0;

	while (gv_next(t, &scan)) {
		cr_expect_eq(((const Zoo__Total *)scan.row)->total, up[n], "row %zu comes in the order of the numbers",
			     n);
		cr_expect_str_eq(scan.key.part[0].s, "b");
		cr_expect_eq(scan.key.part[1].i, up[n]);
		n++;
	}
	cr_expect_eq(n, 6, "the prefix \"b\" is not the prefix of \"ba\"");
	while (gv_next(t, &down))
		cr_expect_eq(((const Zoo__Total *)down.row)->total, up[--n]);
	cr_expect_eq(n, 0);
	for (n = 3; gv_next(t, &page); n++)
		cr_expect_eq(((const Zoo__Total *)page.row)->total, up[n],
			     "a page starts behind the key that it is given");
	cr_expect_eq(n, 6);
	for (n = 2; gv_next(t, &back); n--)
		cr_expect_eq(((const Zoo__Total *)back.row)->total, up[n - 1], "a page backwards starts before it");
	cr_expect_eq(n, 0);
	for (n = 0; gv_next(t, &all);)
		n++;
	cr_expect_eq(n, 9);
	return 0;
}

Test(turn, walks_rows_in_the_order_of_their_keys)
{
	handle(fills_pairs);
	handle(scans_pairs);
}

static char page[200];
static int64_t paged[16];
static size_t n_paged;

static int reads_a_page_of_two(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &puppet_pairs, .prefix = gv_key("b") };

	cr_expect_eq(gv_page_from(t, &scan, page), 0);
	for (int i = 0; i < 2 && gv_next(t, &scan); i++)
		paged[n_paged++] = ((const Zoo__Total *)scan.row)->total;
	snprintf(page, sizeof page, "%s", gv_page(t, &scan));
	return 0;
}

static int reads_no_page(struct gv_turn *t)
{
	static const char *const bad[] = { "x", "00", "zz00", "6200", "ffffffffffffffffffffffffff" };
	struct gv_scan scan = { .table = &puppet_pairs };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(gv_page_from(t, &scan, bad[i]), -EINVAL, "\"%s\" is no place", bad[i]);
	return 0;
}

Test(turn, walks_in_pages)
{
	static const int64_t up[] = { INT64_MIN, -3, 0, 5, 1000, INT64_MAX };

	handle(fills_pairs);
	*page = 0;
	n_paged = 0;
	for (int i = 0; i < 3; i++)
		handle(reads_a_page_of_two);
	cr_assert_eq(n_paged, 6);
	cr_assert_arr_eq(paged, up, sizeof up);
	handle(reads_no_page);
}

static int deletes_while_scanning(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &puppet_pairs };
	size_t n = 0;

	while (gv_next(t, &scan)) {
		n++;
		gv_delete(t, &puppet_pairs, gv_key(scan.key.part[0].s, scan.key.part[1].i));
	}
	cr_expect_eq(n, 9, "deleting the row in hand does not disturb the walk");
	return 0;
}

static int finds_no_pairs(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &puppet_pairs };

	cr_expect_not(gv_next(t, &scan));
	cr_expect_not(gv_next(t, &scan), "an ended walk stays ended");
	return 0;
}

Test(turn, may_delete_the_rows_it_walks_over)
{
	handle(fills_pairs);
	handle(deletes_while_scanning);
	handle(finds_no_pairs);
}

static int writes_and_scans_then_fails(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &puppet_pairs };

	for (int i = 0; i < 500; i++)
		put_total(t, &puppet_pairs, gv_key("b", i), 99);
	gv_delete(t, &puppet_pairs, gv_key("a", 1));
	while (gv_next(t, &scan))
		continue;
	gv_fault(t, "after 500 writes and a walk");
	return 0;
}

Test(turn, undoes_also_what_a_walk_made_it_write_early)
{
	handle(fills_pairs);
	in_turn = writes_and_scans_then_fails;
	rig_add(&rig, "test.0", 99, "", 0);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 99)->code, GV_INTERNAL);
	handle(scans_pairs);
}

static int appends(struct gv_turn *t)
{
	put_total(t, &puppet_log, gv_key(1u), 1);
	put_total(t, &puppet_log, gv_key(2u), 2);
	return put_total(t, &puppet_log, gv_key(300u), 3);
}

static int appends_backwards(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	put_total(t, &puppet_log, gv_key(301u), 4);
	return put_total(t, &puppet_log, gv_key(299u), 5);
}

static int reads_log(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &puppet_log };
	int n = 0;

	while (gv_next(t, &scan))
		cr_expect_eq(((const Zoo__Total *)scan.row)->total, ++n);
	cr_expect_eq(n, 3);
	return 0;
}

Test(turn, adds_to_an_append_table_only_at_its_end)
{
	handle(appends);
	puppet.add = appends_backwards;
	rig_add(&rig, "test.0", 50, "", 0);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 50)->code, GV_INTERNAL);
	handle(reads_log);
}

/* ---- memory and the rest --------------------------------------------------------------------- */

static int appends_to_arrays(struct gv_turn *t)
{
	for (size_t had = 0; had < 40; had++) {
		size_t n = had, capacity = had;
		uint64_t *array = capacity ? gv_alloc(t, capacity * sizeof *array) : NULL, *last;
		uint64_t *fence = gv_alloc(t, 8 * sizeof *fence); /* what lies behind an array of exactly n */

		for (size_t i = 0; i < had; i++)
			array[i] = i;
		for (int i = 0; i < 8; i++)
			fence[i] = 0xfe;
		for (size_t i = had; i < had + 20; i++) {
			last = GV_APPEND(t, array, n);
			cr_expect_eq(*last, 0, "the new element is zeroed");
			*last = i;
		}
		cr_expect_eq(n, had + 20);
		for (size_t i = 0; i < n; i++)
			cr_expect_eq(array[i], i, "element %zu of an array that had %zu", i, had);
		for (int i = 0; i < 8; i++)
			cr_expect_eq(fence[i], 0xfe, "growing an array of %zu wrote behind it", had);
	}
	return 0;
}

Test(turn, appends_to_an_array_of_any_origin)
{
	handle(appends_to_arrays);
}

static int64_t first_now;
static int looks_around(struct gv_turn *t)
{
	const struct gv_self *self = gv_self(t);
	uint64_t a = gv_random(t), b = gv_random(t);

	first_now = gv_now_ms(t);
	rig.now += 5000;
	cr_expect_eq(gv_now_ms(t), first_now, "time stands still within a turn");
	cr_expect_neq(a, b);
	cr_expect_str_eq(self->plugin, "puppet");
	cr_expect_str_eq(self->node, "bench");
	cr_expect_eq(self->instances, 1);
	cr_expect(gv_owns(t, "anything"), "a single instance owns every key");
	cr_expect_str_eq(gv_str(t, "%d-%s", 7, "x"), "7-x");
	cr_expect_eq((uintptr_t)gv_alloc(t, 3) % _Alignof(max_align_t), 0, "memory is aligned for anything");
	cr_expect_not_null(gv_alloc(t, 0));
	return 0;
}

Test(turn, shows_the_world_through_itself)
{
	handle(looks_around);
	cr_assert_eq(first_now, RIG_EPOCH_MS);
}

static int64_t seen_now[2];
static int keeps_now(struct gv_turn *t)
{
	seen_now[seen_now[0] != 0] = gv_now_ms(t);
	return 0;
}

Test(turn, never_sees_time_go_backwards)
{
	memset(seen_now, 0, sizeof seen_now);
	handle(keeps_now);
	rig.now -= 10000;
	handle(keeps_now);
	cr_assert_geq(seen_now[1], seen_now[0]);
}

static int long_key(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	char key[500];

	memset(key, 'k', sizeof key);
	key[sizeof key - 1] = 0;
	return put_total(t, &puppet_totals, gv_key(key), 1);
}

Test(turn, refuses_a_key_beyond_400_bytes)
{
	puppet.add = long_key;
	rig_add(&rig, "test.0", 1, "", 0);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
	cr_assert(strstr(rig_answer(&rig, 1)->error, "400"), "the sentence names the limit: %s",
		  rig_answer(&rig, 1)->error);
}
