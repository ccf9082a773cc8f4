/* After execution (S2, S3), on the role `terminal`: what becomes of the records of a session, by who reaches the cloud
 * and what becomes of the connection. Each of the ten rows at three MTUs, with the connection cut behind every segment
 * of its visits. What the row says must then hold as well, after the visit that the terminal makes again by itself; and
 * always the pile forgets what the cloud has and nothing else, and the cloud ends with one session, whole. */
#include "rig.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <limits.h>

#define VISITED_MS 20000        /* a visit is over */
#define VISITED_AGAIN_MS 130000 /* and, where it was cut, the one that the terminal makes again by itself */

static char start[4096];
static unsigned cut; /* the first connection goes behind this value; 0: none does */

static uint64_t pending(void)
{
	return ble_pile_pending(&pile.pile);
}

static size_t stored(void)
{
	return rig_rows("terminal_records");
}

static bool cloud_has_all(void)
{
	return cloud.chain.next == pile.pile.chain.next;
}

static void charge(uint8_t voucher, int64_t ms)
{
	rig_voucher_json(voucher, start, sizeof(start));
	cr_assert_eq(rig_call("Start", start), GV_OK);
	cr_assert(pile.pile.state.sessions[0].active);
	rig_run(ms);
}

/* A session that is over and fills the store. */
static void charge_before(void)
{
	charge(2, 1200000);
	cr_assert_eq(rig_call("Stop", "{\"device\":\"" RIG_PILE "\"}"), GV_OK);
	rig_run(VISITED_MS);
}

/* Whoever may start and stop may do so whatever the store, the cloud and the connection. */
static void stop(void)
{
	connects = longest = 0;
	cut_after = cut;
	cr_assert_eq(rig_call("Stop", "{\"device\":\"" RIG_PILE "\"}"), GV_OK, "cut %u", cut);
	cr_assert_str_eq(rig_text("status"), "Accepted", "cut %u: %s", cut, rig_text("result"));
}

static void visited(void)
{
	rig_run(cut ? VISITED_AGAIN_MS : VISITED_MS);
}

static void next_visit_brings_the_receipt(void)
{
	in_reach = true;
	rig_seen();
	cr_assert(rig_until_receipted(VISITED_AGAIN_MS), "cut %u", cut);
}

/* ---- the rows; before each a session was begun without a network, and goes on ---------------- */

static void row_1_the_pile_reports_itself(void)
{
	size_t before = stored();

	rig_uplink();
	rig_seen();
	stop();
	visited();
	cr_assert_eq(stored(), before, "cut %u: nothing more is carried for it", cut);
	rig_uplink();
	cr_assert_eq(pending(), 0, "cut %u", cut);
}

static void row_2_the_receipt_comes_in_the_same_visit(void)
{
	rig_cloud_up(true);
	stop();
	visited();
	cr_assert_eq(pending(), 0, "cut %u", cut);
	cr_assert_eq(stored(), 0, "cut %u: the cloud has them", cut);
	cr_assert(cut || connects == 1, "one visit, not %u", connects);
}

static void row_3_lost_before_the_receipt(void)
{
	rig_cloud_up(true);
	leaves_at_receipt = true;
	stop();
	visited();
	cr_assert(!leaves_at_receipt, "cut %u", cut);
	cr_assert(cloud_has_all(), "cut %u", cut);
	cr_assert_gt(pending(), 0, "cut %u: nothing is forgotten before the receipt", cut);
	cr_assert_eq(stored(), 0, "cut %u: the cloud has them", cut);
	next_visit_brings_the_receipt();
}

static void row_4_stored(void)
{
	stop();
	visited();
	cr_assert_gt(pending(), 0);
	cr_assert_eq(stored(), pending(), "cut %u: all are stored, none is forgotten", cut);
}

static void row_5_lost_behind_the_answer(void)
{
	size_t before = stored();

	stop();
	rig_leave();
	visited();
	cr_assert_eq(stored(), before, "cut %u", cut);
	cr_assert_gt(pending(), before, "cut %u: the end's record is the pile's alone", cut);
}

static void row_6_the_pile_is_on_line_amid_the_fetch(void)
{
	rig_cloud_up(true);
	rig_run(2000); /* what was stored before is there already */
	cloud.duplicates = 0;
	uplink_in_fetch = true;
	stop();
	visited();
	cr_assert(cut || !uplink_in_fetch);
	if (uplink_in_fetch) /* the cut was such that no fetch was under way when the cloud heard of it */
		rig_uplink();
	cr_assert_eq(pending(), 0, "cut %u", cut);
	cr_assert(cloud_has_all(), "cut %u", cut);
	cr_assert(cut || cloud.duplicates > 1, "both have brought some");
}

static void row_7_the_terminal_is_on_line_later(void)
{
	row_4_stored();
	rig_leave();
	rig_cloud_up(true);
	visited();
	cr_assert(cloud_has_all(), "cut %u", cut);
	cr_assert_eq(cloud.gaps + cloud.duplicates, 0, "cut %u: the oldest first, each once", cut);
	cr_assert_eq(stored(), 0, "cut %u", cut);
	cr_assert_gt(pending(), 0, "cut %u: the pile does not know it", cut);
	next_visit_brings_the_receipt();
}

static void row_8_the_pile_is_on_line_later(void)
{
	size_t carried;

	row_4_stored();
	carried = stored();
	rig_uplink();
	cr_assert_eq(pending(), 0, "cut %u: also what a terminal took", cut);
	cr_assert(cloud_has_all(), "cut %u", cut);
	rig_cloud_up(true);
	visited();
	cr_assert_eq(cloud.duplicates, carried, "cut %u: it has each once", cut);
	cr_assert_eq(stored(), 0, "cut %u", cut);
}

static void row_9_refused_for_good(void)
{
	cloud.says = BLE_FORK;
	rig_cloud_up(true);
	stop();
	visited();
	cr_assert_gt(pending(), 0, "cut %u", cut);
	cr_assert_eq(stored(), pending(), "cut %u: kept, marked", cut);
	cr_assert_eq(cloud.records, stored(), "cut %u: each was offered once", cut);
	rig_run(VISITED_AGAIN_MS);
	cr_assert_eq(cloud.records, stored(), "cut %u: and never again", cut);
	cloud.says = 0;
	rig_uplink(); /* its own line is believed */
}

static void row_10_the_store_is_full(void)
{
	rig_seen();
	rig_run(VISITED_AGAIN_MS);
	cr_assert_eq(stored(), 16, "%zu of %lu", stored(), (unsigned long)pending());
	stop();
	visited();
	cr_assert_eq(stored(), 16, "cut %u: declined", cut);
	cr_assert_gt(pending(), 16, "cut %u: the pile keeps them", cut);
}

/* ---------------------------------------------------------------------------------------------- */

static void (*const rows[])(void) = { row_1_the_pile_reports_itself,
				      row_2_the_receipt_comes_in_the_same_visit,
				      row_3_lost_before_the_receipt,
				      row_4_stored,
				      row_5_lost_behind_the_answer,
				      row_6_the_pile_is_on_line_amid_the_fetch,
				      row_7_the_terminal_is_on_line_later,
				      row_8_the_pile_is_on_line_later,
				      row_9_refused_for_good,
				      row_10_the_store_is_full };

/* Whatever happened: a terminal that reaches the cloud and the pile. */
static void check_end(unsigned row)
{
	unsigned sessions = row == 10 ? 2 : 1;

	cr_assert_eq(board_check_history(&pile), sessions, "row %u, cut %u: all of it is at the pile", row, cut);
	cut_after = 0;
	in_reach = true;
	rig_cloud_up(true);
	for (unsigned i = 0; i < 8 && pending(); i++) {
		rig_seen();
		rig_until_receipted(VISITED_AGAIN_MS);
	}
	cr_assert_eq(pending(), 0, "row %u, cut %u", row, cut);
	cr_assert(cloud_has_all(), "row %u, cut %u", row, cut);
	cr_assert_eq(pile.pile.started, sessions, "row %u, cut %u: none twice", row, cut);
}

/* The values of the longest of its visits. */
static unsigned run(unsigned row, unsigned of_mtu, unsigned cut_behind)
{
	unsigned seen;

	cut = cut_behind;
	rig_start(row, row == 10 ? ",\"maxRecords\":16" : NULL);
	mtu = of_mtu;
	cut_once = true;
	rig_seen();
	rig_run(VISITED_MS);
	if (row == 10)
		charge_before();
	charge(1, row == 10 ? 400000 : 130000);
	rows[row - 1]();
	cr_assert_eq(cut_after, 0, "row %u, cut %u: it was cut", row, cut);
	seen = longest;
	check_end(row);
	rig_stop();
	return seen;
}

ParameterizedTestParameters(terminal_table, row)
{
	static unsigned all[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

	return cr_make_param_array(unsigned, all, sizeof(all) / sizeof(*all));
}

ParameterizedTest(unsigned *row, terminal_table, row)
{
	static const unsigned mtus[] = { 23, 185, 517 };
	unsigned before = UINT_MAX;

	for (size_t m = 0; m < 3; m++) {
		unsigned values = run(*row, mtus[m], 0);

		cr_assert_gt(values, 4);
		cr_assert_leq(values, before, "a larger MTU takes fewer");
		before = values;
		for (unsigned behind = 1; behind <= values; behind++)
			run(*row, mtus[m], behind);
	}
}
