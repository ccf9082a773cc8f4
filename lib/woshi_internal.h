/* What reading (woshi_read.c) and writing (woshi_write.c) share: which parts the payload of each command has. */
#ifndef GV_WOSHI_INTERNAL_H
#define GV_WOSHI_INTERNAL_H

#include <lib/woshi.h>

#define WOSHI_LENGTH_SIZE 2 /* bytes */
#define WOSHI_BANK_BYTES 8
#define WOSHI_PORT_SIZE 6 /* five digits and the zero byte */

enum woshi_part {
	WOSHI_END,
	WOSHI_RANDOM,
	WOSHI_MAGIC,
	WOSHI_TEXT,
	WOSHI_NAME, /* a text that must not be empty */
	WOSHI_PORT,
	WOSHI_HEARTBEAT_S,
	WOSHI_SLOT,
	WOSHI_LOGGED_IN,
	WOSHI_DONE,
	WOSHI_RETURNED,
	WOSHI_BANK,
	WOSHI_DONE_BANK, /* a bank that need not be there when nothing was done */
	WOSHI_SLOTS,
	WOSHI_CSQ,
	WOSHI_BIT_ERRORS,
	WOSHI_NETWORK_KIND,
};
/* The parts in the order of the wire, ended by WOSHI_END; NULL for an unknown command. */
const enum woshi_part *woshi_parts(unsigned command, enum gv_woshi_from from);

uint8_t woshi_xor(const uint8_t *at, size_t size);
bool woshi_slot_valid(uint8_t slot);
bool woshi_printable(const char *text, size_t size);

#endif
