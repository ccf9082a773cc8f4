/* The role: starts and stops, and who is told of what. */
#include "cloud.h"

#include <errno.h>
#include <stdlib.h>

/* The config that start is given dies with its turn. */
static Ble__Config *keep(struct gv_turn *t, const Ble__Config *c)
{
	size_t size = ble__config__get_packed_size(c);
	uint8_t *packed = gv_alloc(t, size + 1);

	ble__config__pack(c, packed);
	return ble__config__unpack(NULL, size, packed);
}

static bool chosen(const Ble__Config *c)
{
	return c->cloud != NULL;
}

static int start(struct gv_turn *t, const Ble__Config *config, void **ret_state)
{
	struct cloud *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*ret_state = c;
	c->config = keep(t, config);
	return c->config ? lines_start(c, t) : -ENOMEM;
}

static void stop(void *state)
{
	struct cloud *c = state;

	if (c->config)
		ble__config__free_unpacked(c->config, NULL);
	free(c);
}

const struct ble_role ble_cloud_role = {
	.name = CLOUD_NAME,
	.chosen = chosen,
	.start = start,
	.stop = stop,
	.on_open = lines_open,
	.on_frame = lines_frame,
	.on_close = lines_close,
};
