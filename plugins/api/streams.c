/* GET /api/events: server-sent events. A stream is a follower: it shows what happens from now on and holds nothing
 * back. */
#include "api.h"

#include <lib/json.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEEPALIVE "keepalive"

static void stream_fini(struct api_stream *s)
{
	for (size_t i = 0; i < s->n_types; i++)
		free(s->types[i]);
	free(s->types);
}

static bool names(char *const *types, size_t n, const char *type)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(types[i], type) == 0)
			return true;
	}
	return false;
}

static bool wants(const struct api_stream *s, const char *type)
{
	return s->n_types == 0 || names(s->types, s->n_types, type);
}

/* Follows the union of what the streams want. */
static void follow(struct api *api, struct gv_turn *t)
{
	static const char *const all[] = { "*" };
	const char **types = NULL;
	size_t n = 0;

	for (size_t i = 0; i < api->n_streams; i++) {
		const struct api_stream *s = &api->streams[i];

		if (s->n_types == 0) {
			gv_follow(t, all, 1);
			return;
		}
		for (size_t j = 0; j < s->n_types; j++) {
			if (!names((char *const *)types, n, s->types[j]))
				*GV_APPEND(t, types, n) = s->types[j];
		}
	}
	gv_follow(t, types, n);
}

static void send_part(struct gv_turn *t, uint64_t conn, const char *text, size_t size)
{
	Link__HttpResponse part = LINK__HTTP_RESPONSE__INIT;

	part.body.data = (uint8_t *)text;
	part.body.len = size;
	part.more = true;
	gv_respond(t, conn, &part);
}

static void send_head(struct gv_turn *t, uint64_t conn)
{
	static const char hello[] = ": following\nretry: 2000\n\n";
	Link__HttpHeader type = LINK__HTTP_HEADER__INIT, cache = LINK__HTTP_HEADER__INIT,
			 *headers[] = { &type, &cache };
	Link__HttpResponse head = LINK__HTTP_RESPONSE__INIT;

	type.name = (char *)"content-type";
	type.value = (char *)"text/event-stream";
	cache.name = (char *)"cache-control";
	cache.value = (char *)"no-store";
	head.status = 200;
	head.headers = headers;
	head.n_headers = 2;
	head.body.data = (uint8_t *)hello;
	head.body.len = sizeof(hello) - 1;
	head.more = true;
	gv_respond(t, conn, &head);
}

/* The types that a request names, into `s`. 0, or -errno when it has been refused or held. */
static int read_types(struct api *api, struct gv_turn *t, struct api_exchange *x, struct api_stream *s)
{
	char name[API_QUERY_VALUE_MAX];
	size_t at = 0;
	int r;

	s->types = calloc(API_STREAM_TYPES_MAX, sizeof(*s->types));
	if (!s->types) {
		api_refuse(t, x->conn, GV_UNAVAILABLE, "api has no memory left for this stream: try again later");
		return -ENOMEM;
	}
	while ((r = api_query_next(x->request->query, "type", &at, name)) == 1) {
		const struct gv_type *type = api_catalog_event(api->catalog, name);

		if (strcmp(name, "*") == 0)
			continue;
		if (!type && !x->waited) {
			api_hold(api, t, x);
			return -EAGAIN;
		}
		if (!type) {
			struct gv_buf known = { 0 };

			for (size_t i = 0; i < api->catalog->n_events; i++)
				gv_buf_printf(&known, "%s%s", i ? ", " : "", api->catalog->events[i]->name);
			api_refuse(t, x->conn, GV_INVALID_ARGUMENT,
				   "type: no plugin of this node emits \"%s\"; there are %s", name, gv_buf_str(&known));
			gv_buf_fini(&known);
			return -ENOENT;
		}
		if (names(s->types, s->n_types, type->name))
			continue;
		if (s->n_types == API_STREAM_TYPES_MAX || !(s->types[s->n_types] = strdup(type->name))) {
			api_refuse(t, x->conn, GV_INVALID_ARGUMENT, "type: at most %d", API_STREAM_TYPES_MAX);
			return -E2BIG;
		}
		s->n_types++;
	}
	if (r < 0)
		api_refuse(t, x->conn, GV_INVALID_ARGUMENT, "type: %s",
			   r == -ENOSPC ? "too long" : "broken percent-encoding");
	return r;
}

void api_stream_open(struct api *api, struct gv_turn *t, struct api_exchange *x)
{
	struct api_stream stream = { .conn = x->conn };

	if (api->n_streams >= api->max_streams) {
		api_refuse(t, x->conn, GV_RESOURCE_EXHAUSTED,
			   "%zu event streams are open already; api's config sets the limit, maxStreams",
			   api->n_streams);
		return;
	}
	if (read_types(api, t, x, &stream)) {
		stream_fini(&stream);
		return;
	}
	if (!api->streams)
		api->streams = calloc(api->max_streams, sizeof(*api->streams));
	if (!api->streams) {
		api_refuse(t, x->conn, GV_UNAVAILABLE, "api has no memory left for this stream: try again later");
		stream_fini(&stream);
		return;
	}
	api->streams[api->n_streams++] = stream;
	send_head(t, x->conn);
	follow(api, t);
	if (api->n_streams == 1)
		gv_timer(t, KEEPALIVE, gv_now_ms(t) + API_KEEPALIVE_MS, NULL);
}

void api_stream_close(struct api *api, struct gv_turn *t, uint64_t conn)
{
	for (size_t i = 0; i < api->n_streams; i++) {
		if (api->streams[i].conn != conn)
			continue;
		stream_fini(&api->streams[i]);
		api->streams[i] = api->streams[--api->n_streams];
		follow(api, t);
		if (api->n_streams == 0)
			gv_timer_cancel(t, KEEPALIVE);
		return;
	}
}

/* A comment line, so that proxies and clients see life; and a chance to learn new types while nobody calls. */
void api_stream_keepalive(struct api *api, struct gv_turn *t)
{
	if (api->n_streams == 0)
		return;
	for (size_t i = 0; i < api->n_streams; i++)
		send_part(t, api->streams[i].conn, ":\n\n", 3);
	api_describe(api, t);
	gv_timer(t, KEEPALIVE, gv_now_ms(t) + API_KEEPALIVE_MS, NULL);
}

static void send_event(struct api *api, struct gv_turn *t, const struct gv_type *type, const uint8_t *packed,
		       size_t size, const struct gv_emitter *from)
{
	struct gv_buf out = { 0 };

	gv_buf_printf(&out, "id: %" PRIu64 "\nevent: %s\ndata: {\"type\":\"%s\",\"key\":", from->seq, type->name,
		      type->name);
	gv_json_string(&out, from->key, strlen(from->key));
	gv_buf_printf(&out, ",\"timeMs\":\"%" PRId64 "\",\"instance\":", from->time_ms);
	gv_json_string(&out, from->instance, strlen(from->instance));
	gv_buf_printf(&out, ",\"seq\":\"%" PRIu64 "\",\"event\":", from->seq);
	if (gv_json_write(type, packed, size, 0, &out) || gv_buf_puts(&out, "}\n\n")) {
		gv_log(t, GV_WARN,
		       "an event cannot be written as JSON; left out of the streams type=%s emitter=%s seq=%" PRIu64,
		       type->name, from->instance, from->seq);
		gv_count(t, "events_lost", 1);
	} else {
		for (size_t i = 0; i < api->n_streams; i++) {
			if (wants(&api->streams[i], type->name))
				send_part(t, api->streams[i].conn, (const char *)out.data, out.size);
		}
	}
	gv_buf_fini(&out);
}

static void held_event_fini(struct api_held_event *e)
{
	free(e->type);
	free(e->key);
	free(e->instance);
	free(e->packed);
}

/* Keeps an event of a type that is not known yet, and all that come behind it. */
static void hold_event(struct api *api, struct gv_turn *t, const char *type, const uint8_t *packed, size_t size,
		       const struct gv_emitter *from)
{
	struct api_held_event e = { .type = strdup(type),
				    .key = strdup(from->key),
				    .instance = strdup(from->instance),
				    .packed = malloc(size + 1),
				    .size = size,
				    .time_ms = from->time_ms,
				    .seq = from->seq };

	if (!api->events)
		api->events = calloc(API_EVENTS_HELD_MAX, sizeof(*api->events));
	api_describe(api, t);
	if (!api->events || !e.type || !e.key || !e.instance || !e.packed || api->n_events == API_EVENTS_HELD_MAX) {
		gv_count(t, "events_lost", 1);
		held_event_fini(&e);
		return;
	}
	if (size)
		memcpy(e.packed, packed, size);
	api->events[api->n_events++] = e;
}

int api_on_event(void *self, struct gv_turn *t, const char *type, const uint8_t *packed, size_t size,
		 const struct gv_emitter *from)
{
	struct api *api = self;
	const struct gv_type *known = api->catalog ? gv_schema_type(api->catalog->schema, type) : NULL;

	if (api->n_streams == 0)
		return 0;
	if (api->n_events || !known)
		hold_event(api, t, type, packed, size, from);
	else
		send_event(api, t, known, packed, size, from);
	return 0;
}

void api_stream_release(struct api *api, struct gv_turn *t)
{
	for (size_t i = 0; i < api->n_events; i++) {
		struct api_held_event *e = &api->events[i];
		const struct gv_type *type = api->catalog ? gv_schema_type(api->catalog->schema, e->type) : NULL;
		struct gv_emitter from = {
			.instance = e->instance, .key = e->key, .time_ms = e->time_ms, .seq = e->seq
		};

		if (type)
			send_event(api, t, type, e->packed, e->size, &from);
		else
			gv_count(t, "events_lost", 1);
		held_event_fini(e);
	}
	api->n_events = 0;
}

void api_streams_fini(struct api *api)
{
	for (size_t i = 0; i < api->n_streams; i++)
		stream_fini(&api->streams[i]);
	for (size_t i = 0; i < api->n_events; i++)
		held_event_fini(&api->events[i]);
	free(api->streams);
	free(api->events);
}
