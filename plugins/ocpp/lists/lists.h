/* Lists of tokens that chargers keep, so that they can decide while they are offline; and reservations.
 *
 * listed.c: what lists say, and what changed when. difference.c: what the next message to one charger must hold.
 * sync.c, list_answers.c, asked.c: the talk with one charger until its list is right. fleet.c: which charger is next.
 */
#ifndef OCPP_LISTS_H
#define OCPP_LISTS_H

#include <plugins/ocpp/ocpp.h>
#include <plugins/ocpp/stations/commands.h>

#define LISTS_AT_ONCE 32          /* chargers whose lists are worked on at a time */
#define LISTS_WAITERS_MAX 8       /* callers of SyncLocalList for one charger */
#define LISTS_CHUNK_MAX 1000      /* entries of a message, whatever the charger says it takes */
#define LISTS_ENTRIES_MAX 1000000 /* likewise, of a list */
#define LISTS_LOOK_MAX 5000       /* rows that are looked at for one message */

extern const struct gv_table ocpp_listed;       /* token in lower case -> ListedToken */
extern const struct gv_table ocpp_list_changes; /* number -> ListChange */
extern const struct gv_table ocpp_device_lists; /* device -> DeviceList */

struct lists {
	/* config */
	bool on;
	int64_t delay_ms, check_ms;
	uint32_t chunk, entries;
	bool clear_cache;
	/* restored at each start */
	uint64_t change;    /* the newest row of list_changes; 0: nothing was ever listed */
	uint64_t forgotten; /* changes of unknown tokens up to this one have no rows any more */
	/* the walk through all tokens; see listed.c */
	bool walking, walk_listed;
	char walked[OCPP_TAG_MAX + 1];
	/* fleet.c */
	unsigned bucket;   /* where the search for the next charger goes on */
	unsigned busy;     /* chargers that were asked something and have not answered */
	int64_t run_ms;    /* when the timer of the fleet is due; 0: not set */
	int64_t change_ms; /* when changes collected so far are told; 0: there are none */
};

/* ---- listed.c -------------------------------------------------------------------------------- */

#define LISTED_TIMER "lists-walk"
int listed_start(struct ocpp *o, struct gv_turn *t);
/* What is known of this token may have changed. */
int listed_refresh(struct ocpp *o, struct gv_turn *t, const char *fold);
/* What is known of any token may have changed: looks at all, little by little. */
int listed_walk(struct ocpp *o, struct gv_turn *t);
int listed_walk_on(struct ocpp *o, struct gv_turn *t);
/* The token is good at this site, as its row says. */
bool listed_good(const Ocpp__ListedToken *row, const char *site);
/* Chargers of this site may have been told that it is, before its latest change. */
bool listed_earlier(const Ocpp__ListedToken *row, const char *site);

/* ---- difference.c ---------------------------------------------------------------------------- */

struct list_entry {
	const char *id;
	const char *status; /* "": taken out of the list */
	const char *parent; /* "": none */
	const char *type;
	int64_t valid_until_ms;
};
struct list_message {
	bool full; /* replaces what the charger has */
	int32_t version;
	struct list_entry *entries;
	size_t n;
};
struct list_room {
	const char *site;
	size_t id_max;                   /* characters of a token that the version takes */
	bool types;                      /* in which a token of another type is another token */
	uint32_t chunk_max, entries_max; /* of a message, of the list */
};
enum list_step {
	LIST_IN_STEP, /* nothing is left to be said */
	LIST_SAY,     /* the message, even an empty one if it is full */
	LIST_GO_ON,   /* nothing to say so far: there was much to look at, call again */
	LIST_REFILL   /* a difference cannot tell it: fill the list anew */
};
/* From `place`, where the charger's list is; changed to where it will be once the message has been accepted. */
enum list_step difference_next(struct ocpp *o, struct gv_turn *t, const struct list_room *room, Ocpp__ListPlace *place,
			       struct list_message *ret);
/* The beginning of a full list. */
void difference_begin(struct ocpp *o, Ocpp__ListPlace *place);

/* ---- sync.c, list_answers.c, asked.c --------------------------------------------------------- */

/* Does the next thing that this charger's list needs. */
int sync_next(struct ocpp *o, struct gv_turn *t, struct station *st);
conclude_fn sync_conclude;
gv_method_fn sync_local_list;
/* It reported that its list and what it was told contradict each other. */
int sync_conflict(struct ocpp *o, struct gv_turn *t, struct station *st);
/* Whoever waited for it is told that it is gone. */
int sync_closed(struct gv_turn *t, const char *device);
/* Registry's word on it: its site, and whether it is to have a list. */
int sync_device(struct ocpp *o, struct gv_turn *t, const Registry__DeviceChanged *e);
Ocpp__LocalList *sync_describe(struct ocpp *o, struct gv_turn *t, const char *device);

/* ---- fleet.c --------------------------------------------------------------------------------- */

#define FLEET_TIMER "lists-run"
int lists_create(struct ocpp *o, const Ocpp__Config *c);
void lists_destroy(struct lists *l);
/* Tokens changed: all chargers are due, after the time in which more may change. */
int fleet_changed(struct ocpp *o, struct gv_turn *t);
/* This one is due at that time, or then already. */
int fleet_due(struct ocpp *o, struct gv_turn *t, struct station *st, int64_t at_ms);
int fleet_opened(struct ocpp *o, struct gv_turn *t, struct station *st);
/* It was asked something; it has answered, or is gone. */
void fleet_busy(struct ocpp *o, struct station *st, bool busy);
int fleet_run(struct ocpp *o, struct gv_turn *t);

#endif
