/* One method that runs whatever function the test put beside it: every turn of the test is a call. */
#include "ledger_rig.h"
#include "billing.schema.h"

#include <plugins/billing/ledger/ledger_methods.h>
#include <plugins/billing/ledger/ledger_rows.h>

#include <stdio.h>
#include <string.h>

#define METHOD "galvan.billing.v1.Billing/Quote" /* any that the ledger does not have */

static ledger_rig_fn *body;
static bool undone;
static struct {
	char account[LEDGER_ID_MAX + 1];
	unsigned times;
} changes[64];

static int account_changed(struct billing *b, struct gv_turn *t, const char *account)
{
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		if (*changes[i].account && strcmp(changes[i].account, account) != 0)
			continue;
		snprintf(changes[i].account, sizeof changes[i].account, "%s", account);
		changes[i].times++;
		return 0;
	}
	return 0;
}

unsigned ledger_rig_changes(const char *account)
{
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
		if (!strcmp(changes[i].account, account))
			return changes[i].times;
	return 0;
}

static int (*more_start)(struct billing *b);

static int start(void *self, struct gv_turn *t, const void *config)
{
	static Billing__Config defaults = BILLING__CONFIG__INIT;
	struct billing *b = self;
	int error;

	defaults.currency = (char *)"EUR";
	b->config = &defaults;
	b->account_changed = account_changed;
	error = ledger_start(b, t);
	return error || !more_start ? error : more_start(b);
}

static void stop(void *self)
{
	ledger_stop(self);
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return ledger_due(self, t, name);
}

static int run_body(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Billing__QuoteReply reply = BILLING__QUOTE_REPLY__INIT;

	body(self, t);
	return undone ? gv_fail(t, GV_ABORTED, "undone") : gv_reply(t, to, &reply);
}

static const struct gv_method methods[] = {
	{ "Quote", run_body },
	{ "GetAccount", ledger_get_account },
	{ "ListAccounts", ledger_list_accounts },
	{ "ListEntries", ledger_list_entries },
	{ "Post", ledger_post },
	{ "Verify", ledger_verify },
	{ 0 },
};

#define TABLES_MAX 16
static const struct gv_table *tables[TABLES_MAX + 1] = { &ledger_accounts,     &ledger_transfers, &ledger_entries,
							 &ledger_orders,       &ledger_expiries,  &ledger_heads,
							 &ledger_verifications };

static const struct gv_plugin record = {
	GV_STAMP,
	.name = "billing",
	.version = "1",
	.summary = "The ledger alone",
	.serves = GV_SERVES({ &billing__billing__descriptor, methods }),
	.tables = tables,
	.schema_set = GV_SCHEMA(billing),
	.schema = 1,
	.self_size = sizeof(struct billing),
	.start = start,
	.stop = stop,
	.on_timer = on_timer,
};

void ledger_rig_add(const struct gv_table *const *more, int (*start_more)(struct billing *b))
{
	size_t n = 0;

	while (tables[n])
		n++;
	for (; *more && n < TABLES_MAX; more++)
		tables[n++] = *more;
	more_start = start_more;
}

struct host *ledger_rig_begin(uint64_t seed)
{
	struct host *h = host_create(seed);

	memset(changes, 0, sizeof changes);
	host_check(h, host_load_record(h, &record, 1, NULL) == 0, "%s", host_error(h));
	return h;
}

void ledger_rig_end(struct host *h)
{
	host_destroy(h);
}

static void run(struct host *h, ledger_rig_fn *fn, bool undo)
{
	struct host_answer *a;

	body = fn;
	undone = undo;
	a = host_call(h, METHOD, "{\"device\":\"ocpp:X\"}");
	host_check(h, a->code == (undo ? GV_ABORTED : GV_OK), "the turn failed: %s", a->error);
}

void ledger_rig_turn(struct host *h, ledger_rig_fn *fn)
{
	run(h, fn, false);
}

void ledger_rig_undone_turn(struct host *h, ledger_rig_fn *fn)
{
	run(h, fn, true);
}
