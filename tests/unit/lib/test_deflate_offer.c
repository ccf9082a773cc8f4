/* The agreement on permessage-deflate as RFC 7692 section 7.1 has it. */

#include <criterion/criterion.h>
#include <errno.h>
#include <lib/deflate_offer.h>
#include <stdlib.h>
#include <string.h>

static struct gv_deflate_terms terms;

static bool choose(const char *value)
{
	char *copy = malloc(strlen(value) + 1); /* without a zero behind: a sanitizer sees a step too far */
	bool chosen;

	memcpy(copy, value, strlen(value));
	copy = realloc(copy, strlen(value) ? strlen(value) : 1);
	chosen = gv_deflate_choose(copy, strlen(value), &terms);
	free(copy);
	return chosen;
}

static const char *answer_to(const char *value)
{
	static char answer[GV_DEFLATE_ANSWER_SIZE];

	answer[0] = '\0';
	if (choose(value))
		gv_deflate_answer(&terms, answer);
	return answer;
}

#define NEITHER_KEEPS "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

Test(offer, what_clients_offer_is_accepted_without_context)
{
	cr_expect_str_eq(answer_to("permessage-deflate"), NEITHER_KEEPS);
	cr_expect_str_eq(answer_to("permessage-deflate; client_max_window_bits"), NEITHER_KEEPS,
			 "what npm's ws and Python's websockets offer");
	cr_expect_str_eq(answer_to("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
			 NEITHER_KEEPS);
}

Test(offer, a_window_that_the_client_asks_for_is_confirmed)
{
	cr_expect_str_eq(answer_to("permessage-deflate; server_max_window_bits=10"),
			 NEITHER_KEEPS "; server_max_window_bits=10");
	cr_expect_eq(terms.server_bits, 10);
	cr_expect_str_eq(answer_to("permessage-deflate;client_max_window_bits=9;server_max_window_bits=\"8\""),
			 NEITHER_KEEPS "; server_max_window_bits=8; client_max_window_bits=9", "a value may be quoted");
}

Test(offer, what_is_malformed_is_no_offer)
{
	static const char *const bad[] = {
		"",
		",",
		"permessage-deflate; unknown",
		"permessage-deflate; server_no_context_takeover=1",
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover",
		"permessage-deflate; server_max_window_bits",
		"permessage-deflate; server_max_window_bits=7",
		"permessage-deflate; server_max_window_bits=16",
		"permessage-deflate; server_max_window_bits=08",
		"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
		"permessage-deflate; client_max_window_bits=0",
		"permessage-deflate; client_max_window_bits=",
		"permessage-deflate; client_max_window_bits=\"10",
		"permessage-deflate; client_max_window_bits; client_max_window_bits=10",
		"permessage-deflate;",
		"permessage-deflate server_no_context_takeover",
		"permessage-deflate = 1",
		"Permessage-Deflate",
		"x-webkit-deflate-frame",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_not(choose(bad[i]), "%s", bad[i]);
}

Test(offer, the_first_that_can_be_accepted_counts)
{
	cr_expect(choose("permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=12, "
			 "permessage-deflate"));
	cr_expect_eq(terms.server_bits, 12);
	cr_expect(choose("permessage-bzip2; level=9, x; y=\"a,permessage-deflate; \\\"z\", , permessage-deflate"));
	cr_expect_eq(terms.server_bits, 0, "a comma in quotes ends nothing");
	cr_expect(choose("/broken/, permessage-deflate"));
}

Test(offer, what_a_server_may_answer_to_our_own)
{
	static const char *const bad[] = {
		"permessage-deflate",
		"permessage-deflate; client_no_context_takeover",
		NEITHER_KEEPS "; client_max_window_bits=10",
		NEITHER_KEEPS ", permessage-deflate",
		"permessage-bzip2",
		"",
	};

	cr_expect_eq(gv_deflate_accepted(NEITHER_KEEPS, strlen(NEITHER_KEEPS), &terms), 0);
	cr_expect_eq(gv_deflate_accepted("permessage-deflate; server_no_context_takeover", 46, &terms), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(gv_deflate_accepted(bad[i], strlen(bad[i]), &terms), -EPROTO, "%s", bad[i]);
}
