/* What is carried between a pile and the cloud: records, heads and letters that a phone posts, and what is there for a
 * pile to be taken along. */
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
	letters_each(c, t, p, fn, arg);
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
		*GV_APPEND(t, reply->letters, reply->n_letters) = bytes;
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
	for (size_t i = 0; i < r->n_letters; i++) {
		const char *device = NULL;
		int result = letters_came(t, &road, r->letters[i].data, r->letters[i].len, &device);

		*GV_APPEND(t, reply.letter_results, reply.n_letter_results) = (char *)ble_result_name(result);
		note(t, device, &devices, &n);
	}
	for (size_t i = 0; i < n; i++)
		add_receipts(c, t, devices[i], &reply);
	return gv_reply(t, to, &reply);
}
