/* All devices in memory, sorted by id, for filters over the whole fleet: made from the rows when they are first asked
 * for. A handler that is undone leaves nothing wrong here: rows that were touched are read again before they count. */
#include "fleet.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#define TOUCHED_MAX 65536    /* beyond it all rows are read again */
#define LOADED_AT_ONCE 20000 /* rows, in one turn */

struct fleet {
	struct subject *subjects;
	size_t count, capacity;
	const char **touched; /* in the pool */
	size_t n_touched;
	struct pool pool;
	bool loaded, short_of_memory;
};

static const char *keep(struct fleet *f, const char *text)
{
	const char *kept = pool_keep(&f->pool, text);

	f->short_of_memory |= !kept;
	return kept ? kept : "";
}

/* A subject whose texts are the pool's, and whose lists are one block of its own. */
static struct subject copy(struct fleet *f, const struct subject *s)
{
	size_t n = s->n_tags + 2 * s->n_attributes;
	const char **lists = n ? malloc(n * sizeof *lists) : NULL;
	struct subject to = { keep(f, s->device), keep(f, s->site),     keep(f, s->plugin), keep(f, s->vendor),
			      keep(f, s->model),  keep(f, s->hardware), keep(f, s->version) };

	f->short_of_memory |= n && !lists;
	if (!lists)
		return to;
	for (size_t i = 0; i < n; i++)
		lists[i] = keep(f, i < s->n_tags ? s->tags[i] : s->attributes[i - s->n_tags]);
	to.tags = lists;
	to.n_tags = s->n_tags;
	to.attributes = lists + s->n_tags;
	to.n_attributes = s->n_attributes;
	return to;
}

static void drop(struct subject *s)
{
	free((void *)s->tags); /* the lists' block begins with them */
}

static void forget(struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++)
		drop(&f->subjects[i]);
	f->count = f->n_touched = 0;
	f->loaded = false;
}

static struct subject *append(struct fleet *f)
{
	if (f->count == f->capacity) {
		size_t capacity = f->capacity ? f->capacity * 2 : 256;
		struct subject *more = realloc(f->subjects, capacity * sizeof *more);

		f->short_of_memory |= !more;
		if (!more)
			return NULL;
		f->subjects = more;
		f->capacity = capacity;
	}
	return &f->subjects[f->count++];
}

static void take(struct fleet *f, const struct subject *s)
{
	struct subject *to = append(f);

	if (to)
		*to = copy(f, s);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The next rows; they come by their keys, which sort as ids do. How many at once is bounded by the turn's memory. */
static void load(struct fleet *f, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ota_devices };
	struct subject s;
	size_t n = 0;

	if (f->count)
		scan.after = gv_key(f->subjects[f->count - 1].device);
	while (gv_next(t, &scan)) {
		const Ota__DeviceRow *row = scan.row;

		if (!row->registered)
			continue;
		if (n++ == LOADED_AT_ONCE)
			return;
		device_subject(t, scan.key.part[0].s, row, &s);
		take(f, &s);
	}
	f->loaded = true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void take_touched(struct fleet *f, struct gv_turn *t, const char *device)
{
	const Ota__DeviceRow *row = device_get(t, device);
	struct subject s;

	if (!row || !row->registered)
		return;
	device_subject(t, device, row, &s);
	take(f, &s);
}

/* One pass over all, with those that were touched in their places. */
static void merge(struct fleet *f, struct gv_turn *t)
{
	struct subject *old = f->subjects;
	size_t n = f->count, at = 0;

	if (f->n_touched)
		qsort(f->touched, f->n_touched, sizeof *f->touched, by_text);
	f->subjects = NULL;
	f->count = f->capacity = 0;
	for (size_t i = 0; i < f->n_touched; i++) {
		const char *device = f->touched[i];
		struct subject *to;

		if (i && !strcmp(device, f->touched[i - 1]))
			continue;
		for (; at < n && strcmp(old[at].device, device) < 0; at++) {
			to = append(f);
			if (to)
				*to = old[at];
		}
		if (at < n && !strcmp(old[at].device, device))
			drop(&old[at++]);
		take_touched(f, t, device);
	}
	for (; at < n; at++) {
		struct subject *to = append(f);

		if (to)
			*to = old[at];
	}
	free(old);
	f->n_touched = 0;
}

/* ---- the interface --------------------------------------------------------------------------- */

void fleet_touch(struct ota *o, const char *device)
{
	struct fleet *f = o->fleet;

	if (!f || !f->touched)
		return;
	if (f->n_touched == TOUCHED_MAX) {
		forget(f);
		return;
	}
	f->touched[f->n_touched++] = keep(f, device);
}

static struct fleet *open(struct ota *o)
{
	struct fleet *f = o->fleet;

	if (!f)
		f = o->fleet = calloc(1, sizeof *f);
	if (f && !f->touched)
		f->touched = calloc(TOUCHED_MAX, sizeof *f->touched);
	return f && f->touched ? f : NULL;
}

bool fleet_ready(struct ota *o, struct gv_turn *t)
{
	struct fleet *f = open(o);

	if (f && !f->loaded)
		load(f, t);
	else if (f && f->n_touched)
		merge(f, t);
	if (!f || f->short_of_memory) {
		if (f)
			forget(f);
		gv_fault(t, "there is no memory for the fleet");
		return false;
	}
	if (f->loaded && f->n_touched)
		merge(f, t);
	return f->loaded;
}

const struct subject *fleet_subjects(struct ota *o, size_t *ret_count)
{
	*ret_count = o->fleet && o->fleet->loaded ? o->fleet->count : 0;
	return *ret_count ? o->fleet->subjects : NULL;
}

void fleet_close(struct ota *o)
{
	struct fleet *f = o->fleet;

	if (!f)
		return;
	forget(f);
	free(f->subjects);
	free(f->touched);
	pool_fini(&f->pool);
	free(f);
	o->fleet = NULL;
}
