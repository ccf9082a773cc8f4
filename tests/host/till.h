/* A payment provider for scenarios of billing: a plugin that answers link's Http/Fetch as Stripe's API would, loses
 * answers after it has acted, and has people who pay, pay late, or do not. */
#ifndef TEST_HOST_TILL_H
#define TEST_HOST_TILL_H

#include <galvan/plugin.h>

#define TILL_PAYMENTS "payments" /* by number: Payment, as the provider has it */

extern const struct gv_plugin till_record;

#endif
