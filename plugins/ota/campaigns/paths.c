/* Which artifact is next for a device: those of a product are a graph, whose edges go from the versions that an
 * artifact may be installed on to its own; the shortest way is taken. */
#include "paths.h"
#include "../repository/repository.h"

#include <string.h>

#define RELEASES_MAX 500 /* of a product's kind that are looked at: the newest */

struct paths {
	struct option {
		const Ota__Artifact *final;
		const Ota__Artifact **releases; /* of its product and kind, by counter, up to it */
		size_t n_releases;
	} * options;
	size_t count;
};

static void read_releases(struct gv_turn *t, struct option *o)
{
	struct gv_scan scan = { .table = &ota_products,
				.prefix = gv_key(o->final->product, o->final->kind),
				.reverse = true };

	while (o->n_releases < RELEASES_MAX && gv_next(t, &scan)) {
		const Ota__Artifact *a = artifact_get(t, ((const Ota__Ref *)scan.row)->id);

		if (a && !strcmp(a->state, "ready") && a->counter <= o->final->counter)
			*GV_APPEND(t, o->releases, o->n_releases) = a;
	}
}

struct paths *paths_open(struct gv_turn *t, char *const *artifacts, size_t n)
{
	struct paths *p = gv_alloc(t, sizeof *p);

	p->options = gv_alloc(t, (n + 1) * sizeof *p->options);
	for (size_t i = 0; i < n; i++) {
		const Ota__Artifact *a = artifact_get(t, artifacts[i]);

		if (!a || strcmp(a->state, "ready") != 0)
			continue;
		p->options[p->count].final = a;
		read_releases(t, &p->options[p->count++]);
	}
	return p;
}

/* ---- what fits ------------------------------------------------------------------------------- */

static bool among(char *const *list, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], what))
			return true;
	return !n;
}

/* A device that does not say how it takes updates is tried. */
static bool takes_kind(const Ota__DeviceRow *row, const char *kind)
{
	if (row->agent || !row->identity || !row->identity->n_ways)
		return true;
	if (device_takes(row, "agent") || device_takes(row, "courier"))
		return true;
	return !strcmp(kind, "config") ? device_takes(row, "config")
				       : device_takes(row, "firmware") || device_takes(row, "signed-firmware");
}

static bool fits(const Ota__Artifact *a, const struct subject *s, const Ota__DeviceRow *row)
{
	const Ota__Compatibility *f = a->fits;

	return takes_kind(row, a->kind) &&
	       (!f || (among(f->vendors, f->n_vendors, s->vendor) && among(f->models, f->n_models, s->model) &&
		       among(f->hardware, f->n_hardware, s->hardware)));
}

static bool goes_from(const Ota__Artifact *a, const char *version)
{
	return among(a->from, a->n_from, version);
}

/* ---- the way --------------------------------------------------------------------------------- */

/* Backwards from the final one, breadth first; the first that can be installed on the device is the next. */
static const Ota__Artifact *next_of(const struct option *o, struct gv_turn *t, const struct subject *s,
				    const Ota__DeviceRow *row, const char *version, uint64_t counter)
{
	const Ota__Artifact **open = gv_alloc(t, (o->n_releases + 1) * sizeof *open);
	unsigned *depth = gv_alloc(t, (o->n_releases + 1) * sizeof *depth);
	bool *seen = gv_alloc(t, (o->n_releases + 1) * sizeof *seen);
	size_t n = 1;

	open[0] = o->final;
	for (size_t at = 0; at < n; at++) {
		if (goes_from(open[at], version))
			return open[at];
		for (size_t i = 0; depth[at] < STEPS_MAX && i < o->n_releases; i++) {
			const Ota__Artifact *a = o->releases[i];

			if (seen[i] || a == open[at] || a->counter < counter || a->counter >= open[at]->counter ||
			    !goes_from(open[at], a->version) || !fits(a, s, row))
				continue;
			seen[i] = true;
			depth[n] = depth[at] + 1;
			open[n++] = a;
		}
	}
	return NULL;
}

struct choice paths_choose(const struct paths *p, struct gv_turn *t, const struct subject *s, const Ota__DeviceRow *row)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct option *o = &p->options[i];
		const char *version = device_version(row, o->final->kind);
		uint64_t counter = device_counter(row, o->final->product, o->final->kind);
		const Ota__Artifact *next;

		if (!fits(o->final, s, row))
			continue;
		if (!strcmp(version, o->final->version))
			return (struct choice){ NULL, o->final, gv_str(t, "has %s already", version) };
		if (counter > o->final->counter)
			return (struct choice){ NULL, o->final,
						gv_str(t, "has release %llu, and this one is %llu",
						       (unsigned long long)counter,
						       (unsigned long long)o->final->counter) };
		next = next_of(o, t, s, row, version, counter);
		if (!next)
			return (struct choice){ NULL, o->final,
						gv_str(t, "no way leads from %s to %s",
						       *version ? version : "an unknown version", o->final->version) };
		return (struct choice){ next, o->final, "" };
	}
	return (struct choice){ NULL, NULL, "none of the campaign's artifacts fits it" };
}

/* A device that verifies by itself refuses a lower counter: for it the old version must be signed again, with a higher
 * one. */
struct choice paths_back(struct gv_turn *t, const Ota__Artifact *has, const char *version, const Ota__DeviceRow *row)
{
	struct gv_scan scan = { .table = &ota_products, .prefix = gv_key(has->product, has->kind), .reverse = true };
	bool verifies = row->agent || device_takes(row, "agent") || device_takes(row, "courier");
	size_t looked = 0;

	if (!*version)
		return (struct choice){ NULL, NULL, "it is not known what it had" };
	while (looked++ < RELEASES_MAX && gv_next(t, &scan)) {
		const Ota__Artifact *a = artifact_get(t, ((const Ota__Ref *)scan.row)->id);

		if (!a || strcmp(a->state, "ready") != 0 || strcmp(a->version, version) != 0)
			continue;
		if (!goes_from(a, has->version) || (verifies && a->counter < has->counter))
			continue;
		return (struct choice){ a, a, "" };
	}
	return (struct choice){ NULL, NULL,
				gv_str(t, "there is no artifact that leads from %s back to %s%s", has->version, version,
				       verifies ? ", with a higher counter" : "") };
}
