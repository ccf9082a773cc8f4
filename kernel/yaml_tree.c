/* libyaml's events to a tree. Its own document API copies nothing's line into what aliases make and sets no bounds, so
 * the tree is built here. */
#include "yaml_tree.h"

#include <errno.h>
#include <lib/buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define ANCHORS_MAX 64

struct chunk {
	struct chunk *next;
	_Alignas(max_align_t) char bytes[];
};

struct gv_yaml {
	struct chunk *chunks;
	struct gv_yaml_node *root;
};

struct anchor {
	const char *name;
	struct gv_yaml_node *node;
	bool complete;
};

struct parse {
	const char *file;
	yaml_parser_t parser;
	struct gv_yaml *y;
	struct anchor anchors[ANCHORS_MAX];
	size_t n_anchors, n_nodes;
	unsigned depth;
	char **ret_error;
};

static int read_node(struct parse *p, const yaml_event_t *event, struct gv_yaml_node **ret);

/* ---- memory and errors ----------------------------------------------------------------------- */

static void *alloc(struct gv_yaml *y, size_t size)
{
	struct chunk *c = calloc(1, sizeof *c + size);
	if (!c)
		return NULL;
	c->next = y->chunks;
	y->chunks = c;
	return c->bytes;
}

static char *keep(struct gv_yaml *y, const char *text, size_t size)
{
	char *copy = alloc(y, size + 1);
	if (copy && size)
		memcpy(copy, text, size);
	return copy;
}

__attribute__((format(printf, 4, 5))) static int wrong(struct parse *p, size_t line, size_t column, const char *fmt,
						       ...)
{
	struct gv_buf b = { 0 };
	va_list ap;
	va_start(ap, fmt);
	gv_buf_printf(&b, "%s:%zu:%zu: ", p->file, line + 1, column + 1);
	gv_buf_vprintf(&b, fmt, ap);
	va_end(ap);
	gv_buf_putc(&b, '\0');
	if (b.error) {
		gv_buf_fini(&b);
		return -ENOMEM;
	}
	*p->ret_error = (char *)b.data;
	return -EINVAL;
}

static int wrong_event(struct parse *p, const yaml_event_t *e, const char *what)
{
	return wrong(p, e->start_mark.line, e->start_mark.column, "%s", what);
}

static int next_event(struct parse *p, yaml_event_t *ret)
{
	yaml_parser_t *y = &p->parser;
	if (yaml_parser_parse(y, ret))
		return 0;
	if (y->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (y->error == YAML_READER_ERROR) {
		size_t line = 0;
		for (size_t i = 0; i < y->problem_offset && y->input.string.start + i < y->input.string.end; i++)
			line += y->input.string.start[i] == '\n';
		return wrong(p, line, 0, "%s", y->problem ? y->problem : "not UTF-8");
	}
	if (y->error == YAML_SCANNER_ERROR && y->problem && strstr(y->problem, "cannot start any token"))
		return wrong(p, y->problem_mark.line, y->problem_mark.column,
			     "a character that cannot begin a value; lines are indented with blanks, not with tabs");
	if (y->context)
		return wrong(p, y->problem_mark.line, y->problem_mark.column, "%s, %s", y->context, y->problem);
	return wrong(p, y->problem_mark.line, y->problem_mark.column, "%s", y->problem ? y->problem : "not YAML");
}

/* ---- scalars --------------------------------------------------------------------------------- */

static bool name_char(char c, bool first)
{
	return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (!first && c >= '0' && c <= '9');
}

/* Appends what stands for the variable whose name begins at s, behind "${"; sets *ret_end behind the closing brace. */
static int put_variable(struct parse *p, const yaml_event_t *e, const char *s, const char *end, struct gv_buf *out,
			const char **ret_end)
{
	char name[128];
	size_t n = 0;
	while (s + n < end && name_char(s[n], n == 0))
		n++;
	const char *close = memchr(s, '}', (size_t)(end - s));
	if (n == 0 || n >= sizeof name || !close || (s + n != close && (s[n] != ':' || s[n + 1] != '-')))
		return wrong_event(p, e, "expected ${NAME} or ${NAME:-default}; write $${ for a plain ${");
	memcpy(name, s, n);
	name[n] = '\0';
	const char *value = getenv(name);
	*ret_end = close + 1;
	if (value && (*value || s + n == close))
		return gv_buf_puts(out, value);
	if (s + n == close)
		return wrong(p, e->start_mark.line, e->start_mark.column,
			     "the environment variable %s is not set: set it, or write ${%s:-default}", name, name);
	return gv_buf_add(out, s + n + 2, (size_t)(close - s) - n - 2);
}

static int substitute(struct parse *p, const yaml_event_t *e, const char *s, size_t size, struct gv_buf *out)
{
	const char *end = s + size;
	int r = 0;
	while (s < end && r == 0) {
		const char *dollar = memchr(s, '$', (size_t)(end - s));
		if (!dollar)
			return gv_buf_add(out, s, (size_t)(end - s));
		gv_buf_add(out, s, (size_t)(dollar - s));
		s = dollar + 1;
		if (end - s >= 2 && s[0] == '$' && s[1] == '{') {
			gv_buf_puts(out, "${");
			s += 2;
		} else if (s < end && *s == '{') {
			r = put_variable(p, e, s + 1, end, out, &s);
		} else {
			gv_buf_putc(out, '$');
		}
	}
	return r < 0 ? r : out->error;
}

static int read_scalar(struct parse *p, const yaml_event_t *e, struct gv_yaml_node *n)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t size = e->data.scalar.length;
	struct gv_buf b = { 0 };
	int r = substitute(p, e, text, size, &b);
	if (r == 0 && b.size > GV_YAML_TEXT_MAX)
		r = wrong_event(p, e, "a text of more than 64 KiB");
	if (r == 0 && b.size > 0 && memchr(b.data, '\0', b.size))
		r = wrong_event(p, e, "a text with a zero character");
	if (r == 0) {
		n->text = keep(p->y, (const char *)b.data, b.size);
		r = n->text ? 0 : -ENOMEM;
	}
	n->variable = size > 3 && text[0] == '$' && text[1] == '{' && memchr(text, '}', size) == text + size - 1;
	n->quoted = !n->variable && e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	gv_buf_fini(&b);
	return r;
}

/* ---- lists and mappings ---------------------------------------------------------------------- */

static int read_key(struct parse *p, const yaml_event_t *e, const struct gv_yaml_node *map, char **ret)
{
	if (e->type != YAML_SCALAR_EVENT)
		return wrong_event(p, e, "expected a plain name as key");
	if (e->data.scalar.anchor ||
	    (e->data.scalar.tag && !e->data.scalar.plain_implicit && !e->data.scalar.quoted_implicit))
		return wrong_event(p, e, "anchors and tags on keys are not taken");
	if (map->count == GV_YAML_MAP_MAX)
		return wrong_event(p, e, "a mapping of more than 1024 keys");
	const char *text = (const char *)e->data.scalar.value;
	if (e->data.scalar.length > 256 || strlen(text) != e->data.scalar.length)
		return wrong_event(p, e, "a key of more than 256 bytes, or with a zero character");
	const struct gv_yaml_node *before = gv_yaml_member(map, text);
	if (before)
		return wrong(p, e->start_mark.line, e->start_mark.column,
			     "the key \"%s\" is given twice, first in line %u", text, before->line);
	*ret = keep(p->y, text, e->data.scalar.length);
	return *ret ? 0 : -ENOMEM;
}

static int read_member(struct parse *p, const yaml_event_t *key_event, struct gv_yaml_node *map,
		       struct gv_yaml_node **ret)
{
	char *key = NULL;
	yaml_event_t e;
	int r = read_key(p, key_event, map, &key);
	if (r == 0)
		r = next_event(p, &e);
	if (r < 0)
		return r;
	struct gv_yaml_node *n = NULL;
	r = read_node(p, &e, &n);
	yaml_event_delete(&e);
	if (r < 0)
		return r;
	n->key = key;
	n->line = (unsigned)key_event->start_mark.line + 1;
	n->column = (unsigned)key_event->start_mark.column + 1;
	*ret = n;
	return 0;
}

/* The children of a list or mapping, up to its end. */
static int read_members(struct parse *p, struct gv_yaml_node *n)
{
	struct gv_yaml_node **last = &n->child;
	for (;;) {
		yaml_event_t e;
		int r = next_event(p, &e);
		if (r < 0)
			return r;
		bool end = e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT;
		if (!end)
			r = n->kind == GV_YAML_MAP ? read_member(p, &e, n, last) : read_node(p, &e, last);
		yaml_event_delete(&e);
		if (r < 0 || end)
			return r;
		last = &(*last)->next;
		n->count++;
	}
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static int new_node(struct parse *p, const yaml_event_t *e, enum gv_yaml_kind kind, struct gv_yaml_node **ret)
{
	if (++p->n_nodes > GV_YAML_NODES_MAX)
		return wrong_event(p, e, "more than 20000 values, those behind aliases included");
	struct gv_yaml_node *n = alloc(p->y, sizeof *n);
	if (!n)
		return -ENOMEM;
	n->kind = kind;
	n->text = "";
	n->line = (unsigned)e->start_mark.line + 1;
	n->column = (unsigned)e->start_mark.column + 1;
	*ret = n;
	return 0;
}

static int copy_node(struct parse *p, const yaml_event_t *e, const struct gv_yaml_node *from, struct gv_yaml_node **ret)
{
	struct gv_yaml_node *n = NULL;
	int r = new_node(p, e, from->kind, &n);
	if (r < 0)
		return r;
	*n = *from;
	n->next = n->child = NULL;
	struct gv_yaml_node **last = &n->child;
	for (const struct gv_yaml_node *c = from->child; c && r == 0; c = c->next) {
		r = copy_node(p, e, c, last);
		if (r == 0)
			last = &(*last)->next;
	}
	*ret = n;
	return r;
}

static int read_alias(struct parse *p, const yaml_event_t *e, struct gv_yaml_node **ret)
{
	const char *name = (const char *)e->data.alias.anchor;
	for (size_t i = p->n_anchors; i-- > 0;) {
		if (strcmp(p->anchors[i].name, name) != 0)
			continue;
		if (!p->anchors[i].complete)
			return wrong(p, e->start_mark.line, e->start_mark.column,
				     "*%s stands within what it stands for", name);
		int r = copy_node(p, e, p->anchors[i].node, ret);
		if (r == 0) {
			(*ret)->key = NULL;
			(*ret)->line = (unsigned)e->start_mark.line + 1;
			(*ret)->column = (unsigned)e->start_mark.column + 1;
		}
		return r;
	}
	return wrong(p, e->start_mark.line, e->start_mark.column, "no anchor &%s above", name);
}

/* Returns the anchor's index, -1 for none. */
static int add_anchor(struct parse *p, const yaml_event_t *e, const yaml_char_t *name, struct gv_yaml_node *n, int *ret)
{
	*ret = -1;
	if (!name)
		return 0;
	if (p->n_anchors == ANCHORS_MAX)
		return wrong_event(p, e, "more than 64 anchors");
	char *copy = keep(p->y, (const char *)name, strlen((const char *)name));
	if (!copy)
		return -ENOMEM;
	*ret = (int)p->n_anchors;
	p->anchors[p->n_anchors++] = (struct anchor){ copy, n, false };
	return 0;
}

static int read_children(struct parse *p, const yaml_event_t *e, struct gv_yaml_node *n)
{
	if (p->depth == GV_YAML_DEPTH_MAX)
		return wrong_event(p, e, "nested more than 32 deep");
	p->depth++;
	int r = read_members(p, n);
	p->depth--;
	return r;
}

static int read_node(struct parse *p, const yaml_event_t *e, struct gv_yaml_node **ret)
{
	enum gv_yaml_kind kind;
	const yaml_char_t *anchor, *tag;
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return read_alias(p, e, ret);
	case YAML_SCALAR_EVENT:
		kind = GV_YAML_SCALAR;
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		kind = GV_YAML_LIST;
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		kind = GV_YAML_MAP;
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
		break;
	default:
		return wrong_event(p, e, "expected a value");
	}
	if (tag)
		return wrong_event(p, e, "tags are not taken: quotes make a string, nothing else is needed");
	int at;
	int r = new_node(p, e, kind, ret);
	if (r == 0)
		r = add_anchor(p, e, anchor, *ret, &at);
	if (r == 0)
		r = kind == GV_YAML_SCALAR ? read_scalar(p, e, *ret) : read_children(p, e, *ret);
	if (r == 0 && at >= 0)
		p->anchors[at].complete = true;
	return r;
}

/* ---- the document ---------------------------------------------------------------------------- */

/* Reads the next event, which must be of one type or else is an error. */
static int expect(struct parse *p, yaml_event_type_t type, const char *otherwise)
{
	yaml_event_t e;
	int r = next_event(p, &e);
	if (r < 0)
		return r;
	if (e.type != type)
		r = wrong_event(p, &e, otherwise);
	yaml_event_delete(&e);
	return r;
}

static int read_document(struct parse *p)
{
	yaml_event_t e;
	int r = expect(p, YAML_STREAM_START_EVENT, "not YAML");
	if (r == 0)
		r = next_event(p, &e);
	if (r < 0)
		return r;
	if (e.type == YAML_STREAM_END_EVENT) {
		r = new_node(p, &e, GV_YAML_SCALAR, &p->y->root);
		yaml_event_delete(&e);
		return r;
	}
	yaml_event_delete(&e);
	r = next_event(p, &e);
	if (r < 0)
		return r;
	r = read_node(p, &e, &p->y->root);
	yaml_event_delete(&e);
	if (r == 0)
		r = expect(p, YAML_DOCUMENT_END_EVENT, "expected the end of the document");
	return r < 0 ? r : expect(p, YAML_STREAM_END_EVENT, "a second document: the file must hold one");
}

int gv_yaml_parse(const char *file, const char *text, size_t size, struct gv_yaml **ret, char **ret_error)
{
	struct parse p = { .file = file, .ret_error = ret_error };
	if (!yaml_parser_initialize(&p.parser))
		return -ENOMEM;
	p.y = calloc(1, sizeof *p.y);
	int r = p.y ? 0 : -ENOMEM;
	if (r == 0) {
		yaml_parser_set_input_string(&p.parser, (const unsigned char *)text, size);
		yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
		r = read_document(&p);
	}
	yaml_parser_delete(&p.parser);
	if (r < 0)
		gv_yaml_destroy(p.y);
	else
		*ret = p.y;
	return r;
}

void gv_yaml_destroy(struct gv_yaml *y)
{
	if (!y)
		return;
	for (struct chunk *c = y->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(y);
}

const struct gv_yaml_node *gv_yaml_root(const struct gv_yaml *y)
{
	return y->root;
}

const struct gv_yaml_node *gv_yaml_member(const struct gv_yaml_node *map, const char *key)
{
	if (map->kind != GV_YAML_MAP)
		return NULL;
	for (const struct gv_yaml_node *n = map->child; n; n = n->next)
		if (n->key && !strcmp(n->key, key))
			return n;
	return NULL;
}

bool gv_yaml_is_null(const struct gv_yaml_node *n)
{
	return n->kind == GV_YAML_SCALAR && !n->quoted &&
	       (!*n->text || (!n->variable && (!strcmp(n->text, "~") || !strcmp(n->text, "null"))));
}
