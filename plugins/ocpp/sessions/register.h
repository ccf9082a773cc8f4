/* How a transaction's import register counts, over resets of the meter (quirk row 37). Pure but for the turn's memory.
 */
#ifndef OCPP_REGISTER_H
#define OCPP_REGISTER_H

#include <galvan/ocpp.pb-c.h>

struct gv_turn;

/* A reading. One that is not newer than those before tells of no reset: it raises the register, or says nothing. */
void register_take(struct gv_turn *t, Ocpp__Transaction *x, double wh, int64_t ms);
/* The last of the transaction, whatever its clock says. */
void register_take_last(struct gv_turn *t, Ocpp__Transaction *x, double wh, int64_t ms);
/* What has been delivered, in Wh; never negative. */
int64_t register_energy(const Ocpp__Transaction *x);

#endif
