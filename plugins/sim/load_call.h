/* The calls of a load run as bytes, and what an answer says. No I/O. */
#ifndef SIM_LOAD_CALL_H
#define SIM_LOAD_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_kind { LOAD_BOOT, LOAD_START, LOAD_STOP, LOAD_METER, LOAD_HEARTBEAT, LOAD_STATUS };

#define LOAD_METER_BASE_WH                                                                                             \
	1000000000u        /* registers begin here, so that each has ten digits and every frame the same size */
#define LOAD_CALL_ROOM 700 /* what a call takes besides the tail of a MeterValues, at most */

struct load_call {
	enum load_kind kind;
	uint32_t station, seq; /* together the message id */
	int64_t time_ms;
	int64_t transaction_id;
	uint64_t meter_wh;
	const char *token;
	const char *tail; /* LOAD_METER: from load_tail */
	size_t tail_size;
};

/* What follows the energy register in a MeterValues frame of about `frame_bytes`: further samples and the closing
 * brackets. malloc'd. */
char *load_tail(size_t frame_bytes, size_t *ret_size);

/* Writes the frame's text, without a final zero; `ret` has room for LOAD_CALL_ROOM + tail_size. Its size. */
size_t load_call_write(const struct load_call *c, char *ret);

struct load_answer {
	int type;       /* 2, 3 or 4, OCPP-J's message types */
	const char *id; /* between its quotes */
	size_t id_size;
	bool ours; /* the id is one that load_call_write makes; station and seq are set */
	uint32_t station, seq;
	const char *payload; /* the rest behind the id's comma, with the closing bracket */
	size_t payload_size;
};
/* -EBADMSG for what is no OCPP-J message. */
int load_answer_read(const char *text, size_t size, struct load_answer *ret);
/* Whether the payload of a type 3 answer is what the call asks for. LOAD_START sets *ret_transaction_id. */
bool load_answer_right(const struct load_answer *a, enum load_kind kind, int64_t *ret_transaction_id);

#endif
