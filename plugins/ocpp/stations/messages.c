/* Operators ask first: what did that charger say? The newest frames of all of them are in a ring in memory, which a
 * restart empties; history.c keeps those of each charger beyond it. */
#include "messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_PER_ENTRY 128 /* the least that an entry is expected to take */

const struct gv_table ocpp_messages = { .name = "messages", .key = "su", .value = &ocpp__message_row__descriptor };

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

uint64_t messages_add(struct messages *m, int64_t now_ms, const char *device, const struct message *said, bool kept)
{
	struct message_entry e = { .number = (uint64_t)now_ms * MESSAGE_NUMBERS_PER_MS, .in = said->in, .kept = kept };
	size_t total, place;

	if (!m->data)
		return 0;
	if (e.number <= m->newest)
		e.number = m->newest + 1;
	m->newest = e.number;
	e.device_size = (uint32_t)strnlen(device, 255);
	e.action_size = (uint32_t)strnlen(said->action, 64);
	e.text_size = (uint32_t)message_kept(said);
	e.cut = e.text_size < said->size;
	total = e.device_size + e.action_size + e.text_size;
	place = m->written % m->capacity;
	if (place + total > m->capacity) {
		m->written += m->capacity - place;
		place = 0;
	}
	e.at = m->written;
	memcpy(m->data + place, device, e.device_size);
	memcpy(m->data + place + e.device_size, said->action, e.action_size);
	memcpy(m->data + place + e.device_size + e.action_size, said->text, e.text_size);
	m->written += total;
	m->entries[m->added++ % m->count] = e;
	return e.number;
}

/* ---- lists ----------------------------------------------------------------------------------- */

static char *part(struct gv_turn *t, const char *data, size_t size)
{
	char *s = gv_alloc(t, size + 1);

	memcpy(s, data, size);
	return s;
}

static bool is(const char *wanted, const char *data, size_t size)
{
	return !wanted[0] || (strlen(wanted) == size && !memcmp(wanted, data, size));
}

static bool wanted(const struct message_filter *f, const struct message_entry *e, const char *data)
{
	const char *text = data + e->device_size + e->action_size;
	int64_t ms = (int64_t)(e->number / MESSAGE_NUMBERS_PER_MS);

	if (e->gone || !(e->in ? f->in : f->out) || ms < f->from_ms || (f->until_ms && ms >= f->until_ms))
		return false;
	if (f->before && e->number >= f->before)
		return false;
	return is(f->device, data, e->device_size) && is(f->action, data + e->device_size, e->action_size) &&
	       (!f->contains[0] || memmem(text, e->text_size, f->contains, strlen(f->contains)));
}

static Ocpp__Message *message_of(struct gv_turn *t, const struct message_entry *e, const char *data)
{
	Ocpp__Message *m = gv_alloc(t, sizeof *m);

	ocpp__message__init(m);
	m->number = e->number;
	m->time_ms = (int64_t)(e->number / MESSAGE_NUMBERS_PER_MS);
	m->device = part(t, data, e->device_size);
	m->direction = e->in ? "in" : "out";
	m->action = part(t, data + e->device_size, e->action_size);
	m->text = part(t, data + e->device_size + e->action_size, e->text_size);
	m->cut = e->cut;
	return m;
}

void messages_forget(struct messages *m, const char *device)
{
	size_t size = strlen(device);

	for (uint64_t i = m->added; i > 0 && m->added - i < m->count; i--) {
		struct message_entry *e = &m->entries[(i - 1) % m->count];

		if (m->written - e->at > m->capacity)
			break;
		if (e->device_size == size && !memcmp(m->data + e->at % m->capacity, device, size))
			e->gone = true;
	}
}

void messages_list(const struct messages *m, struct gv_turn *t, const struct message_filter *f, bool table,
		   Ocpp__ListMessagesReply *reply)
{
	for (uint64_t i = m->added; i > 0 && m->added - i < m->count && reply->n_messages < f->limit; i--) {
		const struct message_entry *e = &m->entries[(i - 1) % m->count];
		const char *data = m->data + e->at % m->capacity;

		if (m->written - e->at > m->capacity)
			break; /* overwritten, and so are all older ones */
		if (!(table && e->kept) && wanted(f, e, data))
			*GV_APPEND(t, reply->messages, reply->n_messages) = message_of(t, e, data);
	}
}
