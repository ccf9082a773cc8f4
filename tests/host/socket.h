/* What link.c, the driver's end, and network.c, the stations' end, know of a simulated connection. */
#ifndef TEST_HOST_SOCKET_H
#define TEST_HOST_SOCKET_H

#include "private.h"

#include <galvan/link.pb-c.h>

#define SOCKET_BROKEN 1006 /* RFC 6455 7.1.5: closed without a close frame; and any end of a TCP connection */
#define SOCKET_REFUSED 503
#define SOCKET_OVERRUN 1013

struct host_station {
	struct host_station *next;
	struct host *h;
	char plugin[64], device[128], subprotocol[32], path[64];
	bool tcp;
	char listener[64]; /* tcp: its name; "": the plugin's first */
	const struct host_station_model *model;
	void *arg;
	struct socket *socket;  /* the present one; NULL: none */
	struct socket *sockets; /* all that it had, the newest first */
};

enum socket_what { SOCKET_FRAME, SOCKET_OPEN, SOCKET_CLOSE };
struct socket_item {
	struct socket_item *next;
	int64_t at;
	enum socket_what what;
	enum gv_frame_kind kind;
	unsigned code;
	size_t size;
	char data[];
};
struct socket_queue {
	struct socket_item *head, *tail;
	int64_t last_at;
	bool scheduled;
};

struct socket {
	struct socket *next;    /* of its station, older */
	struct socket *next_id; /* of its bucket */
	struct host_station *station;
	uint64_t id;
	bool link_open, station_open, paused;
	struct socket_queue in, out; /* towards link, towards the station */
};

struct link_listener {
	char plugin[64], name[64];
	bool tcp;
	bool dialled; /* link was asked to dial: the far end is a station that names it */
};

#define SOCKET_BUCKETS 1024 /* a power of two */

struct host_link {
	struct host *h;
	struct gv_world *world; /* NULL while link is down */
	struct host_station *stations;
	struct socket *by_id[SOCKET_BUCKETS]; /* those that link knows or knew */
	struct link_listener listeners[HOST_MAX_PEERS];
	size_t n_listeners;
};

/* network.c: */
void socket_push_frame(struct socket *c, struct socket_queue *q, enum gv_frame_kind kind, const void *data,
		       size_t size);
void socket_push_close(struct socket *c, struct socket_queue *q, unsigned code);
/* Goes on with a queue that was empty or paused. */
void socket_schedule(struct socket *c, struct socket_queue *q);
/* Drops what is under way: all of it or, at a broken network, its last part. */
void socket_cut(struct socket *c, struct socket_queue *q, bool all);
/* The network breaks: each side learns of it by itself. */
void socket_break(struct socket *c);

/* link.c: link has learned that its end is closed; nothing if it knew. */
void socket_closed(struct socket *c, unsigned code);
struct host_peer *link_peer(struct host_link *l);
void link_disconnect(struct host_link *l, struct socket *c, unsigned code);

#endif
