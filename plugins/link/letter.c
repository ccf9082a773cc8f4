/* An e-mail as text. Plain letters only: one part, in ASCII as it is or else as base64, which no mail server breaks. */
#include "letter.h"

#include <lib/base64.h>
#include <lib/utf8.h>

#include <string.h>
#include <time.h>

#define LINE_MAX_7BIT 998 /* RFC 5322, 2.1.1 */
#define WORD_BYTES 45     /* of text in an encoded word: at most 75 characters (RFC 2047, 2) */
#define LINE_BYTES 57     /* of text in a line of base64: 76 characters (RFC 2045, 6.8) */

bool letter_address(const char *s)
{
	const char *at = strchr(s, '@');

	if (!at || at == s || !at[1] || strchr(at + 1, '@'))
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || strchr("<>()[]\\,;:\"", *s))
			return false;
	return true;
}

const char *letter_problem(const struct letter *l)
{
	if (!letter_address(l->from))
		return "from: must be an e-mail address and nothing else";
	if (!l->n_to)
		return "to: at least one address is wanted";
	for (size_t i = 0; i < l->n_to; i++)
		if (!letter_address(l->to[i]))
			return "to: must be e-mail addresses and nothing else";
	if (*l->message_id && !letter_address(l->message_id))
		return "message_id: must read LOCAL@DOMAIN";
	if (!gv_utf8_valid(l->subject, strlen(l->subject)) || !gv_utf8_valid(l->text, strlen(l->text)))
		return "subject and text must be UTF-8";
	for (const char *s = l->subject; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return "subject: has a control character, and a line break would begin another header";
	return NULL;
}

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s > 0x7f)
			return false;
	return true;
}

/* As encoded words, none of which ends within a character. */
static void write_words(struct gv_buf *out, const char *s)
{
	size_t left = strlen(s);

	while (left) {
		size_t n = 0, next;

		while (n < left && (next = gv_utf8_char(s + n, left - n)) && n + next <= WORD_BYTES)
			n += next;
		gv_buf_puts(out, "=?utf-8?B?");
		gv_base64_write(out, s, n);
		gv_buf_puts(out, "?=");
		s += n;
		left -= n;
		if (left)
			gv_buf_puts(out, "\r\n ");
	}
}

static void write_date(struct gv_buf *out, int64_t date_ms)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)(date_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	gv_buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
		      months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* The text with CR LF at the end of each line, whatever it had. */
static void normal_lines(struct gv_buf *out, const char *text)
{
	const char *s;

	for (s = text; *s; s++) {
		if (*s == '\r' && s[1] == '\n')
			continue;
		if (*s == '\n' || *s == '\r')
			gv_buf_puts(out, "\r\n");
		else
			gv_buf_putc(out, *s);
	}
	if (s != text && s[-1] != '\n' && s[-1] != '\r')
		gv_buf_puts(out, "\r\n");
}

static bool is_7bit(const char *text)
{
	if (!is_ascii(text))
		return false;
	while (*text) {
		size_t size = strcspn(text, "\r\n");

		if (size > LINE_MAX_7BIT)
			return false;
		text += size;
		text += strspn(text, "\r\n");
	}
	return true;
}

static void write_text(struct gv_buf *out, const char *text)
{
	struct gv_buf lines = { 0 };

	normal_lines(&lines, text);
	if (is_7bit(text)) {
		gv_buf_puts(out, "Content-Transfer-Encoding: 7bit\r\n\r\n");
		gv_buf_add(out, lines.data, lines.size);
	} else {
		gv_buf_puts(out, "Content-Transfer-Encoding: base64\r\n\r\n");
		for (size_t at = 0; at < lines.size; at += LINE_BYTES) {
			gv_base64_write(out, lines.data + at,
					lines.size - at < LINE_BYTES ? lines.size - at : LINE_BYTES);
			gv_buf_puts(out, "\r\n");
		}
	}
	if (lines.error)
		out->error = lines.error;
	gv_buf_fini(&lines);
}

int letter_write(const struct letter *l, struct gv_buf *out)
{
	gv_buf_printf(out, "From: <%s>\r\nTo: ", l->from);
	for (size_t i = 0; i < l->n_to; i++)
		gv_buf_printf(out, "%s<%s>", i ? ",\r\n " : "", l->to[i]);
	gv_buf_puts(out, "\r\nSubject: ");
	if (is_ascii(l->subject))
		gv_buf_puts(out, l->subject);
	else
		write_words(out, l->subject);
	gv_buf_puts(out, "\r\n");
	write_date(out, l->date_ms);
	if (*l->message_id)
		gv_buf_printf(out, "Message-ID: <%s>\r\n", l->message_id);
	gv_buf_puts(out, "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n"
			 "Content-Type: text/plain; charset=utf-8\r\n");
	write_text(out, l->text);
	return out->error;
}
