/* A client's line to a node's control socket: calls, replies and followed events, as env packets over a ZeroMQ DEALER.
 *
 * One thread, one client. A node that goes away is noticed at once and never silently waited for: the client does not
 * reconnect. */
#ifndef GV_CLI_CLIENT_H
#define GV_CLI_CLIENT_H

#include <galvan/envelope.pb-c.h>

#include <stddef.h>
#include <stdint.h>

struct gv_client;

/* What a waiting client is told. The messages live until the function returns. */
struct gv_client_handler {
	void *arg;
	void (*reply)(void *arg, const Env__Reply *reply);
	void (*event)(void *arg, const char *from, const Env__Event *event);
};

/* Connects to ipc://PATH or tcp://HOST:PORT. On failure (-EINVAL: no such address form; -ECONNREFUSED: nothing listens)
 * *ret_error is a sentence for people, malloc'd. The handler is copied. */
int gv_client_open(const char *address, int timeout_ms, const struct gv_client_handler *handler, struct gv_client **ret,
		   char **ret_error);
void gv_client_close(struct gv_client *c);

/* Sends one call. `to` is its routing key, "" for none. The id comes back in the reply. 0 or -EAGAIN (nothing was
 * sent). */
int gv_client_send_call(struct gv_client *c, const char *method, const char *to, const uint8_t *request, size_t size,
			int64_t timeout_ms, uint64_t *ret_id);
/* Follows these full type names from now on; "*" is all, none is the end of it. */
int gv_client_subscribe(struct gv_client *c, const char *const *types, size_t count);
/* Tells the node that this client lives; to be sent every GV_CLIENT_KEEP_ALIVE_MS while following. */
int gv_client_keep_alive(struct gv_client *c);
#define GV_CLIENT_KEEP_ALIVE_MS 5000

/* Waits for packets or for `fd` (-1: none) to become readable, at most timeout_ms (-1: for ever), and hands what came
 * to the handler. 0: packets or time-out; 1: fd is readable; -ENOTCONN: the node is gone; -EINTR. */
int gv_client_wait(struct gv_client *c, int fd, int timeout_ms);

/* Milliseconds of the monotonic clock. */
int64_t gv_client_clock_ms(void);

#endif
