/* Config is checked by the code that checks JSON requests: a YAML tree becomes cJSON, guided by the message's type,
 * since that alone says whether a plain 12 is a string or a number. What is wrong is then looked up in the tree for its
 * line. */
#include "config_tree.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <lib/json.h>
#include <lib/json_text.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	const cJSON *json;
	const struct gv_yaml_node *node;
};

struct convert {
	const struct gv_config_tree *tree;
	struct pair *pairs;
	size_t n_pairs, capacity;
	const struct gv_yaml_node *wrong; /* what failed before JSON's rules could */
	const char *wrong_text;
};

static cJSON *convert_message(struct convert *c, const struct gv_type *type, const struct gv_yaml_node *n);

int gv_config_wrong(const char *file, unsigned line, unsigned column, char **ret_error, const char *fmt, ...)
{
	struct gv_buf b = { 0 };
	va_list ap;
	va_start(ap, fmt);
	gv_buf_printf(&b, "%s:%u:%u: ", file, line, column);
	gv_buf_vprintf(&b, fmt, ap);
	va_end(ap);
	gv_buf_putc(&b, '\0');
	if (b.error) {
		gv_buf_fini(&b);
		return -ENOMEM;
	}
	*ret_error = (char *)b.data;
	return -EINVAL;
}

/* Notes where json comes from; frees it on failure. */
static cJSON *pair(struct convert *c, cJSON *json, const struct gv_yaml_node *n)
{
	if (!json)
		return NULL;
	if (c->n_pairs == c->capacity) {
		size_t capacity = c->capacity ? 2 * c->capacity : 64;
		struct pair *pairs = realloc(c->pairs, capacity * sizeof *pairs);
		if (!pairs) {
			cJSON_Delete(json);
			return NULL;
		}
		c->pairs = pairs;
		c->capacity = capacity;
	}
	c->pairs[c->n_pairs++] = (struct pair){ json, n };
	return json;
}

static cJSON *wrong(struct convert *c, const struct gv_yaml_node *n, const char *text)
{
	if (!c->wrong) {
		c->wrong = n;
		c->wrong_text = text;
	}
	return NULL;
}

static bool is_number(const char *text)
{
	char error[256];
	return (*text == '-' || (*text >= '0' && *text <= '9')) && gv_json_check(text, strlen(text), error) == 0;
}

/* A scalar where no type says what it is: as YAML 1.2 reads it. */
static cJSON *convert_untyped(const struct gv_yaml_node *n)
{
	if (n->quoted)
		return cJSON_CreateString(n->text);
	if (gv_yaml_is_null(n))
		return cJSON_CreateNull();
	if (!strcmp(n->text, "true") || !strcmp(n->text, "false"))
		return cJSON_CreateBool(*n->text == 't');
	return is_number(n->text) ? cJSON_CreateNumber(strtod(n->text, NULL)) : cJSON_CreateString(n->text);
}

static cJSON *convert_scalar(struct convert *c, const struct gv_field *f, const struct gv_yaml_node *n)
{
	if (gv_yaml_is_null(n))
		return cJSON_CreateNull();
	if (!f)
		return convert_untyped(n);
	switch (f->kind) {
	case GV_KIND_STRING:
	case GV_KIND_BYTES:
		return cJSON_CreateString(n->text);
	case GV_KIND_ENUM:
		return !n->quoted && is_number(n->text) ? cJSON_CreateNumber(strtod(n->text, NULL))
							: cJSON_CreateString(n->text);
	case GV_KIND_MESSAGE:
		return convert_untyped(n);
	case GV_KIND_BOOL:
		if (!n->quoted && (!strcmp(n->text, "true") || !strcmp(n->text, "false")))
			return cJSON_CreateBool(*n->text == 't');
		return wrong(c, n,
			     n->quoted ? "expected true or false, got a string: remove the quotes"
				       : "expected true or false");
	default:
		if (n->quoted)
			return wrong(c, n, "expected a number, got a string: remove the quotes");
		if (!strcmp(n->text, ".nan"))
			return cJSON_CreateString("NaN");
		if (!strcmp(n->text, ".inf") || !strcmp(n->text, "-.inf"))
			return cJSON_CreateString(*n->text == '-' ? "-Infinity" : "Infinity");
		return cJSON_CreateString(n->text); /* as text, which is exact; JSON's rules read it */
	}
}

static cJSON *convert_value(struct convert *c, const struct gv_field *f, const struct gv_yaml_node *n)
{
	if (n->kind == GV_YAML_SCALAR)
		return pair(c, convert_scalar(c, f, n), n);
	if (n->kind == GV_YAML_MAP)
		return convert_message(c, f ? f->type : NULL, n);
	cJSON *list = pair(c, cJSON_CreateArray(), n);
	for (const struct gv_yaml_node *e = n->child; e && list; e = e->next) {
		cJSON *json = convert_value(c, f, e);
		if (!json || !cJSON_AddItemToArray(list, json)) {
			cJSON_Delete(json);
			cJSON_Delete(list);
			return NULL;
		}
	}
	return list;
}

/* The field that says what a mapping's member is; NULL where nothing does: free JSON, or a name that JSON's rules will
 * refuse. */
static const struct gv_field *field_of(const struct gv_type *type, const char *key)
{
	if (!type)
		return NULL;
	return type->map_entry ? gv_type_field_numbered(type, 2) : gv_type_field(type, key);
}

static cJSON *convert_message(struct convert *c, const struct gv_type *type, const struct gv_yaml_node *n)
{
	bool free_json = type && !strncmp(type->name, "google.protobuf.", strlen("google.protobuf."));
	cJSON *object = pair(c, cJSON_CreateObject(), n);
	for (const struct gv_yaml_node *m = n->child; m && object; m = m->next) {
		if (n == c->tree->node && c->tree->skip && !strcmp(m->key, c->tree->skip))
			continue;
		cJSON *json = convert_value(c, free_json ? NULL : field_of(type, m->key), m);
		if (!json || !cJSON_AddItemToObject(object, m->key, json)) {
			cJSON_Delete(json);
			cJSON_Delete(object);
			return NULL;
		}
	}
	return object;
}

/* ---- where it is wrong ---------------------------------------------------------------------- */

static const struct gv_yaml_node *node_of(const struct convert *c, const cJSON *json)
{
	for (size_t i = 0; i < c->n_pairs; i++)
		if (c->pairs[i].json == json)
			return c->pairs[i].node;
	return NULL;
}

/* The path of a node below n, appended to out behind what is there; false where it is not below n. */
static bool put_path(const struct gv_yaml_node *n, const struct gv_yaml_node *wanted, struct gv_buf *out)
{
	size_t before = out->size, i = 0;
	if (n == wanted)
		return true;
	for (const struct gv_yaml_node *child = n->child; child; child = child->next, i++) {
		if (child->key)
			gv_buf_printf(out, ".%s", child->key);
		else
			gv_buf_printf(out, "[%zu]", i);
		if (put_path(child, wanted, out))
			return true;
		out->size = before;
	}
	return false;
}

static int report_wrong(const struct convert *c, char **ret_error)
{
	struct gv_buf path = { 0 };
	put_path(c->tree->node, c->wrong, &path);
	int r = gv_config_wrong(c->tree->file, c->wrong->line, c->wrong->column, ret_error, "%s%s: %s", c->tree->where,
				gv_buf_str(&path), c->wrong_text);
	gv_buf_fini(&path);
	return r;
}

static int report(const struct convert *c, const struct gv_json_error *e, char **ret_error)
{
	const struct gv_yaml_node *n = node_of(c, e->at);
	bool placed = n && n != c->tree->node;
	return gv_config_wrong(c->tree->file, placed ? n->line : c->tree->line, placed ? n->column : c->tree->column,
			       ret_error, "%s%s%s: %s", c->tree->where, *e->path ? "." : "", e->path, e->text);
}

int gv_config_tree_pack(const struct gv_config_tree *tree, const struct gv_type *type, struct gv_buf *ret,
			char **ret_error)
{
	struct convert c = { .tree = tree };
	struct gv_json_error error;
	cJSON *json = tree->node && !gv_yaml_is_null(tree->node)
			      ? (tree->node->kind == GV_YAML_MAP ? convert_message(&c, type, tree->node)
								 : convert_value(&c, NULL, tree->node))
			      : cJSON_CreateObject();
	int r;
	if (!json)
		r = c.wrong ? report_wrong(&c, ret_error) : -ENOMEM;
	else
		r = gv_json_read(type, json, GV_JSON_RULES | GV_JSON_DEFAULTS | GV_JSON_PROTO_NAMES, ret, &error);
	if (json && r == -EINVAL)
		r = report(&c, &error, ret_error);
	cJSON_Delete(json);
	free(c.pairs);
	return r;
}
