/* Finding devices: by id or alias in any case, by site, by tag. The indexes are changed with the row, in the same
 * transaction. */
#include "registry.h"

#include <string.h>

const struct gv_table registry_names = { .name = "names", .key = "s", .value = &registry__ref__descriptor };
const struct gv_table registry_by_site = { .name = "by_site", .key = "ss", .value = &registry__ref__descriptor };
const struct gv_table registry_by_tag = { .name = "by_tag", .key = "ss", .value = &registry__ref__descriptor };

const char *registry_holder(struct gv_turn *t, const char *name)
{
	char folded[REGISTRY_ID_MAX + 1];
	const Registry__Ref *ref;

	if (registry_id_problem(name))
		return "";
	registry_fold(name, folded);
	ref = gv_get(t, &registry_names, gv_key(folded));
	return ref ? ref->id : "";
}

const Registry__DeviceRow *registry_find(struct gv_turn *t, const char *name)
{
	const char *id = registry_holder(t, name);

	return *id ? gv_get(t, &registry_devices, gv_key(id)) : NULL;
}

static bool has(char *const *list, size_t n, const char *value)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i], value) == 0)
			return true;
	}
	return false;
}

static int set_name(struct gv_turn *t, const char *name, Registry__Ref *ref)
{
	char folded[REGISTRY_ID_MAX + 1];

	registry_fold(name, folded);
	return ref ? gv_put(t, &registry_names, gv_key(folded), ref) : gv_delete(t, &registry_names, gv_key(folded));
}

static void index_names(struct gv_turn *t, const Registry__Device *before, const Registry__Device *now,
			Registry__Ref *ref)
{
	/* Taken away first: a name may only have changed its case. */
	for (size_t i = 0; before && i < before->n_aliases; i++)
		set_name(t, before->aliases[i], NULL);
	if (before && !now)
		set_name(t, before->id, NULL);
	if (now && !before)
		set_name(t, now->id, ref);
	for (size_t i = 0; now && i < now->n_aliases; i++)
		set_name(t, now->aliases[i], ref);
}

static void index_tags(struct gv_turn *t, const Registry__Device *before, const Registry__Device *now,
		       Registry__Ref *ref)
{
	for (size_t i = 0; before && i < before->n_tags; i++) {
		if (!now || !has(now->tags, now->n_tags, before->tags[i]))
			gv_delete(t, &registry_by_tag, gv_key(before->tags[i], before->id));
	}
	for (size_t i = 0; now && i < now->n_tags; i++) {
		if (!before || !has(before->tags, before->n_tags, now->tags[i]))
			gv_put(t, &registry_by_tag, gv_key(now->tags[i], now->id), ref);
	}
}

/* What fails sticks to the message, so the results of the single writes need no looking after. */
int registry_index(struct gv_turn *t, const Registry__Device *before, const Registry__Device *now)
{
	Registry__Ref ref = REGISTRY__REF__INIT;

	ref.id = (char *)(now ? now->id : before->id);
	index_names(t, before, now, &ref);
	index_tags(t, before, now, &ref);
	if (before && *before->site && (!now || strcmp(before->site, now->site) != 0))
		gv_delete(t, &registry_by_site, gv_key(before->site, before->id));
	if (now && *now->site && (!before || strcmp(before->site, now->site) != 0))
		gv_put(t, &registry_by_site, gv_key(now->site, now->id), &ref);
	return 0;
}
