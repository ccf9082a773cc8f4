/* What a simulated pile stands on: keys, a flash, meters and relays. */
#ifndef SIM_POST_BOARD_H
#define SIM_POST_BOARD_H

#include <plugins/ble/core/ble_openssl.h>
#include <plugins/ble/pile/ble_pile.h>

#define POST_LETTERS 4 /* that came last */

struct post_letter {
	uint64_t number;
	unsigned kind;
	uint32_t size;
	uint8_t hash[32];
};

struct post_board {
	uint8_t id[16], seed[32], public_key[32], root[32];
	uint8_t certificate[BLE_CERTIFICATE_MAX];
	size_t certificate_size; /* 0: none yet */
	/* the flash: a file, or memory */
	int fd; /* -1: memory */
	uint8_t *memory;
	uint32_t records;
	/* letters: the bytes of the one in hand, and what came last */
	uint32_t letter_max;
	uint8_t *letter; /* NULL: none yet, or in the file */
	struct post_letter letters[POST_LETTERS];
	unsigned n_letters; /* in all */
	/* Does something with one that has come whole: a firmware's image is written to its slot. NULL: it lies there.
	 */
	void (*on_letter)(void *arg, unsigned kind, uint32_t size);
	/* what it boots with, and who may make another */
	uint32_t firmware, counter;
	uint8_t makers[BLE_IMAGE_MAKERS_MAX][32];
	unsigned n_makers;
	bool reboot; /* an image was taken */
	/* meters */
	unsigned connectors;
	double wh_per_ms; /* while a relay is closed */
	double meter_wh[BLE_PILE_CONNECTORS], delivered_wh[BLE_PILE_CONNECTORS];
	bool closed[BLE_PILE_CONNECTORS];
	int64_t metered_ms; /* until when meters are right */
	void *arg;
	int64_t (*now_ms)(void *arg);
	uint64_t (*random)(void *arg);
};

/* Keys are made of the secret and the address. `file` NULL: memory. 0, or a negative errno. */
int post_board_init(struct post_board *b, const char *secret, const char *address, const char *file, uint32_t records,
		    uint32_t letter_max);
void post_board_fini(struct post_board *b);
/* Its certificate is kept beside the flash. */
void post_board_certify(struct post_board *b, const uint8_t *certificate, size_t size, const uint8_t root[32]);
void post_board_hardware(struct post_board *b, struct ble_pile_hardware *ret);
void post_board_power_off(struct post_board *b); /* relays fall open */
/* Bytes of the letter in hand, or of the one that came last. A negative errno. */
int post_board_letter(struct post_board *b, uint32_t offset, void *ret, size_t size);

#endif
