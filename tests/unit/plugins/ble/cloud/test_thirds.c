/* A pile without a network for an hour, with 500 sessions, drained by three terminals that each hide a third of what
 * they carry: the cloud ends with all of them, or knows exactly which are missing. */
#include "rig.h"

#include <stdio.h>
#include <string.h>

#define SESSIONS 500
#define AT_ONCE 50 /* as a terminal posts them */

static char body[AT_ONCE * 600];

static void charge_all(void)
{
	for (unsigned i = 0; i < SESSIONS; i++) {
		start_record(&pile, NULL);
		pass(7200);
		end_record(&pile, 100 + i);
	}
	cr_assert_eq(pile.chain.next, 2 * SESSIONS + 1);
}

/* Which third a record is in; scattered, or none of them would look like a chain to anybody. */
static unsigned third(uint64_t seq)
{
	return (unsigned)(seq * 2654435761u >> 7) % 3;
}

static void post_batch(const char *terminal, unsigned n)
{
	must("PutRecords", "{\"terminal\":\"%s\",\"records\":[%s]}", terminal, body);
	cr_assert_eq(length("results"), n);
	for (unsigned i = 0; i < n; i++) {
		char path[24];

		snprintf(path, sizeof(path), "results.%u", i);
		cr_assert(strcmp(text(path), "OK") == 0 || strcmp(text(path), "GAP") == 0 ||
				  strcmp(text(path), "DUPLICATE") == 0,
			  "%s", text(path));
	}
}

/* All that it carried but that third. */
static void drain(const char *terminal, unsigned hidden)
{
	unsigned n = 0;
	size_t at = 0;

	for (uint64_t seq = 1; seq < pile.chain.next; seq++) {
		if (third(seq) != hidden)
			at += (size_t)snprintf(body + at, sizeof(body) - at, "%s\"%s\"", n++ ? "," : "",
					       base64(&pile.records[seq]));
		if (n == AT_ONCE || (n && seq == pile.chain.next - 1)) {
			post_batch(terminal, n);
			n = 0;
			at = 0;
		}
	}
	settle();
}

static void tell_head(const char *answer)
{
	struct paper head = head_of(&pile);

	cr_assert_str_eq(post_head(&head), answer);
}

Test(thirds, what_each_hides_another_brings)
{
	rig_start(NULL);
	charge_all();
	drain("T-0", 0);
	drain("T-1", 1);
	drain("T-2", 2);
	tell_head("OK");
	cr_assert_eq(receipted(), 2 * SESSIONS, "every record, once");
	cr_assert_eq(events("SessionStarted"), SESSIONS);
	cr_assert_eq(events("SessionEnded"), SESSIONS);
	rig_stop();
}

/* The next range of records that are hidden by that rule, from *seq on; false: there is none. */
static bool hidden_range(uint64_t hidden, uint64_t *seq, uint64_t *ret_end)
{
	while (*seq < pile.chain.next && third(*seq) != hidden)
		++*seq;
	for (*ret_end = *seq; *ret_end + 1 < pile.chain.next && third(*ret_end + 1) == hidden; ++*ret_end)
		;
	return *seq < pile.chain.next;
}

static uint64_t missing(unsigned i, const char *end)
{
	char path[48];

	snprintf(path, sizeof(path), "pile.chains.0.missing.%u.%s", i, end);
	return (uint64_t)number(path);
}

/* The ranges that the cloud misses, page after page, are those that were hidden, and no others. */
static void missing_are(uint64_t hidden)
{
	uint64_t seq = 1, end, from = 0;
	unsigned pages = 0;

	do {
		must("GetPile", "{\"device\":\"" P1 "\",\"missingFrom\":\"%llu\"}", (unsigned long long)from);
		cr_assert_leq(length("pile.chains.0.missing"), 16);
		for (unsigned i = 0; i < length("pile.chains.0.missing"); i++) {
			cr_assert(hidden_range(hidden, &seq, &end), "record %lu is not missing",
				  (unsigned long)missing(i, "from"));
			cr_assert_eq(missing(i, "from"), seq);
			cr_assert_eq(missing(i, "to"), end);
			seq = end + 1;
		}
		from = (uint64_t)number("pile.chains.0.moreFrom");
		pages++;
	} while (from);
	cr_assert_not(hidden_range(hidden, &seq, &end), "record %lu is missing and not named", (unsigned long)seq);
	cr_assert_gt(pages, 1);
}

Test(thirds, what_all_hide_is_missing_and_named)
{
	rig_start(NULL);
	charge_all();
	drain("T-0", 1);
	drain("T-1", 1);
	tell_head("GAP");
	cr_assert_lt(receipted(), 2 * SESSIONS);
	missing_are(1);
	must("GetPile", "{\"device\":\"" P1 "\"}");
	cr_assert_eq(number("pile.chains.0.highest"), 2 * SESSIONS, "it knows how many there are");
	drain("T-2", 0);
	cr_assert_eq(receipted(), 2 * SESSIONS, "and when it comes after all, all is there");
	cr_assert_eq(events("SessionEnded"), SESSIONS);
	must("GetPile", "{\"device\":\"" P1 "\"}");
	cr_assert_eq(length("pile.chains.0.missing"), 0);
	cr_assert_eq(number("pile.chains.0.moreFrom"), 0);
	rig_stop();
}
