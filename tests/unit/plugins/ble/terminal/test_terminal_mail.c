/* Letters that a terminal carries: fetched while there is a line, kept durably, brought piece by piece over links that
 * break and restarts of either side; and what the pile says of them goes back. */
#include "rig.h"

#include <criterion/criterion.h>

#define SIZE 20000u

static void check_letter(void)
{
	cr_assert_eq(pile.told.number, RIG_LETTER);
	cr_assert_eq(pile.told.size, SIZE);
	for (uint32_t i = 0; i < SIZE; i++)
		cr_assert_eq(pile.letter[i], rig_letter_byte(i), "byte %u", i);
}

/* The terminal knows the pile, and nothing is under way. */
static void acquaint(void)
{
	rig_cloud_up(true);
	rig_run(1000);
	rig_seen();
	cr_assert(rig_until_receipted(60000));
	rig_run(30000);
}

static bool told(struct host *host, void *arg)
{
	return pile.letters > 0;
}

static bool fetching(struct host *host, void *arg)
{
	return cloud.pieces >= 5;
}

static bool confirmed(struct host *host, void *arg)
{
	return cloud.had >= RIG_LETTER;
}

/* People pass by, again and again. */
static bool pass_by(bool (*done)(struct host *, void *), int visits)
{
	for (int i = 0; i < visits && !done(h, NULL); i++) {
		rig_seen();
		host_run_until(h, done, NULL, 70000);
	}
	return done(h, NULL);
}

Test(mail, one_is_fetched_kept_and_brought_and_the_cloud_hears_of_it)
{
	rig_start(1, NULL);
	acquaint();
	cloud.letter_size = SIZE;
	rig_cloud_up(false);
	rig_run(3000);
	rig_cloud_up(true); /* with a new line it asks what there is */
	rig_run(10000);
	cr_assert_eq(rig_rows("terminal_letters"), 1);
	cr_assert_eq(rig_rows("terminal_pieces"), 20);
	cr_assert_eq(cloud.pieces, 20, "each piece once");
	cr_assert(pass_by(told, 3), "it comes, as there is something to bring");
	check_letter();
	cr_assert(pass_by(confirmed, 3));
	rig_run(10000);
	cr_assert_eq(rig_rows("terminal_letters") + rig_rows("terminal_pieces"), 0, "what is delivered is not kept");
	cr_assert_eq(pile.letters, 1);
	rig_stop();
}

Test(mail, without_a_line_what_was_fetched_is_brought_and_its_receipt_later)
{
	rig_start(2, NULL);
	acquaint();
	cloud.letter_size = SIZE;
	rig_cloud_up(false);
	rig_run(3000);
	rig_cloud_up(true);
	rig_run(10000);
	rig_cloud_up(false);
	cr_assert(pass_by(told, 3));
	check_letter();
	cr_assert_eq(cloud.had, 0);
	rig_cloud_up(true);
	rig_run(10000);
	cr_assert_eq(cloud.had, RIG_LETTER, "its word was kept");
	rig_stop();
}

Test(mail, links_that_break_and_crashes_of_either_side_do_not_begin_it_again)
{
	unsigned pieces;

	rig_start(3, NULL);
	acquaint();
	cloud.letter_size = SIZE;
	rig_cloud_up(false);
	rig_run(3000);
	rig_cloud_up(true);
	cr_assert(host_run_until(h, fetching, NULL, 10000));
	host_crash(h, "ble.0");
	rig_run(10000);
	pieces = cloud.pieces;
	cr_assert_lt(pieces, 20 + 2 * 8, "what was kept is not fetched again: %u", pieces);
	cr_assert_eq(rig_rows("terminal_pieces"), 20);
	cut_after = 700; /* values of 20 bytes, either way */
	for (int i = 0; i < 40 && !pile.letters; i++) {
		rig_seen();
		rig_run(70000);
		if (i == 2)
			host_crash(h, "ble.0");
		if (i == 3) {
			pile.visit = NULL;
			cr_assert_eq(board_boot(&pile), 0);
		}
	}
	cut_after = 0;
	check_letter();
	cr_assert_eq(cloud.pieces, pieces);
	cr_assert(pass_by(confirmed, 3));
	cr_assert_eq(pile.letters, 1);
	cr_assert_eq(host_parked(h, "ble.0"), 0);
	rig_stop();
}

Test(mail, a_piles_own_is_carried_and_its_receipt_brought)
{
	rig_start(4, NULL);
	acquaint();
	cr_assert_eq(ble_pile_write_letter(&pile.pile, 5, "first", 5), 0);
	cr_assert_eq(ble_pile_write_letter(&pile.pile, 6, "second", 6), 0);
	for (int i = 0; i < 4 && pile.pile.mail.receipted < 2; i++) {
		rig_seen();
		rig_run(70000);
	}
	cr_assert_eq(cloud.own, 2);
	cr_assert_eq(pile.pile.mail.receipted, 2, "the pile may forget them");
	cr_assert_eq(cloud.own_times, 2, "each was carried once");
	rig_stop();
}

Test(mail, without_a_network_a_piles_own_are_kept_once_however_often_it_is_visited)
{
	rig_start(5, NULL);
	acquaint();
	rig_cloud_up(false);
	cr_assert_eq(ble_pile_write_letter(&pile.pile, 5, "first", 5), 0);
	for (int i = 0; i < 5; i++) {
		rig_seen();
		rig_run(70000);
		cr_assert_eq(rig_rows("terminal_queue"), 2, "the letter, and the pile's last word on its letters");
	}
	host_crash(h, "ble.0");
	rig_cloud_up(true);
	rig_run(10000);
	cr_assert_eq(cloud.own, 1);
	cr_assert_eq(rig_rows("terminal_queue"), 0);
	rig_stop();
}

Test(mail, one_that_is_withdrawn_is_dropped)
{
	rig_start(6, NULL);
	acquaint();
	cloud.letter_size = SIZE;
	rig_cloud_up(false);
	rig_run(3000);
	rig_cloud_up(true);
	cr_assert(host_run_until(h, fetching, NULL, 10000));
	cr_assert_eq(rig_rows("terminal_letters"), 1);
	cloud.withdrawn = true;
	rig_run(10000);
	cr_assert_eq(rig_rows("terminal_letters") + rig_rows("terminal_pieces"), 0);
	rig_stop();
}

Test(mail, what_has_no_room_stays_with_the_cloud)
{
	rig_start(7, ",\"maxLetterBytes\":\"10000\"");
	acquaint();
	cloud.letter_size = SIZE;
	rig_cloud_up(false);
	rig_run(3000);
	rig_cloud_up(true);
	rig_run(10000);
	cr_assert_eq(rig_rows("terminal_letters"), 0);
	cr_assert_eq(cloud.pieces, 0);
	rig_stop();
}

Test(mail, a_pile_that_takes_none_is_not_visited_for_them)
{
	rig_start(8, NULL);
	pile.config.letter_max = 0;
	board_boot(&pile);
	cloud.letter_size = SIZE;
	acquaint();
	rig_run(600000);
	connects = 0;
	rig_seen();
	rig_run(600000);
	cr_assert_eq(connects, 0);
	rig_stop();
}
