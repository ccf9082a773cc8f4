/* Connections as a driver sees them. Every inbound frame is kept until the plugin's committed turn has acknowledged it;
 * a new incarnation of the plugin first learns the open connections, then gets the frames again. */
#include "actor_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_BYTES (64u << 20)
#define HOLD_MS 30000

struct kept { /* an inbound frame */
	struct kept *next;
	uint64_t seq;
	uint32_t kind;
	uint32_t size;
	bool sent;
	char data[];
};

struct wire {
	uint64_t id, seq;
	struct peer *plugin;
	struct kept *first, **end;
	uint32_t unacknowledged;
	uint16_t window;
	uint16_t close_code;
	bool paused, closed;
	bool known;  /* an Open has been sent to the present incarnation */
	bool unsent; /* something happened to it in the turn in hand */
	char *close_reason;
	char strings[]; /* device, listener, subprotocol, peer, path: each with its zero */
};

struct wire_strings {
	const char *device, *listener, *subprotocol, *peer, *path;
};

static struct wire_strings strings_of(const struct wire *w)
{
	struct wire_strings s;
	s.device = w->strings;
	s.listener = s.device + strlen(s.device) + 1;
	s.subprotocol = s.listener + strlen(s.listener) + 1;
	s.peer = s.subprotocol + strlen(s.subprotocol) + 1;
	s.path = s.peer + strlen(s.peer) + 1;
	return s;
}

static bool synced(const struct peer *p)
{
	return p->up && p->synced_incarnation == p->incarnation && p->incarnation == p->newest;
}

static uint64_t hold_bytes(const struct gv_actor *a)
{
	return a->limits.hold_bytes ? a->limits.hold_bytes : HOLD_BYTES;
}

static int64_t hold_ms(const struct gv_actor *a)
{
	return a->limits.hold_ms ? a->limits.hold_ms : HOLD_MS;
}

/* ---- for the driver -------------------------------------------------------------------------- */

uv_loop_t *gv_world_loop(struct gv_world *w)
{
	return w->a->options.loop;
}

int64_t gv_world_now_ms(struct gv_world *w)
{
	return gv_now(w->a);
}

void gv_world_log(struct gv_world *w, enum gv_level level, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	w->a->env.log(w->a->env.arg, level, line);
}

int gv_world_turn(struct gv_world *w, int (*fn)(void *self, struct gv_turn *t, void *arg), void *arg)
{
	return gv_inbox_add(w->a, (struct message){ .kind = M_WORLD, .world = { fn, arg } });
}

void gv_world_set_limits(struct gv_world *w, const struct gv_world_limits *limits)
{
	w->a->limits = *limits;
}

bool gv_world_settled(const struct gv_world *w)
{
	const struct gv_actor *a = w->a;

	for (size_t i = 0; i < a->peers.count; i++) {
		const struct peer *p = a->peers.items[i];
		if (p->listed && !p->gone && !p->listen_incarnation && strcmp(p->plugin, "kernel") != 0)
			return false;
	}
	return a->directory_seen;
}

bool gv_world_heard_all(const struct gv_world *w, const ProtobufCMessageDescriptor *type)
{
	return gv_journal_heard_all(w->a, type->name);
}

bool gv_world_returns(const struct gv_world *w)
{
	return w->a->returns;
}

void gv_world_drained(struct gv_world *w)
{
	w->a->drained = true;
}

static struct peer *instance_for(const struct gv_actor *a, const char *plugin, const char *device, uint64_t id)
{
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (!p->listed || strcmp(p->plugin, plugin))
			continue;
		uint32_t n = p->instances ? p->instances : 1;
		if (p->instance == (*device ? gv_shard(device, n) : (uint32_t)(id % n)))
			return p;
	}
	return NULL;
}

static bool available(const struct gv_actor *a, const struct peer *p)
{
	if (!p || !p->n_listeners || p->overrun)
		return false;
	if (synced(p))
		return true;
	return !p->gone && gv_now(a) - p->down_since_ms < hold_ms(a);
}

bool gv_world_available(struct gv_world *w, const char *plugin, const char *key)
{
	return available(w->a, instance_for(w->a, plugin, key, 0));
}

static void send_open(struct gv_actor *a, struct wire *w, bool again)
{
	struct wire_strings s = strings_of(w);
	Env__Open open = ENV__OPEN__INIT;
	open.conn = w->id;
	open.device = (char *)s.device;
	open.listener = (char *)s.listener;
	open.subprotocol = (char *)s.subprotocol;
	open.peer = (char *)s.peer;
	open.path = (char *)s.path;
	open.again = again;
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_OPEN;
	item.open = &open;
	gv_out_item(a, w->plugin, &item);
	w->known = true;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

uint64_t gv_world_open(struct gv_world *world, const char *plugin, const struct gv_conn *info, uint32_t window_frames)
{
	struct gv_actor *a = world->a;
	const char *parts[5] = { or_empty(info->device), or_empty(info->listener), or_empty(info->subprotocol),
				 or_empty(info->peer), or_empty(info->path) };
	struct peer *p = instance_for(a, plugin, parts[0], a->next_wire);
	if (!available(a, p))
		return 0;
	size_t size = 0;
	for (int i = 0; i < 5; i++)
		size += strlen(parts[i]) + 1;
	struct wire *w = calloc(1, sizeof *w + size);
	if (!w)
		return 0;
	char *at = w->strings;
	for (int i = 0; i < 5; i++)
		at = stpcpy(at, parts[i]) + 1;
	w->id = a->next_wire++;
	w->plugin = p;
	w->end = &w->first;
	uint32_t window = window_frames             ? window_frames
			  : a->limits.window_frames ? a->limits.window_frames
						    : GV_WINDOW_FRAMES;
	w->window = window > UINT16_MAX ? UINT16_MAX : (uint16_t)window;
	if (gv_map_put(&a->wires, w->id, w) < 0) {
		free(w);
		return 0;
	}
	p->n_wires++;
	if (synced(p) && !a->in_turn) {
		send_open(a, w, false);
		gv_out_flush_peer(a, p); /* now: who was let in calls at once, and a turn's commit may take its time */
	}
	a->wires_unsent |= w->unsent |= a->in_turn;
	return w->id;
}

/* A packet costs both processes more than the frames in it, so frames that come in together go together. */
static void send_kept(struct gv_actor *a, struct wire *w, struct kept *k)
{
	struct peer *p = w->plugin;
	bool alone = !a->in_turn && (!p->out.size || p->gathering);
	gv_out_frame(a, p,
		     &(struct frame){ .conn = w->id,
				      .seq = k->seq,
				      .kind = k->kind,
				      .data = k->data,
				      .size = k->size,
				      .again = k->sent });
	k->sent = true;
	p->gathering = alone;
	a->gathered = true;
	if (!a->in_turn && p->out.size > GV_FRAMES_BYTES)
		gv_out_flush_peer(a, p);
}

int gv_world_frame(struct gv_world *world, uint64_t conn, enum gv_frame_kind kind, const void *data, size_t size)
{
	struct gv_actor *a = world->a;
	struct wire *w = gv_map_get(&a->wires, conn);
	if (!w || w->closed)
		return -ENOTCONN;
	struct peer *p = w->plugin;
	if (size > UINT32_MAX || (!synced(p) && p->held_bytes + size > hold_bytes(a)))
		return -ENOBUFS;
	struct kept *k = malloc(sizeof *k + size);
	if (!k)
		return -ENOBUFS;
	*k = (struct kept){ .seq = ++w->seq, .kind = kind, .size = (uint32_t)size };
	if (size)
		memcpy(k->data, data, size);
	*w->end = k;
	w->end = &k->next;
	p->held_bytes += size;
	a->count.frames_in++;
	if (++w->unacknowledged >= w->window && !w->paused) {
		w->paused = true;
		a->plugin->driver->on_pause(a->self, conn, true);
	}
	if (synced(p) && !a->in_turn)
		send_kept(a, w, k);
	a->wires_unsent |= w->unsent |= a->in_turn;
	return 0;
}

static void send_close(struct gv_actor *a, struct wire *w)
{
	Env__Close close = ENV__CLOSE__INIT;
	close.conn = w->id;
	close.code = w->close_code;
	close.reason = w->close_reason ? w->close_reason : "";
	Env__Item item = ENV__ITEM__INIT;
	item.kind_case = ENV__ITEM__KIND_CLOSE;
	item.close = &close;
	gv_out_item(a, w->plugin, &item);
}

static void forget(struct gv_actor *a, struct wire *w)
{
	gv_map_take(&a->wires, w->id);
	w->plugin->n_wires--;
	while (w->first) {
		struct kept *k = w->first;
		w->first = k->next;
		w->plugin->held_bytes -= k->size;
		free(k);
	}
	free(w->close_reason);
	free(w);
}

void gv_world_close(struct gv_world *world, uint64_t conn, unsigned code, const char *reason)
{
	struct gv_actor *a = world->a;
	struct wire *w = gv_map_get(&a->wires, conn);
	if (!w || w->closed)
		return;
	w->closed = true;
	w->close_code = (uint16_t)code;
	w->close_reason = reason && *reason ? strdup(reason) : NULL;
	a->wires_unsent |= w->unsent |= a->in_turn;
	if (synced(w->plugin) && w->known && !w->unsent)
		send_close(a, w);
	if (!w->first && !w->unsent)
		forget(a, w);
}

unsigned gv_world_unacknowledged(struct gv_world *world, uint64_t conn)
{
	const struct wire *w = gv_map_get(&world->a->wires, conn);
	return w ? w->unacknowledged : 0;
}

void gv_world_flush(struct gv_world *w)
{
	gv_out_flush(w->a);
}

/* ---- from the plugin ------------------------------------------------------------------------- */

static void free_listeners(struct peer *p)
{
	for (size_t i = 0; i < p->n_listeners; i++)
		protobuf_c_message_free_unpacked(p->listeners[i], NULL);
	free(p->listeners);
	p->listeners = NULL;
	p->n_listeners = 0;
}

void gv_world_listen_in(struct gv_actor *a, struct peer *p, uint64_t incarnation, const Env__Listen *l)
{
	const struct gv_driver *d = a->plugin->driver;
	if (!d || !d->on_listen)
		return;
	ProtobufCMessage **old = p->listeners;
	size_t n_old = p->n_listeners;
	p->listeners = calloc(l->n_listeners + 1, sizeof *p->listeners);
	p->n_listeners = 0;
	for (size_t i = 0; p->listeners && i < l->n_listeners; i++) {
		ProtobufCMessage *m = protobuf_c_message_unpack(&link__listener__descriptor, NULL, l->listeners[i].len,
								l->listeners[i].data);
		if (m)
			p->listeners[p->n_listeners++] = m;
	}
	p->listen_incarnation = incarnation;
	p->overrun = false;
	if (a->opened && (p->n_listeners || n_old)) {
		int r = d->on_listen(a->self, p->plugin, (const void *const *)p->listeners, p->n_listeners);
		if (r < 0)
			gv_actor_log(a, GV_ERR, "The listeners of a plugin were not taken. plugin=%s error=\"%s\"",
				     p->plugin, strerror(-r));
	}
	for (size_t i = 0; i < n_old; i++)
		protobuf_c_message_free_unpacked(old[i], NULL);
	free(old);
	gv_world_sync(a, p);
}

void gv_world_unsent(struct gv_actor *a)
{
	if (!a->wires_unsent)
		return;
	a->wires_unsent = false;
	VECTOR(struct wire *) done = { 0 };
	size_t i = 0;
	for (struct wire *w; (w = gv_map_next(&a->wires, &i));) {
		if (!w->unsent)
			continue;
		w->unsent = false;
		if (synced(w->plugin)) {
			if (!w->known)
				send_open(a, w, false);
			for (struct kept *k = w->first; k; k = k->next)
				if (!k->sent)
					send_kept(a, w, k);
			if (w->closed)
				send_close(a, w);
		}
		if (w->closed && !w->first) {
			struct wire **d = PUSH(done);
			*d = w;
		}
	}
	for (size_t j = 0; j < done.count; j++)
		forget(a, done.items[j]);
	free(done.items);
}

/* When the directory and the plugin's own word agree on who runs: the open connections, then what was not acknowledged.
 */
void gv_world_sync(struct gv_actor *a, struct peer *p)
{
	if (!p->up || !p->incarnation || p->listen_incarnation != p->incarnation ||
	    p->synced_incarnation == p->incarnation)
		return;
	bool first = !p->synced_incarnation;
	p->synced_incarnation = p->incarnation;
	VECTOR(struct wire *) done = { 0 };
	size_t i = 0;
	for (struct wire *w; (w = gv_map_next(&a->wires, &i));) {
		if (w->plugin != p)
			continue;
		if (w->closed && !w->first) {
			struct wire **d = PUSH(done);
			*d = w;
			continue;
		}
		send_open(a, w, !first);
		for (struct kept *k = w->first; k; k = k->next)
			send_kept(a, w, k);
		if (w->closed)
			send_close(a, w);
	}
	for (size_t j = 0; j < done.count; j++)
		forget(a, done.items[j]);
	free(done.items);
}

void gv_world_send_in(struct gv_actor *a, const struct frame *f)
{
	const struct wire *w = gv_map_get(&a->wires, f->conn);
	if (!w || w->closed)
		return;
	a->count.frames_out++;
	a->plugin->driver->on_send(a->self, f->conn, f->kind, (const uint8_t *)f->data, f->size);
}

void gv_world_ack_in(struct gv_actor *a, const Env__FrameAck *ack)
{
	size_t n = ack->n_conns < ack->n_seqs ? ack->n_conns : ack->n_seqs;
	for (size_t i = 0; i < n; i++) {
		struct wire *w = gv_map_get(&a->wires, ack->conns[i]);
		if (!w)
			continue;
		while (w->first && w->first->seq <= ack->seqs[i]) {
			struct kept *k = w->first;
			w->first = k->next;
			w->plugin->held_bytes -= k->size;
			w->unacknowledged--;
			free(k);
		}
		if (!w->first)
			w->end = &w->first;
		if (w->closed && !w->first && !w->unsent) {
			forget(a, w);
		} else if (w->paused && !w->closed && w->unacknowledged <= w->window / 2u) {
			w->paused = false;
			a->plugin->driver->on_pause(a->self, w->id, false);
		}
	}
}

bool gv_world_close_in(struct gv_actor *a, const Env__Close *c)
{
	struct wire *w = gv_map_get(&a->wires, c->conn);
	if (!w)
		return false;
	if (!w->closed)
		a->plugin->driver->on_disconnect(a->self, c->conn, c->code, c->reason);
	return true;
}

void gv_world_packet_end(struct gv_actor *a)
{
	if (a->opened && a->plugin->driver && a->plugin->driver->on_flush)
		a->plugin->driver->on_flush(a->self);
}

/* ---- time ------------------------------------------------------------------------------------ */

void gv_world_tick(struct gv_actor *a, int64_t now_ms)
{
	if (!a->plugin->driver || !a->opened)
		return;
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (!p->n_wires || p->overrun || synced(p))
			continue;
		if (!p->gone && now_ms - p->down_since_ms < hold_ms(a) && p->held_bytes < hold_bytes(a))
			continue;
		p->overrun = true;
		if (a->plugin->driver->on_overrun)
			a->plugin->driver->on_overrun(a->self, p->plugin);
	}
}

int64_t gv_world_next_ms(const struct gv_actor *a)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; a->plugin->driver && i < a->peers.count; i++) {
		const struct peer *p = a->peers.items[i];
		if (p->n_wires && !p->overrun && !synced(p) && p->down_since_ms + hold_ms(a) < next)
			next = p->down_since_ms + hold_ms(a);
	}
	return next;
}

void gv_world_peer_fini(struct peer *p)
{
	free_listeners(p);
}

void gv_world_fini(struct gv_actor *a)
{
	size_t i = 0;
	for (struct wire *w; (w = gv_map_next(&a->wires, &i));) {
		while (w->first) {
			struct kept *k = w->first;
			w->first = k->next;
			free(k);
		}
		free(w->close_reason);
		free(w);
	}
	gv_map_fini(&a->wires);
	free(a->world);
}

/* ---- blobs ----------------------------------------------------------------------------------- */

int gv_world_blob_create(struct gv_world *w, struct gv_blob_writer **ret)
{
	return gv_blobs_create(w->a->options.blobs, ret);
}

int gv_world_blob_write(struct gv_blob_writer *b, const void *data, size_t size)
{
	return gv_blobs_write(b, data, size);
}

int gv_world_blob_commit(struct gv_blob_writer *b, char ret_id[GV_BLOB_ID_SIZE])
{
	return gv_blobs_commit(b, ret_id);
}

void gv_world_blob_destroy(struct gv_blob_writer *b)
{
	gv_blobs_destroy(b);
}

int gv_world_blob_open(struct gv_world *w, const char *id, uint64_t *ret_size)
{
	return gv_blobs_open(w->a->options.blobs, id, ret_size);
}
