/* A terminal with a store of its own, a pile on its board, and the cloud behind both: visits over a wire that is cut
 * where the test wants it. */
#ifndef BLE_TRIP_H
#define BLE_TRIP_H

#include "../pile/board.h"

#include <plugins/ble/term/ble_term.h>

#define TRIP_RECORDS 64

struct trip_kept {
	uint8_t at[BLE_RECORD_MAX];
	size_t size;
};

struct trip {
	struct board board;
	struct ble_term term;
	struct vector voucher;
	unsigned mtu, segments, cut_at; /* the connection goes behind so many segments; 0: never */
	/* what the terminal has, kept from visit to visit; the place is the record's number - 1 */
	struct trip_kept carried[TRIP_RECORDS], head;
	bool online, full; /* it reaches the cloud; its store has no room */
	bool leaves;       /* before it has brought what the cloud says */
	bool poison[TRIP_RECORDS];
	struct vector receipt; /* to be brought; size 0: none */
	bool started, stopped; /* it has the answer */
	/* the cloud's */
	struct ble_chain chain;
	struct trip_kept kept[TRIP_RECORDS];
	unsigned duplicates, refused;
	bool distrusts; /* answers every record as a fork */
	/* of the last visit */
	int closed; /* enum ble_result, -1: the wire was cut */
	enum ble_type unanswered;
};

enum trip_errand { TRIP_NOTHING = 0, TRIP_START = 1, TRIP_STOP = 2, TRIP_RELAY = 4 };

void trip_init(struct trip *, unsigned mtu);
void trip_fini(struct trip *);
/* One connection, until there is nothing to do, it is cut, or an end closes it. Commands that have their answer are not
 * said again. */
void trip_visit(struct trip *, unsigned errands);
/* The terminal tells the cloud all that it carries, and gets a receipt to bring. */
void trip_flush(struct trip *);
/* The pile's own line: it sends what has no receipt, and gets one, until it is silent. */
void trip_uplink(struct trip *);
/* Records without a receipt, at the pile. */
uint64_t trip_pending(const struct trip *);
unsigned trip_carried(const struct trip *);

#endif
