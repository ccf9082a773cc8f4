/* What the tests of every message of a version share. A message has as little in it as the version allows, and what an
 * answer must be is what the version's own tables say, strictly. */
#ifndef TEST_OCPP_EVERY_H
#define TEST_OCPP_EVERY_H

#include "charger.h"

#include <plugins/ocpp/spec/spec.h>

/* The charger sends each of its messages; each is answered as the version says. How many there are. */
unsigned every_message_is_answered(const struct spec_version *version);
/* Ocpp/Call sends each action of a central system; each reaches the charger, and its answer comes back. How many. */
unsigned every_call_is_passed_on(const struct spec_version *version);

#endif
