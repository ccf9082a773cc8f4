/* Start and stop: a hundred times, half-way, with a config that is none, and while there is work. */
#include "contract.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A driver's sockets close in its loop, and nothing may run in that loop once it has stopped: it is drained first, as
 * the host does. */
static void drain(struct contract *c, struct rig *r)
{
	if (!c->plugin->driver || !r->actor)
		return;
	gv_actor_drain(r->actor, false);
	for (int i = 0; i < 500 && !gv_actor_is_drained(r->actor); i++) {
		contract_run(c, r);
		r->now += 100;
		uv_run(c->loop, i ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	}
	must(c, gv_actor_is_drained(r->actor), "it does not drain");
}

void contract_stop(struct contract *c, struct rig *r)
{
	drain(c, r);
	rig_stop(r);
	for (int i = 0; c->plugin->driver && i < 100; i++) /* handles that stop has closed */
		uv_run(c->loop, UV_RUN_NOWAIT);
	must(c, !c->plugin->driver || !uv_loop_alive(c->loop),
	     "after its stop something of it still lives in the loop");
}

void contract_run(struct contract *c, struct rig *r)
{
	int result;

	do {
		gv_actor_flush(r->actor);
		result = gv_actor_run(r->actor);
		if (c->plugin->driver)
			uv_run(c->loop, UV_RUN_NOWAIT);
	} while (result > 0);
	must(c, result == 0, "it failed for good: %s", strerror(-result));
}

bool contract_start(struct contract *c, struct rig *r)
{
	r->config = c->config.data;
	r->config_size = c->config.size;
	r->options.loop = c->plugin->driver ? c->loop : NULL;
	if (rig_start(r) < 0)
		return false;
	rig_peer(r, "test.0", 7);
	rig_peer(r, "link.0", 9)->driver = true;
	rig_directory(r);
	return true;
}

static void start_and_stop(struct contract *c)
{
	struct rig r;
	uint64_t before = 0;

	rig_init(&r, c->plugin);
	for (int i = 0; i < 100; i++) {
		if (!contract_start(c, &r)) {
			broken(c, "it does not start the %d. time: %s", i + 1, r.error ? r.error : "without a reason");
			break;
		}
		must(c, gv_actor_incarnation(r.actor) > before,
		     "start %d is no greater incarnation than the one before", i + 1);
		before = gv_actor_incarnation(r.actor);
		contract_run(c, &r);
		contract_stop(c, &r);
	}
	rig_fini(&r);
}

/* Each ends in a start or in a refusal with a sentence; never in a crash. */
static void try_config(struct contract *c, const uint8_t *data, size_t size)
{
	struct rig r;

	rig_init(&r, c->plugin);
	r.config = data;
	r.config_size = size;
	r.options.loop = c->plugin->driver ? c->loop : NULL;
	if (rig_start(&r) < 0)
		must(c, r.error && strlen(r.error) > 10, "a bad config is refused without a sentence");
	contract_stop(c, &r);
	rig_fini(&r);
}

static void bad_configs(struct contract *c)
{
	uint8_t data[256];

	try_config(c, NULL, 0);
	for (size_t i = 0; i < c->config.size && i < 64; i++)
		try_config(c, c->config.data, i);
	for (int i = 0; i < 100 && !c->plugin->driver; i++) { /* a driver may take random bytes for ports to open */
		size_t size = contract_random(c) % sizeof data;

		for (size_t j = 0; j < size; j++)
			data[j] = (uint8_t)contract_random(c);
		try_config(c, data, size);
	}
}

void check_life(struct contract *c)
{
	start_and_stop(c);
	bad_configs(c);
}
