/* Connections: those that are open, whose each is, what is said to them, and what time brings. What they say is read in
 * reports.c. */
#include "powerbank.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_CODE 1008 /* RFC 6455 7.4.1: policy; only for logs, as TCP has no codes */

struct line *line_find(struct powerbank *p, uint64_t conn)
{
	struct line *l = p->lines[conn % PB_BUCKETS];

	while (l && l->conn != conn)
		l = l->next;
	return l;
}

int line_say(struct gv_turn *t, struct line *l, const struct pb_command *command)
{
	uint8_t out[PB_OUT_MAX];
	int size = l->profile.driver->encode(&l->wire, command, out);

	if (size == -ENOTSUP || size == 0)
		return size;
	if (size < 0) {
		gv_log(t, GV_WARN, "the cabinet's protocol cannot say this word=%d slot=%u bank=%s", (int)command->say,
		       command->slot, command->bank ? command->bank : "");
		return size;
	}
	return gv_send(t, l->conn, GV_BYTES, out, (size_t)size);
}

void line_close(struct gv_turn *t, struct line *l, const char *why)
{
	if (l->closing)
		return;
	l->closing = true;
	gv_log(t, GV_INFO, "connection is closed: %s peer=%s device=%s", why, l->peer,
	       l->cabinet ? l->cabinet->device : "");
	gv_disconnect(t, l->conn, CLOSE_CODE, why);
}

void line_set_profile(struct gv_turn *t, struct line *l, const char *identity, const Powerbank__CabinetRow *row)
{
	l->profile = profiles_for(t, l->port, row);
	l->wire = l->profile.wire;
	l->wire.any_check = l->profile.driver->check_parse && !l->wire.unchecked;
	if (l->profile.mirror && row)
		l->wire.dot = row->dot;
	snprintf(l->wire.identity, sizeof l->wire.identity, "%s", identity);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int arm_sweep(struct powerbank *p, struct gv_turn *t)
{
	if (p->sweeping)
		return 0;
	p->sweeping = true;
	return gv_timer(t, "sweep", gv_now_ms(t) + PB_SWEEP_MS, NULL);
}

static struct line *add(struct powerbank *p, struct gv_turn *t, uint64_t conn, const struct profile *profile,
			const char *peer)
{
	struct line *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->conn = conn;
	l->port = profile;
	l->profile = *profile;
	l->wire = profile->wire;
	/* Until it has said whose it is it is read as any device's rules may have it. */
	l->wire.any_check = profile->driver->check_parse && !l->wire.unchecked;
	l->wire.strict = false;
	l->wire.slots = PB_SLOTS_MAX;
	l->wire.bank_size = 0;
	l->opened_ms = l->last_ms = gv_now_ms(t);
	snprintf(l->peer, sizeof l->peer, "%s", peer);
	l->next = p->lines[conn % PB_BUCKETS];
	p->lines[conn % PB_BUCKETS] = l;
	p->n_lines++;
	return l;
}

void lines_unknown(struct powerbank *p, struct line *l, const char *identity)
{
	struct line **at = &p->unknown[pb_bucket(identity)];

	l->unknown = true;
	snprintf(l->wire.identity, sizeof l->wire.identity, "%s", identity);
	l->next_unknown = *at;
	*at = l;
}

static void not_unknown(struct powerbank *p, struct line *l)
{
	struct line **at = &p->unknown[pb_bucket(l->wire.identity)];

	while (*at != l)
		at = &(*at)->next_unknown;
	*at = l->next_unknown;
	l->unknown = false;
}

static void drop(struct powerbank *p, struct line *l)
{
	struct line **at = &p->lines[l->conn % PB_BUCKETS];

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	p->n_lines--;
	if (l->unknown)
		not_unknown(p, l);
	free(l);
}

/* A connection that was there before this incarnation is whose it was. */
static void restore(struct powerbank *p, struct gv_turn *t, uint64_t conn, const char *device)
{
	const Powerbank__CabinetRow *row = cabinet_get(t, device);
	const struct profile *profile = row ? profiles_find(p, row->listener) : NULL;
	struct cabinet *c = profile && row->conn == conn ? cabinet_keep(p, device) : NULL;
	struct line *l = c ? add(p, t, conn, profile, row->peer) : NULL;

	if (!l) {
		gv_delete(t, &pb_conns, gv_key(conn));
		return;
	}
	line_set_profile(t, l, strchr(device, ':') + 1, row);
	if (l->profile.learn && *row->learned)
		l->profile.driver->check_parse(row->learned, &l->wire.check);
	if (!l->profile.learn)
		l->wire.any_check = false;
	l->cabinet = c;
	c->line = l;
	c->flapping = alarm_stands(row, "flapping");
	c->swaps[PB_SWAPS_MAX] = gv_now_ms(t); /* the last, of which there may be more */
	/* What was under way is asked for soon, and not all of it at once; who lends nothing before he has answered,
	 * first. */
	l->poll_ms = gv_now_ms(t) + 1000 + (int64_t)(row->ready ? gv_random(t) % PB_MINUTE_MS : 0);
}

int lines_start(struct powerbank *p, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pb_conns };

	while (gv_next(t, &scan))
		restore(p, t, scan.key.part[0].u, ((const Powerbank__ConnRow *)scan.row)->device);
	gv_timer(t, "forget", gv_now_ms(t) + PB_RESTORE_MS, NULL);
	return p->n_lines ? arm_sweep(p, t) : 0;
}

static void forget(struct powerbank *p, struct gv_turn *t, struct line *l)
{
	if (l->cabinet)
		cabinet_offline(p, t, l, l->last_ms);
	drop(p, l);
}

int lines_forget(struct powerbank *p, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pb_rests };

	for (unsigned i = 0; i < PB_BUCKETS; i++)
		for (struct line *l = p->lines[i], *next; l; l = next) {
			next = l->next;
			if (!l->heard_of)
				forget(p, t, l);
		}
	while (gv_next(t, &scan))
		if (!line_find(p, scan.key.part[0].u))
			gv_delete(t, &pb_rests, scan.key);
	return 0;
}

int lines_open(struct powerbank *p, struct gv_turn *t, const struct gv_conn *conn)
{
	const struct profile *profile = profiles_find(p, conn->listener);
	struct line *l = line_find(p, conn->id);

	if (l) {
		l->last_ms = gv_now_ms(t);
		l->heard_of = true;
		return 0;
	}
	if (!profile)
		return gv_disconnect(t, conn->id, CLOSE_CODE, "no profile is meant for this port");
	l = add(p, t, conn->id, profile, conn->peer);
	if (!l)
		return gv_disconnect(t, conn->id, CLOSE_CODE, "no memory");
	l->heard_of = true;
	return arm_sweep(p, t);
}

int lines_close(struct powerbank *p, struct gv_turn *t, const struct gv_conn *conn)
{
	struct line *l = line_find(p, conn->id);

	if (gv_get(t, &pb_rests, gv_key(conn->id)))
		gv_delete(t, &pb_rests, gv_key(conn->id));
	if (!l)
		return 0;
	if (l->cabinet)
		cabinet_offline(p, t, l, gv_now_ms(t));
	drop(p, l);
	return 0;
}

void lines_known(struct powerbank *p, struct gv_turn *t, const char *device)
{
	const char *identity = strchr(device, ':') + 1;

	for (struct line *l = p->unknown[pb_bucket(identity)], *next; l; l = next) {
		next = l->next_unknown;
		if (strcmp(l->wire.identity, identity) != 0)
			continue;
		if (!l->profile.driver->identifies)
			line_close(t, l, "it is known now, and has to say once more who it is");
		not_unknown(p, l);
	}
}

void lines_stop(struct powerbank *p)
{
	for (unsigned i = 0; i < PB_BUCKETS; i++)
		while (p->lines[i])
			drop(p, p->lines[i]);
}

/* ---- what time brings ------------------------------------------------------------------------ */

static void sweep_cabinet(struct powerbank *p, struct gv_turn *t, struct line *l)
{
	int64_t now = gv_now_ms(t), timeout_ms = 1000 * (int64_t)p->config->query_timeout_s;
	struct cabinet *c = l->cabinet;

	if (now - l->last_ms >= PB_IDLE_HEARTBEATS * l->profile.heartbeat_ms) {
		line_close(t, l, "it has been silent for three heartbeats");
		cabinet_offline(p, t, l, l->last_ms);
		return;
	}
	if (l->asked_ms && now - l->asked_ms >= timeout_ms) {
		if (l->queries < p->config->query_repeats) {
			inventory_ask(p, t, l);
		} else { /* it is asked again in a while */
			l->asked_ms = 0;
			l->queries = 0;
			l->poll_ms = now + PB_MINUTE_MS;
		}
	} else if (!l->asked_ms && l->poll_ms && now >= l->poll_ms) {
		inventory_ask(p, t, l);
	}
	if (c->flapping && now - c->swaps[(c->n_swaps + PB_SWAPS_MAX) % (PB_SWAPS_MAX + 1)] >= PB_FLAPPING_MS) {
		c->flapping = false;
		alarm_set(t, c->device, cabinet_edit(t, c->device), "flapping", false,
			  "its connection is steady again");
	}
}

/* So long a connection may be nobody's. A known cabinet whose check is being learned speaks once a heartbeat. */
static int64_t patience_ms(const struct line *l)
{
	bool learning = l->profile.learn && l->wire.identity[0] && !l->unknown;

	return learning ? 2 * PB_LEARN_FRAMES * l->profile.heartbeat_ms : PB_STRANGER_MS;
}

int lines_sweep(struct powerbank *p, struct gv_turn *t)
{
	int64_t now = gv_now_ms(t);

	for (unsigned i = 0; i < PB_BUCKETS; i++)
		for (struct line *l = p->lines[i]; l; l = l->next) {
			if (l->closing)
				continue;
			if (l->cabinet)
				sweep_cabinet(p, t, l);
			else if (now - l->opened_ms >= patience_ms(l))
				line_close(t, l, l->unknown ? "nobody has made it known" : "it has not said who it is");
		}
	p->sweeping = false;
	return p->n_lines ? arm_sweep(p, t) : 0;
}
