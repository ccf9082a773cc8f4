/* Operators ask first: what did that charger say? Writing every frame to the store would double the work of the hot
 * path, so the answer comes from a ring in memory, which a restart empties. */
#include "messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_PER_ENTRY 128 /* the least that an entry is expected to take */

int messages_init(struct messages *m, size_t bytes)
{
	memset(m, 0, sizeof *m);
	m->capacity = bytes;
	m->count = bytes / BYTES_PER_ENTRY;
	m->data = malloc(m->capacity);
	m->entries = calloc(m->count, sizeof *m->entries);
	return m->data && m->entries ? 0 : -ENOMEM;
}

void messages_fini(struct messages *m)
{
	free(m->data);
	free(m->entries);
	memset(m, 0, sizeof *m);
}

void messages_add(struct messages *m, int64_t now_ms, const char *device, bool in, const char *action, const char *text,
		  size_t size)
{
	struct message_entry e = { .time_ms = now_ms, .in = in };
	size_t total, place;

	if (!m->data)
		return;
	e.device_size = (uint32_t)strnlen(device, 255);
	e.action_size = (uint32_t)strnlen(action, 64);
	e.cut = size > MESSAGE_TEXT_MAX;
	e.text_size = (uint32_t)(e.cut ? MESSAGE_TEXT_MAX : size);
	total = e.device_size + e.action_size + e.text_size;
	place = m->written % m->capacity;
	if (place + total > m->capacity) {
		m->written += m->capacity - place;
		place = 0;
	}
	e.at = m->written;
	memcpy(m->data + place, device, e.device_size);
	memcpy(m->data + place + e.device_size, action, e.action_size);
	memcpy(m->data + place + e.device_size + e.action_size, text, e.text_size);
	m->written += total;
	m->entries[m->added++ % m->count] = e;
}

static char *part(struct gv_turn *t, const char *data, size_t size)
{
	char *s = gv_alloc(t, size + 1);

	memcpy(s, data, size);
	return s;
}

void messages_list(const struct messages *m, struct gv_turn *t, const char *device, uint32_t limit,
		   Ocpp__ListMessagesReply *reply)
{
	size_t device_size = strlen(device);

	for (uint64_t i = m->added; i > 0 && m->added - i < m->count && reply->n_messages < limit; i--) {
		const struct message_entry *e = &m->entries[(i - 1) % m->count];
		const char *data = m->data + e->at % m->capacity;
		Ocpp__Message *message;

		if (m->written - e->at > m->capacity)
			break; /* overwritten, and so are all older ones */
		if (device_size && (device_size != e->device_size || memcmp(data, device, device_size) != 0))
			continue;
		message = gv_alloc(t, sizeof *message);
		ocpp__message__init(message);
		message->time_ms = e->time_ms;
		message->device = part(t, data, e->device_size);
		message->direction = e->in ? "in" : "out";
		message->action = part(t, data + e->device_size, e->action_size);
		message->text = part(t, data + e->device_size + e->action_size, e->text_size);
		message->cut = e->cut;
		*GV_APPEND(t, reply->messages, reply->n_messages) = message;
	}
}
