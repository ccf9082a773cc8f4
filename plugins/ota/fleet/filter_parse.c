/* Reads a filter: recursive descent over words, with errors that say where. */
#include "filter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum token { WORD, QUOTED, OPERATOR, OPEN, CLOSE, END };

struct parser {
	struct filter *f;
	const char *text, *at;
	enum token token;
	const char *token_at;
	const char *word; /* WORD, QUOTED, OPERATOR: in f->text */
	unsigned depth;
	char *error; /* "" until the first */
};

#define NONE UINT16_MAX

static uint16_t wrong(struct parser *p, const char *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static uint16_t wrong(struct parser *p, const char *at, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (*p->error)
		return NONE;
	n = snprintf(p->error, FILTER_ERROR_MAX, "at %zu: ", (size_t)(at - p->text) + 1);
	va_start(ap, fmt);
	vsnprintf(p->error + n, FILTER_ERROR_MAX - (size_t)n, fmt, ap);
	va_end(ap);
	return NONE;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool in_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c & 0x80) ||
	       (c && strchr("-_.:/@*?+", c));
}

static void keep(struct parser *p, const char *word, size_t size)
{
	char *to = p->f->text + p->f->text_size;

	memcpy(to, word, size);
	to[size] = 0;
	p->f->text_size += size + 1;
	p->word = to;
}

static void quoted(struct parser *p)
{
	const char *end = strchr(p->at + 1, '"');

	p->token = QUOTED;
	if (!end) {
		wrong(p, p->at, "the quote is not closed");
		p->token = END;
		return;
	}
	keep(p, p->at + 1, (size_t)(end - p->at - 1));
	p->at = end + 1;
}

static void next(struct parser *p)
{
	size_t size = 0;

	p->at += strspn(p->at, " \t\r\n");
	p->token_at = p->at;
	if (!*p->at) {
		p->token = END;
	} else if (*p->at == '(' || *p->at == ')') {
		p->token = *p->at++ == '(' ? OPEN : CLOSE;
	} else if (*p->at == '"') {
		quoted(p);
	} else if (strchr("=!<>~", *p->at)) {
		size = p->at[1] == '=' && *p->at != '=' && *p->at != '~' ? 2 : 1;
		p->token = OPERATOR;
		keep(p, p->at, size);
		p->at += size;
	} else {
		while (in_word(p->at[size]))
			size++;
		p->token = size ? WORD : END;
		if (!size)
			wrong(p, p->at, "\"%c\" belongs in quotes", *p->at);
		keep(p, p->at, size);
		p->at += size;
	}
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->token == WORD && !strcmp(p->word, word);
}

/* ---- expressions ----------------------------------------------------------------------------- */

static uint16_t add(struct parser *p, struct filter_node node)
{
	if (p->f->count == FILTER_NODES_MAX)
		return wrong(p, p->token_at, "there are more than %d tests and words between them", FILTER_NODES_MAX);
	p->f->nodes[p->f->count] = node;
	return (uint16_t)p->f->count++;
}

static bool field(struct parser *p, struct filter_node *ret)
{
	static const char *const names[] = {
		"device", "site", "plugin", "vendor", "model", "hardware", "version", "tag"
	};
	static const char prefix[] = "attribute.";

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (is_word(p, names[i])) {
			ret->field = (enum filter_field)i;
			return true;
		}
	if (p->token == WORD && !strncmp(p->word, prefix, sizeof prefix - 1) && p->word[sizeof prefix - 1]) {
		ret->field = FILTER_ATTRIBUTE;
		ret->name = p->word + sizeof prefix - 1;
		return true;
	}
	wrong(p, p->token_at,
	      "expected device, site, plugin, tag, vendor, model, hardware, version or attribute.NAME%s%.60s%s",
	      p->token == WORD ? ", not \"" : "", p->token == WORD ? p->word : "", p->token == WORD ? "\"" : "");
	return false;
}

static bool operator_of(struct parser *p, enum filter_operator *ret)
{
	static const char *const names[] = { "=", "!=", "<", "<=", ">", ">=", "~" };

	for (size_t i = 0; p->token == OPERATOR && i < sizeof names / sizeof *names; i++)
		if (!strcmp(p->word, names[i])) {
			*ret = (enum filter_operator)i;
			return true;
		}
	wrong(p, p->token_at, "expected one of = != < <= > >= ~");
	return false;
}

static uint16_t comparison(struct parser *p)
{
	struct filter_node n = { .kind = FILTER_TEST };

	if (!field(p, &n))
		return NONE;
	next(p);
	if (!operator_of(p, &n.op))
		return NONE;
	next(p);
	if (p->token != WORD && p->token != QUOTED)
		return wrong(p, p->token_at, "expected a value");
	n.value = p->word;
	next(p);
	return add(p, n);
}

static uint16_t disjunction(struct parser *p);

static uint16_t unary(struct parser *p)
{
	struct filter_node n = { .kind = FILTER_NOT };
	uint16_t inner = NONE;

	if (!is_word(p, "not") && p->token != OPEN)
		return comparison(p);
	if (++p->depth > FILTER_DEPTH_MAX)
		return wrong(p, p->token_at, "more than %d brackets within each other", FILTER_DEPTH_MAX);
	if (p->token == OPEN) {
		next(p);
		inner = disjunction(p);
		if (inner != NONE && p->token != CLOSE)
			return wrong(p, p->token_at, "expected \"and\", \"or\" or \")\"");
		next(p);
	} else {
		next(p);
		n.left = unary(p);
		inner = n.left == NONE ? NONE : add(p, n);
	}
	p->depth--;
	return inner;
}

static uint16_t joined(struct parser *p, enum filter_kind kind, const char *word, uint16_t (*part)(struct parser *p))
{
	struct filter_node n = { .kind = kind };
	uint16_t left = part(p);

	while (left != NONE && is_word(p, word)) {
		next(p);
		n.left = left;
		n.right = part(p);
		left = n.right == NONE ? NONE : add(p, n);
	}
	return left;
}

static uint16_t conjunction(struct parser *p)
{
	return joined(p, FILTER_AND, "and", unary);
}

static uint16_t disjunction(struct parser *p)
{
	return joined(p, FILTER_OR, "or", conjunction);
}

bool filter_compile(const char *text, struct filter *ret, char ret_error[FILTER_ERROR_MAX])
{
	struct parser p = { .f = ret, .text = text, .at = text, .error = ret_error };

	ret_error[0] = 0;
	ret->count = ret->text_size = 0;
	if (strlen(text) > FILTER_TEXT_MAX) {
		wrong(&p, text + FILTER_TEXT_MAX, "the filter is longer than %d characters", FILTER_TEXT_MAX);
		return false;
	}
	next(&p);
	ret->root = disjunction(&p);
	if (ret->root != NONE && p.token != END)
		wrong(&p, p.token_at, "expected \"and\", \"or\" or the end");
	return !*ret_error;
}
