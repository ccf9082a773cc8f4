/* A load run: many stations, each with its own connection and a call always in flight, and an exact account of every
 * answer. */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include <galvan/sim.pb-c.h>

#include <stdbool.h>
#include <uv.h>

#define LOAD_MAX_IN_FLIGHT 16
#define LOAD_MAX_PAYLOAD 60000

struct load;

/* Begins a run on the loop. `done` is called once, when nothing of it is left on the loop; the report stays until
 * load_destroy, which must not come earlier. -EINVAL with a sentence. */
int load_start(uv_loop_t *loop, const Sim__LoadRequest *request, void (*done)(void *arg), void *arg, struct load **ret,
	       char *ret_error, size_t error_size);
/* No new calls; answers under way are waited for. */
void load_stop(struct load *l);
/* Ends it without waiting for anybody; `done` follows. */
void load_abort(struct load *l);
void load_destroy(struct load *l);

/* The present report. Its strings are borrowed from the run; its stations, if asked for, are in memory that
 * load_report_fini frees. */
void load_report(const struct load *l, bool stations, Sim__LoadReport *ret);
void load_report_fini(Sim__LoadReport *r);

#endif
