/* What was said, for people: the last frames of all chargers in a ring in memory, and those of each charger in tables
 * that outlive a restart: meter values and heartbeats many a row (packs.h), all else a row each. */
#ifndef OCPP_MESSAGES_H
#define OCPP_MESSAGES_H

#include <galvan/ocpp.pb-c.h>
#include <galvan/plugin.h>

#define MESSAGE_TEXT_MAX 8192       /* bytes of a frame that are kept, */
#define MESSAGE_ROUTINE_MAX 2048    /* and of one of the routine */
#define MESSAGE_NUMBERS_PER_MS 4096 /* a message's number divided by this is its time in ms since the epoch */

struct ocpp;
struct station;

struct message_entry {
	uint64_t at; /* place in the endless stream of bytes of which the ring holds the end */
	uint64_t number;
	uint32_t device_size, action_size, text_size;
	bool in, cut, kept; /* kept: it is in a table, too, or will be */
	bool gone;          /* its device was deleted */
};

struct messages {
	char *data;
	struct message_entry *entries;
	uint64_t written;       /* bytes ever written, with what was skipped at the ring's end */
	uint64_t added;         /* entries ever added */
	size_t capacity, count; /* bytes, entries */
	uint64_t newest;        /* number of the newest: its time in ms times 4096, and a count */
	uint32_t keep_days, keep_per_station;
	uint64_t keep_bytes;       /* per station */
	uint64_t keep_packs_bytes; /* likewise, of meter values and heartbeats; 0: none */
	/* How far the walk of message_purge has come: behind this row, the `seen`th of its charger. */
	struct gv_key purged;
	char purged_device[256];
	uint32_t seen;
	bool purges_packs;      /* it has come to their table, */
	char packs_purged[256]; /* and to the packs of this charger */
};

extern const struct gv_table ocpp_messages; /* device, number -> MessageRow: what is worth a row */

int messages_init(struct messages *m, size_t bytes);
void messages_fini(struct messages *m);
/* A frame to or from a charger. `text` holds no secret: see mask.h. */
struct message {
	const char *action, *text;
	size_t size;
	bool in;
	bool routine; /* like its neighbours by the hundred, as meter values are: many a row, unless it refuses */
};
/* Bytes of its text that are kept: fewer than it has of a long one, which is cut there. */
static inline size_t message_kept(const struct message *m)
{
	size_t most = m->routine ? MESSAGE_ROUTINE_MAX : MESSAGE_TEXT_MAX;

	return m->size < most ? m->size : most;
}

/* Into the ring; the entry's number. */
uint64_t messages_add(struct messages *m, int64_t now_ms, const char *device, const struct message *said, bool kept);

/* What a device said, in the ring. */
void messages_forget(struct messages *m, const char *device);

struct message_filter {
	const char *device, *action, *contains; /* "": any */
	bool in, out;                           /* which way */
	int64_t from_ms, until_ms;              /* until_ms 0: now */
	uint64_t before;                        /* numbers below this; 0: any */
	uint32_t limit;
};
/* Newest first, in the turn's memory. `table`: of the ring only what the tables do not hold. */
void messages_list(const struct messages *m, struct gv_turn *t, const struct message_filter *filter, bool table,
		   Ocpp__ListMessagesReply *reply);

/* ---- history.c ------------------------------------------------------------------------------- */

/* Into the ring and, within bounds, a table. */
void message_log(struct ocpp *o, struct gv_turn *t, struct station *st, const struct message *m);
/* Both, newest first. */
void message_list(struct ocpp *o, struct gv_turn *t, const struct message_filter *filter,
		  Ocpp__ListMessagesReply *reply);

#define MESSAGES_TIMER "messages"
int message_start(struct ocpp *o, struct gv_turn *t);
/* Forgets what is too old, and of each charger what is too much. */
int message_purge(struct ocpp *o, struct gv_turn *t);

#endif
