/* Who is connected: the list that people ask for, and the events. Events are gathered and emitted in the next turn, so
 * that ten thousand stations that come back at once cost a handful of commits. */
#include <lib/message.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

#define NOTICES_MAX 65536 /* that wait; further ones are counted and dropped: the list is still right */
#define NOTICES_PER_TURN 2048
#define LIST_DEFAULT 1000
#define LIST_MAX 100000

static void notice_free(struct notice *n)
{
	protobuf_c_message_free_unpacked(n->event, NULL);
	free(n);
}

static void ask_turn(struct link *l);

static int emit_all(void *self, struct gv_turn *t, void *arg)
{
	struct link *l = self;
	int r = 0;

	l->notices_due = false;
	for (unsigned i = 0; r == 0 && l->notices && i < NOTICES_PER_TURN; i++) {
		struct notice *n = l->notices;

		r = gv_emit(t, n->event);
		l->notices = n->next;
		l->n_notices--;
		notice_free(n);
	}
	if (!l->notices)
		l->notices_end = &l->notices;
	else
		ask_turn(l);
	return r;
}

static void ask_turn(struct link *l)
{
	if (!l->notices_due && gv_world_turn(l->world, emit_all, NULL) == 0)
		l->notices_due = true;
}

void notice_add(struct link *l, const ProtobufCMessage *event)
{
	struct notice *n = l->n_notices < NOTICES_MAX ? calloc(1, sizeof(*n)) : NULL;

	if (n)
		n->event = gv_message_copy(event);
	if (!n || !n->event) {
		free(n);
		gv_world_count(l->world, "events_dropped", 1);
		return;
	}
	if (!l->notices)
		l->notices_end = &l->notices;
	*l->notices_end = n;
	l->notices_end = &n->next;
	l->n_notices++;
	ask_turn(l);
}

void presence_opened(struct conn *c)
{
	Link__ConnectionOpened e = LINK__CONNECTION_OPENED__INIT;
	char peer[PEER_MAX];

	if (!c->device)
		return;
	e.device = c->device;
	e.subprotocol = (char *)(c->subprotocol ? c->subprotocol : "");
	e.peer = (char *)conn_peer(c, true, peer);
	notice_add(c->link, &e.base);
}

void presence_closed(struct conn *c, unsigned code, const char *reason)
{
	Link__ConnectionClosed e = LINK__CONNECTION_CLOSED__INIT;

	if (!c->device)
		return;
	e.device = c->device;
	e.code = code;
	e.reason = (char *)reason;
	notice_add(c->link, &e.base);
}

void presence_fini(struct link *l)
{
	while (l->notices) {
		struct notice *n = l->notices;

		l->notices = n->next;
		notice_free(n);
	}
}

/* ---- the list -------------------------------------------------------------------------------- */

static void describe(struct gv_turn *t, const struct conn *c, Link__Connection *ret)
{
	struct link *l = c->link;
	char peer[PEER_MAX];

	ret->device = gv_strdup(t, c->device ? c->device : "");
	ret->listener = gv_strdup(t, c->route->name);
	ret->subprotocol = gv_strdup(t, c->subprotocol ? c->subprotocol : "");
	ret->peer = gv_strdup(t, conn_peer(c, true, peer));
	ret->opened_at_ms = c->opened_at_ms;
	ret->last_frame_at_ms = gv_world_now_ms(l->world) - (int64_t)(link_now(l) - c->heard_ms);
	ret->frames_in = c->frames_in;
	ret->frames_out = c->frames_out;
	ret->unacknowledged = gv_world_unacknowledged(l->world, c->id);
}

int presence_list(struct link *l, struct gv_turn *t, struct gv_ticket ticket,
		  const Link__ListConnectionsRequest *request)
{
	Link__ListConnectionsReply reply = LINK__LIST_CONNECTIONS_REPLY__INIT;
	size_t limit = request->limit ? request->limit : LIST_DEFAULT;
	struct device *known = view_find(&l->view, request->device);
	const char *device = known ? known->id : request->device;
	struct conn *c = !l->by_device ? NULL : *device ? table_by_device(l, device, NULL) : l->conns;

	if (limit > LIST_MAX)
		limit = LIST_MAX;
	for (; c; c = *device ? table_by_device(l, device, c) : c->next) {
		if (!c->id)
			continue;
		reply.total++;
		if (reply.n_connections < limit) {
			Link__Connection *row = gv_alloc(t, sizeof(*row));

			link__connection__init(row);
			describe(t, c, row);
			*GV_APPEND(t, reply.connections, reply.n_connections) = row;
		}
	}
	return gv_reply(t, ticket, &reply);
}
