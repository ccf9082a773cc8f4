/* A plugin that drives devices, for scenarios of billing: a few connectors that start, meter, stop, refuse, stay
 * silent and answer late, as chance has it. What they did is in the tables that follow. */
#ifndef TEST_HOST_PILE_H
#define TEST_HOST_PILE_H

#include <galvan/plugin.h>

#define PILE_SESSIONS "sessions" /* by id: Session, as it was */
#define PILE_STARTS "starts"     /* by token and number: StartRequest, each time that a start was asked for */

extern const struct gv_plugin pile_record;

#endif
