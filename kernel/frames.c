/* Connections as a protocol plugin sees them: opened by a driver, frames in order, each acknowledged when the turn that
 * handled it has committed. The driver's half is world.c. */
#include "actor_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct conn {
	struct gv_conn info;
	struct peer *driver;
	uint64_t handled; /* seq of the last frame handled */
	bool acknowledge; /* among the turn's */
	bool closed;      /* dies with this turn */
	char strings[];   /* what info points to */
};

struct conn *gv_frames_conn(struct gv_actor *a, uint64_t id)
{
	return gv_map_get(&a->conns, id);
}

const char *gv_conn_device(const struct conn *c)
{
	return c->info.device;
}

/* ---- registering ----------------------------------------------------------------------------- */

/* A plugin speaks for its own devices at the paths it was granted, and nowhere else. */
static bool may_listen(struct gv_turn *t, const Link__Listener *l)
{
	const struct gv_plugin *p = t->a->plugin;
	size_t n = strlen(p->name);
	if (strcmp(l->base.descriptor->name, "galvan.link.v1.Listener")) {
		gv_turn_fail(t, -EINVAL, "gv_listen takes a galvan.link.v1.Listener, not a %s",
			     l->base.descriptor->name);
		return false;
	}
	if (*l->device_prefix && (strncmp(l->device_prefix, p->name, n) || strcmp(l->device_prefix + n, ":"))) {
		gv_turn_fail(t, -EPERM, "listener \"%s\": the device_prefix must be \"%s:\", not \"%s\"", l->name,
			     p->name, l->device_prefix);
		return false;
	}
	bool listed = !*l->path;
	for (const char *const *path = p->listens; path && *path && !listed; path++)
		listed = !strcmp(*path, l->path);
	if (!listed)
		gv_turn_fail(t, -EPERM, "listener \"%s\": the path \"%s\" is not among the record's listens", l->name,
			     l->path);
	for (size_t i = 0; i < t->a->listeners.count && listed; i++) {
		const struct gv_buf *b = &t->a->listeners.items[i];
		const Link__Listener *other = gv_turn_unpack(t, &link__listener__descriptor, b->data, b->size);
		if (!other || strcmp(other->name, l->name))
			continue;
		gv_turn_fail(t, -EEXIST, "two listeners are named \"%s\"", l->name);
		return false;
	}
	return listed;
}

int gv_listen(struct gv_turn *t, const void *listener)
{
	if (!t->starting)
		return gv_turn_fail(t, -EPERM, "gv_listen may be called from start only");
	if (!may_listen(t, listener))
		return t->failed;
	size_t size = protobuf_c_message_get_packed_size(listener);
	struct gv_buf *b = PUSH(t->a->listeners);
	if (gv_buf_reserve(b, size) < 0)
		return gv_turn_fail(t, -ENOMEM, "out of memory");
	protobuf_c_message_pack(listener, b->data);
	b->size = size;
	return 0;
}

static void forget_of(struct gv_actor *a, const struct peer *driver)
{
	VECTOR(uint64_t) ids = { 0 };
	size_t i = 0;
	for (struct conn *c; (c = gv_map_next(&a->conns, &i));) {
		if (driver && c->driver != driver)
			continue;
		uint64_t *id = PUSH(ids);
		*id = c->info.id;
	}
	for (size_t j = 0; j < ids.count; j++)
		free(gv_map_take(&a->conns, ids.items[j]));
	free(ids.items);
}

/* A driver that came up anew has none of the old sockets. The plugin is told, so that what it keeps per connection
 * goes. */
void gv_frames_peer_up(struct gv_actor *a, struct peer *p)
{
	if (!p->driver) /* one without listeners says so, that the driver knows it has heard all */
		return;
	Env__Listen listen = ENV__LISTEN__INIT;
	ProtobufCBinaryData packed[64];
	for (size_t i = 0; i < a->listeners.count && i < 64; i++)
		packed[listen.n_listeners++] = (ProtobufCBinaryData){ a->listeners.items[i].size,
								      a->listeners.items[i].data };
	listen.listeners = packed;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_LISTEN;
	item.listen = &listen;
	gv_out_item(a, p, &item);
}

static void close_lost(struct gv_actor *a, const struct conn *c)
{
	struct message m = { .kind = M_CLOSE, .from = c->driver };
	Env__Close *close = malloc(sizeof *close);
	if (!close)
		return;
	env__close__init(close);
	close->conn = c->info.id;
	close->code = 1006;
	m.close = close;
	m.made_here = true;
	if (gv_inbox_add(a, m) < 0)
		free(close);
}

void gv_frames_peer_down(struct gv_actor *a, struct peer *p)
{
	size_t i = 0;
	for (struct conn *c; (c = gv_map_next(&a->conns, &i));)
		if (c->driver == p)
			close_lost(a, c);
}

/* ---- handling -------------------------------------------------------------------------------- */

static char *copy(char **at, const char *s)
{
	char *start = *at;
	size_t n = strlen(s) + 1;
	memcpy(start, s, n);
	*at += n;
	return start;
}

int gv_frames_open(struct gv_turn *t, struct peer *from, const Env__Open *o)
{
	struct gv_actor *a = t->a;
	if (gv_map_get(&a->conns, o->conn))
		return 0;
	struct conn *c = calloc(1, sizeof *c + strlen(o->device) + strlen(o->listener) + strlen(o->subprotocol) +
					   strlen(o->peer) + strlen(o->path) + 5);
	if (!c)
		return gv_turn_fail(t, -ENOMEM, "out of memory");
	char *at = c->strings;
	c->driver = from;
	c->info = (struct gv_conn){ .id = o->conn, .again = o->again };
	c->info.device = copy(&at, o->device);
	c->info.listener = copy(&at, o->listener);
	c->info.subprotocol = copy(&at, o->subprotocol);
	c->info.peer = copy(&at, o->peer);
	c->info.path = copy(&at, o->path);
	if (gv_map_put(&a->conns, o->conn, c) < 0) {
		free(c);
		return gv_turn_fail(t, -ENOMEM, "out of memory");
	}
	return a->plugin->on_open ? a->plugin->on_open(a->self, t, &c->info) : 0;
}

bool gv_frames_seen(struct gv_turn *t, const struct frame *f)
{
	struct conn *c = gv_map_get(&t->a->conns, f->conn);
	return c && f->seq <= c->handled;
}

/* A dead driver's last frames may come behind the news of its death, and so behind on_close: they are dropped. */
int gv_frames_deliver(struct gv_turn *t, const struct frame *f)
{
	struct gv_actor *a = t->a;
	struct conn *c = gv_map_get(&a->conns, f->conn);
	if (!c || c->closed || !a->plugin->on_frame)
		return 0;
	a->count.frames_in++;
	struct gv_frame frame = {
		.conn = &c->info, .kind = f->kind, .data = f->data, .size = f->size, .again = f->again
	};
	if (f->kind == GV_REQUEST) {
		frame.request = gv_turn_unpack(t, &link__http_request__descriptor, f->data, f->size);
		if (!frame.request)
			return gv_turn_fail(t, -EBADMSG, "the driver sent no HttpRequest");
	}
	return a->plugin->on_frame(a->self, t, &frame);
}

void gv_frames_done(struct gv_turn *t, const struct frame *f)
{
	struct conn *c = gv_map_get(&t->a->conns, f->conn);
	if (!c)
		return;
	if (f->seq > c->handled)
		c->handled = f->seq;
	if (c->acknowledge)
		return;
	c->acknowledge = true;
	struct conn **acked = PUSH(t->acked);
	*acked = c;
}

int gv_frames_close(struct gv_turn *t, const Env__Close *close)
{
	struct gv_actor *a = t->a;
	struct conn *c = gv_map_get(&a->conns, close->conn);
	if (!c || c->closed)
		return 0;
	c->closed = true;
	if (!c->acknowledge) { /* so that gv_frames_commit meets it */
		c->acknowledge = true;
		struct conn **acked = PUSH(t->acked);
		*acked = c;
	}
	return a->plugin->on_close ? a->plugin->on_close(a->self, t, &c->info, close->code, close->reason) : 0;
}

/* Acknowledgements of the committed turn, one item per driver. */
static void acknowledge(struct gv_turn *t, struct peer *driver)
{
	Env__FrameAck ack = ENV__FRAME_ACK__INIT;
	ack.conns = gv_arena_alloc(&t->arena, t->acked.count * sizeof *ack.conns);
	ack.seqs = gv_arena_alloc(&t->arena, t->acked.count * sizeof *ack.seqs);
	for (size_t i = 0; i < t->acked.count; i++) {
		const struct conn *c = t->acked.items[i];
		if (c->driver != driver || !c->handled)
			continue;
		ack.conns[ack.n_conns++] = c->info.id;
		ack.seqs[ack.n_seqs++] = c->handled;
	}
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_FRAME_ACK;
	item.frame_ack = &ack;
	if (ack.n_conns)
		gv_out_item(t->a, driver, &item);
}

void gv_frames_commit(struct gv_turn *t)
{
	struct gv_actor *a = t->a;
	if (!t->acked.count)
		return;
	for (size_t i = 0; i < a->peers.count; i++)
		if (a->peers.items[i]->driver)
			acknowledge(t, a->peers.items[i]);
	for (size_t i = 0; i < t->acked.count; i++) {
		struct conn *c = t->acked.items[i];
		c->acknowledge = false;
		if (c->closed)
			free(gv_map_take(&a->conns, c->info.id));
	}
	t->acked.count = 0;
}

/* ---- sending --------------------------------------------------------------------------------- */

int gv_send(struct gv_turn *t, uint64_t conn, enum gv_frame_kind kind, const void *data, size_t size)
{
	struct gv_actor *a = t->a;
	struct conn *c = gv_map_get(&a->conns, conn);
	if (!c || c->closed)
		return 0;
	a->count.frames_out++;
	gv_out_frame(a, c->driver, &(struct frame){ .conn = conn, .kind = kind, .data = data, .size = size });
	return 0;
}

int gv_respond(struct gv_turn *t, uint64_t conn, const void *http_response)
{
	size_t size = protobuf_c_message_get_packed_size(http_response);
	uint8_t *packed = gv_alloc(t, size);
	protobuf_c_message_pack(http_response, packed);
	return gv_send(t, conn, GV_REQUEST, packed, size);
}

int gv_disconnect(struct gv_turn *t, uint64_t conn, unsigned code, const char *reason)
{
	struct conn *c = gv_map_get(&t->a->conns, conn);
	if (code && (code < 1000 || code > 4999))
		return gv_turn_fail(t, -EINVAL, "gv_disconnect: %u is no WebSocket close code", code);
	if (!c || c->closed)
		return 0;
	Env__Close close = ENV__CLOSE__INIT;
	close.conn = conn;
	close.code = code;
	close.reason = (char *)(reason ? reason : "");
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_CLOSE;
	item.close = &close;
	gv_out_item(t->a, c->driver, &item);
	return 0;
}

void gv_frames_fini(struct gv_actor *a)
{
	forget_of(a, NULL);
	gv_map_fini(&a->conns);
	for (size_t i = 0; i < a->listeners.count; i++)
		gv_buf_fini(&a->listeners.items[i]);
	free(a->listeners.items);
}
