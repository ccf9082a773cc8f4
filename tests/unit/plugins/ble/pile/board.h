/* What a pile stands on, in a test: a flash that can lose its power at any write, meters, relays; and a caller who
 * visits the pile over Bluetooth, one message and its answer at a time. Keys and documents are those of the vectors. */
#ifndef BLE_BOARD_H
#define BLE_BOARD_H

#include "../vectors.h"

#include <plugins/ble/pile/ble_pile.h>

#ifndef BOARD_RECORDS
#define BOARD_RECORDS 64 /* places of the store; a build may say more */
#endif
#define BOARD_POWER_W 11000
#define BOARD_LETTER_MAX 40000

struct board {
	struct ble_pile pile;
	struct ble_pile_config config;
	struct vector certificate;
	uint8_t records[BOARD_RECORDS][BLE_PILE_PLACE_SIZE], state[2][BLE_PILE_STATE_SIZE];
	uint8_t mail[2][BLE_PILE_MAIL_SIZE], letter[BOARD_LETTER_MAX]; /* letter: the one in hand */
	struct {
		uint64_t number;
		unsigned kind, times; /* times: that it was told */
		uint32_t size;
	} told;                     /* the letter that came last */
	unsigned letters;           /* that were told, in all */
	bool answers;               /* a letter with one of the pile's own */
	unsigned installs;          /* times that an image was handed over, */
	struct ble_image installed; /* the last, */
	uint32_t installed_from;    /* from there on, */
	int install_result;         /* and what is said to it */
	uint64_t meter_wh[BLE_PILE_CONNECTORS], delivered_wh[BLE_PILE_CONNECTORS];
	bool closed[BLE_PILE_CONNECTORS]; /* the relays */
	unsigned writes, cut_at;          /* the power goes in the write of that number; 0: never */
	bool dead;
	unsigned seed;
	uint64_t now_ms; /* of this boot */
	/* the visit */
	struct ble_pile_visit *visit;
	struct ble_link link;
	struct ble_message heard;
	uint8_t line[BLE_MESSAGE_MAX]; /* the last message on the uplink */
};

extern const uint8_t board_id[16];

/* A blank flash, the power on, the vectors' key set put. */
void board_init(struct board *);
int board_boot(struct board *); /* again, on what the flash holds */
/* Time passes: closed relays deliver, the pile ticks every second. */
void board_pass(struct board *, unsigned seconds);

/* A voucher for this pile with that number, good offline, of 5,000 Wh. */
struct vector board_voucher(uint8_t number);
struct vector board_voucher_of(const struct ble_voucher *);
void board_voucher_from(uint8_t number, struct ble_voucher *ret);

/* A connection up to AUTH and its answer, which is returned (0, or -enum ble_result). NULL: the holder has no voucher.
 */
int board_visit(struct board *, const struct vector *voucher);
void board_leave(struct board *);
/* Says one message and hears the next; its type, or negative where the link has ended or nothing came. */
int board_say(struct board *, enum ble_type, const void *body, size_t size);
int board_hear(struct board *);
/* START and STOP with an order of that number; the result as a negative number. */
int board_start(struct board *, uint8_t order, struct ble_answer *ret);
int board_stop(struct board *, uint8_t order, struct ble_answer *ret);
/* A receipt of the cloud up to that record; what the pile says to it. */
int board_receipt(struct board *, uint64_t upto);

struct vector board_receipt_for(struct board *, uint64_t upto);

/* The cloud at the end of the pile's own line. The next message of the pile: 1, or 0 where it has none. */
int board_uplink_next(struct board *, struct ble_frame *ret);
int board_uplink_say(struct board *, enum ble_type, uint32_t counter, const void *body, size_t size);
void board_uplink_online(struct board *); /* opened, and the first FETCH answered */

/* Follows the whole chain that is in the store as the cloud would, and fails the test unless it is one history of which
 * each session has one start, one end, and the energy that was delivered. How many sessions there are. */
unsigned board_check_history(struct board *);

#endif
