/* The ledger alone, on the kernel's actor in the test host: a plugin that does what the test says in a turn of its own.
 */
#ifndef TEST_LEDGER_RIG_H
#define TEST_LEDGER_RIG_H

#include <plugins/billing/ledger/ledger.h>
#include <tests/host/host.h>

typedef void ledger_rig_fn(struct billing *b, struct gv_turn *t);

/* Before ledger_rig_begin, once: tables besides the ledger's, and what is done at the start besides its. */
void ledger_rig_add(const struct gv_table *const *more, int (*start_more)(struct billing *b));
struct host *ledger_rig_begin(uint64_t seed);
void ledger_rig_end(struct host *h);
/* Runs fn in a turn and commits it; fails the test where the turn fails. */
void ledger_rig_turn(struct host *h, ledger_rig_fn *fn);
/* Runs fn in a turn whose handler then fails, so that all it did is undone. */
void ledger_rig_undone_turn(struct host *h, ledger_rig_fn *fn);
/* How often an account of people's money was said to have changed. */
unsigned ledger_rig_changes(const char *account);

#endif
