/* A connection that link keeps up for a plugin (Link/Dial), between dials.c, which has all of them, and dial.c, which
 * makes one. */
#ifndef LINK_DIAL_H
#define LINK_DIAL_H

#include <netdb.h>

#include "outgoing.h"

#define DIALS_MAX 64           /* of all plugins */
#define DIAL_KEY_SIZE 25       /* Sec-WebSocket-Key, with a zero */
#define DIAL_PING_S 30         /* where the dial names none */
#define DIAL_WAIT_MIN_MS 1000  /* before the second attempt, doubled with each further one */
#define DIAL_WAIT_MAX_MS 60000 /* at most */
#define DIAL_STEADY_MS 10000   /* a connection that lasted so long was one: the wait begins anew */

struct lookup;

struct dial {
	struct dial *next;
	struct link *link;
	Link__DialRequest *row;
	struct route *route;
	char *host, *target; /* of the url; the host without brackets */
	uint16_t port;
	bool tls;
	struct lookup *lookup;       /* the name is being looked up */
	struct addrinfo *found, *at; /* the addresses, and the next one to try */
	struct conn *conn;           /* NULL: none */
	bool reached;                /* the server is there, whatever it says */
	bool stale;                  /* hung up, or replaced */
	bool absent;                 /* its plugin is */
	uint64_t due_ms, up_ms;      /* of the loop's clock; up_ms 0: not connected */
	unsigned failures;           /* in a row */
	char key[DIAL_KEY_SIZE];
	char why[LINK_SENTENCE_MAX];   /* of the attempt in hand */
	char error[LINK_SENTENCE_MAX]; /* of the one before, as it was logged */
};

/* What is wrong with a request, for people; NULL: nothing. */
const char *dial_request_problem(const Link__DialRequest *request);
/* Takes the row. NULL: no memory. */
struct dial *dial_create(struct link *l, Link__DialRequest *row);
/* Closes its connection with 1000. */
void dial_destroy(struct dial *d);
/* Connects. */
void dial_begin(struct dial *d);

#endif
