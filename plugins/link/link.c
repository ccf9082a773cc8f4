/* link owns the sockets: WebSocket, HTTP and raw TCP for whatever plugin registers a listener, and HTTP to the outside.
 * It knows handshakes, credentials and frames, and no protocol above them. */
#include "link.h"

#include <errno.h>
#include <galvan/registry.pb-c.h>
#include <lib/deflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "link.schema.h"

#define DESCRIPTORS_BESIDES 128   /* what is open besides connections */
#define DEFAULT_CONNECTIONS 20000 /* of max_connections, as link.proto has it */
#define FEW_DESCRIPTORS 4096

/* ---- turn side ------------------------------------------------------------------------------- */

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct link *l = self;
	const Link__Config *c = config;
	int r;

	l->notices_end = &l->notices;
	l->max_connections = c->max_connections;
	l->max_frame = c->max_frame_bytes;
	l->handshake_timeout_ms = c->handshake_timeout_s * 1000;
	l->origins.max_connections = c->max_connections_per_address;
	l->origins.max_new_per_s = c->max_new_per_address_per_s;
	l->limits.hold_bytes = c->hold_bytes;
	l->limits.hold_ms = c->hold_s * 1000;
	if (c->ca_file[0]) {
		l->ca_file = strdup(c->ca_file);
		if (!l->ca_file)
			return -ENOMEM;
		if (access(c->ca_file, R_OK) < 0)
			return gv_fault(t, "config ca_file: cannot read %s: %s", c->ca_file, strerror(errno));
	}
	if (c->operator_name[0] && !(l->operator_name = strdup(c->operator_name)))
		return -ENOMEM;
	r = view_init(&l->view);
	if (r == 0)
		r = view_load(&l->view, t);
	if (r == 0)
		r = revoked_load(l, t);
	if (r == 0)
		r = origins_init(l, t);
	if (r == 0)
		r = dials_load(l, t);
	return r < 0 ? r : ports_init(l, t, c);
}

static void stop(void *self)
{
	struct link *l = self;

	if (l->world && !l->drained)
		return; /* the loop's handles still point here; the process ends */
	presence_fini(l);
	dials_fini(l);
	routes_fini(l);
	ports_fini(l);
	table_fini(l);
	view_fini(&l->view);
	origins_fini(l);
	revoked_fini(l);
	budgets_fini(l);
	if (l->batch.data)
		free(l->batch.data - LWS_PRE);
	l->batch.data = NULL;
	free(l->ca_file);
	gv_deflate_destroy(l->deflate);
	l->deflate = NULL;
	free(l->operator_name);
	l->ca_file = l->operator_name = NULL;
}

/* A device that is gone has no business on a listener that takes known ones only. Its sockets are closed when the loop
 * goes round: a turn is no place to write to them. */
static void drop_device(struct link *l, const char *id)
{
	struct conn *c, *next;

	if (!l->by_device)
		return;
	for (c = table_by_device(l, id, NULL); c; c = next) {
		next = table_by_device(l, id, c);
		if (!c->route->accept_unknown)
			c->unwanted = "the device was deleted";
	}
}

static int device_changed(struct link *l, struct gv_turn *t, const Registry__DeviceChanged *e,
			  const struct gv_emitter *from)
{
	int r = view_changed(&l->view, t, e, from);

	if (r == 0 && e->deleted)
		drop_device(l, e->id);
	return r;
}
GV_ON_EVENT(device_changed, struct link, Registry__DeviceChanged)
GV_ON_EVENT(authority_changed, struct link, Pki__AuthorityChanged)
GV_ON_EVENT(certificate_revoked, struct link, Pki__CertificateRevoked)

static int resync(void *self, struct gv_turn *t, const char *emitter, bool first)
{
	struct link *l = self;

	return view_resync(&l->view, t, emitter);
}

static int list_connections(struct link *l, struct gv_turn *t, struct gv_ticket ticket,
			    const Link__ListConnectionsRequest *request)
{
	return presence_list(l, t, ticket, request);
}
GV_ON_CALL(list_connections, struct link, Link__ListConnectionsRequest)
GV_ON_CALL(dial, struct link, Link__DialRequest)
GV_ON_CALL(hang, struct link, Link__HangRequest)
GV_ON_CALL(list_dials, struct link, Link__ListDialsRequest)
GV_ON_CALL(fetch, struct link, Link__FetchRequest)
GV_ON_CALL(send_mail, struct link, Link__SendMailRequest)

/* ---- loop side ------------------------------------------------------------------------------- */

/* Every connection is a descriptor; the soft limit of 1024 is not meant for servers. */
static void raise_limit(struct link *l)
{
	rlim_t wanted = (rlim_t)l->max_connections + DESCRIPTORS_BESIDES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return;
	/* Nobody asked for the default; but few are few. */
	gv_world_log(
		l->world,
		l->max_connections != DEFAULT_CONNECTIONS || limit.rlim_cur < FEW_DESCRIPTORS ? GV_WARN : GV_DEBUG,
		"The system allows fewer descriptors than max_connections needs; raise the limit (LimitNOFILE in the "
		"unit file, ulimit -Hn) or lower max_connections max_connections=%u descriptors=%llu",
		l->max_connections, (unsigned long long)limit.rlim_cur);
	l->max_connections = limit.rlim_cur > 2 * DESCRIPTORS_BESIDES ? (uint32_t)(limit.rlim_cur - DESCRIPTORS_BESIDES)
								      : DESCRIPTORS_BESIDES;
}

static int open_world(void *self, struct gv_world *w)
{
	struct link *l = self;
	uint8_t *batch = malloc(LWS_PRE + LINK_BATCH_MAX);
	int r;

	if (!batch)
		return -ENOMEM;
	l->batch.data = batch + LWS_PRE;
	l->world = w;
	l->loop = gv_world_loop(w);
	uv_update_time(l->loop);
	gv_world_set_limits(w, &l->limits);
	raise_limit(l);
	r = table_init(l);
	if (r == 0)
		r = context_open(l);
	if (r == 0)
		r = sweep_start(l);
	if (r == 0)
		r = fetch_open(l);
	return r < 0 ? r : ports_open(l);
}

static void drain(void *self)
{
	drain_begin(self);
}

static int on_listen(void *self, const char *plugin, const void *const *listeners, size_t count)
{
	return routes_register(self, plugin, listeners, count);
}

static void on_send(void *self, uint64_t id, enum gv_frame_kind kind, const uint8_t *data, size_t size)
{
	struct link *l = self;
	struct conn *c = table_by_id(l, id);

	if (!c)
		return;
	if (kind == GV_REQUEST)
		http_send(c, data, size);
	else if (c->state == CONN_TCP)
		tcp_send(c, data, size);
	else
		websocket_send(c, kind, data, size);
}

static void on_disconnect(void *self, uint64_t id, unsigned code, const char *reason)
{
	struct link *l = self;
	struct conn *c = table_by_id(l, id);

	if (c)
		conn_close(c, code ? code : 1000, reason);
	link_flush(l);
}

static void on_pause(void *self, uint64_t id, bool pause)
{
	struct link *l = self;
	struct conn *c = table_by_id(l, id);

	if (c && pause)
		conn_pause(c, PAUSE_HOST);
	else if (c)
		conn_resume(c, PAUSE_HOST);
}

static void on_overrun(void *self, const char *plugin)
{
	struct link *l = self;

	gv_world_log(
		l->world, GV_WARN,
		"The plugin was away for too long or left too much unhandled; its connections are closed plugin=%s",
		plugin);
	for (struct conn *c = l->conns; c; c = c->next) {
		if (c->id && strcmp(c->route->plugin, plugin) == 0)
			conn_close(c, 1013, "try again later");
	}
	link_flush(l);
}

static void on_flush(void *self)
{
	link_flush(self);
}

/* ---- record ---------------------------------------------------------------------------------- */

static const struct gv_method http_methods[] = { { "Fetch", fetch_call }, { 0 } };
static const struct gv_method mail_methods[] = { { "SendMail", send_mail_call }, { 0 } };
static const struct gv_method link_methods[] = { { "ListConnections", list_connections_call },
						 { "Dial", dial_call },
						 { "Hang", hang_call },
						 { "ListDials", list_dials_call },
						 { 0 } };
static const struct gv_service services[] = {
	{ &link__http__descriptor, http_methods },
	{ &link__mail__descriptor, mail_methods },
	{ &link__link__descriptor, link_methods },
	{ 0 },
};
static const struct gv_hears hears[] = {
	{ &registry__device_changed__descriptor, device_changed_event },
	{ &pki__authority_changed__descriptor, authority_changed_event },
	{ &pki__certificate_revoked__descriptor, certificate_revoked_event },
	{ 0 },
};
static const struct gv_emits emits[] = {
	{ &link__connection_opened__descriptor, NULL },     { &link__connection_closed__descriptor, NULL },
	{ &link__handshake_refused__descriptor, NULL },     { &link__profile_raised__descriptor, NULL },
	{ &link__pending_password_used__descriptor, NULL }, { 0 },
};
static const struct gv_table *const tables[] = { &view_table, &authorities_table, &revoked_table, &dials_table, NULL };
static const struct gv_driver driver = {
	.size = sizeof(struct gv_driver),
	.open = open_world,
	.drain = drain,
	.on_listen = on_listen,
	.on_send = on_send,
	.on_disconnect = on_disconnect,
	.on_pause = on_pause,
	.on_overrun = on_overrun,
	.on_flush = on_flush,
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "link",
	.version = "0.1.0",
	.summary = "Owns the sockets: WebSocket, HTTP, raw TCP, TLS, and outbound HTTP and mail",
	.config = &link__config__descriptor,
	.serves = services,
	.hears = hears,
	.emits = emits,
	.tables = tables,
	.schema_set = GV_SCHEMA(link),
	.schema = 1,
	.self_size = sizeof(struct link),
	.start = start,
	.stop = stop,
	.on_resync = resync,
	.driver = &driver,
};
