/* What the files of bluetooth share: the plugin's self, the services that plugins listen for, the peripherals in reach
 * and the connections to them. A port (loopback.c, bluez.c) is what lies beneath: it says who is in reach, makes
 * connections and carries attribute values. Everything runs on the loop's thread. */
#ifndef BLUETOOTH_BLUETOOTH_H
#define BLUETOOTH_BLUETOOTH_H

#include <galvan/bluetooth.pb-c.h>
#include <galvan/driver.h>
#include <galvan/link.pb-c.h>

#include "names.h"
#include "values.h"

#define SERVICES_MAX 32           /* that all plugins together listen for */
#define PERIPHERALS_MAX 1024      /* that are remembered; further ones are not seen */
#define PERIPHERAL_SERVICES_MAX 8 /* that are remembered of a peripheral */
#define SERVICE_DATA_MAX 64       /* bytes of an advertisement's data of a service that are kept */
#define PERIPHERAL_NAME_MAX 64    /* bytes of its name that are kept, with a zero */
#define WAITERS_MAX 16            /* calls of Connect that wait for one connection */
#define VALUES_MAX 256            /* of a connection, that wait for its peer or its plugin */
#define VALUE_MAX 512             /* bytes of an attribute value: Core Specification, vol. 3, part F, 3.2.9 */
#define MTU_MIN 23                /* of ATT over LE */
#define MTU_MAX 517               /* what carries the longest value */
#define ATT_HEADER 3              /* bytes of an MTU that a write or a notification has no use of */
#define PERIPHERAL_TOLD_MS 1000   /* at most one PeripheralSeen of a peripheral in this time */
#define CONNECT_TIMEOUT_MS 20000  /* where Connect names none */
#define SENTENCE_MAX 400          /* bytes of a reason for people, with a zero */

struct service { /* a listener of kind GATT */
	char plugin[64], listener[64], device_prefix[80];
	char uuid[UUID_SIZE], write[UUID_SIZE], notify[UUID_SIZE];
	uint32_t window_frames;
};

struct advertised {
	char uuid[UUID_SIZE];
	uint8_t data[SERVICE_DATA_MAX];
	size_t size;
};

struct peripheral {
	struct peripheral *next;
	char address[ADDRESS_SIZE], name[PERIPHERAL_NAME_MAX];
	int rssi_dbm;
	struct advertised services[PERIPHERAL_SERVICES_MAX];
	size_t n_services;
	int64_t seen_at_ms;
	bool in_reach;
	bool untold;       /* it has come, changed or gone since the last event */
	bool told;         /* the last event said that it is there */
	uint64_t told_ms;  /* when that was, of the loop's clock */
	bool marked;       /* for the port's own walks */
	struct conn *conn; /* NULL: none */
};

struct waiter { /* a call of Connect */
	struct gv_ticket ticket;
	char service[UUID_SIZE]; /* "": any that somebody listens for */
	uint32_t timeout_ms;
};

struct conn {
	struct conn *next;
	struct bluetooth *b;
	struct peripheral *peripheral;
	struct service service;
	enum { CONN_BEGINS, CONN_OPEN, CONN_ENDS } state;
	uint64_t id; /* the host's; 0: not open, or no longer */
	uint16_t mtu;
	bool paused; /* its plugin's window is full */
	/* Of its beginning; where it ends: those who want another. */
	struct waiter waiters[WAITERS_MAX];
	size_t n_waiters;
	uint32_t timeout_ms;
	uv_timer_t *deadline; /* NULL: none */
	void *port;           /* the port's own; NULL: none */
};

struct port {
	/* The loop runs: looks for peripherals from now on. */
	int (*open)(struct bluetooth *b);
	/* What plugins listen for has changed. */
	void (*listen)(struct bluetooth *b);
	/* Begins; ends in conn_opened or conn_end, at once or later. */
	void (*connect)(struct conn *c);
	/* A value that fits the connection. */
	void (*write)(struct conn *c, const uint8_t *data, size_t size);
	/* conn->paused has changed. */
	void (*pause)(struct conn *c);
	/* Lets leave what was written, if it can, and closes; then conn_gone, though not before it returns (unless
	 * there is nothing of the port's: c->port is NULL). */
	void (*close)(struct conn *c);
	/* No connection is left: closes all that is not a connection's. */
	void (*drain)(struct bluetooth *b);
};
extern const struct port loopback_port, bluez_port;

struct bluetooth {
	struct gv_world *world;
	uv_loop_t *loop; /* NULL: not open, or no longer */
	const struct port *port;
	void *port_self; /* the port's own; freed by its drain */
	Bluetooth__Config *config;
	struct service services[SERVICES_MAX];
	size_t n_services;
	struct peripheral *peripherals;
	size_t n_peripherals;
	struct conn *conns;
	size_t n_conns;
	uv_timer_t *tell; /* for events that are held back */
	bool telling;     /* a turn was asked for */
	unsigned handles; /* of libuv, not yet closed */
	bool draining, drained;
};

/* ---- bluetooth.c */
/* Memory for a libuv handle that handle_close frees; counted, so that draining can wait for all. */
void *handle_new(struct bluetooth *b, size_t size);
void handle_close(struct bluetooth *b, void *handle); /* NULL: nothing */
/* Draining: whether all is closed. */
void drain_check(struct bluetooth *b);

/* ---- services.c: what plugins listen for */
int services_register(struct bluetooth *b, const char *plugin, const void *const *listeners, size_t count);
const struct service *service_find(const struct bluetooth *b, const char *uuid);
/* Of those that a peripheral offers, the one of this UUID ("": the first) that somebody listens for; NULL: none. */
const struct service *service_of(const struct bluetooth *b, const struct peripheral *p, const char *uuid);

/* ---- peripherals.c: who is in reach */
struct peripheral *peripheral_find(const struct bluetooth *b, const char *address);
/* Finds or makes it; NULL where there are too many. */
struct peripheral *peripheral_get(struct bluetooth *b, const char *address);
/* It was heard, and said this; `said` is a peripheral of which name, rssi and services count. */
void peripheral_seen(struct bluetooth *b, struct peripheral *p, const struct peripheral *said);
void peripheral_gone(struct bluetooth *b, struct peripheral *p);
void peripherals_all_gone(struct bluetooth *b);
/* What plugins listen for has changed. */
void peripherals_listen(struct bluetooth *b);
int peripherals_snapshot(void *self, struct gv_turn *t);
int peripherals_list(struct bluetooth *b, struct gv_turn *t, struct gv_ticket ticket);
/* Frees it if nobody needs it any more. */
void peripheral_release(struct bluetooth *b, struct peripheral *p);
void peripherals_fini(struct bluetooth *b);

/* ---- conns.c */
int conn_connect(struct bluetooth *b, struct gv_turn *t, struct gv_ticket ticket,
		 const Bluetooth__ConnectRequest *request);
struct conn *conn_by_id(const struct bluetooth *b, uint64_t id);
/* For the port. It is there: its plugin and those who wait are told. */
void conn_opened(struct conn *c, uint16_t mtu);
/* A value came in. False: the connection is ending. */
bool conn_value(struct conn *c, const void *data, size_t size);
/* It has ended, or shall end: `code` is what waiting callers get (enum gv_code), `close` what its plugin gets, the
 * sentence says to both what happened and what to do. Calls the port's close once, and nothing if it is ending. */
void conn_end(struct conn *c, unsigned code, unsigned close, const char *fmt, ...) GV_PRINTF(4, 5);
/* The port has closed it: frees it, and begins another where somebody waits for one. */
void conn_gone(struct conn *c);
void conn_send(struct conn *c, const uint8_t *data, size_t size);

#endif
