/* A load run's account, as people and tests read it. */
#include "load_run.h"

#include <stdio.h>
#include <stdlib.h>

static void report_stations(const struct load *l, Sim__LoadReport *ret)
{
	ret->stations = calloc(l->born ? l->born : 1, sizeof *ret->stations);
	Sim__LoadStation *rows = calloc(l->born ? l->born : 1, sizeof *rows);
	char(*names)[96] = calloc(l->born ? l->born : 1, sizeof *names);
	if (!ret->stations || !rows || !names) {
		free(ret->stations);
		free(rows);
		free(names);
		ret->stations = NULL;
		return;
	}
	for (uint32_t i = 0; i < l->born; i++) {
		const struct station *s = &l->stations[i];
		sim__load_station__init(&rows[i]);
		snprintf(names[i], sizeof names[i], "%s%04u", l->prefix, i + 1);
		rows[i].identity = names[i];
		rows[i].transaction_id = s->transaction_id;
		rows[i].answered = s->answered;
		rows[i].meter_wh = s->answered_wh;
		rows[i].meter_start_wh = s->start_wh;
		rows[i].time_ms = s->answered_time_ms;
		ret->stations[i] = &rows[i];
	}
	ret->n_stations = l->born;
}

void load_report(const struct load *l, bool stations, Sim__LoadReport *ret)
{
	load_account_report(&l->account, l->want.connections, ret);
	if (stations)
		report_stations(l, ret);
}

void load_report_fini(Sim__LoadReport *r)
{
	if (r->stations) {
		free(r->stations[0]->identity);
		free(r->stations[0]);
		free(r->stations);
	}
	r->stations = NULL;
	r->n_stations = 0;
}
