/* Who is in reach, and the events of it. Each peripheral has at most one event a second; what changed meanwhile is told
 * then, as it is then. */
#include "bluetooth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell_soon(struct bluetooth *b);

struct peripheral *peripheral_find(const struct bluetooth *b, const char *address)
{
	struct peripheral *p = b->peripherals;

	while (p && strcmp(p->address, address) != 0)
		p = p->next;
	return p;
}

struct peripheral *peripheral_get(struct bluetooth *b, const char *address)
{
	struct peripheral *p = peripheral_find(b, address);

	if (p || b->n_peripherals == PERIPHERALS_MAX || !(p = calloc(1, sizeof *p)))
		return p;
	snprintf(p->address, sizeof p->address, "%s", address);
	p->next = b->peripherals;
	b->peripherals = p;
	b->n_peripherals++;
	return p;
}

void peripheral_release(struct bluetooth *b, struct peripheral *p)
{
	if (p->in_reach || p->conn || p->untold)
		return;
	for (struct peripheral **at = &b->peripherals; *at; at = &(*at)->next) {
		if (*at != p)
			continue;
		*at = p->next;
		b->n_peripherals--;
		free(p);
		return;
	}
}

void peripherals_fini(struct bluetooth *b)
{
	for (struct peripheral *p = b->peripherals, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	b->peripherals = NULL;
	b->n_peripherals = 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

static void fill(const struct bluetooth *b, const struct peripheral *p, const struct service *s,
		 Bluetooth__Peripheral *ret)
{
	bluetooth__peripheral__init(ret);
	ret->address = (char *)p->address;
	ret->name = (char *)p->name;
	ret->rssi_dbm = p->rssi_dbm;
	ret->seen_at_ms = p->seen_at_ms;
	ret->connected = p->conn && p->conn->state == CONN_OPEN;
	for (size_t i = 0; i < p->n_services; i++) {
		if (strcmp(p->services[i].uuid, s->uuid) != 0)
			continue;
		ret->service = (char *)p->services[i].uuid;
		ret->service_data = (ProtobufCBinaryData){ p->services[i].size, (uint8_t *)p->services[i].data };
	}
}

static int emit_seen(const struct bluetooth *b, struct gv_turn *t, const struct peripheral *p, const struct service *s)
{
	Bluetooth__PeripheralSeen e = BLUETOOTH__PERIPHERAL_SEEN__INIT;
	Bluetooth__Peripheral what;

	fill(b, p, s, &what);
	e.address = what.address;
	e.peripheral = &what;
	return gv_emit(t, &e);
}

static int tell_one(struct bluetooth *b, struct gv_turn *t, struct peripheral *p)
{
	const struct service *s = p->in_reach ? service_of(b, p, "") : NULL;
	Bluetooth__PeripheralGone gone = BLUETOOTH__PERIPHERAL_GONE__INIT;
	int r = 0;

	gone.address = p->address;
	if (s)
		r = emit_seen(b, t, p, s);
	else if (p->told)
		r = gv_emit(t, &gone);
	p->told = s != NULL;
	p->told_ms = uv_now(b->loop);
	p->untold = false;
	return r;
}

static bool due(const struct bluetooth *b, const struct peripheral *p)
{
	return p->untold && (!p->told_ms || uv_now(b->loop) >= p->told_ms + PERIPHERAL_TOLD_MS);
}

static int tell_all(void *self, struct gv_turn *t, void *arg)
{
	struct bluetooth *b = self;
	int r = 0;

	b->telling = false;
	for (struct peripheral *p = b->peripherals, *next; p && r == 0 && b->loop; p = next) {
		next = p->next;
		if (!due(b, p))
			continue;
		r = tell_one(b, t, p);
		peripheral_release(b, p);
	}
	tell_soon(b);
	return r;
}

static void on_tell(uv_timer_t *timer)
{
	tell_soon(timer->data);
}

/* Asks for a turn where something may be told now, and looks again when the next may be. */
static void tell_soon(struct bluetooth *b)
{
	uint64_t next = 0, now;

	if (!b->loop || b->draining || b->telling)
		return;
	now = uv_now(b->loop);
	for (const struct peripheral *p = b->peripherals; p; p = p->next) {
		if (due(b, p)) {
			b->telling = gv_world_turn(b->world, tell_all, NULL) == 0;
			return;
		}
		if (p->untold && (!next || p->told_ms + PERIPHERAL_TOLD_MS < next))
			next = p->told_ms + PERIPHERAL_TOLD_MS;
	}
	if (!next)
		return;
	if (!b->tell && !(b->tell = handle_new(b, sizeof *b->tell)))
		return;
	if (!b->tell->data) {
		uv_timer_init(b->loop, b->tell);
		b->tell->data = b;
	}
	uv_timer_start(b->tell, on_tell, next - now, 0);
}

int peripherals_snapshot(void *self, struct gv_turn *t)
{
	struct bluetooth *b = self;
	int r = 0;

	for (const struct peripheral *p = b->peripherals; p && r == 0; p = p->next) {
		const struct service *s = p->told && p->in_reach ? service_of(b, p, "") : NULL;

		if (s)
			r = emit_seen(b, t, p, s);
	}
	return r;
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool same_services(const struct peripheral *a, const struct peripheral *b)
{
	if (a->n_services != b->n_services)
		return false;
	for (size_t i = 0; i < a->n_services; i++) {
		const struct advertised *x = &a->services[i], *y = &b->services[i];

		if (strcmp(x->uuid, y->uuid) != 0 || x->size != y->size || memcmp(x->data, y->data, x->size) != 0)
			return false;
	}
	return true;
}

void peripheral_seen(struct bluetooth *b, struct peripheral *p, const struct peripheral *said)
{
	if (!p->in_reach || strcmp(p->name, said->name) != 0 || !same_services(p, said))
		p->untold = true;
	p->in_reach = true;
	p->seen_at_ms = gv_world_now_ms(b->world);
	p->rssi_dbm = said->rssi_dbm;
	p->n_services = said->n_services;
	memcpy(p->name, said->name, sizeof p->name);
	memcpy(p->services, said->services, sizeof p->services);
	tell_soon(b);
}

void peripheral_gone(struct bluetooth *b, struct peripheral *p)
{
	p->in_reach = false;
	p->untold = true;
	tell_soon(b);
}

void peripherals_all_gone(struct bluetooth *b)
{
	for (struct peripheral *p = b->peripherals; p; p = p->next)
		if (p->in_reach)
			peripheral_gone(b, p);
}

void peripherals_listen(struct bluetooth *b)
{
	for (struct peripheral *p = b->peripherals; p; p = p->next)
		if (p->told != (p->in_reach && service_of(b, p, "")))
			p->untold = true;
	tell_soon(b);
}

int peripherals_list(struct bluetooth *b, struct gv_turn *t, struct gv_ticket ticket)
{
	Bluetooth__ListPeripheralsReply reply = BLUETOOTH__LIST_PERIPHERALS_REPLY__INIT;

	for (const struct peripheral *p = b->peripherals; p; p = p->next) {
		const struct service *s = p->in_reach || p->conn ? service_of(b, p, "") : NULL;
		Bluetooth__Peripheral **row;

		if (!s)
			continue;
		row = GV_APPEND(t, reply.peripherals, reply.n_peripherals);
		*row = gv_alloc(t, sizeof **row);
		fill(b, p, s, *row);
	}
	return gv_reply(t, ticket, &reply);
}
