/* What piles and terminals say on the WebSocket, and what they are answered. */
#include "cloud.h"
#include "../core/ble_letters.h"
#include "../core/ble_openssl.h"

#include <string.h>

#define RECEIPT_EVERY 16 /* records of a pile's own, at the latest */

/* PUT_RES, for either sign of the result. */
static int answer(struct gv_turn *t, const struct line *l, uint32_t counter, int result)
{
	struct ble_answer it = { .result = (uint8_t)(result < 0 ? -result : result) };
	uint8_t body[16];

	return line_say(t, l, BLE_PUT_RES, counter, body, ble_answer_write(&it, body, sizeof(body)));
}

static struct road road_of(const struct line *l, const char *device)
{
	return (struct road){ device && !strcmp(l->device, device) ? "pile" : "terminal", l->device };
}

/* ---- records --------------------------------------------------------------------------------- */

/* A pile's own module gets its receipt here: nobody else brings it one. */
static int give_receipt(struct cloud *c, struct gv_turn *t, struct line *l, uint32_t chain)
{
	uint8_t document[BLE_DOCUMENT_MAX];
	struct pile p;
	int size;

	l->since_receipt = 0;
	if (!pile_find(t, l->device, &p))
		return 0;
	size = chain_receipt(c, t, &p, chain, document);
	return size ? line_say(t, l, BLE_RCPT_PUT, ++pile_edit(t, &p)->counter, document, size) : 0;
}

static int on_record(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	const char *device = NULL;
	struct ble_record r;
	struct pile p;
	struct road road;
	int result;

	if (ble_record_read(f->body.at, f->body.size, &r) == 0 && pile_by_id(t, r.pile, &p))
		device = p.device;
	road = road_of(l, device);
	result = ingest_record(c, t, &road, f->body.at, f->body.size, &device);
	if (answer(t, l, f->counter, result))
		return -1;
	if (result != 0 || strcmp(road.kind, "pile") != 0)
		return 0;
	return r.type != BLE_RECORD_METER || ++l->since_receipt >= RECEIPT_EVERY ? give_receipt(c, t, l, r.chain) : 0;
}

static int on_head(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	const char *device = NULL;
	struct ble_head h;
	int result = ingest_head(c, t, f->body.at, f->body.size, &device);

	if (answer(t, l, f->counter, result))
		return -1;
	if (!device || strcmp(device, l->device) != 0 || ble_head_read(f->body.at, f->body.size, &h) < 0)
		return 0;
	return give_receipt(c, t, l, h.chain);
}

/* ---- what is fetched ------------------------------------------------------------------------- */

struct fetched {
	const struct line *line;
	uint32_t counter;
};

static void say_document(void *arg, struct gv_turn *t, uint8_t type, const uint8_t *data, size_t size)
{
	const struct fetched *to = arg;

	line_say(t, to->line, type, to->counter, data, (int)size);
}

static int on_fetch(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	struct fetched to = { l, f->counter };
	struct ble_fetch it;
	struct pile p;
	int r = ble_fetch_read(f->body.at, f->body.size, &it);

	if (r == 0 && !pile_by_id(t, it.pile, &p))
		r = -BLE_OTHER_PILE;
	if (r == 0)
		carried_each(c, t, &p, it.has & BLE_HAS(BLE_FETCH_NONCE) ? it.nonce : NULL, say_document, &to);
	return answer(t, l, f->counter, r);
}

static int on_voucher_get(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	uint8_t document[BLE_DOCUMENT_MAX];
	struct ble_voucher_get it;
	struct voucher_wish wish = { .holder = it.holder };
	Ble__GrantRow *g;
	struct pile p;
	int r = ble_voucher_get_read(f->body.at, f->body.size, &it);

	if (r == 0 && !pile_by_id(t, it.pile, &p))
		r = -BLE_OTHER_PILE;
	if (r == 0)
		r = grant_allows(c, t, &p, NULL, it.order, it.connector, &g);
	if (r == 0) {
		wish.nonce = it.has & BLE_HAS(BLE_VOUCHER_GET_NONCE) ? it.nonce : NULL;
		wish.offline_ok = !wish.nonce;
		r = voucher_sign(c, t, &p, g, &wish, document);
	}
	return r > 0 ? line_say(t, l, BLE_VOUCHER, f->counter, document, r) : answer(t, l, f->counter, r);
}

/* ---- a pile asks whether somebody may start -------------------------------------------------- */

static int allow(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f,
		 struct ble_ask_result *ret)
{
	struct ble_ask it;
	Ble__GrantRow *g;
	struct pile p;
	int r = ble_ask_read(f->body.at, f->body.size, &it);

	if (r < 0)
		return r;
	if (!pile_find(t, l->device, &p))
		return -BLE_OTHER_PILE;
	if (keys_holder_revoked(t, it.holder))
		return -BLE_REVOKED;
	r = grant_allows(c, t, &p, it.has & BLE_HAS(BLE_ASK_JTI) ? it.jti : NULL, it.order, it.connector, &g);
	if (r < 0)
		return r;
	g->given = true;
	grant_write(c, g, &ret->has, &ret->grant);
	return 0;
}

static int on_ask(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	struct ble_ask_result result = { .has = 0 };
	uint8_t body[128];

	result.result = (uint8_t)-allow(c, t, l, f, &result);
	return line_say(t, l, BLE_ASK_RES, f->counter, body, ble_ask_result_write(&result, body, sizeof(body)));
}

/* ---- what a pile says of itself -------------------------------------------------------------- */

static int on_status(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	static const char *const names[] = { "Available", "Preparing", "Charging", "Faulted" };
	struct ble_status it;
	Ble__ConnectorRow *row;
	struct pile p;

	if (ble_status_read(f->body.at, f->body.size, &it) < 0 || !it.connector || !pile_find(t, l->device, &p))
		return 0;
	row = gv_edit(t, &cloud_connectors, gv_key(p.device, (unsigned)it.connector));
	row->power_w = it.power_w;
	connector_say(c, t, p.device, it.connector, it.state < 4 ? names[it.state] : "Unavailable");
	return 0;
}

static int on_answer(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	struct ble_answer it;

	if (ble_answer_read(f->body.at, f->body.size, &it) < 0)
		return 0;
	if (f->type == BLE_START_RES)
		command_started(c, t, l->device, f->counter, it.result);
	else if (f->type == BLE_STOP_RES)
		command_stopped(t, l->device, f->counter, it.result);
	return 0;
}

/* A letter's piece that is asked for. */
static int on_courier_get(struct gv_turn *t, const struct line *l, const struct ble_frame *f)
{
	struct ble_courier it;
	uint8_t body[BLE_DOCUMENT_MAX];
	int r = ble_courier_read(f->body.at, f->body.size, &it);

	if (r == 0)
		r = letter_piece(t, &it, body, sizeof(body));
	return r > 0 ? line_say(t, l, BLE_COURIER, f->counter, body, r) : answer(t, l, f->counter, r);
}

/* A pile's word on its letters, or its own, of which its module gets the receipt at once. */
static int on_courier(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	const char *device = NULL;
	uint8_t body[BLE_DOCUMENT_MAX];
	struct ble_courier it;
	struct pile p;
	struct road road = road_of(l, pile_find(t, l->device, &p) ? p.device : NULL);
	int r = letters_came(t, &road, f->body.at, f->body.size, &device), size;

	if (answer(t, l, f->counter, r))
		return -1;
	if ((r != 0 && r != -BLE_DUPLICATE) || !device || strcmp(device, l->device) != 0 ||
	    ble_courier_read(f->body.at, f->body.size, &it) < 0 || !it.cover.size)
		return 0;
	size = letter_receipt_of(c, t, device, body);
	return size > 0 ? line_say(t, l, BLE_COURIER, ++pile_edit(t, &p)->counter, body, size) : 0;
}

int heard(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f)
{
	switch (f->type) {
	case BLE_REC:
		return on_record(c, t, l, f);
	case BLE_REC_END:
		return on_head(c, t, l, f);
	case BLE_FETCH:
		return on_fetch(c, t, l, f);
	case BLE_VOUCHER_GET:
		return on_voucher_get(c, t, l, f);
	case BLE_ASK:
		return on_ask(c, t, l, f);
	case BLE_STATUS_RES:
		return on_status(c, t, l, f);
	case BLE_START_RES:
	case BLE_STOP_RES:
		return on_answer(c, t, l, f);
	case BLE_COURIER_GET:
		return on_courier_get(t, l, f);
	case BLE_COURIER:
		return on_courier(c, t, l, f);
	case BLE_PUT_RES: /* of a receipt, a key set or a time: nothing follows from it */
		return 0;
	default:
		return answer(t, l, f->counter, -BLE_UNEXPECTED);
	}
}
