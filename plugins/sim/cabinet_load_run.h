/* What the files of a load by cabinets share. */
#ifndef SIM_CABINET_LOAD_RUN_H
#define SIM_CABINET_LOAD_RUN_H

#include "cabinet_load.h"
#include "line.h"
#include "load_account.h"

#include <lib/ruioo.h>

#define LOADED_SLOTS 3 /* two hold a bank, the third is for visitors */
#define VISITORS_SLOT 3

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
	bool stopping;
	void (*done)(void *arg);
	void *arg;
	struct loaded *cabinets;
	struct coming_back *back; /* a ring: return_s is the same for all, so it is in order */
	size_t back_at, n_back, cap_back;
	uint32_t born, dialing, open_lines, next_visitor;
	uint64_t heartbeats, visits; /* visits: in this phase */
	struct load_account account;
};

/* cabinet_load_line.c: one of them. */
void loaded_dial(struct loaded *c, uint64_t now_ns);
void loaded_heartbeat(struct loaded *c);
/* Somebody holds a bank to a slot: an MQ. False: it waits for something already. */
bool loaded_visit(struct loaded *c, unsigned slot, uint64_t now_ns);

#endif
