/* Letters as mail servers get them: what a caller gives can neither begin another header nor another command, and what
 * a reader sees is what was meant. */
#include "letter.h"

#include <criterion/criterion.h>
#include <lib/base64.h>
#include <string.h>

static const char *anna[] = { "anna@example.com" };
static struct letter l;
static struct gv_buf out;

static void setup(void)
{
	l = (struct letter){ .from = "no-reply@example.org",
			     .to = anna,
			     .n_to = 1,
			     .subject = "Your code",
			     .text = "123456 is it.",
			     .message_id = "17@example.org",
			     .date_ms = 1795254161519 };
}

static void teardown(void)
{
	gv_buf_fini(&out);
	out = (struct gv_buf){ 0 };
}

TestSuite(letter, .init = setup, .fini = teardown);

static const char *written(void)
{
	gv_buf_fini(&out);
	out = (struct gv_buf){ 0 };
	cr_assert_eq(letter_write(&l, &out), 0);
	return gv_buf_str(&out);
}

Test(letter, in_ascii_goes_as_it_is)
{
	cr_expect_str_eq(written(), "From: <no-reply@example.org>\r\n"
				    "To: <anna@example.com>\r\n"
				    "Subject: Your code\r\n"
				    "Date: Sat, 21 Nov 2026 09:42:41 +0000\r\n"
				    "Message-ID: <17@example.org>\r\n"
				    "MIME-Version: 1.0\r\n"
				    "Auto-Submitted: auto-generated\r\n"
				    "Content-Type: text/plain; charset=utf-8\r\n"
				    "Content-Transfer-Encoding: 7bit\r\n"
				    "\r\n"
				    "123456 is it.\r\n");
}

Test(letter, lines_end_with_cr_lf_whatever_they_had)
{
	l.text = "one\ntwo\r\nthree\rfour\n\nsix";
	cr_expect(strstr(written(), "\r\n\r\none\r\ntwo\r\nthree\r\nfour\r\n\r\nsix\r\n"), "%s", written());
}

Test(letter, other_letters_are_encoded_and_come_back_whole)
{
	struct gv_buf text = { 0 };
	const char *body;

	l.text = "Kód: 123456 – érvényes tíz percig, aztán nem, és ezt a sort hosszabbra írtuk egy base64-sornál.";
	body = strstr(written(), "base64\r\n\r\n");
	cr_assert_not_null(body);
	for (const char *line = body + 10; *line; line = strstr(line, "\r\n") + 2) {
		size_t size = strcspn(line, "\r");

		cr_expect_leq(size, 76, "RFC 2045 allows 76 characters a line");
		cr_assert_eq(gv_base64_read(&text, line, size), 0);
	}
	cr_expect(!strncmp(gv_buf_str(&text), l.text, strlen(l.text)), "%s", gv_buf_str(&text));
	cr_expect_str_eq(gv_buf_str(&text) + strlen(l.text), "\r\n");
	gv_buf_fini(&text);
}

Test(letter, a_line_too_long_for_smtp_is_encoded)
{
	static char text[1200];

	memset(text, 'x', 999);
	l.text = text;
	cr_expect(strstr(written(), "base64"));
	text[998] = '\0';
	cr_expect(strstr(written(), "7bit"));
}

Test(letter, a_subject_is_split_between_characters)
{
	const char *s;
	unsigned words = 0;

	l.subject = "Jelentkezési kód – érvényes tíz percig, aztán kérjen újat, ha még szeretne bejelentkezni";
	s = strstr(written(), "Subject: ") + 9;
	for (;; words++) {
		struct gv_buf word = { 0 };
		const char *end = strstr(s, "?=");

		cr_assert(!strncmp(s, "=?utf-8?B?", 10), "%s", s);
		cr_expect_leq(end + 2 - s, 75, "RFC 2047 allows 75 characters a word");
		cr_assert_eq(gv_base64_read(&word, s + 10, (size_t)(end - s - 10)), 0);
		cr_expect(strstr(l.subject, gv_buf_str(&word)), "%s", gv_buf_str(&word));
		gv_buf_fini(&word);
		if (strncmp(end + 2, "\r\n ", 3) != 0)
			break;
		s = end + 5;
	}
	cr_expect_gt(words, 0);
}

Test(letter, several_readers_stand_in_one_header)
{
	const char *both[] = { "anna@example.com", "b@example.com" };

	l.to = both;
	l.n_to = 2;
	cr_expect(strstr(written(), "To: <anna@example.com>,\r\n <b@example.com>\r\nSubject"), "%s", written());
}

Test(letter, what_would_break_out_of_its_place_is_refused)
{
	static const char *const bad[] = { "",          "anna",  "anna@",   "@example.com", "a@b@c",     "a b@c",
					   "a@b\r\nX:", "<a@b>", "a@b,c@d", "\"a\"@b",      "\xc3\xa1@b" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		setup();
		l.from = bad[i];
		cr_expect(letter_problem(&l), "from \"%s\"", bad[i]);
		setup();
		l.to = (const char *const *)&bad[i];
		cr_expect(letter_problem(&l), "to \"%s\"", bad[i]);
		setup();
		l.message_id = bad[i];
		cr_expect_eq(!letter_problem(&l), !*bad[i], "message_id \"%s\"", bad[i]);
	}
	setup();
	l.subject = "Hello\r\nBcc: all@example.com";
	cr_expect(letter_problem(&l));
	setup();
	l.text = "\xff";
	cr_expect(letter_problem(&l));
	setup();
	cr_expect_null(letter_problem(&l));
}
