/* Images of firmware: a head that makers have signed, in front of the bytes. Signatures stand in the order of their
 * keys' first bytes, none twice, so one maker does not count for two. */
#include "ble_image.h"
#include "core_internal.h"

#include <string.h>

#define NAME_SIZE 4

static const char domain[] = "CPB1-IMG";

static const struct field image_fields[] = {
	NUMBER(0x01, struct ble_image, format),  NUMBER(0x06, struct ble_image, counter),
	FIXED(0x07, struct ble_image, hash),     NUMBER(0x08, struct ble_image, size),
	FIXED(0x13, struct ble_image, hardware), NUMBER(0x15, struct ble_image, version),
};
static const struct form image = FORM(ble_image, image_fields);

static const struct field said_fields[] = {
	NUMBER(0x01, struct ble_image_said, result), NUMBER(0x05, struct ble_image_said, chain),
	NUMBER(0x06, struct ble_image_said, number), NUMBER(0x08, struct ble_image_said, boot),
	NUMBER(0x12, struct ble_image_said, step),   NUMBER(0x15, struct ble_image_said, firmware),
};
static const struct form said = FORM(ble_image_said, said_fields);

/* ---- made ------------------------------------------------------------------------------------ */

int ble_image_write(const struct ble_image *from, uint8_t *ret, size_t room)
{
	return form_write(&image, from, ret, room < BLE_IMAGE_FIELDS_MAX ? room : BLE_IMAGE_FIELDS_MAX);
}

int ble_image_sign(const struct ble_crypto *c, const uint8_t *fields, size_t size, const uint8_t public_key[32],
		   const void *key, uint8_t ret[BLE_IMAGE_SIGNED_BY])
{
	uint8_t text[DOMAIN_SIZE + BLE_IMAGE_FIELDS_MAX];

	if (size > BLE_IMAGE_FIELDS_MAX)
		return -BLE_TOO_LONG;
	memcpy(text, domain, DOMAIN_SIZE);
	memcpy(text + DOMAIN_SIZE, fields, size);
	memcpy(ret, public_key, NAME_SIZE);
	return c->sign(c->user, key, text, DOMAIN_SIZE + size, ret + NAME_SIZE) == 0 ? 0 : -BLE_CRYPTO;
}

int ble_image_head(const uint8_t *fields, size_t size, const uint8_t (*signatures)[BLE_IMAGE_SIGNED_BY], unsigned n,
		   uint8_t *ret, size_t room)
{
	size_t whole = 2 + size + 1 + (size_t)n * BLE_IMAGE_SIGNED_BY;
	uint8_t *at = ret + 2 + size + 1;

	if (size > BLE_IMAGE_FIELDS_MAX || n > BLE_IMAGE_MAKERS_MAX)
		return -BLE_TOO_LONG;
	if (room < whole)
		return -BLE_NO_ROOM;
	bytes_put(ret, size, 2);
	memcpy(ret + 2, fields, size);
	ret[2 + size] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		unsigned before = 0;

		for (unsigned j = 0; j < n; j++)
			before += memcmp(signatures[j], signatures[i], NAME_SIZE) < 0;
		memcpy(at + (size_t)before * BLE_IMAGE_SIGNED_BY, signatures[i], BLE_IMAGE_SIGNED_BY);
	}
	return (int)whole;
}

/* ---- read ------------------------------------------------------------------------------------ */

/* Where the parts of a head are. */
struct head {
	const uint8_t *fields, *signatures;
	size_t fields_size, size;
	unsigned n;
};

static int split(const uint8_t *data, size_t size, struct head *ret)
{
	size_t fields = size >= 2 ? (size_t)bytes_get(data, 2) : 0;

	if (fields == 0 || fields > BLE_IMAGE_FIELDS_MAX || size < 2 + fields + 1)
		return -BLE_MALFORMED;
	*ret = (struct head){ .fields = data + 2, .fields_size = fields, .n = data[2 + fields] };
	ret->signatures = data + 2 + fields + 1;
	ret->size = 2 + fields + 1 + (size_t)ret->n * BLE_IMAGE_SIGNED_BY;
	if (ret->n > BLE_IMAGE_MAKERS_MAX || size < ret->size)
		return -BLE_MALFORMED;
	for (unsigned i = 1; i < ret->n; i++) {
		const uint8_t *at = ret->signatures + (size_t)i * BLE_IMAGE_SIGNED_BY;

		if (memcmp(at - BLE_IMAGE_SIGNED_BY, at, NAME_SIZE) >= 0)
			return -BLE_MALFORMED;
	}
	return 0;
}

int ble_image_read(const uint8_t *data, size_t size, struct ble_image *ret)
{
	struct ble_image it;
	struct head head;
	int r = split(data, size, &head);

	if (r == 0)
		r = form_read(&image, head.fields, head.fields_size, &it);
	if (r == 0 && it.format != BLE_VERSION)
		r = -BLE_UNSUPPORTED;
	if (r < 0)
		return r;
	*ret = it;
	return (int)head.size;
}

static const uint8_t *key_named(const struct ble_makers *makers, const uint8_t *name)
{
	for (unsigned i = 0; i < makers->n; i++)
		if (memcmp(makers->keys[i], name, NAME_SIZE) == 0)
			return makers->keys[i];
	return NULL;
}

int ble_image_check(const struct ble_crypto *c, const struct ble_makers *makers, const uint8_t *data, size_t size,
		    struct ble_image *ret)
{
	uint8_t text[DOMAIN_SIZE + BLE_IMAGE_FIELDS_MAX];
	struct ble_image it;
	struct head head;
	unsigned good = 0;
	int r = ble_image_read(data, size, &it);

	if (r < 0)
		return r;
	split(data, size, &head);
	memcpy(text, domain, DOMAIN_SIZE);
	memcpy(text + DOMAIN_SIZE, head.fields, head.fields_size);
	for (unsigned i = 0; i < head.n; i++) {
		const uint8_t *at = head.signatures + (size_t)i * BLE_IMAGE_SIGNED_BY;
		const uint8_t *key = key_named(makers, at);

		good += key && c->verify(c->user, key, text, DOMAIN_SIZE + head.fields_size, at + NAME_SIZE) == 0;
	}
	if (makers->threshold == 0 || good < makers->threshold)
		return -BLE_BAD_SIG;
	*ret = it;
	return r;
}

/* ---- what a pile says of it ------------------------------------------------------------------ */

int ble_image_said_write(const struct ble_image_said *from, uint8_t *ret, size_t room)
{
	return form_write(&said, from, ret, room);
}

int ble_image_said_read(const uint8_t *data, size_t size, struct ble_image_said *ret)
{
	struct ble_image_said it;
	int r = form_read(&said, data, size, &it);

	if (r == 0)
		*ret = it;
	return r;
}
