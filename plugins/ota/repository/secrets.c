/* This node's secrets: keys of documents, and of addresses. */
#include "repository.h"

#include <string.h>

const struct gv_table ota_secrets = { .name = "secrets", .key = "s", .value = &ota__secret_row__descriptor };

const uint8_t *secret_get(struct gv_turn *t, const char *name)
{
	const Ota__SecretRow *row = gv_get(t, &ota_secrets, gv_key(name));
	Ota__SecretRow fresh = OTA__SECRET_ROW__INIT;

	if (row && row->value.len == SECRET_SIZE)
		return row->value.data;
	fresh.value.data = gv_alloc(t, SECRET_SIZE);
	fresh.value.len = SECRET_SIZE;
	for (size_t i = 0; i < SECRET_SIZE; i += sizeof(uint64_t)) {
		uint64_t random = gv_random(t);

		memcpy(fresh.value.data + i, &random, sizeof random);
	}
	gv_put(t, &ota_secrets, gv_key(name), &fresh);
	return fresh.value.data;
}
