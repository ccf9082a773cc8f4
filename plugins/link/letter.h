/* An e-mail as text (RFC 5322, MIME). Pure functions. */
#ifndef LINK_LETTER_H
#define LINK_LETTER_H

#include <lib/buf.h>
#include <stdbool.h>
#include <stdint.h>

struct letter {
	const char *from, *const *to; /* addresses, nothing around them */
	size_t n_to;
	const char *subject, *text; /* UTF-8 */
	const char *message_id;     /* without its brackets; "": none */
	int64_t date_ms;
};

/* Whether it can stand in a header and in an SMTP command as it is: one '@', visible ASCII, nothing that needs quotes.
 */
bool letter_address(const char *s);
/* What is wrong with a letter, for people; NULL: nothing. */
const char *letter_problem(const struct letter *l);
/* Appends the message, lines ending with CR LF. -ENOMEM, as out->error says. */
int letter_write(const struct letter *l, struct gv_buf *out);

#endif
