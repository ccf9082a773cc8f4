/* The versions of OCPP-S, and what each has of its version's messages. */
#include "soap.h"

#include <string.h>

const struct soap_version soap_v15 = { "urn://Ocpp/Cs/2012/06/", "urn://Ocpp/Cp/2012/06/", &spec_v15 };
const struct soap_version soap_v16 = { "urn://Ocpp/Cs/2015/10/", "urn://Ocpp/Cp/2015/10/", &spec_v16 };

/* The security extension exists for OCPP-J only: the WSDL has none of it. */
static const char *const json_only[] = {
	"CertificateSigned",
	"DeleteCertificate",
	"ExtendedTriggerMessage",
	"GetInstalledCertificateIds",
	"GetLog",
	"InstallCertificate",
	"LogStatusNotification",
	"SecurityEventNotification",
	"SignCertificate",
	"SignedFirmwareStatusNotification",
	"SignedUpdateFirmware",
};

const struct spec_action *soap_action(const struct soap_version *version, const char *name)
{
	for (size_t i = 0; i < sizeof json_only / sizeof *json_only; i++)
		if (!strcmp(json_only[i], name))
			return NULL;
	return spec_find(version->spec, name);
}
