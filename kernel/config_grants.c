/* What a plugin's record asks for against what the deployment file grants it. */
#include "config.h"

#include "config_tree.h"

#include <errno.h>
#include <lib/near.h>
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

static bool asks(char *const *names, size_t count, const char *kind, const char *grant)
{
	size_t n = strlen(kind);
	for (size_t i = 0; i < count; i++)
		if (!strncmp(grant, kind, n) && !strcmp(grant + n, names[i]))
			return true;
	return false;
}

static bool is_asked_for(const Kernel__Record *r, const char *grant)
{
	const char *colon = strchr(grant, ':');
	if (!colon || !strcmp(colon, ":*"))
		return true;
	return asks(r->hears, r->n_hears, "hear:", grant) || asks(r->emits, r->n_emits, "emit:", grant) ||
	       asks(r->serves, r->n_serves, "serve:", grant) || asks(r->calls, r->n_calls, "call:", grant) ||
	       asks(r->listens, r->n_listens, "listen:", grant);
}

static void offer_all(struct gv_nearest *near, const char *grant, const char *kind, char *const *names, size_t count)
{
	size_t n = strlen(kind);
	if (strncmp(grant, kind, n))
		return;
	for (size_t i = 0; i < count; i++)
		gv_nearest_offer(near, grant + n, names[i]);
}

/* Of the grants that are given, those that nothing in the plugin asks for, as a typing error would have it. */
static void put_unasked(const struct gv_config_plugin *p, const Kernel__Record *r, struct gv_buf *out)
{
	for (size_t i = 0; i < p->n_grants; i++) {
		const char *g = p->grants[i];
		struct gv_nearest near = { 0 };
		if (is_asked_for(r, g))
			continue;
		offer_all(&near, g, "hear:", r->hears, r->n_hears);
		offer_all(&near, g, "emit:", r->emits, r->n_emits);
		offer_all(&near, g, "serve:", r->serves, r->n_serves);
		offer_all(&near, g, "call:", r->calls, r->n_calls);
		offer_all(&near, g, "listen:", r->listens, r->n_listens);
		gv_buf_printf(out, " It does not ask for %s", g);
		if (near.name)
			gv_buf_printf(out, "; did you mean %.*s%s?", (int)(strchr(g, ':') - g + 1), g, near.name);
		else
			gv_buf_putc(out, '.');
	}
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
		struct gv_buf all = { 0 }, unasked = { 0 };
		for (size_t i = 0; i < p->n_grants; i++)
			if (is_asked_for(record, p->grants[i]))
				gv_buf_printf(&all, "%s, ", p->grants[i]);
		gv_buf_puts(&all, gv_buf_str(&check.missing));
		gv_buf_putc(&unasked, '.');
		put_unasked(p, record, &unasked);
		r = all.error ? all.error : unasked.error;
		if (r == 0)
			r = gv_config_wrong(
				c->file, p->line, p->column, ret_error,
				"plugins.%s: %s asks for more than it is granted: %s%s If you trust it, write "
				"there: grants: [%s]",
				p->name, p->path, gv_buf_str(&check.missing), gv_buf_str(&unasked), gv_buf_str(&all));
		gv_buf_fini(&all);
		gv_buf_fini(&unasked);
		if (r == -EINVAL)
			r = -EPERM;
	}
	gv_buf_fini(&check.missing);
	return r;
}
