/* Samples are the only rows that grow with every minute of charging. They lie in the order in which they came, so that
 * forgetting the oldest is a walk from the front; where each day begins is a row of its own, as a charger's clock says
 * nothing about when its samples came. */
#include <plugins/ocpp/ocpp.h>

#define DAY_MS (24 * 60 * 60 * 1000)
#define PERIOD_MS (60 * 60 * 1000)
#define AGAIN_MS 1000     /* while there is more to forget */
#define ROWS_MAX 2000     /* forgotten in one turn, */
#define WEIGHT_MAX 100000 /* and what they may weigh: they are read into its memory */

static int64_t day_of(int64_t ms)
{
	return ms / DAY_MS;
}

int retention_start(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_days, .reverse = true };

	o->day = gv_next(t, &scan) ? (int64_t)scan.key.part[0].u : -1;
	return o->keep_days ? gv_timer(t, RETENTION_TIMER, gv_now_ms(t) + PERIOD_MS, NULL) : 0;
}

int retention_note(struct ocpp *o, struct gv_turn *t)
{
	Ocpp__DayRow row = OCPP__DAY_ROW__INIT;
	int64_t today = day_of(gv_now_ms(t));

	if (today <= o->day)
		return 0;
	row.first_sample = o->next_sample;
	o->day = today;
	return gv_put(t, &ocpp_days, gv_key((uint64_t)today), &row);
}

/* The first sample to keep; 0: all. Days before the one that it belongs to have no use any more. */
static uint64_t first_to_keep(struct gv_turn *t, int64_t oldest)
{
	struct gv_scan scan = { .table = &ocpp_days };
	struct gv_key before = { 0 };
	uint64_t first = 0;

	while (gv_next(t, &scan) && (int64_t)scan.key.part[0].u <= oldest) {
		if (before.count)
			gv_delete(t, &ocpp_days, before);
		before = scan.key;
		first = ((const Ocpp__DayRow *)scan.row)->first_sample;
	}
	return first;
}

int retention_due(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_samples };
	uint64_t keep, weight = 0;
	unsigned n = 0;
	bool more;

	if (!o->keep_days)
		return 0;
	keep = first_to_keep(t, day_of(gv_now_ms(t)) - o->keep_days);
	while (keep && n < ROWS_MAX && weight < WEIGHT_MAX && gv_next(t, &scan) && scan.key.part[0].u < keep) {
		const Ocpp__SampleRow *row = scan.row;

		weight += thin_weight(row->readings, row->n_readings);
		gv_delete(t, &ocpp_samples, scan.key);
		n++;
	}
	more = n == ROWS_MAX || weight >= WEIGHT_MAX;
	if (n)
		gv_count(t, "samples_forgotten", n);
	return gv_timer(t, RETENTION_TIMER, gv_now_ms(t) + (more ? AGAIN_MS : PERIOD_MS), NULL);
}
