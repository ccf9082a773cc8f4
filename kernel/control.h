/* The node's door for people and tools, and the kernel's own place on the bus.
 *
 * Clients connect a ZeroMQ DEALER to ipc://DATA/run/control.sock (or the config's node.control) and exchange packed
 * galvan.envelope.v1.Packets: Call{id, method, request, deadline_ms, to}  is answered by one Reply{id, ...}. Methods of
 * galvan.kernel.v1.Kernel are the kernel's; others are forwarded to the plugins that they are for (directory.h) and
 * asked again if one restarts. Subscribe{types}                            follows these events ("*": all) of every
 * plugin that emits them, from now on; it replaces what was followed before and is sent back when done. Event items
 * then come in packets whose `from` is the emitting instance. an empty Packet                             shows that
 * the client lives; a follower that is silent for GV_CLIENT_SILENCE_MS is forgotten.
 *
 * On the bus the kernel is "kernel.0": plugins call galvan.kernel.v1.Kernel of it like any other service. */
#ifndef GV_CONTROL_H
#define GV_CONTROL_H

#include "supervisor.h"

#define GV_CLIENTS_MAX 256
#define GV_CLIENT_SILENCE_MS 20000
#define GV_CLIENT_PACKET_MAX (32 * 1024 * 1024) /* bytes */
#define GV_CLIENT_TYPES_MAX 256                 /* event types that one client follows */
#define GV_FORWARDS_MAX 16384                   /* calls of all clients that wait for an answer; a power of two */
#define GV_FORWARD_TIMEOUT_MS 30000             /* where the client gives no deadline */
#define GV_FORWARD_TIMEOUT_MAX_MS (24ll * 3600 * 1000)

struct gv_control;

struct gv_control_options {
	uv_loop_t *loop;
	void *context;
	const struct gv_logger *log;
	const char *run; /* folder of the sockets */
	const char *tcp; /* an additional address; NULL: none */
	const char *node, *version;
	uint64_t incarnation;    /* of the kernel */
	void (*stop)(void *arg); /* somebody asked for the node's stop */
	void *arg;
};

int gv_control_create(const struct gv_control_options *o, struct gv_control **ret, char **ret_error);
/* The kernel's entry in the directory; lives as long as the control. */
const Kernel__Peer *gv_control_peer(const struct gv_control *c);
/* Before anything is received. */
void gv_control_set_supervisor(struct gv_control *c, struct gv_supervisor *s);
void gv_control_directory(struct gv_control *c, const Kernel__Directory *d);
void gv_control_destroy(struct gv_control *c);

#endif
