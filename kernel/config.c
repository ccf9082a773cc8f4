/* Reads the deployment file: its shape by hand, the keys of `node` and of each plugin by the messages of
 * proto/galvan/config.proto, which the same code checks that checks the plugins' own config. */
#include "config.h"

#include "config_tree.h"

#include <errno.h>
#include <galvan/config.pb-c.h>
#include <galvan/config.schema.h>
#include <lib/near.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
	struct chunk *next;
	_Alignas(max_align_t) char bytes[];
};

struct loaded {
	struct gv_config c; /* first: what the caller holds */
	struct gv_yaml *yaml;
	struct chunk *chunks;
	struct gv_schema *schema; /* while loading */
	char **ret_error;
};

static void *alloc(struct loaded *l, size_t size)
{
	struct chunk *c = calloc(1, sizeof *c + size);
	if (!c)
		return NULL;
	c->next = l->chunks;
	l->chunks = c;
	return c->bytes;
}

static char *keep(struct loaded *l, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = alloc(l, size);
	return copy ? memcpy(copy, text, size) : NULL;
}

#define WRONG(l, n, ...) gv_config_wrong((l)->c.file, (n)->line, (n)->column, (l)->ret_error, __VA_ARGS__)

/* ---- values ---------------------------------------------------------------------------------- */

/* A relative path is one from the file's folder. */
static const char *resolve(struct loaded *l, const char *path)
{
	const char *slash = strrchr(l->c.file, '/');
	if (*path == '/' || !slash)
		return keep(l, path);
	size_t folder = (size_t)(slash - l->c.file) + 1, size = folder + strlen(path) + 1;
	char *full = alloc(l, size);
	if (full)
		snprintf(full, size, "%.*s%s", (int)folder, l->c.file, path);
	return full;
}

static int set_control(struct loaded *l, const struct gv_yaml_node *n, const char *address)
{
	static const char scheme[] = "tcp://", host[] = "127.0.0.1:";
	char text[64];
	if (!strncmp(address, scheme, strlen(scheme)))
		address += strlen(scheme);
	const char *port = strncmp(address, host, strlen(host)) == 0 ? address + strlen(host) : "";
	size_t digits = strspn(port, "0123456789");
	unsigned long number = strtoul(port, NULL, 10);
	if (digits == 0 || digits > 5 || port[digits] || number == 0 || number > 65535)
		return WRONG(l, n,
			     "node.control: expected 127.0.0.1:PORT, got \"%s\": there is no password, so no other "
			     "machine may reach it",
			     address);
	snprintf(text, sizeof text, "tcp://127.0.0.1:%lu", number);
	l->c.node.control = keep(l, text);
	return l->c.node.control ? 0 : -ENOMEM;
}

static bool is_name(const char *s, bool strict)
{
	size_t n = strspn(s, strict ? "abcdefghijklmnopqrstuvwxyz0123456789_"
				    : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
	return n > 0 && !s[n] && n <= GV_CONFIG_NAME_MAX && (strict ? *s >= 'a' && *s <= 'z' : *s != '.' && *s != '-');
}

/* The part of the tree below `node` as the message of this name, packed. */
static int pack(struct loaded *l, const struct gv_yaml_node *node, const char *where, const char *skip,
		const char *type, struct gv_buf *ret)
{
	struct gv_config_tree tree = {
		.file = l->c.file, .where = where, .node = node, .skip = skip, .line = 1, .column = 1
	};
	if (node) {
		tree.line = node->line;
		tree.column = node->column;
	}
	return gv_config_tree_pack(&tree, gv_schema_type(l->schema, type), ret, l->ret_error);
}

/* ---- node ------------------------------------------------------------------------------------ */

static int take_node(struct loaded *l, const struct gv_yaml_node *node, const Config__Node *m)
{
	struct gv_config_node *to = &l->c.node;
	if (!is_name(m->name, false)) {
		const struct gv_yaml_node *name = gv_yaml_member(node, "name");
		return WRONG(l, name, "node.name: expected letters, digits, '_', '.' and '-', at most %d, got \"%s\"",
			     GV_CONFIG_NAME_MAX, m->name);
	}
	to->name = keep(l, m->name);
	to->log_level = keep(l, m->log->level);
	to->log_json = !strcmp(m->log->format, "json");
	to->store_limit_bytes = (uint64_t)m->store_limit_gib << 30;
	to->journal_limit_bytes = (uint64_t)m->journal_limit_mib << 20;
	to->journal_limit_ms = (int64_t)m->journal_limit_h * 3600 * 1000;
	if (*m->data)
		to->data = resolve(l, m->data);
	if (!to->name || !to->log_level || (*m->data && !to->data))
		return -ENOMEM;
	return *m->control ? set_control(l, gv_yaml_member(node, "control"), m->control) : 0;
}

static int read_node(struct loaded *l, const struct gv_yaml_node *node)
{
	struct gv_buf b = { 0 };
	int r = pack(l, node, "node", NULL, "galvan.config.v1.Node", &b);
	if (r == 0) {
		Config__Node *m = config__node__unpack(NULL, b.size, b.data);
		r = m ? take_node(l, node, m) : -ENOMEM;
		config__node__free_unpacked(m, NULL);
	}
	gv_buf_fini(&b);
	return r;
}

/* ---- plugins --------------------------------------------------------------------------------- */

static bool is_grant(const char *s)
{
	static const char *const kinds[] = { "hear:", "emit:", "serve:", "call:" };
	if (!strcmp(s, "net"))
		return true;
	if (!strncmp(s, "listen:/", 8))
		return !s[7 + strcspn(s + 7, " \t\r\n?#")];
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i]);
		if (!strncmp(s, kinds[i], n))
			return s[n] && (!strcmp(s + n, "*") ||
					!s[n + strspn(s + n, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
							     "0123456789_.")]);
	}
	return false;
}

static int take_grants(struct loaded *l, const struct gv_yaml_node *node, const Config__Plugin *m,
		       struct gv_config_plugin *to)
{
	const char **grants = alloc(l, (m->n_grants + 1) * sizeof *grants);
	if (!grants)
		return -ENOMEM;
	int r = 0;
	for (size_t i = 0; i < m->n_grants && r != -ENOMEM; i++) {
		if (!is_grant(m->grants[i])) {
			const struct gv_yaml_node *n = gv_yaml_member(node, "grants")->child;
			for (size_t j = 0; j < i; j++)
				n = n->next;
			r = WRONG(l, n,
				  "plugins.%s.grants[%zu]: no such grant: \"%s\"; allowed: hear:TYPE, emit:TYPE, "
				  "serve:SERVICE, "
				  "call:SERVICE, listen:/PATH/, net",
				  to->name, i, m->grants[i]);
			continue;
		}
		grants[i] = keep(l, m->grants[i]);
		if (!grants[i])
			return -ENOMEM;
	}
	to->grants = grants;
	to->n_grants = m->n_grants;
	return r;
}

static int take_plugin(struct loaded *l, const struct gv_yaml_node *node, const Config__Plugin *m,
		       struct gv_config_plugin *to)
{
	to->isolation = !strcmp(m->isolation, "thread") ? GV_ISOLATION_THREAD : GV_ISOLATION_PROCESS;
	to->instances = m->instances;
	if (*m->path) {
		to->path = resolve(l, m->path);
		if (!to->path)
			return -ENOMEM;
	}
	return take_grants(l, node, m, to);
}

static int read_plugin(struct loaded *l, const struct gv_yaml_node *node, struct gv_config_plugin *to)
{
	char where[sizeof "plugins." + GV_CONFIG_NAME_MAX];
	struct gv_buf b = { 0 };
	to->wrong = true;
	if (!is_name(node->key, true) || !strcmp(node->key, "kernel"))
		return WRONG(l, node,
			     "plugins: \"%s\" is no name for a plugin: lower-case letters, digits and '_', at most %d, "
			     "not \"kernel\"",
			     node->key, GV_CONFIG_NAME_MAX);
	to->name = node->key;
	to->line = node->line;
	to->column = node->column;
	to->config = gv_yaml_member(node, "config");
	if (to->config && gv_yaml_is_null(to->config))
		to->config = NULL;
	snprintf(where, sizeof where, "plugins.%s", node->key);
	int r = pack(l, node, where, "config", "galvan.config.v1.Plugin", &b);
	if (r == 0) {
		Config__Plugin *m = config__plugin__unpack(NULL, b.size, b.data);
		r = m ? take_plugin(l, node, m, to) : -ENOMEM;
		config__plugin__free_unpacked(m, NULL);
	}
	gv_buf_fini(&b);
	to->wrong = r < 0;
	return r;
}

static int read_plugins(struct loaded *l, const struct gv_yaml_node *node)
{
	if (node->kind != GV_YAML_MAP || node->count == 0)
		return WRONG(l, node, "plugins: expected at least one plugin, as NAME: {...}");
	if (node->count > GV_CONFIG_PLUGINS_MAX)
		return WRONG(l, node, "plugins: %zu of them, the most is %d", node->count, GV_CONFIG_PLUGINS_MAX);
	struct gv_config_plugin *plugins = alloc(l, node->count * sizeof *plugins);
	if (!plugins)
		return -ENOMEM;
	l->c.plugins = plugins;
	int r = 0;
	for (const struct gv_yaml_node *n = node->child; n && r != -ENOMEM; n = n->next) {
		int wrong = read_plugin(l, n, &plugins[l->c.n_plugins++]);
		r = wrong < 0 ? wrong : r;
	}
	return r;
}

/* ---- the file -------------------------------------------------------------------------------- */

static int check_keys(struct loaded *l, const struct gv_yaml_node *root)
{
	int r = 0;
	for (const struct gv_yaml_node *n = root->child; n && r != -ENOMEM; n = n->next) {
		if (!strcmp(n->key, "node") || !strcmp(n->key, "plugins"))
			continue;
		struct gv_nearest near = { 0 };
		gv_nearest_offer(&near, n->key, "node");
		gv_nearest_offer(&near, n->key, "plugins");
		r = near.name ? WRONG(l, n, "no such key: \"%s\"; did you mean %s? Allowed: node, plugins", n->key,
				      near.name)
			      : WRONG(l, n, "no such key: \"%s\"; allowed: node, plugins", n->key);
	}
	return r;
}

static int read_root(struct loaded *l)
{
	const struct gv_yaml_node *root = gv_yaml_root(l->yaml);
	if (root->kind != GV_YAML_MAP)
		return WRONG(l, root, "expected the keys node and plugins");
	int keys = check_keys(l, root);
	if (keys == -ENOMEM)
		return keys;
	const struct gv_yaml_node *plugins = gv_yaml_member(root, "plugins");
	if (!plugins)
		return keys < 0 ? keys : WRONG(l, root, "plugins: required, must be given");
	int node = read_node(l, gv_yaml_member(root, "node"));
	if (node == -ENOMEM)
		return node;
	int r = read_plugins(l, plugins);
	return r < 0 ? r : node < 0 ? node : keys;
}

static int read_text(struct loaded *l, const char *text, size_t size)
{
	if (size > GV_CONFIG_SIZE_MAX)
		return gv_config_wrong(l->c.file, 1, 1, l->ret_error, "the file has more than %d MiB",
				       GV_CONFIG_SIZE_MAX >> 20);
	int r = gv_yaml_parse(l->c.file, text, size, &l->yaml, l->ret_error);
	if (r == 0)
		r = gv_schema_create(&l->schema);
	if (r == 0)
		r = gv_schema_add(l->schema, config_schema, sizeof config_schema);
	if (r == 0)
		r = read_root(l);
	gv_schema_destroy(l->schema);
	l->schema = NULL;
	return r;
}

/* What had been said when memory ran out. */
static void drop(char **error)
{
	free(*error);
	*error = NULL;
}

/* *ret is set where r is 0, and also where it is -EINVAL and plugins could be read. */
static int survey(const char *file, const char *text, size_t size, struct gv_config **ret, char **ret_error)
{
	*ret = NULL;
	*ret_error = NULL;
	struct loaded *l = calloc(1, sizeof *l);
	if (!l)
		return -ENOMEM;
	l->ret_error = ret_error;
	l->c.file = keep(l, file);
	int r = l->c.file ? read_text(l, text, size) : -ENOMEM;
	if (r == -ENOMEM)
		drop(ret_error);
	if (r == 0 || (r == -EINVAL && l->c.n_plugins))
		*ret = &l->c;
	else
		gv_config_destroy(&l->c);
	return r;
}

/* The outcome of a survey, of which only a good file counts. */
static int judge(int r, struct gv_config *c, struct gv_config **ret)
{
	if (r == 0)
		*ret = c;
	else
		gv_config_destroy(c);
	return r;
}

int gv_config_parse(const char *file, const char *text, size_t size, struct gv_config **ret, char **ret_error)
{
	struct gv_config *c;
	int r = survey(file, text, size, &c, ret_error);

	return judge(r, c, ret);
}

static int wrong_file(const char *path, int error, char **ret_error)
{
	if (asprintf(ret_error, "%s: cannot be read: %s", path, strerror(-error)) < 0) {
		*ret_error = NULL;
		return -ENOMEM;
	}
	return error;
}

int gv_config_survey(const char *path, struct gv_config **ret, char **ret_error)
{
	*ret = NULL;
	*ret_error = NULL;
	FILE *f = fopen(path, "re");
	if (!f)
		return wrong_file(path, -errno, ret_error);
	size_t room = GV_CONFIG_SIZE_MAX + 1; /* one more shows that it is too large */
	char *text = malloc(room);
	errno = 0;
	size_t size = text ? fread(text, 1, room, f) : 0;
	int r = !text ? -ENOMEM : ferror(f) ? wrong_file(path, errno ? -errno : -EIO, ret_error) : 0;
	fclose(f);
	if (r == 0)
		r = survey(path, text, size, ret, ret_error);
	free(text);
	return r;
}

int gv_config_load(const char *path, struct gv_config **ret, char **ret_error)
{
	struct gv_config *c;
	int r = gv_config_survey(path, &c, ret_error);

	return judge(r, c, ret);
}

void gv_config_destroy(struct gv_config *c)
{
	struct loaded *l = (struct loaded *)c;
	if (!l)
		return;
	struct chunk *chunks = l->chunks;
	gv_yaml_destroy(l->yaml);
	free(l);
	for (struct chunk *next; chunks; chunks = next) {
		next = chunks->next;
		free(chunks);
	}
}

const struct gv_config_plugin *gv_config_find(const struct gv_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_plugins; i++)
		if (!strcmp(c->plugins[i].name, name))
			return &c->plugins[i];
	return NULL;
}

int gv_config_pack(const struct gv_config *c, const struct gv_config_plugin *p, const struct gv_type *type,
		   struct gv_buf *ret, char **ret_error)
{
	char where[sizeof "plugins..config" + GV_CONFIG_NAME_MAX];
	*ret_error = NULL;
	if (!type) {
		if (!p->config || (p->config->kind == GV_YAML_MAP && p->config->count == 0))
			return 0;
		return gv_config_wrong(c->file, p->config->line, p->config->column, ret_error,
				       "plugins.%s.config: the plugin takes no config, remove it", p->name);
	}
	snprintf(where, sizeof where, "plugins.%s.config", p->name);
	struct gv_config_tree tree = {
		.file = c->file, .where = where, .node = p->config, .config = c, .line = p->line, .column = p->column
	};
	if (p->config) {
		tree.line = p->config->line;
		tree.column = p->config->column;
	}
	int r = gv_config_tree_pack(&tree, type, ret, ret_error);
	if (r == -ENOMEM)
		drop(ret_error);
	return r;
}
