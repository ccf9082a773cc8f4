/* Config is checked by the code that checks JSON requests: a YAML tree becomes cJSON, guided by the message's type,
 * since that alone says whether a plain 12 is a string or a number. What is wrong is then looked up in the tree for its
 * line. */
#include "config_tree.h"

#include "config.h"
#include "text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <lib/json.h>
#include <lib/json_text.h>
#include <lib/near.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	const cJSON *json;
	const struct gv_yaml_node *node;
	char *wrong; /* what is wrong with it, where JSON's rules would say less; NULL: nothing */
};

struct convert {
	const struct gv_config_tree *tree;
	struct pair *pairs;
	size_t n_pairs, capacity;
	char *wrong; /* of the value that is paired next */
	char **ret_error;
	int error; /* of telling what is wrong */
};

static cJSON *convert_message(struct convert *c, const struct gv_type *type, const struct gv_yaml_node *n);

int gv_config_wrong(const char *file, unsigned line, unsigned column, char **ret_error, const char *fmt, ...)
{
	struct gv_buf b = { 0 };
	va_list ap;
	if (*ret_error && strlen(*ret_error) > GV_CONFIG_ERRORS_MAX)
		return -EINVAL;
	if (*ret_error)
		gv_buf_printf(&b, "%s\n", *ret_error);
	va_start(ap, fmt);
	gv_buf_printf(&b, "%s:%u:%u: ", file, line, column);
	gv_buf_vprintf(&b, fmt, ap);
	va_end(ap);
	gv_buf_putc(&b, '\0');
	if (b.error) {
		gv_buf_fini(&b);
		return -ENOMEM;
	}
	free(*ret_error);
	*ret_error = (char *)b.data;
	return -EINVAL;
}

/* Notes where json comes from; frees it on failure. */
static cJSON *pair(struct convert *c, cJSON *json, const struct gv_yaml_node *n)
{
	char *wrong = c->wrong;
	c->wrong = NULL;
	if (!json) {
		free(wrong);
		return NULL;
	}
	if (c->n_pairs == c->capacity) {
		size_t capacity = c->capacity ? 2 * c->capacity : 64;
		struct pair *pairs = realloc(c->pairs, capacity * sizeof *pairs);
		if (!pairs) {
			cJSON_Delete(json);
			free(wrong);
			return NULL;
		}
		c->pairs = pairs;
		c->capacity = capacity;
	}
	c->pairs[c->n_pairs++] = (struct pair){ json, n, wrong };
	return json;
}

/* In place of a value: JSON's rules refuse it wherever it stands, and then this is what is said. Takes the text. */
static cJSON *wrong(struct convert *c, char *text)
{
	if (!text)
		return NULL;
	c->wrong = text;
	return cJSON_CreateObject();
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

static cJSON *convert_plugin(struct convert *c, const char *name)
{
	const struct gv_config *config = c->tree->config;
	struct gv_nearest near = { 0 };
	struct gv_buf b = { 0 };
	if (!config || !*name || gv_config_find(config, name))
		return cJSON_CreateString(name);
	for (size_t i = 0; i < config->n_plugins; i++)
		gv_nearest_offer(&near, name, config->plugins[i].name);
	gv_buf_printf(&b, "this node has no plugin \"%.64s\"", name);
	if (near.name)
		gv_buf_printf(&b, "; did you mean %s?", near.name);
	gv_buf_printf(&b, "%s", near.name ? " There are: " : "; there are: ");
	for (size_t i = 0; i < config->n_plugins; i++)
		gv_buf_printf(&b, "%s%s", i ? ", " : "", config->plugins[i].name);
	gv_buf_putc(&b, '\0');
	if (!b.error)
		return wrong(c, (char *)b.data);
	gv_buf_fini(&b);
	return NULL;
}

static cJSON *convert_bool(struct convert *c, const struct gv_field *f, const struct gv_yaml_node *n)
{
	const struct gv_config *config = c->tree->config;
	bool yes = !strcmp(n->text, "true");

	if (n->quoted || (!yes && strcmp(n->text, "false") != 0))
		return wrong(c, strdup(n->quoted ? "expected true or false, got a string: remove the quotes"
						 : "expected true or false"));
	if (yes && *f->needs && config && !gv_config_find(config, f->needs))
		return wrong(
			c, gv_text("needs the plugin %s, which this node has not: add it to plugins, or leave this out",
				   f->needs));
	return cJSON_CreateBool(yes);
}

static cJSON *convert_scalar(struct convert *c, const struct gv_field *f, const struct gv_yaml_node *n)
{
	if (gv_yaml_is_null(n))
		return cJSON_CreateNull();
	if (!f)
		return convert_untyped(n);
	switch (f->kind) {
	case GV_KIND_STRING:
		return f->plugin ? convert_plugin(c, n->text) : cJSON_CreateString(n->text);
	case GV_KIND_BYTES:
		return cJSON_CreateString(n->text);
	case GV_KIND_ENUM:
		return !n->quoted && is_number(n->text) ? cJSON_CreateNumber(strtod(n->text, NULL))
							: cJSON_CreateString(n->text);
	case GV_KIND_MESSAGE:
		return convert_untyped(n);
	case GV_KIND_BOOL:
		return convert_bool(c, f, n);
	default:
		if (n->quoted)
			return wrong(c, strdup("expected a number, got a string: remove the quotes"));
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

/* ---- where it is wrong ----------------------------------------------------------------------- */

static const struct pair *pair_of(const struct convert *c, const cJSON *json)
{
	for (size_t i = 0; i < c->n_pairs; i++)
		if (c->pairs[i].json == json)
			return &c->pairs[i];
	return NULL;
}

static void report(void *arg, const struct gv_json_error *e)
{
	struct convert *c = arg;
	const struct gv_config_tree *tree = c->tree;
	const struct pair *p = pair_of(c, e->at);
	bool placed = p && p->node != tree->node;
	int r = gv_config_wrong(tree->file, placed ? p->node->line : tree->line,
				placed ? p->node->column : tree->column, c->ret_error, "%s%s%s: %s", tree->where,
				*e->path ? "." : "", e->path, p && p->wrong ? p->wrong : e->text);
	if (r != -EINVAL)
		c->error = r;
}

int gv_config_tree_pack(const struct gv_config_tree *tree, const struct gv_type *type, struct gv_buf *ret,
			char **ret_error)
{
	struct convert c = { .tree = tree, .ret_error = ret_error };
	struct gv_json_error error;
	cJSON *json = tree->node && !gv_yaml_is_null(tree->node)
			      ? (tree->node->kind == GV_YAML_MAP ? convert_message(&c, type, tree->node)
								 : convert_value(&c, NULL, tree->node))
			      : cJSON_CreateObject();
	int r = -ENOMEM;
	if (json)
		r = gv_json_read_each(type, json, GV_JSON_RULES | GV_JSON_DEFAULTS | GV_JSON_PROTO_NAMES, ret, report,
				      &c, &error);
	if (c.error)
		r = c.error;
	cJSON_Delete(json);
	for (size_t i = 0; i < c.n_pairs; i++)
		free(c.pairs[i].wrong);
	free(c.pairs);
	free(c.wrong);
	return r;
}
