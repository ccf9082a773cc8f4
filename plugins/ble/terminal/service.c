/* What the record names of this role: its methods, and the radio's events. */
#include "terminal.h"

static struct terminal *state_of(void *self)
{
	return ble_state(self, &ble_terminal_role);
}

static int no_terminal(struct gv_turn *t, struct gv_ticket ticket)
{
	return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
			 "this node is no terminal: ask the one that has the pile in reach of its radio, or "
			 "galvan.charging.v1.Charging for a pile that is on line");
}

int terminal_start(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct terminal *s = state_of(self);

	return s ? order_start(s, t, ticket, (const Ble__StartRequest *)m) : no_terminal(t, ticket);
}

int terminal_stop(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct terminal *s = state_of(self);

	return s ? order_stop(s, t, ticket, (const Ble__StopRequest *)m) : no_terminal(t, ticket);
}

int terminal_flush(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct terminal *s = state_of(self);

	return s ? line_wait_flush(s, t, ticket) : no_terminal(t, ticket);
}

int terminal_list(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	struct terminal *s = state_of(self);

	return s ? reach_list(t, ticket, (const Ble__ListPilesRequest *)m) : no_terminal(t, ticket);
}

int terminal_seen(void *self, struct gv_turn *t, const ProtobufCMessage *m, const struct gv_emitter *from)
{
	struct terminal *s = state_of(self);

	return s ? reach_seen(s, t, (const Bluetooth__PeripheralSeen *)m) : 0;
}

int terminal_gone(void *self, struct gv_turn *t, const ProtobufCMessage *m, const struct gv_emitter *from)
{
	return state_of(self) ? reach_gone(t, (const Bluetooth__PeripheralGone *)m) : 0;
}
