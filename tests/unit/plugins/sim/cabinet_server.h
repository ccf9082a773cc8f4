/* A server of cabinets on a loop of its own, for tests of clients: it reads frames, and the test says what they mean.
 */
#ifndef TEST_SIM_CABINET_SERVER_H
#define TEST_SIM_CABINET_SERVER_H

#include <lib/ruioo.h>
#include <stdbool.h>
#include <uv.h>

struct peer { /* a connection */
	struct peer *next;
	uv_tcp_t tcp;
	char in[2048], imei[GV_RUIOO_IMEI_SIZE]; /* imei: of its last frame */
	size_t size;
	bool lent; /* the test's */
};

extern struct server {
	uv_loop_t loop;
	uv_tcp_t listener;
	char url[64];
	struct peer *peers;
	unsigned open, opened;
	bool sends_back; /* all that it gets, and reads none of it */
	void (*understand)(struct peer *p, struct gv_ruioo_frame *f);
} server;

/* Listens on a port of its choice. The loop does not stay for the listener. */
void serve(void (*understand)(struct peer *p, struct gv_ruioo_frame *f));
/* Ends, once all peers have heard that their cabinets are gone. */
void serve_no_more(void);
void hang_up(struct peer *p);
/* Nothing, where the connection is over. */
void put(struct peer *p, const void *data, size_t size);

#endif
