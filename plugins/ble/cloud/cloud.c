/* The role: starts and stops, and who is told of what. */
#include "cloud.h"

#include <lib/message.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct cloud *cloud_of(void *self, struct gv_turn *t, struct gv_ticket to)
{
	struct cloud *c = ble_state(self, &ble_cloud_role);

	if (!c)
		gv_refuse(t, to, GV_NOT_FOUND,
			  "this node keeps no piles' books: ask the cloud's, whose config has ble: {config: {cloud: "
			  "...}}");
	return c;
}

static bool chosen(const Ble__Config *c)
{
	return c->cloud != NULL;
}

static int start(struct gv_turn *t, const Ble__Config *config, void **ret_state)
{
	struct cloud *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*ret_state = c;
	if (gv_self(t)->instances != 1)
		return gv_fault(t, "ble's cloud runs as one instance, since a phone brings records of any pile: remove "
				   "`instances` from its entry in the config file");
	c->config = gv_message_copy(&config->base); /* what start is given dies with its turn */
	if (!c->config)
		return -ENOMEM;
	c->settings = c->config->cloud;
	r = keys_start(c, t);
	if (r == 0)
		r = lines_start(c, t);
	return r < 0 ? r : prune_start(t);
}

static void stop(void *state)
{
	struct cloud *c = state;

	lines_stop(c);
	if (c->config)
		ble__config__free_unpacked(c->config, NULL);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

static int on_timer(void *state, struct gv_turn *t, const char *name, const void *note)
{
	const Ble__Due *due = note;
	struct cloud *c = state;

	name += strlen(CLOUD_NAME ":");
	if (!strcmp(name, "restored"))
		return lines_restored(c, t);
	if (!strncmp(name, "grant:", 6))
		return grants_due(c, t, due);
	if (!strncmp(name, "session:", 8))
		return sessions_due(c, t, due);
	if (!strcmp(name, "prune"))
		return prune_due(c, t, due);
	if (!strncmp(name, "letter:", 7))
		return letter_due(c, t, due);
	if (!strncmp(name, "hole:", 5))
		return chain_due(c, t, due);
	if (!strncmp(name, "purge:", 6))
		return due ? piles_purge(c, t, due->device) : 0;
	if (!strncmp(name, "start:", 6) || !strncmp(name, "stop:", 5))
		return command_due(c, t, due);
	return gv_fault(t, "no timer of this version is called \"%s\"", name);
}

const struct ble_role ble_cloud_role = {
	.name = CLOUD_NAME,
	.chosen = chosen,
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
	.on_open = lines_open,
	.on_frame = lines_frame,
	.on_close = lines_close,
};
