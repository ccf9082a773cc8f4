/* Contacts in one form each: whoever signs in is found however the address was typed, and what is let in can stand in
 * a mail's header and an SMTP command as it is. */
#include <plugins/billing/people/contact.h>

#include <criterion/criterion.h>
#include <string.h>

static const char *email(const char *text)
{
	static char normal[CONTACT_MAX + 1];

	strcpy(normal, "untouched");
	return contact_email(text, normal) ? (strcmp(normal, "untouched") ? "touched" : "refused") : normal;
}

static const char *phone(const char *text)
{
	static char normal[CONTACT_MAX + 1];

	strcpy(normal, "untouched");
	return contact_phone(text, normal) ? (strcmp(normal, "untouched") ? "touched" : "refused") : normal;
}

Test(contact, an_address_is_the_same_in_any_case)
{
	cr_expect_str_eq(email("anna@example.com"), "anna@example.com");
	cr_expect_str_eq(email("  Anna.Ember+Car@EXAMPLE.com\t"), "anna.ember+car@example.com");
	cr_expect_str_eq(email("a@b"), "a@b");
}

Test(contact, what_would_need_quotes_or_break_out_is_no_address)
{
	static const char *const bad[] = { "",
					   " ",
					   "@",
					   "anna",
					   "anna@",
					   "@example.com",
					   "a b@example.com",
					   "a@exam ple.com",
					   "a@b@example.com",
					   "a..b@example.com",
					   ".a@example.com",
					   "a.@example.com",
					   "a@example..com",
					   "a@.example.com",
					   "a@example.com.",
					   "a@-example.com",
					   "a@example-.com",
					   "\"a\"@example.com",
					   "<a@example.com>",
					   "a@[127.0.0.1]",
					   "a@example.com\r\nBcc: b@example.com",
					   "a,b@example.com",
					   "\xc3\xa1@example.com",
					   "a@\xc3\xa1.hu" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_str_eq(email(bad[i]), "refused", "\"%s\"", bad[i]);
}

Test(contact, an_address_has_at_most_the_length_that_smtp_allows)
{
	char text[400];

	memset(text, 'a', sizeof text);
	memcpy(text + 64, "@b.example", sizeof "@b.example");
	cr_expect_str_eq(email(text), text);
	memcpy(text + 65, "@b.example", sizeof "@b.example");
	text[64] = 'a';
	cr_expect_str_eq(email(text), "refused", "65 characters before the @");
	memset(text, 'a', sizeof text);
	text[1] = '@';
	for (size_t i = 50; i < 254; i += 50)
		text[i] = '.';
	text[254] = '\0';
	cr_expect_str_eq(email(text), text);
	text[254] = 'a';
	text[255] = '\0';
	cr_expect_str_eq(email(text), "refused", "255 characters");
}

Test(contact, a_number_is_the_same_however_it_is_written)
{
	static const char *const same[] = { "+36301234567",       "0036301234567",     "+36 30 123 4567",
					    "+36 (30) 123-45-67", " +36.30.123/4567 ", "00 36 30 1234567" };

	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		cr_expect_str_eq(phone(same[i]), "+36301234567", "\"%s\"", same[i]);
}

Test(contact, a_number_without_its_country_or_with_other_signs_is_none)
{
	static const char *const bad[] = { "",
					   "+",
					   "36301234567",
					   "06301234567",
					   "+0301234567",
					   "+12345",
					   "+36x301234567",
					   "++36301234567",
					   "+1234567890123456",
					   "+36\n301234567" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_str_eq(phone(bad[i]), "refused", "\"%s\"", bad[i]);
	cr_expect_str_eq(phone("+123456789012345"), "+123456789012345", "fifteen digits are E.164's most");
}

Test(contact, either_of_them_is_told_by_its_look)
{
	char normal[CONTACT_MAX + 1];

	cr_expect_null(contact_read("Anna@example.com", normal));
	cr_expect_not(contact_is_phone(normal));
	cr_expect_null(contact_read("+36301234567", normal));
	cr_expect(contact_is_phone(normal));
	cr_expect(contact_read("anna", normal));
}

Test(contact, texts_for_people_are_utf8_without_control_characters)
{
	cr_expect_null(contact_text_problem("Ember Anna \xe2\x80\x93 \xc3\x81", 20));
	cr_expect_null(contact_text_problem("\xc3\x81\xc3\x81\xc3\x81", 3), "the limit is in characters");
	cr_expect(contact_text_problem("\xc3\x81\xc3\x81\xc3\x81", 2));
	cr_expect(contact_text_problem("a\nb", 10));
	cr_expect(contact_text_problem("a\x7f", 10));
	cr_expect(contact_text_problem("a\xc2\x85", 10), "C1");
	cr_expect(contact_text_problem("\xff", 10));
}
