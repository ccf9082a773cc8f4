/* Samples: the hot path. A message's readings become one row in an append-only table, chained to the row before of the
 * same transaction, so that a message costs one append whatever the length of its session, and a repeated one is found
 * by looking back no further than its own time. */
#include "register.h"

#include <plugins/ocpp/ocpp.h>

#include <stdlib.h>
#include <string.h>

#define COMPARISONS_MAX 2000000 /* of readings, to find those of one message that are repeated */

static bool same(const Ocpp__Reading *a, int64_t a_ms, const Ocpp__Reading *b, int64_t b_ms)
{
	if (a_ms + a->offset_ms != b_ms + b->offset_ms || a->measurand != b->measurand || a->phase != b->phase ||
	    a->context != b->context || a->location != b->location || a->unit != b->unit || a->value != b->value ||
	    !a->texts != !b->texts)
		return false;
	if (!a->texts)
		return true;
	return !strcmp(a->texts->value, b->texts->value) && !strcmp(a->texts->measurand, b->texts->measurand) &&
	       !strcmp(a->texts->unit, b->texts->unit) && !strcmp(a->texts->phase, b->texts->phase) &&
	       !strcmp(a->texts->context, b->texts->context) && !strcmp(a->texts->location, b->texts->location);
}

void meter_drop_known(const Ocpp__SampleRow *row, struct meter *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n; i++) {
		bool known = false;

		for (size_t k = 0; k < row->n_readings && !known; k++)
			known = same(m->readings[i], m->base_ms, row->readings[k], row->time_ms);
		if (!known)
			m->readings[kept++] = m->readings[i];
	}
	m->n = kept;
}

/* Takes out what the transaction's rows hold already: looked for only where a reading is not newer than all of them,
 * and in no more than COMPARISONS_MAX steps. What has not been found by then is kept: twice rather than never. */
static void drop_repeated(struct gv_turn *t, const Ocpp__Transaction *x, struct meter *m)
{
	uint64_t at = x->newest_row;
	size_t budget = COMPARISONS_MAX;

	if (!m->replaced && m->oldest_ms > x->newest_sample_ms)
		return;
	for (unsigned i = 0; at && i < OCPP_WALK_MAX && m->n; i++) {
		const Ocpp__SampleRow *row = gv_get(t, &ocpp_samples, gv_key(at));

		if (!row)
			return;
		if (m->replaced && row->digest == m->digest) {
			m->n = 0;
			return;
		}
		if (!m->replaced && row->newest_ms < m->oldest_ms)
			return;
		if (m->n * row->n_readings > budget)
			return;
		budget -= m->n * row->n_readings;
		meter_drop_known(row, m);
		at = row->prev;
	}
}

int meter_append(struct ocpp *o, struct gv_turn *t, Ocpp__Transaction *x, struct meter *m)
{
	Ocpp__SampleRow row;

	if (m->n)
		drop_repeated(t, x, m);
	if (!m->n)
		return 0;
	retention_note(o, t);
	if (x->newest_sample_ms < m->newest_ms || !x->newest_row)
		x->newest_sample_ms = m->newest_ms;
	thin_append(t, x, m);
	ocpp__sample_row__init(&row);
	row.prev = x->newest_row;
	row.time_ms = m->base_ms;
	row.newest_ms = x->newest_sample_ms;
	row.n_readings = m->n;
	row.readings = m->readings;
	row.digest = m->digest;
	x->newest_row = o->next_sample++;
	return gv_put(t, &ocpp_samples, gv_key(x->newest_row), &row);
}

void meter_take_registers(struct gv_turn *t, Ocpp__Transaction *x, const struct meter *m)
{
	if (!m->registers && m->has_register)
		register_take(t, x, m->register_wh, m->register_ms);
	for (size_t i = 0; i < m->n_registers; i++)
		register_take(t, x, m->registers[i].wh, m->registers[i].ms);
}

void meter_apply(struct gv_turn *t, Ocpp__Transaction *x, const struct meter *m)
{
	x->flags |= m->flags;
	if (m->has_power)
		x->power_w = m->power_w;
	meter_take_registers(t, x, m);
	x->energy_wh = register_energy(x);
}

Charging__Sample **meter_samples(struct gv_turn *t, const struct meter *m)
{
	Charging__Sample *samples = gv_alloc(t, m->n * sizeof *samples);
	Charging__Sample **list = gv_alloc(t, m->n * sizeof *list);

	for (size_t i = 0; i < m->n; i++) {
		model_sample(&samples[i], m->base_ms, m->readings[i]);
		list[i] = &samples[i];
	}
	return list;
}

static int by_time(const void *a, const void *b)
{
	const Charging__Sample *x = *(Charging__Sample *const *)a, *y = *(Charging__Sample *const *)b;

	/* Both lie in one array, in the order of arrival: that decides between equal times. */
	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x < y ? -1 : 1;
}

void meter_collect(struct gv_turn *t, const Ocpp__Transaction *x, Charging__Session *session)
{
	const Ocpp__SampleRow **rows = NULL;
	size_t n_rows = 0, n = 0;
	Charging__Sample *samples;

	for (uint64_t at = x->newest_row; at && n < OCPP_SAMPLES_MAX && n_rows < OCPP_SCAN_MAX;) {
		const Ocpp__SampleRow *row = gv_get(t, &ocpp_samples, gv_key(at));

		if (!row)
			break;
		*GV_APPEND(t, rows, n_rows) = row;
		n += row->n_readings;
		at = row->prev;
	}
	samples = gv_alloc(t, n * sizeof *samples);
	session->samples = gv_alloc(t, n * sizeof *session->samples);
	for (size_t i = n_rows; i-- > 0;)
		for (size_t k = 0; k < rows[i]->n_readings; k++) {
			Charging__Sample *s = &samples[session->n_samples];

			model_sample(s, rows[i]->time_ms, rows[i]->readings[k]);
			session->samples[session->n_samples++] = s;
		}
	if (session->n_samples > 1)
		qsort(session->samples, session->n_samples, sizeof *session->samples, by_time);
}
