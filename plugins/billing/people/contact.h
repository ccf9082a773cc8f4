/* E-mail addresses and phone numbers in one form each, so that a person is found however the address was typed. Pure
 * functions. */
#ifndef BILLING_CONTACT_H
#define BILLING_CONTACT_H

#include <stdbool.h>
#include <stddef.h>

#define CONTACT_MAX 254 /* bytes of an address (RFC 5321, 4.5.3.1.3, without its brackets) */

/* NULL, with the normal form in ret: an address in lower case, a number as E.164 has it ("+36301234567"). Else why the
 * text is none, as the end of a sentence; ret is untouched. */
const char *contact_email(const char *text, char ret[static CONTACT_MAX + 1]);
const char *contact_phone(const char *text, char ret[static CONTACT_MAX + 1]);
/* Whichever of the two it is. */
const char *contact_read(const char *text, char ret[static CONTACT_MAX + 1]);
static inline bool contact_is_phone(const char *contact)
{
	return contact[0] == '+';
}

/* Why a text that people will read cannot be kept; NULL: it can. `max`: characters. */
const char *contact_text_problem(const char *text, size_t max);

#endif
