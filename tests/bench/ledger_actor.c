/* The ledger by itself, as a plugin of nothing else, driven by hand. */
#include "ledger_actor.h"
#include "billing.schema.h"

#include <plugins/billing/ledger/ledger_methods.h>
#include <plugins/billing/ledger/ledger_rows.h>

static void (*on_reply)(const Env__Reply *reply);

static int start(void *self, struct gv_turn *t, const void *config)
{
	static Billing__Config none = BILLING__CONFIG__INIT;
	struct billing *b = self;

	none.currency = (char *)"EUR";
	b->config = &none;
	return ledger_start(b, t);
}

static void stop(void *self)
{
	ledger_stop(self);
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return ledger_due(self, t, name);
}

static const struct gv_method methods[] = {
	{ "Post", ledger_post }, { "GetAccount", ledger_get_account }, { "Verify", ledger_verify }, { 0 }
};
static const struct gv_plugin record = {
	GV_STAMP,
	.name = "billing",
	.version = "1",
	.summary = "The ledger alone",
	.serves = GV_SERVES({ &billing__billing__descriptor, methods }),
	.tables = GV_TABLES(&ledger_accounts, &ledger_transfers, &ledger_entries, &ledger_orders, &ledger_expiries,
			    &ledger_heads, &ledger_verifications),
	.schema_set = GV_SCHEMA(billing),
	.schema = 1,
	.self_size = sizeof(struct billing),
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
};

static void on_item(const char *to, const Env__Item *item)
{
	if (item->kind_case == ENV__ITEM__KIND_REPLY)
		on_reply(item->reply);
}

struct gv_actor *ledger_actor_open(const char *folder, void (*reply)(const Env__Reply *reply))
{
	on_reply = reply;
	return bench_actor_open(&(struct bench_actor_options){
		.folder = folder, .plugin = &record, .other_plugin = "bench", .item = on_item });
}
