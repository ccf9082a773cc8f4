/* What control.c (sockets and clients), forward.c (calls on their way), follow.c (events) and service.c (the kernel's
 * own methods) share. */
#ifndef GV_CONTROL_INTERNAL_H
#define GV_CONTROL_INTERNAL_H

#include "bus.h"
#include "control.h"

#include <galvan/envelope.pb-c.h>

struct client {
	struct client *next;
	uint8_t identity[255];
	uint8_t identity_size;
	int64_t heard_ms; /* uv_now */
	unsigned calls;   /* that wait for an answer */
	char **types;     /* followed */
	size_t n_types;
};

/* Who is to get a reply. */
struct origin {
	uint64_t call; /* the caller's id of it */
	bool is_client;
	uint8_t identity_size;
	uint8_t identity[255]; /* the client's, or the peer's name with a zero byte */
};

struct forward;
struct following;
struct unsent;

struct gv_control {
	struct gv_control_options o;
	struct gv_supervisor *supervisor;
	const Kernel__Directory *directory;
	int64_t started_at_ms;
	void *router;
	struct gv_zmq_poll *poll;
	bool readable;
	struct gv_bus *bus;
	uv_prepare_t prepare;
	uv_timer_t tick, stop; /* stop: the answer to Stop leaves before it */
	unsigned handles;
	char *endpoint, *local_endpoint;
	Kernel__Peer peer;
	char *serves[1];
	struct client *clients;
	size_t n_clients;
	uint64_t calls;                            /* made so far */
	struct forward *forwards[GV_FORWARDS_MAX]; /* by id modulo */
	size_t n_forwards;
	struct following *following; /* one for each emitter */
	struct unsent *unsent;       /* packets to peers whose queue was full */
	size_t n_unsent;
	struct pending_operation *operations;
	struct gv_buf packed; /* scratch */
};

/* ---- control.c */
int64_t gv_control_now_ms(void); /* since the epoch */
struct client *gv_control_client(struct gv_control *c, const uint8_t *identity, size_t size);
void gv_control_send_client(struct gv_control *c, const uint8_t *identity, size_t size, const Env__Packet *p);
/* Sends one item to an instance; where its queue is full and `keep` is set, again later. 0, -EAGAIN, -ENOTCONN. */
int gv_control_send_peer(struct gv_control *c, const char *instance, Env__Item *item, bool keep);
/* Answers a call. `code` GV_OK: with the packed reply. */
void gv_control_reply(struct gv_control *c, const struct origin *to, enum gv_code code, const char *error,
		      const uint8_t *reply, size_t size);

/* ---- forward.c */
void gv_forward_call(struct gv_control *c, const struct origin *from, const Env__Call *call);
void gv_forward_reply(struct gv_control *c, const char *from, const Env__Reply *reply);
/* The directory or time went on: send what has not been sent, refuse what is too late. */
void gv_forward_go_on(struct gv_control *c);
void gv_forward_fini(struct gv_control *c);

/* ---- follow.c */
void gv_follow_set(struct gv_control *c, struct client *client, const Env__Subscribe *s);
/* Clients or the directory have changed: tells the emitters what is followed now. */
void gv_follow_update(struct gv_control *c);
void gv_follow_events(struct gv_control *c, const Env__Packet *p);
void gv_follow_forget_client(struct client *client);
void gv_follow_fini(struct gv_control *c);

/* ---- service.c */
void gv_service_call(struct gv_control *c, const struct origin *from, const Env__Call *call);
void gv_service_fini(struct gv_control *c);

#endif
