/* The account of a load run, whatever it loads: the phase that it is in, what became of its calls, and how long their
 * answers took. */
#ifndef SIM_LOAD_ACCOUNT_H
#define SIM_LOAD_ACCOUNT_H

#include "histogram.h"

#include <galvan/sim.pb-c.h>

#include <stdbool.h>
#include <stddef.h>

enum load_phase { CONNECTING, WARMING, MEASURING, FINISHING, LINGERING, CLOSING, DONE };

struct load_account { /* zeroed: nothing has begun */
	enum load_phase phase;
	bool failed;
	uint32_t up; /* connections that are of use now */
	uint32_t failed_connections, dropped;
	uint64_t begun_ns, last_open_ns, phase_ns, measure_ns, measured_ns;
	uint64_t sent, answered, errors, wrong, doubled, unexpected, repeated, waiting, lost;
	double cpu_us, cpu_begun_us;
	char error[300];
	struct histogram latency;
};

/* Time and the loop's thread are measured from the beginning of MEASURING to its end. */
void load_account_enter(struct load_account *a, enum load_phase phase, uint64_t now_ns);
/* WARMING or MEASURING: calls are made. */
bool load_account_running(const struct load_account *a);
/* The first thing that goes wrong is kept for the report. */
void load_account_complain(struct load_account *a, const char *what, const char *detail, size_t detail_size);
/* `connections`: how many were wanted. The report's strings are borrowed from the account. */
void load_account_report(const struct load_account *a, uint32_t connections, Sim__LoadReport *ret);

#endif
