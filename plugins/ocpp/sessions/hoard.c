/* How many samples of the ended sessions of one charger are kept: beyond that, those of its oldest sessions go, all of
 * a session, so many rows in a turn. What runs is bounded by thin.c. */
#include <plugins/ocpp/ocpp.h>

#include <string.h>

#define STEPS_MAX 2000    /* rows in a turn, */
#define WEIGHT_MAX 100000 /* and what they may weigh: they are read into its memory */
#define AGAIN_MS 1000

int hoard_add(struct ocpp *o, struct gv_turn *t, const char *device, int64_t weight)
{
	Ocpp__UsageRow *usage;

	if (!weight)
		return 0;
	usage = gv_edit(t, &ocpp_usage, gv_key(device));
	usage->weight += (uint64_t)weight;
	if (usage->weight <= o->keep_samples)
		return 0;
	return gv_timer(t, gv_str(t, HOARD_TIMER "%s", device), gv_now_ms(t), NULL);
}

/* The newest first: what is left stays a chain. How many rows. */
static unsigned empty(struct gv_turn *t, Ocpp__Transaction *x, unsigned max, uint64_t *freed)
{
	unsigned n = 0;

	while (x->newest_row && n < max && *freed < WEIGHT_MAX) {
		const Ocpp__SampleRow *row = gv_get(t, &ocpp_samples, gv_key(x->newest_row));
		uint32_t weight = row ? thin_weight(row->readings, row->n_readings) : 0;

		if (row)
			gv_delete(t, &ocpp_samples, gv_key(x->newest_row));
		x->weight -= weight < x->weight ? weight : x->weight;
		*freed += weight;
		x->newest_row = row ? row->prev : 0; /* it was too old already, and so are those before it */
		n++;
	}
	x->loose = x->passed = 0;
	if (!x->newest_row)
		x->weight = 0;
	return n;
}

int hoard_due(struct ocpp *o, struct gv_turn *t, const char *device)
{
	Ocpp__UsageRow *usage = gv_edit(t, &ocpp_usage, gv_key(device));
	struct gv_scan scan = { .table = &ocpp_history, .prefix = gv_key(device) };
	unsigned steps = 0, gone = 0;
	uint64_t freed = 0;
	bool more = true;

	if (usage->emptied)
		scan.after = gv_key(device, (uint64_t)usage->emptied);
	while (usage->weight > o->keep_samples && steps < STEPS_MAX && freed < WEIGHT_MAX &&
	       (more = gv_next(t, &scan))) {
		Ocpp__Transaction x = *(const Ocpp__Transaction *)scan.row;
		uint32_t before = x.weight;

		steps++;
		if (x.newest_row) {
			unsigned n = empty(t, &x, STEPS_MAX - steps + 1, &freed);

			gone += n;
			steps += n;
			usage->weight -= before - x.weight;
			gv_put(t, &ocpp_history, scan.key, &x);
		}
		if (!x.newest_row)
			usage->emptied = x.id;
	}
	if (!more) /* behind the last: the oldest is the first again, as ids go round */
		usage->emptied = 0;
	if (gone)
		gv_count(t, "samples_forgotten", gone);
	if (usage->weight <= o->keep_samples)
		return 0;
	return gv_timer(t, gv_str(t, HOARD_TIMER "%s", device), gv_now_ms(t) + AGAIN_MS, NULL);
}
