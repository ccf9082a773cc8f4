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
#define POISON_MS (30 * INT64_C(86400000))
#define RECORD_COST 64 /* bytes of a stored record besides itself */
#define BRING_MAX 2000 /* documents for piles */
#define SEEN_MAX 1000  /* piles that are remembered */
#define FLUSHES_MAX 16 /* calls of Flush that wait */
#define PILE_HEX 33    /* a pile's id as text, with a zero */
#define DEVICE_MAX 64  /* bytes of a device's id, with a zero */
#define ADDRESS_AT 4   /* "ble:" */

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
	/* what the cloud gave for this visit; size 0: nothing */
	uint8_t voucher[BLE_DOCUMENT_MAX], time[BLE_DOCUMENT_MAX];
	size_t voucher_size, time_size;
};

enum asked_for { ASKED_NOTHING, ASKED_FETCH, ASKED_VOUCHER, ASKED_BEFOREHAND };
struct asked { /* a question to the cloud */
	enum asked_for what;
	uint32_t counter;
	char pile[PILE_HEX], device[DEVICE_MAX];
};

struct terminal {
	uint8_t root[32], secret[32], public_key[32];
	uint32_t max_records, max_visits;
	uint64_t max_bytes;
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
	struct gv_ticket flushes[FLUSHES_MAX];
	unsigned n_flushes;
	uint32_t flushed, poisoned;        /* since the first of them */
	char looked[SEEN_MAX][DEVICE_MAX]; /* devices, and when each was last visited to carry */
	int64_t looked_ms[SEEN_MAX];
	unsigned n_looked;
};

/* ---- tables.c */
extern const struct gv_table terminal_keys, terminal_store, terminal_records, terminal_queue, terminal_bring,
	terminal_piles, terminal_commands;
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
/* What the cloud says to the place `order` of the queue. */
int store_answered(struct terminal *s, struct gv_turn *t, uint64_t order, int result);
/* What the cloud has for a pile. */
int bring_keep(struct gv_turn *t, const char *pile, enum ble_type, const uint8_t *document, size_t size);
/* Is a record of this pile on its way to the cloud? */
bool store_carries(struct gv_turn *t, const char *pile);
void bring_done(struct gv_turn *t, const char *pile, enum ble_type);
/* Poison that is old goes. */
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

/* ---- says.c: what the pile says in a visit */
int visit_answered(struct gv_turn *t, struct visit *v, const struct ble_term_step *step);
int visit_record(struct terminal *s, struct gv_turn *t, struct visit *v, const struct ble_term_step *step);
int visit_head(struct gv_turn *t, struct visit *v, const struct ble_term_step *step);

/* ---- orders.c: Start and Stop */
int order_start(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket, const Ble__StartRequest *r);
int order_stop(struct terminal *s, struct gv_turn *t, struct gv_ticket ticket, const Ble__StopRequest *r);
/* The pile has answered the command of this device, or refused who asks. */
int order_answered(struct gv_turn *t, const char *device, const struct ble_term_step *step);
/* It cannot be done now: again while there is time, else refused with this sentence. */
int order_failed(struct gv_turn *t, const char *device, const char *why);
int orders_tick(struct terminal *s, struct gv_turn *t);

/* ---- reach.c: the piles in reach */
int reach_seen(struct terminal *s, struct gv_turn *t, const Bluetooth__PeripheralSeen *e);
int reach_gone(struct gv_turn *t, const Bluetooth__PeripheralGone *e);
/* Of whom nothing is known any more: the radio tells who is there. */
int reach_lost(struct gv_turn *t);
int reach_look(struct terminal *s, struct gv_turn *t);
int reach_list(struct gv_turn *t, struct gv_ticket ticket, const Ble__ListPilesRequest *r);

/* ---- service.c: `self` is the plugin's */
gv_method_fn terminal_start, terminal_stop, terminal_flush, terminal_list;
gv_event_fn terminal_seen, terminal_gone;

#endif
