/* What the files of a load by cabinets share. */
#ifndef SIM_CABINET_LOAD_RUN_H
#define SIM_CABINET_LOAD_RUN_H

#include "cabinet_load.h"
#include "histogram.h"
#include "line.h"

#include <lib/ruioo.h>

#define LOADED_SLOTS 3 /* two hold a bank, the third is for visitors */
#define VISITORS_SLOT 3

enum loaded_phase { L_CONNECTING, L_WARMING, L_MEASURING, L_FINISHING, L_LINGERING, L_CLOSING, L_DONE };
enum loaded_state { LOADED_UNBORN, LOADED_DIALING, LOADED_UP, LOADED_GONE };

struct question { /* of a slot: what its last frame waits for, or waited for */
	uint64_t sent_ns;
	enum gv_ruioo_command command; /* MQ, MC or MR */
	enum gv_ruioo_sub sub;
	bool waits, asked;
};

struct loaded { /* a cabinet */
	struct line line;
	struct cabinet_load *load;
	uint8_t *rest; /* the unfinished end of what the server sent; NULL: none */
	size_t rest_size;
	uint64_t since_ns;
	uint32_t index;
	enum loaded_state state;
	bool line_up;
	bool out[LOADED_SLOTS + 1]; /* the slot's bank was lent */
	struct question question[LOADED_SLOTS + 1];
};

struct coming_back { /* a bank that was lent */
	uint64_t at_ns;
	uint32_t index, slot;
};

struct cabinet_load {
	uv_timer_t timer;
	struct line_io io;
	struct line_target target;
	Sim__LoadCabinetsRequest want; /* numbers with their defaults; no strings */
	uint64_t first;                /* IMEI */
	bool failed, stopping;
	void (*done)(void *arg);
	void *arg;
	struct loaded *cabinets;
	struct coming_back *back; /* a ring: return_s is the same for all, so it is in order */
	size_t back_at, n_back, cap_back;
	enum loaded_phase phase;
	uint32_t born, dialing, open_lines, up, failed_connections, dropped, next_visitor;
	uint64_t begun_ns, last_open_ns, phase_ns, measure_ns, measured_ns, heartbeats, visits;
	uint64_t sent, answered, errors, wrong, doubled, unexpected, waiting, lost;
	double cpu_us, cpu_begun_us;
	char error[300];
	struct histogram latency;
};

void cabinet_load_complain(struct cabinet_load *l, const char *what, const char *detail, size_t detail_size);
/* Goes from phase to phase as far as it can be gone now. */
void cabinet_load_pace(struct cabinet_load *l);

/* cabinet_load_line.c: one of them. */
void loaded_dial(struct loaded *c, uint64_t now_ns);
void loaded_heartbeat(struct loaded *c);
/* Somebody holds a bank to a slot: an MQ. False: it waits for something already. */
bool loaded_visit(struct loaded *c, unsigned slot, uint64_t now_ns);

#endif
