/* Images: what enough of the makers have signed is believed, and nothing else; each maker counts once. */
#include "vectors.h"

#include <plugins/ble/core/ble_image.h>

#include <criterion/criterion.h>
#include <string.h>

static const struct ble_crypto *const c = &ble_openssl;
static const char *const people[] = { "pile", "holder", "cloud" };
static uint8_t keys[3][32], head[BLE_IMAGE_HEAD_MAX];
static struct ble_image image;

static void setup(void)
{
	for (size_t i = 0; i < 3; i++)
		memcpy(keys[i], vector_public(people[i]), 32);
	image = (struct ble_image){ .format = BLE_VERSION, .counter = 7, .size = 1000, .version = 12 };
	memcpy(image.hardware, "rev-b", 5);
	memset(image.hash, 9, 32);
}
TestSuite(images, .init = setup);

/* A head signed by those of people. */
static int signed_by(const unsigned *who, unsigned n)
{
	uint8_t fields[BLE_IMAGE_FIELDS_MAX], signatures[8][BLE_IMAGE_SIGNED_BY];
	int size = ble_image_write(&image, fields, sizeof(fields));

	cr_assert_gt(size, 0);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(ble_image_sign(c, fields, (size_t)size, keys[who[i]], vector_key(people[who[i]]),
					    signatures[i]),
			     0);
	return ble_image_head(fields, (size_t)size, (const uint8_t(*)[BLE_IMAGE_SIGNED_BY])signatures, n, head,
			      sizeof(head));
}

static int check(int size, unsigned n, unsigned threshold)
{
	const struct ble_makers makers = { (const uint8_t(*)[32])keys, n, threshold };
	struct ble_image it = { 0 };
	int r = ble_image_check(c, &makers, head, (size_t)size, &it);

	cr_assert(r < 0 ? it.size == 0 : it.counter == 7 && it.version == 12 && it.size == 1000);
	return r;
}

Test(images, enough_of_the_makers_are_believed_in_any_order)
{
	int size = signed_by((const unsigned[]){ 2, 0 }, 2);

	cr_expect_eq(check(size, 3, 2), size);
	size = signed_by((const unsigned[]){ 1, 2, 0 }, 3);
	cr_expect_eq(check(size, 3, 2), size);
}

Test(images, fewer_than_the_threshold_are_not)
{
	int size = signed_by((const unsigned[]){ 1 }, 1);

	cr_expect_eq(check(size, 3, 2), -BLE_BAD_SIG);
	cr_expect_eq(check(size, 3, 0), -BLE_BAD_SIG, "a pile without a threshold believes nobody");
}

Test(images, a_stranger_counts_for_nothing)
{
	int size = signed_by((const unsigned[]){ 0, 2 }, 2);

	cr_expect_eq(check(size, 2, 2), -BLE_BAD_SIG);
}

Test(images, one_maker_does_not_count_for_two)
{
	int size = signed_by((const unsigned[]){ 0, 1 }, 2), one = BLE_IMAGE_SIGNED_BY;

	memcpy(head + size - one, head + size - 2 * one, (size_t)one);
	cr_expect_eq(check(size, 3, 2), -BLE_MALFORMED);
}

Test(images, every_changed_bit_of_a_head_is_found)
{
	int size = signed_by((const unsigned[]){ 0, 1 }, 2);

	for (int i = 0; i < size * 8; i++) {
		head[i / 8] ^= (uint8_t)(1 << i % 8);
		cr_assert_lt(check(size, 3, 2), 0, "bit %d", i);
		head[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	cr_expect_eq(check(size, 3, 2), size);
}

Test(images, a_head_that_is_cut_short_is_none)
{
	int size = signed_by((const unsigned[]){ 0, 1 }, 2);

	for (int i = 0; i < size; i++)
		cr_assert_lt(check(i, 3, 2), 0, "%d bytes", i);
}
