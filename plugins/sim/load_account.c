/* What happens is counted where it happens; how it is measured and reported is the same for all loads. */
#include "load_account.h"

#include <stdio.h>
#include <sys/resource.h>
#include <uv.h>

static double cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_THREAD, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

void load_account_enter(struct load_account *a, enum load_phase phase, uint64_t now_ns)
{
	if (a->phase == MEASURING) {
		a->measured_ns = now_ns - a->measure_ns;
		a->cpu_us = cpu_us() - a->cpu_begun_us;
	}
	a->phase = phase;
	a->phase_ns = now_ns;
	if (phase == MEASURING) {
		a->measure_ns = now_ns;
		a->cpu_begun_us = cpu_us();
	}
}

bool load_account_running(const struct load_account *a)
{
	return a->phase == WARMING || a->phase == MEASURING;
}

void load_account_complain(struct load_account *a, const char *what, const char *detail, size_t detail_size)
{
	if (!a->error[0])
		snprintf(a->error, sizeof a->error, "%s: %.*s", what, (int)(detail_size < 200 ? detail_size : 200),
			 detail);
}

void load_account_report(const struct load_account *a, uint32_t connections, Sim__LoadReport *ret)
{
	static const char *const names[] = { "connecting", "warming",   "measuring", "finishing",
					     "finishing",  "finishing", "done" };
	uint64_t took_ns = a->phase == MEASURING ? uv_hrtime() - a->measure_ns : a->measured_ns;
	sim__load_report__init(ret);
	ret->state = (char *)(a->failed ? "failed" : names[a->phase]);
	ret->error = (char *)a->error;
	ret->connections = a->phase < CLOSING ? a->up : connections - a->failed_connections - a->dropped;
	ret->failed_connections = a->failed_connections;
	ret->dropped_connections = a->dropped;
	ret->connect_ms = (double)(a->last_open_ns - a->begun_ns) / 1e6;
	ret->calls = a->latency.count;
	ret->seconds = (double)took_ns / 1e9;
	ret->rate_per_s = took_ns ? (double)a->latency.count * 1e9 / (double)took_ns : 0;
	ret->p50_us = (double)histogram_at(&a->latency, 0.5) / 1e3;
	ret->p90_us = (double)histogram_at(&a->latency, 0.9) / 1e3;
	ret->p99_us = (double)histogram_at(&a->latency, 0.99) / 1e3;
	ret->p999_us = (double)histogram_at(&a->latency, 0.999) / 1e3;
	ret->max_us = (double)a->latency.max_ns / 1e3;
	ret->sent = a->sent;
	ret->answered = a->answered;
	ret->errors = a->errors;
	ret->wrong = a->wrong;
	ret->doubled = a->doubled;
	ret->unexpected = a->unexpected;
	ret->unanswered = a->waiting + a->lost;
	ret->repeated = a->repeated;
	ret->cpu_us_per_call = a->latency.count ? a->cpu_us / (double)a->latency.count : 0;
}
