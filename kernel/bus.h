/* One end of the bus: the PULL socket into which all others send, and a PUSH socket to each peer that runs.
 *
 * A peer's incarnations have an endpoint each, so what is queued for a dead one can never reach its successor: its
 * socket is dropped with all that it holds, for the actors repeat what matters. One thread. */
#ifndef GV_BUS_H
#define GV_BUS_H

#include <galvan/kernel.pb-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define GV_BUS_QUEUE_PACKETS 1000             /* high-water mark of each direction of a pair */
#define GV_BUS_PACKET_MAX (160 * 1024 * 1024) /* bytes; a turn's memory is bounded well below */
#define GV_BUS_PEERS_MAX 1024

struct gv_bus;

struct gv_bus_options {
	void *context; /* ZeroMQ's */
	uv_loop_t *loop;
	const char *endpoint;       /* ipc address to bind */
	const char *local_endpoint; /* inproc address to bind as well; NULL or "": none */
	int64_t pid;                /* of this process: a peer of the same is reached by its local endpoint */
	/* Something can be read, or a peer whose queue was full takes packets again. Called from the loop. May be NULL.
	 */
	void (*wake)(void *arg);
	void *arg;
};

struct gv_bus_counters {
	uint64_t packets_in, bytes_in, packets_out, bytes_out, full;
};

/* On failure *ret_error (malloc'd) says why. */
int gv_bus_create(const struct gv_bus_options *o, struct gv_bus **ret, char **ret_error);
/* Drops the connections to incarnations that are no more; others are made when first sent to. */
int gv_bus_directory(struct gv_bus *b, const Kernel__Directory *d);
/* 0; -EAGAIN: the peer's queue is full; -ENOTCONN: it does not run. Copies the packet. */
int gv_bus_send(struct gv_bus *b, const char *instance, const uint8_t *packet, size_t size);
/* True while there may be packets to receive. Cheap: asks no socket. */
bool gv_bus_readable(const struct gv_bus *b);
/* Hands up to `max` packets to fn, stopping early when it returns false; the memory lives until fn returns. The number
 * handed over. */
size_t gv_bus_receive(struct gv_bus *b, size_t max, bool (*fn)(void *arg, const uint8_t *packet, size_t size),
		      void *arg);
const struct gv_bus_counters *gv_bus_counters(const struct gv_bus *b);
/* Closes the sockets; what is queued for running peers is still sent for up to `linger_ms` (when the context ends, at
 * the latest). Needs the loop to run once more for its handles; they are freed then. NULL is fine. */
void gv_bus_destroy(struct gv_bus *b, int linger_ms);

/* ---- a ZeroMQ socket on a libuv loop --------------------------------------------------------- */

/* ZMQ_FD is edge-triggered in disguise: it is readable only until any call on the socket has taken its signal. So
 * `ready` is set when it fires and by everyone who has called the socket for another reason; the owner reads until
 * -EAGAIN, and clears it only then. */
struct gv_zmq_poll;
int gv_zmq_poll_start(uv_loop_t *loop, void *socket, void (*ready)(void *arg), void *arg, struct gv_zmq_poll **ret);
/* Before the socket is closed. Frees itself on the loop. NULL is fine. */
void gv_zmq_poll_stop(struct gv_zmq_poll *p);

#endif
