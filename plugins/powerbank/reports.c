/* Bytes to reports, and each report to those whom it concerns. What a chunk leaves of a frame is a row, so that a crash
 * does not lose what was acknowledged. */
#include "powerbank.h"

#include <stdio.h>
#include <string.h>

/* ---- whose it is ----------------------------------------------------------------------------- */

static const char *device_of(struct gv_turn *t, const char *identity)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

	return *identity && !identity[strspn(identity, letters)] ? gv_str(t, "%s:%s", gv_self(t)->plugin, identity)
								 : NULL;
}

static void stranger(struct powerbank *p, struct gv_turn *t, struct line *l, const char *device, const char *identity)
{
	int64_t minute = gv_now_ms(t) / PB_MINUTE_MS;

	lines_unknown(p, l, identity);
	gv_count(t, "unknown_cabinets", 1);
	if (minute != p->strangers_minute)
		p->strangers = 0;
	p->strangers_minute = minute;
	if (++p->strangers > PB_STRANGERS_TOLD)
		return;
	incident(t, &(struct incident){ .device = device,
					.kind = "unknown-cabinet",
					.text = gv_str(t, "nobody has made it known; it speaks from %s", l->peer),
					.epoch = l->conn });
}

static int enrol(struct gv_turn *t, const char *device)
{
	Registry__PutDeviceRequest request = REGISTRY__PUT_DEVICE_REQUEST__INIT;
	Registry__Device d = REGISTRY__DEVICE__INIT;
	Powerbank__Enrolled note = POWERBANK__ENROLLED__INIT;

	d.id = (char *)device;
	request.device = &d;
	note.device = (char *)device;
	cabinet_edit(t, device)->known = true;
	gv_log(t, GV_INFO, "cabinet is made known device=%s", device);
	return gv_call(t, &(struct gv_call){ .method = "galvan.registry.v1.Registry/PutDevice",
					     .request = &request,
					     .note = &note });
}

static bool may_speak(const struct line *l, const Powerbank__CabinetRow *row)
{
	return l->port->auto_enrol || (row && row->known);
}

/* A frame of a connection that is nobody's yet. True: it is somebody's now, and the frame counts. */
static bool identify(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r, bool *ret_bad)
{
	const char *device = device_of(t, r->identity);
	const Powerbank__CabinetRow *row;

	*ret_bad = false;
	if (!device || l->unknown)
		return false;
	row = cabinet_get(t, device);
	if (!may_speak(l, row)) {
		stranger(p, t, l, device, r->identity);
		return false;
	}
	l->wire.token = r->token;
	if (!learn_check(p, t, l, r, device, ret_bad))
		return false;
	if (!row || !row->known)
		enrol(t, device);
	if (!l->profile.learn)
		l->wire.any_check = false;
	if (l->profile.mirror)
		l->wire.dot = r->dot;
	if (!r->luhn && l->profile.driver->identifies)
		gv_count(t, "imei_without_check_digit", 1);
	cabinet_login(p, t, l, device);
	return true;
}

/* ---- what must not be ------------------------------------------------------------------------ */

static void bad_check(struct gv_turn *t, struct line *l)
{
	int64_t now = gv_now_ms(t);

	gv_count(t, "bad_checks", 1);
	if (now - l->bad_since_ms > PB_MINUTE_MS) {
		l->bad_since_ms = now;
		l->bad_checks = 0;
	}
	if (++l->bad_checks >= PB_BAD_CHECKS_MAX)
		line_close(t, l, "five frames with a wrong check within a minute");
}

static void broken(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	gv_count(t, "broken_frames", 1);
	gv_log(t, GV_INFO, "frame is none and is dropped error=%s peer=%s device=%s", r->error, l->peer,
	       l->cabinet ? l->cabinet->device : "");
	if (r->lost)
		line_close(t, l, "its stream has lost its step");
	else if (r->bad_check)
		bad_check(t, l);
}

static bool is_flooding(struct powerbank *p, struct gv_turn *t, struct line *l)
{
	int64_t now = gv_now_ms(t);

	if (now - l->minute_ms >= PB_MINUTE_MS) {
		l->minute_ms = now;
		l->frames = 0;
	}
	if (++l->frames <= p->config->max_frames_per_min)
		return false;
	gv_count(t, "floods", 1);
	line_close(t, l, "too many frames within a minute");
	return true;
}

/* A frame that names another cabinet than its connection is. */
static bool is_another(struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	if (!*r->identity || !strcmp(r->identity, l->wire.identity))
		return false;
	gv_count(t, "strangers", 1);
	if (++l->strangers >= PB_STRANGERS_MAX)
		line_close(t, l, "it speaks for another cabinet than it did");
	return true;
}

static bool is_impossible(struct gv_turn *t, const struct line *l, const struct pb_report *r)
{
	bool has_slot = r->kind == PB_LENT || r->kind == PB_LEND_FAILED || r->kind == PB_FAILED ||
			r->kind == PB_MAY_RETURN || r->kind == PB_RETURNED || r->kind == PB_RETURN_FAILED;

	if (!has_slot || (r->slot >= 1 && r->slot <= l->wire.slots))
		return false;
	gv_count(t, "broken_frames", 1);
	gv_log(t, GV_WARN, "report of a slot that the cabinet has not is dropped slot=%u slots=%u device=%s", r->slot,
	       l->wire.slots, l->cabinet->device);
	return true;
}

/* A profile that says too little: what lies behind its slots would be overlooked for ever. */
static void check_slots(struct gv_turn *t, const struct line *l, const struct pb_report *r)
{
	for (size_t i = 0; i < r->n_slots; i++)
		if (r->slots[i].slot > l->wire.slots) {
			gv_count(t, "broken_frames", 1);
			gv_log(t, GV_WARN,
			       "inventory shows a slot that the cabinet has not by its profile, which is left out: "
			       "correct its attribute slots slot=%u slots=%u device=%s",
			       r->slots[i].slot, l->wire.slots, l->cabinet->device);
			return;
		}
}

/* ---- reports --------------------------------------------------------------------------------- */

static void dispatch(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	switch (r->kind) {
	case PB_HEARTBEAT:
		line_say(t, l, &(struct pb_command){ .say = PB_SAY_HEARTBEAT });
		break;
	case PB_INVENTORY:
		check_slots(t, l, r);
		inventory_received(p, t, l, r);
		break;
	case PB_LENT:
		ejects_lent(p, t, l, r->slot, r->bank);
		break;
	case PB_LEND_FAILED:
	case PB_FAILED:
		returns_or_ejects_failed(p, t, l, r);
		break;
	case PB_MAY_RETURN:
		returns_asked(p, t, l, r);
		break;
	case PB_RETURNED:
		returns_done(p, t, l, r);
		break;
	case PB_RETURN_FAILED:
		returns_failed(p, t, l, r);
		break;
	case PB_DONE:
		commands_done(t, l, r->done);
		break;
	default:
		break;
	}
}

/* The next is said as it spoke last, also by the next incarnation. */
static void mirror(struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	const char *device = l->cabinet->device;

	l->wire.dot = r->dot;
	if (cabinet_get(t, device)->dot != r->dot)
		cabinet_edit(t, device)->dot = r->dot;
}

static void receive(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	bool bad = false, fresh = !l->cabinet;

	if (r->kind == PB_NOTHING && !r->junk && !*r->iccid)
		return;
	if (is_flooding(p, t, l))
		return;
	if (r->junk)
		gv_count(t, "junk_bytes", (double)r->junk);
	if (*r->iccid && l->cabinet)
		cabinet_iccid(t, l->cabinet->device, r->iccid);
	else if (*r->iccid)
		snprintf(l->iccid, sizeof l->iccid, "%s", r->iccid);
	if (r->kind == PB_BROKEN)
		broken(p, t, l, r);
	if (r->kind == PB_BROKEN || r->kind == PB_NOTHING)
		return;
	if (fresh && !identify(p, t, l, r, &bad)) {
		if (bad)
			bad_check(t, l);
		return;
	}
	if (is_another(t, l, r))
		return;
	if (!fresh && !learn_check(p, t, l, r, l->cabinet->device, &bad)) {
		if (bad)
			bad_check(t, l);
		return;
	}
	if (l->profile.mirror)
		mirror(t, l, r);
	if (r->kind == PB_LOGIN && !fresh)
		line_say(t, l, &(struct pb_command){ .say = PB_SAY_LOGIN });
	if (!is_impossible(t, l, r))
		dispatch(p, t, l, r);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static uint32_t digest(const char *data, size_t size)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ (unsigned char)data[i]) * 16777619u;
	return h;
}

static void note_chunk(struct gv_turn *t, struct line *l, const struct gv_frame *f)
{
	if (l->chunks_ms != gv_now_ms(t))
		l->n_chunks = 0;
	l->chunks_ms = gv_now_ms(t);
	if (l->n_chunks < PB_CHUNKS_MAX)
		l->chunks[l->n_chunks++] = digest(f->data, f->size);
}

/* Comes again although its turn was committed: the process died before it could say so. */
static bool was_handled(const struct gv_frame *f, const Powerbank__RestRow *rest)
{
	uint32_t d = digest(f->data, f->size);

	for (size_t i = 0; f->again && rest && i < rest->n_chunks; i++)
		if (rest->chunks[i] == d)
			return true;
	return false;
}

static int keep_rest(struct gv_turn *t, const struct line *l, const uint8_t *data, size_t size)
{
	Powerbank__RestRow row = POWERBANK__REST_ROW__INIT;

	row.data.data = (uint8_t *)data;
	row.data.len = size;
	row.chunks = (uint32_t *)l->chunks;
	row.n_chunks = l->n_chunks;
	return gv_put(t, &pb_rests, gv_key(l->conn), &row);
}

/* The next frame; 0: it needs more bytes. One that says whose the connection is is read once more, by that cabinet's
 * rules. */
static size_t read_one(struct gv_turn *t, struct line *l, const uint8_t *data, size_t size, struct pb_report *ret)
{
	size_t used = l->port->driver->decode(&l->wire, data, size, ret);
	bool says = used && !l->cabinet && !l->unknown && ret->kind != PB_BROKEN;
	const char *device = says ? device_of(t, ret->identity) : NULL;
	const Powerbank__CabinetRow *row = device ? cabinet_get(t, device) : NULL;

	if (!device || !may_speak(l, row))
		return used;
	if (strcmp(l->wire.identity, ret->identity) != 0)
		l->agree = 0; /* what one has taught says nothing of another */
	line_set_profile(t, l, ret->identity, row);
	return l->port->driver->decode(&l->wire, data, size, ret);
}

/* Reads all whole frames; the bytes that are done with. */
static size_t read_all(struct powerbank *p, struct gv_turn *t, struct line *l, const uint8_t *data, size_t size)
{
	struct pb_report *report = gv_alloc(t, sizeof *report);
	size_t done = 0;

	while (done < size && !l->closing) {
		size_t used = read_one(t, l, data + done, size - done, report);

		if (!used)
			return done;
		done += used;
		receive(p, t, l, report);
	}
	return size;
}

int reports_read(struct powerbank *p, struct gv_turn *t, const struct gv_frame *f)
{
	struct line *l = line_find(p, f->conn->id);
	const Powerbank__RestRow *rest = gv_get(t, &pb_rests, gv_key(f->conn->id));
	const uint8_t *data = (const uint8_t *)f->data;
	size_t size = f->size, done;

	if (!l || l->closing)
		return 0;
	l->last_ms = gv_now_ms(t);
	l->heard_of = true;
	if (f->again && !l->profile.driver->resyncs) {
		line_close(t, l, "what it said may have been read before, and its beginning cannot be found");
		return 0;
	}
	if (was_handled(f, rest)) {
		/* Its effects are there; what was said to it is said again, where a frame can be found in it. */
		read_all(p, t, l, data, size);
		return 0;
	}
	note_chunk(t, l, f);
	if (rest && rest->data.len) {
		uint8_t *both = gv_alloc(t, rest->data.len + size);

		memcpy(both, rest->data.data, rest->data.len);
		memcpy(both + rest->data.len, data, size);
		data = both;
		size += rest->data.len;
	}
	done = read_all(p, t, l, data, size);
	if (done < size)
		return keep_rest(t, l, data + done, size - done);
	return rest ? gv_delete(t, &pb_rests, gv_key(l->conn)) : 0;
}
