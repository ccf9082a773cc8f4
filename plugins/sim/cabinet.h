/* A simulated cabinet that lends power banks: events in, bytes out.
 *
 * Like the charger's model it does no I/O and reads neither clock nor randomness by itself: every entry point takes the
 * time, and everything that leaves goes through `env`, so it runs over real sockets and under the test host's virtual
 * clock alike. It speaks either family of protocols, Ruioo's text and the binary one. What a real cabinet keeps over a
 * power cut is the banks in its slots and, unless it `forgets`, the reports that nobody has acknowledged.
 *
 * Times are ms since the Unix epoch, UTC. Not thread-safe. No entry point may be called from inside an env callback. */
#ifndef SIM_CABINET_H
#define SIM_CABINET_H

#include <lib/ruioo.h>
#include <lib/woshi.h>

#define CABINET_MAX_SLOTS 99
#define CABINET_MAX_REPORTS 32 /* that wait for their answer; beyond it the oldest is forgotten */
#define CABINET_BANK_SIZE GV_RUIOO_BANK_SIZE

struct cabinet;

enum cabinet_family { CABINET_RUIOO, CABINET_WOSHI };
enum cabinet_drop {
	CABINET_ABORT,     /* the line is cut */
	CABINET_HALF_OPEN, /* the old socket stays open and silent, a new one is opened */
};
/* What happens between people and the cabinet. */
enum cabinet_move {
	CABINET_OUT,   /* a bank came out because the server said so: somebody has it now */
	CABINET_IN,    /* a bank that somebody put in is locked */
	CABINET_BACK,  /* a bank that somebody put in was not taken: they have it again */
	CABINET_STUCK, /* a slot was to open, and did not */
};
/* What is said, whatever the family's word for it is. */
enum cabinet_word {
	CABINET_HELLO,      /* heartbeat or login */
	CABINET_LIST,       /* what the slots hold */
	CABINET_ASK,        /* is this bank ours? */
	CABINET_LENT,       /* reports: a bank came out */
	CABINET_NOT_LENT,   /* ... did not */
	CABINET_TAKEN,      /* a bank was taken back */
	CABINET_NOT_TAKEN,  /* ... was not */
	CABINET_WORDS_SAID, /* from here on: what the server says */
	CABINET_QUERY = CABINET_WORDS_SAID,
	CABINET_LEND,    /* also by force */
	CABINET_ALLOW,   /* the bank is ours */
	CABINET_REFUSE,  /* it is not */
	CABINET_CONFIRM, /* a report has arrived */
	CABINET_OTHER,
	CABINET_WORDS,
};

struct cabinet_env {
	void *arg;
	uint64_t (*random)(void *arg);
	void (*send)(void *arg, const void *data, size_t size);
	/* The connection is given up; the owner opens a new one not before `reconnect_at_ms`. cabinet_disconnected is
	 * not called for it. */
	void (*drop)(void *arg, enum cabinet_drop how, int64_t reconnect_at_ms);
	/* The rest may be NULL. */
	void (*moved)(void *arg, enum cabinet_move what, unsigned slot, const char *bank);
	/* A word left, or one came: just before it is acted upon. */
	void (*spoke)(void *arg, enum cabinet_word word, unsigned slot, const char *bank);
	void (*log)(void *arg, const char *line);
};

/* What can be wrong with a cabinet, per mille where it ends so. All zero: it behaves. */
struct cabinet_faults {
	uint32_t lose_report_pm;   /* reports that never leave; they are repeated like any that is not answered */
	uint32_t double_report_pm; /* that leave twice */
	uint32_t late_report_pm;   /* that leave up to `late_ms` later */
	uint32_t lose_answer_pm;   /* the server's answers to reports that it behaves as if it never got */
	uint32_t late_answer_pm;   /* that it takes in up to `late_ms` later */
	uint32_t late_ms;
	uint32_t jam_pm;           /* ejects that fail */
	uint32_t return_jam_pm;    /* returns that fail though the server allows them */
	uint32_t reboot_before_pm; /* ejects in which the power goes before the bank is out */
	uint32_t reboot_after_pm;  /* ... and when it is out, before it has been reported */
	uint32_t half_open_pm;     /* reports after which the connection is left for dead */
	uint32_t repeat_s;         /* an unanswered report again after so long; 0: 10 */
	bool never_repeats;        /* reports */
	bool forgets;              /* reports, at a power cut */
	bool never_answers;        /* what the server asks or commands */
	bool bf_for_rf;            /* Ruioo: MR.BF for a return that failed */
	bool nu_for_nf;            /* Ruioo: NU for a bank that is not full */
	bool glued_list;           /* Ruioo: "2NF D2" in AQ, as the document prints it */
	bool comma_list;           /* Ruioo: commas everywhere in AQ */
	bool empty_as_em;          /* Ruioo: an empty slot is in the list, as EM without a bank */
	bool checks_bank;          /* refuses to lend another bank than the command names; else the slot opens */
	bool stale_list;           /* for 5 s after an eject the list still has the bank */
};

struct cabinet_options {
	const char *imei;  /* Ruioo: 15 digits; binary: the serial number. Copied */
	const char *iccid; /* said before the first frame; NULL or "": not */
	enum cabinet_family family;
	unsigned slots;              /* 0: 3 */
	unsigned heartbeat_s;        /* 0: 60 */
	struct gv_ruioo_check check; /* Ruioo: how it computes its CRC */
	enum gv_ruioo_style style;   /* Ruioo: COMMA or DOT */
	struct cabinet_faults faults;
	const struct cabinet_env *env; /* must outlive the cabinet */
	int64_t powered_up_ms;         /* now */
};

/* -EINVAL for an impossible option, -ENOMEM. */
int cabinet_create(const struct cabinet_options *o, struct cabinet **ret);
/* NULL is fine. */
void cabinet_destroy(struct cabinet *c);

void cabinet_connected(struct cabinet *c, int64_t now_ms);
/* Bytes came in, cut anywhere. Anything may be in them. */
void cabinet_receive(struct cabinet *c, int64_t now_ms, const void *data, size_t size);
/* The connection ended, not by the cabinet's own drop. The owner reconnects when it sees fit. */
void cabinet_disconnected(struct cabinet *c, int64_t now_ms);
/* Does what is due. To be called at cabinet_next_ms or a little later. */
void cabinet_run(struct cabinet *c, int64_t now_ms);
/* When cabinet_run is next needed; INT64_MAX: not until something else happens. */
int64_t cabinet_next_ms(const struct cabinet *c);

/* What people do. -ENOENT: no such slot (0 stands for the first that will do), -EBUSY: it holds a bank, or moves;
 * -ENODATA: it holds none, -EINVAL: no id of a bank. */
/* Puts a bank into a slot: the server is asked whether it is one of ours. The slot's number. */
int cabinet_insert(struct cabinet *c, int64_t now_ms, unsigned slot, const char *bank, unsigned level_percent);
/* A bank is in a slot without a word, as from the factory or while the power is off. */
int cabinet_stock(struct cabinet *c, int64_t now_ms, unsigned slot, const char *bank, unsigned level_percent);
/* Takes the bank out of a slot without a word: by force. `ret_bank` may be NULL. */
int cabinet_take(struct cabinet *c, int64_t now_ms, unsigned slot, char ret_bank[CABINET_BANK_SIZE]);
/* Breaks a slot, or mends it: it opens for nobody, and the list says ER. */
int cabinet_break(struct cabinet *c, int64_t now_ms, unsigned slot, bool broken);
/* Cuts the mains and restores them after `off_ms` and a boot: RAM is forgotten, the connection dropped. What moves does
 * not arrive. */
void cabinet_power_cycle(struct cabinet *c, int64_t now_ms, int64_t off_ms);

void cabinet_set_faults(struct cabinet *c, const struct cabinet_faults *faults);
const struct cabinet_faults *cabinet_faults(const struct cabinet *c);

struct cabinet_slot {
	char bank[CABINET_BANK_SIZE];    /* locked in it; "": none */
	char offered[CABINET_BANK_SIZE]; /* put in, and not locked yet; "": none */
	unsigned level_percent;
	bool broken, moving;
};
/* -ENOENT. */
int cabinet_get_slot(const struct cabinet *c, int64_t now_ms, unsigned slot, struct cabinet_slot *ret);

struct cabinet_state {
	const char *imei;
	unsigned slots, banks;
	bool connected;
	unsigned reports; /* that wait for their answer */
	uint64_t spoke[CABINET_WORDS];
	uint64_t ejects, returns; /* that succeeded */
	uint64_t unexpected;      /* answers nobody waits for, and bytes that are no frame */
	uint64_t power_cycles;
};
void cabinet_get_state(const struct cabinet *c, struct cabinet_state *ret);

#endif
