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
	static const char *const names[] = { "connecting", "warming",   "measuring", "finishing",
					     "finishing",  "finishing", "done" };
	sim__load_report__init(ret);
	uint64_t took_ns = l->phase == MEASURING ? uv_hrtime() - l->measure_ns : l->measured_ns;
	ret->state = (char *)(l->failed ? "failed" : names[l->phase]);
	ret->error = (char *)l->error;
	ret->connections = l->phase < CLOSING ? l->ready : l->want.connections - l->failed_connections - l->dropped;
	ret->failed_connections = l->failed_connections;
	ret->dropped_connections = l->dropped;
	ret->connect_ms = (double)(l->last_open_ns - l->begun_ns) / 1e6;
	ret->calls = l->latency.count;
	ret->seconds = (double)took_ns / 1e9;
	ret->rate_per_s = took_ns ? (double)l->latency.count * 1e9 / (double)took_ns : 0;
	ret->p50_us = (double)histogram_at(&l->latency, 0.5) / 1e3;
	ret->p90_us = (double)histogram_at(&l->latency, 0.9) / 1e3;
	ret->p99_us = (double)histogram_at(&l->latency, 0.99) / 1e3;
	ret->p999_us = (double)histogram_at(&l->latency, 0.999) / 1e3;
	ret->max_us = (double)l->latency.max_ns / 1e3;
	ret->sent = l->sent;
	ret->answered = l->answered;
	ret->errors = l->errors;
	ret->wrong = l->wrong;
	ret->doubled = l->doubled;
	ret->unexpected = l->unexpected;
	ret->unanswered = l->waiting + l->lost;
	ret->repeated = l->repeated;
	ret->cpu_us_per_call = l->latency.count ? l->cpu_us / (double)l->latency.count : 0;
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
