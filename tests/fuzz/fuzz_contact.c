/* What strangers type for a contact, and letters to it: what is taken has one form, which is taken again as itself, and
 * stands in a letter's headers without beginning another. */
#include "fuzz.h"

#include <plugins/billing/people/contact.h>
#include <plugins/link/letter.h>

#include <string.h>

static void write_letter(const char *contact, const char *text)
{
	const char *to[] = { contact };
	struct letter l = {
		.from = contact, .to = to, .n_to = 1, .subject = text, .text = text, .message_id = contact, .date_ms = 1
	};
	struct gv_buf out = { 0 };
	const char *s, *body;

	FUZZ_ASSERT(letter_address(contact));
	if (letter_problem(&l))
		l.subject = "";
	if (letter_problem(&l))
		l.text = "";
	FUZZ_ASSERT(!letter_problem(&l));
	FUZZ_ASSERT(letter_write(&l, &out) == 0);
	s = gv_buf_str(&out);
	body = strstr(s, "\r\n\r\n");
	FUZZ_ASSERT(body);
	for (unsigned lines = 0; s < body; lines++) { /* each header once, in their order */
		static const char *const names[] = {
			"From: ",           "To: ",           "Subject: ",
			"Date: ",           "Message-ID: ",   "MIME-Version: ",
			"Auto-Submitted: ", "Content-Type: ", "Content-Transfer-Encoding: "
		};

		FUZZ_ASSERT(lines < 9 && !strncmp(s, names[lines], strlen(names[lines])));
		do
			s = strstr(s, "\r\n") + 2;
		while (*s == ' ');
	}
	for (; *s; s++)
		FUZZ_ASSERT((unsigned char)*s < 0x80 && (*s != '\n' || s[-1] == '\r'));
	gv_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), normal[CONTACT_MAX + 1], again[CONTACT_MAX + 1];

	if (!contact_read(text, normal)) {
		FUZZ_ASSERT(!contact_read(normal, again) && !strcmp(normal, again));
		if (!contact_is_phone(normal))
			write_letter(normal, text);
	}
	contact_text_problem(text, 100);
	write_letter("a@b", text);
	free(text);
	return 0;
}
