/* Cabinets over the simulated network and the people around them, for scenarios: who is lent a bank carries it away and
 * puts it in somewhere, some time; others repair, steal and pull plugs. What really happened is known here, whatever
 * the plugin was told of it. */
#ifndef TEST_HOST_CABINETS_H
#define TEST_HOST_CABINETS_H

#include "host.h"
#include <plugins/sim/cabinet.h>

#define CABINETS_MAX 4
#define CABINETS_SLOTS 4 /* of each, at most */
#define CABINETS_BANKS 9

struct cabinets;

struct box { /* a cabinet */
	struct cabinets *all;
	struct cabinet *model;
	struct cabinet_env env;
	struct host_station *station;
	char device[64];
	unsigned slots;
	enum cabinet_family family;
	int64_t alarm_ms;   /* when it is looked after; INT64_MAX: never */
	int64_t connect_ms; /* when it connects; INT64_MAX: it does, or has */
	bool dialing;
	bool told[CABINETS_SLOTS + 1];                    /* to open, and nobody has spoken of it since */
	char gone[CABINETS_SLOTS + 1][CABINET_BANK_SIZE]; /* what came out of it last */
	uint64_t lends;
};

enum bank_where { BANK_IN_BOX, BANK_IN_HANDS };
struct bank {
	struct cabinets *all;
	char id[CABINET_BANK_SIZE];
	enum bank_where where;
	bool kept;       /* nobody brings it back before cabinets_bring_all */
	bool on_its_way; /* somebody will try a cabinet soon */
	uint64_t outs;   /* how often it came out for a command of the server's */
};

struct cabinets {
	struct host *h;
	struct box box[CABINETS_MAX];
	unsigned n;
	struct bank bank[CABINETS_BANKS];
	unsigned n_banks;
	unsigned keep_pm; /* people who keep a bank for good */
	bool no_rest;     /* bring what comes out back at once: the scenario ends */
	uint64_t outs;    /* banks that came out for a command of the server's */
};

/* What is wrong with the cabinets under this seed; the plugin is told nothing of it. */
struct cabinet_faults cabinets_trouble(struct host *h);
/* `n` cabinets with `n_banks` banks between them, not connected yet. The last is of the binary family. */
struct cabinets *cabinets_create(struct host *h, unsigned n, unsigned n_banks, const struct cabinet_faults *faults);
void cabinets_destroy(struct cabinets *all);
/* To the listeners "ruioo" and "woshi" of the plugin. */
void cabinets_connect(struct cabinets *all);
/* From now on all behave. */
void cabinets_calm(struct cabinets *all);
/* Nobody keeps a bank any more. */
void cabinets_bring_all(struct cabinets *all);
/* No bank is in anybody's hands, nothing moves, and no report waits for its answer. */
bool cabinets_at_rest(const struct cabinets *all);
struct box *cabinets_any(struct cabinets *all);
/* After anything was done to a model from outside. */
void box_schedule(struct box *b);
/* Somebody takes whatever bank out of a slot by force, and brings it back later. */
void box_rob(struct box *b, unsigned slot);
/* The last inventory of each, and one more that must find nothing. */
void cabinets_audit(const struct cabinets *all);
/* Each bank is in the slot in which the plugin has it, and nothing is out any more. */
void cabinets_check_books(const struct cabinets *all);
bool cabinets_is_bank(const struct cabinets *all, const char *id);

#endif
