/* What the files of link share: the plugin's self, its ports, its routes and its connections.
 *
 * A connection is in one of the states below. Whatever it says is parsed in place where it was read, or, when it did
 * not come whole, in its buffer `in`, which is freed as soon as it is empty: an idle connection owns no buffer at all.
 * Everything runs on the loop's thread. */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include <galvan/driver.h>
#include <galvan/link.pb-c.h>
#include <galvan/pki.pb-c.h>
#include <lib/certificate.h>
#include <libwebsockets.h>
#include <netinet/in.h>

#include "head.h"
#include "reasons.h"
#include "view.h"

#define PEER_MAX 64                   /* bytes of a peer's address as text */
#define LINK_PORTS_MAX 64             /* ports in the config */
#define LINK_ROUTES_MAX 256           /* listeners of all plugins */
#define LINK_FRAME_DEFAULT (64 << 10) /* bytes of a frame where the listener names no limit */
#define LINK_BODY_DEFAULT (1 << 20)   /* bytes of a request body where the listener names no limit */
#define LINK_BODY_INLINE (256 << 10)  /* bytes of a body beyond which it becomes a blob */
#define LINK_OUT_MAX (1 << 20)        /* bytes that may wait for a WebSocket or TCP peer that reads slowly */
#define LINK_OUT_HTTP_MAX (16 << 20)  /* the same for an HTTP client */
#define LINK_IN_TOTAL_MAX (256 << 20) /* bytes of unfinished frames and bodies over all connections */
#define LINK_BATCH_MAX (64 << 10)     /* bytes that are gathered into one write */
#define LINK_CHUNK (16 << 10)         /* bytes handed to the socket at a time beyond that */
#define LINK_SWEEP_MS 500             /* how often timeouts are looked at */
#define LINK_LINGER_MS 2000           /* how long a peer may take to notice that we closed */
#define LINK_STUCK_MS 60000           /* how long a peer may leave its answers unread */
#define LINK_REPLY_MS 120000          /* how long a plugin may take to answer an HTTP request */
#define LINK_TCP_FRAME_BYTES 1024     /* of raw TCP that count as a frame more where frames are limited */
#define LINK_RETRY_AFTER_S 5          /* what a 503 asks for */
#define LINK_PATH_MAX 2048            /* bytes of a request's path that its plugin is told, with a zero */
#define LINK_AUTHORITIES_MAX 8        /* of this node: one for each instance of pki */
#define LINK_SENTENCE_MAX 512         /* bytes of a reason for people, with a zero */
#define LINK_FILE_SLOTS 256           /* of a hash table */
#define LINK_BUDGET_SLOTS 4096        /* the same */
#define COMPRESSION_LINE_SIZE 200     /* bytes of the answer's line about it, with a zero */

struct bytes {
	uint8_t *data;
	uint32_t size, capacity;
};

/* A listener that a plugin registered. Connections hold on to theirs when the plugin registers anew. */
struct route {
	struct route *next;
	unsigned references;
	Link__Listener__Kind kind;
	char *plugin, *name, *path;
	char **subprotocols;
	size_t n_subprotocols;
	bool by_identity, accept_unknown, one_per_device, compression;
	char *device_prefix, *default_subprotocol;
	uint32_t max_frame, max_body, max_frames_per_s, ping_s, idle_s, window_frames;
};

#define TLS_FILES 6 /* that a port's TLS is made of */
enum port_kind { PORT_WS, PORT_HTTP, PORT_TCP };
struct port {
	struct link *link;
	enum port_kind kind;
	uint16_t number;
	char *to, *host;
	char *listener; /* NULL: the first of its plugin */
	struct tls {
		char *cert, *key, *second_cert, *second_key, *ciphers, *client_ca, *crl;
		bool local_ca, demand;
		struct ssl_ctx_st *ctx; /* the vhost's; NULL: not open */
		struct stamp {
			uint64_t inode;
			int64_t size;
			struct timespec changed;
		} stamps[TLS_FILES]; /* of the files as they were loaded */
	} tls;                       /* no cert: plain */
	struct lws_vhost *vhost;
	int fds[2]; /* -1: none */
	uv_poll_t *polls[2];
	bool waiting; /* out of descriptors: the sweep tries again */
};

enum conn_state {
	CONN_HEAD,  /* waits for a request's head */
	CONN_BODY,  /* reads a request's body */
	CONN_WAIT,  /* the plugin has the request */
	CONN_REPLY, /* a reply is on its way */
	CONN_WEBSOCKET,
	CONN_TCP,
	CONN_DIALLING, /* link's own: on its way to the answer of the server's handshake */
	CONN_CLOSING,  /* what it says is thrown away until it notices */
};

enum pause { PAUSE_HOST = 1, PAUSE_RATE = 2, PAUSE_OUTPUT = 4, PAUSE_PIPELINE = 8 };

struct exchange;
struct origin;
struct outgoing;
struct dial;
struct file;
struct budget;

struct conn {
	struct link *link;
	struct lws *wsi;                            /* NULL: it is link that connected, by `outgoing` */
	struct outgoing *outgoing;                  /* NULL: it came in */
	struct dial *dial;                          /* that it was made for; NULL: none, or hung up */
	struct conn *previous, *next;               /* all connections */
	struct conn *id_next;                       /* same slot of link->by_id */
	struct conn *device_previous, *device_next; /* same slot of link->by_device */
	struct conn *doomed_next;                   /* dead, to be freed when the loop goes round */
	struct conn *limited_next;                  /* PAUSE_RATE */
	const struct port *port;                    /* NULL: it did not come in */
	struct route *route;
	uint64_t id;               /* the host's; 0: none */
	char *device;              /* NULL: none */
	const char *subprotocol;   /* of the route */
	char *certificate;         /* its serial number; NULL: none was shown */
	struct origin *origin;     /* NULL: not counted */
	struct exchange *exchange; /* HTTP: the request in hand */
	struct bytes in;           /* read, not yet parsed */
	struct bytes message;      /* fragments of a message */
	struct bytes out;          /* to be written from out_at on */
	uint32_t out_at;
	uint32_t ping_ms; /* 0: never */
	uint32_t frames_in, frames_out;
	int unsent_max; /* bytes of files that the kernel takes beyond what is on its way; 0: not yet said */
	uint64_t opened_ms, heard_ms; /* of the loop's clock */
	uint64_t since_ms;            /* CONN_HEAD, _BODY, _WAIT, _CLOSING: since when */
	uint64_t pinged_ms;           /* 0: no ping is unanswered */
	bool owes_pong;               /* a ping has had no pong */
	uint64_t stuck_ms;            /* 0: output flows */
	uint64_t armed_ms;            /* when it was last written to; 0: TCP_USER_TIMEOUT is off */
	const char *unwanted;         /* why it is to be closed; NULL: it is not */
	uint64_t rate_due_us;         /* the frame rate's clock runs ahead to here */
	int64_t opened_at_ms;
	uint8_t address[16]; /* IPv4 mapped into IPv6 */
	uint16_t peer_port;
	uint8_t state, paused, message_opcode;
	uint8_t window_bits; /* permessage-deflate: how far back what we send may reach; 0: it is not agreed */
	bool busy : 1;       /* its input is being parsed */
	bool dead : 1;       /* nothing more happens to it; freed soon, never under its user's feet */
	bool reaped : 1;     /* dead, and off the list of the dead */
	bool adopting : 1;
	bool finishing : 1; /* close when the output has left */
	bool half_closed : 1;
	bool tls : 1;
	bool spoken : 1; /* something was read: a TLS handshake is over */
	bool message_compressed : 1;
};

struct notice { /* an event that waits for the next turn */
	struct notice *next;
	ProtobufCMessage *event;
};

struct fetcher;

struct link {
	struct gv_world *world;
	uv_loop_t *loop;
	struct lws_context *lws;
	struct lws_vhost *plain;
	struct port ports[LINK_PORTS_MAX];
	size_t n_ports;
	char *ca_file, *operator_name;
	uint32_t max_connections, max_frame, handshake_timeout_ms;
	struct gv_world_limits limits;
	struct route *routes;
	struct view view;

	struct conn *conns, *doomed, *limited;
	size_t n_conns;
	struct conn **by_id, **by_device;
	size_t slots;      /* of each, a power of two */
	uint64_t in_bytes; /* in all connections' buffers */

	struct {
		struct conn *conn;
		size_t size;
		uint8_t *data; /* LWS_PRE bytes in front */
	} batch;

	struct {
		struct origin **slots; /* NULL: nothing is counted */
		size_t count;
		uint64_t seed;
		uint32_t max_connections, max_new_per_s; /* of one address; 0: no limit */
		unsigned refusals;                       /* not yet logged; the last: */
		uint8_t refused[16];
		const char *why;
		uint64_t reported_ms;
	} origins;

	struct revoked **revoked; /* serial numbers by hash */
	X509 *authorities[LINK_AUTHORITIES_MAX];
	size_t n_authorities;
	struct alarm_budget alarms; /* of what names no known device */

	struct notice *notices, **notices_end;
	size_t n_notices;
	bool notices_due;
	struct fetcher *fetcher;
	struct dial *dials;
	struct gv_deflate *deflate; /* of all connections; NULL until the first has agreed to compress */

	struct file *files[LINK_FILE_SLOTS]; /* that are being sent, by hash of their id */
	struct budget **budgets; /* LINK_BUDGET_SLOTS, by hash of their name; NULL until the first is named */
	size_t n_files, n_transfers, n_budgets;
	uint64_t file_bytes; /* sent, not yet counted in the metrics */

	uv_timer_t *sweep, *rate, *drain;
	uv_prepare_t *prepare;
	unsigned handles; /* of libuv, not yet closed */
	uint64_t second;  /* of refusals that were logged */
	unsigned refusals;
	uint64_t frames_in, frames_out; /* not yet counted in the metrics */
	uint64_t fragmented_in, empty_in, compressed_in, compressed_out, saved_bytes;
	uint64_t drain_ms;
	unsigned lws_closing;
	bool draining, drained;
};

/* ---- routes.c */
int routes_register(struct link *l, const char *plugin, const void *const *listeners, size_t count);
void routes_fini(struct link *l);
/* With one reference; NULL: no memory. */
struct route *route_make(const struct link *l, const char *plugin, const Link__Listener *from);
struct route *route_hold(struct route *r);
void route_release(struct route *r);
/* The listener of this kind for a path that came in at `port`: the longest prefix wins. NULL: none. */
struct route *route_find(struct link *l, const struct port *port, Link__Listener__Kind kind, struct slice path);
/* The device of any listener's that this common name of a certificate stands for; NULL: none. */
struct device *routes_device_of(struct link *l, const char *common_name);
/* The listener that a TCP port belongs to. NULL: none, and *ret is a sentence that says why. */
struct route *route_find_tcp(struct link *l, const struct port *port, char ret[static LINK_SENTENCE_MAX]);

static inline uint64_t link_now(const struct link *l) /* ms of the loop's clock */
{
	return uv_now(l->loop);
}

/* ---- ports.c */
int ports_init(struct link *l, struct gv_turn *t, const Link__Config *config);
void ports_fini(struct link *l);
int ports_open(struct link *l);
void ports_close(struct link *l);
/* Ports that ran out of descriptors accept again. */
void ports_retry(struct link *l);

/* ---- context.c: libwebsockets */
int context_open(struct link *l);
/* To be called in several rounds of the loop, when no connection is left, until link->lws is NULL. */
void context_close(struct link *l);
/* The vhost that holds a port's TLS context, or the plain one; NULL with the reason logged. */
struct lws_vhost *context_vhost(struct link *l, struct port *port);

/* ---- tls.c */
/* Makes ready the context of a port that has a certificate; the reason of a failure is logged. */
int tls_prepare(struct port *p, struct ssl_ctx_st *ctx);
/* Loads files that have changed. */
void tls_refresh(struct port *p);
/* The node's own authorities have changed. */
void tls_trust_again(struct port *p);
/* Remembers the files as they are; true where they were others before. */
bool tls_seen(struct port *p);

/* ---- authority.c: what the node's certificate authority says */
extern const struct gv_table authorities_table, revoked_table;
int revoked_load(struct link *l, struct gv_turn *t);
void revoked_fini(struct link *l);
bool revoked_has(const struct link *l, const char *serial);
void authorities_add(const struct link *l, struct x509_store_st *store);
int certificate_revoked(struct link *l, struct gv_turn *t, const Pki__CertificateRevoked *e,
			const struct gv_emitter *from);
int authority_changed(struct link *l, struct gv_turn *t, const Pki__AuthorityChanged *e, const struct gv_emitter *from);

/* ---- table.c: connections by id and by device */
int table_init(struct link *l);
void table_fini(struct link *l);
void table_add(struct link *l, struct conn *c);
void table_remove(struct link *l, struct conn *c);
void table_set_id(struct link *l, struct conn *c, uint64_t id);      /* 0: none any more */
void table_set_device(struct link *l, struct conn *c, char *device); /* takes it; NULL: none any more */
struct conn *table_by_id(struct link *l, uint64_t id);
/* The first of this device's, or the one behind `after`; ASCII case does not matter. */
struct conn *table_by_device(struct link *l, const char *device, struct conn *after);

/* ---- wire.c: bytes of a connection, whoever made it */
/* Takes all of it; what the socket does not take at once is kept, and the connection is choked. Negative: lost. */
int wire_write(struct conn *c, const uint8_t *data, size_t size);
/* Something that was written has not left. conn_writable() is called when it has. */
bool wire_choked(const struct conn *c);
void wire_listen(struct conn *c, bool on); /* whether to read */
int wire_descriptor(const struct conn *c);
struct ssl_st *wire_ssl(const struct conn *c); /* NULL: plain */
void wire_ask_writable(struct conn *c);        /* conn_writable() is called soon */
/* Closes the socket at once and calls conn_closed(). */
void wire_kill(struct conn *c);

/* ---- dial.c, dials.c: connections that link makes */
extern const struct gv_table dials_table;
int dials_load(struct link *l, struct gv_turn *t);
void dials_fini(struct link *l);
/* The loop goes to poll: whoever is due is dialled. */
void dials_step(struct link *l);
/* Looks for no address any more. */
void dials_close(struct link *l);
/* A connection that was dialled has ended and is about to be freed. */
void dial_ended(struct conn *c);
/* What the server says before it is a WebSocket; how many bytes were taken. */
size_t dial_input(struct conn *c, uint8_t *data, size_t size);
/* TCP and TLS are there. */
void dial_connected(struct conn *c);
/* Why it will end; the first reason stays. */
void dial_problem(struct conn *c, const char *fmt, ...) GV_PRINTF(2, 3);
int dial(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__DialRequest *request);
int hang(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__HangRequest *request);
int list_dials(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__ListDialsRequest *request);

/* ---- conn.c: the socket */
/* One more connection, which is to have a wire; NULL: no memory. */
struct conn *conn_create(struct link *l, const uint8_t address[static 16], uint16_t peer_port);
/* What libwebsockets says. */
void conn_read(struct conn *c, uint8_t *data, size_t size);
void conn_writable(struct conn *c);
void conn_closed(struct conn *c);
struct conn *conn_adopt(struct link *l, const struct port *port, int fd, const uint8_t address[static 16],
			uint16_t peer_port, struct origin *origin);
/* To be written: gathered until another connection writes or link_flush. */
void conn_write(struct conn *c, const void *data, size_t size);
void link_flush(struct link *l);
void conn_pause(struct conn *c, enum pause why);
void conn_resume(struct conn *c, enum pause why);
/* Looks at what waits in `in` again: the state has changed. */
void conn_continue(struct conn *c);
/* Adds to one of its buffers; -ENOBUFS where all connections' buffers together are too large. */
int conn_hold(struct conn *c, struct bytes *b, const void *data, size_t size);
void conn_unhold(struct conn *c, struct bytes *b, size_t size);
/* Closes the socket at once (when the loop goes round). */
void conn_kill(struct conn *c, unsigned code, const char *reason);
void conn_reap(struct link *l);

/* ---- origins.c: how much of link one address may take */
/* IPv4 mapped into IPv6. */
void address_read(const struct sockaddr_storage *from, uint8_t ret[static 16], uint16_t *ret_port);
/* "192.0.2.1:40000"; port 0: the address alone. */
const char *address_print(const uint8_t address[static 16], uint16_t port, char ret[static PEER_MAX]);
bool address_is_mapped(const uint8_t address[static 16]);
int origins_init(struct link *l, struct gv_turn *t);
void origins_fini(struct link *l);
/* Counts one more connection of this address; *ret, NULL where it is not counted, is for origins_leave when it ends.
 * False: it is too much, and that has been counted. */
bool origins_admit(struct link *l, const uint8_t address[static 16], struct origin **ret);
void origins_leave(struct origin *o);
/* For the log, which has a line a second of all refusals together. */
void origins_refused(struct link *l, const uint8_t address[static 16], const char *why);
void origins_sweep(struct link *l, uint64_t now);

/* ---- session.c: what its plugin knows of a connection */
/* Makes it known. 0, -EHOSTDOWN where the plugin is not there. `device` is copied, may be NULL. */
int conn_open(struct conn *c, struct route *route, const char *device, const char *subprotocol, struct slice target);
/* Says that it has ended. Does nothing if it is not open. */
void conn_end(struct conn *c, unsigned code, const char *reason);
/* Ends it, and closes the socket when what was written has left and the peer has seen it. */
void conn_finish(struct conn *c, unsigned code, const char *reason);
/* A close as its protocol has it: a close frame, an HTTP error, or nothing. */
void conn_close(struct conn *c, unsigned code, const char *reason);
/* "192.0.2.1:40000", or the address alone. */
const char *conn_peer(const struct conn *c, bool with_port, char ret[static PEER_MAX]);
bool conn_is_loopback(const struct conn *c);
/* A refusal's line in the log, unless there were too many in this second. */
void link_log_refusal(struct conn *c, const char *device, unsigned status, const char *why);

/* ---- alarms.c: refusals that are security events */
struct alarm {
	enum reason reason;
	unsigned status, port; /* of HTTP; 0: refused before there was any */
	const char *detail;    /* a sentence */
	const char *subject;   /* of a certificate; NULL: none */
	char peer[PEER_MAX];
};
/* Counts, logs and tells it. `d` NULL: it names no known device. */
void alarm_raise(struct link *l, struct device *d, const struct alarm *a);
/* Its line in the log, within the same limit. */
void refusal_log(struct link *l, const char *device, const struct alarm *a);

/* ---- admit.c: credentials and the security profile */
struct admission {
	unsigned status; /* refused: of HTTP, */
	enum reason reason;
	const char *why;                                                       /* a sentence */
	char subject[CERTIFICATE_SUBJECT_MAX], serial[CERTIFICATE_SERIAL_MAX]; /* of its certificate; "": none */
	char text[128];                                                        /* where why needs words of its own */
};
/* `prefix`: of the devices of the listener. */
bool admit(struct conn *c, struct device *d, const char *prefix, const struct head *h, struct admission *ret);

/* ---- alive.c: what the kernel watches over */
void alive_accepted(int fd);
/* Something is written to it now. */
void alive_written(struct conn *c);
/* Long after that. */
void alive_check(struct conn *c, uint64_t now);

/* ---- bytes.c */
int bytes_add(struct bytes *b, const void *data, size_t size);
void bytes_drop(struct bytes *b, size_t size); /* from the front; frees when empty */
void bytes_fini(struct bytes *b);

/* ---- input: each takes what it can of the bytes and returns how many; 0 where more are needed first */
size_t http_head(struct conn *c, uint8_t *data, size_t size);
size_t http_body(struct conn *c, uint8_t *data, size_t size);
size_t websocket_input(struct conn *c, uint8_t *data, size_t size);
size_t tcp_input(struct conn *c, uint8_t *data, size_t size);

/* ---- handshake.c */
#define WEBSOCKET_ACCEPT_SIZE 32 /* bytes of Sec-WebSocket-Accept, with a zero */
/* What the server says to the client's key (RFC 6455, 4.2.2). */
void handshake_accept(struct slice key, char ret[static WEBSOCKET_ACCEPT_SIZE]);
void handshake(struct conn *c, const struct head *h, struct slice path);
/* May the device that the path names leave out `Connection: Upgrade`? */
bool handshake_forgiven(struct conn *c, struct slice path);

/* ---- compression.c: permessage-deflate (RFC 7692) */
/* The line of the answer with which an offer is accepted, its line break with it; "" where there is none to accept, or
 * the listener or the device (NULL: unknown) does not want it. */
void compression_agree(struct conn *c, const struct route *route, const struct device *device, const struct head *h,
		       char ret[static COMPRESSION_LINE_SIZE]);
/* A shorter form of a message: its size, and where it is until the next use; 0: send it as it is. */
size_t compression_shorten(struct conn *c, const uint8_t *data, size_t size, const uint8_t **ret);
/* A message as it was before it was compressed. False: it was none, and the connection is being closed. */
bool compression_expand(struct conn *c, const uint8_t **data, size_t *size);
/* A compressed frame came though nothing was agreed. */
void compression_unasked(struct conn *c);

/* ---- websocket.c */
void websocket_send(struct conn *c, enum gv_frame_kind kind, const uint8_t *data, size_t size);
void websocket_ping(struct conn *c);
void websocket_close(struct conn *c, unsigned code, const char *reason);

/* ---- budgets.c */
void budgets_sweep(struct link *l, uint64_t now);
void budgets_fini(struct link *l);

/* ---- http.c, reply.c, transfer.c */
/* An answer of link's own, which ends the connection unless the request had no body and may be followed by another. */
void http_refuse(struct conn *c, unsigned status, const char *text, bool keep_alive);
void http_send(struct conn *c, const uint8_t *packed, size_t size);
/* The output has room: a blob that is being sent goes on. */
void http_pump(struct conn *c);
/* Whether its peer has taken something of a blob since this was last asked, though there is no room for more. */
bool http_moves(struct conn *c);
/* How much longer than a handshake a body may take: a millisecond per byte that came. */
uint64_t http_body_ms(const struct conn *c);
void exchange_destroy(struct exchange *x);

/* ---- tcp.c */
void tcp_accepted(struct conn *c);
void tcp_send(struct conn *c, const uint8_t *data, size_t size);

/* ---- sweep.c */
int sweep_start(struct link *l);
/* Frames came in: pauses where they came faster than the route allows. */
void rate_count(struct conn *c, size_t frames);

/* ---- presence.c */
/* Emits a copy of this event in the next turn. */
void notice_add(struct link *l, const ProtobufCMessage *event);
void presence_opened(struct conn *c);
void presence_closed(struct conn *c, unsigned code, const char *reason);
void presence_fini(struct link *l);
int presence_list(struct link *l, struct gv_turn *t, struct gv_ticket ticket,
		  const Link__ListConnectionsRequest *request);

/* ---- fetch_loop.c, fetch.c */
int fetch_open(struct link *l);
void fetch_close(struct link *l);
int fetch(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__FetchRequest *request);

/* ---- mail.c */
int send_mail(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__SendMailRequest *request);

/* ---- drain.c */
void drain_begin(struct link *l);
/* Memory for a libuv handle that link_handle_close frees; counted, so that draining can wait for all. */
void *link_handle(struct link *l, size_t size);
void link_handle_close(struct link *l, void *handle);
/* Something that must come to its end before link does, and its end. */
void link_busy(struct link *l);
void link_idle(struct link *l);

#endif
