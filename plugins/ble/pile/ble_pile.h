/* A Bluetooth pile's mind (docs/protocols/ble.md): who may start, what it writes down, and when it may forget. For
 * firmware, and for galvan's simulated piles, which therefore decide by the same code.
 *
 * C and its standard library: no I/O, no clock, no memory of its own. The caller owns every struct, hands in what the
 * hardware does, and calls from one thread. `now_ms` is the uptime of this boot. Functions return 0 or a size, or a
 * negative enum ble_result. */
#ifndef BLE_PILE_H
#define BLE_PILE_H

#include <ble_core.h>
#include <ble_image.h>
#include <ble_letters.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BLE_PILE_CONNECTORS 4
#define BLE_PILE_VISITS 3              /* connections over Bluetooth at a time */
#define BLE_PILE_RECORDS_MIN 64        /* places of the store */
#define BLE_PILE_PLACE_SIZE 344        /* bytes of a place for a record */
#define BLE_PILE_STATE_SIZE 8704       /* bytes of a place for the state */
#define BLE_PILE_INFO_SIZE 30          /* what the characteristic INFO reads */
#define BLE_PILE_STATUS_SIZE 9         /* what STATUS reads */
#define BLE_PILE_ADVERTISED_SIZE 8     /* the service data */
#define BLE_PILE_UPLINK_WINDOW 16      /* records under way to the cloud */
#define BLE_PILE_RELAY_MOST 64         /* records that one REC_GET brings */
#define BLE_PILE_MAIL_SIZE 4608        /* bytes of a place for letters */
#define BLE_PILE_OWN_LETTERS 4         /* the pile's own that wait for the cloud's receipt */
#define BLE_PILE_INSTALLS 2            /* times that an image is handed over, as the power may go meanwhile */
#define BLE_PILE_LETTER_WAIT_MS 600000 /* no other letter takes the place of the one in hand, since its last piece */

enum ble_pile_area {
	BLE_PILE_RECORDS, /* as many places as the config says, of BLE_PILE_PLACE_SIZE */
	BLE_PILE_STATE,   /* two, of BLE_PILE_STATE_SIZE */
	BLE_PILE_MAIL,    /* two, of BLE_PILE_MAIL_SIZE, where the pile takes letters */
};

/* What a pile stands on. Reads and writes are of whole places, and return 0 or anything else for a failure. A write is
 * durable when it returns; one that a power loss cuts off may leave anything in that place, and nothing elsewhere. */
struct ble_pile_hardware {
	void *user;
	int (*read)(void *user, enum ble_pile_area, uint32_t place, void *ret, size_t size);
	int (*write)(void *user, enum ble_pile_area, uint32_t place, const void *data, size_t size);
	void (*random)(void *user, uint8_t *ret, size_t size);
	/* Connectors count from 1. The register never falls and survives everything. */
	uint64_t (*meter_wh)(void *user, unsigned connector);
	uint32_t (*power_w)(void *user, unsigned connector);
	void (*relay)(void *user, unsigned connector, bool closed);
	/* Letters, where the config takes any. The bytes of the one in hand are durable when its write returns; both
	 * return 0 or anything else for a failure. letter_hash: the SHA-256 of `size` bytes from there on. */
	int (*letter_write)(void *user, uint32_t offset, const void *data, size_t size);
	int (*letter_hash)(void *user, uint32_t offset, uint32_t size, uint8_t ret[32]);
	/* One is whole, and is what the cloud has signed. What it means is the caller's; it may answer by
	 * ble_pile_write_letter(). Told once more where the power goes before the pile has kept that it was. */
	void (*letter)(void *user, unsigned kind, uint64_t number, uint32_t size);
	/* Images, where the config names makers. letter_read: bytes of the letter in hand, 0 or a failure. install:
	 * takes the image whose bytes are there from `offset` on, and boots with it; from then on nothing starts. 0, or
	 * a negative enum ble_result. The pile is in no call while it boots: not in this one. */
	int (*letter_read)(void *user, uint32_t offset, void *ret, size_t size);
	int (*install)(void *user, const struct ble_image *, uint32_t offset);
};

struct ble_pile_config {
	const struct ble_crypto *crypto;
	const uint8_t *id;   /* 16 bytes */
	const void *key;     /* Ed25519, as `crypto` knows it */
	const uint8_t *root; /* 32 bytes: the public key that key sets hang on */
	struct ble_bytes certificate;
	unsigned connectors;  /* 1 to BLE_PILE_CONNECTORS */
	uint32_t records;     /* places of the store, from BLE_PILE_RECORDS_MIN on */
	uint32_t firmware;    /* its version */
	uint32_t built;       /* utc of the firmware's making: no time is before it */
	uint32_t cap_minor;   /* the most on a voucher that is not bound, without a trusted clock */
	uint32_t meter_s;     /* between two meter records of a session; 0: none */
	uint32_t heartbeat_s; /* of the uplink; the cloud's word makes the pile one with a network for twice as long */
	uint32_t letter_max;  /* bytes of the longest letter that it takes; 0: it takes none */
	/* images: what the firmware is, and who may make another; no makers: it takes none */
	uint8_t hardware[16];
	uint32_t counter; /* of the firmware's release */
	struct ble_makers makers;
};

/* The session of a connector, or the last one, whose order gets its answer again. */
struct ble_pile_session {
	bool active;
	uint8_t id[16], jti[16], order[16], holder[32], tariff[8];
	uint64_t start_seq, end_seq, start_meter_wh;
	uint32_t boot; /* in which it began */
	uint64_t started_ms, metered_ms;
	uint32_t max_wh; /* 0: none, as with the next */
	uint32_t max_minutes;
};

/* What is kept over a boot, besides records. */
struct ble_pile_state {
	uint64_t generation;
	uint32_t chain, boot, firmware;
	uint32_t low;   /* low: the lower bound of the time when this was written */
	uint64_t acked; /* records up to this one have a receipt */
	struct ble_used used;
	uint16_t keyset_size;
	uint8_t keyset[BLE_DOCUMENT_MAX];
	struct ble_pile_session sessions[BLE_PILE_CONNECTORS];
};

/* A letter of the pile's own. */
struct ble_pile_own {
	uint16_t size, kind;
	uint8_t bytes[BLE_LETTER_PIECE];
};

/* Letters, as they are kept over a boot. */
struct ble_pile_mail {
	uint64_t generation;
	uint32_t box;
	struct ble_letters_had had;
	uint16_t cover_size; /* of the one in hand; 0: none */
	uint8_t cover[BLE_LETTER_PAPER_MAX];
	uint32_t have; /* of its bytes */
	uint64_t written, receipted;
	struct ble_pile_own own[BLE_PILE_OWN_LETTERS]; /* by number, modulo their count */
	/* the letter that is an image and waits until nobody uses the pile; its bytes are those of the one in hand */
	uint64_t image; /* its number; 0: none */
	uint32_t image_size, image_version;
	uint8_t image_tries; /* times that it was handed over */
};

struct ble_pile;

/* One connection over Bluetooth. */
struct ble_pile_visit {
	struct ble_link link;
	struct ble_pile *pile;
	bool open;
	uint8_t ephemeral[32];
	struct ble_voucher voucher;
	/* a message that is to be answered; size 0 and type 0: none */
	uint8_t type;
	uint16_t size;
	uint8_t body[BLE_DOCUMENT_MAX];
	/* records that were asked for */
	uint64_t next, last;
	bool head_due;
	uint8_t nonce[16];
	/* a START of which the cloud is asked */
	bool asking;
	struct ble_command command;
	uint64_t asked_ms;
};

/* The line of the pile's own module to the cloud. */
struct ble_pile_uplink {
	bool open, greeted; /* greeted: the cloud has said something */
	uint64_t heard_ms;  /* its last word */
	uint32_t counter;   /* of the pile's own requests */
	uint8_t nonce[16];  /* of this connection, for the time */
	bool fetch_due, fetching, status_due, ask_due, head_due;
	uint32_t fetch_counter, status_counter;
	uint64_t fetch_ms;
	/* records up to this one were said on this connection, and those up to that one answered */
	uint64_t said, answered;
	/* a START of a visit that the cloud is asked about */
	struct ble_pile_visit *asking;
	uint32_t ask_counter;
	/* what the cloud asked for: an answer, or records and a head */
	uint8_t answer_type; /* 0: none */
	struct ble_answer answer;
	uint32_t answer_counter, get_counter;
	uint64_t next, last;
	uint8_t head_nonce[16];
	/* letters: what is to be asked for, or said */
	bool piece_due, box_due;
	uint32_t piece_counter; /* of the question that is under way; 0: none */
	uint64_t own_said;      /* its own letters up to this one were said on this connection */
};

struct ble_pile {
	struct ble_pile_config config;
	struct ble_pile_hardware hardware;
	struct ble_pile_state state;
	struct ble_pile_mail mail;
	uint64_t piece_ms; /* when the letter in hand last grew, or this boot */
	struct ble_chain chain;
	struct ble_keyset keys; /* borrows state.keyset */
	struct ble_clock clock;
	struct ble_pile_visit visits[BLE_PILE_VISITS];
	struct ble_pile_uplink uplink;
	bool broken;     /* the store has failed: nothing starts any more */
	bool fault;      /* told by ble_pile_fault(), until the next boot */
	bool installing; /* an image was handed over: nothing starts before the boot */
	uint64_t now_ms;
	uint8_t scratch[BLE_PILE_STATE_SIZE];
	/* counts since the boot, for whoever watches */
	uint32_t started, refused, thinned;
};

/* Power on. What `config` and `hardware` point to outlives the pile. A store that holds nothing begins a new chain. A
 * session that the power took is ended here, with what the meter says. */
int ble_pile_boot(struct ble_pile *, const struct ble_pile_config *, const struct ble_pile_hardware *);
/* The time has come: limits, meter records, late peers. When to be called next, at the latest. */
uint64_t ble_pile_tick(struct ble_pile *, uint64_t now_ms);

/* ---- what happens at the pile ---------------------------------------------------------------- */

int ble_pile_unplugged(struct ble_pile *, unsigned connector, uint64_t now_ms);
int ble_pile_emergency(struct ble_pile *, uint64_t now_ms); /* every session ends */
int ble_pile_fault(struct ble_pile *, unsigned connector, uint32_t code, uint64_t now_ms);

/* ---- over Bluetooth -------------------------------------------------------------------------- */

/* A connection; NULL where as many are there as may be, or one that has not said who it is. */
struct ble_pile_visit *ble_pile_connect(struct ble_pile *, uint64_t now_ms);
void ble_pile_disconnect(struct ble_pile_visit *);
/* A value was written. Negative: the connection is to be closed, behind what ble_pile_segment() still has. */
int ble_pile_receive(struct ble_pile_visit *, const uint8_t *value, size_t size, uint64_t now_ms);
/* The next value to notify; its size, 0 where there is none now. */
int ble_pile_segment(struct ble_pile_visit *, unsigned mtu, uint64_t now_ms, uint8_t *ret, size_t room);
bool ble_pile_visit_over(const struct ble_pile_visit *); /* closed, and nothing is left to notify */

/* What the characteristics INFO and STATUS read, and the service data of the advertisement: for the eye only. */
void ble_pile_info(const struct ble_pile *, uint8_t ret[BLE_PILE_INFO_SIZE]);
void ble_pile_status(const struct ble_pile *, unsigned connector, uint8_t ret[BLE_PILE_STATUS_SIZE]);
void ble_pile_advertised(const struct ble_pile *, uint8_t ret[BLE_PILE_ADVERTISED_SIZE]);

/* ---- over the pile's own module -------------------------------------------------------------- */

/* Its WebSocket has opened, or closed. */
void ble_pile_uplink_open(struct ble_pile *, uint64_t now_ms);
void ble_pile_uplink_close(struct ble_pile *, uint64_t now_ms);
/* A message of the cloud, before which everything has been sent that there was. Negative: it was not understood, and
 * the connection is to be closed. */
int ble_pile_uplink_receive(struct ble_pile *, const uint8_t *message, size_t size, uint64_t now_ms);
/* Nobody has answered for two heartbeats: the line is dead, whatever its socket says, and another one is to be made. */
bool ble_pile_uplink_dead(const struct ble_pile *, uint64_t now_ms);
/* The next message to send; its size, 0 where there is none now. `ret` holds BLE_DOCUMENT_MAX + BLE_HEADER_SIZE bytes.
 */
int ble_pile_uplink_message(struct ble_pile *, uint64_t now_ms, uint8_t *ret, size_t room);

/* ---- letters --------------------------------------------------------------------------------- */

/* Writes one of the pile's own, of up to BLE_LETTER_PIECE bytes: it goes by the next road that there is, and stays
 * until the cloud has said that it has it. -BLE_NO_ROOM where as many wait as may. */
int ble_pile_write_letter(struct ble_pile *, unsigned kind, const void *data, size_t size);

/* ---- what it holds --------------------------------------------------------------------------- */

bool ble_pile_online(const struct ble_pile *, uint64_t now_ms);
uint64_t ble_pile_pending(const struct ble_pile *); /* records without a receipt */
/* The record of that number into `ret` of BLE_RECORD_MAX bytes; its size, or -BLE_STALE where it is no longer, or not
 * yet, there. */
int ble_pile_record(struct ble_pile *, uint64_t seq, uint8_t *ret);

#ifdef __cplusplus
}
#endif

#endif
