/* What the files of a load run share. */
#ifndef SIM_LOAD_RUN_H
#define SIM_LOAD_RUN_H

#include "line.h"
#include "load.h"
#include "load_account.h"
#include "load_call.h"

enum state { UNBORN, DIALING, SETTING_UP, READY, GONE };

struct slot { /* a call that waits for its answer */
	uint64_t sent_ns;
	struct load_call call;
	bool used;
};

struct station {
	struct line line;
	struct load *load;
	struct slot *slots;
	uint64_t since_ns; /* DIALING: began; GONE: ended */
	uint32_t index, seq, in_flight;
	enum state state;
	bool line_up;       /* the line's memory is in use */
	bool set_up;        /* was READY once */
	uint8_t storm_step; /* what it has said since its return */
	int64_t transaction_id, time_ms, answered_time_ms;
	uint64_t meter_wh, start_wh, answered, answered_wh;
};

struct load {
	uv_timer_t timer;
	struct line_io io;
	struct line_target target;
	Sim__LoadRequest want; /* numbers with their defaults; strings below */
	char prefix[72], subprotocol[64], password[132], token[24];
	enum load_kind kind;
	bool idle, storm, has_password, stopping;
	uint32_t away; /* in a storm: who has not come back and been answered */
	void (*done)(void *arg);
	void *arg;
	struct station *stations;
	char *tail;
	size_t tail_size;
	uint8_t *scratch;
	uint32_t born, dialing, unsettled, open_lines;
	int64_t clock_ms; /* realtime = clock_ms + hrtime */
	struct load_account account;
};

/* Goes from phase to phase as far as it can be gone now (load.c). */
void load_pace(struct load *l);
/* Sends what the run wants of a station that is ready (load_station.c). */
void load_fill(struct station *s, uint64_t now_ns);
/* Begins the connection of a station (load_station.c). */
void load_dial(struct load *l, struct station *s, uint64_t now_ns);

/* A storm (load_storm.c): cuts all connections, which come back as they end. */
void load_storm_begin(struct load *l);
/* The next call of a station that has come back. False: it has been answered all. */
bool load_storm_call(struct station *s, uint64_t now_ns);
/* Sends a call (load_station.c). */
void load_send(struct station *s, enum load_kind kind, uint64_t now_ns);

#endif
