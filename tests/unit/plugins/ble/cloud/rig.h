/* What the tests of the cloud's role share: the plugin's .so, unchanged, beside the registry and, where asked for,
 * billing; and a pile whose every record, head and word the test says itself, with the library that piles embed.
 *
 *     rig_start(NULL);                            ble:P1 is known, and has a certificate
 *     start_record(&pile, jti); end_record(&pile, 7000);
 *     cr_expect_str_eq(post(&pile, 2), "GAP");    the second record comes by phone, before the first
 */
#ifndef BLE_CLOUD_RIG_H
#define BLE_CLOUD_RIG_H

#include "../vectors.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <tests/host/host.h>

#define P1 "ble:P1"
#define PHONE "ble:PHONE"
#define SECRET "a secret of the tests only"
#define SECOND_MS INT64_C(1000)
#define HOUR_MS (INT64_C(3600) * SECOND_MS)
#define PILE_RECORDS 1000

struct paper {
	uint8_t at[BLE_DOCUMENT_MAX];
	size_t size;
};
/* A pile at a desk: it signs whatever the test wants. */
struct pile {
	uint8_t id[16];
	struct ble_chain chain;
	const uint8_t *key;
	uint32_t boot, utc_ahead_s; /* its clock is so much fast */
	uint8_t trust;
	int64_t booted_ms;
	uint64_t meter_wh, started_wh;
	int64_t started_ms;
	uint8_t session[16], jti[16];
	bool with_jti;                          /* its records name `jti` */
	struct paper records[PILE_RECORDS + 1]; /* by number */
};
/* One end of a WebSocket. */
struct peer {
	struct host_station *station;
	unsigned n, read;
	struct paper heard[256];
	unsigned closed;
};

extern struct host *h;
extern struct pile pile;
extern cJSON *last; /* the newest answer */

void rig_start(const char *cloud); /* members of the config's `cloud`, without braces; NULL: none */
void rig_load(const char *cloud);  /* the same without a pile */
void rig_stop(void);
void with_billing(void); /* customer C-1 has 5000 of EUR; a cent for 10 Wh */
void known(const char *device);
/* A pile of that device, whose certificate the cloud signs and takes. `id` is its first byte. */
void make_pile(struct pile *, const char *device, uint8_t id, const char *key);
void pass(int64_t ms);
void settle(void);

/* ---- records --------------------------------------------------------------------------------- */

uint64_t record(struct pile *, struct ble_record *);      /* the next; its number */
uint64_t start_record(struct pile *, const uint8_t *jti); /* NULL: it names none */
uint64_t meter_record(struct pile *, uint64_t wh);
uint64_t end_record(struct pile *, uint64_t wh);
struct paper head_of(struct pile *);
/* By a phone's post: what the cloud says of that record, and what is heard of the receipt: its number, or 0. */
const char *post(struct pile *, uint64_t seq);
const char *post_paper(const struct paper *);
const char *post_head(const struct paper *);
uint64_t receipted(void); /* by the newest answer to a post */

/* ---- asking ---------------------------------------------------------------------------------- */

/* METHOD of Piles, or of the service that the name begins with. */
unsigned ask(const char *method, const char *json_fmt, ...) GV_PRINTF(2, 3);
void must(const char *method, const char *json_fmt, ...) GV_PRINTF(2, 3);
const char *text(const char *path);
int64_t number(const char *path);
unsigned length(const char *path);
struct paper bytes(const char *path);
const char *kept(const char *); /* a copy that lives for a while */
const char *base64(const struct paper *);
const char *hex(const void *data, size_t size);
unsigned events(const char *type); /* "SessionEnded"; others by their full name */
const char *event(const char *type, unsigned i, const char *path);
unsigned cases(const char *kind); /* open ones of P1 */
bool session_has_flag(const char *flag);
/* Charging/Start with that token; its voucher for the vectors' holder, and its jti in `ret`. */
void grant(const char *token);
/* The key set in use, checked by the node's root; its document in *ret, which it borrows from. */
struct ble_keyset key_set(struct paper *ret);
struct paper voucher(const char *token, uint8_t ret_jti[16]);

/* ---- the WebSocket --------------------------------------------------------------------------- */

struct peer *connect_peer(const char *device);
void say(struct peer *, uint8_t type, uint32_t counter, const void *body, int size);
/* The next message of that type that was heard and not taken; its body in *ret. False: there is none. */
bool hear(struct peer *, uint8_t type, struct ble_frame *ret);
/* Of the next PUT_RES: its result. */
int heard_result(struct peer *);

#endif
