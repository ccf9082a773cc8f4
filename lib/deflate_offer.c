/* A list of extensions with parameters (RFC 6455, 9.1), read from the front; what is malformed is left out up to the
 * next comma, as a client may offer the same extension again in another way (RFC 7692, 5). */
#include <lib/deflate_offer.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct word {
	const char *data;
	size_t size;
};

struct cursor {
	const char *at, *end;
};

enum item { ITEM_END, ITEM_OTHER, ITEM_MALFORMED, ITEM_TERMS };

static bool word_is(struct word w, const char *text)
{
	return strlen(text) == w.size && memcmp(w.data, text, w.size) == 0;
}

static bool is_token(unsigned char c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
}

static bool next_is(struct cursor *c, char wanted)
{
	skip_blanks(c);
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static bool read_token(struct cursor *c, struct word *ret)
{
	skip_blanks(c);
	ret->data = c->at;
	while (c->at < c->end && is_token((unsigned char)*c->at))
		c->at++;
	ret->size = (size_t)(c->at - ret->data);
	return ret->size > 0;
}

/* A token, or one in quotes; nobody escapes a character of a number. */
static bool read_value(struct cursor *c, struct word *ret)
{
	if (!next_is(c, '"'))
		return read_token(c, ret);
	return read_token(c, ret) && c->at < c->end && *c->at++ == '"';
}

/* Behind the next comma that is not in quotes. */
static void skip_item(struct cursor *c)
{
	bool quoted = false;

	for (; c->at < c->end; c->at++) {
		if (*c->at == '"')
			quoted = !quoted;
		else if (*c->at == '\\' && quoted && c->at + 1 < c->end)
			c->at++;
		else if (*c->at == ',' && !quoted)
			break;
	}
	if (c->at < c->end)
		c->at++;
}

/* 8 to 15, in decimal without zeros in front (7.1.2.1). */
static bool read_bits(struct word w, unsigned *ret)
{
	unsigned n = 0;

	if (!w.size || w.size > 2 || w.data[0] == '0')
		return false;
	for (size_t i = 0; i < w.size; i++) {
		if (w.data[i] < '0' || w.data[i] > '9')
			return false;
		n = n * 10 + (unsigned)(w.data[i] - '0');
	}
	*ret = n;
	return n >= GV_DEFLATE_BITS_MIN && n <= GV_DEFLATE_BITS_MAX;
}

/* One parameter; `value` is NULL where it has none. False for what may not stand here, or stands here twice. */
static bool take_parameter(struct gv_deflate_terms *t, struct word name, const struct word *value)
{
	bool *flag = word_is(name, "server_no_context_takeover")   ? &t->server_no_context_takeover
		     : word_is(name, "client_no_context_takeover") ? &t->client_no_context_takeover
								   : NULL;

	if (flag) {
		if (*flag || value)
			return false;
		*flag = true;
		return true;
	}
	if (word_is(name, "server_max_window_bits"))
		return !t->server_bits && value && read_bits(*value, &t->server_bits);
	if (!word_is(name, "client_max_window_bits") || t->client_bits_offered)
		return false;
	t->client_bits_offered = true;
	return !value || read_bits(*value, &t->client_bits);
}

static enum item read_item(struct cursor *c, struct gv_deflate_terms *ret)
{
	struct word extension, name, value;
	bool ours;

	memset(ret, 0, sizeof(*ret));
	while (next_is(c, ','))
		;
	if (c->at == c->end)
		return ITEM_END;
	if (!read_token(c, &extension))
		return ITEM_MALFORMED;
	ours = word_is(extension, "permessage-deflate");
	while (next_is(c, ';')) {
		bool has_value;

		if (!read_token(c, &name))
			return ITEM_MALFORMED;
		has_value = next_is(c, '=');
		if (has_value && !read_value(c, &value))
			return ITEM_MALFORMED;
		if (ours && !take_parameter(ret, name, has_value ? &value : NULL))
			return ITEM_MALFORMED;
	}
	skip_blanks(c);
	if (c->at < c->end && *c->at != ',')
		return ITEM_MALFORMED;
	return ours ? ITEM_TERMS : ITEM_OTHER;
}

bool gv_deflate_choose(const char *value, size_t size, struct gv_deflate_terms *ret)
{
	struct cursor c = { value, value + size };
	struct gv_deflate_terms terms;
	enum item item;

	while ((item = read_item(&c, &terms)) != ITEM_END) {
		if (item == ITEM_TERMS) {
			*ret = terms;
			return true;
		}
		skip_item(&c);
	}
	return false;
}

void gv_deflate_answer(const struct gv_deflate_terms *terms, char ret[static GV_DEFLATE_ANSWER_SIZE])
{
	int n = snprintf(ret, GV_DEFLATE_ANSWER_SIZE, "%s", GV_DEFLATE_OFFER);

	if (terms->server_bits)
		n += snprintf(ret + n, GV_DEFLATE_ANSWER_SIZE - (size_t)n, "; server_max_window_bits=%u",
			      terms->server_bits);
	if (terms->client_bits)
		snprintf(ret + n, GV_DEFLATE_ANSWER_SIZE - (size_t)n, "; client_max_window_bits=%u",
			 terms->client_bits);
}

int gv_deflate_accepted(const char *value, size_t size, struct gv_deflate_terms *ret)
{
	struct cursor c = { value, value + size };
	struct gv_deflate_terms terms, further;

	if (read_item(&c, &terms) != ITEM_TERMS || read_item(&c, &further) != ITEM_END)
		return -EPROTO;
	if (!terms.server_no_context_takeover || terms.client_bits_offered)
		return -EPROTO; /* we asked for the one, and did not offer the other */
	*ret = terms;
	return 0;
}
