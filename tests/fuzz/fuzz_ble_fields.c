/* Documents and bodies from whoever stands near a pile, or from a pile that is not one: the first byte says which. What
 * reads, and holds nothing that is unknown, is written as it came: there is one form. */
#include "fuzz.h"
#include "ble_agreeing.h"

#include <plugins/ble/core/ble_image.h>
#include <plugins/ble/core/ble_letters.h>

static uint8_t again[BLE_DOCUMENT_MAX + 64];

/* Fields that are unknown and optional are not kept, so what is written may be shorter than what came, or nothing. */
static void same(int written, const uint8_t *data, size_t size, size_t signature)
{
	FUZZ_ASSERT(written >= 0 && (size_t)written <= size);
	if ((size_t)written == size)
		FUZZ_ASSERT(memcmp(again, data, size - signature) == 0);
}

#define BODY(NAME)                                                                                                     \
	static void NAME(const uint8_t *data, size_t size)                                                             \
	{                                                                                                              \
		struct ble_##NAME it;                                                                                  \
                                                                                                                       \
		if (ble_##NAME##_read(data, size, &it) == 0)                                                           \
			same(ble_##NAME##_write(&it, again, sizeof(again)), data, size, 0);                            \
	}
BODY(answer)
BODY(command)
BODY(status)
BODY(record_get)
BODY(record_stored)
BODY(ask)
BODY(ask_result)
BODY(voucher_get)
BODY(fetch)
BODY(courier)
BODY(image_said)

static void frame(const uint8_t *data, size_t size)
{
	static uint8_t written[BLE_MESSAGE_MAX];
	struct ble_frame it;

	if (ble_frame_read(data, size, &it) == 0) {
		FUZZ_ASSERT(ble_frame_write(&it, written, sizeof(written)) == (int)size);
		FUZZ_ASSERT(memcmp(written, data, size) == 0);
	}
}

#define DOCUMENT(NAME, CHECK)                                                                                          \
	static void NAME(const uint8_t *data, size_t size)                                                             \
	{                                                                                                              \
		struct ble_##NAME it;                                                                                  \
                                                                                                                       \
		if ((CHECK) == 0)                                                                                      \
			same(ble_##NAME##_write(&ble_agreeing, &it, NULL, again, sizeof(again)), data, size,           \
			     BLE_SIG_SIZE);                                                                            \
	}
static const uint8_t key[32];
DOCUMENT(certificate, ble_certificate_check(&ble_agreeing, key, 0, data, size, &it))
DOCUMENT(voucher, ble_voucher_read(data, size, &it))
DOCUMENT(keyset, ble_keyset_check(&ble_agreeing, key, 0, data, size, &it))
DOCUMENT(head, ble_head_check(&ble_agreeing, key,
			      (const uint8_t *)"\xf1\x79\x10\x13\xd8\xe8\xfa\x61\x21\x82\x16\xcb\xf3\xbd\x41\x17", data,
			      size, &it))
DOCUMENT(receipt, ble_receipt_read(data, size, &it))
DOCUMENT(letter, ble_letter_read(data, size, &it))
DOCUMENT(own_letter, ble_own_letter_read(data, size, &it))
DOCUMENT(letter_box, ble_letter_box_read(data, size, &it))

/* The head of a file, and whatever is behind it. */
static void image(const uint8_t *data, size_t size)
{
	const struct ble_makers makers = { (const uint8_t(*)[32])data, size >= 64 ? 2 : 0, 1 };
	struct ble_image it;
	int head = ble_image_read(data, size, &it);

	if (head < 0)
		return;
	FUZZ_ASSERT((size_t)head <= size && head <= BLE_IMAGE_HEAD_MAX);
	same(ble_image_write(&it, again, sizeof(again)), data + 2, (size_t)data[0] << 8 | data[1], 0);
	ble_image_check(&ble_agreeing, &makers, data, size, &it);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const uint8_t *, size_t) = {
		answer, command, status,  record_get, record_stored, certificate, voucher,
		keyset, head,    receipt, ask,        ask_result,    voucher_get, fetch,
		frame,  courier, letter,  own_letter, letter_box,    image_said,  image,
	};
	if (size > 1)
		readers[data[0] % (sizeof(readers) / sizeof(*readers))](data + 1, size - 1);
	return 0;
}
