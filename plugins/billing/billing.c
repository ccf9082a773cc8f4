/* billing: who pays, for what, how much. It owns every paid saga; the plugins that drive devices start and stop when it
 * says so. */
#include "billing.h"
#include "billing.schema.h"
#include "ledger_methods.h"
#include "ledger_rows.h"

#include <galvan/charging.pb-c.h>
#include <galvan/link.pb-c.h>

#include <string.h>

/* The config that start is given dies with its turn. */
static Billing__Config *keep(struct gv_turn *t, const Billing__Config *c)
{
	size_t size = billing__config__get_packed_size(c);
	uint8_t *packed = gv_alloc(t, size + 1);

	billing__config__pack(c, packed);
	return billing__config__unpack(NULL, size, packed);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct billing *b = self;

	if (gv_self(t)->instances != 1)
		return gv_fault(t, "billing runs as one instance, since all money is in one ledger: remove `instances` "
				   "from its entry in the config file");
	b->config = keep(t, config);
	if (!b->config)
		return gv_fault(t, "no memory for the config");
	return ledger_start(b, t);
}

static void stop(void *self)
{
	struct billing *b = self;

	ledger_stop(b);
	if (b->config)
		billing__config__free_unpacked(b->config, NULL);
	b->config = NULL;
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	struct billing *b = self;

	if (!strncmp(name, "ledger:", 7))
		return ledger_due(b, t, name);
	return gv_fault(t, "no timer of this version is called \"%s\"", name);
}

static const struct gv_method billing_methods[] = {
	{ "GetAccount", ledger_get_account },
	{ "ListAccounts", ledger_list_accounts },
	{ "ListEntries", ledger_list_entries },
	{ "Post", ledger_post },
	{ 0 },
};
static const struct gv_method driver_methods[] = {
	{ 0 },
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "billing",
	.version = "0.1.0",
	.summary = "People, tokens, tariffs, payments first, and a ledger",
	.config = &billing__config__descriptor,
	.serves = GV_SERVES({ &billing__billing__descriptor, billing_methods },
			    { &billing__driver__descriptor, driver_methods }),
	.calls = GV_CALLS(&charging__charging__descriptor, &link__http__descriptor),
	.listens = GV_LISTENS("/pay/"),
	.tables = GV_TABLES(&ledger_accounts, &ledger_transfers, &ledger_entries, &ledger_orders, &ledger_expiries,
			    &ledger_heads),
	.schema_set = GV_SCHEMA(billing),
	.schema = 1,
	.self_size = sizeof(struct billing),
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
};
