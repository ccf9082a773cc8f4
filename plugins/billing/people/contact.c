/* What people type for an e-mail address or a phone number, brought to one form. Only what mail servers everywhere take
 * is let in: the dot-atom form of RFC 5322, so that an address needs no quoting in a header or a command. */
#include "contact.h"

#include <lib/utf8.h>

#include <string.h>

#define LOCAL_MAX 64 /* RFC 5321, 4.5.3.1.1 */
#define LABEL_MAX 63 /* RFC 1035, 2.3.4 */
#define DIGITS_MIN 7
#define DIGITS_MAX 15 /* E.164 */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Words between dots: none is empty. */
static bool is_local_part(const char *s, size_t size)
{
	if (size == 0 || size > LOCAL_MAX || s[0] == '.' || s[size - 1] == '.')
		return false;
	for (size_t i = 0; i < size; i++) {
		if (s[i] == '.' && s[i - 1] == '.')
			return false;
		if (!s[i] || (!is_alnum(s[i]) && !strchr(".!#$%&'*+-/=?^_`{|}~", s[i])))
			return false;
	}
	return true;
}

static bool is_domain(const char *s)
{
	for (;;) {
		size_t size = strcspn(s, ".");

		if (size == 0 || size > LABEL_MAX || s[0] == '-' || s[size - 1] == '-')
			return false;
		for (size_t i = 0; i < size; i++)
			if (!is_alnum(s[i]) && s[i] != '-')
				return false;
		if (!s[size])
			return true;
		s += size + 1;
	}
}

const char *contact_email(const char *text, char ret[static CONTACT_MAX + 1])
{
	char made[CONTACT_MAX + 1];
	size_t size;
	const char *at;

	while (is_blank(*text))
		text++;
	size = strlen(text);
	while (size && is_blank(text[size - 1]))
		size--;
	if (size > CONTACT_MAX)
		return "is longer than 254 characters";
	for (size_t i = 0; i < size; i++)
		made[i] = lower(text[i]);
	made[size] = '\0';
	at = strrchr(made, '@');
	if (!at || !is_local_part(made, (size_t)(at - made)) || !is_domain(at + 1))
		return "is no e-mail address, as anna@example.com is";
	memcpy(ret, made, size + 1);
	return NULL;
}

const char *contact_phone(const char *text, char ret[static CONTACT_MAX + 1])
{
	char made[DIGITS_MAX + 2] = "+";
	size_t n = 0;

	while (is_blank(*text))
		text++;
	if (*text != '+' && strncmp(text, "00", 2) != 0) /* 00 is what + stands for */
		return "must begin with + and the country's number";
	for (text += *text == '+' ? 1 : 2; *text; text++) {
		bool digit = *text >= '0' && *text <= '9';

		if (digit && n == DIGITS_MAX)
			return "has more than 15 digits";
		if (digit)
			made[++n] = *text;
		else if (!strchr(" -/.()", *text))
			return "is no phone number, as +36 30 123 4567 is";
	}
	if (n < DIGITS_MIN || made[1] == '0')
		return "is no phone number, as +36 30 123 4567 is";
	made[n + 1] = '\0';
	memcpy(ret, made, n + 2);
	return NULL;
}

const char *contact_read(const char *text, char ret[static CONTACT_MAX + 1])
{
	if (strchr(text, '@'))
		return contact_email(text, ret);
	return strpbrk(text, "0123456789") ? contact_phone(text, ret)
					   : "is neither an e-mail address nor a phone number";
}

const char *contact_text_problem(const char *text, size_t max)
{
	size_t size = strlen(text);

	if (!gv_utf8_valid(text, size))
		return "is not UTF-8";
	if (gv_utf8_count(text, size) > max)
		return "is too long";
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) /* C0, DEL, and C1 in its two bytes */
		if (*s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0))
			return "has a control character";
	return NULL;
}
