/* Calls, events and frames of every shape: each is answered or refused, a repeat has no second answer of another kind,
 * and nothing that a peer may send ends the plugin or stops it. */
#include "contract.h"

#include <galvan/link.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_id = 1;

static void call_packed(struct rig *r, uint64_t id, const char *method, const uint8_t *data, size_t size, bool again)
{
	Env__Item item = ENV__ITEM__INIT;
	Env__Call call = ENV__CALL__INIT;

	call.id = id;
	call.method = (char *)method;
	call.request = (ProtobufCBinaryData){ size, (uint8_t *)data };
	call.deadline_ms = r->now + 30000;
	call.again = again;
	item.kind_case = ENV__ITEM__KIND_CALL;
	item.call = &call;
	rig_feed(r, "test.0", &item, 1);
}

/* ---- messages made up from their types ------------------------------------------------------- */

static void put_varint(struct gv_buf *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		gv_buf_putc(b, (char)(v | 128));
	gv_buf_putc(b, (char)v);
}

static void make(struct contract *c, const struct gv_type *type, unsigned depth, struct gv_buf *out);

static void make_bytes(struct contract *c, const struct gv_field *f, unsigned depth, struct gv_buf *out)
{
	static const char *const strings[] = { "",
					       "x",
					       "ocpp:CP001",
					       "registry",
					       "'\"\\%n%s",
					       "\xc3\xa9\xf0\x9f\x94\x8c",
					       "2025-01-15T02:09:54Z",
					       "-1",
					       "99999999999999999999",
					       "../../etc/passwd" };
	struct gv_buf inner = { 0 };

	if (f->kind == GV_KIND_MESSAGE && depth)
		make(c, f->type, depth - 1, &inner);
	else if (f->kind == GV_KIND_BYTES || contract_random(c) % 20 == 0)
		for (uint64_t n = contract_random(c) % 64; f->kind != GV_KIND_MESSAGE && n; n--)
			gv_buf_putc(&inner, f->kind == GV_KIND_BYTES ? (char)contract_random(c) : 'y');
	else if (f->kind != GV_KIND_MESSAGE)
		gv_buf_puts(&inner, strings[contract_random(c) % (sizeof strings / sizeof *strings)]);
	put_varint(out, f->number << 3 | 2);
	put_varint(out, inner.size);
	gv_buf_add(out, inner.data, inner.size);
	gv_buf_fini(&inner);
}

static void make_number(struct contract *c, const struct gv_field *f, struct gv_buf *out)
{
	static const uint64_t numbers[] = { 0,         1,          2,         100,        65536,
					    INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, (uint64_t)INT64_MIN };
	uint64_t v = numbers[contract_random(c) % (sizeof numbers / sizeof *numbers)];

	switch (f->kind) {
	case GV_KIND_DOUBLE:
	case GV_KIND_FIXED64:
	case GV_KIND_SFIXED64:
		put_varint(out, f->number << 3 | 1);
		gv_buf_add(out, &v, 8);
		break;
	case GV_KIND_FLOAT:
	case GV_KIND_FIXED32:
	case GV_KIND_SFIXED32:
		put_varint(out, f->number << 3 | 5);
		gv_buf_add(out, &v, 4);
		break;
	default:
		put_varint(out, f->number << 3 | 0);
		put_varint(out, f->kind == GV_KIND_BOOL ? v & 1 : v);
	}
}

/* A random message of a type: each field there or not, lists with up to three elements. */
static void make(struct contract *c, const struct gv_type *type, unsigned depth, struct gv_buf *out)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct gv_field *f = &type->fields[i];
		uint64_t n = contract_random(c) % (f->repeated ? 4 : 2);

		for (; n; n--) {
			if (f->kind == GV_KIND_STRING || f->kind == GV_KIND_BYTES || f->kind == GV_KIND_MESSAGE)
				make_bytes(c, f, depth, out);
			else
				make_number(c, f, out);
		}
	}
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void ask(struct contract *c, struct rig *r, const struct gv_rpc *rpc, const char *path, unsigned shape)
{
	struct gv_buf request = { 0 };
	uint64_t id = next_id++;
	const Env__Reply *reply;
	unsigned first;

	if (shape == 1)
		for (int i = 0; i < 40; i++)
			gv_buf_putc(&request, (char)contract_random(c));
	else if (shape > 1)
		make(c, rpc->input, 3, &request);
	rig_clear(r);
	call_packed(r, id, path, request.data, request.size, false);
	contract_run(c, r);
	reply = rig_answer(r, id);
	first = reply ? reply->code : 0;
	must(c, !reply || first != GV_INTERNAL, "%s fails instead of refusing: %s", path, reply->error);
	must(c, !reply || first == GV_OK || *reply->error, "%s refuses with code %u and no sentence", path, first);
	if (reply && reply->kept) {
		rig_clear(r);
		call_packed(r, id, path, request.data, request.size, true);
		contract_run(c, r);
		must(c, rig_answer(r, id) && rig_answer(r, id)->code == first,
		     "%s answers a repeated call otherwise than the first", path);
	}
	gv_buf_fini(&request);
}

static void check_calls(struct contract *c, struct rig *r)
{
	for (const struct gv_service *s = c->plugin->serves; s && s->type; s++) {
		for (const struct gv_method *m = s->methods; m && m->name; m++) {
			char path[256];
			const struct gv_rpc *rpc;

			snprintf(path, sizeof path, "%s/%s", s->type->name, m->name);
			rpc = gv_schema_method(c->schema, path);
			for (unsigned shape = 0; rpc && shape < 60; shape++)
				ask(c, r, rpc, path, shape);
		}
	}
}

/* ---- events ---------------------------------------------------------------------------------- */

static void check_events(struct contract *c, struct rig *r)
{
	uint64_t seq = 0;

	for (const struct gv_hears *h = c->plugin->hears; h && h->type; h++) {
		const struct gv_type *type = gv_schema_type(c->schema, h->type->name);

		for (int i = 0; i < 60; i++) {
			Env__Item item = ENV__ITEM__INIT;
			Env__Event e = ENV__EVENT__INIT;
			struct gv_buf payload = { 0 };

			if (i && type)
				make(c, type, 3, &payload);
			for (uint64_t n = type ? 0 : contract_random(c) % 40; i && n;
			     n--) /* of another plugin's schema */
				gv_buf_putc(&payload, (char)contract_random(c));
			e.seq = seq + 1;
			e.prev = seq++;
			e.type = (char *)h->type->name;
			e.key = (char *)"k";
			e.time_ms = r->now;
			e.payload = (ProtobufCBinaryData){ payload.size, payload.data };
			item.kind_case = ENV__ITEM__KIND_EVENT;
			item.event = &e;
			rig_feed(r, "emitter.0", &item, 1);
			if (i % 7 == 0) /* and once more */
				rig_feed(r, "emitter.0", &item, 1);
			contract_run(c, r);
			gv_buf_fini(&payload);
		}
	}
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void check_frames(struct contract *c, struct rig *r)
{
	static const char *const texts[] = { "",
					     "x",
					     "[]",
					     "{}",
					     "[2,\"1\",\"BootNotification\",{}]",
					     "[2]",
					     "[[[[[[[[[[[[",
					     "[3,\"nobody asked\",{}]",
					     "[4,\"x\",\"y\",\"z\",{}]",
					     "GET / HTTP/1.1\r\n\r\n",
					     "bad luck",
					     "\xff\xfe\x80",
					     "[2,1,2,3]" };
	char *large = malloc(200001);

	memset(large, '[', 200000);
	large[200000] = 0;
	for (uint64_t conn = 1; conn <= 4; conn++) {
		uint64_t seq = 0;

		rig_open(r, "link.0", conn, conn % 2 ? "ocpp:CP001" : "", conn > 2);
		for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
			rig_frame(r, "link.0", conn, ++seq, texts[i], false);
			if (i % 3 == 0) {
				contract_run(c, r);
				rig_frame(r, "link.0", conn, seq, texts[i], true);
			}
		}
		rig_frame(r, "link.0", conn, ++seq, large, false);
		contract_run(c, r);
		rig_frame(r, "link.0", conn + 100, 1, "to a connection that never was", false);
		rig_close(r, "link.0", conn);
		rig_close(r, "link.0", conn);
		rig_frame(r, "link.0", conn, ++seq, "after the end", false);
		contract_run(c, r);
	}
	free(large);
}

/* ---- all together ---------------------------------------------------------------------------- */

static void check_alive(struct contract *c, struct rig *r)
{
	uint64_t id = next_id++;

	rig_clear(r);
	call_packed(r, id, "galvan.kernel.v1.Plugin/ListParked", NULL, 0, false);
	contract_run(c, r);
	must(c, rig_answer(r, id) && rig_answer(r, id)->code == GV_OK, "it does not go on after what it was sent");
}

static void stop_while_busy(struct contract *c, struct rig *r)
{
	for (int i = 0; i < 20; i++) {
		if (!contract_start(c, r)) {
			broken(c, "it does not start again: %s", r->error ? r->error : "");
			return;
		}
		for (uint64_t conn = 1; conn < 20; conn++) {
			rig_open(r, "link.0", conn, "ocpp:CP001", false);
			rig_frame(r, "link.0", conn, 1, "[2,\"1\",\"Heartbeat\",{}]", false);
		}
		if (i % 2 && !c->plugin->driver)
			r->die_at_commit = 1;
		if (i % 3)
			gv_actor_run(r->actor);
		r->options.crashed = i % 2;
		r->die_at_commit = 0;
		contract_stop(c, r);
	}
}

void check_messages(struct contract *c)
{
	struct rig r;

	rig_init(&r, c->plugin);
	if (!contract_start(c, &r)) {
		broken(c, "it does not start: %s", r.error ? r.error : "without a reason");
		rig_fini(&r);
		return;
	}
	for (const struct gv_hears *h = c->plugin->hears; h && h->type; h++)
		if (h - c->plugin->hears < 4)
			rig_peer(&r, "emitter.0", 5)->emits[h - c->plugin->hears] = h->type->name;
	rig_directory(&r);
	contract_run(c, &r);
	check_calls(c, &r);
	check_events(c, &r);
	if (!c->plugin->driver)
		check_frames(c, &r);
	check_alive(c, &r);
	contract_stop(c, &r);
	stop_while_busy(c, &r);
	rig_fini(&r);
}
