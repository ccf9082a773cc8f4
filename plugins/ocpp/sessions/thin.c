/* How many samples of one session are kept. The first half of what it may have is kept as it comes; of the rest only
 * each 4th message, then each 16th, and so on, each time that half of what was left is full, so that the room never
 * ends. The newest message is always there, and so is the newest that read the register: those between go when they are
 * not the newest any more. So the first and the last readings of a session are never missing, and its energy, which the
 * transaction keeps by itself, does not depend on any of it.
 *
 * Rows of `samples` are not changed once they are written. A row can go as long as no other names it as the one before:
 * `loose` tells how many of the newest rows may still go, with the one that comes: the newest, and the newest with a
 * register. */
#include <plugins/ocpp/ocpp.h>

#include <string.h>

#define WEIGHT_MAX ((uint32_t)OCPP_SAMPLES_MAX)
#define BYTES_PER_WEIGHT 32 /* of texts; a number weighs 1 */
#define LEVELS 15
#define NEVER UINT32_MAX

static uint32_t text_weight(const Ocpp__Texts *x)
{
	return (uint32_t)((strlen(x->value) + strlen(x->measurand) + strlen(x->unit) + strlen(x->phase) +
			   strlen(x->context) + strlen(x->location)) /
			  BYTES_PER_WEIGHT);
}

uint32_t thin_weight(Ocpp__Reading *const *readings, size_t n)
{
	uint32_t weight = (uint32_t)n;

	for (size_t i = 0; i < n; i++)
		if (readings[i]->texts)
			weight += text_weight(readings[i]->texts);
	return weight;
}

static bool has_register(Ocpp__Reading *const *readings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (readings[i]->measurand == OCPP__MEASURAND__ENERGY_ACTIVE_IMPORT_REGISTER && !readings[i]->texts)
			return true;
	return false;
}

/* Of so many messages one is kept. */
static uint32_t stride(uint32_t weight)
{
	unsigned level = 0;

	if (weight >= WEIGHT_MAX)
		return NEVER;
	while (level < LEVELS && weight >= WEIGHT_MAX - (WEIGHT_MAX >> (level + 1)))
		level++;
	return 1u << (2 * level);
}

/* The newest row goes, unless it has the last register reading and what comes has none. */
static bool drop_newest(struct gv_turn *t, Ocpp__Transaction *x, bool replaces_register)
{
	const Ocpp__SampleRow *row = gv_get(t, &ocpp_samples, gv_key(x->newest_row));
	uint32_t weight;

	if (!row || (!replaces_register && has_register(row->readings, row->n_readings)))
		return false;
	weight = thin_weight(row->readings, row->n_readings);
	x->weight -= weight < x->weight ? weight : x->weight;
	gv_delete(t, &ocpp_samples, gv_key(x->newest_row));
	x->newest_row = row->prev;
	gv_count(t, "samples_thinned", (double)row->n_readings);
	return true;
}

void thin_append(struct gv_turn *t, Ocpp__Transaction *x, const struct meter *m)
{
	uint32_t every = stride(x->weight);

	if (x->passed >= every || every == 1)
		x->loose = x->passed = 0;
	if (every > 1) {
		while (x->loose && drop_newest(t, x, has_register(m->readings, m->n)))
			x->loose--;
		x->loose++;
		x->passed++;
	}
	x->weight += thin_weight(m->readings, m->n);
}
