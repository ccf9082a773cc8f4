/* After execution (S2, S3): what becomes of the records of a session, by who reaches the cloud and what becomes of the
 * connection. Each of the ten rows at three MTUs, with the connection cut behind every segment of the visit; and then
 * always: the cloud ends with one session, whole, and the pile forgets what the cloud has and nothing else. */
#include "trip.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

static struct trip t, charging; /* the latter: a copy of the former, in whose place it goes again */

/* A session that was begun in a visit without a cut, and goes on. */
static void charge(unsigned mtu)
{
	trip_init(&t, mtu);
	trip_visit(&t, TRIP_START);
	cr_assert(t.started);
	board_pass(&t.board, 130);
	charging = t;
}

static void rows(unsigned row)
{
	t.online = row == 2 || row == 3 || row == 6 || row == 9;
	t.leaves = row == 3;
	t.full = row == 10;
	t.distrusts = row == 9;
	if (row == 1 || row == 6)
		trip_uplink(&t); /* what there is so far; from here on it is on line */
	trip_visit(&t, row == 1 || row == 5 ? TRIP_STOP : TRIP_STOP | TRIP_RELAY);
	if (row == 1 || row == 6 || row == 8)
		trip_uplink(&t);
	if (row == 7)
		trip_flush(&t);
}

/* What the row says where nothing was cut. */
static void check_row(unsigned row)
{
	unsigned carried = trip_carried(&t);
	uint64_t pending = trip_pending(&t);

	cr_assert(t.stopped, "whoever may start and stop may do so whatever the store and the cloud");
	switch (row) {
	case 1:
	case 6:
	case 8:
		cr_assert_eq(pending, 0, "the pile's own line brought all, also what a terminal took");
		break;
	case 2:
		cr_assert_eq(pending, 0, "the receipt came in the same visit");
		cr_assert_eq(carried, 0);
		break;
	case 3:
	case 7:
		cr_assert_gt(pending, 0, "nothing is forgotten before the receipt");
		cr_assert_eq(carried, 0, "the cloud has them");
		break;
	case 4:
		cr_assert_eq(carried, pending, "all are stored, none is forgotten");
		break;
	case 5:
	case 10:
		cr_assert_gt(pending, 0);
		cr_assert_eq(carried, 0);
		break;
	default:
		cr_assert_eq(t.refused, carried, "each was offered once");
		for (size_t i = 0; i < TRIP_RECORDS; i++)
			cr_assert_eq(t.poison[i], t.carried[i].size != 0, "and is kept, marked");
		trip_flush(&t);
		cr_assert_eq(t.refused, carried, "and never again");
		break;
	}
}

/* Whatever happened: a terminal that reaches the cloud comes, as often as it needs. */
static void check_end(void)
{
	t.online = true;
	t.leaves = t.full = t.distrusts = false;
	t.cut_at = 0;
	memset(t.poison, 0, sizeof(t.poison));
	trip_flush(&t);
	for (unsigned i = 0; i < 8 && (trip_pending(&t) || !t.stopped); i++) {
		ble_pile_uplink_close(&t.board.pile, t.board.now_ms);
		board_pass(&t.board, 200); /* it takes itself for a pile without a network again */
		trip_visit(&t, TRIP_STOP | TRIP_RELAY);
	}
	cr_assert_eq(trip_pending(&t), 0);
	cr_assert_eq(trip_carried(&t), 0);
	cr_assert_eq(t.chain.next, t.board.pile.chain.next, "the cloud has every record");
	cr_assert_eq(t.board.pile.started, 1, "one session");
}

static void run(unsigned row, unsigned cut_at)
{
	t = charging;
	t.cut_at = cut_at;
	rows(row);
	if (!cut_at)
		check_row(row);
	check_end();
	if (!cut_at) /* the cloud has judged each record already; this opens them, too */
		cr_assert_eq(board_check_history(&t.board), 1);
	trip_fini(&t);
}

ParameterizedTestParameters(table, row)
{
	static unsigned all[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

	return cr_make_param_array(unsigned, all, sizeof(all) / sizeof(*all));
}

ParameterizedTest(unsigned *row, table, row)
{
	static const unsigned mtus[] = { 23, 185, 517 };

	for (size_t m = 0; m < 3; m++) {
		unsigned segments;

		charge(mtus[m]);
		run(*row, 0);
		t = charging;
		t.cut_at = UINT32_MAX; /* counts */
		rows(*row);
		segments = t.segments;
		trip_fini(&t);
		cr_assert_gt(segments, 4);
		for (unsigned cut = 1; cut <= segments; cut++)
			run(*row, cut);
	}
}
