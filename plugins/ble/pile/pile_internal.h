/* What the files of a pile's mind share. */
#ifndef BLE_PILE_INTERNAL_H
#define BLE_PILE_INTERNAL_H

#include "ble_pile.h"

#define ASK_WAIT_MS 5000 /* for the cloud's word on a START */

/* ---- store.c: places that may be torn -------------------------------------------------------- */

/* What stands beside a record, for the pile alone: its body may be sealed even to itself. */
struct place {
	uint8_t check[8]; /* of the rest, by SHA-256 */
	uint16_t size;
	uint8_t type, connector; /* 0: none */
	uint32_t chain;
	uint64_t seq;
	uint8_t record[BLE_RECORD_MAX];
};

/* The younger of the two states that are whole: 1; 0: the store is blank; -BLE_STORE_FULL: it has failed. */
int mind_store_load_state(struct ble_pile *);
int mind_store_write_state(struct ble_pile *);
/* Looks for the end of the chain. false: there is no record of it. */
bool mind_store_find_head(struct ble_pile *);
/* The record of that number; false where there is none. */
bool mind_store_read(struct ble_pile *, uint64_t seq, struct place *ret);
/* Writes the next record. The caller has seen to the room. -BLE_STORE_FULL where the hardware fails, and then the pile
 * is broken. */
int mind_store_append(struct ble_pile *, unsigned connector, struct ble_record *);
uint64_t mind_store_free(const struct ble_pile *); /* places */
/* Is nothing left but what running sessions need to end? */
bool mind_store_at_reserve(const struct ble_pile *);
bool mind_store_nearly_full(const struct ble_pile *); /* 80 %: no more meter records */
/* As mind_store_append(), of something that may be left out: nothing is written at the reserve. */
void mind_store_note(struct ble_pile *, unsigned connector, struct ble_record *);

/* The check of a place's bytes behind it; false: the cryptography has failed. And whether the place has it. */
bool mind_store_check(const struct ble_pile *, const void *at, size_t size, uint8_t ret[8]);
bool mind_store_whole(const struct ble_pile *, const void *at, size_t size);

/* ---- letters.c ------------------------------------------------------------------------------- */

void mind_letters_load(struct ble_pile *);
/* A receipt, a cover, a piece. BLE_OK; -BLE_STALE: it had that letter; -BLE_GAP: it has another number of bytes
 * (mail.have); -BLE_BUSY: another is in hand; -BLE_BAD_CRC: the bytes were not those, and it begins again. */
int mind_letters_put(struct ble_pile *, const struct ble_courier *);
/* The letter in hand and what is missing of it. False: none is. */
bool mind_letters_wanted(const struct ble_pile *, uint64_t *ret_number, uint32_t *ret_offset);
/* The number of its own letter behind that one which has no receipt; 0: there is none. */
uint64_t mind_letters_next(const struct ble_pile *, uint64_t behind);
/* A COURIER with that letter (0: none), and with the box. The size, or negative. */
int mind_letters_say(struct ble_pile *, uint64_t number, bool box, uint8_t *ret, size_t room);

/* One of its own, and what is kept of letters; -BLE_STORE_FULL. The first without the second is not durable. */
int mind_letters_write(struct ble_pile *, unsigned kind, const void *data, size_t size);
int mind_letters_keep(struct ble_pile *);

/* ---- images.c -------------------------------------------------------------------------------- */

/* A whole letter of this kind and number: verified, and from then on waiting, or refused. Nothing is kept yet. */
void mind_image_came(struct ble_pile *, unsigned kind, uint64_t number, uint32_t size);
void mind_images_boot(struct ble_pile *); /* with the one that was handed over, or without */
uint64_t mind_images_tick(struct ble_pile *);

/* ---- line_letters.c -------------------------------------------------------------------------- */

void mind_line_letters_open(struct ble_pile *); /* the line is there */
/* A COURIER of the cloud; its result. */
int mind_line_letters_put(struct ble_pile *, const struct ble_frame *);
/* The cloud has refused what had this counter. */
void mind_line_letters_refused(struct ble_pile *, uint32_t counter);
/* What is to be said of letters, with this counter: its type, 0: nothing. */
enum ble_type mind_line_letters_say(struct ble_pile *, uint32_t counter, uint8_t *ret, size_t room, int *ret_size);

/* ---- sessions.c ------------------------------------------------------------------------------ */

/* A session that may begin: what is granted, and for whom. */
struct leave {
	struct ble_grant grant;
	const uint8_t *order, *holder; /* 16 and 32 bytes */
	bool once;                     /* the grant's jti is good for one session */
};
struct ble_pile_session *mind_session_of(struct ble_pile *, unsigned connector); /* NULL: no such connector */
int mind_session_start(struct ble_pile *, unsigned connector, const struct leave *);
int mind_session_end(struct ble_pile *, unsigned connector, enum ble_reason);
void mind_sessions_recover(struct ble_pile *); /* behind a boot */
uint64_t mind_sessions_tick(struct ble_pile *);

/* ---- commands.c: what both roads ask for ----------------------------------------------------- */

/* The answer to a START that is allowed, or was done already. */
int mind_command_start(struct ble_pile *, const struct ble_command *, const struct leave *, struct ble_answer *ret);
bool mind_command_started(struct ble_pile *, const struct ble_command *, const uint8_t holder[32],
			  struct ble_answer *ret);
int mind_command_stop(struct ble_pile *, const struct ble_command *, enum ble_reason, struct ble_answer *ret);
int mind_command_receipt(struct ble_pile *, const uint8_t *body, size_t size);
int mind_command_keyset(struct ble_pile *, const uint8_t *body, size_t size);
int mind_command_time(struct ble_pile *, const uint8_t nonce[16], const uint8_t *body, size_t size);
int mind_command_head(struct ble_pile *, const uint8_t nonce[16], uint8_t *ret, size_t room);
/* What a REC_GET brings: the numbers from *ret_next to *ret_last. */
void mind_command_range(const struct ble_pile *, const struct ble_record_get *, uint64_t *ret_next, uint64_t *ret_last);
void mind_command_status(const struct ble_pile *, unsigned connector, struct ble_status *ret);

/* ---- visit.c --------------------------------------------------------------------------------- */

/* The cloud has answered, and the START that waits is answered: with BLE_OK by the grant, or, without one, by what the
 * visitor brought. */
void mind_visit_asked(struct ble_pile_visit *, int result, const struct ble_grant *);
uint64_t mind_visits_tick(struct ble_pile *);

/* ---- uplink.c -------------------------------------------------------------------------------- */

bool mind_uplink_ask(struct ble_pile *, struct ble_pile_visit *); /* false: it asks about another */
void mind_uplink_forget(struct ble_pile *, const struct ble_pile_visit *);
uint64_t mind_uplink_tick(struct ble_pile *);

#endif
