/* The rows of orders: kept, found by whose they are, and told whenever their state changes. */
#include "orders.h"
#include <plugins/billing/people/people_rows.h>

#include <string.h>

const struct gv_table orders_table = { .name = "orders", .key = "s", .value = &billing__order_row__descriptor };
const struct gv_table orders_tokens = { .name = "order_tokens", .key = "s", .value = &billing__order_ref__descriptor };
const struct gv_table orders_open = { .name = "order_open", .key = "ss", .value = &billing__order_ref__descriptor };
const struct gv_table orders_times = { .name = "order_times", .key = "sis", .value = &billing__order_at__descriptor };

Billing__OrderRow *orders_take(struct gv_turn *t, const char *id)
{
	const Billing__OrderRow *found = gv_get(t, &orders_table, gv_key(id));
	Billing__OrderRow *row;

	if (!found)
		return NULL;
	row = gv_alloc(t, sizeof *row);
	*row = *found;
	row->order = gv_alloc(t, sizeof *row->order);
	*row->order = *found->order;
	return row;
}

Billing__OrderRow *orders_by_token(struct gv_turn *t, const char *token)
{
	const Billing__OrderRef *ref = *token ? gv_get(t, &orders_tokens, gv_key(people_fold(t, token))) : NULL;

	return ref ? orders_take(t, ref->order) : NULL;
}

bool orders_is_over(const Billing__OrderRow *row)
{
	return row->order->state == BILLING__ORDER_STATE__ORDER_STATE_CLOSED ||
	       row->order->state == BILLING__ORDER_STATE__ORDER_STATE_VOIDED;
}

static void index_new(struct gv_turn *t, const Billing__Order *o)
{
	static const Billing__OrderAt none = BILLING__ORDER_AT__INIT;
	Billing__OrderRef ref = BILLING__ORDER_REF__INIT;

	ref.order = o->id;
	gv_put(t, &orders_tokens, gv_key(people_fold(t, o->token)), &ref);
	gv_put(t, &orders_open, gv_key(o->device, o->id), &ref);
	gv_put(t, &orders_times, gv_key("", o->created_at_ms, o->id), &none);
	gv_put(t, &orders_times, gv_key(gv_str(t, "d:%s", o->device), o->created_at_ms, o->id), &none);
	if (*o->customer)
		gv_put(t, &orders_times, gv_key(gv_str(t, "c:%s", o->customer), o->created_at_ms, o->id), &none);
}

void orders_put(struct gv_turn *t, Billing__OrderRow *row)
{
	const Billing__Order *o = row->order;

	if (!gv_get(t, &orders_table, gv_key(o->id)))
		index_new(t, o);
	if (orders_is_over(row)) {
		gv_delete(t, &orders_open, gv_key(o->device, o->id));
		gv_timer_cancel(t, gv_str(t, "order:%s", o->id));
	}
	gv_put(t, &orders_table, gv_key(o->id), row);
}

void orders_tell(struct gv_turn *t, const Billing__OrderRow *row)
{
	Billing__OrderChanged event = BILLING__ORDER_CHANGED__INIT;

	event.partition = row->order->device;
	event.order = row->order;
	gv_emit(t, &event);
}

static const char *state_name(Billing__OrderState state)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(&billing__order_state__descriptor, state);

	return v ? v->name + strlen("ORDER_STATE_") : "?";
}

void orders_to(struct gv_turn *t, Billing__OrderRow *row, Billing__OrderState state)
{
	Billing__Order *o = row->order;

	o->state = state;
	o->changed_at_ms = gv_now_ms(t);
	orders_put(t, row);
	orders_tell(t, row);
	gv_log(t, GV_INFO, "order is %s order=%s device=%s connector=%u%s%s", state_name(state), o->id, o->device,
	       o->connector, *o->error ? " why=" : "", o->error);
}

void orders_flag(struct gv_turn *t, Billing__OrderRow *row, const char *flag)
{
	orders_add_flag(t, &row->order->flags, &row->order->n_flags, flag);
}

const char *orders_hold(struct gv_turn *t, const Billing__OrderRow *row)
{
	return gv_str(t, "order:%s:hold", row->order->id);
}
