/* A charger that takes charging profiles and reckons with them by itself: with reference.c, not with the plugin's code.
 */
#ifndef TEST_OCPP_SMART_H
#define TEST_OCPP_SMART_H

#include "charger.h"
#include "reference.h"

#define SMART "ocpp:SMART"

struct smart {
	struct host_station *station;
	bool v201; /* it speaks 2.0.1 instead of 1.6 */
	/* What it has. */
	struct bench b;
	/* How it is. */
	const char *settings; /* its configurationKey list (2.0.1: getVariableResult), as JSON; NULL: a CALLERROR */
	const char *refuses;  /* purposes that it refuses, in one text; NULL: none */
	const char *how;      /* and the status that it refuses with */
	const char *fault;    /* the CALLERROR's code that every SetChargingProfile gets; NULL: none */
	bool level_zero_only; /* it refuses every other level */
	bool keeps;           /* it answers no ClearChargingProfile but with a CALLERROR */
	bool silent;          /* it does not answer SetChargingProfile */
	bool stays_open;      /* it refuses to close a connector */
	const char *key;      /* of its configuration, that limits it; NULL: none */
	int64_t sharper;      /* tenths that its composite schedule is below the right one */
	/* What it was told. */
	unsigned asked, set, cleared;
	unsigned kept;     /* a profile that it was to clear */
	unsigned changed;  /* its key */
	unsigned switched; /* its connector: closed or opened */
	bool closed;       /* its connector is, or will be when its transaction ends */
	char value[64];    /* what its key is */
	char last[4000];   /* the payload of the last SetChargingProfile */
	char answer[2000]; /* the last answer to a call of its own */
	unsigned calls;
};
extern struct smart smart;
extern const struct host_station_model smart_model;
/* Its transaction has ended, and its profiles with it. */
void smart_forget_transaction(void);

/* A node with this charger, connected, with one connector (in 2.0.1: EVSE). */
void smart_setup(void);
void smart_setup_v201(void);
/* A call of its own; the answer's frame. */
const char *smart_call(const char *action, const char *payload);
void smart_connectors(unsigned n);
/* Starts and ends a transaction; the number of its session. */
int smart_begin(unsigned connector);
void smart_end(int id);
/* What connector may draw now, in tenths of A; COMPOSITE_UNLIMITED. */
int64_t smart_now(unsigned connector);
/* The profiles that it has. */
size_t smart_profiles(void);
#define AMPERES(ma) "\"periods\":[{\"currentMa\":" #ma "}]"
#define SECONDS(s) host_run_ms(h, (s)*S)
/* SetLimit: the answer's status. `rest`: fields behind the device. */
const char *smart_limit(const char *rest);
/* What it calls its transaction in 2.0.1. */
#define SMART_TRANSACTION "its-own-7"
#define SMART_BENCH_V201 .init = smart_setup_v201, .fini = bench_teardown, .timeout = 60
#define SMART_BENCH .init = smart_setup, .fini = bench_teardown, .timeout = 60

#endif
