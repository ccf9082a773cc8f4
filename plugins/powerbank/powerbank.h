/* What the files of this plugin share.
 *
 * Layers, each knowing only those above it in this list, but for what is said: driver (bytes), profiles (config),
 * incidents, banks, slots (the books), rentals, ejects (what is to come out), returns, inventory, cabinets (who is
 * online), lines (connections), reports (which hands what they say to all of them), services, powerbank (the record).
 */
#ifndef POWERBANK_H
#define POWERBANK_H

#include "driver.h"

#include <galvan/plugin.h>
#include <galvan/powerbank.pb-c.h>
#include <galvan/registry.pb-c.h>
#include <galvan/rental.pb-c.h>

#define PB_QUEUE_MAX 8       /* ejects of one cabinet that wait or are under way */
#define PB_TELLS_MAX 2       /* lends of one slot for one rental */
#define PB_SLOT_TRIES_MAX 3  /* slots for one rental */
#define PB_FAILURES_MAX 3    /* in a row, then a slot is out of service */
#define PB_GOOD_CYCLES 3     /* and is back */
#define PB_AUDITS_MAX 8      /* that wait for one inventory */
#define PB_BAD_CHECKS_MAX 5  /* within a minute close a connection */
#define PB_STRANGERS_MAX 3   /* frames of another cabinet close it too */
#define PB_SWAPS_MAX 6       /* new connections of a cabinet within ten minutes, before they are an alarm */
#define PB_CHUNKS_MAX 16     /* of one connection in one turn: link's window */
#define PB_STRANGERS_TOLD 60 /* of unknown cabinets, a minute; more are only counted */
#define PB_LEARN_FRAMES 3    /* in a row must agree on a check */
#define PB_IDLE_HEARTBEATS 3 /* without a byte: offline */
#define PB_STRANGER_MS 60000 /* so long a connection may be nobody's */
#define PB_SWEEP_MS 5000
#define PB_RESTORE_MS 30000 /* after a start link has told of each connection that is still there */
#define PB_MINUTE_MS 60000
#define PB_FLAPPING_MS (10 * PB_MINUTE_MS)
#define PB_FREEZES_MAX 500 /* of one rental; the last of them then grows */
#define PB_SCAN_MAX 20000  /* rows that one list call looks at */
#define PB_BUCKETS 8192    /* a power of 2 */

struct profile {
	const char *listener; /* lives as long as the config */
	const struct pb_driver *driver;
	struct pb_wire wire; /* what connections begin with */
	bool learn, mirror, ar_echo, auto_enrol;
	int64_t heartbeat_ms;
};

/* A cabinet that has been online since the plugin started. What lasts is its row. */
struct cabinet {
	struct cabinet *next;
	struct line *line;               /* NULL: offline */
	int64_t swaps[PB_SWAPS_MAX + 1]; /* when it came, a ring */
	unsigned n_swaps;
	bool flapping;
	char device[];
};

/* A connection. What must survive is in rows: whose it is, and what is left of a frame. */
struct line {
	struct line *next, *next_unknown;
	uint64_t conn;
	struct cabinet *cabinet; /* NULL: nobody's yet */
	const struct profile *port;
	struct profile profile; /* its port's, with what its device overrides */
	struct pb_wire wire;
	int64_t opened_ms, last_ms;
	int64_t asked_ms; /* for its inventory; 0: no question is open */
	unsigned queries; /* so often */
	int64_t poll_ms;  /* when it is to be asked next */
	unsigned strangers;
	unsigned bad_checks;
	int64_t bad_since_ms;
	unsigned frames; /* in the minute that began */
	int64_t minute_ms;
	uint32_t fits;                  /* checks that fit the last */
	unsigned agree;                 /* frames */
	uint32_t chunks[PB_CHUNKS_MAX]; /* digests of what the turn at chunks_ms has handled */
	unsigned n_chunks;
	int64_t chunks_ms;
	bool unknown, closing;
	bool heard_of;             /* link has told this incarnation of it */
	char iccid[PB_ICCID_SIZE]; /* heard before it was known whose */
	char peer[64];
};

struct powerbank {
	Powerbank__Config *config; /* lives as long as the plugin */
	struct profile profiles[16];
	size_t n_profiles;
	struct cabinet *cabinets[PB_BUCKETS];
	struct line *lines[PB_BUCKETS];
	struct line *unknown[PB_BUCKETS]; /* by identity: those of cabinets that nobody has made known */
	size_t n_lines;
	bool sweeping;            /* its timer is set */
	int64_t strangers_minute; /* the minute in which */
	unsigned strangers;       /* so many connections of unknown cabinets were told of */
};

/* ---- tables.c -------------------------------------------------------------------------------- */

extern const struct gv_table pb_cabinets;     /* device -> CabinetRow */
extern const struct gv_table pb_conns;        /* connection -> ConnRow */
extern const struct gv_table pb_rests;        /* connection -> RestRow */
extern const struct gv_table pb_banks;        /* bank -> rental.Bank */
extern const struct gv_table pb_rentals;      /* rental -> rental.RentalRow */
extern const struct gv_table pb_orders;       /* order -> RentalRef */
extern const struct gv_table pb_open;         /* device, rental -> RentalRef: not over */
extern const struct gv_table pb_rental_times; /* whose, time, rental -> RentalAt */
extern const struct gv_table pb_ejects;       /* device, number -> EjectRow */
extern const struct gv_table pb_returns;      /* device, slot -> ReturnRow */
extern const struct gv_table pb_audits;       /* device -> AuditRow */
extern const struct gv_table pb_commands;     /* device -> CommandRow */

/* ---- profiles.c ------------------------------------------------------------------------------ */

int profiles_start(struct powerbank *p, struct gv_turn *t);
/* NULL: there is none of that name. */
const struct profile *profiles_find(const struct powerbank *p, const char *listener);
/* The profile with what the cabinet's attributes override; what they say wrongly is logged and left out. */
struct profile profiles_for(struct gv_turn *t, const struct profile *base, const Powerbank__CabinetRow *row);
bool profiles_is_setting(const char *name);
/* "lend-slot", ... of the driver. */
char **profiles_can(struct gv_turn *t, const struct pb_driver *driver, size_t *ret_n);

/* ---- incidents.c ----------------------------------------------------------------------------- */

struct incident {
	const char *device, *kind, *text;
	uint32_t slot;
	const char *bank, *rental; /* NULL: none */
	uint64_t epoch;            /* tells two that are alike apart: a bank's epoch, or a time */
	bool over;
};
void incident(struct gv_turn *t, const struct incident *i);
/* Stands for a fact: the same fact has the same id. */
char *incident_id(struct gv_turn *t, const char *fmt, ...) GV_PRINTF(2, 3);
bool alarm_stands(const Powerbank__CabinetRow *row, const char *kind);
/* Raises or clears an alarm that is told once each. */
void alarm_set(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, const char *kind, bool stands,
	       const char *text);

/* ---- banks.c: each is in one place ----------------------------------------------------------- */

const Rental__Bank *bank_get(struct gv_turn *t, const char *id);
/* Moves it. `rental` NULL: it belongs to none. */
void bank_move(struct gv_turn *t, const char *id, Rental__BankPlace place, const char *device, uint32_t slot,
	       const char *rental);
/* It lies in that slot by the books. */
bool bank_is_in(const Rental__Bank *bank, const char *device, uint32_t slot);
bool banks_none(struct gv_turn *t);

/* ---- slots.c: what a cabinet holds by the books ---------------------------------------------- */

/* A fresh one where there is none; for a row that is being edited. */
Rental__Slot *slot_edit(struct gv_turn *t, Powerbank__CabinetRow *row, uint32_t id);
const Rental__Slot *slot_get(const Powerbank__CabinetRow *row, uint32_t id);
/* Something in it has failed, or its mechanics have worked. */
void slot_failed(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id);
void slot_worked(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id);
/* What an inventory says of it, sound or not. */
void slot_sound(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id, bool sound);
void slot_put_out(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id, const char *why);
void slot_put_back(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, uint32_t id);
/* Its bank is out; or in, in a state that the next inventory tells. */
void slot_emptied(struct gv_turn *t, Powerbank__CabinetRow *row, uint32_t id);
void slot_filled(struct gv_turn *t, Powerbank__CabinetRow *row, uint32_t id, const char *bank);
/* Whether its bank could be lent; `reserved` ejects count as gone. */
bool slot_lendable(struct gv_turn *t, const char *device, const Rental__Slot *slot);
/* The best bank to lend: full before charging, the longest idle first. `eject` is left out of what is reserved, and its
 * tries are not tried again. NULL: none. */
const Rental__Slot *slots_pick(struct gv_turn *t, const char *device, const Powerbank__CabinetRow *row,
			       const Powerbank__EjectRow *eject);
void slots_count(struct gv_turn *t, const char *device, const Powerbank__CabinetRow *row, uint32_t *ret_free,
		 uint32_t *ret_full);
/* No free slot, no full bank: raised and cleared. */
void slots_alarms(struct powerbank *p, struct gv_turn *t, const char *device, Powerbank__CabinetRow *row);
/* The failure that a slot reported last; NULL: none that still counts. */
const Powerbank__Told *slot_told(struct powerbank *p, struct gv_turn *t, const Powerbank__CabinetRow *row, uint32_t id);
void slot_tell(struct gv_turn *t, const char *device, uint32_t id, const char *bank, bool returned, bool echo);
void slot_untell(struct gv_turn *t, const char *device, uint32_t id);

/* ---- rentals.c ------------------------------------------------------------------------------- */

const Rental__RentalRow *rental_get(struct gv_turn *t, const char *id);
Rental__RentalRow *rental_edit(struct gv_turn *t, const char *id);
bool rental_is_over(const Rental__RentalRow *r);
/* The rental of an order; NULL: none yet. */
const Rental__RentalRow *rental_of_order(struct gv_turn *t, const char *order);
Rental__RentalRow *rental_begin(struct gv_turn *t, const char *id, const Rental__LendRequest *request);
void rental_to(struct gv_turn *t, const char *id, Rental__RentalState state);
void rental_flag(struct gv_turn *t, Rental__RentalRow *r, const char *flag);
/* The bank is out, from now on. */
void rental_start(struct gv_turn *t, const char *id, uint32_t slot, const char *bank);
void rental_fail(struct gv_turn *t, const char *id, const char *why);
struct rental_end {
	Rental__RentalState state;
	int64_t at_ms;
	const char *device; /* where it came back; NULL: nowhere */
	uint32_t slot;
	const char *flag; /* NULL: none */
};
void rental_end(struct gv_turn *t, const char *id, const struct rental_end *end);
/* The lending cabinet cannot take banks back from that moment on, or can again. */
void rentals_freeze(struct gv_turn *t, const char *device, const char *why, int64_t from_ms);
void rentals_thaw(struct gv_turn *t, const char *device, const char *why);

/* ---- ejects.c: 5.1 of a lend; and people's ejects, which go the same way --------------------- */

struct eject {
	const char *device;
	uint64_t number;
	Powerbank__EjectRow *row; /* being edited */
};
/* Begins one: `row` says for whom and from where. Its number is the cabinet's next. -ENOSPC: too many wait. */
int eject_begin(struct powerbank *p, struct gv_turn *t, const char *device, const Powerbank__EjectRow *row,
		uint64_t *ret_number);
/* Takes back one that waits for its turn, or whose outcome is not known; false: the cabinet has been told just now. */
bool eject_cancel(struct powerbank *p, struct gv_turn *t, const char *rental, const char *why);
/* The next that waits gets its turn, if it can. */
void ejects_next(struct powerbank *p, struct gv_turn *t, const char *device);
/* A cabinet says that a bank is out. */
void ejects_lent(struct powerbank *p, struct gv_turn *t, struct line *l, uint32_t slot, const char *bank);
/* That a lend failed: false if none is under way there. bank "": it does not say. *ret_since: when it was told. */
bool ejects_expect(struct gv_turn *t, const char *device, uint32_t slot, const char *bank, int64_t *ret_since);
void ejects_failed(struct powerbank *p, struct gv_turn *t, struct line *l, uint32_t slot, const char *bank);
/* What an inventory says of those whose outcome is not known. True: it is too early to say, ask once more. */
bool ejects_settle(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *report);
/* There are none, as nearly always: nobody needs to look for each slot. */
bool ejects_none(struct gv_turn *t, const char *device);
/* One waits, is under way or not settled there: its bank is spoken for. */
bool ejects_at(struct gv_turn *t, const char *device, uint32_t slot);
/* The cabinet has been told to open it, and what became of it is not settled: its books wait. */
bool ejects_moving_at(struct gv_turn *t, const char *device, uint32_t slot);
/* A bank was seen elsewhere than where one is to come out: then it has come out. True if there was one. */
bool ejects_seen_out(struct powerbank *p, struct gv_turn *t, const char *bank);
void ejects_line_lost(struct powerbank *p, struct gv_turn *t, const char *device);
int ejects_due(struct powerbank *p, struct gv_turn *t, const Powerbank__EjectDue *due);
uint32_t ejects_waiting(struct gv_turn *t, const char *device);

/* ---- returns.c: 5.2 and 5.3 ------------------------------------------------------------------ */

void returns_asked(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r);
void returns_done(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r);
void returns_failed(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r);
/* A failed lend, or a failure of which it is not said what failed. */
void returns_or_ejects_failed(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r);
/* It was told that it may take that bank, and has not said yet that it did; 0, or until when it may. */
int64_t returns_pending(struct powerbank *p, struct gv_turn *t, const char *device, uint32_t slot, const char *bank);
/* The bank is in a slot, whatever the books say: ends what is over by that. `flag`: why nobody had told. */
void returns_book(struct powerbank *p, struct gv_turn *t, const char *device, uint32_t slot, const char *bank,
		  int64_t at_ms, const char *flag);

/* ---- inventory.c: 5.4 ------------------------------------------------------------------------ */

void inventory_ask(struct powerbank *p, struct gv_turn *t, struct line *l);
void inventory_soon(struct gv_turn *t, struct line *l, int64_t at_ms);
void inventory_received(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r);
int inventory_audit(struct powerbank *p, struct gv_turn *t, struct gv_ticket ticket, struct line *l);
int inventory_audit_due(struct powerbank *p, struct gv_turn *t, const char *device);

/* ---- cabinets.c ------------------------------------------------------------------------------ */

const Powerbank__CabinetRow *cabinet_get(struct gv_turn *t, const char *device);
Powerbank__CabinetRow *cabinet_edit(struct gv_turn *t, const char *device);
struct line *cabinet_line(struct powerbank *p, const char *device); /* NULL: offline */
unsigned pb_bucket(const char *text);
struct cabinet *cabinet_keep(struct powerbank *p, const char *device);
int cabinet_login(struct powerbank *p, struct gv_turn *t, struct line *l, const char *device);
void cabinet_offline(struct powerbank *p, struct gv_turn *t, struct line *l, int64_t at_ms);
Rental__Cabinet *cabinet_describe(struct powerbank *p, struct gv_turn *t, const char *device,
				  const Powerbank__CabinetRow *row);
void cabinet_tell(struct powerbank *p, struct gv_turn *t, const char *device);
/* What others see of it, but for when it was last heard: packed, to be compared. */
ProtobufCBinaryData cabinet_look(struct powerbank *p, struct gv_turn *t, const char *device);
void cabinet_iccid(struct gv_turn *t, const char *device, const char *iccid);
int cabinets_device_changed(struct powerbank *p, struct gv_turn *t, const Registry__DeviceChanged *e);
/* The registry's present state follows: who is not in it is no longer known. */
int cabinets_resync(struct powerbank *p, struct gv_turn *t);
int cabinets_resynced(struct powerbank *p, struct gv_turn *t);
void cabinets_stop(struct powerbank *p);

/* ---- learn.c --------------------------------------------------------------------------------- */

/* Whether a frame's check is right, where each that fits was told. False: it is not, or not enough frames have come. */
bool learn_check(struct powerbank *p, struct gv_turn *t, struct line *l, const struct pb_report *r, const char *device,
		 bool *ret_bad);

/* ---- lines.c --------------------------------------------------------------------------------- */

struct line *line_find(struct powerbank *p, uint64_t conn);
/* 0, or -ENOTSUP where the cabinet's protocol has no such word. */
int line_say(struct gv_turn *t, struct line *l, const struct pb_command *command);
void line_close(struct gv_turn *t, struct line *l, const char *why);
/* Speaks from now on as that cabinet is spoken to. `row` NULL: nothing is known of it. */
void line_set_profile(struct gv_turn *t, struct line *l, const char *identity, const Powerbank__CabinetRow *row);
int lines_start(struct powerbank *p, struct gv_turn *t);
int lines_open(struct powerbank *p, struct gv_turn *t, const struct gv_conn *conn);
int lines_close(struct powerbank *p, struct gv_turn *t, const struct gv_conn *conn);
/* A cabinet has been made known: who speaks as it may be heard now. */
void lines_known(struct powerbank *p, struct gv_turn *t, const char *device);
void lines_unknown(struct powerbank *p, struct line *l, const char *identity);
/* Of those that were there before this incarnation the ones that link has not told of are gone. */
int lines_forget(struct powerbank *p, struct gv_turn *t);
int lines_sweep(struct powerbank *p, struct gv_turn *t);
void lines_stop(struct powerbank *p);

/* ---- reports.c ------------------------------------------------------------------------------- */

int reports_read(struct powerbank *p, struct gv_turn *t, const struct gv_frame *f);

/* ---- borrow.c, pause.c, services.c, lists.c -------------------------------------------------- */

int borrow_answered(struct powerbank *p, struct gv_turn *t, const struct gv_answer *a);
gv_method_fn borrow_call, lend_call, pause_cabinet_call;
gv_method_fn get_rental_call, list_rentals_call, get_cabinet_call, list_cabinets_call, list_banks_call;
gv_method_fn end_rental_call, eject_call, freeze_slot_call, audit_call, put_bank_call;
/* The cabinet's connection; NULL: there is none, and the ticket has been answered. */
struct line *service_line(struct powerbank *p, struct gv_turn *t, struct gv_ticket to, const char *device);

static inline uint32_t pb_limit(uint32_t asked)
{
	return asked == 0 ? 100 : asked > 1000 ? 1000 : asked;
}

/* ---- commands.c ------------------------------------------------------------------------------ */

gv_method_fn command_call;
/* A cabinet says that it has obeyed. */
void commands_done(struct gv_turn *t, struct line *l, enum pb_say done);
void commands_line_lost(struct gv_turn *t, const char *device);
int commands_due(struct powerbank *p, struct gv_turn *t, const char *device);

#endif
