/* A plugin that drives cabinets, for scenarios of billing: banks that come out, jam, come out after all, come back
 * somewhere or never, as chance has it. What they did is in the tables that follow. */
#ifndef TEST_HOST_RACK_H
#define TEST_HOST_RACK_H

#include <galvan/plugin.h>

#define RACK_RENTALS "rentals" /* by id: RentalRow, as it was */
#define RACK_LENDS "lends"     /* by order and number: LendRequest, each time that a lend was asked for */

extern const struct gv_plugin rack_record;

#endif
