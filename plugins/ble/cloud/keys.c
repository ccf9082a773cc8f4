/* The keys that this node signs with: derived from the config's secret, so that a lost store loses none of them. A
 * generation has one each for vouchers, receipts and sealed bodies; rotating goes to the next. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <lib/hex.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define KID_USES 4 /* a kid is generation * 4 + use */

static int derive(const struct cloud *c, const char *info, uint8_t ret[32])
{
	return ble_openssl.hkdf_sha256(NULL, "galvan ble", 10, c->secret, info, ret, 32);
}

static int derive_use(struct cloud *c, struct gv_turn *t, enum keys_use use, uint32_t generation, uint8_t ret[32])
{
	static const char *const names[] = { "", "voucher", "receipt", "seal" };

	return derive(c, gv_str(t, "%s %u", names[use], generation), ret);
}

const Ble__KeysRow *keys_row(struct gv_turn *t)
{
	static const Ble__KeysRow none = BLE__KEYS_ROW__INIT;
	const Ble__KeysRow *row = gv_get(t, &cloud_keys, gv_key(0u));

	return row ? row : &none;
}

bool keys_ready(struct gv_turn *t)
{
	return keys_row(t)->document.len > 0;
}

uint32_t keys_sign(struct cloud *c, struct gv_turn *t, enum keys_use use, uint8_t ret[32])
{
	uint32_t generation = keys_row(t)->generation;

	if (derive_use(c, t, use, generation, ret) != 0)
		gv_fault(t, "OpenSSL could not derive a key");
	return generation * KID_USES + use;
}

bool keys_open(struct cloud *c, struct gv_turn *t, uint32_t kid, uint8_t ret[32])
{
	uint32_t generation = kid / KID_USES;

	return kid % KID_USES == KEYS_SEAL && generation > 0 && generation <= keys_row(t)->wanted &&
	       derive_use(c, t, KEYS_SEAL, generation, ret) == 0;
}

bool keys_revoked(struct gv_turn *t, const uint8_t entry[16])
{
	const Ble__KeysRow *row = keys_row(t);
	char hex[HEX16];

	gv_hex_write(entry, 16, hex);
	for (size_t i = 0; i < row->n_revoked; i++)
		if (!strcmp(row->revoked[i]->entry, hex))
			return true;
	return false;
}

bool keys_holder_revoked(struct gv_turn *t, const uint8_t holder[32])
{
	uint8_t hash[32];

	return ble_openssl.sha256(NULL, holder, 32, hash) == 0 && keys_revoked(t, hash);
}

/* ---- the key set ----------------------------------------------------------------------------- */

static int entry(struct cloud *c, struct gv_turn *t, enum keys_use use, uint32_t generation, uint8_t ret[BLE_KEY_ENTRY])
{
	uint32_t kid = generation * KID_USES + use;
	uint8_t key[32];
	int r = derive_use(c, t, use, generation, key);

	for (int i = 0; i < 4; i++)
		ret[i] = (uint8_t)(kid >> (24 - 8 * i));
	if (r == 0)
		r = use == KEYS_SEAL ? ble_openssl.x25519(NULL, key, NULL, ret + 4) : ble_openssl_public(key, ret + 4);
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}

static int no_signature(void *user, const void *key, const void *data, size_t size, uint8_t ret[BLE_SIG_SIZE])
{
	memset(ret, 0, BLE_SIG_SIZE);
	return 0;
}

static void fill_revoked(struct gv_turn *t, const Ble__KeysRow *row, struct ble_keyset *k)
{
	uint8_t *at = gv_alloc(t, 16 * row->n_revoked + 1);

	for (size_t i = 0; i < row->n_revoked; i++)
		gv_hex_read(row->revoked[i]->entry, 32, at + 16 * i, 16);
	k->revoked = (struct ble_bytes){ at, 16 * row->n_revoked };
	k->has |= row->n_revoked ? BLE_HAS(BLE_KEYSET_REVOKED) : 0;
}

int keys_fill(struct cloud *c, struct gv_turn *t, const Ble__KeysRow *row, uint32_t generation, struct ble_keyset *ret)
{
	struct ble_keyset k = { .has = BLE_HAS(BLE_KEYSET_RECEIPT_KEY) | BLE_HAS(BLE_KEYSET_SEAL_KEY),
				.version = BLE_VERSION,
				.root_kid = 1,
				.issued = row->issued,
				.number = row->number,
				.revocation_epoch = row->revocation_epoch };
	int r = entry(c, t, KEYS_RECEIPT, generation, k.receipt_key) | entry(c, t, KEYS_SEAL, generation, k.seal_key);

	/* Vouchers of former generations are still about, for a day. */
	for (uint32_t i = 0; i < BLE_VOUCHER_KEYS && i < generation; i++) {
		r |= entry(c, t, KEYS_VOUCHER, generation - i, k.voucher_key[i]);
		k.has |= BLE_HAS(BLE_KEYSET_VOUCHER_KEY + i);
	}
	fill_revoked(t, row, &k);
	if (r != 0)
		return gv_fault(t, "OpenSSL could not derive the keys of a key set");
	*ret = k;
	return 0;
}

ProtobufCBinaryData keyset_make(struct cloud *c, struct gv_turn *t, const Ble__KeysRow *row, uint32_t generation)
{
	struct ble_crypto crypto = ble_openssl;
	uint8_t document[BLE_DOCUMENT_MAX];
	struct ble_keyset k;
	int r;

	if (keys_fill(c, t, row, generation, &k) < 0)
		return (ProtobufCBinaryData){ 0 };
	if (!c->own_root)
		crypto.sign = no_signature;
	r = ble_keyset_write(&crypto, &k, c->root, document, sizeof(document));
	if (r <= 0) {
		gv_fault(t, "the key set could not be written: %s", ble_result_name(r));
		return (ProtobufCBinaryData){ 0 };
	}
	return pile_bytes(t, document, c->own_root ? (size_t)r : (size_t)r - BLE_SIG_SIZE);
}

/* ---- start ----------------------------------------------------------------------------------- */

static int take_roots(struct cloud *c, struct gv_turn *t)
{
	const Ble__Cloud *s = c->settings;

	if (EVP_Digest(s->secret, strlen(s->secret), c->secret, NULL, EVP_sha256(), NULL) != 1)
		return gv_fault(t, "OpenSSL could not hash the secret");
	c->own_root = !s->root_public_key[0];
	if (!c->own_root && !pile_unhex(s->root_public_key, c->root_public, 32))
		return gv_fault(t, "root_public_key must be 64 hex digits, an Ed25519 public key");
	if (c->own_root && (derive(c, "root", c->root) != 0 || ble_openssl_public(c->root, c->root_public) != 0))
		return gv_fault(t, "OpenSSL could not derive the root key");
	for (size_t i = 0; i < s->n_makers && i < CLOUD_MAKERS_MAX; i++)
		if (!pile_unhex(s->makers[i], c->makers[i], 32))
			return gv_fault(t, "makers: \"%.70s\" is not 64 hex digits, an Ed25519 public key",
					s->makers[i]);
	return 0;
}

/* With a root of its own the node has a key set at once; with one elsewhere it waits for it. */
static int first_keys(struct cloud *c, struct gv_turn *t)
{
	Ble__KeysRow *row = gv_edit(t, &cloud_keys, gv_key(0u));

	row->wanted = 1;
	row->number = 1;
	row->issued = (uint32_t)(gv_now_ms(t) / 1000);
	if (!c->own_root)
		return 0;
	row->generation = 1;
	row->document = keyset_make(c, t, row, 1);
	return 0;
}

int keys_start(struct cloud *c, struct gv_turn *t)
{
	const Ble__KeysRow *row;
	struct ble_keyset k;
	int r = take_roots(c, t);

	if (r < 0)
		return r;
	row = keys_row(t);
	if (!row->wanted)
		return first_keys(c, t);
	if (row->document.len &&
	    ble_keyset_check(&ble_openssl, c->root_public, 0, row->document.data, row->document.len, &k) < 0)
		return gv_fault(t, "the key set in this store is signed by another root: give `cloud` the secret or "
				   "root_public_key that it had, or every pile needs a new root");
	return 0;
}
