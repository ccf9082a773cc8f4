/* Connections: bytes to reports, and each report to those whom it concerns. What a chunk leaves of a frame is a row, so
 * that a crash does not lose what was acknowledged. */
#include "powerbank.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_CODE 1008 /* RFC 6455 7.4.1: policy; only for logs, as TCP has no codes */

struct line *line_find(struct powerbank *p, uint64_t conn)
{
	struct line *l = p->lines[conn % PB_BUCKETS];

	while (l && l->conn != conn)
		l = l->next;
	return l;
}

int line_say(struct gv_turn *t, struct line *l, const struct pb_command *command)
{
	uint8_t out[PB_OUT_MAX];
	int size = l->profile.driver->encode(&l->wire, command, out);

	if (size == -ENOTSUP || size == 0)
		return size;
	if (size < 0) {
		gv_log(t, GV_WARN, "the cabinet's protocol cannot say this word=%d slot=%u bank=%s", (int)command->say,
		       command->slot, command->bank ? command->bank : "");
		return size;
	}
	return gv_send(t, l->conn, GV_BYTES, out, (size_t)size);
}

void line_close(struct gv_turn *t, struct line *l, const char *why)
{
	if (l->closing)
		return;
	l->closing = true;
	gv_log(t, GV_INFO, "connection is closed: %s peer=%s device=%s", why, l->peer,
	       l->cabinet ? l->cabinet->device : "");
	gv_disconnect(t, l->conn, CLOSE_CODE, why);
}

/* ---- whose it is ----------------------------------------------------------------------------- */

static const char *device_of(struct gv_turn *t, const char *identity)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

	return *identity && !identity[strspn(identity, letters)] ? gv_str(t, "%s:%s", gv_self(t)->plugin, identity)
								 : NULL;
}

/* The wire as the device's profile has it, and what was heard on it so far. */
static void set_profile(struct gv_turn *t, struct line *l, const char *identity, const Powerbank__CabinetRow *row)
{
	l->profile = profiles_for(t, &l->profile, row);
	l->wire = l->profile.wire;
	l->wire.any_check = l->profile.driver->check_parse && !l->wire.unchecked;
	snprintf(l->wire.identity, sizeof l->wire.identity, "%s", identity);
}

static void stranger(struct powerbank *p, struct gv_turn *t, struct line *l, const char *device, const char *identity)
{
	int64_t minute = gv_now_ms(t) / PB_MINUTE_MS;

	l->unknown = true;
	p->n_unknown++;
	snprintf(l->wire.identity, sizeof l->wire.identity, "%s", identity);
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

/* A frame of a connection that is nobody's yet. True: it is somebody's now, and the frame counts. */
static bool identify(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r, bool *ret_bad)
{
	const char *device = device_of(t, r->identity);
	const Powerbank__CabinetRow *row;
	bool counts;

	*ret_bad = false;
	if (!device || l->unknown)
		return false;
	row = cabinet_get(t, device);
	if ((!row || !row->known) && !l->profile.auto_enrol) {
		stranger(p, t, l, device, r->identity);
		return false;
	}
	set_profile(t, l, r->identity, row);
	l->wire.token = r->token;
	counts = learn_check(p, t, l, r, device, ret_bad);
	if (*ret_bad)
		return false;
	if (!row || !row->known)
		enrol(t, device);
	if (!l->profile.learn)
		l->wire.any_check = false;
	if (l->profile.mirror)
		l->wire.dot = r->dot;
	if (!r->luhn && l->profile.driver->identifies)
		gv_count(t, "imei_without_check_digit", 1);
	if (counts)
		cabinet_login(p, t, l, device);
	return counts;
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

/* ---- reports --------------------------------------------------------------------------------- */

static void dispatch(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	switch (r->kind) {
	case PB_HEARTBEAT:
		line_say(t, l, &(struct pb_command){ .say = PB_SAY_HEARTBEAT });
		break;
	case PB_INVENTORY:
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
	default:
		break;
	}
}

static void receive(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r)
{
	bool bad = false, fresh = !l->cabinet;

	if (r->junk)
		gv_count(t, "junk_bytes", (double)r->junk);
	if (*r->iccid && l->cabinet)
		cabinet_iccid(t, l->cabinet->device, r->iccid);
	else if (*r->iccid)
		snprintf(l->iccid, sizeof l->iccid, "%s", r->iccid);
	if (r->kind == PB_BROKEN)
		broken(p, t, l, r);
	if (r->kind == PB_BROKEN || (r->kind == PB_NOTHING && !*r->identity) || is_flooding(p, t, l))
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
		l->wire.dot = r->dot;
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

/* Reads all whole frames; the bytes that are done with. */
static size_t read_all(struct powerbank *p, struct gv_turn *t, struct line *l, const uint8_t *data, size_t size)
{
	struct pb_report *report = gv_alloc(t, sizeof *report);
	size_t done = 0;

	while (done < size && !l->closing) {
		size_t used = l->profile.driver->decode(&l->wire, data + done, size - done, report);

		if (!used)
			return done;
		done += used;
		receive(p, t, l, report);
	}
	return size;
}

int lines_frame(struct powerbank *p, struct gv_turn *t, const struct gv_frame *f)
{
	struct line *l = line_find(p, f->conn->id);
	const Powerbank__RestRow *rest = gv_get(t, &pb_rests, gv_key(f->conn->id));
	const uint8_t *data = (const uint8_t *)f->data;
	size_t size = f->size, done;

	if (!l || l->closing)
		return 0;
	l->last_ms = gv_now_ms(t);
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

/* ---- life ------------------------------------------------------------------------------------ */

static int arm_sweep(struct powerbank *p, struct gv_turn *t)
{
	if (p->sweeping)
		return 0;
	p->sweeping = true;
	return gv_timer(t, "sweep", gv_now_ms(t) + PB_SWEEP_MS, NULL);
}

static struct line *add(struct powerbank *p, struct gv_turn *t, uint64_t conn, const struct profile *profile,
			const char *peer)
{
	struct line *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->conn = conn;
	l->profile = *profile;
	l->wire = profile->wire;
	l->wire.any_check = profile->driver->check_parse && !l->wire.unchecked;
	l->opened_ms = l->last_ms = gv_now_ms(t);
	snprintf(l->peer, sizeof l->peer, "%s", peer);
	l->next = p->lines[conn % PB_BUCKETS];
	p->lines[conn % PB_BUCKETS] = l;
	p->n_lines++;
	return l;
}

static void drop(struct powerbank *p, struct line *l)
{
	struct line **at = &p->lines[l->conn % PB_BUCKETS];

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	p->n_lines--;
	p->n_unknown -= l->unknown;
	free(l);
}

/* A connection that was there before this incarnation is whose it was. */
static void restore(struct powerbank *p, struct gv_turn *t, uint64_t conn, const char *device)
{
	const Powerbank__CabinetRow *row = cabinet_get(t, device);
	const struct profile *profile = row ? profiles_find(p, row->listener) : NULL;
	struct cabinet *c = profile && row->conn == conn ? cabinet_keep(p, device) : NULL;
	struct line *l = c ? add(p, t, conn, profile, row->peer) : NULL;

	if (!l) {
		gv_delete(t, &pb_conns, gv_key(conn));
		return;
	}
	set_profile(t, l, strchr(device, ':') + 1, row);
	if (l->profile.driver->check_parse && *row->learned)
		l->profile.driver->check_parse(row->learned, &l->wire.check);
	if (!l->profile.learn)
		l->wire.any_check = false;
	l->cabinet = c;
	c->line = l;
	c->flapping = alarm_stands(row, "flapping");
	c->swaps[PB_SWAPS_MAX] = gv_now_ms(t); /* the last, of which there may be more */
	/* What was under way is asked for soon, and not all of it at once. */
	l->poll_ms = gv_now_ms(t) + 1000 + (int64_t)(gv_random(t) % PB_MINUTE_MS);
}

int lines_start(struct powerbank *p, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pb_conns };

	while (gv_next(t, &scan))
		restore(p, t, scan.key.part[0].u, ((const Powerbank__ConnRow *)scan.row)->device);
	return p->n_lines ? arm_sweep(p, t) : 0;
}

int lines_open(struct powerbank *p, struct gv_turn *t, const struct gv_conn *conn)
{
	const struct profile *profile = profiles_find(p, conn->listener);
	struct line *l = line_find(p, conn->id);

	if (l) {
		l->last_ms = gv_now_ms(t);
		return 0;
	}
	if (!profile)
		return gv_disconnect(t, conn->id, CLOSE_CODE, "no profile is meant for this port");
	if (!add(p, t, conn->id, profile, conn->peer))
		return gv_disconnect(t, conn->id, CLOSE_CODE, "no memory");
	return arm_sweep(p, t);
}

int lines_close(struct powerbank *p, struct gv_turn *t, const struct gv_conn *conn)
{
	struct line *l = line_find(p, conn->id);

	if (gv_get(t, &pb_rests, gv_key(conn->id)))
		gv_delete(t, &pb_rests, gv_key(conn->id));
	if (!l)
		return 0;
	if (l->cabinet)
		cabinet_offline(p, t, l, gv_now_ms(t));
	drop(p, l);
	return 0;
}

void lines_known(struct powerbank *p, struct gv_turn *t, const char *device)
{
	const char *identity = strchr(device, ':') + 1;

	for (unsigned i = 0; i < PB_BUCKETS && p->n_unknown; i++)
		for (struct line *l = p->lines[i]; l; l = l->next) {
			if (!l->unknown || strcmp(l->wire.identity, identity) != 0)
				continue;
			if (!l->profile.driver->identifies)
				line_close(t, l, "it is known now, and has to say once more who it is");
			l->unknown = false;
			p->n_unknown--;
		}
}

void lines_stop(struct powerbank *p)
{
	for (unsigned i = 0; i < PB_BUCKETS; i++)
		while (p->lines[i])
			drop(p, p->lines[i]);
}

/* ---- what time brings ------------------------------------------------------------------------ */

static void sweep_cabinet(struct powerbank *p, struct gv_turn *t, struct line *l)
{
	int64_t now = gv_now_ms(t), timeout_ms = 1000 * (int64_t)p->config->query_timeout_s;
	struct cabinet *c = l->cabinet;

	if (now - l->last_ms >= PB_IDLE_HEARTBEATS * l->profile.heartbeat_ms) {
		line_close(t, l, "it has been silent for three heartbeats");
		cabinet_offline(p, t, l, l->last_ms);
		return;
	}
	if (l->asked_ms && now - l->asked_ms >= timeout_ms) {
		if (l->queries < p->config->query_repeats) {
			inventory_ask(p, t, l);
		} else { /* it is asked again in a while */
			l->asked_ms = 0;
			l->queries = 0;
			l->poll_ms = now + PB_MINUTE_MS;
		}
	} else if (!l->asked_ms && l->poll_ms && now >= l->poll_ms) {
		inventory_ask(p, t, l);
	}
	if (c->flapping && now - c->swaps[(c->n_swaps + PB_SWAPS_MAX) % (PB_SWAPS_MAX + 1)] >= PB_FLAPPING_MS) {
		c->flapping = false;
		alarm_set(t, c->device, cabinet_edit(t, c->device), "flapping", false,
			  "its connection is steady again");
	}
}

/* So long a connection may be nobody's. A known cabinet whose check is being learned speaks once a heartbeat. */
static int64_t patience_ms(const struct line *l)
{
	bool learning = l->wire.identity[0] && !l->unknown;

	return learning ? 2 * PB_LEARN_FRAMES * l->profile.heartbeat_ms : PB_STRANGER_MS;
}

int lines_sweep(struct powerbank *p, struct gv_turn *t)
{
	int64_t now = gv_now_ms(t);

	for (unsigned i = 0; i < PB_BUCKETS; i++)
		for (struct line *l = p->lines[i]; l; l = l->next) {
			if (l->closing)
				continue;
			if (l->cabinet)
				sweep_cabinet(p, t, l);
			else if (now - l->opened_ms >= patience_ms(l))
				line_close(t, l, l->unknown ? "nobody has made it known" : "it has not said who it is");
		}
	p->sweeping = false;
	return p->n_lines ? arm_sweep(p, t) : 0;
}
