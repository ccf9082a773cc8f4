/* A terminal's line to the cloud: a WebSocket that link dials. What is stored goes oldest first, as many at a time as
 * the window takes; what is not answered goes again. */
#include "terminal.h"

#include "../core/ble_letters.h"

#include <galvan/link.pb-c.h>
#include <stdio.h>
#include <string.h>

#define QUESTION 0x80000000u /* counters of questions; those of records are their places in the queue */
#define PING_S 30

int line_dial(struct gv_turn *t, const Ble__Terminal *config, const char *plugin)
{
	Link__DialRequest request = LINK__DIAL_REQUEST__INIT;
	Link__HangRequest hang = LINK__HANG_REQUEST__INIT;
	char *subprotocols[] = { (char *)"cpb1" };
	const char *last = strrchr(config->cloud, '/');

	hang.plugin = request.plugin = (char *)plugin;
	hang.name = request.name = (char *)TERMINAL_LINE;
	if (!*config->cloud) {
		gv_call(t, &(struct gv_call){ .method = "galvan.link.v1.Link/Hang", .request = &hang });
		return 0;
	}
	request.url = config->cloud;
	request.subprotocols = subprotocols;
	request.n_subprotocols = 1;
	request.user = *config->user || !*config->password || !last ? config->user : (char *)last + 1;
	request.password = config->password;
	request.cert = config->cert;
	request.key = config->key;
	request.ca = config->ca;
	request.ping_s = PING_S;
	request.max_frame_bytes = BLE_MESSAGE_MAX;
	request.window_frames = FLIGHT_MAX;
	gv_call(t, &(struct gv_call){ .method = "galvan.link.v1.Link/Dial", .request = &request });
	return 0;
}

static int say(struct terminal *s, struct gv_turn *t, enum ble_type type, uint32_t counter, const void *body,
	       size_t size)
{
	struct ble_frame frame = { .type = (uint8_t)type, .counter = counter, .body = { body, size } };
	uint8_t out[BLE_MESSAGE_MAX];
	int n = ble_frame_write(&frame, out, sizeof(out));

	return n < 0 ? gv_fault(t, "a message for the cloud: %s", ble_result_name(n))
		     : gv_send(t, s->line, GV_BINARY, out, (size_t)n);
}

/* ---- Flush ----------------------------------------------------------------------------------- */

static unsigned in_flight(const struct terminal *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FLIGHT_MAX; i++)
		n += s->flight[i] != 0;
	return n;
}

static void flushed(struct terminal *s, struct gv_turn *t)
{
	Ble__FlushReply reply = BLE__FLUSH_REPLY__INIT;

	if (!s->n_flushes)
		return;
	reply.sent = s->flushed;
	reply.poisoned = s->poisoned;
	reply.left = (uint32_t)store_edit(t)->records;
	while (s->n_flushes)
		gv_reply(t, s->flushes[--s->n_flushes], &reply);
}

int line_wait_flush(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket)
{
	if (s->n_flushes == FLUSHES_MAX)
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED, "%d calls of Flush wait already", FLUSHES_MAX);
	if (!s->n_flushes)
		s->flushed = s->poisoned = 0;
	s->flushes[s->n_flushes++] = ticket;
	s->retry_ms = 0;
	if (s->line)
		return line_flush(s, t);
	flushed(s, t);
	return 0;
}

/* ---- what is sent ---------------------------------------------------------------------------- */

static int64_t back_off(struct terminal *s, struct gv_turn *t)
{
	int64_t most = RETRY_MIN_MS;

	for (unsigned i = 0; i < s->failures && most < RETRY_MAX_MS; i++)
		most *= 2;
	s->failures++;
	most = most < RETRY_MAX_MS ? most : RETRY_MAX_MS;
	return most / 2 + (int64_t)(gv_random(t) % (uint64_t)(most / 2 + 1));
}

static int send_place(struct terminal *s, struct gv_turn *t, uint64_t order, const Ble__QueuedRow *place)
{
	const Ble__CarriedRow *row;

	if (place->head.len)
		return say(s, t, BLE_REC_END, (uint32_t)order, place->head.data, place->head.len);
	if (place->courier.len)
		return say(s, t, BLE_COURIER, (uint32_t)order, place->courier.data, place->courier.len);
	row = gv_get(t, &terminal_records, gv_key(place->pile, place->chain, place->seq));
	return row ? say(s, t, BLE_REC, (uint32_t)order, row->record.data, row->record.len)
		   : gv_delete(t, &terminal_queue, gv_key(order));
}

int line_flush(struct terminal *s, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_queue };
	int64_t now = gv_now_ms(t);
	int r = 0;

	if (!s->line || now < s->retry_ms)
		return 0;
	if (s->sent_upto)
		scan.after = gv_key(s->sent_upto);
	for (unsigned i = 0; i < FLIGHT_MAX && r == 0; i++) {
		if (s->flight[i])
			continue;
		if (!gv_next(t, &scan))
			break;
		r = send_place(s, t, scan.key.part[0].u, scan.row);
		s->sent_upto = s->flight[i] = scan.key.part[0].u;
		s->flight_ms = now;
	}
	if (r == 0 && in_flight(s))
		return gv_timer(t, TERMINAL_FLUSH, now + FLIGHT_WAIT_MS, NULL);
	if (r == 0)
		flushed(s, t);
	return r;
}

static void forget(struct terminal *s)
{
	memset(s->flight, 0, sizeof(s->flight));
	memset(s->asked, 0, sizeof(s->asked));
	s->sent_upto = 0;
	mail_line_gone(s);
}

int line_due(struct terminal *s, struct gv_turn *t)
{
	int64_t now = gv_now_ms(t);

	if (!s->line || !in_flight(s))
		return line_flush(s, t);
	if (now - s->flight_ms < FLIGHT_WAIT_MS)
		return gv_timer(t, TERMINAL_FLUSH, s->flight_ms + FLIGHT_WAIT_MS, NULL);
	s->retry_ms = now + back_off(s, t);
	gv_log(t, GV_WARN, "The cloud does not answer; its line is closed and dialled again in_flight=%u",
	       in_flight(s));
	return gv_disconnect(t, s->line, 1001, "no answer");
}

/* ---- its life -------------------------------------------------------------------------------- */

int line_open(struct terminal *s, struct gv_turn *t, uint64_t conn)
{
	int r;

	s->line = conn;
	forget(s);
	r = visit_line(s, t);
	if (r == 0)
		r = mail_fetch(s, t);
	if (r == 0)
		r = mail_ask(s, t);
	return r < 0 ? r : line_flush(s, t);
}

int line_close(struct terminal *s, struct gv_turn *t)
{
	s->line = 0;
	forget(s);
	flushed(s, t);
	return 0;
}

/* ---- questions ------------------------------------------------------------------------------- */

static struct asked *ask(struct terminal *s, enum asked_for what, const char *device, const char *pile)
{
	struct asked *a = &s->asked[++s->counter % ASKED_MAX]; /* the oldest gives way */

	a->what = what;
	a->counter = QUESTION | (s->counter & ~QUESTION);
	snprintf(a->pile, sizeof(a->pile), "%s", pile);
	snprintf(a->device, sizeof(a->device), "%s", device);
	return a;
}

static bool fetch(struct terminal *s, struct gv_turn *t, enum asked_for what, const char *device, const char *pile,
		  const uint8_t *nonce)
{
	struct ble_fetch it = { 0 };
	uint8_t body[64];
	int size;

	if (!s->line || !hex_read(pile, it.pile, 16))
		return false;
	if (nonce) {
		it.has = BLE_HAS(BLE_FETCH_NONCE);
		memcpy(it.nonce, nonce, 16);
	}
	size = ble_fetch_write(&it, body, sizeof(body));
	return size > 0 && say(s, t, BLE_FETCH, ask(s, what, device, pile)->counter, body, (size_t)size) == 0;
}

bool line_fetch(struct terminal *s, struct gv_turn *t, const char *device, const char *pile, const uint8_t *nonce)
{
	return fetch(s, t, ASKED_FETCH, device, pile, nonce);
}

bool line_letters(struct terminal *s, struct gv_turn *t, const char *device, const char *pile)
{
	return fetch(s, t, ASKED_LETTERS, device, pile, NULL);
}

bool line_piece(struct terminal *s, struct gv_turn *t, const char *pile, const struct ble_courier *asked)
{
	uint8_t body[64];
	int size = ble_courier_write(asked, body, sizeof(body));

	return s->line && size > 0 &&
	       say(s, t, BLE_COURIER_GET, ask(s, ASKED_PIECE, "", pile)->counter, body, (size_t)size) == 0;
}

bool line_voucher(struct terminal *s, struct gv_turn *t, const char *device, const struct ble_voucher_get *wish)
{
	char pile[PILE_HEX];
	uint8_t body[160];
	int size = ble_voucher_get_write(wish, body, sizeof(body));

	hex_write(wish->pile, 16, pile);
	return s->line && size > 0 &&
	       say(s, t, BLE_VOUCHER_GET,
		   ask(s, wish->has & BLE_HAS(BLE_VOUCHER_GET_NONCE) ? ASKED_VOUCHER : ASKED_BEFOREHAND, device, pile)
			   ->counter,
		   body, (size_t)size) == 0;
}

/* ---- what the cloud says --------------------------------------------------------------------- */

/* The cloud neither has it nor refuses it for good. */
static bool on_its_way(struct gv_turn *t, const Ble__QueuedRow *place)
{
	const Ble__CarriedRow *row = gv_get(t, &terminal_records, gv_key(place->pile, place->chain, place->seq));

	return row && row->order;
}

static bool is_record(const Ble__QueuedRow *place)
{
	return !place->head.len && !place->courier.len;
}

static int record_answered(struct terminal *s, struct gv_turn *t, uint32_t counter, int result)
{
	const Ble__QueuedRow *place;
	uint64_t order = 0;
	int r;

	for (unsigned i = 0; i < FLIGHT_MAX; i++) {
		if (!s->flight[i] || (uint32_t)s->flight[i] != counter)
			continue;
		order = s->flight[i];
		s->flight[i] = 0;
	}
	place = order ? gv_get(t, &terminal_queue, gv_key(order)) : NULL;
	if (!place)
		return 0;
	s->flight_ms = gv_now_ms(t);
	r = store_answered(s, t, order, result);
	if (r == 0 && place->courier.len && !place->box)
		line_letters(s, t, "", place->pile); /* for its receipt */
	if (r == 0 && is_record(place) && !on_its_way(t, place)) {
		s->failures = 0;
	} else if (r == 0 && is_record(place) && s->retry_ms <= gv_now_ms(t)) {
		s->retry_ms = gv_now_ms(t) + back_off(s, t);
		gv_timer(t, TERMINAL_FLUSH, s->retry_ms, NULL);
		gv_log(t, GV_WARN, "The cloud does not take a record yet; again later pile=%s seq=%llu result=%s",
		       place->pile, (unsigned long long)place->seq, ble_result_name(result));
		flushed(s, t);
	}
	if (r == 0)
		r = visit_relayed(s, t, place->pile);
	return r < 0 ? r : line_flush(s, t);
}

static struct asked *question(struct terminal *s, uint32_t counter)
{
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		if (s->asked[i].what && s->asked[i].counter == counter)
			return &s->asked[i];
	}
	return NULL;
}

/* A receipt for what the pile has a receipt for. */
static bool known(struct gv_turn *t, const struct asked *a, const struct ble_frame *f)
{
	const Ble__SeenRow *row = gv_get(t, &terminal_piles, gv_key(a->device));
	struct ble_receipt receipt;

	return row && f->type == BLE_RCPT_PUT && ble_receipt_read(f->body.at, f->body.size, &receipt) == 0 &&
	       receipt.chain == row->chain && receipt.upto <= row->receipted;
}

static void keep_voucher(struct gv_turn *t, const char *device, const struct ble_frame *f)
{
	Ble__SeenRow *row = seen_edit(t, device);
	struct ble_voucher voucher;

	if (!row || ble_voucher_read(f->body.at, f->body.size, &voucher) < 0)
		return;
	row->voucher.data = gv_alloc(t, f->body.size);
	row->voucher.len = f->body.size;
	memcpy(row->voucher.data, f->body.at, f->body.size);
	row->order = gv_alloc(t, PILE_HEX);
	hex_write(voucher.order, 16, row->order);
	row->expires_at_ms = (int64_t)voucher.expires * 1000;
}

static int question_answered(struct terminal *s, struct gv_turn *t, struct asked *a, const struct ble_frame *f)
{
	struct visit *v = visit_of(s, a->device);
	bool last = f->type == BLE_PUT_RES || f->type == BLE_VOUCHER;
	bool beforehand = a->what == ASKED_BEFOREHAND;
	bool for_pile = f->type == BLE_RCPT_PUT || f->type == BLE_KEYSET_PUT;
	int r = 0;

	if (f->body.size > BLE_DOCUMENT_MAX)
		return 0;
	if (a->what == ASKED_PIECE) {
		a->what = ASKED_NOTHING;
		return mail_piece(s, t, a->pile, f);
	}
	if (f->type == BLE_COURIER)
		r = mail_offered(s, t, a->pile, f->body.at, f->body.size);
	if (a->what == ASKED_LETTERS && last) {
		a->what = ASKED_NOTHING;
		return mail_asked(s, t);
	}
	if (for_pile && (a->what == ASKED_FETCH || a->what == ASKED_LETTERS) && !known(t, a, f))
		r = bring_keep(t, a->pile, (enum ble_type)f->type, f->body.at, f->body.size);
	if (last)
		a->what = ASKED_NOTHING;
	if (beforehand && f->type == BLE_VOUCHER)
		keep_voucher(t, a->device, f);
	if (r == 0 && v && !beforehand && a->what != ASKED_LETTERS && strcmp(v->pile, a->pile) == 0)
		r = visit_cloud(s, t, v, (enum ble_type)f->type, f->body.at, f->body.size, last);
	return r;
}

int line_heard(struct terminal *s, struct gv_turn *t, const struct gv_frame *f)
{
	struct ble_frame frame;
	struct ble_answer answer = { 0 };
	struct asked *a;

	if (f->conn->id != s->line)
		return 0;
	if (f->kind != GV_BINARY || ble_frame_read((const uint8_t *)f->data, f->size, &frame) < 0)
		return gv_disconnect(t, s->line, 1002, "no message of cpb1");
	a = frame.counter & QUESTION ? question(s, frame.counter) : NULL;
	if (a)
		return question_answered(s, t, a, &frame);
	if (frame.type != BLE_PUT_RES || ble_answer_read(frame.body.at, frame.body.size, &answer) < 0)
		return 0; /* nothing else was asked for */
	return record_answered(s, t, frame.counter, answer.result);
}
