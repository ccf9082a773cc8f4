/* Events for clients: each emitter is told once what all clients together want, and what comes is dealt out by type. */
#include "control_internal.h"
#include "directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct following { /* an emitter and what it was told */
	struct following *next;
	char instance[64];
	uint64_t incarnation;
	struct gv_buf types; /* each with its zero byte */
};

void gv_follow_forget_client(struct client *client)
{
	for (size_t i = 0; i < client->n_types; i++)
		free(client->types[i]);
	free(client->types);
	client->types = NULL;
	client->n_types = 0;
}

static bool wants(const struct client *client, const char *type)
{
	for (size_t i = 0; i < client->n_types; i++)
		if (strcmp(client->types[i], "*") == 0 || strcmp(client->types[i], type) == 0)
			return true;
	return false;
}

static bool anyone_wants(const struct gv_control *c, const char *type)
{
	for (const struct client *client = c->clients; client; client = client->next)
		if (wants(client, type))
			return true;
	return false;
}

void gv_follow_set(struct gv_control *c, struct client *client, const Env__Subscribe *s)
{
	size_t count = s->n_types < GV_CLIENT_TYPES_MAX ? s->n_types : GV_CLIENT_TYPES_MAX;
	char **types = calloc(count ? count : 1, sizeof *types);
	Env__Packet p = ENV__PACKET__INIT;
	Env__Item item = ENV__ITEM__INIT, *items = &item;
	Env__Subscribe done = ENV__SUBSCRIBE__INIT;

	if (!types)
		return;
	gv_follow_forget_client(client);
	client->types = types;
	for (size_t i = 0; i < count; i++) {
		types[client->n_types] = strdup(s->types[i]);
		if (types[client->n_types])
			client->n_types++;
	}
	gv_follow_update(c);
	done.types = client->types;
	done.n_types = client->n_types;
	done.follow = true;
	item.kind_case = ENV__ITEM__KIND_SUBSCRIBE;
	item.subscribe = &done;
	p.from = c->peer.name;
	p.incarnation = c->o.incarnation;
	p.items = &items;
	p.n_items = 1;
	gv_control_send_client(c, client->identity, client->identity_size, &p);
}

static struct following *find_following(struct gv_control *c, const char *instance)
{
	for (struct following *f = c->following; f; f = f->next)
		if (strcmp(f->instance, instance) == 0)
			return f;
	return NULL;
}

static struct following *add_following(struct gv_control *c, const char *instance)
{
	struct following *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	snprintf(f->instance, sizeof f->instance, "%s", instance);
	f->next = c->following;
	c->following = f;
	return f;
}

static int tell(struct gv_control *c, const char *instance, char **types, size_t count)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Subscribe s = ENV__SUBSCRIBE__INIT;

	s.types = types;
	s.n_types = count;
	s.follow = true;
	item.kind_case = ENV__ITEM__KIND_SUBSCRIBE;
	item.subscribe = &s;
	return gv_control_send_peer(c, instance, &item, true);
}

static void update_emitter(struct gv_control *c, const Kernel__Peer *peer)
{
	struct following *f = find_following(c, peer->name);
	char **types = calloc(peer->n_emits, sizeof *types);
	struct gv_buf wanted = { 0 };
	size_t count = 0;

	for (size_t i = 0; types && i < peer->n_emits; i++)
		if (anyone_wants(c, peer->emits[i])) {
			types[count++] = peer->emits[i];
			gv_buf_add(&wanted, peer->emits[i], strlen(peer->emits[i]) + 1);
		}
	if (!f && count > 0)
		f = add_following(c, peer->name);
	if (!f || !types || wanted.error < 0)
		goto out;
	if (f->incarnation == peer->incarnation && f->types.size == wanted.size &&
	    (wanted.size == 0 || memcmp(f->types.data, wanted.data, wanted.size) == 0))
		goto out;
	/* A new incarnation that was never told has nothing to forget. */
	if (count > 0 || f->incarnation == peer->incarnation) {
		int rc = tell(c, peer->name, types, count);
		if (rc < 0 && rc != -EAGAIN)
			goto out;
	}
	f->incarnation = peer->incarnation;
	gv_buf_fini(&f->types);
	f->types = wanted;
	wanted = (struct gv_buf){ 0 };
out:
	gv_buf_fini(&wanted);
	free(types);
}

void gv_follow_update(struct gv_control *c)
{
	for (size_t i = 0; c->directory && i < c->directory->n_peers; i++) {
		const Kernel__Peer *peer = c->directory->peers[i];
		if (peer->up && peer->n_emits > 0)
			update_emitter(c, peer);
	}
}

void gv_follow_events(struct gv_control *c, const Env__Packet *p)
{
	Env__Packet out = ENV__PACKET__INIT;
	Env__Item **items;
	size_t events = 0;

	for (size_t i = 0; i < p->n_items; i++)
		events += p->items[i]->kind_case == ENV__ITEM__KIND_EVENT;
	if (events == 0)
		return;
	items = calloc(events, sizeof *items);
	if (!items)
		return;
	out.from = p->from;
	out.incarnation = p->incarnation;
	out.items = items;
	for (const struct client *client = c->clients; client; client = client->next) {
		out.n_items = 0;
		for (size_t i = 0; i < p->n_items; i++)
			if (p->items[i]->kind_case == ENV__ITEM__KIND_EVENT && wants(client, p->items[i]->event->type))
				items[out.n_items++] = p->items[i];
		if (out.n_items > 0)
			gv_control_send_client(c, client->identity, client->identity_size, &out);
	}
	free(items);
}

void gv_follow_fini(struct gv_control *c)
{
	struct following *next;

	for (struct following *f = c->following; f; f = next) {
		next = f->next;
		gv_buf_fini(&f->types);
		free(f);
	}
	c->following = NULL;
}
