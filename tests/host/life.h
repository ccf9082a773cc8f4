/* One life: a pile (or, once it has gone back to an older image of its store, it and what it was; or it and a twin,
 * both alive), two terminals that come to it, and what is ordered there, from the order to the charge or the case. What
 * happens when is drawn by chance; many lives go on in one world, each by itself. */
#ifndef TEST_HOST_LIFE_H
#define TEST_HOST_LIFE_H

#include "caller.h"

#define LIFE_ORDERS 3
#define LIFE_GIVEN (2 * POST_GIVEN) /* sessions, a twin's too */
#define LIFE_CALLERS 2              /* the first has the vouchers */

struct life_order {
	char token[20];
	struct host_answer *start, *voucher;
	bool granted;
	uint8_t jti[16], number[16]; /* jti: of the grant; number: what START says */
	uint8_t document[BLE_DOCUMENT_MAX];
	size_t size; /* of the voucher; 0: none yet */
};

/* What is known in the end of a session that the pile gave energy in. */
struct life_session {
	unsigned told;   /* as ended; later news of it is no second session */
	int64_t told_wh; /* the newest word */
	int charges;     /* less those that were taken back */
	int64_t charged_wh;
	char token[20]; /* of the charge */
};

enum life_kind {
	LIFE_HONEST,
	LIFE_BACK, /* goes back to an older image once */
	LIFE_TWIN  /* is copied once, and both go on */
};

/* Open cases, by their kind. */
enum life_case { LIFE_CASE_FORK = 1, LIFE_CASE_METER = 2, LIFE_CASE_JTI = 4, LIFE_CASE_OTHER = 8 };

struct life {
	struct host *h;
	unsigned number; /* of its world, from 0 on */
	enum life_kind kind;
	struct post post, *twin; /* twin: NULL until it is there */
	uint64_t copied_at;      /* the number of the first record that each has for itself */
	struct caller callers[LIFE_CALLERS];
	struct host_answer *handed_in[LIFE_CALLERS], *fetched[LIFE_CALLERS];
	struct life_order orders[LIFE_ORDERS];
	unsigned n_orders, steps_left, rounds;    /* rounds: of draining */
	bool wired;                               /* its own module has a network at times */
	struct life_session sessions[LIFE_GIVEN]; /* beside what life_given() counts */
	unsigned cases;                           /* enum life_case */
	unsigned strange;                         /* ends and charges of sessions in which it gave nothing */
};

/* ---- life.c */

/* One of those that are alive, by chance. */
struct post *life_either(struct life *l);
/* What went through its relays, session by session, the twin's behind its own; NULL: no more. */
const struct post_given *life_given(const struct life *l, unsigned i);

/* ---- life_errands.c */

/* A message: it is sent, and what is answered belongs to the host. */
struct host_answer *life_say(struct life *l, const char *method, const void *message);
bool life_answered(const struct host_answer *a); /* with GV_OK */

bool life_waits(const struct host_answer *a);
struct life_order *life_newest(struct life *l); /* NULL: there is none */
void life_order(struct life *l);
void life_ask_for_voucher(struct life *l);
void life_visit(struct life *l, struct caller *c, enum caller_wish wish);
/* A terminal hands in what it carries, from anywhere on, less what is hidden unless it is `all`; some again. */
void life_hand_in(struct life *l, unsigned terminal, bool all);
void life_fetch(struct life *l, unsigned terminal);
/* Room for more: what was handed in goes; or all of it, as one that loses its records loses no more than copies. */
void life_forget(struct caller *c, bool all);
/* Answers have come: what they say is taken in. */
void life_listen(struct life *l);

/* ---- life.c, its course */

/* Not switched on. `number`: its place in the world. */
void life_init(struct life *l, struct host *h, unsigned number, enum life_kind kind);
/* Begins at some moment soon. Over when steps_left is 0. */
void life_begin(struct life *l);
/* It comes to rest: power, network, nobody plugged in. */
void life_rest(struct life *l);
/* A terminal comes, brings what the cloud has said and takes what it has not, and hands all of it in. True: there was
 * something left. */
bool life_drain(struct life *l);
void life_fini(struct life *l);

/* life_check.c: reads what was told, charged and opened in this world, and says what must hold of each life. */
void lives_check(struct host *h, struct life *const *lives, unsigned n);

#endif
