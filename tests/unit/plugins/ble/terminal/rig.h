/* A terminal on a node of its own, a radio that is a test's, piles on boards in its reach, and a cloud at the far end
 * of the line that link dials. */
#ifndef BLE_TERMINAL_RIG_H
#define BLE_TERMINAL_RIG_H

#include "../pile/board.h"

#include <cjson/cJSON.h>
#include <tests/host/host.h>

#define RIG_PILES 1
#define RIG_RECORDS 64
#define RIG_LETTER 3 /* the number of the cloud's letter */
#define RIG_BLE "galvan.ble.v1.Ble/"
#define RIG_PILE "ble:AA-BB-CC-00-11-22"

struct rig_cloud {
	struct host_station *line;
	bool up;            /* it may be reached */
	bool silent;        /* it answers nothing */
	int says;           /* enum ble_result, to every record; 0: as it is judged */
	bool gives_voucher; /* to whoever asks */
	struct ble_chain chain;
	uint8_t hashes[RIG_RECORDS][32];
	bool has[RIG_RECORDS];
	unsigned records, duplicates, gaps, heads, fetches, vouchers, opened;
	/* letters */
	uint32_t letter_size; /* of the one that it has for the pile; 0: none */
	bool withdrawn;
	unsigned pieces;   /* that were fetched */
	uint64_t had, own; /* by the pile's word, had: letters up to this one; own: of its own, up to that one */
	unsigned own_times, boxes; /* that its own came, and its word */
	uint32_t box;
};

extern struct host *h;
extern struct board pile;
extern struct rig_cloud cloud;
extern bool in_reach;          /* the pile is; its time stands still while it is not */
extern bool mute;              /* its advertisements have no service data */
extern bool cut_at_stop;       /* the connection breaks behind the answer to a STOP; once */
extern bool leaves_at_receipt; /* it goes out of reach when the cloud is asked for a receipt for all; once */
extern bool uplink_in_fetch;   /* its own line is there when the cloud has some of its records and the visit is to bring
				  more; once */
extern unsigned mtu;           /* of the radio */
extern unsigned longest;       /* values of the longest connection */
extern unsigned connects;      /* to the pile, that were asked for */
extern unsigned cut_after;     /* values, either way, and the connection goes; 0: never */
extern bool cut_once;          /* that, and not again */
extern cJSON *last;            /* the last answer */

/* `config`: what stands in the terminal's beside `root` and `cloud`, with a comma in front; NULL: nothing. */
void rig_start(uint64_t seed, const char *config);
void rig_stop(void);
/* The radio sees the pile, or does no longer, and says so. */
void rig_seen(void);
/* Out of reach, in the midst of whatever it is. */
void rig_leave(void);
/* The pile's own line is there, brings the cloud what it has no receipt for, and a receipt back. */
void rig_uplink(void);
void rig_cloud_up(bool up);
void rig_run(int64_t ms);
/* A call of the terminal's, until its answer; its code. */
unsigned rig_call(const char *method, const char *json);
const char *rig_text(const char *field); /* of the last answer */
uint8_t rig_letter_byte(uint32_t at);    /* of the cloud's letter */
/* Rows of a table of the terminal's. */
size_t rig_rows(const char *table);
/* Runs until the pile has a receipt for all that it has; false: not within that time. */
bool rig_until_receipted(int64_t within_ms);
void rig_voucher_json(uint8_t number, char *ret, size_t room); /* one for this terminal, as JSON of Start's field */

#endif
