/* What the tests of odd chargers share: their usual messages, and what galvan shows of them. */
#ifndef TEST_OCPP_QUIRKS_H
#define TEST_OCPP_QUIRKS_H

#include "charger.h"

#include <string.h>

#define DEVICE "{\"device\":\"ocpp:CP001\"}"
#define BOOT(vendor, model, firmware)                                                                                  \
	"{\"chargePointVendor\":\"" vendor "\",\"chargePointModel\":\"" model "\",\"firmwareVersion\":\"" firmware "\"}"
#define STATUS(status, rest) "{\"connectorId\":1,\"status\":\"" status "\",\"errorCode\":\"NoError\"" rest "}"
#define METER(samples)                                                                                                 \
	"{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\","              \
	"\"sampledValue\":[" samples "]}]}"

/* Is it shown on the charger? */
static inline bool has(const char *quirk)
{
	const cJSON *station = cJSON_GetArrayItem(get(ask(OCPP "ListStations", DEVICE), "stations"), 0);
	const cJSON *q;

	cJSON_ArrayForEach(q, get(station, "quirks"))
	{
		if (!strcmp(q->valuestring, quirk))
			return true;
	}
	return false;
}

static inline const cJSON *connector(void)
{
	return cJSON_GetArrayItem(get(ask(CHARGING "ListConnectors", DEVICE), "connectors"), 0);
}

#endif
