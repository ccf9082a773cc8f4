/* Which devices a campaign's target means. */
#include "fleet.h"

#include <stdlib.h>
#include <string.h>

struct target {
	const Ota__Target *t;
	const char **devices, **tags, **sites; /* sorted */
	struct filter *filter;                 /* NULL: none */
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **sorted(struct gv_turn *t, char **texts, size_t n)
{
	const char **copy = gv_alloc(t, (n + 1) * sizeof *copy);

	for (size_t i = 0; i < n; i++)
		copy[i] = texts[i];
	qsort(copy, n, sizeof *copy, by_text);
	return copy;
}

static bool among(const char **texts, size_t n, const char *text)
{
	return bsearch(&text, texts, n, sizeof *texts, by_text) != NULL;
}

struct target *target_open(struct gv_turn *t, const Ota__Target *target, const char **ret_problem)
{
	struct target *x = gv_alloc(t, sizeof *x);
	char *error = gv_alloc(t, FILTER_ERROR_MAX);

	*ret_problem = NULL;
	if (!target || (!target->n_devices && !target->n_tags && !target->n_sites && !*target->filter)) {
		*ret_problem = "target chooses nothing: give devices, tags, sites or a filter";
		return NULL;
	}
	x->t = target;
	x->devices = sorted(t, target->devices, target->n_devices);
	x->tags = sorted(t, target->tags, target->n_tags);
	x->sites = sorted(t, target->sites, target->n_sites);
	if (!*target->filter)
		return x;
	x->filter = gv_alloc(t, sizeof *x->filter);
	if (filter_compile(target->filter, x->filter, error))
		return x;
	*ret_problem = gv_str(t, "target.filter, %s", error);
	return NULL;
}

static bool tagged(const struct target *x, const struct subject *s)
{
	for (size_t i = 0; i < s->n_tags; i++)
		if (among(x->tags, x->t->n_tags, s->tags[i]))
			return true;
	return !x->t->n_tags;
}

bool target_matches(const struct target *x, const struct subject *s)
{
	return (!x->t->n_devices || among(x->devices, x->t->n_devices, s->device)) &&
	       (!x->t->n_sites || among(x->sites, x->t->n_sites, s->site)) && tagged(x, s) &&
	       (!x->filter || filter_matches(x->filter, s));
}

static int against(const void *device, const void *subject)
{
	return strcmp(device, ((const struct subject *)subject)->device);
}

/* Few that are named are looked up, instead of looking at all. */
static void named(const struct target *x, const struct subject *all, size_t n, const char *after,
		  bool (*each)(void *arg, const struct subject *s), void *arg)
{
	for (size_t i = 0; i < x->t->n_devices; i++) {
		const struct subject *s;

		if (strcmp(x->devices[i], after) <= 0 || (i && !strcmp(x->devices[i], x->devices[i - 1])))
			continue;
		s = bsearch(x->devices[i], all, n, sizeof *all, against);
		if (s && target_matches(x, s) && !each(arg, s))
			return;
	}
}

void target_each(struct ota *o, const struct target *x, const char *after,
		 bool (*each)(void *arg, const struct subject *s), void *arg)
{
	size_t n, low = 0, high;
	const struct subject *all = fleet_subjects(o, &n);

	if (!n)
		return;
	if (x->t->n_devices) {
		named(x, all, n, after, each, arg);
		return;
	}
	for (high = n; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(all[middle].device, after) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < n; low++)
		if (target_matches(x, &all[low]) && !each(arg, &all[low]))
			return;
}
