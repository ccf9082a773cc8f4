/* billing: who pays, for what, how much. It owns every paid saga; the plugins that drive devices start and stop when it
 * says so. */
#include "billing.h"
#include "billing.schema.h"
#include <plugins/billing/charges/charges.h>
#include <plugins/billing/ledger/ledger_methods.h>
#include <plugins/billing/ledger/ledger_rows.h>
#include <plugins/billing/payments/pay.h>
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/places.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <galvan/charging.pb-c.h>
#include <galvan/link.pb-c.h>
#include <galvan/registry.pb-c.h>
#include <galvan/rental.pb-c.h>
#include <lib/message.h>

#include <string.h>

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct billing *b = self;
	int error;

	if (gv_self(t)->instances != 1)
		return gv_fault(t, "billing runs as one instance, since all money is in one ledger: remove `instances` "
				   "from its entry in the config file");
	b->config = gv_message_copy(config); /* what start is given dies with its turn */
	if (!b->config)
		return gv_fault(t, "no memory for the config");
	if (!b->config->hold || !b->config->sign_in)
		return gv_fault(t, "the config has neither its parts hold and sign_in nor their defaults");
	error = ledger_start(b, t);
	if (!error)
		error = people_start(b, t);
	if (!error)
		error = charges_start(b);
	if (!error)
		error = pay_add_checks(b);
	return error ? error : pay_start(b, t);
}

static void stop(void *self)
{
	struct billing *b = self;

	live_stop(b);
	ledger_stop(b);
	places_stop(b);
	tariffs_stop(b);
	if (b->config)
		billing__config__free_unpacked(b->config, NULL);
	b->config = NULL;
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	struct billing *b = self;

	if (!strncmp(name, "ledger:", 7))
		return ledger_due(b, t, name);
	if (!strncmp(name, "people:", 7))
		return people_due(b, t, name);
	if (!strncmp(name, "pay:", 4))
		return pay_due(b, t, name);
	if (!strncmp(name, "order:", 6))
		return orders_due(b, t, name);
	if (!strncmp(name, "use:", 4))
		return uses_due(b, t, note);
	return gv_fault(t, "no timer of this version is called \"%s\"", name);
}

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *answer)
{
	const ProtobufCMessage *note = answer->note;
	struct billing *b = self;

	if (note && note->descriptor == &billing__code_sent__descriptor)
		return people_answered(b, t, answer);
	if (note && note->descriptor == &billing__payment_asked__descriptor)
		return pay_answered(b, t, answer);
	if (note && note->descriptor == &billing__order_asked__descriptor)
		return orders_answered(b, t, answer);
	if (note && note->descriptor == &billing__use_asked__descriptor)
		return uses_answered(b, t, answer);
	if (!note && !strcmp(answer->method, "galvan.charging.v1.Charging/GetSession"))
		return live_answered(b, t, answer);
	return gv_fault(t, "an answer of %s comes to nobody", answer->method);
}

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *frame)
{
	return pay_frame(self, t, frame);
}

static const struct gv_method billing_methods[] = {
	{ "PutCustomer", people_put_customer },
	{ "GetCustomer", people_get_customer },
	{ "ListCustomers", people_list_customers },
	{ "PutToken", people_put_token },
	{ "ReplaceToken", people_replace_token },
	{ "ListTokens", people_list_tokens },
	{ "PutTariff", tariffs_put },
	{ "ListTariffs", tariffs_list },
	{ "AssignTariff", tariffs_assign },
	{ "Quote", tariffs_quote },
	{ "GetAccount", ledger_get_account },
	{ "ListAccounts", ledger_list_accounts },
	{ "ListEntries", ledger_list_entries },
	{ "Post", ledger_post },
	{ "Verify", ledger_verify },
	{ "TopUp", topup },
	{ "GetPayment", pay_get },
	{ "ListPayments", pay_list },
	{ "Refund", topup_refund },
	{ "Checkout", orders_checkout },
	{ "GetOrder", orders_get },
	{ "ListOrders", orders_list },
	{ "StopOrder", orders_stop },
	{ "ListCharges", charges_list },
	{ "GetCharge", charges_get },
	{ "CreditCharge", charges_credit },
	{ "GetReceipt", receipt_get },
	{ "GetStatement", statement_get },
	{ "ExportCharges", charges_export },
	{ 0 },
};
static const struct gv_method driver_methods[] = {
	{ "RequestCode", people_request_code }, { "SignIn", people_sign_in },
	{ "SignOut", people_sign_out },         { "GetMe", people_get_me },
	{ "ListMyCharges", charges_list_mine }, { 0 },
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "billing",
	.version = "0.1.0",
	.summary = "People, tokens, tariffs, payments first, and a ledger",
	.config = &billing__config__descriptor,
	.serves = GV_SERVES({ &billing__billing__descriptor, billing_methods },
			    { &billing__driver__descriptor, driver_methods }),
	.hears = GV_HEARS({ &registry__device_changed__descriptor, places_device_changed },
			  { &charging__session_started__descriptor, uses_started },
			  { &charging__session_metered__descriptor, live_metered },
			  { &charging__session_shows_cost__descriptor, priced_shown },
			  { &charging__session_ended__descriptor, uses_ended },
			  { &charging__start_abandoned__descriptor, orders_start_abandoned },
			  { &rental__rental_started__descriptor, rents_started },
			  { &rental__rental_failed__descriptor, rents_failed },
			  { &rental__rental_ended__descriptor, rents_ended }),
	.calls = GV_CALLS(&charging__charging__descriptor, &rental__lending__descriptor, &rental__rental__descriptor,
			  &update__updates__descriptor, &link__http__descriptor, &link__mail__descriptor),
	.emits = GV_EMITS(
		{ &billing__token_changed__descriptor, people_snapshot },
		{ &billing__payment_changed__descriptor, NULL }, { &billing__order_changed__descriptor, NULL },
		{ &billing__charge_recorded__descriptor, NULL }, { &billing__session_priced__descriptor, NULL }),
	.listens = GV_LISTENS("/pay/"),
	.tables = GV_TABLES(&ledger_accounts, &ledger_transfers, &ledger_entries, &ledger_orders, &ledger_expiries,
			    &ledger_heads, &ledger_verifications, &people_customers, &people_contacts, &people_tokens,
			    &people_tokens_of, &people_guests, &people_ends, &people_codes, &people_accesses,
			    &people_accesses_of, &pay_payments, &pay_refs, &pay_refund_ids, &pay_times, &pay_events,
			    &pay_event_times, &pay_store, &tariffs_table, &tariffs_assignments, &places_table,
			    &orders_table, &orders_tokens, &orders_open, &orders_times, &uses_table, &twins_table,
			    &charges_table, &charges_sessions, &charges_credits, &charges_times),
	.notes = GV_NOTES(&billing__code_sent__descriptor, &billing__payment_asked__descriptor,
			  &billing__order_asked__descriptor, &billing__use_asked__descriptor),
	.schema_set = GV_SCHEMA(billing),
	.schema = 1,
	.self_size = sizeof(struct billing),
	.start = start,
	.stop = stop,
	.on_answer = on_answer,
	.on_timer = on_timer,
	.on_frame = on_frame,
};
