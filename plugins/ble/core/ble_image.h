/* Images of firmware (docs/protocols/ble.md, "Images"): what a pile's makers have signed, k of n, and the bytes behind
 * it in one file, which is one letter. Neither the cloud nor a carrier can make one. As ble_core.h. */
#ifndef BLE_IMAGE_H
#define BLE_IMAGE_H

#include "ble_core.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BLE_LETTER_FIRMWARE 1      /* the kind of a letter to a pile that is an image, */
#define BLE_LETTER_FIRMWARE_SAID 2 /* and of a pile's own that says what became of it: a struct ble_image_said */
#define BLE_IMAGE_MAKERS_MAX 8     /* keys that a pile pins, and signatures that an image has */
#define BLE_IMAGE_FIELDS_MAX 128
#define BLE_IMAGE_SIGNED_BY 68 /* bytes of a signature: the first four of its key, and itself */
#define BLE_IMAGE_HEAD_MAX (2 + BLE_IMAGE_FIELDS_MAX + 1 + BLE_IMAGE_MAKERS_MAX * BLE_IMAGE_SIGNED_BY)

/* What is signed. */
struct ble_image {
	uint64_t has;
	uint8_t format;   /* BLE_VERSION */
	uint32_t counter; /* of releases of this hardware: it only rises */
	uint8_t hash[32]; /* SHA-256 of the bytes behind the head */
	uint32_t size;    /* and their number */
	uint8_t hardware[16];
	uint32_t version; /* that the pile has afterwards */
};

/* The keys that a pile has been made with, and how many of them an image needs. */
struct ble_makers {
	const uint8_t (*keys)[32];
	unsigned n, threshold;
};

/* The fields, which each maker signs by himself; their size. */
int ble_image_write(const struct ble_image *, uint8_t *ret, size_t room);
/* One maker's signature of the fields, as it stands in the head. */
int ble_image_sign(const struct ble_crypto *, const uint8_t *fields, size_t size, const uint8_t public_key[32],
		   const void *key, uint8_t ret[BLE_IMAGE_SIGNED_BY]);
/* A head of the fields and `n` signatures, which are put in order; its size. */
int ble_image_head(const uint8_t *fields, size_t size, const uint8_t (*signatures)[BLE_IMAGE_SIGNED_BY], unsigned n,
		   uint8_t *ret, size_t room);
/* What the head at the beginning of a file says, proved by nothing; its size. `data` need not hold more than
 * BLE_IMAGE_HEAD_MAX bytes. */
int ble_image_read(const uint8_t *data, size_t size, struct ble_image *ret);
/* The same, signed by enough of the makers: -BLE_BAD_SIG where it is not. The bytes behind it are the caller's to hash.
 */
int ble_image_check(const struct ble_crypto *, const struct ble_makers *, const uint8_t *data, size_t size,
		    struct ble_image *ret);

enum ble_image_step {
	BLE_IMAGE_WAITS = 1,  /* verified: until nobody uses the pile */
	BLE_IMAGE_INSTALLING, /* handed to the hardware */
	BLE_IMAGE_INSTALLED,  /* booted with it */
	BLE_IMAGE_REFUSED,    /* for the reason that `result` is */
	BLE_IMAGE_FAILED,     /* it was handed over, and what ran before runs */
};
/* What a pile says of an image. */
struct ble_image_said {
	uint64_t has;
	uint8_t result; /* enum ble_result */
	uint32_t chain;
	uint64_t number; /* of the letter */
	uint32_t boot;
	uint8_t step;
	uint32_t firmware; /* that runs */
};
int ble_image_said_write(const struct ble_image_said *, uint8_t *ret, size_t room);
int ble_image_said_read(const uint8_t *data, size_t size, struct ble_image_said *ret);

#ifdef __cplusplus
}
#endif

#endif
