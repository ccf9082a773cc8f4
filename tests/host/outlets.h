/* Chargers as the load manager meets them, for scenarios of energy: a plugin that drives outlets of one connector each,
 * and the outlets themselves, which are no plugin's: what an outlet has taken in it has, whether its plugin's turn is
 * committed or not. They obey, refuse, obey and say nothing, say nothing and do not obey, and obey late, as chance has
 * it; they are cut off and come back, and cars come and go meanwhile. */
#ifndef TEST_HOST_OUTLETS_H
#define TEST_HOST_OUTLETS_H

#include "host.h"

#define OUTLETS_MAX 8
#define OUTLET_PENDING_MAX 8
#define OUTLET_PHANTOM 8

struct outlet_limit {
	int64_t at_ms;                           /* when it takes it in */
	int64_t limit_ma, valid_ms, fallback_ma; /* valid 0: it stands */
	bool opens;                              /* instead: away with it */
	uint64_t session;                        /* that it is meant for, by what was told */
};

struct outlet {
	char device[32];
	bool commissioned; /* has taken in a limit, once: cars come only then */
	bool cut_off;
	bool refuses; /* whatever it is told */
	/* It takes limits of running sessions only: without one a car draws max_ma. It can be closed to those that come
	 * after the one that runs. */
	bool session_only;
	int64_t max_ma;
	uint64_t limited; /* the session that its limit is of */
	bool closes, closed;
	uint64_t next;     /* the car that waits where it is closed; 0: none */
	unsigned phantoms; /* connectors from OUTLET_PHANTOM on that it speaks of and that take no limit */
	int64_t limit_ma, until_ms, fallback_ma; /* until 0: it stands */
	struct outlet_limit pending[OUTLET_PENDING_MAX];
	unsigned n_pending;
	uint64_t session;                     /* number of the car that is there; 0: none */
	int64_t wish_ma;                      /* what the car would draw */
	int64_t says_ma, says_wh, departs_ms; /* what the next car says of itself; says_ma 0: nothing */
	double got_mas;                       /* what it has got, in mA times s, since it came */
	struct gv_ticket owed;                /* an answer that comes later */
	int64_t owed_ms;                      /* 0: none */
	bool owed_opens;
};

struct outlets {
	struct host *h;
	struct outlet outlet[OUTLETS_MAX];
	unsigned n;
	unsigned unkind;  /* per mille of limits that are not simply obeyed */
	int64_t late_ms;  /* the latest that a limit may reach its outlet, after the plugin has taken it on */
	int64_t drift_ms; /* the most that an outlet's clock is late */
	int64_t metered_ms;
	uint64_t taken_in; /* limits, so far */
	void (*seen)(struct outlets *o, int64_t at_ms, void *arg);
	void *arg;
};

extern const struct gv_plugin outlet_record;

/* The outlets that the plugin drives from now on. `seen` is called for each moment at which one of them may let its car
 * draw something else. */
void outlets_init(struct outlets *o, struct host *h, unsigned n,
		  void (*seen)(struct outlets *o, int64_t at_ms, void *arg), void *arg);
/* A car comes, and goes. */
void outlet_arrive(struct outlet *x, uint64_t car, int64_t wish_ma);
void outlet_leave(struct outlet *x);
/* What an outlet lets its car draw at a time. */
int64_t outlet_allows(const struct outlet *x, int64_t at_ms);
/* Lets time pass for them up to now: what is under way arrives. */
void outlets_pass(struct outlets *o);

#endif
