/* A charger that says each of its calls until it is answered, whatever happens meanwhile: again under the same id,
 * under a new one, or over a new connection. */
#ifndef TEST_HOST_INSISTING_H
#define TEST_HOST_INSISTING_H

#include "host.h"

struct cJSON;

struct insisting {
	void *owner;
	/* Writes `"Action",{...}`. */
	void (*write)(void *owner, unsigned call, char *out, size_t size);
	/* Each time that a call is answered; payload: of the result. NULL: it does not matter. */
	void (*answered)(void *owner, unsigned call, const struct cJSON *payload, const char *text);
	/* The payload with which a call of the server is answered. */
	const char *(*asked)(void *owner, const char *action, const struct cJSON *payload);
	unsigned n_calls; /* may grow */
	unsigned at;      /* the call that waits for its answer, or is next */
	/* private */
	struct host *h;
	struct host_station *station;
	unsigned repeats; /* of that call, for its message id */
	uint64_t clock;   /* makes older alarms do nothing */
};

/* Connects, and begins. */
void insisting_begin(struct insisting *c, struct host *h, const char *device, const char *subprotocol);
static inline bool insisting_done(const struct insisting *c)
{
	return c->at == c->n_calls;
}

/* Somebody asks for a session of the token remote-N at the second connector of a charger. */
struct host_answer *insisting_start(struct host *h, const char *device, unsigned n);

#endif
