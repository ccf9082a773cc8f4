/* A terminal: it visits the piles in reach of its radio, for people (Start, Stop) and to carry what they have to tell.
 * What the files of this role share. Everything that must not be lost is a row; a visit and what the cloud was asked
 * are in memory, and begin anew after a crash. */
#ifndef BLE_TERMINAL_H
#define BLE_TERMINAL_H

#include <galvan/bluetooth.pb-c.h>

#include "../ble.h"
#include "../core/ble_core.h"
#include "../core/ble_openssl.h"
#include "../term/ble_term.h"

#define TERMINAL_NAME "terminal"
#define TERMINAL_LINE TERMINAL_NAME ":cloud"  /* the dial, and its connection's listener */
#define TERMINAL_PILES TERMINAL_NAME ":piles" /* the listener of the radio */
#define TERMINAL_TICK TERMINAL_NAME ":tick"   /* its timers */
#define TERMINAL_LOOK TERMINAL_NAME ":look"
#define TERMINAL_AGAIN TERMINAL_NAME ":again"
#define TERMINAL_FLUSH TERMINAL_NAME ":flush"

#define VISITS_MAX 9         /* max_visits and one for people */
#define FLIGHT_MAX 50        /* records that the cloud has not answered yet */
#define ASKED_MAX 32         /* other questions to the cloud */
#define CLOUD_WAIT_MS 3000   /* a terminal whose cloud does not answer within this takes itself for off line */
#define FLIGHT_WAIT_MS 30000 /* until records are sent again */
#define RETRY_MIN_MS 1000    /* before that, doubled each time */
#define RETRY_MAX_MS 900000  /* at most */
#define COMMAND_MS 25000     /* how long a Start or Stop is tried */
#define RECONNECT_MS 500     /* before a connection that broke under a command is made again */
#define PROMISE_MS 2000      /* from the radio's word to the connection; one of before a crash never comes */
#define RECEIPT_WAIT_MS 5000 /* how long a visit waits for the cloud's receipts */
#define VISIT_MS 90000       /* the longest visit */
#define VISIT_ROUNDS 16      /* fetches in a visit */
#define LOOK_MS 30000        /* how often piles in reach are thought of */
#define LOOK_IDLE_MS 3600000 /* the same where none of them needs a visit */
#define VISIT_AGAIN_MS 60000 /* before a pile is visited again to carry for it */
#define VISIT_MUTE_MS 600000 /* the same, where its advertisements do not say what it has */
#define POISON_MS (30 * INT64_C(86400000))
#define BRING_MS (30 * INT64_C(86400000))       /* how long something is kept for a pile that is not met */
#define RECORD_COST 64                          /* bytes of a stored record besides itself */
#define BRING_MAX 2000                          /* documents for piles */
#define SEEN_MAX 1000                           /* piles that are remembered */
#define FLUSHES_MAX 16                          /* calls of Flush that wait */
#define PILE_HEX 33                             /* a pile's id as text, with a zero */
#define LETTERS_MAX 64                          /* to piles, that are carried */
#define OWN_LETTERS_MAX 16                      /* of one pile, on their way to the cloud */
#define LETTER_TRIES 3                          /* in a visit, to bring one from its beginning */
#define LETTER_AGAIN_MS 5000                    /* until a visit that broke while a letter was brought is made again */
#define PIECES_AHEAD 8                          /* of a letter, that the cloud is asked for at a time */
#define LETTERS_SEEN_MS (7 * INT64_C(86400000)) /* for piles that were seen within it letters are asked for */
#define LETTERS_VISIT_MS 600000                 /* the longest visit, where letters are brought */
#define DEVICE_MAX 64                           /* bytes of a device's id, with a zero */
#define ADDRESS_AT 4                            /* "ble:" */

struct visit { /* a connection to a pile */
	bool used;
	bool relay; /* nobody has ordered it */
	char device[DEVICE_MAX];
	uint64_t conn;       /* 0: not yet */
	int64_t promised_ms; /* the radio has said that it is there; 0: not yet */
	char pile[PILE_HEX]; /* "": it has not said yet who it is */
	struct ble_term term;
	int64_t since_ms;
	int64_t wait_ms;  /* the cloud's answers are waited for until then; 0: they are not */
	unsigned awaited; /* answers of the cloud */
	bool entered;     /* AUTH was asked */
	bool ordered;     /* the command was asked */
	bool status_asked;
	bool pile_online;
	bool more;       /* the pile has records that are not kept here */
	uint32_t chain;  /* of the records that were kept in this visit, */
	uint64_t kept;   /* up to this one */
	unsigned rounds; /* fetches */
	bool fetched;    /* the cloud was asked for a receipt for them */
	/* letters */
	bool no_letters;    /* the pile takes none */
	bool receipt_asked; /* that for its own is put */
	bool box_asked, box_due;
	uint64_t own_upto;    /* its own, up to this one, were fetched in this visit */
	uint64_t hand_number; /* the letter that the pile has in hand, as it said last */
	uint32_t hand_have;
	uint64_t letter; /* that is being brought, and how much of it the pile has */
	uint32_t letter_at;
	unsigned letter_tries;
	uint64_t letter_done; /* those up to this one were dealt with */
	/* what the cloud gave for this visit; size 0: nothing */
	uint8_t voucher[BLE_DOCUMENT_MAX], time[BLE_DOCUMENT_MAX];
	size_t voucher_size, time_size;
};

enum asked_for { ASKED_NOTHING, ASKED_FETCH, ASKED_VOUCHER, ASKED_BEFOREHAND, ASKED_LETTERS, ASKED_PIECE };
struct asked { /* a question to the cloud */
	enum asked_for what;
	uint32_t counter;
	char pile[PILE_HEX], device[DEVICE_MAX];
};

struct terminal {
	uint8_t root[32], secret[32], public_key[32];
	uint32_t max_records, max_visits;
	uint64_t max_bytes, max_letter_bytes;
	bool relay_off, dials; /* dials: it has a cloud */
	struct visit visits[VISITS_MAX];
	/* the line to the cloud */
	uint64_t line; /* its connection; 0: none */
	uint32_t counter;
	struct asked asked[ASKED_MAX];
	uint64_t flight[FLIGHT_MAX]; /* places of the queue; 0: free */
	uint64_t sent_upto;          /* places up to this one were sent on this connection */
	int64_t flight_ms;           /* when something was last sent or answered */
	unsigned failures;
	int64_t retry_ms; /* nothing is sent before; 0: now */
	/* letters: the one whose pieces the cloud is asked for, and the pile whose letters are asked after */
	char piece_pile[PILE_HEX];
	uint64_t piece_number;
	uint32_t piece_next;
	char ask_after[DEVICE_MAX];
	bool asking_letters;
	struct gv_ticket flushes[FLUSHES_MAX];
	unsigned n_flushes;
	uint32_t flushed, poisoned;        /* since the first of them */
	char looked[SEEN_MAX][DEVICE_MAX]; /* devices, and when each was last visited to carry */
	int64_t looked_ms[SEEN_MAX];
	unsigned n_looked;
};

/* ---- tables.c */
extern const struct gv_table terminal_keys, terminal_store, terminal_records, terminal_queue, terminal_bring,
	terminal_piles, terminal_commands, terminal_letters, terminal_pieces;
void hex_write(const uint8_t *data, size_t size, char *ret); /* with a zero behind */
bool hex_read(const char *text, uint8_t *ret, size_t size);
Ble__StoreRow *store_edit(struct gv_turn *t);
/* The row of a pile; made where there is none and there is room, else NULL. */
Ble__SeenRow *seen_edit(struct gv_turn *t, const char *device);

/* ---- store.c: records that are carried */
/* Durable with the turn. 1: kept; 0: there is no room for it, the pile keeps it; negative: the turn fails. */
int store_record(struct terminal *s, struct gv_turn *t, const char *pile, uint32_t chain, uint64_t seq,
		 const uint8_t *record, size_t size);
int store_head(struct gv_turn *t, const char *pile, uint32_t chain, const uint8_t *head, size_t size);
/* What a pile has said of letters: once, however often it says so; `box`: only what it has had. */
int store_courier(struct gv_turn *t, const char *pile, const uint8_t *body, size_t size, bool box);
/* What the cloud says to the place `order` of the queue. */
int store_answered(struct terminal *s, struct gv_turn *t, uint64_t order, int result);
/* What the cloud has for a pile. */
int bring_keep(struct gv_turn *t, const char *pile, enum ble_type, const uint8_t *document, size_t size);
/* Is a record or letter of this pile on its way to the cloud? */
bool store_carries(struct gv_turn *t, const char *pile);
void bring_done(struct gv_turn *t, const char *pile, enum ble_type);
/* Poison that is old goes, and what could not be brought. */
int store_sweep(struct gv_turn *t);

/* ---- line.c: the line to the cloud */
int line_dial(struct gv_turn *t, const Ble__Terminal *config, const char *plugin);
int line_open(struct terminal *s, struct gv_turn *t, uint64_t conn);
int line_close(struct terminal *s, struct gv_turn *t);
int line_heard(struct terminal *s, struct gv_turn *t, const struct gv_frame *f);
/* Sends what waits, as far as the window has room. */
int line_flush(struct terminal *s, struct gv_turn *t);
int line_due(struct terminal *s, struct gv_turn *t);
/* Asks; false where there is no line. A voucher without a nonce is kept with the pile's row. */
bool line_fetch(struct terminal *s, struct gv_turn *t, const char *device, const char *pile, const uint8_t *nonce);
bool line_voucher(struct terminal *s, struct gv_turn *t, const char *device, const struct ble_voucher_get *wish);
/* Asks which letters there are for a pile, and for a piece of one. */
bool line_letters(struct terminal *s, struct gv_turn *t, const char *device, const char *pile);
struct ble_courier;
bool line_piece(struct terminal *s, struct gv_turn *t, const char *pile, const struct ble_courier *asked);
int line_wait_flush(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket);

/* ---- visits.c: connections to piles */
struct visit *visit_of(struct terminal *s, const char *device);
/* Connects; `relay`: to carry. Does nothing where there is a visit, or no room for one. */
int visit_begin(struct terminal *s, struct gv_turn *t, const char *device, bool relay);
/* It is there, or could not be had. */
int visit_connected(struct terminal *s, struct gv_turn *t, const struct gv_answer *a);
int visit_open(struct terminal *s, struct gv_turn *t, const struct gv_conn *conn);
int visit_value(struct terminal *s, struct gv_turn *t, const struct gv_frame *f);
int visit_close(struct terminal *s, struct gv_turn *t, const struct gv_conn *conn);
int visit_tick(struct terminal *s, struct gv_turn *t);
/* The cloud has answered something about this pile. */
int visit_cloud(struct terminal *s, struct gv_turn *t, struct visit *v, enum ble_type, const uint8_t *data, size_t size,
		bool last);
/* The line is there: visits that wait for it ask. */
int visit_line(struct terminal *s, struct gv_turn *t);
/* The cloud has answered a record of this pile. */
int visit_relayed(struct terminal *s, struct gv_turn *t, const char *pile);
/* Leaves the pile of this device, if there is a visit. */
int visit_leave(struct terminal *s, struct gv_turn *t, const char *device);

/* The Start or Stop that it is for; NULL: none. */
const Ble__CommandRow *command_of_visit(struct gv_turn *t, const struct visit *v);

/* ---- mail.c: letters, on their way between the cloud and piles */
/* The cloud has said what is signed of one, or a receipt for the pile's own. */
int mail_offered(struct terminal *s, struct gv_turn *t, const char *pile, const uint8_t *body, size_t size);
/* Asks for what is missing of those that are carried. */
int mail_fetch(struct terminal *s, struct gv_turn *t);
/* The cloud's answer to a question for a piece. */
int mail_piece(struct terminal *s, struct gv_turn *t, const char *pile, const struct ble_frame *f);
/* Asks after letters for the piles that were seen; and one of these questions has its answer. */
int mail_ask(struct terminal *s, struct gv_turn *t);
int mail_asked(struct terminal *s, struct gv_turn *t);
void mail_line_gone(struct terminal *s);
bool mail_for(struct gv_turn *t, const char *pile); /* is a whole one carried for it? */
bool mail_waits(struct gv_turn *t, const char *device);
/* From time to time: what is over goes, what is missing is asked for. Is something missing? */
bool mail_look(struct terminal *s, struct gv_turn *t);
/* The next thing to do about letters in a visit; false: there is nothing. */
bool mail_go_on(struct terminal *s, struct gv_turn *t, struct visit *v);
int mail_answered(struct gv_turn *t, struct visit *v, const struct ble_term_step *step);

/* ---- says.c: what the pile says in a visit */
int visit_answered(struct gv_turn *t, struct visit *v, const struct ble_term_step *step);
int visit_record(struct terminal *s, struct gv_turn *t, struct visit *v, const struct ble_term_step *step);
int visit_head(struct gv_turn *t, struct visit *v, const struct ble_term_step *step);

/* ---- orders.c: Start and Stop */
int order_start(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket, const Ble__StartRequest *r);
int order_stop(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket, const Ble__StopRequest *r);
/* The pile has answered the command of this device, or refused who asks. */
int visit_order_answered(struct gv_turn *t, const char *device, const struct ble_term_step *step);
/* It cannot be done now: again while there is time, else refused with this sentence. */
int order_failed(struct gv_turn *t, const char *device, const char *why);
int orders_tick(struct terminal *s, struct gv_turn *t);

/* ---- reach.c: the piles in reach */
int reach_seen(struct terminal *s, struct gv_turn *t, const Bluetooth__PeripheralSeen *e);
int reach_gone(struct gv_turn *t, const Bluetooth__PeripheralGone *e);
/* Of whom nothing is known any more: the radio tells who is there. */
int reach_lost(struct gv_turn *t);
/* It is visited again that soon, if that is worth it; and so is the pile of this id, for which something new is here.
 */
int reach_again(struct terminal *s, struct gv_turn *t, const char *device, int64_t in_ms);
int reach_news(struct terminal *s, struct gv_turn *t, const char *pile);
int reach_soon(struct terminal *s, struct gv_turn *t);
int reach_look(struct terminal *s, struct gv_turn *t);
int reach_list(struct gv_turn *t, struct gv_ticket ticket, const Ble__ListPilesRequest *r);

/* ---- service.c: `self` is the plugin's */
gv_method_fn terminal_start, terminal_stop, terminal_flush, terminal_list;
gv_event_fn terminal_seen, terminal_gone;

#endif
