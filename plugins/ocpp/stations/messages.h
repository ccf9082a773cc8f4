/* The last frames, for people: a ring in memory. */
#ifndef OCPP_MESSAGES_H
#define OCPP_MESSAGES_H

#include <galvan/ocpp.pb-c.h>
#include <galvan/plugin.h>

#define MESSAGE_TEXT_MAX 2048 /* bytes of a frame that are kept */

struct message_entry {
	uint64_t at; /* place in the endless stream of bytes of which the ring holds the end */
	int64_t time_ms;
	uint32_t device_size, action_size, text_size;
	bool in, cut;
};

struct messages {
	char *data;
	struct message_entry *entries;
	uint64_t written;       /* bytes ever written, with what was skipped at the ring's end */
	uint64_t added;         /* entries ever added */
	size_t capacity, count; /* bytes, entries */
};

int messages_init(struct messages *m, size_t bytes);
void messages_fini(struct messages *m);
void messages_add(struct messages *m, int64_t now_ms, const char *device, bool in, const char *action, const char *text,
		  size_t size);
/* Newest first, in the turn's memory. */
void messages_list(const struct messages *m, struct gv_turn *t, const char *device, uint32_t limit,
		   Ocpp__ListMessagesReply *reply);

#endif
