/* A plugin on strings: its record is fixed, its handlers are whatever a test puts here. A NULL handler does nothing and
 * succeeds. */
#ifndef TEST_PUPPET_H
#define TEST_PUPPET_H

#include "rig.h"

struct puppet {
	int (*start)(struct gv_turn *t);
	int (*migrate)(struct gv_turn *t, uint32_t from);
	int (*add)(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q);
	int (*counted)(struct gv_turn *t, const Zoo__Counted *e, const struct gv_emitter *from);
	int (*snapshot)(struct gv_turn *t);
	int (*answer)(struct gv_turn *t, const struct gv_answer *answer);
	int (*timer)(struct gv_turn *t, const char *name, const void *note);
	int (*open)(struct gv_turn *t, const struct gv_conn *conn);
	int (*frame)(struct gv_turn *t, const struct gv_frame *frame);
	int (*close)(struct gv_turn *t, const struct gv_conn *conn, unsigned code);
	int (*event)(struct gv_turn *t, const char *type, const uint8_t *packed, size_t size,
		     const struct gv_emitter *from);
	int (*resync)(struct gv_turn *t, const char *emitter, bool first);
	int (*finish)(struct gv_turn *t);
	unsigned stops;
};
extern struct puppet puppet;
/* "puppet": serves galvan.zoo.v1.Counter, hears and emits Counted, emits Rang, calls galvan.zoo.v1.Alarm, notes
 * ChainNote. */
extern const struct gv_plugin puppet_record;
extern const struct gv_table puppet_totals; /* s: Total */
extern const struct gv_table puppet_pairs;  /* si: Total */
extern const struct gv_table puppet_log;    /* u: Total, append */

/* Criterion's init and fini: a started puppet on a bench with the peer "test.0", incarnation 7. */
extern struct rig rig;
void puppet_setup(void);
void puppet_teardown(void);

/* Adds to a row of puppet_totals and answers with the total: an `add` for tests that care for something else. */
int puppet_adds(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q);
/* The total of a key as a later turn sees it, or -1 where there is no row. */
int64_t puppet_total(const char *key);

#endif
