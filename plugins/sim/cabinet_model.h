/* What the files of the cabinet model share. */
#ifndef SIM_CABINET_MODEL_H
#define SIM_CABINET_MODEL_H

#include "cabinet.h"

#define NEVER INT64_MAX
#define IN_MAX 4096 /* bytes of the server's that are no whole frame yet */

enum slot_step {
	STEP_STILL,
	STEP_EJECTING, /* until at_ms */
	STEP_OFFERED,  /* a bank was put in; the server is asked at ask_ms */
	STEP_LOCKING,  /* it was allowed: locked at at_ms */
};
struct bay { /* a slot */
	char bank[CABINET_BANK_SIZE], offered[CABINET_BANK_SIZE];
	unsigned level, offered_level; /* percent, at level_ms */
	int64_t level_ms;
	enum slot_step step;
	int64_t at_ms; /* what is due in this step; NEVER */
	unsigned asked;
	bool broken, forced;           /* forced: the binary family's eject that is to be answered as such */
	char ghost[CABINET_BANK_SIZE]; /* stale_list: shown until ghost_ms */
	int64_t ghost_ms;
};

/* What the server must know. Text cabinets repeat it until it is answered, binary ones say it once. */
struct report {
	enum cabinet_word word;
	unsigned slot;
	char bank[CABINET_BANK_SIZE];
	bool forced;
	unsigned said;
	int64_t at_ms;    /* to be said next; NEVER */
	int64_t again_ms; /* late: a second copy leaves then; NEVER */
	int64_t gone_ms;  /* its answer is taken in then; NEVER */
};

struct cabinet {
	const struct cabinet_env *env;
	struct cabinet_faults faults;
	enum cabinet_family family;
	char imei[GV_WOSHI_TEXT_SIZE], iccid[GV_RUIOO_ICCID_SIZE];
	struct gv_ruioo_check check;
	enum gv_ruioo_style style;
	struct bay *bays; /* [0] is slot 1 */
	unsigned n_bays;
	struct report reports[CABINET_MAX_REPORTS];
	unsigned n_reports;
	uint8_t in[IN_MAX];
	size_t in_size;
	int64_t now_ms, heartbeat_ms, up_ms; /* up: boots until then */
	unsigned heartbeat_s;
	bool connected, logged_in;
	struct cabinet_state count;
};

uint64_t cabinet_random_below(struct cabinet *c, uint64_t limit);
bool cabinet_chance(struct cabinet *c, uint32_t per_mille);
void cabinet_log(struct cabinet *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cabinet_spoke(struct cabinet *c, enum cabinet_word word, unsigned slot, const char *bank);
void cabinet_send(struct cabinet *c, const void *data, size_t size);
void cabinet_drop(struct cabinet *c, enum cabinet_drop how, int64_t in_ms);
/* Percent, now. */
unsigned bay_level(const struct cabinet *c, const struct bay *b);
struct bay *cabinet_bay(struct cabinet *c, unsigned slot); /* NULL: none */

/* cabinet_slot.c: the mechanics. What the server says, whatever its words. */
void slot_lend(struct cabinet *c, unsigned slot, const char *bank, bool forced);
void slot_allow(struct cabinet *c, unsigned slot, const char *bank);
void slot_refuse(struct cabinet *c, unsigned slot, const char *bank);
void slot_run(struct cabinet *c, unsigned slot);
/* The power goes: what moved falls back, what was offered is with its owner again. */
void slot_power_cut(struct cabinet *c, unsigned slot);

/* cabinet_report.c: reports wait for their answer. */
void report_add(struct cabinet *c, enum cabinet_word word, unsigned slot, const char *bank, bool forced);
void report_confirm(struct cabinet *c, enum cabinet_word word, unsigned slot, const char *bank);
void report_run(struct cabinet *c);
int64_t report_next_ms(const struct cabinet *c);
void report_connected(struct cabinet *c);

/* What a family must be able to say and hear: cabinet_ruioo.c, cabinet_woshi.c. */
struct cabinet_tongue {
	void (*hello)(struct cabinet *c, bool first);
	void (*ask)(struct cabinet *c, unsigned slot, const char *bank);
	void (*report)(struct cabinet *c, const struct report *r);
	/* Takes what it can from the front of the bytes; how many. */
	size_t (*hear)(struct cabinet *c, const uint8_t *data, size_t size);
	bool repeats; /* its reports are answered, and repeated until then */
	bool asks_on; /* it has locked what it asks about, and asks until it is answered */
};
extern const struct cabinet_tongue cabinet_ruioo, cabinet_woshi;
const struct cabinet_tongue *cabinet_tongue(const struct cabinet *c);

#endif
