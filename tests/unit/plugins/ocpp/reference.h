/* The composite schedule once more, as simply as can be: second by second, each profile painted over its own time line.
 * What the plugin reckons must be the same, and a simulated charger answers with it. */
#ifndef TEST_OCPP_REFERENCE_H
#define TEST_OCPP_REFERENCE_H

#include "profiles.h"

/* What connector `c` (or, with station, all of them) may draw in second `second` behind the ask's start. */
struct composite_span reference_at(const struct composite_ask *ask, uint32_t second);

#endif
