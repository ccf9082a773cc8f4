/* Reports on their way to the server: each waits for its answer and is said again until it has one, or is lost, doubled
 * and late as the faults have it. */
#include "cabinet_model.h"

#include <stdio.h>
#include <string.h>

#define REPEAT_S 10

static void forget(struct cabinet *c, unsigned i)
{
	memmove(&c->reports[i], &c->reports[i + 1], (c->n_reports - i - 1) * sizeof c->reports[0]);
	c->n_reports--;
}

void report_add(struct cabinet *c, enum cabinet_word word, unsigned slot, const char *bank, bool forced)
{
	if (c->n_reports == CABINET_MAX_REPORTS)
		forget(c, 0);
	struct report *r = &c->reports[c->n_reports++];
	*r = (struct report){ .word = word, .slot = slot, .forced = forced, .at_ms = c->now_ms };
	r->again_ms = r->gone_ms = NEVER;
	snprintf(r->bank, sizeof r->bank, "%s", bank);
}

static bool answers(const struct cabinet *c, const struct report *r, enum cabinet_word word)
{
	bool not_taken = r->word == CABINET_NOT_TAKEN && c->faults.bf_for_rf;
	return r->word == word || (not_taken && word == CABINET_NOT_LENT);
}

void report_confirm(struct cabinet *c, enum cabinet_word word, unsigned slot, const char *bank)
{
	for (unsigned i = 0; i < c->n_reports; i++) {
		struct report *r = &c->reports[i];
		if (!r->said || r->gone_ms != NEVER || !answers(c, r, word) || r->slot != slot ||
		    strcmp(r->bank, bank) != 0)
			continue;
		if (cabinet_chance(c, c->faults.lose_answer_pm))
			return;
		r->gone_ms = c->now_ms;
		if (cabinet_chance(c, c->faults.late_answer_pm))
			r->gone_ms += (int64_t)cabinet_random_below(c, c->faults.late_ms + 1);
		return;
	}
	c->count.unexpected++;
}

static void say(struct cabinet *c, const struct report *r)
{
	cabinet_spoke(c, r->word, r->slot, r->bank);
	cabinet_tongue(c)->report(c, r);
}

/* Whether the report is done with. */
static bool run_one(struct cabinet *c, struct report *r)
{
	bool repeats = cabinet_tongue(c)->repeats;
	uint32_t repeat_s = c->faults.repeat_s ? c->faults.repeat_s : REPEAT_S;
	if (r->gone_ms <= c->now_ms)
		return true;
	if (r->again_ms <= c->now_ms && c->connected) {
		r->again_ms = NEVER;
		say(c, r);
	}
	if (r->at_ms > c->now_ms || !c->connected)
		return !repeats && r->said && r->again_ms == NEVER;
	r->said++;
	r->at_ms = repeats && !c->faults.never_repeats ? c->now_ms + (int64_t)repeat_s * 1000 : NEVER;
	if (cabinet_chance(c, c->faults.lose_report_pm))
		return !repeats;
	if (cabinet_chance(c, c->faults.late_report_pm))
		r->again_ms = c->now_ms + 1 + (int64_t)cabinet_random_below(c, c->faults.late_ms + 1);
	else
		say(c, r);
	if (cabinet_chance(c, c->faults.double_report_pm))
		say(c, r);
	if (cabinet_chance(c, c->faults.half_open_pm))
		cabinet_drop(c, CABINET_HALF_OPEN, 1000 + (int64_t)cabinet_random_below(c, 4000));
	return !repeats && r->again_ms == NEVER;
}

void report_run(struct cabinet *c)
{
	for (unsigned i = 0; i < c->n_reports;)
		if (run_one(c, &c->reports[i]))
			forget(c, i);
		else
			i++;
}

int64_t report_next_ms(const struct cabinet *c)
{
	int64_t next = NEVER;
	for (unsigned i = 0; i < c->n_reports; i++) {
		const struct report *r = &c->reports[i];
		next = r->gone_ms < next ? r->gone_ms : next;
		if (!c->connected)
			continue;
		next = r->again_ms < next ? r->again_ms : next;
		next = r->at_ms < next ? r->at_ms : next;
	}
	return next;
}

/* What was not answered is said again to a new connection; an answer to a command that came over the old one is not. */
void report_connected(struct cabinet *c)
{
	if (!cabinet_tongue(c)->repeats)
		c->n_reports = 0;
	for (unsigned i = 0; i < c->n_reports; i++) {
		struct report *r = &c->reports[i];
		if (!c->faults.never_repeats || !r->said)
			r->at_ms = c->now_ms + 500 + (int64_t)cabinet_random_below(c, 1000);
	}
}
