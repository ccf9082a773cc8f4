/* How many transactions one charger may begin. Each is kept for ever, so a charger that invents them would fill the
 * store; an honest one stays far below the rate, but for the queue of a long time without a connection, which comes at
 * once. What is beyond is answered as what could not be processed: the charger keeps it and says it again (1.6, 3.7.1
 * and TransactionMessageAttempts; 2.0.1, MessageAttempts), and frames.c keeps it among the orphans, as it may stand for
 * energy. */
#include <plugins/ocpp/ocpp.h>

#define BURST 5000 /* transactions at once: a queue of months */

const struct gv_table ocpp_usage = { .name = "usage", .key = "s", .value = &ocpp__usage_row__descriptor };

bool quota_start(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	int64_t now = gv_now_ms(t), most = now + BURST * o->start_every_ms;
	Ocpp__UsageRow *usage = gv_edit(t, &ocpp_usage, gv_key(in->device));
	int64_t due = usage->starts_due_ms;

	if (due < now || due > most) /* the latter after the node's clock was set back, or the config changed */
		due = now;
	if (due + o->start_every_ms > most) {
		gv_count(t, "transactions_refused", 1);
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_TOO_MANY_TRANSACTIONS));
		in->code = RPC_INTERNAL_ERROR;
		in->why = gv_str(t,
				 "this charger has begun %d transactions more than new_transactions_per_hour allows: "
				 "this one is to be sent again later",
				 BURST);
		return false;
	}
	usage->starts_due_ms = due + o->start_every_ms;
	return true;
}
