/* The seam between the engine, which knows slots and banks and no bytes, and the protocols of cabinets. A driver turns
 * bytes into reports and commands into bytes; it keeps nothing and knows no books. */
#ifndef POWERBANK_DRIVER_H
#define POWERBANK_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PB_IDENTITY_SIZE 65
#define PB_BANK_MIN 4 /* characters of a bank's id */
#define PB_BANK_SIZE 21
#define PB_SLOTS_MAX 99
#define PB_ICCID_SIZE 21
#define PB_OUT_MAX 512 /* bytes of a command */

/* What cabinets of a protocol can do. */
enum pb_can {
	PB_LEND_SLOT = 1 << 0,  /* lends from a slot, whatever is in it */
	PB_LEND_BANK = 1 << 1,  /* is told the bank as well, and must be */
	PB_ASK_RETURN = 1 << 2, /* asks before it takes a bank; otherwise it asks for a verdict afterwards */
	PB_FORCE_EJECT = 1 << 3,
	PB_SET_SERVER = 1 << 4,
	PB_REBOOT = 1 << 5,
	PB_LEVEL = 1 << 6, /* says how full banks are */
};

/* How one connection is spoken to: of its profile, its device, and what was heard on it. */
struct pb_wire {
	char identity[PB_IDENTITY_SIZE]; /* "": not known yet */
	uint8_t slots, bank_size;
	bool strict, unchecked, hb_echo;
	bool any_check; /* each that fits a frame is told in pb_report.fits */
	unsigned check; /* number of the check that is sent, and demanded unless any_check */
	bool dot;       /* separators */
	uint32_t token; /* what the cabinet was given at its login */
};

enum pb_slot_state { PB_EMPTY, PB_FULL, PB_CHARGING, PB_FLAT, PB_FAULT };
struct pb_slot {
	uint8_t slot;
	enum pb_slot_state state;
	char bank[PB_BANK_SIZE]; /* "": none, or not said */
	int8_t percent;          /* -1: not said */
};

enum pb_say {
	PB_SAY_LOGIN,     /* welcome */
	PB_SAY_HEARTBEAT, /* its echo */
	PB_SAY_QUERY,     /* what do you hold? */
	PB_SAY_LEND,
	PB_SAY_FORCE_EJECT,
	PB_SAY_MAY_RETURN, /* answers PB_MAY_RETURN by a verdict */
	PB_SAY_LENT,       /* answers PB_LENT */
	PB_SAY_LEND_FAILED,
	PB_SAY_RETURNED, /* answers PB_RETURNED; by a verdict, where it was not asked before */
	PB_SAY_RETURN_FAILED,
	PB_SAY_REBOOT,
	PB_SAY_SERVER,
};

enum pb_report_kind {
	PB_NOTHING, /* bytes of no frame */
	PB_BROKEN,  /* a frame that is none: `error` */
	PB_LOGIN,   /* says who it is, and waits for PB_SAY_LOGIN */
	PB_HEARTBEAT,
	PB_INVENTORY,
	PB_LENT, /* a bank has come out, told to or not */
	PB_LEND_FAILED,
	PB_FAILED,     /* a lend or a return has failed: the engine must find out which */
	PB_MAY_RETURN, /* a bank wants to come in */
	PB_RETURNED,
	PB_RETURN_FAILED,
	PB_DONE,  /* a command without further meaning was obeyed: `done` */
	PB_NOTED, /* a frame that says nothing of slots and banks */
};
struct pb_report {
	enum pb_report_kind kind;
	char identity[PB_IDENTITY_SIZE]; /* "": the frame does not say */
	uint8_t slot;
	char bank[PB_BANK_SIZE];
	enum pb_say done;                   /* PB_DONE: which */
	struct pb_slot slots[PB_SLOTS_MAX]; /* PB_INVENTORY; one that is not listed is empty */
	uint8_t n_slots;
	const char *error;         /* PB_BROKEN: its name */
	bool bad_check;            /* PB_BROKEN: by its check alone */
	bool lost;                 /* PB_BROKEN: the stream has lost its step and cannot go on */
	size_t junk;               /* bytes that belonged to no frame */
	uint32_t fits;             /* bit n: check n fits; 0 unless any_check */
	bool dot;                  /* separators as it wrote them */
	bool luhn;                 /* its identity has a right check digit: informative */
	char iccid[PB_ICCID_SIZE]; /* "": not said */
	uint32_t token;
};

/* What the books make of a bank that comes in. */
enum pb_verdict {
	PB_CANNOT_SAY, /* no books */
	PB_WELCOME,
	PB_ABNORMAL,  /* known and refused */
	PB_REPEATED,  /* it is in this slot already */
	PB_ILLEGAL,   /* nobody knows it */
	PB_NOT_EMPTY, /* the slot holds another one */
};

struct pb_command {
	enum pb_say say;
	uint8_t slot;
	const char *bank;
	enum pb_verdict verdict;
	const char *host; /* PB_SAY_SERVER */
	uint16_t port;
	uint8_t heartbeat_s;
};

struct pb_driver {
	const char *name;
	unsigned can;    /* enum pb_can */
	bool resyncs;    /* finds the next frame wherever it begins to read */
	bool identifies; /* each frame says whose it is */
	/* Takes the next frame from the front of a stream: the bytes that are done with, 0 where more are needed. */
	size_t (*decode)(const struct pb_wire *wire, const uint8_t *data, size_t size, struct pb_report *ret);
	/* Its size; 0: the protocol has no such word, and needs none; -ENOTSUP: it has none; -EINVAL. */
	int (*encode)(const struct pb_wire *wire, const struct pb_command *command, uint8_t ret[PB_OUT_MAX]);
	/* "MODBUS/fields" to its number and back; NULL where the protocol has one check only. */
	int (*check_parse)(const char *text, unsigned *ret);
	const char *(*check_name)(unsigned check);
};

extern const struct pb_driver pb_driver_ruioo, pb_driver_woshi;
/* NULL: there is none of that name. */
const struct pb_driver *pb_driver_find(const char *name);

#endif
