/* Frames of the Ruioo text protocol between a power-bank cabinet and its server: {"IMEI,CMD,data,CRC"}CRLF. Pure
 * functions over bytes, for both ends. docs/protocols/powerbank.md is the protocol as implemented. */
#ifndef GV_RUIOO_H
#define GV_RUIOO_H

#include <lib/crc16.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GV_RUIOO_IMEI_SIZE 16 /* 15 digits and the zero byte */
#define GV_RUIOO_BANK_MIN 4
#define GV_RUIOO_BANK_SIZE 21 /* 4 to 20 of [0-9A-Z], and the zero byte */
#define GV_RUIOO_SLOTS_MAX 99
#define GV_RUIOO_FRAME_MAX (64 + 32 * GV_RUIOO_SLOTS_MAX)
#define GV_RUIOO_ICCID_SIZE 21 /* 20 digits and the zero byte */

enum gv_ruioo_command {
	GV_RUIOO_CH, /* heartbeat */
	GV_RUIOO_CQ, /* what do you hold? */
	GV_RUIOO_AQ, /* that */
	GV_RUIOO_CC, /* lend (BW) */
	GV_RUIOO_MQ, /* is this bank ours? */
	GV_RUIOO_RQ, /* T: yes, F: no */
	GV_RUIOO_MC, /* BO: lent, RO: taken back */
	GV_RUIOO_AM, /* answers MC */
	GV_RUIOO_MR, /* BF: not lent, RF: not taken back */
	GV_RUIOO_AR, /* answers MR */
};
#define GV_RUIOO_COMMANDS 10
const char *gv_ruioo_command_name(enum gv_ruioo_command command); /* "CH" */
enum gv_ruioo_sub {
	GV_RUIOO_NONE,
	GV_RUIOO_BW,
	GV_RUIOO_T,
	GV_RUIOO_F,
	GV_RUIOO_BO,
	GV_RUIOO_RO,
	GV_RUIOO_BF,
	GV_RUIOO_RF,
};
#define GV_RUIOO_SUBS 8
const char *gv_ruioo_sub_name(enum gv_ruioo_sub sub); /* "BW"; NONE: "" */
enum gv_ruioo_state { GV_RUIOO_FU, GV_RUIOO_NF, GV_RUIOO_EM, GV_RUIOO_ER };
#define GV_RUIOO_STATES 4
const char *gv_ruioo_state_name(enum gv_ruioo_state state); /* "FU" */
enum gv_ruioo_from { GV_RUIOO_CABINET, GV_RUIOO_SERVER };

struct gv_ruioo_slot {
	uint8_t slot;
	enum gv_ruioo_state state;
	char bank[GV_RUIOO_BANK_SIZE]; /* "": none was given */
};
struct gv_ruioo_frame {
	char imei[GV_RUIOO_IMEI_SIZE];
	enum gv_ruioo_command command;
	enum gv_ruioo_sub sub;                          /* of CC, RQ, MC, AM, MR, AR */
	uint8_t slot;                                   /* of these and MQ */
	char bank[GV_RUIOO_BANK_SIZE];                  /* likewise */
	struct gv_ruioo_slot slots[GV_RUIOO_SLOTS_MAX]; /* of AQ */
	uint8_t n_slots;
};

enum gv_ruioo_cover {
	GV_RUIOO_FIELDS,     /* from behind {" up to the one separator in front of the CRC */
	GV_RUIOO_FIELDS_SEP, /* with that separator */
	GV_RUIOO_FRAME,      /* from { on, with that separator */
};
#define GV_RUIOO_COVERS 3
enum gv_ruioo_style {
	GV_RUIOO_COMMA,  /* canonical */
	GV_RUIOO_DOT,    /* as the source prints it */
	GV_RUIOO_MIRROR, /* as the cabinet itself wrote last; kept by the caller as COMMA or DOT */
};
struct gv_ruioo_check {
	enum gv_crc16 crc;
	enum gv_ruioo_cover cover;
	bool swap; /* the low byte comes first */
};
#define GV_RUIOO_CHECKS (GV_CRC16_KINDS * GV_RUIOO_COVERS * 2)
/* The n-th of all combinations, 0 is the default: MODBUS over fields, high byte first. */
struct gv_ruioo_check gv_ruioo_check_at(unsigned n);
/* "MODBUS/fields", "XMODEM/frame/swap"; -EINVAL for text that is none. */
const char *gv_ruioo_check_name(struct gv_ruioo_check check);
int gv_ruioo_check_parse(const char *text, struct gv_ruioo_check *ret);

struct gv_ruioo_rules {
	struct gv_ruioo_check check;
	bool strict;       /* canonical bytes only */
	bool learn;        /* any check goes: the caller counts `matches` */
	bool unchecked;    /* for the laboratory: a wrong CRC goes too */
	uint8_t slots;     /* of the cabinet, 1 to 99 */
	uint8_t bank_size; /* the banks' ids have exactly so many characters; 0: 4 to 20 */
};

enum gv_ruioo_error {
	GV_RUIOO_OK,
	GV_RUIOO_TRUNCATED,
	GV_RUIOO_TOO_LONG,
	GV_RUIOO_NEWLINE_IN_FRAME,
	GV_RUIOO_NO_CRC,
	GV_RUIOO_BAD_CRC,
	GV_RUIOO_BAD_IMEI,
	GV_RUIOO_BAD_CMD,
	GV_RUIOO_BAD_SUBCMD,
	GV_RUIOO_SLOT_RANGE,
	GV_RUIOO_SLOT_DUP,
	GV_RUIOO_BAD_DEVID,
	GV_RUIOO_FIELD_COUNT,
	GV_RUIOO_UNEXPECTED_DATA,
	GV_RUIOO_BAD_SLOT_LIST,
	GV_RUIOO_WRONG_DIRECTION,
	GV_RUIOO_NOT_CANONICAL, /* strict: right, but written otherwise */
};
const char *gv_ruioo_error_name(enum gv_ruioo_error error); /* "BAD_CRC" */

/* What the next bytes of a stream are. */
struct gv_ruioo_found {
	size_t used; /* bytes that are done with */
	size_t junk; /* of these, bytes that belonged to no frame, blanks and line ends not counted */
	bool frame;  /* *ret_frame is filled, or `error` says what a frame had been */
	enum gv_ruioo_error error;
	uint32_t matches;                /* learn: bit n is set where gv_ruioo_check_at(n) fits this frame */
	enum gv_ruioo_style style;       /* by the separator in front of the CRC: COMMA, or DOT for any other */
	char iccid[GV_RUIOO_ICCID_SIZE]; /* 20 digits beginning with 89 outside of frames, no junk; "": none */
};
/* Takes the next frame, good or bad, from the front of a stream. `used` 0 and no frame: more bytes are needed; they
 * must be given again with what comes then, and are never more than GV_RUIOO_FRAME_MAX. Call it until then. `from`:
 * who wrote the stream; what only the other one may say is an error. *ret_frame is filled for GV_RUIOO_OK alone. */
void gv_ruioo_next(const struct gv_ruioo_rules *rules, enum gv_ruioo_from from, const char *data, size_t size,
		   struct gv_ruioo_frame *ret_frame, struct gv_ruioo_found *ret);

/* Writes a frame with its CRC and line end; its size, or -EINVAL for one that cannot be said (a slot beyond 99, a
 * bank's id that is none, the style MIRROR), or -ENOBUFS. */
int gv_ruioo_write(const struct gv_ruioo_frame *frame, struct gv_ruioo_check check, enum gv_ruioo_style style,
		   char *ret, size_t size);
bool gv_ruioo_imei_luhn(const char *imei); /* its check digit is right: informative */

#endif
