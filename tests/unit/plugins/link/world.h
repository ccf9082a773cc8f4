/* A world for link without a kernel: the functions that a host gives to a driver, over memory, with a plugin "echo"
 * behind them that sends every frame back and answers every request with what it received. */
#ifndef LINK_WORLD_H
#define LINK_WORLD_H

#include <galvan/driver.h>
#include <galvan/link.pb-c.h>
#include <galvan/registry.pb-c.h>

struct world_options {
	uint16_t ws, http, tcp, named, tls; /* ports; 0: none */
	const char *listener;               /* of `named`, a second TCP port; NULL: no such port */
	const char *cert, *key;             /* for tls */
	const char *second_cert, *second_key, *client_ca;
	uint32_t handshake_timeout_s, ping_s, idle_s, max_frames_per_s, max_connections;
	uint32_t max_connections_per_address, max_new_per_address_per_s;
	bool accept_unknown;
	int ready;         /* a descriptor that gets one byte when the ports are open; -1: none */
	const char *blobs; /* folder */
};

/* Runs until SIGTERM (then drains) or until a client sends the text "!stop" or "!reload". 0 if everything was closed in
 * order. */
int world_run(const struct world_options *options);
const char *world_blobs(const struct gv_world *w); /* the folder of its blobs */

#endif
