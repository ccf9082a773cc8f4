/* A strict check in front of cJSON, which takes control characters in strings, cuts strings at \u0000, passes bytes
 * that are no UTF-8, and keeps no count of what a hostile text makes it allocate. Also the printing of strings and
 * numbers. */
#include <lib/json_text.h>
#include <lib/utf8.h>

#include <errno.h>
#include <float.h>
#include <lib/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *start, *at, *end;
	size_t values;
	unsigned depth;
	const char *wrong; /* why it failed, at `at` */
};

static bool fail(struct scan *s, const char *wrong)
{
	if (!s->wrong)
		s->wrong = wrong;
	return false;
}

static bool is_digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static void skip_blank(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool skip_char(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool skip_digits(struct scan *s)
{
	if (!is_digit(s))
		return false;
	while (is_digit(s))
		s->at++;
	return true;
}

static bool scan_number(struct scan *s)
{
	const char *start = s->at;
	skip_char(s, '-');
	if (!skip_char(s, '0') && !skip_digits(s))
		return fail(s, "expected a digit");
	if (is_digit(s))
		return fail(s, "a number must not begin with 0");
	if (skip_char(s, '.') && !skip_digits(s))
		return fail(s, "expected a digit behind the point");
	if (skip_char(s, 'e') || skip_char(s, 'E')) {
		if (!skip_char(s, '+'))
			skip_char(s, '-');
		if (!skip_digits(s))
			return fail(s, "expected a digit in the exponent");
	}
	return s->at - start <= GV_JSON_NUMBER_MAX || fail(s, "a number of more than 60 characters");
}

/* The four digits behind \u; -1: none. */
static int scan_code(struct scan *s)
{
	int code = 0;
	for (int i = 0; i < 4; i++, s->at++) {
		char c = s->at < s->end ? *s->at : '\0';
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		code = code * 16 + digit;
	}
	return code;
}

static bool scan_escape(struct scan *s)
{
	if (s->at == s->end)
		return fail(s, "the string has no end");
	char c = *s->at++;
	if (c != 'u')
		return strchr("\"\\/bfnrt", c) && c ? true : fail(s, "no such escape in a string");
	int code = scan_code(s);
	if (code < 0)
		return fail(s, "expected four hexadecimal digits behind \\u");
	if (code == 0)
		return fail(s, "\\u0000 is not taken");
	if (code >= 0xdc00 && code <= 0xdfff)
		return fail(s, "half of a surrogate pair");
	if (code >= 0xd800 && code <= 0xdbff) {
		if (!skip_char(s, '\\') || !skip_char(s, 'u'))
			return fail(s, "half of a surrogate pair");
		code = scan_code(s);
		if (code < 0xdc00 || code > 0xdfff)
			return fail(s, "half of a surrogate pair");
	}
	return true;
}

static bool scan_string(struct scan *s)
{
	if (!skip_char(s, '"'))
		return fail(s, "expected a string in double quotes");
	while (s->at < s->end) {
		if (*s->at == '"') {
			s->at++;
			return true;
		}
		if (*s->at == '\\') {
			s->at++;
			if (!scan_escape(s))
				return false;
			continue;
		}
		if ((unsigned char)*s->at < 0x20)
			return fail(s, "a control character in a string must be escaped");
		size_t n = (unsigned char)*s->at < 0x80 ? 1 : gv_utf8_char(s->at, (size_t)(s->end - s->at));
		if (n == 0)
			return fail(s, "not UTF-8");
		s->at += n;
	}
	return fail(s, "the string has no end");
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return fail(s, "expected a value");
	s->at += n;
	return true;
}

static bool scan_value(struct scan *s);

static bool scan_members(struct scan *s, char close)
{
	if (s->depth == GV_JSON_DEPTH_MAX)
		return fail(s, "nested more than 64 deep");
	s->depth++;
	s->at++;
	skip_blank(s);
	if (!skip_char(s, close)) {
		do {
			skip_blank(s);
			if (close == '}') {
				if (!scan_string(s))
					return false;
				skip_blank(s);
				if (!skip_char(s, ':'))
					return fail(s, "expected ':'");
			}
			if (!scan_value(s))
				return false;
			skip_blank(s);
		} while (skip_char(s, ','));
		if (!skip_char(s, close))
			return fail(s, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
	}
	s->depth--;
	return true;
}

static bool scan_value(struct scan *s)
{
	skip_blank(s);
	if (s->at == s->end)
		return fail(s, "expected a value, the text ends");
	if (++s->values > GV_JSON_VALUES_MAX)
		return fail(s, "more than 262144 values");
	switch (*s->at) {
	case '{':
		return scan_members(s, '}');
	case '[':
		return scan_members(s, ']');
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		if (*s->at != '-' && !is_digit(s))
			return fail(s, "expected a value");
		return scan_number(s);
	}
}

int gv_json_check(const char *text, size_t size, char ret_error[static 256])
{
	struct scan s = { .start = text, .at = text, .end = text + size };
	if (size > GV_JSON_SIZE_MAX) {
		snprintf(ret_error, 256, "a text of more than %zu MiB", GV_JSON_SIZE_MAX >> 20);
		return -EINVAL;
	}
	if (scan_value(&s)) {
		skip_blank(&s);
		if (s.at == s.end)
			return 0;
		fail(&s, "expected the end of the text");
	}
	size_t line = 1, column = 1;
	for (const char *c = text; c < s.at; c++) {
		column++;
		if (*c == '\n') {
			line++;
			column = 1;
		}
	}
	snprintf(ret_error, 256, "line %zu, column %zu: %s", line, column, s.wrong);
	return -EINVAL;
}

/* ---- printing -------------------------------------------------------------------------------- */

int gv_json_string(struct gv_buf *out, const char *s, size_t size)
{
	static const char escaped[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
	gv_buf_putc(out, '"');
	while (size > 0) {
		size_t plain = 0, n;
		while (plain < size && (unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\' &&
		       (n = (unsigned char)s[plain] < 0x80 ? 1 : gv_utf8_char(s + plain, size - plain)) > 0)
			plain += n;
		gv_buf_add(out, s, plain);
		s += plain;
		size -= plain;
		if (size == 0)
			break;
		const char *at = *s ? strchr(escaped, *s) : NULL;
		if (at)
			gv_buf_printf(out, "\\%c", letters[at - escaped]);
		else if ((unsigned char)*s < 0x20)
			gv_buf_printf(out, "\\u%04x", (unsigned)*s);
		else
			gv_buf_puts(out, "\xef\xbf\xbd");
		s++;
		size--;
	}
	return gv_buf_putc(out, '"');
}

static int print_special(struct gv_buf *out, double value)
{
	return gv_buf_puts(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

/* Where DBL_DIG digits read back the same they are the shortest that do; below the normal numbers, fewer may. */
int gv_json_double(struct gv_buf *out, double value)
{
	char text[32];
	if (!isfinite(value))
		return print_special(out, value);
	for (int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return gv_buf_puts(out, text);
}

int gv_json_float(struct gv_buf *out, float value)
{
	char text[32];
	if (!isfinite(value))
		return print_special(out, (double)value);
	for (int digits = fabsf(value) < FLT_MIN ? 1 : FLT_DIG; digits <= FLT_DECIMAL_DIG; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, (double)value);
		if (strtof(text, NULL) == value)
			break;
	}
	return gv_buf_puts(out, text);
}
