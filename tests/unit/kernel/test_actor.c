/* The life of an actor: starting, migrating, refusing, and what it makes of packets that it should not get. */
#include "puppet.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

TestSuite(actor, .init = puppet_setup, .fini = puppet_teardown);

/* ---- starting -------------------------------------------------------------------------------- */

Test(actor, starts_as_a_greater_incarnation_each_time)
{
	uint64_t before = gv_actor_incarnation(rig.actor);

	for (int i = 0; i < 10; i++) {
		rig_restart(&rig, i % 2);
		cr_assert_gt(gv_actor_incarnation(rig.actor), before);
		before = gv_actor_incarnation(rig.actor);
	}
	cr_assert_str_eq(gv_actor_name(rig.actor), "puppet.0");
}

Test(actor, starts_and_stops_a_hundred_times)
{
	puppet.stops = 0;
	for (int i = 0; i < 100; i++)
		rig_restart(&rig, false);
	cr_assert_eq(puppet.stops, 100, "stop is called once for each start");
}

static int finishes;

static int finishes_thrice(struct gv_turn *t)
{
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key("finished")))->total++;
	return ++finishes % 3 ? 1 : 0;
}

Test(actor, keeps_what_it_writes_at_an_orderly_end)
{
	finishes = 0;
	puppet.finish = finishes_thrice;
	cr_assert_eq(gv_actor_finish(rig.actor), 0);
	rig_restart(&rig, false);
	cr_expect_eq(puppet_total("finished"), 3, "it is asked again as long as there is more");
	rig_restart(&rig, true);
	cr_expect_eq(puppet_total("finished"), 3, "and not where it crashes");
}

static int fails_to_finish(struct gv_turn *t)
{
	finishes++;
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key("finished")))->total++;
	gv_fault(t, "there is something left");
	return 1;
}

Test(actor, that_cannot_write_at_its_end_is_asked_once)
{
	finishes = 0;
	puppet.finish = fails_to_finish;
	cr_assert_eq(gv_actor_finish(rig.actor), 0);
	cr_expect_eq(finishes, 1);
	rig_restart(&rig, false);
	cr_expect_eq(puppet_total("finished"), -1, "what a failing handler wrote is undone");
}

static int writes_and_refuses(struct gv_turn *t)
{
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key("started")))->total++;
	return gv_fault(t, "the tariff table is empty: add a tariff");
}

Test(actor, that_refuses_to_start_leaves_its_tables_untouched)
{
	rig_stop(&rig);
	puppet.start = writes_and_refuses;
	cr_assert_lt(rig_start(&rig), 0);
	cr_assert(rig.error && strstr(rig.error, "the tariff table is empty: add a tariff"),
		  "with the plugin's reason: %s", rig.error);
	puppet.start = NULL;
	rig_restart(&rig, false);
	cr_assert_eq(puppet_total("started"), -1);
}

static int writes_at_start(struct gv_turn *t)
{
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key("started")))->total++;
	return 0;
}

Test(actor, keeps_what_its_start_wrote)
{
	puppet.start = writes_at_start;
	rig_restart(&rig, false);
	rig_restart(&rig, false);
	cr_assert_eq(puppet_total("started"), 2);
}

/* ---- migrating ------------------------------------------------------------------------------- */

static struct gv_plugin other;
static uint32_t migrated_from;

static void become(uint32_t schema)
{
	other = puppet_record;
	other.schema = schema;
	rig.plugin = &other;
	rig_stop(&rig);
	migrated_from = UINT32_MAX;
}

static int migrates(struct gv_turn *t, uint32_t from)
{
	migrated_from = from;
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key("migrated")))->total++;
	return 0;
}

static int cannot_migrate(struct gv_turn *t, uint32_t from)
{
	migrates(t, from);
	return gv_fault(t, "row 7 has no currency");
}

Test(actor, migrates_its_tables_once)
{
	puppet.migrate = migrates;
	become(3);
	rig_restart(&rig, false);
	cr_assert_eq(migrated_from, 2);
	cr_assert_eq(puppet_total("migrated"), 1);
	migrated_from = UINT32_MAX;
	rig_restart(&rig, false);
	cr_assert_eq(migrated_from, UINT32_MAX, "what is migrated is not migrated again");
}

Test(actor, whose_migration_fails_leaves_the_old_tables_to_the_old_version)
{
	puppet.migrate = cannot_migrate;
	become(3);
	cr_assert_lt(rig_start(&rig), 0);
	cr_assert(rig.error && strstr(rig.error, "row 7 has no currency"), "%s", rig.error);
	become(2);
	puppet.migrate = migrates;
	rig_restart(&rig, false);
	cr_assert_eq(migrated_from, UINT32_MAX);
	cr_assert_eq(puppet_total("migrated"), -1);
}

Test(actor, whose_start_fails_after_its_migration_leaves_the_old_tables)
{
	puppet.migrate = migrates;
	puppet.start = writes_and_refuses;
	become(3);
	cr_assert_lt(rig_start(&rig), 0);
	cr_assert_eq(migrated_from, 2);
	puppet.start = NULL;
	become(2);
	rig_restart(&rig, false);
	cr_assert_eq(puppet_total("migrated"), -1);
	cr_assert_eq(puppet_total("started"), -1);
}

static const struct gv_table *const without_pairs[] = { &puppet_totals, &puppet_log, NULL };
static const struct gv_table *const old_pairs[] = { &puppet_pairs, NULL };
static int64_t carried;

static int fills_a_pair(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	((Zoo__Total *)gv_edit(t, &puppet_pairs, gv_key("a", 1)))->total = 42;
	return puppet_adds(t, ticket, q);
}

static int carries_pairs_over(struct gv_turn *t, uint32_t from)
{
	const Zoo__Total *old = gv_get(t, &puppet_pairs, gv_key("a", 1));

	carried = old ? old->total : -1;
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key("carried")))->total = carried;
	return 0;
}

static int reads_pairs(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	gv_get(t, &puppet_pairs, gv_key("a", 1));
	return 0;
}

Test(actor, shows_an_old_table_to_the_migration_and_drops_it)
{
	puppet.add = fills_a_pair;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	become(3);
	other.tables = without_pairs;
	other.old_tables = old_pairs;
	puppet.migrate = carries_pairs_over;
	rig_restart(&rig, false);
	cr_assert_eq(carried, 42);
	cr_assert_eq(puppet_total("carried"), 42);
	puppet.add = reads_pairs;
	rig_clear(&rig);
	rig_add(&rig, "test.0", 2, "a", 1);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 2)->code, GV_INTERNAL, "only the migration may read it");
	carried = 0;
	become(4);
	other.old_tables = old_pairs;
	other.tables = without_pairs;
	rig_restart(&rig, false);
	cr_assert_eq(carried, -1, "its rows are gone");
}

static const struct gv_table other_pairs = { .name = "pairs", .key = "s", .value = &zoo__seen__descriptor };
static const struct gv_table *const reshaped[] = { &puppet_totals, &other_pairs, &puppet_log, NULL };

Test(actor, does_not_read_rows_of_another_shape)
{
	become(2);
	other.tables = reshaped;
	cr_assert_lt(rig_start(&rig), 0);
	cr_assert(rig.error && strstr(rig.error, "pairs") && strstr(rig.error, "raise .schema"), "%s", rig.error);
	become(3);
	other.tables = reshaped;
	cr_assert_lt(rig_start(&rig), 0);
	cr_assert(rig.error && strstr(rig.error, "old_tables"), "%s", rig.error);
	become(3);
	other.tables = reshaped;
	other.old_tables = old_pairs;
	puppet.migrate = carries_pairs_over;
	rig_restart(&rig, false);
	cr_assert_eq(carried, -1, "the old table is there to read; it was empty");
}

Test(actor, refuses_a_store_of_a_newer_version)
{
	puppet.migrate = migrates;
	become(1);
	cr_assert_lt(rig_start(&rig), 0);
	cr_assert(rig.error && strstr(rig.error, "2") && strstr(rig.error, "1"), "the sentence says both versions: %s",
		  rig.error);
	cr_assert_eq(migrated_from, UINT32_MAX);
}

Test(actor, refuses_a_store_split_for_another_number_of_instances)
{
	rig_stop(&rig);
	rig.options.instances = 2;
	cr_assert_lt(rig_start(&rig), 0);
	cr_assert(rig.error, "%s", rig.error);
}

/* ---- packets --------------------------------------------------------------------------------- */

static void call_item(Env__Item *item, Env__Call *call, uint64_t id)
{
	env__item__init(item);
	env__call__init(call);
	call->id = id;
	call->method = (char *)"galvan.zoo.v1.Counter/Add";
	call->deadline_ms = rig.now + 1000;
	item->kind_case = ENV__ITEM__KIND_CALL;
	item->call = call;
}

Test(actor, drops_what_an_older_incarnation_of_a_peer_sent)
{
	Env__Item item;
	Env__Call call;

	puppet.add = puppet_adds;
	call_item(&item, &call, 1);
	rig_feed_as(&rig, "test.0", 6, &item, 1); /* it is 7 by now */
	rig_run(&rig);
	cr_assert_eq(rig.n_sent, 0);
	call_item(&item, &call, 2);
	rig_feed_as(&rig, "test.0", 7, &item, 1);
	rig_run(&rig);
	cr_assert(rig_answer(&rig, 2));
}

Test(actor, hears_a_new_incarnation_before_the_directory_names_it)
{
	Env__Item item;
	Env__Call call;

	puppet.add = puppet_adds;
	call_item(&item, &call, 1);
	rig_feed_as(&rig, "test.0", 8, &item, 1);
	rig_run(&rig);
	call_item(&item, &call, 2);
	rig_feed_as(&rig, "test.0", 7, &item, 1); /* now outdated */
	rig_run(&rig);
	rig_peer(&rig, "test.0", 8);
	rig_pass(&rig, 100);
	cr_assert(rig_answer(&rig, 1), "the answer waits for the directory");
	cr_assert_null(rig_answer(&rig, 2));
}

Test(actor, drops_malformed_packets)
{
	static const char *const bad[] = { "", "\xff", "\x0a\xff\xff\xff\xff\x0f", "hello, this is no packet",
					   "\x0a\x06test.0" };
	uint8_t noise[300];
	uint64_t x = 1;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		gv_actor_receive(rig.actor, (const uint8_t *)bad[i], strlen(bad[i]));
	for (int i = 0; i < 2000; i++) {
		for (size_t j = 0; j < sizeof noise; j++)
			noise[j] = (uint8_t)((x = x * 6364136223846793005u + 1442695040888963407u) >> 56);
		gv_actor_receive(rig.actor, noise, x % sizeof noise);
	}
	rig_run(&rig);
	puppet.add = puppet_adds;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert(rig_answer(&rig, 1), "and goes on");
}

Test(actor, survives_packets_with_a_flipped_byte)
{
	Env__Packet p = ENV__PACKET__INIT;
	Env__Item items[3], *pointers[3] = { &items[0], &items[1], &items[2] };
	Env__Call call;
	Env__Frame frame = ENV__FRAME__INIT;
	Env__Open open = ENV__OPEN__INIT;
	uint8_t bytes[512];
	size_t size;

	puppet.add = puppet_adds;
	rig_peer(&rig, "link.0", 9)->driver = true;
	rig_directory(&rig);
	call_item(&items[0], &call, 77);
	env__item__init(&items[1]);
	items[1].kind_case = ENV__ITEM__KIND_OPEN;
	items[1].open = &open;
	open.conn = 5;
	open.device = (char *)"chat:A";
	env__item__init(&items[2]);
	items[2].kind_case = ENV__ITEM__KIND_FRAME;
	items[2].frame = &frame;
	frame.conn = 5;
	frame.seq = 1;
	frame.data = (ProtobufCBinaryData){ 5, (uint8_t *)"hello" };
	p.from = (char *)"link.0";
	p.incarnation = 9;
	p.items = pointers;
	p.n_items = 3;
	size = env__packet__pack(&p, bytes);
	for (size_t i = 0; i < size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1 << bit);
			gv_actor_receive(rig.actor, bytes, size);
			gv_actor_receive(rig.actor, bytes, i);
			bytes[i] ^= (uint8_t)(1 << bit);
		}
		rig_run(&rig);
	}
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert(rig_answer(&rig, 1));
}

Test(actor, keeps_what_it_cannot_send_and_sends_it_later)
{
	puppet.add = puppet_adds;
	rig.send_error = -EAGAIN;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	cr_assert_null(rig_answer(&rig, 1));
	rig.send_error = 0;
	rig_pass(&rig, 100);
	cr_assert(rig_answer(&rig, 1), "a full queue is tried again soon");
}

Test(actor, says_when_its_inbox_is_full)
{
	char *key = malloc(1 << 20);

	memset(key, 'k', 1 << 20);
	key[(1 << 20) - 1] = 0;
	cr_assert_not(gv_actor_full(rig.actor));
	for (uint64_t i = 1; i < 100 && !gv_actor_full(rig.actor); i++)
		rig_add(&rig, "test.0", i, key, 1);
	cr_assert(gv_actor_full(rig.actor), "beyond 32 MiB the owner stops reading");
	rig_run(&rig);
	cr_assert_not(gv_actor_full(rig.actor));
	free(key);
}

Test(actor, counts_for_the_metrics)
{
	const Kernel__Metric *const *metrics;
	size_t n;
	bool commits = false;

	puppet.add = puppet_adds;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig_run(&rig);
	n = gv_actor_metrics(rig.actor, &metrics);
	cr_assert_gt(n, 0);
	for (size_t i = 0; i < n; i++) {
		cr_assert(!strncmp(metrics[i]->name, "galvan_", 7), "%s", metrics[i]->name);
		commits |= strstr(metrics[i]->name, "commit") && metrics[i]->value >= 1;
	}
	cr_assert(commits);
}
