/* Follows the counter's events and notes every one that is missing, doubled or out of order. */
#include <galvan/plugin.h>

#include "zoo.pb-c.h"
#include "zoo.schema.h"

static const struct gv_table seen = { .name = "seen", .key = "s", .value = &zoo__seen__descriptor };

static int on_counted(void *self, struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from)
{
	Zoo__Seen *row = gv_edit(t, &seen, gv_key(e->key));

	if (from->snapshot)
		row->snapshot = true;
	else if ((uint64_t)row->total + (uint64_t)e->by != (uint64_t)e->total || row->times + 1 != e->times)
		row->faults++;
	row->total = e->total;
	row->times = e->times;
	return 0;
}
GV_ON_EVENT(on_counted, void, Zoo__Counted)

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static const struct gv_hears hears[] = { { &zoo__counted__descriptor, on_counted_event }, { 0 } };
static const struct gv_table *const tables[] = { &seen, NULL };

GV_PLUGIN = {
	GV_STAMP,
	.name = "watcher",
	.version = "1",
	.summary = "Watches the counter.",
	.hears = hears,
	.tables = tables,
	.schema_set = GV_SCHEMA(zoo),
	.schema = 1,
	.start = start,
};
