/* What makes a message of samples the same one again, where it has no times of its own. */
#include "meter.h"

#include <plugins/ocpp/ocpp.h>

#include <cjson/cJSON.h>
#include <string.h>

static uint64_t hash(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return (h ^ 0xff) * 1099511628211u;
}

static uint64_t hash_item(uint64_t h, const cJSON *item)
{
	uint64_t bits;

	if (!cJSON_IsNumber(item))
		return hash(h, cJSON_IsString(item) ? item->valuestring : "");
	memcpy(&bits, &item->valuedouble, sizeof bits);
	return (h ^ bits) * 1099511628211u;
}

uint64_t meter_digest(const cJSON *list)
{
	uint64_t h = 14695981039346656037u;

	for (const cJSON *value = list->child; value; value = value->next) {
		const cJSON *samples = json_get(value, "sampledValue");

		h = hash(h, json_string(value, "timestamp"));
		for (const cJSON *s = samples ? samples->child : NULL; s; s = s->next)
			for (const cJSON *item = s->child; item; item = item->next)
				h = hash_item(h, item);
	}
	return h ? h : 1;
}
