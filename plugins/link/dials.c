/* The connections that plugins asked link to keep up: rows, so that they outlive link; what people see of them. */
#include "dial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct gv_table dials_table = { "dials", "ss", &link__dial_request__descriptor, false };

static struct dial *find(const struct link *l, const char *plugin, const char *name)
{
	for (struct dial *d = l->dials; d; d = d->next) {
		if (!d->stale && strcmp(d->row->plugin, plugin) == 0 && strcmp(d->row->name, name) == 0)
			return d;
	}
	return NULL;
}

static Link__DialRequest *copy(const Link__DialRequest *row, uint8_t **ret_packed, size_t *ret_size)
{
	*ret_size = link__dial_request__get_packed_size(row);
	*ret_packed = malloc(*ret_size + 1);
	if (!*ret_packed)
		return NULL;
	link__dial_request__pack(row, *ret_packed);
	return link__dial_request__unpack(NULL, *ret_size, *ret_packed);
}

static bool equal(const Link__DialRequest *row, const uint8_t *packed, size_t size)
{
	uint8_t *other = malloc(size + 1);
	bool same = other && link__dial_request__get_packed_size(row) == size &&
		    link__dial_request__pack(row, other) == size && memcmp(other, packed, size) == 0;

	free(other);
	return same;
}

/* In memory. What was there under the name goes when the loop goes round: a turn is no place to write to a socket. */
static int remember(struct link *l, const Link__DialRequest *row)
{
	struct dial *d, *before = find(l, row->plugin, row->name);
	uint8_t *packed;
	size_t size;
	Link__DialRequest *mine = copy(row, &packed, &size);
	bool same = mine && before && equal(before->row, packed, size);

	free(packed);
	d = mine && !same ? dial_create(l, mine) : NULL;
	if (!d && mine)
		link__dial_request__free_unpacked(mine, NULL);
	if (!d)
		return same ? 0 : -ENOMEM;
	if (before)
		before->stale = true;
	d->next = l->dials;
	l->dials = d;
	return 0;
}

int dials_load(struct link *l, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &dials_table };
	int r = 0;

	while (r == 0 && gv_next(t, &scan))
		r = remember(l, scan.row);
	return r;
}

void dials_fini(struct link *l)
{
	while (l->dials) {
		struct dial *d = l->dials;

		l->dials = d->next;
		dial_destroy(d);
	}
}

void dials_close(struct link *l)
{
	for (struct dial *d = l->dials; d; d = d->next) {
		if (d->lookup)
			uv_cancel((uv_req_t *)d->lookup);
	}
}

static void step(struct dial *d, uint64_t now)
{
	if (d->conn && !d->conn->dead)
		outgoing_continue(d->conn->outgoing);
	if (d->conn || d->lookup || d->link->draining || (now < d->due_ms && !d->at))
		return;
	d->absent = !gv_world_available(d->link->world, d->row->plugin, "");
	if (d->absent)
		d->due_ms = now + LINK_SWEEP_MS;
	else
		dial_begin(d);
}

void dials_step(struct link *l)
{
	struct dial **at = &l->dials;

	while (*at) {
		struct dial *d = *at;

		if (d->stale) {
			*at = d->next;
			dial_destroy(d);
			continue;
		}
		step(d, link_now(l));
		at = &d->next;
	}
}

/* ---- what plugins and people ask for --------------------------------------------------------- */

int dial(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__DialRequest *r)
{
	Link__DialReply reply = LINK__DIAL_REPLY__INIT;
	const char *problem = dial_request_problem(r);
	size_t n = 0;
	int result;

	for (const struct dial *d = l->dials; d; d = d->next)
		n += !d->stale;
	if (problem)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	if (n >= DIALS_MAX && !find(l, r->plugin, r->name))
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED,
				 "%d connections are dialled already; Hang up one that is not needed", DIALS_MAX);
	result = gv_put(t, &dials_table, gv_key(r->plugin, r->name), r);
	if (result == 0)
		result = gv_reply(t, ticket, &reply);
	return result < 0 ? result : remember(l, r);
}

int hang(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__HangRequest *r)
{
	Link__HangReply reply = LINK__HANG_REPLY__INIT;
	struct dial *d = find(l, r->plugin, r->name);
	int result = gv_delete(t, &dials_table, gv_key(r->plugin, r->name));

	if (d)
		d->stale = true;
	return result < 0 ? result : gv_reply(t, ticket, &reply);
}

static void describe(struct gv_turn *t, const struct dial *d, Link__Dialled *ret)
{
	uint64_t now = link_now(d->link);
	bool trying = d->conn || d->lookup || d->at;

	ret->plugin = gv_strdup(t, d->row->plugin);
	ret->name = gv_strdup(t, d->row->name);
	ret->url = gv_strdup(t, d->row->url);
	ret->state = gv_strdup(t, d->up_ms ? "connected" : trying ? "connecting" : d->absent ? "no-plugin" : "waiting");
	ret->error = gv_strdup(t, d->up_ms ? "" : d->error);
	ret->failures = d->up_ms ? 0 : d->failures;
	if (!d->up_ms && !trying && !d->absent)
		ret->next_at_ms = gv_world_now_ms(d->link->world) + (int64_t)(d->due_ms > now ? d->due_ms - now : 0);
}

int list_dials(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__ListDialsRequest *r)
{
	Link__ListDialsReply reply = LINK__LIST_DIALS_REPLY__INIT;

	for (const struct dial *d = l->dials; d; d = d->next) {
		if (d->stale || (*r->plugin && strcmp(r->plugin, d->row->plugin) != 0))
			continue;
		Link__Dialled *row = gv_alloc(t, sizeof(*row));

		link__dialled__init(row);
		describe(t, d, row);
		*GV_APPEND(t, reply.dials, reply.n_dials) = row;
	}
	return gv_reply(t, ticket, &reply);
}
