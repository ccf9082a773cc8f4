/* Key sets, times, heads and receipts: each is believed for what it is, where and when it is meant, and for nothing
 * else. */
#include "vectors.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct ble_crypto *const c = &ble_openssl;
static struct ble_chain chain = { .pile = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
				  .chain = 1,
				  .next = 1004 };
static struct ble_keyset keys;
static struct vector v;

static void init(void)
{
	keys = vector_keyset();
}
TestSuite(keyset, .init = init);
TestSuite(time, .init = init);
TestSuite(head, .init = init);
TestSuite(receipt, .init = init);

#define AGAIN(KIND, FROM, KEY)                                                                                         \
	do {                                                                                                           \
		uint8_t again[BLE_DOCUMENT_MAX];                                                                       \
		int size = ble_##KIND##_write(c, FROM, vector_key(KEY), again, sizeof(again));                         \
                                                                                                                       \
		cr_assert_eq(size, (int)v.size);                                                                       \
		cr_assert_arr_eq(again, v.at, v.size);                                                                 \
	} while (0)

/* ---- key sets -------------------------------------------------------------------------------- */

static int read_keys(const uint8_t *root, uint32_t number)
{
	return ble_keyset_check(c, root, number, v.at, v.size, &keys);
}

Test(keyset, as_the_vectors_have_it)
{
	v = vector_signed("keyset");
	cr_assert_eq(read_keys(vector_public("cloud"), 0), 0);
	AGAIN(keyset, &keys, "cloud");
	cr_expect_eq(keys.number, 3);
	cr_expect_eq(keys.revocation_epoch, 9);
	cr_expect_arr_eq(ble_keyset_voucher_key(&keys, 0x20260001), vector_public("cloud"), 32);
	cr_expect_arr_eq(ble_keyset_receipt_key(&keys, 0x20260001), vector_public("cloud"), 32);
	cr_expect_null(ble_keyset_voucher_key(&keys, 0), "a key that is absent has no kid");
	cr_expect_null(ble_keyset_receipt_key(&keys, 7));
	cr_expect_eq(keys.revoked.size, 32);
	cr_expect(ble_keyset_revokes(&keys, keys.revoked.at + 16));
	cr_expect_not(ble_keyset_revokes(&keys, keys.revoked.at + 8), "entries, not bytes");
}

Test(keyset, only_rises)
{
	v = vector_signed("keyset");
	cr_expect_eq(read_keys(vector_public("cloud"), 2), 0);
	cr_expect_eq(read_keys(vector_public("cloud"), 3), -BLE_STALE);
	cr_expect_eq(read_keys(vector_public("cloud"), 4), -BLE_STALE);
}

Test(keyset, only_the_roots)
{
	v = vector_signed("keyset");
	cr_expect_eq(read_keys(vector_public("holder"), 0), -BLE_BAD_SIG);
}

Test(keyset, the_largest_there_is)
{
	static uint8_t revoked[BLE_REVOKED_MAX * 16 + 16];

	for (unsigned tag = BLE_KEYSET_VOUCHER_KEY; tag <= BLE_KEYSET_SEAL_KEY; tag++)
		keys.has |= BLE_HAS(tag);
	keys.revoked = (struct ble_bytes){ revoked, BLE_REVOKED_MAX * 16 };
	v.size = (size_t)ble_keyset_write(c, &keys, vector_key("cloud"), v.at, VECTOR_MAX);
	cr_assert_leq(v.size, BLE_DOCUMENT_MAX);
	cr_expect_eq(read_keys(vector_public("cloud"), 0), 0);
	keys.revoked.size += 16;
	cr_expect_eq(ble_keyset_write(c, &keys, vector_key("cloud"), v.at, VECTOR_MAX), -BLE_TOO_LONG);
}

Test(keyset, half_an_entry)
{
	keys.revoked.size = 24;
	v.size = (size_t)ble_keyset_write(c, &keys, vector_key("cloud"), v.at, VECTOR_MAX);
	cr_expect_eq(read_keys(vector_public("cloud"), 0), -BLE_MALFORMED);
}

/* ---- times ----------------------------------------------------------------------------------- */

Test(time, as_the_vectors_have_it)
{
	uint8_t nonce[16];
	struct ble_time it;

	memcpy(nonce, vector("hello_ack").at + 48, 16);
	v = vector_signed("time");
	cr_assert_eq(ble_time_check(c, &keys, chain.pile, nonce, v.at, v.size, &it), 0);
	AGAIN(time, &it, "cloud");
	cr_expect_eq(it.utc, 0x6b00ef00);
	nonce[0] ^= 1;
	cr_expect_eq(ble_time_check(c, &keys, chain.pile, nonce, v.at, v.size, &it), -BLE_WRONG_NONCE, "an old one");
	nonce[0] ^= 1;
	cr_expect_eq(ble_time_check(c, &keys, nonce, nonce, v.at, v.size, &it), -BLE_OTHER_PILE);
	v.at[v.size - 1] ^= 1;
	cr_expect_eq(ble_time_check(c, &keys, chain.pile, nonce, v.at, v.size, &it), -BLE_BAD_SIG);
	keys.has &= ~BLE_HAS(BLE_KEYSET_RECEIPT_KEY);
	cr_expect_eq(ble_time_check(c, &keys, chain.pile, nonce, v.at, v.size, &it), -BLE_UNKNOWN_KEY);
}

/* ---- heads ----------------------------------------------------------------------------------- */

Test(head, as_the_vectors_have_it)
{
	uint8_t nonce[16];
	struct ble_head it;

	memcpy(nonce, vector("hello").at + 48, 16);
	v = vector_signed("head");
	cr_assert_eq(ble_head_check(c, vector_public("pile"), nonce, v.at, v.size, &it), 0);
	AGAIN(head, &it, "pile");
	cr_expect(it.seq == 1003 && it.chain == 1 && it.boot == 7);
	cr_expect_eq(ble_head_check(c, vector_public("holder"), nonce, v.at, v.size, &it), -BLE_BAD_SIG);
	nonce[0] ^= 1;
	cr_expect_eq(ble_head_check(c, vector_public("pile"), nonce, v.at, v.size, &it), -BLE_WRONG_NONCE);
}

/* ---- receipts -------------------------------------------------------------------------------- */

static struct ble_receipt receipt;

static int check(uint64_t acked, const uint8_t *hash)
{
	return ble_receipt_check(c, &keys, &chain, acked, hash, v.at, v.size, &receipt);
}

Test(receipt, as_the_vectors_have_it)
{
	struct vector hash = vector("records.2.hash");

	v = vector_signed("receipt");
	cr_assert_eq(check(1000, hash.at), 0);
	AGAIN(receipt, &receipt, "cloud");
	cr_expect_eq(receipt.upto, 1003);
	cr_expect_eq(check(1003, hash.at), -BLE_STALE, "again");
}

Test(receipt, a_forged_one_lets_nothing_be_forgotten)
{
	struct vector hash = vector("records.2.hash");

	v = vector_signed("receipt");
	v.at[v.size - BLE_SIG_SIZE - 1] ^= 1;
	cr_expect_eq(check(1000, hash.at), -BLE_BAD_SIG);
}

Test(receipt, of_another_history)
{
	struct vector hash = vector("records.1.hash");

	v = vector_signed("receipt");
	cr_expect_eq(check(1000, hash.at), -BLE_FORK);
	cr_expect_eq(check(1000, NULL), -BLE_FORK);
	chain.next = 1003;
	hash = vector("records.2.hash");
	cr_expect_eq(check(1000, hash.at), -BLE_FORK,
		     "for a record that this pile has not written: it was rolled back");
}

Test(receipt, of_another_pile_or_chain)
{
	struct vector hash = vector("records.2.hash");

	v = vector_signed("receipt");
	chain.chain = 2;
	cr_expect_eq(check(1000, hash.at), -BLE_OTHER_PILE);
	chain.chain = 1;
	chain.pile[3] ^= 1;
	cr_expect_eq(check(1000, hash.at), -BLE_OTHER_PILE);
}

Test(receipt, of_a_key_that_signs_vouchers_only)
{
	struct vector hash = vector("records.2.hash");

	v = vector_signed("receipt");
	keys.receipt_key[3] ^= 1;
	cr_expect_eq(check(1000, hash.at), -BLE_UNKNOWN_KEY);
}

/* ---- what holds for all ---------------------------------------------------------------------- */

Test(documents, none_passes_for_another)
{
	/* A head has the fields of a receipt but one; here the pile signs what reads as a receipt. Only the domain
	 * differs. */
	struct ble_keyset of_pile = vector_keyset();
	struct vector hash = vector("records.2.hash");
	struct ble_receipt from = { .kid = 0x20260001, .chain = 1, .upto = 1003 };
	uint8_t text[8 + 256] = "CPB1-HED";

	memcpy(of_pile.receipt_key + 4, vector_public("pile"), 32);
	memcpy(from.pile, chain.pile, 16);
	memcpy(from.hash, hash.at, 32);
	v.size = (size_t)ble_receipt_write(c, &from, vector_key("pile"), v.at, VECTOR_MAX);
	cr_assert_eq(ble_receipt_check(c, &of_pile, &chain, 0, hash.at, v.at, v.size, &receipt), 0);
	memcpy(text + 8, v.at, v.size - 64);
	c->sign(NULL, vector_key("pile"), text, 8 + v.size - 64, v.at + v.size - 64);
	cr_expect_eq(ble_receipt_check(c, &of_pile, &chain, 0, hash.at, v.at, v.size, &receipt), -BLE_BAD_SIG);
}

Test(documents, too_short_and_too_long)
{
	static const uint8_t bytes[BLE_DOCUMENT_MAX + 1];

	for (size_t size = 0; size <= 64; size++)
		cr_expect_eq(ble_receipt_read(bytes, size, &receipt), -BLE_MALFORMED);
	cr_expect_eq(ble_receipt_read(bytes, sizeof(bytes), &receipt), -BLE_TOO_LONG);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

Test(clock, a_lower_bound_rises_with_the_uptime_and_never_falls)
{
	struct ble_clock clock;

	ble_clock_init(&clock, 1000);
	cr_expect_eq(ble_clock_low(&clock, 0), 1000);
	cr_expect_eq(ble_clock_low(&clock, 5999), 1005);
	ble_clock_raise(&clock, 900, 6000);
	cr_expect_eq(ble_clock_low(&clock, 6000), 1006);
	ble_clock_raise(&clock, 2000, 6000);
	cr_expect_eq(ble_clock_low(&clock, 7000), 2001);
	cr_expect_eq(ble_clock_utc(&clock, 7000), 0, "what time it is nobody knows");
}

Test(clock, what_is_not_signed_moves_no_bound)
{
	struct ble_clock clock;

	ble_clock_init(&clock, 1000);
	ble_clock_set(&clock, BLE_TRUST_RTC, 5000, 0);
	cr_expect_eq(ble_clock_low(&clock, 0), 1000);
	cr_expect_eq(ble_clock_utc(&clock, 3000), 5003);
	ble_clock_set(&clock, BLE_TRUST_SIGNED, 6000, 0);
	cr_expect_eq(ble_clock_low(&clock, 1000), 6001);
	ble_clock_set(&clock, BLE_TRUST_SIGNED, 4000, 2000);
	cr_expect_eq(ble_clock_low(&clock, 2000), 6002, "a clock that is set back");
	cr_expect_eq(ble_clock_utc(&clock, 2000), 4000);
}

Test(clock, stops_at_the_end_of_its_bits)
{
	struct ble_clock clock;

	ble_clock_init(&clock, UINT32_MAX - 1);
	cr_expect_eq(ble_clock_low(&clock, UINT64_MAX), UINT32_MAX);
}
