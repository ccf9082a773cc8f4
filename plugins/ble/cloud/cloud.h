/* The cloud of Bluetooth piles: what the files of this role share.
 *
 * Layers, each knowing only those above it in this list, but for what is said: tables, keys, piles (who is one), cases,
 * clocks (when something was), grants (who may start), sessions, registers, ingest (records and heads, by whichever
 * road), lines (the WebSocket), letters, updates, commands (what is asked of a pile there), services, cloud (the role).
 */
#ifndef BLE_CLOUD_H
#define BLE_CLOUD_H

#include "../ble.h"
#include "../core/ble_core.h"

#include <galvan/charging.pb-c.h>
#include <galvan/registry.pb-c.h>

#define CLOUD_NAME "cloud"
#define CLOUD_FRAMES_PER_S 200 /* of one connection: a visit's records at once */
#define CLOUD_PING_S 60
#define CLOUD_IDLE_S 150
#define CLOUD_MAKERS_MAX 16
#define CLOUD_FORMER_KEYS_MAX 3
#define CLOUD_BOOTS_MAX 16        /* of a pile, whose clocks are remembered */
#define CLOUD_ROADS_MAX 8         /* of a record */
#define CLOUD_FORKS_MAX 64        /* records of another history, of one pile */
#define CLOUD_CHAINS_MAX 64       /* of one pile: it begins a new one where its store was lost */
#define CLOUD_OPEN_GRANTS_MAX 64  /* of one pile */
#define CLOUD_LETTERS_OPEN_MAX 16 /* to one pile, under way */
#define CLOUD_LETTERS_KEPT 64     /* of one pile that are over, and of its own; the oldest goes */
#define CLOUD_RANGES_MAX 16       /* of what is missing, a chain, in an answer */
#define CLOUD_SAMPLES_MAX 5000    /* of a session, in an answer */
#define CLOUD_SCAN_MAX 20000      /* rows that one list call looks at */
#define CLOUD_ANSWER_MS 20000     /* so long a pile on line has to answer START and STOP */
#define CLOUD_RESTORE_MS 30000    /* after a start link has told of each connection that is still there */
#define CLOUD_DAY_MS INT64_C(86400000)
#define CLOUD_BUCKETS 1024 /* a power of 2 */
#define CLOUD_PURGE 500    /* rows of a pile that is gone, a turn */
#define HEX16 33
#define HEX32 65

/* A connection: a pile's own module, or a terminal. */
struct line {
	struct line *next, *next_device;
	uint64_t conn;
	unsigned since_receipt; /* records of its own that came since it got one */
	char device[];          /* "ble:..." */
};

struct cloud {
	Ble__Config *config; /* lives as long as the plugin */
	const Ble__Cloud *settings;
	uint8_t secret[32], root[32], root_public[32]; /* root: only with own_root */
	bool own_root;
	uint8_t makers[CLOUD_MAKERS_MAX][32];
	struct line *lines[CLOUD_BUCKETS], *devices[CLOUD_BUCKETS]; /* by connection, by device */
};

/* ---- tables.c */

extern const struct gv_table cloud_keys;          /* 0 -> KeysRow */
extern const struct gv_table cloud_piles;         /* device -> PileRow */
extern const struct gv_table cloud_ids;           /* pile in hex -> DeviceRef */
extern const struct gv_table cloud_aliases;       /* registry's id -> DeviceRef, of a pile that is a charger, too */
extern const struct gv_table cloud_chains;        /* device, chain -> ChainRow */
extern const struct gv_table cloud_records;       /* device, chain, number -> RecordRow */
extern const struct gv_table cloud_forks;         /* device, hash -> RecordRow */
extern const struct gv_table cloud_grants;        /* device, jti -> GrantRow */
extern const struct gv_table cloud_open_grants;   /* device, jti -> GrantRef */
extern const struct gv_table cloud_grant_orders;  /* order -> GrantRef */
extern const struct gv_table cloud_grant_tokens;  /* token, device -> GrantRef: the newest */
extern const struct gv_table cloud_sessions;      /* device, session -> SessionRow */
extern const struct gv_table cloud_open_sessions; /* device, session -> SessionAt */
extern const struct gv_table cloud_session_times; /* whose, beginning, id -> SessionAt */
extern const struct gv_table cloud_connectors;    /* device, connector -> ConnectorRow */
extern const struct gv_table cloud_cases;         /* id -> CaseRow */
extern const struct gv_table cloud_open_cases;    /* device, kind, about -> CaseRef */
extern const struct gv_table cloud_stops;         /* device, counter -> StopRow */
extern const struct gv_table cloud_letters;       /* device, number -> LetterRow */
extern const struct gv_table cloud_letter_ids;    /* device, id -> LetterNumber */
extern const struct gv_table cloud_letter_boxes;  /* device, box -> LetterNumber: its own up to that one are here */
extern const struct gv_table cloud_own_letters;   /* device, box, number -> OwnLetterRow */

/* ---- keys.c: what this node signs with */

int keys_start(struct cloud *c, struct gv_turn *t);
const Ble__KeysRow *keys_row(struct gv_turn *t);
bool keys_ready(struct gv_turn *t); /* there is a key set that piles can have */
enum keys_use { KEYS_VOUCHER = 1, KEYS_RECEIPT, KEYS_SEAL };
/* The secret that signs now, and its kid. */
uint32_t keys_sign(struct cloud *c, struct gv_turn *t, enum keys_use use, uint8_t ret[32]);
/* The secret that opens what was sealed for that kid; false: it is none of this node's. */
bool keys_open(struct cloud *c, struct gv_turn *t, uint32_t kid, uint8_t ret[32]);
/* What a key set of that generation says. */
int keys_fill(struct cloud *c, struct gv_turn *t, const Ble__KeysRow *row, uint32_t generation, struct ble_keyset *ret);
bool keys_revoked(struct gv_turn *t, const uint8_t entry[16]);
bool keys_holder_revoked(struct gv_turn *t, const uint8_t holder[32]);

/* ---- keyset.c: rotation and revocation */

/* The document of a generation, by the own root; fields only where the root is elsewhere. In the turn's memory. */
ProtobufCBinaryData keyset_make(struct cloud *c, struct gv_turn *t, const Ble__KeysRow *row, uint32_t generation);
gv_method_fn keyset_get, keyset_rotate, keyset_revoke, keyset_put;

/* ---- piles.c: who is one */

struct pile {
	const char *device;
	const Ble__PileRow *row;
};
/* Its row to change in place. */
Ble__PileRow *pile_edit(struct gv_turn *t, struct pile *p);
/* False: there is none. */
bool pile_find(struct gv_turn *t, const char *device, struct pile *ret);
bool pile_by_id(struct gv_turn *t, const uint8_t id[16], struct pile *ret);
const char *pile_hex(struct gv_turn *t, const void *data, size_t size);
/* False: it is not that many bytes in hex. */
bool pile_unhex(const char *text, uint8_t *ret, size_t size);
ProtobufCBinaryData pile_bytes(struct gv_turn *t, const void *data, size_t size);
/* "ble:..." of a connection's device, which may be another id of the pile's; NULL: it is none. */
const char *pile_alias(struct gv_turn *t, const char *device);
int piles_device_changed(struct cloud *c, struct gv_turn *t, const Registry__DeviceChanged *e);
int piles_purge(struct cloud *c, struct gv_turn *t, const char *device);
/* What its chains miss from record `missing_from` on. */
Ble__PileState *pile_state(struct cloud *c, struct gv_turn *t, const struct pile *p, uint64_t missing_from);
gv_method_fn piles_put, piles_sign, piles_get, piles_delete, piles_list;

/* ---- cases.c: what a person has to look at */

/* Opens a case, or finds the one that is open about the same thing. */
void case_open(struct gv_turn *t, const Ble__Case *what, const char *about);
/* What it was about is as it should be now. */
void case_settled(struct gv_turn *t, const char *device, const char *kind, const char *about);
unsigned cases_count(struct gv_turn *t, const char *device);
gv_method_fn cases_list, cases_close;

/* ---- clocks.c: when something was */

/* Learns from a record that came at this moment. */
void clock_learn(struct gv_turn *t, struct pile *p, const struct ble_record *r, bool live);
/* ms since 1970; never later than now. */
int64_t clock_time(struct gv_turn *t, const struct pile *p, const struct ble_record *r);

/* ---- grants.c: who may start */

const Ble__GrantRow *grant_find(struct gv_turn *t, const char *device, const uint8_t jti[16]);
/* The grant of an order's token; `device` "": the only one. */
const Ble__GrantRow *grant_by_token(struct gv_turn *t, const char *token, const char *device);
/* One for a Start; the open one where the same was asked before. NULL: *ret_why says what to do. */
Ble__GrantRow *grant_make(struct cloud *c, struct gv_turn *t, struct pile *p, const Charging__StartRequest *r,
			  const char **ret_why);
/* The grant that a voucher or order is of, if it may start there now: BLE_OK, or why not. */
int grant_allows(struct cloud *c, struct gv_turn *t, const struct pile *p, const uint8_t *jti, const uint8_t order[16],
		 uint8_t connector, Ble__GrantRow **ret);
void grant_write(struct cloud *c, const Ble__GrantRow *g, uint64_t *has, struct ble_grant *ret);
/* Is that the tariff that was agreed? */
bool grant_agrees(const Ble__GrantRow *g, const uint8_t tariff[8]);
/* A session says that it is its. */
void grant_started(struct gv_turn *t, const char *device, const uint8_t jti[16], const char *session);
void grant_abandon(struct gv_turn *t, Ble__GrantRow *g, const char *why);
/* Ends one that nobody has been given yet; false: there is none, or somebody has. */
bool grant_cancel(struct gv_turn *t, const char *device, const char *jti);
/* What the chain shows by now: grants that did not start and cannot any more. */
void grants_settle(struct gv_turn *t, const char *device, uint32_t chain, uint32_t trusted_utc);
int grants_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due);
int64_t grant_until_ms(const Ble__GrantRow *g);
unsigned grants_count(struct gv_turn *t, const char *device);

/* ---- vouchers.c */

struct voucher_wish {
	const uint8_t *holder, *nonce; /* nonce NULL: not bound */
	bool offline_ok;
	const char *user;
};
/* The size of the voucher, or a negative enum ble_result. */
int voucher_sign(struct cloud *c, struct gv_turn *t, struct pile *p, Ble__GrantRow *g, const struct voucher_wish *w,
		 uint8_t ret[BLE_DOCUMENT_MAX]);
gv_method_fn vouchers_get;

/* ---- session_tell.c: each is told once */

void session_flag(struct gv_turn *t, Ble__SessionRow *row, const char *flag);
void session_case(struct gv_turn *t, const Ble__SessionRow *row, const char *kind, uint64_t seq, const char *text);
/* Its timer: when it is looked at if nothing is heard of it. */
void session_arm(struct gv_turn *t, const Ble__SessionRow *row, const char *hex, int64_t at_ms);
void session_tell_start(struct gv_turn *t, const char *hex, Ble__SessionRow *row);
/* Its start too, where that was not told. Again, where something came later that changes it. */
void session_tell_end(struct gv_turn *t, const char *hex, Ble__SessionRow *row);
void session_tell_metered(struct gv_turn *t, const Ble__SessionRow *row, const struct ble_record *r, int64_t at_ms);

/* ---- sessions.c, session_lists.c */

/* A record that was not here before. */
void sessions_record(struct cloud *c, struct gv_turn *t, struct pile *p, const struct ble_record *r);
/* The contiguous part has come to this record. */
void sessions_passed(struct gv_turn *t, struct pile *p, const struct ble_record *r);
/* Its body, opened; false: nobody here can. */
bool sessions_open_body(struct cloud *c, struct gv_turn *t, const struct pile *p, struct ble_record *r);
int sessions_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due);
/* A person says that it is over. */
void session_end_as_it_stands(struct gv_turn *t, const char *id);
const Ble__SessionRow *session_find(struct gv_turn *t, const char *id);
Charging__Session *session_show(struct gv_turn *t, const Ble__SessionRow *row);
int sessions_snapshot(void *self, struct gv_turn *t);
gv_method_fn sessions_list, sessions_get;

/* ---- connectors.c */

void connector_say(struct cloud *c, struct gv_turn *t, const char *device, uint32_t connector, const char *status);
/* Its module came or went. */
void connectors_online(struct cloud *c, struct gv_turn *t, struct pile *p, bool online);
int connectors_snapshot(struct cloud *c, struct gv_turn *t);
gv_method_fn connectors_list, reservations_list;

/* ---- registers.c */

/* The contiguous part has come to this record, whose body is open. */
void register_passed(struct gv_turn *t, const struct pile *p, Ble__ChainRow *row, const struct ble_record *r);

/* ---- ingest.c, heads.c: records and heads, by whichever road */

struct road {
	const char *kind, *who; /* "pile", "terminal", "api" */
};
/* BLE_OK, -BLE_GAP, -BLE_DUPLICATE: it is here; else why it never will be. *ret_device: the pile's, where there is one.
 */
int ingest_record(struct cloud *c, struct gv_turn *t, const struct road *road, const uint8_t *data, size_t size,
		  const char **ret_device);
/* BLE_OK, -BLE_GAP: it is known, and all or not all of what it shows is here. */
int ingest_head(struct cloud *c, struct gv_turn *t, const uint8_t *data, size_t size, const char **ret_device);
/* False: the pile has had as many chains as are kept. */
bool chain_fits(struct gv_turn *t, const char *device, uint32_t chain);
/* A hole was seen, or has closed. */
void chain_holes(struct cloud *c, struct gv_turn *t, const char *device, uint32_t chain, const Ble__ChainRow *row);
/* What the head and the records up to it show of the time. */
void chain_shows(struct gv_turn *t, const char *device, uint32_t chain, Ble__ChainRow *row);
int chain_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due);
/* The receipt for the contiguous part; its size, 0: there is none. */
int chain_receipt(struct cloud *c, struct gv_turn *t, const struct pile *p, uint32_t chain,
		  uint8_t ret[BLE_DOCUMENT_MAX]);
gv_method_fn records_list;

/* ---- prune.c: records that are old */

int prune_start(struct gv_turn *t);
int prune_due(struct cloud *c, struct gv_turn *t, const Ble__Due *from); /* from NULL: the beginning */

/* ---- lines.c: the WebSocket */

int lines_start(struct cloud *c, struct gv_turn *t);
void lines_stop(struct cloud *c);
struct line *line_of(struct cloud *c, const char *device); /* NULL: it is not on line */
int line_say(struct gv_turn *t, const struct line *l, uint8_t type, uint32_t counter, const void *body, int size);
int lines_open(void *state, struct gv_turn *t, const struct gv_conn *conn);
int lines_frame(void *state, struct gv_turn *t, const struct gv_frame *frame);
int lines_close(void *state, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason);
int lines_restored(struct cloud *c, struct gv_turn *t);

/* ---- heard.c: what comes on it */

int heard(struct cloud *c, struct gv_turn *t, struct line *l, const struct ble_frame *f);

/* ---- commands.c: what a pile is asked */

void command_start(struct cloud *c, struct gv_turn *t, struct pile *p, const struct line *l, Ble__GrantRow *g);
void command_started(struct cloud *c, struct gv_turn *t, const char *device, uint32_t counter, int result);
void command_stopped(struct gv_turn *t, const char *device, uint32_t counter, int result);
int command_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due);
gv_method_fn charging_start, charging_stop;

/* ---- carried.c: the road by HTTP */

gv_method_fn carried_put, carried_fetch;
/* Documents that are there for a pile, each once: calls fn for each. */
typedef void carried_fn(void *arg, struct gv_turn *t, uint8_t type, const uint8_t *data, size_t size);
void carried_each(struct cloud *c, struct gv_turn *t, const struct pile *p, const uint8_t *nonce, carried_fn *fn,
		  void *arg);

/* ---- letters.c: letters to piles, as their senders see them */

const Ble__LetterRow *letter_find(struct gv_turn *t, const char *device, uint64_t number);
bool letter_open(const Ble__LetterRow *row); /* NULL is not */
/* It is no longer open; as it is now. */
Ble__Letter *letter_end(struct gv_turn *t, const char *device, uint64_t number, const char *state);
void letter_progress(struct gv_turn *t, const char *device, uint64_t number, uint32_t have);
int letter_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due);
struct letter_refusal {
	enum gv_code code;
	const char *why;
};
/* As PutLetter; NULL: *ret says why not. */
const Ble__Letter *letter_put(struct cloud *c, struct gv_turn *t, struct pile *p, const Ble__PutLetterRequest *r,
			      struct letter_refusal *ret);
gv_method_fn letters_put, letters_withdraw, letters_list;

/* ---- letter_roads.c: letters on their way */

/* What is signed of each that is open, and the receipt for the pile's own. */
void letters_each(struct cloud *c, struct gv_turn *t, const struct pile *p, carried_fn *fn, void *arg);
/* To the pile at once, where it is on line. */
void letter_tell(struct cloud *c, struct gv_turn *t, struct pile *p, uint64_t number);
/* The COURIER with the piece that was asked for; its size, or negative. */
struct ble_courier;
int letter_piece(struct gv_turn *t, const struct ble_courier *asked, uint8_t *ret, size_t room);
/* What a pile has said of letters, or its own: 0 or -BLE_DUPLICATE: it is here; else why it never will be.
 * *ret_device: the pile's, where there is one. */
int letters_came(struct gv_turn *t, const struct road *road, const uint8_t *body, size_t size, const char **ret_device);
/* The COURIER with the receipt for its own letters; its size, 0: there is none. */
int letter_receipt_of(struct cloud *c, struct gv_turn *t, const char *device, uint8_t ret[BLE_DOCUMENT_MAX]);
gv_method_fn letters_piece;

/* ---- updates.c: images for piles; Updates is served by plugins/leases */

/* A firmware record that the contiguous part has come to, whose body is open. */
void update_record(struct gv_turn *t, struct pile *p, const struct ble_record *r);
/* The letter of that number was delivered, or its time is over. */
void update_delivered(struct gv_turn *t, const char *device, uint64_t number);
void update_expired(struct gv_turn *t, const char *device, uint64_t number);
/* A pile's own letter of what became of an image. */
void update_said(struct gv_turn *t, struct pile *p, const uint8_t *body, size_t size);

/* ---- cloud.c */

/* The role's state behind a service's self; NULL: the call was refused, as this node is no cloud. */
struct cloud *cloud_of(void *self, struct gv_turn *t, struct gv_ticket to);

static inline uint32_t cloud_limit(uint32_t asked)
{
	return asked == 0 ? 100 : asked > 1000 ? 1000 : asked;
}

#endif
