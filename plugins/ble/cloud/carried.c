/* What is carried between a pile and the cloud: records and heads that a phone posts, what is there for a pile to be
 * taken along, and mail. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <openssl/crypto.h>
#include <string.h>

/* ---- to a pile ------------------------------------------------------------------------------- */

/* The cloud's time for one connection of the pile; its size, 0: there is no key yet. */
static int sign_time(struct cloud *c, struct gv_turn *t, const struct pile *p, const uint8_t nonce[16],
		     uint8_t ret[BLE_DOCUMENT_MAX])
{
	struct ble_time it = { .utc = (uint32_t)(gv_now_ms(t) / 1000) };
	uint8_t key[32];
	int r;

	if (!keys_ready(t))
		return 0;
	memcpy(it.pile, p->row->id.data, sizeof(it.pile));
	memcpy(it.nonce, nonce, sizeof(it.nonce));
	it.kid = keys_sign(c, t, KEYS_RECEIPT, key);
	r = ble_time_write(&ble_openssl, &it, key, ret, BLE_DOCUMENT_MAX);
	OPENSSL_cleanse(key, sizeof(key));
	return r < 0 ? 0 : r;
}

void carried_each(struct cloud *c, struct gv_turn *t, const struct pile *p, const uint8_t *nonce, carried_fn *fn,
		  void *arg)
{
	struct gv_scan chains = { .table = &cloud_chains, .prefix = gv_key(p->device) };
	struct gv_scan mails = { .table = &cloud_mail, .prefix = gv_key(p->device, "to") };
	const Ble__KeysRow *keys = keys_row(t);
	uint8_t document[BLE_DOCUMENT_MAX];
	int size;

	/* The key set first: what follows is judged by it. */
	if (keys->document.len)
		fn(arg, t, BLE_KEYSET_PUT, keys->document.data, keys->document.len);
	size = nonce ? sign_time(c, t, p, nonce, document) : 0;
	if (size)
		fn(arg, t, BLE_TIME_PUT, document, (size_t)size);
	while (gv_next(t, &chains)) {
		size = chain_receipt(c, t, p, (uint32_t)chains.key.part[1].u, document);
		if (size)
			fn(arg, t, BLE_RCPT_PUT, document, (size_t)size);
	}
	while (gv_next(t, &mails)) {
		const Ble__Mail *mail = ((const Ble__MailRow *)mails.row)->mail;

		fn(arg, t, BLE_COURIER, mail->body.data, mail->body.len);
	}
}

static void collect(void *arg, struct gv_turn *t, uint8_t type, const uint8_t *data, size_t size)
{
	Ble__FetchReply *reply = arg;
	ProtobufCBinaryData bytes = pile_bytes(t, data, size);

	if (type == BLE_KEYSET_PUT)
		reply->keyset = bytes;
	else if (type == BLE_TIME_PUT)
		reply->time = bytes;
	else if (type == BLE_RCPT_PUT)
		*GV_APPEND(t, reply->receipts, reply->n_receipts) = bytes;
	else
		*GV_APPEND(t, reply->mail, reply->n_mail) = bytes;
}

int carried_fetch(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__FetchRequest *r = (const Ble__FetchRequest *)m;
	Ble__FetchReply reply = BLE__FETCH_REPLY__INIT;
	struct cloud *c = cloud_of(self, t, to);
	uint8_t id[16], nonce[16];
	struct pile p;

	if (!c)
		return 0;
	if (!pile_unhex(r->pile, id, 16) || (r->nonce[0] && !pile_unhex(r->nonce, nonce, 16)))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "pile must be 32 hex digits, and nonce empty or 32");
	if (!pile_by_id(t, id, &p))
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no pile %s: PutPile makes it known", r->pile);
	carried_each(c, t, &p, r->nonce[0] ? nonce : NULL, collect, &reply);
	return gv_reply(t, to, &reply);
}

/* ---- from a pile ----------------------------------------------------------------------------- */

static void add_receipts(struct cloud *c, struct gv_turn *t, const char *device, Ble__PutRecordsReply *reply)
{
	struct gv_scan chains = { .table = &cloud_chains, .prefix = gv_key(device) };
	uint8_t document[BLE_DOCUMENT_MAX];
	struct pile p;
	int size;

	if (!pile_find(t, device, &p))
		return;
	while (gv_next(t, &chains)) {
		size = chain_receipt(c, t, &p, (uint32_t)chains.key.part[1].u, document);
		if (size)
			*GV_APPEND(t, reply->receipts, reply->n_receipts) = pile_bytes(t, document, (size_t)size);
	}
}

/* Adds a device to those that something came of, once. */
static void note(struct gv_turn *t, const char *device, const char ***of, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (!device || !strcmp((*of)[i], device))
			return;
	if (device)
		*GV_APPEND(t, *of, *n) = device;
}

int carried_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__PutRecordsRequest *r = (const Ble__PutRecordsRequest *)m;
	Ble__PutRecordsReply reply = BLE__PUT_RECORDS_REPLY__INIT;
	struct cloud *c = cloud_of(self, t, to);
	struct road road = { "api", r->terminal };
	const char **devices = NULL;
	size_t n = 0;

	if (!c)
		return 0;
	for (size_t i = 0; i < r->n_records; i++) {
		const char *device = NULL;
		int result = ingest_record(c, t, &road, r->records[i].data, r->records[i].len, &device);

		*GV_APPEND(t, reply.results, reply.n_results) = (char *)ble_result_name(result);
		note(t, device, &devices, &n);
	}
	for (size_t i = 0; i < r->n_heads; i++) {
		const char *device = NULL;
		int result = ingest_head(c, t, r->heads[i].data, r->heads[i].len, &device);

		*GV_APPEND(t, reply.head_results, reply.n_head_results) = (char *)ble_result_name(result);
		note(t, device, &devices, &n);
	}
	for (size_t i = 0; i < n; i++)
		add_receipts(c, t, devices[i], &reply);
	return gv_reply(t, to, &reply);
}

/* ---- mail ------------------------------------------------------------------------------------ */

/* The oldest goes where there are too many. */
static uint64_t keep_mail(struct gv_turn *t, struct pile *p, const char *direction, const struct road *road,
			  const uint8_t *data, size_t size)
{
	struct gv_scan scan = { .table = &cloud_mail, .prefix = gv_key(p->device, direction), .reverse = true };
	Ble__MailRow row = BLE__MAIL_ROW__INIT;
	Ble__Mail it = BLE__MAIL__INIT;
	Ble__Road by = BLE__ROAD__INIT;
	unsigned n = 0;

	while (gv_next(t, &scan))
		if (++n >= CLOUD_MAIL_MAX)
			gv_delete(t, &cloud_mail, scan.key);
	it.id = ++pile_edit(t, p)->mails;
	it.body = pile_bytes(t, data, size);
	it.at_ms = by.at_ms = gv_now_ms(t);
	if (road) {
		by.kind = (char *)road->kind;
		by.who = (char *)road->who;
		it.road = &by;
	}
	row.mail = &it;
	gv_put(t, &cloud_mail, gv_key(p->device, direction, it.id), &row);
	return it.id;
}

void mail_from(struct gv_turn *t, struct pile *p, const struct road *road, const uint8_t *data, size_t size)
{
	keep_mail(t, p, "from", road, data, size);
}

int mail_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__PutMailRequest *r = (const Ble__PutMailRequest *)m;
	Ble__PutMailReply reply = BLE__PUT_MAIL_REPLY__INIT;
	struct cloud *c = cloud_of(self, t, to);
	const struct line *l;
	struct pile p;

	if (!c)
		return 0;
	if (!pile_find(t, r->device, &p))
		return gv_refuse(t, to, GV_NOT_FOUND, "%.128s is no pile: PutPile makes it one", r->device);
	reply.id = keep_mail(t, &p, "to", NULL, r->body.data, r->body.len);
	l = line_of(c, p.device);
	if (l)
		line_say(t, l, BLE_COURIER, ++pile_edit(t, &p)->counter, r->body.data, (int)r->body.len);
	return gv_reply(t, to, &reply);
}

int mail_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__ListMailRequest *r = (const Ble__ListMailRequest *)m;
	struct gv_scan scan = { .table = &cloud_mail, .prefix = gv_key(r->device) };
	Ble__ListMailReply reply = BLE__LIST_MAIL_REPLY__INIT;

	if (!cloud_of(self, t, to))
		return 0;
	while (gv_next(t, &scan)) {
		Ble__Mail *it = ((const Ble__MailRow *)scan.row)->mail;

		if (!strcmp(scan.key.part[1].s, "to"))
			*GV_APPEND(t, reply.to_pile, reply.n_to_pile) = it;
		else
			*GV_APPEND(t, reply.from_pile, reply.n_from_pile) = it;
	}
	return gv_reply(t, to, &reply);
}
