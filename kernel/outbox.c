/* Packets: what a turn sends is collected per peer, leaves after the commit, and waits here while the peer's queue is
 * full. The items of the hot path (frames) are written and read by hand; the rest goes through protobuf-c. */
#include "actor_internal.h"

#include <errno.h>
#include <lib/wire.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 2

/* Field numbers of galvan/envelope.proto. */
enum { PACKET_FROM = 1, PACKET_INCARNATION = 2, PACKET_ITEMS = 3 };
enum { ITEM_FRAME = 10 };
enum { FRAME_CONN = 1, FRAME_SEQ = 2, FRAME_KIND = 3, FRAME_DATA = 4, FRAME_AGAIN = 5 };

/* ---- out ------------------------------------------------------------------------------------- */

static void make_header(struct gv_actor *a)
{
	gv_wire_put_bytes(&a->header, PACKET_FROM, a->name, strlen(a->name));
	gv_wire_put_tag(&a->header, PACKET_INCARNATION, GV_WIRE_64);
	gv_wire_put_fixed(&a->header, 8, a->incarnation);
}

struct gv_buf *gv_out(struct gv_actor *a, struct peer *p)
{
	if (a->in_turn && !p->touched) {
		p->touched = true;
		p->mark = p->out.size;
		struct peer **touched = PUSH(a->turn.touched);
		*touched = p;
	}
	if (!p->out.size) {
		if (!a->header.size)
			make_header(a);
		gv_buf_add(&p->out, a->header.data, a->header.size);
	}
	p->gathering = false;
	return &p->out;
}

void gv_out_packed_item(struct gv_actor *a, struct peer *p, const uint8_t *item, size_t size)
{
	gv_wire_put_bytes(gv_out(a, p), PACKET_ITEMS, item, size);
}

void gv_out_item(struct gv_actor *a, struct peer *p, const Env__Item *item)
{
	struct gv_buf *b = gv_out(a, p);
	size_t size = env__item__get_packed_size(item);
	gv_wire_put_tag(b, PACKET_ITEMS, GV_WIRE_BYTES);
	gv_wire_put_varint(b, size);
	if (gv_buf_reserve(b, size) < 0)
		return;
	env__item__pack(item, b->data + b->size);
	b->size += size;
}

static size_t varint_size(uint64_t v)
{
	size_t n = 1;
	for (; v > 127; v >>= 7)
		n++;
	return n;
}

static uint8_t *put_varint(uint8_t *at, uint64_t v)
{
	for (; v > 127; v >>= 7)
		*at++ = (uint8_t)v | 128;
	*at++ = (uint8_t)v;
	return at;
}

void gv_out_frame(struct gv_actor *a, struct peer *p, const struct frame *f)
{
	struct gv_buf *b = gv_out(a, p);
	size_t inner = 1 + 8 + 1 + varint_size(f->seq) + 1 + varint_size(f->kind) + 1 + varint_size(f->size) + f->size +
		       2;
	size_t item = 1 + varint_size(inner) + inner;
	if (gv_buf_reserve(b, 1 + varint_size(item) + item) < 0)
		return;
	uint8_t *at = b->data + b->size;
	*at++ = PACKET_ITEMS << 3 | GV_WIRE_BYTES;
	at = put_varint(at, item);
	*at++ = ITEM_FRAME << 3 | GV_WIRE_BYTES;
	at = put_varint(at, inner);
	*at++ = FRAME_CONN << 3 | GV_WIRE_64;
	for (int i = 0; i < 8; i++)
		*at++ = (uint8_t)(f->conn >> 8 * i);
	*at++ = FRAME_SEQ << 3 | GV_WIRE_VARINT;
	at = put_varint(at, f->seq);
	*at++ = FRAME_KIND << 3 | GV_WIRE_VARINT;
	at = put_varint(at, f->kind);
	*at++ = FRAME_DATA << 3 | GV_WIRE_BYTES;
	at = put_varint(at, f->size);
	if (f->size)
		memcpy(at, f->data, f->size);
	at += f->size;
	*at++ = FRAME_AGAIN << 3 | GV_WIRE_VARINT;
	*at++ = f->again;
	b->size = (size_t)(at - b->data);
}

void gv_out_drop(struct peer *p)
{
	p->out.size = 0;
	while (p->queue) {
		struct queued *q = p->queue;
		p->queue = q->next;
		free(q);
	}
	p->queue_end = &p->queue;
	p->queued_bytes = 0;
}

static int hand_over(struct gv_actor *a, struct peer *p, const uint8_t *data, size_t size)
{
	if (gv_die_at(a, GV_BEFORE_SEND) < 0)
		return -ECANCELED;
	/* Known from its packets but not yet from the directory: it will be there soon. */
	int r = p->newest > p->incarnation ? -EAGAIN
		: !p->up                   ? -ENOTCONN
					   : a->env.send(a->env.arg, p->name, data, size);
	if (r == 0) {
		a->count.packets_out++;
		a->count.bytes_out += (double)size;
		return gv_die_at(a, GV_AFTER_SEND);
	}
	return r;
}

static void enqueue(struct gv_actor *a, struct peer *p)
{
	if (p->queued_bytes + p->out.size > GV_PENDING_BYTES) {
		a->count.dropped_packets++;
		return;
	}
	struct queued *q = malloc(sizeof *q + p->out.size);
	if (!q) {
		a->count.dropped_packets++;
		return;
	}
	q->next = NULL;
	q->size = p->out.size;
	memcpy(q->data, p->out.data, q->size);
	*p->queue_end = q;
	p->queue_end = &q->next;
	p->queued_bytes += q->size;
}

int gv_out_flush_peer(struct gv_actor *a, struct peer *p)
{
	while (p->queue) {
		struct queued *q = p->queue;
		int r = hand_over(a, p, q->data, q->size);
		if (r == -ECANCELED)
			return r;
		if (r == -EAGAIN)
			break;
		if (r < 0)
			a->count.dropped_packets++;
		p->queue = q->next;
		if (!p->queue)
			p->queue_end = &p->queue;
		p->queued_bytes -= q->size;
		free(q);
	}
	if (p->out.error) { /* out of memory while packing: what is in it may be torn */
		gv_buf_fini(&p->out);
		a->count.dropped_packets++;
	}
	p->gathering = false;
	if (p->out.size) {
		int r = p->queue ? -EAGAIN : hand_over(a, p, p->out.data, p->out.size);
		if (r == -ECANCELED)
			return r;
		if (r == -EAGAIN)
			enqueue(a, p);
		else if (r < 0)
			a->count.dropped_packets++;
		p->out.size = 0;
		if (p->out.capacity > 4 * GV_PACKET_BYTES)
			gv_buf_fini(&p->out);
	}
	if (p->queue)
		a->retry_send_ms = gv_now(a) + RETRY_MS;
	return 0;
}

int gv_out_flush(struct gv_actor *a)
{
	a->retry_send_ms = 0;
	for (size_t i = 0; i < a->peers.count; i++) {
		struct peer *p = a->peers.items[i];
		if ((!p->out.size && !p->queue) || p->gathering)
			continue;
		int r = gv_out_flush_peer(a, p);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- in -------------------------------------------------------------------------------------- */

static int read_frame(const uint8_t *data, size_t size, struct frame *ret)
{
	struct gv_wire w = { data, data + size };
	struct gv_wire_value v;
	struct frame f = { .data = "" };
	int r;
	while ((r = gv_wire_next(&w, &v)) > 0) {
		switch (v.number) {
		case FRAME_CONN:
			f.conn = v.u;
			break;
		case FRAME_SEQ:
			f.seq = v.u;
			break;
		case FRAME_KIND:
			f.kind = (unsigned)v.u;
			break;
		case FRAME_DATA:
			if (v.wire != GV_WIRE_BYTES)
				return -EBADMSG;
			f.data = (const char *)v.data;
			f.size = v.size;
			break;
		case FRAME_AGAIN:
			f.again = v.u;
			break;
		}
	}
	if (r == 0)
		*ret = f;
	return r;
}

/* What needs a turn goes to the inbox, the rest takes effect now. */
static int read_item(struct gv_actor *a, struct peer *from, struct packet *packet, const Env__Item *item, size_t size)
{
	struct message m = { .packet = packet, .from = from, .size = size };
	switch (item->kind_case) {
	case ENV__ITEM__KIND_EVENT:
		if (!gv_journal_accept(a, from, item->event))
			return 0;
		m.kind = M_EVENT;
		m.event = item->event;
		break;
	case ENV__ITEM__KIND_SNAPSHOT:
		if (!gv_journal_edge_in(a, from, item->snapshot))
			return 0;
		m.kind = M_SNAPSHOT_EDGE;
		m.snapshot = item->snapshot;
		break;
	case ENV__ITEM__KIND_SUBSCRIBE:
		gv_journal_subscribe(a, from, item->subscribe);
		return 0;
	case ENV__ITEM__KIND_EVENT_ACK:
		gv_journal_ack(a, from, item->event_ack->cursor);
		return 0;
	case ENV__ITEM__KIND_CALL:
		m.kind = M_CALL;
		m.call = item->call;
		break;
	case ENV__ITEM__KIND_REPLY:
		gv_calls_reply_in(a, from, packet, item->reply);
		return 0;
	case ENV__ITEM__KIND_CALL_ACK:
		gv_calls_acked(a, from, item->call_ack);
		return 0;
	case ENV__ITEM__KIND_LISTEN:
		gv_world_listen_in(a, from, from->newest, item->listen);
		return 0;
	case ENV__ITEM__KIND_OPEN:
		m.kind = M_OPEN;
		m.open = item->open;
		break;
	case ENV__ITEM__KIND_CLOSE:
		if (gv_world_close_in(a, item->close))
			return 0;
		m.kind = M_CLOSE;
		m.close = item->close;
		break;
	case ENV__ITEM__KIND_FRAME_ACK:
		gv_world_ack_in(a, item->frame_ack);
		return 0;
	default:
		return 0; /* of a newer version */
	}
	return gv_inbox_add(a, m);
}

static void need_arena(struct packet *packet)
{
	if (!packet->arena.limit)
		gv_arena_init(&packet->arena, GV_TURN_ARENA);
}

/* Handlers get text with a zero byte behind it. The byte behind the data is the next field's tag, which has been read:
 * it can go. */
static void end_with_zero(struct packet *packet, struct frame *f, const uint8_t *item_end)
{
	if (!f->size)
		return;
	if ((const uint8_t *)f->data + f->size < item_end) {
		((char *)f->data)[f->size] = 0;
		return;
	}
	need_arena(packet);
	f->data = gv_arena_dup(&packet->arena, f->data, f->size);
}

static int read_packed_item(struct gv_actor *a, struct peer *from, struct packet *packet, const struct gv_wire_value *v)
{
	struct gv_wire w = { v->data, v->data + v->size };
	struct gv_wire_value kind;
	int r = gv_wire_next(&w, &kind);
	if (r <= 0)
		return r < 0 ? r : 0;
	if (kind.number == ITEM_FRAME && kind.wire == GV_WIRE_BYTES) {
		struct frame f;
		if (read_frame(kind.data, kind.size, &f) < 0)
			return -EBADMSG;
		end_with_zero(packet, &f, kind.data + kind.size);
		if (!f.seq) {
			gv_world_send_in(a, &f);
			return 0;
		}
		return gv_inbox_add(
			a, (struct message){
				   .kind = M_FRAME, .packet = packet, .from = from, .size = v->size, .frame = f });
	}
	need_arena(packet);
	Env__Item *item = env__item__unpack(&packet->arena.allocator, v->size, v->data);
	return item ? read_item(a, from, packet, item, v->size) : -EBADMSG;
}

static int read_header(const struct packet *packet, char *name, size_t name_size, uint64_t *incarnation)
{
	struct gv_wire w = { packet->data, packet->data + packet->size };
	struct gv_wire_value v;
	*name = 0;
	*incarnation = 0;
	while (gv_wire_next(&w, &v) > 0 && v.number < PACKET_ITEMS) {
		if (v.number == PACKET_FROM && v.wire == GV_WIRE_BYTES && v.size < name_size) {
			memcpy(name, v.data, v.size);
			name[v.size] = 0;
		} else if (v.number == PACKET_INCARNATION) {
			*incarnation = v.u;
		}
	}
	return *name && *incarnation ? 0 : -EBADMSG;
}

/* 1: its sender is not in the directory yet. */
int gv_packet_read(struct gv_actor *a, struct packet *packet)
{
	char name[128];
	uint64_t incarnation;
	if (read_header(packet, name, sizeof name, &incarnation) < 0)
		return -EBADMSG;
	struct peer *from = a->directory_seen ? gv_peer_named(a, name) : NULL;
	if (!from || !from->listed)
		return 1;
	if (incarnation < from->newest)
		return -ESTALE;
	gv_peer_meet(a, from, incarnation);
	struct gv_wire w = { packet->data, packet->data + packet->size };
	struct gv_wire_value v;
	int r;
	packet->messages++; /* ours, until all is read */
	while ((r = gv_wire_next(&w, &v)) > 0) {
		if (v.number != PACKET_ITEMS || v.wire != GV_WIRE_BYTES)
			continue;
		if (read_packed_item(a, from, packet, &v) < 0)
			r = -EBADMSG;
	}
	gv_world_packet_end(a);
	return r;
}
