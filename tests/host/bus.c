/* The simulated bus. It keeps what the real one promises (order within a pair, never blocking) and breaks what that one
 * may break: a dead receiver's queue is lost, a dead sender's queue may arrive late or in part, pairs overtake each
 * other, queues are full. */
#include "private.h"

#include <errno.h>
#include <galvan/envelope.pb-c.h>
#include <stdlib.h>
#include <string.h>

static void arrive(struct host *h, void *arg, uint64_t tag);

static struct host_pair *pair_of(struct host_peer *from, struct host_peer *to)
{
	struct host *h = from->h;
	struct host_pair *pair, **at;

	for (at = &h->pairs; (pair = *at); at = &pair->next) {
		if (pair->from != from || pair->to != to || pair->from_life != from->life)
			continue;
		*at = pair->next; /* to the front: those of dead senders are never asked for again */
		pair->next = h->pairs;
		return h->pairs = pair;
	}
	pair = host_zalloc(sizeof *pair);
	*pair = (struct host_pair){ .next = h->pairs, .from = from, .to = to, .from_life = from->life };
	h->pairs = pair;
	return pair;
}

static void schedule(struct host_pair *pair)
{
	if (pair->scheduled || !pair->head)
		return;
	pair->scheduled = true;
	host_at(pair->from->h, pair->head->at, arrive, pair, 0);
}

static int64_t delay_ms(struct host *h)
{
	uint64_t r = host_next(&h->rng_bus);

	if (h->faults[HOST_DELAY] && r % 1000 < h->faults[HOST_DELAY])
		return (int64_t)(r >> 32) % 1000;
	return (r >> 16 & 7) ? 0 : (int64_t)(r >> 32 & 3);
}

static const char *kind_name(const Env__Item *item)
{
	static const char *const names[] = { "nothing", "event", "subscribe", "event-ack", "snapshot",
					     "call",    "reply", "call-ack",  "listen",    "open",
					     "frame",   "close", "frame-ack" };

	return item->kind_case < sizeof names / sizeof *names ? names[item->kind_case] : "unknown";
}

static void describe(struct host *h, const char *verb, const char *from, const char *to, const uint8_t *packet,
		     size_t size)
{
	struct gv_buf line = { 0 };
	Env__Packet *p;

	if (!h->verbose || !(p = env__packet__unpack(NULL, size, packet)))
		return;
	for (size_t i = 0; i < p->n_items; i++) {
		const Env__Item *item = p->items[i];

		gv_buf_printf(&line, " %s", kind_name(item));
		if (item->kind_case == ENV__ITEM__KIND_EVENT)
			gv_buf_printf(&line, "(%llu after %llu)", (unsigned long long)item->event->seq,
				      (unsigned long long)item->event->prev);
		else if (item->kind_case == ENV__ITEM__KIND_SUBSCRIBE)
			gv_buf_printf(&line, "(%llu)", (unsigned long long)item->subscribe->cursor);
		else if (item->kind_case == ENV__ITEM__KIND_EVENT_ACK)
			gv_buf_printf(&line, "(%llu)", (unsigned long long)item->event_ack->cursor);
		else if (item->kind_case == ENV__ITEM__KIND_CALL)
			gv_buf_printf(&line, "(%llx %s%s)", (unsigned long long)item->call->id, item->call->method,
				      item->call->again ? " again" : "");
		else if (item->kind_case == ENV__ITEM__KIND_REPLY)
			gv_buf_printf(&line, "(%llx %u %s)", (unsigned long long)item->reply->id, item->reply->code,
				      item->reply->error);
		else if (item->kind_case == ENV__ITEM__KIND_FRAME)
			gv_buf_printf(&line, "(%llu #%llu %.*s)", (unsigned long long)item->frame->conn,
				      (unsigned long long)item->frame->seq,
				      (int)(item->frame->data.len < 60 ? item->frame->data.len : 60),
				      (const char *)item->frame->data.data);
	}
	host_say(h, "%s %s/%llu -> %s:%s", verb, from, (unsigned long long)p->incarnation, to, gv_buf_str(&line));
	gv_buf_fini(&line);
	env__packet__free_unpacked(p, NULL);
}

/* The packet without some of its events; NULL where all stay. */
static uint8_t *lose_events(struct host *h, const uint8_t *packet, size_t *size)
{
	Env__Packet *p;
	uint8_t *out = NULL;
	size_t kept = 0, all;

	if (!h->faults[HOST_LOSE] || !(p = env__packet__unpack(NULL, *size, packet)))
		return NULL;
	all = p->n_items;
	for (size_t i = 0; i < all; i++) {
		if (p->items[i]->kind_case == ENV__ITEM__KIND_EVENT && host_chance(&h->rng_bus, h->faults[HOST_LOSE]))
			env__item__free_unpacked(p->items[i], NULL);
		else
			p->items[kept++] = p->items[i];
	}
	p->n_items = kept;
	if (kept < all) {
		*size = env__packet__get_packed_size(p);
		out = host_zalloc(*size);
		env__packet__pack(p, out);
	}
	env__packet__free_unpacked(p, NULL);
	return out;
}

int host_bus_send(struct host_peer *from, const char *name, const uint8_t *packet, size_t size)
{
	struct host *h = from->h;
	struct host_peer *to = host_peer(h, name);
	struct host_pair *pair;
	struct host_item *item;
	uint64_t life;
	uint8_t *thinned;

	host_check(h, !from->committing, "%s sent to %s while its turn was being committed", from->name, name);
	if (!to)
		return -ENOTCONN;
	pair = pair_of(from, to);
	if (pair->count >= HOST_HIGH_WATER || (from->plugin && host_chance(&h->rng_bus, h->faults[HOST_FULL])))
		return -EAGAIN;
	life = to->life;
	if (!to->alive) {
		switch (host_next(&h->rng_bus) % 3) {
		case 0:
			return -ENOTCONN;
		case 1:
			describe(h, "lost", from->name, to->name, packet, size);
			return 0;
		default:
			life++;
		}
	}
	host_mix(h, packet, size);
	describe(h, "sent", from->name, to->name, packet, size);
	thinned = lose_events(h, packet, &size);
	item = host_zalloc(sizeof *item + size);
	memcpy(item->data, thinned ? thinned : packet, size);
	free(thinned);
	item->size = size;
	item->life = life;
	item->at = h->now + delay_ms(h);
	if (item->at < pair->last_at)
		item->at = pair->last_at;
	pair->last_at = item->at;
	*(pair->head ? &pair->tail->next : &pair->head) = item;
	pair->tail = item;
	pair->count++;
	h->in_flight++;
	schedule(pair);
	return 0;
}

static void drop_head(struct host_pair *pair)
{
	struct host_item *item = pair->head;

	pair->head = item->next;
	pair->count--;
	pair->from->h->in_flight--;
	free(item);
}

static void arrive(struct host *h, void *arg, uint64_t tag)
{
	struct host_pair *pair = arg;
	struct host_peer *to = pair->to;
	struct host_item *item = pair->head;

	pair->scheduled = false;
	if (!item)
		return;
	if (!to->alive && item->life > to->life) /* waits for the next incarnation; host_bus_receiver_up goes on */
		return;
	if (to->alive && item->life == to->life) {
		describe(h, "came", pair->from->name, to->name, item->data, item->size);
		if (to->plugin) {
			int r = gv_actor_receive(to->actor, item->data, item->size);

			if (!host_bury(to)) {
				host_check(h, r >= 0, "%s could not take a packet in: %s", to->name, strerror(-r));
				host_wake(to, h->now);
			}
		} else {
			host_probe_receive(h, item->data, item->size);
		}
	}
	drop_head(pair);
	schedule(pair);
}

void host_bus_receiver_up(struct host_peer *p)
{
	for (struct host_pair *pair = p->h->pairs; pair; pair = pair->next)
		if (pair->to == p)
			schedule(pair);
}

/* What a dead sender had under way: a first part may have left its process, the rest died with it. */
void host_bus_sender_died(struct host_peer *p)
{
	struct host *h = p->h;

	for (struct host_pair *pair = h->pairs; pair; pair = pair->next) {
		size_t keep = 0;
		struct host_item **link = &pair->head, *item;

		if (pair->from != p || pair->from_life != p->life)
			continue;
		for (; *link && (!h->faults[HOST_LATE] || host_chance(&h->rng_bus, h->faults[HOST_LATE]));
		     link = &(*link)->next) {
			(*link)->at += (int64_t)(host_next(&h->rng_bus) % 3000);
			pair->tail = *link;
			keep++;
		}
		while ((item = *link)) {
			*link = item->next;
			free(item);
			h->in_flight--;
		}
		pair->count = keep;
	}
}
