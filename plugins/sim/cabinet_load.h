/* Load by cabinets: many, each with its own connection and heartbeats; questions about banks at a rate that the server
 * does not set, the lends and returns that it orders, and an exact account of every answer. */
#ifndef SIM_CABINET_LOAD_H
#define SIM_CABINET_LOAD_H

#include <galvan/sim.pb-c.h>
#include <stdbool.h>
#include <uv.h>

struct cabinet_load;

/* As load_start and its like (load.h). */
int cabinet_load_start(uv_loop_t *loop, const Sim__LoadCabinetsRequest *request, void (*done)(void *arg), void *arg,
		       struct cabinet_load **ret, char *ret_error, size_t error_size);
void cabinet_load_stop(struct cabinet_load *l);
void cabinet_load_abort(struct cabinet_load *l);
void cabinet_load_destroy(struct cabinet_load *l);
/* The present report; its strings are borrowed from the run, and nothing of it is to be freed. */
void cabinet_load_report(const struct cabinet_load *l, Sim__LoadReport *ret);

/* The bank that people bring to the n-th cabinet, from 0: what a server must know to say yes. */
void cabinet_load_visitor(uint32_t n, char *ret, size_t size);

#endif
