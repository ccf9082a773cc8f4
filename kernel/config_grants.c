/* What a plugin's record asks for against what the deployment file grants it. */
#include "config.h"

#include "config_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct check {
	const struct gv_config_plugin *p;
	struct gv_buf missing; /* ", "-separated */
};

static bool granted(const struct gv_config_plugin *p, const char *kind, const char *name)
{
	size_t n = strlen(kind);
	for (size_t i = 0; i < p->n_grants; i++) {
		const char *g = p->grants[i];
		if (!strncmp(g, kind, n) && (!strcmp(g + n, name) || (*name && !strcmp(g + n, "*"))))
			return true;
	}
	return false;
}

static void want(struct check *c, const char *kind, const char *name)
{
	if (!granted(c->p, kind, name))
		gv_buf_printf(&c->missing, "%s%s%s", c->missing.size ? ", " : "", kind, name);
}

static void want_all(struct check *c, const char *kind, char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		want(c, kind, names[i]);
}

int gv_config_grants(const struct gv_config *c, const struct gv_config_plugin *p, const Kernel__Record *record,
		     char **ret_error)
{
	struct check check = { .p = p };
	*ret_error = NULL;
	if (!p->path)
		return 0;
	want_all(&check, "hear:", record->hears, record->n_hears);
	want_all(&check, "emit:", record->emits, record->n_emits);
	want_all(&check, "serve:", record->serves, record->n_serves);
	want_all(&check, "call:", record->calls, record->n_calls);
	want_all(&check, "listen:", record->listens, record->n_listens);
	if (record->driver)
		want(&check, "net", "");
	int r = check.missing.error;
	if (r == 0 && check.missing.size > 0) {
		struct gv_buf all = { 0 };
		for (size_t i = 0; i < p->n_grants; i++)
			gv_buf_printf(&all, "%s, ", p->grants[i]);
		gv_buf_puts(&all, gv_buf_str(&check.missing));
		r = gv_config_wrong(c->file, p->line, 1, ret_error,
				    "plugins.%s: %s asks for more than it is granted: %s. If you trust it, write "
				    "there: grants: [%s]",
				    p->name, p->path, gv_buf_str(&check.missing), gv_buf_str(&all));
		gv_buf_fini(&all);
		if (r == -EINVAL)
			r = -EPERM;
	}
	gv_buf_fini(&check.missing);
	return r;
}
