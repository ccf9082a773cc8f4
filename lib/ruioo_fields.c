/* What a frame says between its quotes. Cabinets write their separators, blanks and case in several ways; what is
 * ambiguous is an error, never a guess. */
#include "ruioo_internal.h"

#include <string.h>

struct token {
	const char *at;
	size_t size;     /* 0: there is none */
	bool semicolons; /* in front of it, among the separators */
	bool dots;       /* likewise */
};
struct cursor {
	const char *at, *end;
};

static bool separates(char c)
{
	return c == ',' || c == '.' || c == ';' || c == ' ' || c == '\t';
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct token next(struct cursor *c)
{
	struct token t = { 0 };

	for (; c->at < c->end && separates(*c->at); c->at++) {
		t.semicolons |= *c->at == ';';
		t.dots |= *c->at == '.';
	}
	t.at = c->at;
	while (c->at < c->end && !separates(*c->at))
		c->at++;
	t.size = (size_t)(c->at - t.at);
	return t;
}

static bool is(const char *at, size_t size, const char *word)
{
	if (size != strlen(word))
		return false;
	for (size_t i = 0; i < size; i++)
		if (upper(at[i]) != word[i])
			return false;
	return true;
}

bool ruioo_imei_valid(const char *imei, size_t size)
{
	if (size != GV_RUIOO_IMEI_SIZE - 1)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!digit(imei[i]))
			return false;
	return true;
}

bool ruioo_bank_valid(const char *bank, size_t size)
{
	if (size < GV_RUIOO_BANK_MIN || size > GV_RUIOO_BANK_SIZE - 1)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!digit(bank[i]) && (bank[i] < 'A' || bank[i] > 'Z'))
			return false;
	return true;
}

static size_t count_digits(struct token t)
{
	size_t n = 0;

	while (n < t.size && digit(t.at[n]))
		n++;
	return n;
}

static enum gv_ruioo_error read_slot(const struct gv_ruioo_rules *rules, const char *digits, size_t n, uint8_t *ret)
{
	unsigned slot = 0;

	if (n < 1 || n > 2)
		return GV_RUIOO_SLOT_RANGE;
	for (size_t i = 0; i < n; i++)
		slot = slot * 10 + (unsigned)(digits[i] - '0');
	if (slot < 1 || slot > rules->slots)
		return GV_RUIOO_SLOT_RANGE;
	*ret = (uint8_t)slot;
	return GV_RUIOO_OK;
}

static enum gv_ruioo_error read_bank(const struct gv_ruioo_rules *rules, struct token t, char *ret)
{
	char bank[GV_RUIOO_BANK_SIZE] = "";

	if (t.size >= sizeof(bank) || (rules->bank_size && t.size != rules->bank_size))
		return GV_RUIOO_BAD_DEVID;
	for (size_t i = 0; i < t.size; i++)
		bank[i] = upper(t.at[i]);
	if (!ruioo_bank_valid(bank, t.size))
		return GV_RUIOO_BAD_DEVID;
	memcpy(ret, bank, sizeof(bank));
	return GV_RUIOO_OK;
}

static bool read_state(const char *at, size_t size, enum gv_ruioo_state *ret)
{
	for (unsigned i = 0; i < GV_RUIOO_STATES; i++)
		if (is(at, size, ruioo_states[i])) {
			*ret = (enum gv_ruioo_state)i;
			return true;
		}
	if (!is(at, size, "NU"))
		return false;
	*ret = GV_RUIOO_NF;
	return true;
}

/* ---- the list of slots ----------------------------------------------------------------------- */

/* "2" and "NF", or "2NF". */
static enum gv_ruioo_error read_head(const struct gv_ruioo_rules *rules, struct cursor *c, struct token t,
				     struct gv_ruioo_slot *ret)
{
	size_t n = count_digits(t);
	enum gv_ruioo_error error;

	if (n == 0)
		return GV_RUIOO_BAD_SLOT_LIST;
	error = read_slot(rules, t.at, n, &ret->slot);
	if (error)
		return error;
	if (n == t.size) {
		t = next(c);
		n = 0;
		if (t.semicolons)
			return GV_RUIOO_BAD_SLOT_LIST;
	}
	return read_state(t.at + n, t.size - n, &ret->state) ? GV_RUIOO_OK : GV_RUIOO_BAD_SLOT_LIST;
}

/* May this be the next slot of a list, "3" or "3NF"? */
static bool begins_slot(struct token t)
{
	enum gv_ruioo_state state;
	size_t n = count_digits(t);

	return (n > 0 && n < GV_RUIOO_BANK_MIN && n == t.size) ||
	       (n > 0 && n < 3 && read_state(t.at + n, t.size - n, &state));
}

/* The bank, if this is one: never behind a semicolon, which ends a slot. "12NF" is both a bank and a slot with its
 * state: with a dot in front it is the bank, otherwise nobody knows. */
static enum gv_ruioo_error read_list_bank(const struct gv_ruioo_rules *rules, struct cursor *c,
					  struct gv_ruioo_slot *ret)
{
	struct cursor ahead = *c;
	struct token t = next(&ahead);

	if (!t.size || t.semicolons)
		return GV_RUIOO_OK;
	if (begins_slot(t) && t.size < GV_RUIOO_BANK_MIN)
		return GV_RUIOO_OK;
	if (begins_slot(t) && !t.dots)
		return GV_RUIOO_BAD_SLOT_LIST;
	*c = ahead;
	return read_bank(rules, t, ret->bank);
}

static enum gv_ruioo_error read_list(const struct gv_ruioo_rules *rules, struct cursor *c, struct gv_ruioo_frame *ret)
{
	bool seen[GV_RUIOO_SLOTS_MAX + 1] = { false };
	enum gv_ruioo_error error;

	for (struct token t = next(c); t.size; t = next(c)) {
		struct gv_ruioo_slot slot = { 0 };

		error = read_head(rules, c, t, &slot);
		if (!error && seen[slot.slot])
			error = GV_RUIOO_SLOT_DUP;
		if (!error)
			error = read_list_bank(rules, c, &slot);
		if (error)
			return error;
		seen[slot.slot] = true;
		ret->slots[ret->n_slots++] = slot;
	}
	return GV_RUIOO_OK;
}

/* ---- the other commands ---------------------------------------------------------------------- */

static enum gv_ruioo_error read_sub(const struct ruioo_word *word, struct token t, enum gv_ruioo_sub *ret)
{
	for (const enum gv_ruioo_sub *sub = word->subs; *sub != GV_RUIOO_NONE; sub++)
		if (is(t.at, t.size, ruioo_subs[*sub])) {
			*ret = *sub;
			return GV_RUIOO_OK;
		}
	return GV_RUIOO_BAD_SUBCMD;
}

static enum gv_ruioo_error read_data(const struct gv_ruioo_rules *rules, const struct ruioo_word *word,
				     struct cursor *c, struct gv_ruioo_frame *ret)
{
	struct token tokens[3] = { 0 }, *t = tokens;
	size_t wanted = word->subs[0] == GV_RUIOO_NONE ? 2 : 3;
	enum gv_ruioo_error error = GV_RUIOO_OK;

	for (size_t i = 0; i < wanted; i++)
		tokens[i] = next(c);
	if (!tokens[wanted - 1].size || next(c).size)
		return GV_RUIOO_FIELD_COUNT;
	if (wanted == 3)
		error = read_sub(word, *t++, &ret->sub);
	if (!error)
		error = count_digits(t[0]) == t[0].size ? read_slot(rules, t[0].at, t[0].size, &ret->slot)
							: GV_RUIOO_SLOT_RANGE;
	return error ? error : read_bank(rules, t[1], ret->bank);
}

enum gv_ruioo_error ruioo_fields(const struct gv_ruioo_rules *rules, const char *text, size_t size,
				 struct gv_ruioo_frame *ret)
{
	struct cursor c = { text, text + size };
	struct token imei = next(&c), name = next(&c);
	unsigned command = 0;

	if (!ruioo_imei_valid(imei.at, imei.size))
		return GV_RUIOO_BAD_IMEI;
	while (command < GV_RUIOO_COMMANDS && !is(name.at, name.size, ruioo_words[command].name))
		command++;
	if (command == GV_RUIOO_COMMANDS)
		return GV_RUIOO_BAD_CMD;
	*ret = (struct gv_ruioo_frame){ .command = (enum gv_ruioo_command)command };
	memcpy(ret->imei, imei.at, imei.size);
	switch (ruioo_words[command].data) {
	case RUIOO_LIST:
		return read_list(rules, &c, ret);
	case RUIOO_BANK:
		return read_data(rules, &ruioo_words[command], &c, ret);
	case RUIOO_NOTHING:
		break;
	}
	return next(&c).size ? GV_RUIOO_UNEXPECTED_DATA : GV_RUIOO_OK;
}

bool gv_ruioo_imei_luhn(const char *imei)
{
	unsigned sum = 0;

	if (!ruioo_imei_valid(imei, strlen(imei)))
		return false;
	for (size_t i = 0; imei[i]; i++) {
		unsigned n = (unsigned)(imei[i] - '0') * (i % 2 ? 2 : 1);

		sum += n / 10 + n % 10;
	}
	return sum % 10 == 0;
}
