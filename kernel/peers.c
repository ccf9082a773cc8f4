/* Whom an actor knows: the directory's peers, their comings and goings, and packets from those it does not list yet.
 * It is among them itself, for calls that by their key are its own to answer: its events and connections it has. */
#include "actor_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct peer *gv_peer_named(const struct gv_actor *a, const char *name)
{
	for (size_t i = 0; i < a->peers.count; i++)
		if (!strcmp(a->peers.items[i]->name, name))
			return a->peers.items[i];
	return NULL;
}

struct peer *gv_peer_hashed(const struct gv_actor *a, uint64_t hash)
{
	for (size_t i = 0; i < a->peers.count; i++)
		if (a->peers.items[i]->hash == hash)
			return a->peers.items[i];
	return NULL;
}

/* ---- packets and peers ----------------------------------------------------------------------- */

int gv_actor_receive(struct gv_actor *a, const uint8_t *data, size_t size)
{
	if (a->dead)
		return a->dead;
	struct packet *p = calloc(1, sizeof *p + size + 1);
	if (!p)
		return -ENOMEM;
	p->size = size;
	memcpy(p->data, data, size);
	a->count.packets_in++;
	a->count.bytes_in += (double)size;
	int r = gv_packet_read(a, p);
	if (r == 1 && a->limbo.count < GV_LIMBO_PACKETS) {
		struct packet **waiting = PUSH(a->limbo);
		*waiting = p;
		return 0;
	}
	if (r != 0)
		a->count.dropped_packets++;
	if (p->messages)
		gv_packet_release(p);
	else
		free(p);
	return 0;
}

static void read_limbo(struct gv_actor *a)
{
	size_t n = a->limbo.count;
	struct packet **waiting = a->limbo.items;
	a->limbo.items = NULL;
	a->limbo.count = a->limbo.capacity = 0;
	for (size_t i = 0; i < n; i++) {
		int r = gv_packet_read(a, waiting[i]);
		if (r != 0)
			a->count.dropped_packets++;
		if (waiting[i]->messages)
			gv_packet_release(waiting[i]);
		else
			free(waiting[i]);
	}
	free(waiting);
}

static void free_list(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

static char **copy_list(char *const *items, size_t n)
{
	char **list = calloc(n + 1, sizeof *list);
	for (size_t i = 0; list && i < n; i++)
		list[i] = strdup(items[i]);
	return list;
}

static struct peer *add_peer(struct gv_actor *a, const Kernel__Peer *in)
{
	struct peer *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->name = strdup(in->name);
	p->plugin = strdup(in->plugin);
	p->hash = gv_hash_str(in->name);
	p->self = !strcmp(in->name, a->name);
	p->queue_end = &p->queue;
	p->down_since_ms = gv_now(a);
	Rows__Cursor *row = gv_get_row(a, a->cursors, p->name, strlen(p->name), &rows__cursor__descriptor);
	p->had_cursor = row != NULL;
	p->cursor = p->received = p->next_cursor = row ? row->cursor : 0;
	struct peer **slot = PUSH(a->peers);
	*slot = p;
	return p;
}

/* What was queued was for the dead, and what it had asked of us it will ask again. */
static void peer_reset(struct gv_actor *a, struct peer *p)
{
	gv_out_drop(p);
	p->sub.active = false;
	p->follows = false;
	if (p->driver)
		gv_frames_peer_down(a, p);
}

/* The directory and the peer's own packets tell of a new incarnation, in either order: the first word resets. */
void gv_peer_meet(struct gv_actor *a, struct peer *p, uint64_t incarnation)
{
	if (incarnation <= p->newest)
		return;
	if (p->newest)
		peer_reset(a, p);
	p->newest = incarnation;
}

/* 1: it came up anew, -1: it went down, 0: as before. */
static int update_peer(struct gv_actor *a, struct peer *p, const Kernel__Peer *in)
{
	bool was_up = p->up;
	uint64_t was = p->incarnation;
	p->listed = true;
	p->instance = in->instance;
	p->instances = in->instances;
	p->driver = in->driver && !p->self;
	p->gone = in->gone;
	free_list(p->serves);
	free_list(p->hears);
	free_list(p->emits);
	p->serves = copy_list(in->serves, in->n_serves);
	p->hears = copy_list(in->hears, p->self ? 0 : in->n_hears);
	p->emits = copy_list(in->emits, p->self ? 0 : in->n_emits);
	p->up = in->up;
	if (in->up) {
		gv_peer_meet(a, p, in->incarnation);
		p->incarnation = in->incarnation;
		return !was_up || was != in->incarnation;
	}
	if (!was_up)
		return 0;
	p->down_since_ms = gv_now(a);
	if (p->newest == p->incarnation)
		peer_reset(a, p);
	return -1;
}

static void peer_up(struct gv_actor *a, struct peer *p)
{
	gv_journal_peer_up(a, p);
	gv_calls_peer_up(a, p);
	gv_frames_peer_up(a, p);
	gv_world_sync(a, p);
}

bool gv_actor_settled(const struct gv_actor *a)
{
	bool listens = a->plugin->driver && a->plugin->driver->on_listen;

	for (size_t i = 0; i < a->peers.count; i++) {
		const struct peer *p = a->peers.items[i];
		if (!p->up || p->self || !strcmp(p->plugin, "kernel"))
			continue;
		if (p->hears_mask && !p->sub.active)
			return false;
		if (p->heard && (!p->cursor || p->resyncing))
			return false;
		if (listens && p->listen_incarnation != p->incarnation)
			return false;
	}
	return true;
}

int gv_actor_directory(struct gv_actor *a, const Kernel__Directory *d)
{
	if (a->dead)
		return a->dead;
	int r = gv_store_begin(a->store);
	if (r < 0)
		return gv_die(a, r);
	int8_t *changes = calloc(a->peers.count + d->n_peers + 1, 1);
	for (size_t i = 0; i < a->peers.count; i++)
		a->peers.items[i]->listed = false;
	for (size_t i = 0; changes && i < d->n_peers; i++) {
		struct peer *p = gv_peer_named(a, d->peers[i]->name);
		if (!p && !(p = add_peer(a, d->peers[i])))
			continue;
		size_t at = 0;
		while (a->peers.items[at] != p)
			at++;
		changes[at] = (int8_t)update_peer(a, p, d->peers[i]);
	}
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if (p->listed || !changes)
			continue;
		if (p->up)
			peer_reset(a, p);
		p->up = false;
		p->gone = true;
	}
	r = changes ? gv_journal_directory(a) : -ENOMEM;
	if (r == 0 && gv_store_dirty(a->store) && gv_die_at(a, GV_BEFORE_COMMIT) < 0)
		r = -ECANCELED;
	if (r == 0)
		r = gv_store_commit(a->store);
	gv_arena_reset(&a->turn.arena);
	if (r < 0) {
		free(changes);
		return gv_die(a, r);
	}
	a->directory_seen = true;
	for (size_t i = 0; i < a->peers.count; i++)
		if (changes[i] > 0)
			peer_up(a, a->peers.items[i]);
	free(changes);
	gv_calls_directory(a);
	read_limbo(a);
	return gv_out_flush(a);
}

void gv_peer_free(struct peer *p)
{
	gv_out_drop(p);
	gv_buf_fini(&p->out);
	gv_sub_fini(p);
	gv_world_peer_fini(p);
	free_list(p->serves);
	free_list(p->hears);
	free_list(p->emits);
	free(p->name);
	free(p->plugin);
	free(p);
}
