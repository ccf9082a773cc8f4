/* What somebody does for his life's sake: orders, fetches vouchers, visits, carries and hands in. */
#include "life.h"

#include <galvan/charging.pb-c.h>
#include <galvan/piles.pb-c.h>
#include <lib/hex.h>

#include <stdio.h>
#include <string.h>

#define CUT_VALUES 120 /* a link that is cut goes that far, at most */
#define VOUCHER_WH 9000
#define CLOCK_OFF_S 3600 /* of a terminal, and of what it brings as the time, either way */

#define CHARGING "galvan.charging.v1.Charging/"
#define PILES "galvan.ble.v1.Piles/"

bool life_answered(const struct host_answer *a)
{
	return a && a->done && a->code == GV_OK;
}

struct host_answer *life_say(struct life *l, const char *method, const void *message)
{
	return host_say_later(l->h, "ble", method, message);
}

bool life_waits(const struct host_answer *a)
{
	return a && !a->done;
}

/* ---- orders ---------------------------------------------------------------------------------- */

struct life_order *life_newest(struct life *l)
{
	return l->n_orders ? &l->orders[l->n_orders - 1] : NULL;
}

void life_order(struct life *l)
{
	Charging__StartRequest r = CHARGING__START_REQUEST__INIT;
	struct life_order *o = &l->orders[l->n_orders];

	if (l->n_orders == LIFE_ORDERS)
		return;
	l->n_orders++;
	snprintf(o->token, sizeof o->token, "T-%u-%u", l->number, l->n_orders - 1);
	r.device = l->post.device;
	r.connector = 1;
	r.token = o->token;
	r.max_energy_wh = 200 + host_below(l->h, VOUCHER_WH);
	r.max_amount = 500;
	r.currency = (char *)"EUR";
	o->start = life_say(l, CHARGING "Start", &r);
}

void life_ask_for_voucher(struct life *l)
{
	Ble__GetVoucherRequest r = BLE__GET_VOUCHER_REQUEST__INIT;
	struct life_order *o = life_newest(l);
	char key[65];

	if (!o || !o->granted || life_waits(o->voucher) || o->size)
		return;
	gv_hex_write(l->callers[0].public_key, 32, key);
	r.order = o->token;
	r.device = l->post.device;
	r.holder_key = key;
	r.offline_ok = true;
	o->voucher = life_say(l, PILES "GetVoucher", &r);
}

static void look_for_grant(struct life *l, struct life_order *o)
{
	Charging__StartReply *reply;

	if (o->granted || !life_answered(o->start))
		return;
	reply = charging__start_reply__unpack(NULL, o->start->packed_size, o->start->packed);
	if (reply && !strcmp(reply->status, "Accepted"))
		o->granted = gv_hex_read(reply->request_id, strlen(reply->request_id), o->jti, 16) == 0;
	charging__start_reply__free_unpacked(reply, NULL);
}

static void take_keyset(struct caller *c, const ProtobufCBinaryData *document)
{
	c->keyset_size = document->len;
	if (c->keyset_size)
		memcpy(c->keyset, document->data, c->keyset_size);
}

static void look_for_voucher(struct life *l, struct life_order *o)
{
	Ble__GetVoucherReply *reply;

	if (o->size || !life_answered(o->voucher))
		return;
	reply = ble__get_voucher_reply__unpack(NULL, o->voucher->packed_size, o->voucher->packed);
	host_check(l->h, reply && reply->voucher.len <= sizeof o->document, "a voucher that is none");
	o->size = reply->voucher.len;
	memcpy(o->document, reply->voucher.data, o->size);
	gv_hex_read(reply->order, strlen(reply->order), o->number, 16);
	take_keyset(&l->callers[0], &reply->keyset);
	ble__get_voucher_reply__free_unpacked(reply, NULL);
}

/* ---- visits ---------------------------------------------------------------------------------- */

void life_visit(struct life *l, struct caller *c, enum caller_wish wish)
{
	/* Now and then by a voucher of before, which may have been used. */
	struct life_order *o = l->n_orders && host_below(l->h, 4) == 0 ? &l->orders[host_below(l->h, l->n_orders)]
								       : life_newest(l);
	unsigned values = host_below(l->h, 3) ? UINT32_MAX : 1 + host_below(l->h, CUT_VALUES);

	if (c->post)
		return;
	c->voucher_size = 0;
	memset(c->order, (int)host_below(l->h, 256), 16);
	if (o && o->size && wish != CALLER_RELAYS) {
		memcpy(c->voucher, o->document, o->size);
		c->voucher_size = o->size;
		memcpy(c->order, o->number, 16);
	}
	c->off_s = (int32_t)host_below(l->h, 2 * CLOCK_OFF_S) - CLOCK_OFF_S;
	c->brings_time = host_below(l->h, 8) == 0;
	caller_visit(c, life_either(l), wish, values);
}

/* ---- what terminals hand in and fetch -------------------------------------------------------- */

void life_hand_in(struct life *l, unsigned i, bool all)
{
	ProtobufCBinaryData records[CALLER_CARRIED], head;
	Ble__PutRecordsRequest r = BLE__PUT_RECORDS_REQUEST__INIT;
	struct caller *c = &l->callers[i];
	unsigned from = c->n_carried ? host_below(l->h, c->n_carried) : 0;

	if (life_waits(l->handed_in[i]))
		return;
	for (unsigned k = 0; k < c->n_carried; k++) {
		struct caller_record *it = &c->carried[(from + k) % c->n_carried];

		if ((it->handed_in && host_below(l->h, 8)) || (!all && host_below(l->h, 3) == 0))
			continue;
		records[r.n_records++] = (ProtobufCBinaryData){ it->size, it->at };
		it->handed_in = true;
	}
	if (c->head_size && host_below(l->h, 2)) {
		head = (ProtobufCBinaryData){ c->head_size, c->head };
		r.heads = &head;
		r.n_heads = 1;
	}
	r.terminal = (char *)(i ? "phone-1" : "phone-0");
	r.records = records;
	if (r.n_records || r.n_heads)
		l->handed_in[i] = life_say(l, PILES "PutRecords", &r);
}

void life_forget(struct caller *c, bool all)
{
	unsigned kept = 0;

	for (unsigned k = 0; !all && k < c->n_carried; k++)
		if (!c->carried[k].handed_in)
			c->carried[kept++] = c->carried[k];
	c->n_carried = kept;
}

void life_fetch(struct life *l, unsigned i)
{
	Ble__FetchRequest r = BLE__FETCH_REQUEST__INIT;
	char id[33];

	if (life_waits(l->fetched[i]))
		return;
	gv_hex_write(l->post.id, 16, id);
	r.pile = id;
	l->fetched[i] = life_say(l, PILES "Fetch", &r);
}

/* Of several chains the newest comes last. */
static void take_receipt(struct caller *c, size_t n, const ProtobufCBinaryData *receipts)
{
	if (!n)
		return;
	c->receipt_size = receipts[n - 1].len;
	memcpy(c->receipt, receipts[n - 1].data, c->receipt_size);
}

static void look_for_fetched(struct life *l, unsigned i)
{
	struct caller *c = &l->callers[i];
	Ble__FetchReply *reply;

	if (!life_answered(l->fetched[i]))
		return;
	reply = ble__fetch_reply__unpack(NULL, l->fetched[i]->packed_size, l->fetched[i]->packed);
	l->fetched[i] = NULL;
	host_check(l->h, reply, "a Fetch that is none");
	take_keyset(c, &reply->keyset);
	take_receipt(c, reply->n_receipts, reply->receipts);
	ble__fetch_reply__free_unpacked(reply, NULL);
}

static void look_for_handed_in(struct life *l, unsigned i)
{
	Ble__PutRecordsReply *reply;

	if (!life_answered(l->handed_in[i]))
		return;
	reply = ble__put_records_reply__unpack(NULL, l->handed_in[i]->packed_size, l->handed_in[i]->packed);
	l->handed_in[i] = NULL;
	host_check(l->h, reply, "an answer to PutRecords that is none");
	take_receipt(&l->callers[i], reply->n_receipts, reply->receipts);
	ble__put_records_reply__free_unpacked(reply, NULL);
}

void life_listen(struct life *l)
{
	for (unsigned i = 0; i < l->n_orders; i++) {
		look_for_grant(l, &l->orders[i]);
		look_for_voucher(l, &l->orders[i]);
	}
	for (unsigned i = 0; i < LIFE_CALLERS; i++) {
		look_for_fetched(l, i);
		look_for_handed_in(l, i);
	}
}
