/* What api's files share: its state, and the ways to answer a request. */
#ifndef API_H
#define API_H

#include "access.h"
#include "catalog.h"
#include "limits.h"
#include "route.h"

#include <galvan/api.pb-c.h>
#include <galvan/driver.h>
#include <galvan/link.pb-c.h>
#include <galvan/plugin.h>
#include <lib/buf.h>

#define API_PENDING_MAX 4096 /* requests that wait for a plugin's answer */
#define API_HELD_MAX 256     /* requests that wait for the catalogue */
#define API_HELD_BYTES_MAX (8u << 20)
#define API_STREAM_TYPES_MAX 64     /* types that one event stream may name */
#define API_EVENTS_HELD_MAX 256     /* events that wait for the catalogue */
#define API_RETURNED_MAX 4096       /* connections found open at start */
#define API_CATALOG_AGE_MAX_MS 2000 /* an older catalogue is asked for again with the next request */
#define API_CATALOG_AGE_MIN_MS 250  /* a younger one is believed when it says that there is no such thing */
#define API_KEEPALIVE_MS 15000
#define API_RETURNED_MS 1000 /* how long a connection found open may take to show an unhandled request */

enum api_call_kind { API_CALL_RPC, API_CALL_READY, API_CALL_METRICS };
struct api_pending {
	uint64_t conn;
	enum api_call_kind kind;
	uint32_t round; /* grows with each use: tells an answer to an earlier one */
	bool used;
	bool proves; /* a stranger's, whose success shows that it is none */
	uint8_t client[API_ADDRESS_SIZE];
};

/* A request kept until the catalogue has been read again. */
struct api_held {
	uint64_t conn;
	uint8_t *packed; /* HttpRequest */
	size_t size;
	bool again;
};

struct api_stream {
	uint64_t conn;
	char **types;   /* full names */
	size_t n_types; /* 0: all */
};

struct api_held_event {
	char *type, *key, *instance;
	uint8_t *packed;
	size_t size;
	int64_t time_ms;
	uint64_t seq;
};

struct api {
	struct api_token *tokens;
	size_t n_tokens;
	bool own_token; /* the only one is the one that api made */
	bool allow_remote;
	uint32_t max_streams, max_body_bytes;
	struct api_network *trusted; /* proxies */
	size_t n_trusted;
	struct api_limits limits;
	unsigned limited; /* refusals that were not logged */
	int64_t limited_log_ms;

	struct api_catalog *catalog; /* NULL until the kernel has answered once */
	int64_t catalog_at_ms;
	bool describing;
	struct gv_buf openapi; /* of the catalogue; empty until somebody asks */
	struct api_held *held;
	size_t n_held, held_bytes;
	struct api_held_event *events;
	size_t n_events;

	struct api_pending *pending;
	size_t n_pending; /* entries, used or not */

	struct api_stream *streams;
	size_t n_streams;

	uint64_t *returned; /* connections found open at start, from which no request has come yet */
	size_t n_returned;
};

extern const struct gv_table api_secrets;

/* One request at hand. */
struct api_exchange {
	uint64_t conn;
	const Link__HttpRequest *request;
	struct api_route route;
	const struct api_token *token; /* NULL: none, or no valid one */
	uint8_t client[API_ADDRESS_SIZE];
	bool local;  /* comes from this machine, by no proxy */
	bool again;  /* may have been handled before a restart */
	bool waited; /* the catalogue has been read since it came */
};

/* respond.c */
void api_respond(struct gv_turn *t, uint64_t conn, unsigned status, const char *content_type, const void *data,
		 size_t size);
/* An error body {"code","message"} with the status that goes with the code. */
void api_refuse(struct gv_turn *t, uint64_t conn, unsigned code, const char *fmt, ...) GV_PRINTF(4, 5);
/* The same with another status and, unless NULL, one more header. */
void api_refuse_as(struct gv_turn *t, uint64_t conn, unsigned status, const char *header, const char *value,
		   unsigned code, const char *fmt, ...) GV_PRINTF(7, 8);
/* The first value of a header by its lower-case name, "" where there is none. */
const char *api_header(const Link__HttpRequest *request, const char *name);
/* Connect's HTTP status for a code. */
unsigned api_status(unsigned code);

/* calls.c */
/* Sends a call for a connection; an answer or refusal will go there. `to` may be NULL. NULL: it has been refused. */
struct api_pending *api_call(struct api *api, struct gv_turn *t, uint64_t conn, enum api_call_kind kind,
			     const struct gv_call *call);
int api_on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer);
/* Asks the kernel what there is, unless that is under way. */
void api_describe(struct api *api, struct gv_turn *t);
/* Keeps a request until the catalogue has been read again; refuses it if too many wait. */
void api_hold(struct api *api, struct gv_turn *t, const struct api_exchange *x);
void api_calls_fini(struct api *api);

/* rpc.c */
/* Whether what the catalogue does not know may be new to it. */
bool api_may_be_new(const struct api *api, struct gv_turn *t, const struct api_exchange *x);
void api_rpc(struct api *api, struct gv_turn *t, struct api_exchange *x);
void api_rpc_answer(struct api *api, struct gv_turn *t, uint64_t conn, const struct gv_answer *answer);

/* strangers.c */
int api_strangers_init(struct api *api, struct gv_turn *t, const Api__Config *config);
void api_strangers_fini(struct api *api);
/* Refuses (true) what an address does too often. What it may do is to be counted by api_limits_take. */
bool api_too_often(struct api *api, struct gv_turn *t, const struct api_exchange *x, enum api_limit limit);

/* streams.c */
void api_stream_open(struct api *api, struct gv_turn *t, struct api_exchange *x);
void api_stream_close(struct api *api, struct gv_turn *t, uint64_t conn);
void api_stream_keepalive(struct api *api, struct gv_turn *t);
int api_on_event(void *self, struct gv_turn *t, const char *type, const uint8_t *packed, size_t size,
		 const struct gv_emitter *from);
/* Sends what waited for the catalogue. */
void api_stream_release(struct api *api, struct gv_turn *t);
void api_streams_fini(struct api *api);

/* api.c */
/* Answers one request, or sees to it that it will be. */
void api_handle(struct api *api, struct gv_turn *t, struct api_exchange *x);

#endif
