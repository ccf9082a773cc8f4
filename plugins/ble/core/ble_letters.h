/* Letters: bytes between the cloud and a pile that couriers carry, whom neither of the two trusts (docs/adr/0020,
 * docs/protocols/ble.md): a firmware's image, a setting, what a pile has to say. What is in them is
 * none of the carriers' business, nor of this library's. As ble_core.h, beside which it stands. */
#ifndef BLE_LETTERS_H
#define BLE_LETTERS_H

#include "ble_core.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BLE_LETTER_PIECE 1024    /* bytes of a letter in one message; all of its pieces but the last have so many */
#define BLE_LETTER_PAPER_MAX 192 /* of what is signed: a cover, a box, a receipt */
#define BLE_LETTERS_KNOWN 64     /* numbers below the highest of which a pile knows whether it has had them */

/* What the cloud signs of a letter to a pile. Its bytes go beside it, by whoever. */
struct ble_letter {
	uint64_t has;
	uint32_t kid;
	uint8_t pile[16];
	uint64_t number;  /* of the cloud's letters to this pile; from 1 on, and never again */
	uint8_t hash[32]; /* SHA-256 of its bytes */
	uint32_t size;
	uint32_t expires;
	uint16_t kind; /* what is in it; none of the carriers' business */
};
int ble_letter_write(const struct ble_crypto *, const struct ble_letter *, const void *cloud_key, uint8_t *ret,
		     size_t room);
/* What it says, proved by nothing. */
int ble_letter_read(const uint8_t *data, size_t size, struct ble_letter *ret);
int ble_letter_check(const struct ble_crypto *, const struct ble_keyset *, const uint8_t pile[16], const uint8_t *data,
		     size_t size, struct ble_letter *ret);

/* What a pile signs of its own letter to the cloud, which has one piece. */
struct ble_own_letter {
	uint64_t has;
	uint8_t pile[16];
	uint32_t box;    /* its store of letters: another one, where that was lost */
	uint64_t number; /* in this box, from 1 on */
	uint8_t hash[32];
	uint32_t size;
	uint16_t kind;
};
int ble_own_letter_write(const struct ble_crypto *, const struct ble_own_letter *, const void *pile_key, uint8_t *ret,
			 size_t room);
int ble_own_letter_read(const uint8_t *data, size_t size, struct ble_own_letter *ret);
int ble_own_letter_check(const struct ble_crypto *, const uint8_t pile_key[32], const uint8_t *data, size_t size,
			 struct ble_own_letter *ret);

/* The letters that a pile has had whole, by their numbers. All zero to begin with. */
struct ble_letters_had {
	uint64_t top;   /* the highest; 0: none */
	uint64_t below; /* bit i: the one i + 1 below it */
};
bool ble_letters_had(const struct ble_letters_had *, uint64_t number);
/* Not had, and not so old that this is not known. */
bool ble_letters_may_come(const struct ble_letters_had *, uint64_t number);
void ble_letters_take(struct ble_letters_had *, uint64_t number);

/* A pile's word on its letters: where a courier goes on, and for the cloud what was delivered. */
struct ble_letter_box {
	uint64_t has;
	uint8_t pile[16];
	uint32_t box;
	struct ble_letters_had had;
	uint64_t number;     /* of the one in hand, which is not whole; 0: none */
	uint32_t have;       /* its bytes so far */
	uint64_t written;    /* the pile's own letters in this box, up to this one, */
	uint64_t receipted;  /* and those that the cloud has, up to that one */
	uint32_t letter_max; /* bytes of the longest letter that it takes */
};
int ble_letter_box_write(const struct ble_crypto *, const struct ble_letter_box *, const void *pile_key, uint8_t *ret,
			 size_t room);
int ble_letter_box_read(const uint8_t *data, size_t size, struct ble_letter_box *ret);
int ble_letter_box_check(const struct ble_crypto *, const uint8_t pile_key[32], const uint8_t *data, size_t size,
			 struct ble_letter_box *ret);

/* The cloud's word that it has a pile's own letters up to that one. Only this lets the pile forget them. */
struct ble_letter_receipt {
	uint64_t has;
	uint32_t kid;
	uint8_t pile[16];
	uint32_t box;
	uint64_t upto;
};
int ble_letter_receipt_write(const struct ble_crypto *, const struct ble_letter_receipt *, const void *cloud_key,
			     uint8_t *ret, size_t room);
int ble_letter_receipt_read(const uint8_t *data, size_t size, struct ble_letter_receipt *ret);
int ble_letter_receipt_check(const struct ble_crypto *, const struct ble_keyset *, const uint8_t pile[16],
			     const uint8_t *data, size_t size, struct ble_letter_receipt *ret);

/* ---- messages -------------------------------------------------------------------------------- */

/* COURIER_GET and COURIER: what is in it says what it is.
 *   COURIER_GET to a pile: NUMBER: the box, and the pile's own letter behind that one
 *   COURIER of a pile: BOX; and COVER, BYTES, NUMBER: its own letter
 *   COURIER to a pile: COVER and perhaps the first BYTES; NUMBER, OFFSET, BYTES: a piece; RECEIPT. Its answer is
 *     PUT_RES, whose number is how many bytes the pile has of the letter in hand
 *   COURIER_GET to the cloud: PILE, NUMBER, OFFSET: a piece
 *   COURIER of the cloud: COVER; RECEIPT; or NUMBER, OFFSET, BYTES
 *   COURIER to the cloud: BOX; or COVER, BYTES */
enum {
	BLE_COURIER_PILE = 0x04,
	BLE_COURIER_NUMBER = 0x06,
	BLE_COURIER_OFFSET = 0x08,
	BLE_COURIER_COVER = 0xc0,
	BLE_COURIER_BYTES = 0xc1,
	BLE_COURIER_BOX = 0xc2,
	BLE_COURIER_RECEIPT = 0xc3
};
struct ble_courier {
	uint64_t has;
	uint8_t pile[16];
	uint64_t number;
	uint32_t offset;
	struct ble_bytes cover, bytes, box, receipt;
};
int ble_courier_write(const struct ble_courier *, uint8_t *ret, size_t room);
int ble_courier_read(const uint8_t *body, size_t size, struct ble_courier *ret);

#ifdef __cplusplus
}
#endif

#endif
