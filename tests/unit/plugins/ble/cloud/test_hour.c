/* A pile is without a network for an hour, in which 500 sessions run at it, and then three terminals visit it that each
 * hide a third of what they carry: the cloud ends with all of them, or knows exactly which are missing. Between real
 * ends: the pile's mind, the terminal's library, the cloud's role and billing (test_thirds.c has the cloud's alone). */
#include "hour.h"

#include <lib/hex.h>
#include <stdio.h>
#include <string.h>

static struct hour_terminal terminals[4];

static void setup(void)
{
	static const char *const names[] = { "T-0", "T-1", "T-2", "T-3" };

	for (unsigned i = 0; i < 4; i++)
		terminals[i].name = names[i];
	hour_start();
}
TestSuite(hour, .init = setup, .fini = rig_stop);

/* ---- what is hidden -------------------------------------------------------------------------- */

/* Which sixth a record is in; scattered, or none of them would look like a chain to anybody. */
static unsigned sixth(uint64_t seq)
{
	return (unsigned)(seq * 2654435761u >> 7) % 6;
}

static bool first_third(uint64_t seq)
{
	return sixth(seq) < 2;
}

/* Half of it is in the first, too. */
static bool second_third(uint64_t seq)
{
	return sixth(seq) == 1 || sixth(seq) == 2;
}

static bool last_third(uint64_t seq)
{
	return sixth(seq) >= 4;
}

static bool nothing(uint64_t seq)
{
	return false;
}

static void drain(struct hour_terminal *t, bool (*hides)(uint64_t seq))
{
	cr_assert_gt(hour_carry(t), 1, "one visit does not carry so much");
	hour_hand_in(t, hides);
}

/* ---- what must hold after each --------------------------------------------------------------- */

/* The next range of records that nobody has brought, from *seq on; false: there is none. */
static bool not_brought(uint64_t *seq, uint64_t *ret_end)
{
	while (*seq <= hour_records() && brought[*seq])
		++*seq;
	for (*ret_end = *seq; *ret_end < hour_records() && !brought[*ret_end + 1]; ++*ret_end)
		;
	return *seq <= hour_records();
}

static uint64_t missing(unsigned i, const char *end)
{
	char path[48];

	snprintf(path, sizeof(path), "pile.chains.0.missing.%u.%s", i, end);
	return (uint64_t)number(path);
}

/* What the cloud misses, page after page, is what nobody has brought, and nothing else. */
static void cloud_names_what_is_missing(void)
{
	uint64_t seq = 1, end, from = 0;

	do {
		must("GetPile", "{\"device\":\"" P1 "\",\"missingFrom\":\"%llu\"}", (unsigned long long)from);
		cr_assert_eq((uint64_t)number("pile.chains.0.highest"), hour_records());
		for (unsigned i = 0; i < length("pile.chains.0.missing"); i++) {
			cr_assert(not_brought(&seq, &end), "record %lu is not missing",
				  (unsigned long)missing(i, "from"));
			cr_assert_eq(missing(i, "from"), seq);
			cr_assert_eq(missing(i, "to"), end);
			seq = end + 1;
		}
		from = (uint64_t)number("pile.chains.0.moreFrom");
	} while (from);
	cr_assert_not(not_brought(&seq, &end), "record %lu is missing and not named", (unsigned long)seq);
}

/* The pile has a receipt for what is there without a gap, and all that is above it. */
static void pile_has_the_rest(void)
{
	uint8_t at[BLE_RECORD_MAX];
	uint64_t seq = 1, end, acked = alone.pile.state.acked;

	not_brought(&seq, &end);
	cr_assert_eq(acked, seq - 1, "receipted are %lu, and %lu is the first that is missing", (unsigned long)acked,
		     (unsigned long)seq);
	for (seq = acked + 1; seq <= hour_records(); seq++)
		cr_assert_gt(ble_pile_record(&alone.pile, seq, at), 0, "record %lu is gone", (unsigned long)seq);
}

static unsigned session_named(const char *id)
{
	uint8_t at[16];
	unsigned i = 0;

	cr_assert_eq(strncmp(id, P1 "/", strlen(P1 "/")), 0, "%s", id);
	cr_assert_eq(gv_hex_read(id + strlen(P1 "/"), 32, at, 16), 0);
	while (i < HOUR_SESSIONS && memcmp(sessions[i].id, at, 16) != 0)
		i++;
	cr_assert_lt(i, HOUR_SESSIONS, "%s is none of the pile's", id);
	return i;
}

static int64_t wh_of(unsigned i)
{
	return (int64_t)(sessions[i].to_wh - sessions[i].from_wh);
}

/* Those whose end somebody has brought are told as ended, once, with the meter's energy; the others are not. */
static void cloud_tells_of_what_it_has(void)
{
	unsigned started[HOUR_SESSIONS] = { 0 }, ended[HOUR_SESSIONS] = { 0 };
	unsigned n = events("SessionStarted");

	for (unsigned i = 0; i < n; i++)
		started[session_named(event("SessionStarted", i, "session.id"))]++;
	n = events("SessionEnded");
	for (unsigned i = 0; i < n; i++) {
		unsigned s = session_named(event("SessionEnded", i, "session.id"));

		ended[s]++;
		cr_assert_eq(strtoll(event("SessionEnded", i, "session.energyWh"), NULL, 10), wh_of(s));
	}
	for (unsigned i = 0; i < HOUR_SESSIONS; i++) {
		bool start = brought[sessions[i].start_seq], end = brought[sessions[i].end_seq];

		cr_assert_eq(started[i], start || end, "session %u was told %u times", i, started[i]);
		cr_assert_eq(ended[i], end, "session %u was told as ended %u times", i, ended[i]);
	}
}

static void all_is_as_it_was_brought(void)
{
	cloud_names_what_is_missing();
	pile_has_the_rest();
	cloud_tells_of_what_it_has();
}

/* Each session is charged once, by the meter; a customer's to him. For an operator's, which nobody had ordered, there
 * is a case each. */
static void billing_has_all(void)
{
	bool charged[HOUR_SESSIONS] = { false };

	must("galvan.billing.v1.Billing/ListCharges", "{\"limit\":1000}");
	cr_assert_eq(length("charges"), HOUR_SESSIONS);
	for (unsigned i = 0; i < HOUR_SESSIONS; i++) {
		char path[40];
		unsigned s;

		snprintf(path, sizeof(path), "charges.%u.session", i);
		s = session_named(text(path));
		cr_assert_not(charged[s], "session %u is charged twice", s);
		charged[s] = true;
		snprintf(path, sizeof(path), "charges.%u.energyWh", i);
		cr_assert_eq(number(path), wh_of(s));
		snprintf(path, sizeof(path), "charges.%u.customer", i);
		cr_assert_eq(strcmp(text(path), "C-1") == 0, sessions[s].customer, "session %u is charged to \"%s\"", s,
			     text(path));
	}
	must("ListCases", "{\"kind\":\"unknown-jti\",\"limit\":1000}");
	cr_assert_eq(length("cases"), HOUR_SESSIONS - HOUR_CUSTOMERS);
}

static void all_is_there(void)
{
	all_is_as_it_was_brought();
	cr_assert_eq(ble_pile_pending(&alone.pile), 0, "the pile holds a receipt for all");
	cr_assert_eq(events("SessionStarted"), HOUR_SESSIONS);
	cr_assert_eq(events("SessionEnded"), HOUR_SESSIONS);
	billing_has_all();
}

/* ---- the two ends ---------------------------------------------------------------------------- */

Test(hour, what_each_hides_another_brings)
{
	drain(&terminals[0], first_third);
	cr_assert_gt(ble_pile_pending(&alone.pile), 2 * HOUR_SESSIONS / 3,
		     "what is hidden keeps the pile's store full");
	all_is_as_it_was_brought();
	drain(&terminals[1], second_third);
	cr_assert_gt(ble_pile_pending(&alone.pile), 0, "a sixth is hidden by both");
	all_is_as_it_was_brought();
	drain(&terminals[2], last_third);
	all_is_there();
}

Test(hour, what_all_hide_is_missing_and_named_and_still_at_the_pile)
{
	unsigned ended;

	for (unsigned i = 0; i < 3; i++) {
		drain(&terminals[i], first_third);
		all_is_as_it_was_brought();
	}
	ended = events("SessionEnded");
	cr_assert_lt(ended, HOUR_SESSIONS, "an end that nobody brought is not told");
	cr_assert_gt(ended, HOUR_SESSIONS / 2);
	drain(&terminals[3], nothing);
	all_is_there();
}
