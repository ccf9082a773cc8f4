/* Frames out of a stream that may begin anywhere, be cut anywhere, and hold anything: what one frame lost must not cost
 * the next one. No byte is looked at more than a few times, save those of an unfinished frame, of which there are never
 * more than its limit. */
#include "ruioo_internal.h"

#include <lib/hex.h>
#include <string.h>

#define ICCID_DIGITS (GV_RUIOO_ICCID_SIZE - 1)
#define SMALL_FRAME_MAX 512 /* what even a cabinet of few slots may fill with blanks */

enum step {
	STEP_MORE,  /* it may become a frame */
	STEP_NONE,  /* a brace, but of no frame */
	STEP_FRAME, /* good or bad */
};
struct reader {
	const struct gv_ruioo_rules *rules;
	enum gv_ruioo_from from;
	const char *data; /* from the brace on */
	size_t size;
	size_t limit;
	struct gv_ruioo_frame *ret_frame;
	struct gv_ruioo_found *found;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool line_end(char c)
{
	return c == '\r' || c == '\n';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

uint16_t ruioo_crc(struct gv_ruioo_check check, const char *frame, struct ruioo_covered at)
{
	size_t begin = check.cover == GV_RUIOO_FRAME ? 0 : at.begin;
	size_t end = check.cover == GV_RUIOO_FIELDS ? at.end : at.crc;
	uint16_t crc = gv_crc16(check.crc, frame + begin, end - begin);

	return check.swap ? (uint16_t)(crc << 8 | crc >> 8) : crc;
}

/* ---- where a frame begins and ends ----------------------------------------------------------- */

/* The bytes of the quote at `at`: plain, or curly in UTF-8 or GBK, opening or closing. 0: there is none; -1: there may
 * be one, but the rest is missing. */
static int quote(const char *at, size_t size)
{
	static const char quotes[][4] = { "\"", "\xe2\x80\x9c", "\xe2\x80\x9d", "\xa1\xb0", "\xa1\xb1" };

	if (*at != '"' && *at != '\xe2' && *at != '\xa1')
		return 0;
	for (size_t i = 0; i < sizeof(quotes) / sizeof(*quotes); i++) {
		size_t n = strlen(quotes[i]);

		if (memcmp(at, quotes[i], n < size ? n : size) == 0)
			return n <= size ? (int)n : -1;
	}
	return 0;
}

static size_t skip_blanks(const char *data, size_t at, size_t size)
{
	while (at < size && blank(data[at]))
		at++;
	return at;
}

/* Behind the brace: blanks and a quote. *ret is what follows. */
static enum step find_begin(const struct reader *r, size_t *ret)
{
	size_t n = r->size < r->limit ? r->size : r->limit, at = skip_blanks(r->data, 1, n);
	int q = at < n ? quote(r->data + at, n - at) : -1;

	if (q < 0)
		return n == r->limit ? STEP_NONE : STEP_MORE;
	if (q == 0)
		return STEP_NONE;
	*ret = at + (size_t)q;
	return STEP_FRAME;
}

/* The closing quote, blanks, the brace: *ret_quote and *ret_end, which is behind the brace. */
static enum step find_end(const struct reader *r, size_t at, size_t *ret_quote, size_t *ret_end)
{
	size_t n = r->size < r->limit ? r->size : r->limit, brace;
	int q;

	for (; at < n; at++) {
		if (r->data[at] == '{') {
			r->found->error = GV_RUIOO_TRUNCATED;
			*ret_end = at;
			return STEP_FRAME;
		}
		q = quote(r->data + at, n - at);
		if (q < 0)
			break;
		if (q == 0)
			continue;
		brace = skip_blanks(r->data, at + (size_t)q, n);
		if (brace < n && r->data[brace] == '}') {
			*ret_quote = at;
			*ret_end = brace + 1;
			return STEP_FRAME;
		}
	}
	if (n < r->limit)
		return STEP_MORE;
	r->found->error = GV_RUIOO_TOO_LONG;
	*ret_end = 1;
	return STEP_FRAME;
}

/* ---- what is in it --------------------------------------------------------------------------- */

/* By position, from the closing quote backwards: blanks, four digits, blanks, one separator, which may be a blank. */
static bool find_crc(const char *data, size_t quote_at, struct ruioo_covered *at, uint16_t *ret)
{
	size_t end = quote_at, sep;

	while (end > at->begin && blank(data[end - 1]))
		end--;
	if (end < at->begin + 5)
		return false;
	at->crc = end - 4;
	*ret = 0;
	for (size_t i = at->crc; i < end; i++) {
		if (gv_hex_digit(data[i]) < 0)
			return false;
		*ret = (uint16_t)(*ret << 4 | gv_hex_digit(data[i]));
	}
	sep = at->crc;
	while (sep > at->begin && blank(data[sep - 1]))
		sep--;
	if (sep > at->begin && strchr(",.;", data[sep - 1]))
		at->end = sep - 1;
	else if (sep < at->crc)
		at->end = at->crc - 1;
	else
		return false;
	return true;
}

static bool crc_fits(const struct reader *r, struct ruioo_covered at, uint16_t crc)
{
	if (!r->rules->learn)
		return ruioo_crc(r->rules->check, r->data, at) == crc;
	for (unsigned n = 0; n < GV_RUIOO_CHECKS; n++)
		if (ruioo_crc(gv_ruioo_check_at(n), r->data, at) == crc)
			r->found->matches |= UINT32_C(1) << n;
	return r->found->matches;
}

/* strict: the frame, with its line end, is what we should have written, whatever its CRC is (that was looked at). */
static enum step check_canonical(const struct reader *r, const struct gv_ruioo_frame *frame, struct ruioo_covered at,
				 size_t *end)
{
	char text[GV_RUIOO_FRAME_MAX];
	int n = gv_ruioo_write(frame, r->rules->check, GV_RUIOO_COMMA, text, sizeof(text));
	size_t have = r->size < *end + 2 ? r->size : *end + 2;

	r->found->error = GV_RUIOO_NOT_CANONICAL;
	if (n < 0 || (size_t)n != *end + 2 || memcmp(r->data + *end, "\r\n", have - *end) != 0)
		return STEP_FRAME;
	if (have < *end + 2)
		return STEP_MORE;
	for (size_t i = at.crc; i < at.crc + 4; i++) {
		if (r->data[i] >= 'a')
			return STEP_FRAME;
		text[i] = r->data[i];
	}
	if (memcmp(text, r->data, have) != 0)
		return STEP_FRAME;
	r->found->error = GV_RUIOO_OK;
	*end += 2;
	return STEP_FRAME;
}

/* What stands between the quotes; *end moves if its line end is taken too. */
static enum step read_inside(const struct reader *r, struct ruioo_covered at, size_t quote_at, size_t *end)
{
	struct gv_ruioo_frame frame;
	enum step step = STEP_FRAME;
	uint16_t crc;

	for (size_t i = at.begin; i < quote_at; i++)
		if (line_end(r->data[i])) {
			r->found->error = GV_RUIOO_NEWLINE_IN_FRAME;
			return STEP_FRAME;
		}
	if (!find_crc(r->data, quote_at, &at, &crc)) {
		r->found->error = GV_RUIOO_NO_CRC;
		return STEP_FRAME;
	}
	r->found->style = r->data[at.end] == ',' ? GV_RUIOO_COMMA : GV_RUIOO_DOT;
	if (!crc_fits(r, at, crc) && !r->rules->unchecked) {
		r->found->error = GV_RUIOO_BAD_CRC;
		return STEP_FRAME;
	}
	r->found->error = ruioo_fields(r->rules, r->data + at.begin, at.end - at.begin, &frame);
	if (!r->found->error && ruioo_words[frame.command].from != r->from)
		r->found->error = GV_RUIOO_WRONG_DIRECTION;
	if (!r->found->error && r->rules->strict)
		step = check_canonical(r, &frame, at, end);
	if (!r->found->error)
		*r->ret_frame = frame;
	return step;
}

/* From a brace on. *ret_used is set for a frame, good or bad. */
static enum step read_frame(const struct reader *r, size_t *ret_used)
{
	struct ruioo_covered at = { 0 };
	size_t quote_at, end;
	enum step step = find_begin(r, &at.begin);

	if (step != STEP_FRAME)
		return step;
	step = find_end(r, at.begin, &quote_at, &end);
	if (step == STEP_FRAME && !r->found->error)
		step = read_inside(r, at, quote_at, &end);
	if (step == STEP_FRAME)
		*ret_used = end;
	return step;
}

/* ---- between frames -------------------------------------------------------------------------- */

/* Digits outside of frames, perhaps the card's number. Of a run that may go on, as many are left as it takes to see the
 * next time that it is too long. How many are done with. */
static size_t skip_digits(const char *data, size_t size, struct gv_ruioo_found *found)
{
	size_t n = 0, kept = 0;

	while (n < size && digit(data[n]))
		n++;
	if (n == size)
		kept = n <= ICCID_DIGITS ? n : ICCID_DIGITS + 1;
	else if (n == ICCID_DIGITS && data[0] == '8' && data[1] == '9') {
		memcpy(found->iccid, data, ICCID_DIGITS);
		return n;
	}
	found->junk += n - kept;
	return n - kept;
}

/* Bytes from `at` on that are of no frame, up to a brace or what must wait; behind it. */
static size_t skip_outside(const char *data, size_t at, size_t size, struct gv_ruioo_found *found)
{
	while (at < size && data[at] != '{' && !found->iccid[0]) {
		if (digit(data[at])) {
			at += skip_digits(data + at, size - at, found);
			if (at < size && digit(data[at]))
				break;
			continue;
		}
		found->junk += !blank(data[at]) && !line_end(data[at]);
		at++;
	}
	return at;
}

void gv_ruioo_next(const struct gv_ruioo_rules *rules, enum gv_ruioo_from from, const char *data, size_t size,
		   struct gv_ruioo_frame *ret_frame, struct gv_ruioo_found *ret)
{
	struct reader r = { .rules = rules, .from = from, .ret_frame = ret_frame, .found = ret };
	size_t at = 0, used = 0;
	enum step step;

	r.limit = 64 + 32 * (size_t)rules->slots;
	if (r.limit < SMALL_FRAME_MAX)
		r.limit = SMALL_FRAME_MAX;
	*ret = (struct gv_ruioo_found){ 0 };
	for (;;) {
		at = skip_outside(data, at, size, ret);
		if (at == size || data[at] != '{')
			break;
		r.data = data + at;
		r.size = size - at;
		step = read_frame(&r, &used);
		if (step == STEP_FRAME) {
			at += used;
			ret->frame = true;
		}
		if (step != STEP_NONE)
			break;
		at++;
		ret->junk++;
	}
	ret->used = at;
	if (!ret->frame) {
		ret->error = GV_RUIOO_OK;
		ret->matches = 0;
		ret->style = GV_RUIOO_COMMA;
	}
}
