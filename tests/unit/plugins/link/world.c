/* See world.h. Commands that the echo plugin understands, as text frames: "!close CODE REASON", "!pause", "!many N" (N
 * frames at once),
 * "!big BYTES" (one large frame), "!flood N BYTES" (N of them), "!delete DEVICE", "!down" and "!up" (the plugin is
 * away), "!overrun",
 * "!list", "!fetch URL", "!reading" (the registry's devices, again), "!stop". The bytes "?" over TCP are answered with
 * the listener's name. */
#include "world.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX 20000
#define TURNS_MAX 64
#define ALLOCS_MAX 4096

struct gv_turn {
	struct gv_world *world;
};

struct turn {
	int (*fn)(void *self, struct gv_turn *t, void *arg);
	void *arg;
};

struct gv_world {
	const struct world_options *options;
	uv_loop_t loop;
	uv_async_t async;
	uv_check_t check;
	uv_signal_t signal;
	void *self;
	struct gv_turn turn;
	uint64_t last_id;
	const char *listener_of[CONNS_MAX + 1]; /* by connection */
	struct turn turns[TURNS_MAX];
	size_t n_turns;
	void *allocs[ALLOCS_MAX];
	size_t n_allocs;
	bool down, drained, returns, starting, reading;
	uint64_t asking; /* connection that waits for a call's answer */
	unsigned opened, closed, events;
};

extern const struct gv_plugin gv_plugin;

/* ---- turn ------------------------------------------------------------------------------------ */

void *gv_alloc(struct gv_turn *t, size_t size)
{
	struct gv_world *w = t->world;

	if (w->n_allocs == ALLOCS_MAX)
		abort();
	return w->allocs[w->n_allocs++] = calloc(1, size ? size : 1);
}

char *gv_strdup(struct gv_turn *t, const char *s)
{
	return strcpy(gv_alloc(t, strlen(s) + 1), s);
}

char *gv_str(struct gv_turn *t, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	s = gv_alloc(t, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return s;
}

uint64_t gv_random(struct gv_turn *t)
{
	uint64_t random;

	return getrandom(&random, sizeof(random), 0) == sizeof(random) ? random : 0;
}

int64_t gv_now_ms(struct gv_turn *t)
{
	return (int64_t)time(NULL) * 1000;
}

void *gv_append(struct gv_turn *t, void *ret_array, size_t *n, size_t size)
{
	void **array = ret_array;
	char *grown = gv_alloc(t, (*n + 1) * size);

	if (*n)
		memcpy(grown, *array, *n * size);
	*array = grown;
	return grown + (*n)++ * size;
}

static void turn_end(struct gv_world *w)
{
	while (w->n_allocs)
		free(w->allocs[--w->n_allocs]);
}

int gv_fault(struct gv_turn *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -EINVAL;
}

int gv_put(struct gv_turn *t, const struct gv_table *table, struct gv_key key, const void *row)
{
	return 0;
}

int gv_delete(struct gv_turn *t, const struct gv_table *table, struct gv_key key)
{
	return 0;
}

bool gv_next(struct gv_turn *t, struct gv_scan *scan)
{
	return false;
}

int gv_emit(struct gv_turn *t, const void *event)
{
	t->world->events++;
	return 0;
}

static void send_text(struct gv_world *w, uint64_t conn, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gv_plugin.driver->on_send(w->self, conn, GV_TEXT, (uint8_t *)text,
				  (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

int gv_reply(struct gv_turn *t, struct gv_ticket to, const void *reply)
{
	const ProtobufCMessage *m = reply;
	struct gv_world *w = t->world;

	if (m->descriptor == &link__list_connections_reply__descriptor) {
		const Link__ListConnectionsReply *r = reply;

		send_text(w, w->asking, "total=%" PRIu64 " first=%s sub=%s", r->total,
			  r->n_connections ? r->connections[0]->device : "-",
			  r->n_connections ? r->connections[0]->subprotocol : "-");
	} else {
		const Link__FetchReply *r = reply;

		send_text(w, w->asking, "status=%u headers=%zu body=%.*s", r->status, r->n_headers, (int)r->body.len,
			  (char *)r->body.data);
	}
	return 0;
}

int gv_refuse(struct gv_turn *t, struct gv_ticket to, enum gv_code code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	send_text(t->world, t->world->asking, "code=%d error=%s", code, text);
	return 0;
}

/* ---- world ----------------------------------------------------------------------------------- */

uv_loop_t *gv_world_loop(struct gv_world *w)
{
	return &w->loop;
}

int64_t gv_world_now_ms(struct gv_world *w)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void gv_world_log(struct gv_world *w, enum gv_level level, const char *fmt, ...)
{
	va_list ap;

	if (!getenv("LINK_WORLD_LOG") && level > GV_ERR)
		return;
	va_start(ap, fmt);
	fprintf(stderr, "%d ", level);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void gv_world_count(struct gv_world *w, const char *name, double by)
{
}

void gv_world_gauge(struct gv_world *w, const char *name, double value)
{
}

void gv_world_set_limits(struct gv_world *w, const struct gv_world_limits *limits)
{
}

int gv_world_turn(struct gv_world *w, int (*fn)(void *self, struct gv_turn *t, void *arg), void *arg)
{
	if (w->n_turns == TURNS_MAX)
		return -ENOSPC;
	w->turns[w->n_turns++] = (struct turn){ fn, arg };
	uv_async_send(&w->async);
	return 0;
}

bool gv_world_available(struct gv_world *w, const char *plugin, const char *key)
{
	return !w->down;
}

uint64_t gv_world_open(struct gv_world *w, const char *plugin, const struct gv_conn *info, uint32_t window_frames)
{
	if (w->down)
		return 0;
	w->opened++;
	if (w->last_id < CONNS_MAX)
		w->listener_of[w->last_id + 1] = strcmp(info->listener, "other") == 0 ? "other" : "tcp";
	return ++w->last_id;
}

void gv_world_close(struct gv_world *w, uint64_t conn, unsigned code, const char *reason)
{
	w->closed++;
}

unsigned gv_world_unacknowledged(struct gv_world *w, uint64_t conn)
{
	return 0;
}

bool gv_world_settled(const struct gv_world *w)
{
	return !w->starting;
}

bool gv_world_heard_all(const struct gv_world *w, const ProtobufCMessageDescriptor *type)
{
	return !w->reading;
}

bool gv_world_returns(const struct gv_world *w)
{
	return w->returns;
}

void gv_world_drained(struct gv_world *w)
{
	w->drained = true;
	uv_close((uv_handle_t *)&w->async, NULL);
	uv_close((uv_handle_t *)&w->check, NULL);
	uv_close((uv_handle_t *)&w->signal, NULL);
}

const char *world_blobs(const struct gv_world *w)
{
	return w->options->blobs;
}

/* ---- the echo plugin ------------------------------------------------------------------------- */

static void call(struct gv_world *w, const char *method, const ProtobufCMessage *request, uint64_t conn)
{
	struct gv_ticket ticket = { 1, 1 };

	w->asking = conn;
	for (const struct gv_service *s = gv_plugin.serves; s->type; s++) {
		for (const struct gv_method *m = s->methods; m->name; m++) {
			if (strcmp(m->name, method) == 0)
				m->on(w->self, &w->turn, ticket, request);
		}
	}
	turn_end(w);
}

static void put_device(struct gv_world *w, const char *id, const char *alias, const char *password, const char *key,
		       const char *value, bool deleted)
{
	Registry__DeviceChanged e = REGISTRY__DEVICE_CHANGED__INIT;
	Registry__Device d = REGISTRY__DEVICE__INIT;
	Registry__Credential credential = REGISTRY__CREDENTIAL__INIT;
	Registry__Device__AttributesEntry attribute = REGISTRY__DEVICE__ATTRIBUTES_ENTRY__INIT,
					  *attributes[] = { &attribute };
	struct gv_emitter from = { .instance = "registry.0", .key = id };
	char *aliases[] = { (char *)alias };
	uint8_t hash[32];

	d.id = e.id = (char *)id;
	e.device = &d;
	e.deleted = deleted;
	d.aliases = aliases;
	d.n_aliases = alias != NULL;
	if (key) {
		attribute.key = (char *)key;
		attribute.value = (char *)value;
		d.attributes = attributes;
		d.n_attributes = 1;
	}
	if (password) {
		PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (unsigned char *)"salt", 4, 1000, EVP_sha256(), 32,
				  hash);
		credential.salt.data = (uint8_t *)"salt";
		credential.salt.len = 4;
		credential.iterations = 1000;
		credential.hash.data = hash;
		credential.hash.len = 32;
		e.credential = &credential;
	}
	gv_plugin.hears[0].on(w->self, &w->turn, &e.base, &from);
	turn_end(w);
}

static void send_big(struct gv_world *w, uint64_t conn, unsigned size)
{
	char *big = malloc(size);

	memset(big, 'b', size);
	gv_plugin.driver->on_send(w->self, conn, GV_TEXT, (uint8_t *)big, size);
	free(big);
}

static void command(struct gv_world *w, uint64_t conn, const char *text)
{
	const struct gv_driver *d = gv_plugin.driver;
	unsigned n = 0, size = 0;
	char word[256] = "";

	if (sscanf(text, "!close %u %255[^\n]", &n, word) >= 1) {
		d->on_disconnect(w->self, conn, n, word);
	} else if (sscanf(text, "!many %u", &n) == 1) {
		for (unsigned i = 0; i < n; i++)
			send_text(w, conn, "%u", i);
	} else if (sscanf(text, "!big %u", &n) == 1) {
		send_big(w, conn, n);
	} else if (sscanf(text, "!flood %u %u", &n, &size) == 2) {
		while (n--)
			send_big(w, conn, size);
	} else if (sscanf(text, "!delete %255s", word) == 1) {
		put_device(w, word, NULL, NULL, NULL, NULL, true);
	} else if (sscanf(text, "!fetch %255s", word) == 1) {
		Link__FetchRequest r = LINK__FETCH_REQUEST__INIT;

		r.url = word;
		r.max_reply_bytes = 1000;
		r.timeout_ms = 5000;
		call(w, "Fetch", &r.base, conn);
	} else if (strcmp(text, "!list") == 0) {
		Link__ListConnectionsRequest r = LINK__LIST_CONNECTIONS_REQUEST__INIT;

		call(w, "ListConnections", &r.base, conn);
	} else if (strcmp(text, "!down") == 0) {
		w->down = true;
		send_text(w, conn, "down");
	} else if (strcmp(text, "!up") == 0) {
		w->down = false;
		send_text(w, conn, "up");
	} else if (strcmp(text, "!reading") == 0) {
		w->reading = true;
		send_text(w, conn, "reading");
	} else if (strcmp(text, "!starting") == 0) {
		w->starting = true;
		send_text(w, conn, "starting");
	} else if (strcmp(text, "!overrun") == 0) {
		d->on_overrun(w->self, "echo");
	} else if (strcmp(text, "!pause") == 0) {
		d->on_pause(w->self, conn, true);
		send_text(w, conn, "paused");
	} else if (strcmp(text, "!stop") == 0 || strcmp(text, "!reload") == 0) {
		w->returns = text[1] == 'r';
		d->drain(w->self);
	}
}

static void respond(struct gv_world *w, uint64_t conn, Link__HttpResponse *m)
{
	size_t size = link__http_response__get_packed_size(m);
	uint8_t *packed = malloc(size + 1);

	link__http_response__pack(m, packed);
	gv_plugin.driver->on_send(w->self, conn, GV_REQUEST, packed, size);
	free(packed);
}

/* /blob/ID?RATE serves a blob, at so many bytes a second for all who ask for that; /stream sends three parts; anything
 * else tells what came. */
static void request(struct gv_world *w, uint64_t conn, const Link__HttpRequest *m)
{
	Link__HttpResponse r = LINK__HTTP_RESPONSE__INIT;
	Link__HttpHeader type = LINK__HTTP_HEADER__INIT, evil = LINK__HTTP_HEADER__INIT, *headers[] = { &type, &evil };
	Link__Budget budget = LINK__BUDGET__INIT, *budgets[] = { &budget };
	char text[65536];
	size_t n;

	type.name = "Content-Type";
	type.value = "text/plain";
	evil.name = "X-Evil";
	evil.value = "a\r\nX-Injected: b";
	r.headers = headers;
	r.n_headers = 2;
	r.status = 200;
	if (strncmp(m->path, "/http/blob/", 11) == 0) {
		r.blob = m->path + 11;
		budget.name = m->query;
		budget.bytes_per_s = strtoull(m->query, NULL, 10);
		r.budgets = budgets;
		r.n_budgets = m->query[0] ? 1 : 0;
		respond(w, conn, &r);
		return;
	}
	if (strcmp(m->path, "/http/stream") == 0) {
		for (int i = 0; i < 3; i++) {
			r.body.data = (uint8_t *)"part\n";
			r.body.len = 5;
			r.more = i < 2;
			respond(w, conn, &r);
		}
		return;
	}
	if (strcmp(m->path, "/http/hang") == 0)
		return;
	n = (size_t)snprintf(text, sizeof(text), "%s %s ?%s body=%zu blob=%s loopback=%d peer=%s\n", m->method, m->path,
			     m->query, m->body.len, m->body_blob, m->loopback, m->peer);
	for (size_t i = 0; i < m->n_headers && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s: %s\n", m->headers[i]->name,
				      m->headers[i]->value);
	r.body.data = (uint8_t *)text;
	r.body.len = n < sizeof(text) ? n : sizeof(text) - 1;
	respond(w, conn, &r);
}

int gv_world_frame(struct gv_world *w, uint64_t conn, enum gv_frame_kind kind, const void *data, size_t size)
{
	Link__HttpRequest *m;
	char text[512];

	if (w->down && size && *(const char *)data != '!')
		return -ENOBUFS;
	if (kind == GV_REQUEST) {
		m = link__http_request__unpack(NULL, size, data);
		if (!m)
			abort();
		request(w, conn, m);
		link__http_request__free_unpacked(m, NULL);
	} else if (kind == GV_TEXT && size && size < sizeof(text) && *(const char *)data == '!') {
		memcpy(text, data, size);
		text[size] = '\0';
		command(w, conn, text);
	} else if (kind == GV_BYTES && size == 1 && *(const char *)data == '?') {
		const char *name = w->listener_of[conn <= CONNS_MAX ? conn : 0];

		gv_plugin.driver->on_send(w->self, conn, GV_BYTES, (const uint8_t *)name, strlen(name));
	} else {
		gv_plugin.driver->on_send(w->self, conn, kind, data, size);
	}
	return 0;
}

/* ---- running --------------------------------------------------------------------------------- */

static void run_turns(struct gv_world *w)
{
	for (size_t i = 0; i < w->n_turns; i++) {
		w->turns[i].fn(w->self, &w->turn, w->turns[i].arg);
		turn_end(w);
	}
	w->n_turns = 0;
}

static void on_async(uv_async_t *async)
{
	run_turns(async->data);
}

static void on_check(uv_check_t *check)
{
	struct gv_world *w = check->data;

	gv_plugin.driver->on_flush(w->self);
}

static void on_signal(uv_signal_t *s, int number)
{
	struct gv_world *w = s->data;

	gv_plugin.driver->drain(w->self);
}

static void listeners(struct gv_world *w)
{
	const struct world_options *o = w->options;
	Link__Listener ws = LINK__LISTENER__INIT, any = LINK__LISTENER__INIT, http = LINK__LISTENER__INIT,
		       all = LINK__LISTENER__INIT, tcp = LINK__LISTENER__INIT, other = LINK__LISTENER__INIT;
	const void *list[] = { &ws, &any, &http, &all, &tcp, &other };
	char *subprotocols[] = { "ocpp1.6", "ocpp2.0.1" };

	ws.name = "ocpp";
	ws.path = "/ocpp/";
	ws.subprotocols = subprotocols;
	ws.n_subprotocols = 2;
	ws.identity = LINK__LISTENER__IDENTITY__LAST_SEGMENT;
	ws.device_prefix = "ocpp:";
	ws.unknown = o->accept_unknown ? LINK__LISTENER__UNKNOWN__ACCEPT : LINK__LISTENER__UNKNOWN__REFUSE;
	ws.default_subprotocol = "ocpp1.6";
	ws.one_per_device = true;
	ws.ping_s = o->ping_s;
	ws.idle_s = o->idle_s;
	ws.max_frames_per_s = o->max_frames_per_s;
	ws.max_frame_bytes = 70000;
	ws.compression = true;
	any.name = "any";
	any.path = "/any/";
	any.max_frame_bytes = 1 << 20;
	http.name = "http";
	http.kind = LINK__LISTENER__KIND__HTTP;
	http.path = "/http/";
	http.max_body_bytes = 4 << 20;
	all.name = "all";
	all.kind = LINK__LISTENER__KIND__HTTP;
	all.max_body_bytes = 4 << 20;
	tcp.name = "tcp";
	tcp.kind = LINK__LISTENER__KIND__TCP;
	tcp.idle_s = o->idle_s;
	tcp.max_frames_per_s = o->max_frames_per_s;
	other.name = "other";
	other.kind = LINK__LISTENER__KIND__TCP;
	gv_plugin.driver->on_listen(w->self, "echo", list, 6);
}

static int start(struct gv_world *w)
{
	const struct world_options *o = w->options;
	Link__Config config = LINK__CONFIG__INIT;
	const uint16_t numbers[] = { o->ws, o->http, o->tcp, o->tls, o->named };
	Link__Port ports[5], *pointers[5];
	Link__Tls tls = LINK__TLS__INIT;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < 5; i++) {
		if (!numbers[i])
			continue;
		link__port__init(&ports[n]);
		*(i == 1 ? &ports[n].http : i == 2 || i == 4 ? &ports[n].tcp : &ports[n].ws) = numbers[i];
		if (i == 1 || i == 2 || i == 4)
			ports[n].to = "echo";
		if (i == 4)
			ports[n].listener = (char *)o->listener;
		if (i == 3)
			ports[n].tls = &tls;
		pointers[n] = &ports[n];
		n++;
	}
	tls.cert = (char *)(o->cert ? o->cert : "");
	tls.key = (char *)(o->key ? o->key : "");
	tls.second_cert = (char *)(o->second_cert ? o->second_cert : "");
	tls.second_key = (char *)(o->second_key ? o->second_key : "");
	tls.client_ca = (char *)(o->client_ca ? o->client_ca : "");
	tls.client_certificate = (char *)(o->client_ca ? "demand" : "");
	config.listen = pointers;
	config.n_listen = n;
	config.max_connections = o->max_connections ? o->max_connections : 20000;
	config.handshake_timeout_s = o->handshake_timeout_s ? o->handshake_timeout_s : 20;
	config.max_frame_bytes = 1 << 20;
	config.hold_s = 30;
	config.max_connections_per_address = o->max_connections_per_address;
	config.max_new_per_address_per_s = o->max_new_per_address_per_s;
	r = gv_plugin.start(w->self, &w->turn, &config);
	if (r < 0)
		return r;
	put_device(w, "ocpp:CP001", "ocpp:Alias", NULL, NULL, NULL, false);
	put_device(w, "ocpp:RDAM|123", NULL, NULL, NULL, NULL, false);
	put_device(w, "ocpp:Secret", NULL, "pass:word", NULL, NULL, false);
	put_device(w, "ocpp:Hex", NULL, "0001020304050607ffffffffffffffffffffff3a", NULL, NULL, false);
	put_device(w, "ocpp:Lax", NULL, NULL, "defaultSubprotocol", "allow", false);
	put_device(w, "ocpp:Pinged", NULL, NULL, "pingS", "1", false);
	put_device(w, "ocpp:Plain", NULL, NULL, "compression", "off", false);
	listeners(w);
	return gv_plugin.driver->open(w->self, w);
}

int world_run(const struct world_options *options)
{
	struct gv_world w = { .options = options };
	int r;

	signal(SIGPIPE, SIG_IGN);
	w.turn.world = &w;
	w.self = calloc(1, gv_plugin.self_size);
	uv_loop_init(&w.loop);
	uv_async_init(&w.loop, &w.async, on_async);
	uv_check_init(&w.loop, &w.check);
	uv_signal_init(&w.loop, &w.signal);
	w.async.data = w.check.data = w.signal.data = &w;
	uv_check_start(&w.check, on_check);
	uv_signal_start(&w.signal, on_signal, SIGTERM);
	r = start(&w);
	if (r < 0)
		return r;
	if (options->ready >= 0 && write(options->ready, "r", 1) != 1)
		return -EIO;
	uv_run(&w.loop, UV_RUN_DEFAULT);
	run_turns(&w);
	gv_plugin.stop(w.self);
	free(w.self);
	r = uv_loop_close(&w.loop);
	if (r < 0 || !w.drained || w.opened != w.closed) {
		fprintf(stderr, "not in order: loop=%d drained=%d opened=%u closed=%u\n", r, w.drained, w.opened,
			w.closed);
		return -EIO;
	}
	return 0;
}
