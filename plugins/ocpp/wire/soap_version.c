/* The versions of OCPP-S, and what each has of its version's messages. */
#include "soap.h"

#include <string.h>

const struct soap_version soap_v15 = { "urn://Ocpp/Cs/2012/06/", "urn://Ocpp/Cp/2012/06/", &spec_v15 };
const struct soap_version soap_v16 = { "urn://Ocpp/Cs/2015/10/", "urn://Ocpp/Cp/2015/10/", &spec_v16 };

const struct spec_action *soap_action(const struct soap_version *version, const char *name)
{
	const struct spec_action *action = spec_find(version->spec, name);

	return action && !(action->traits & SPEC_JSON_ONLY) ? action : NULL;
}
