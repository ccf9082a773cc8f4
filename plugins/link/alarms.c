/* Refusals as security events. A hostile peer knocks as often as it likes, so each device has a budget, and all that
 * name no known device have one together: a few events at once, then one a minute. The log and the counters have
 * budgets of their own. */
#include <galvan/link.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "link.h"

#define ALARM_INTERVAL_MS 60000 /* one event in this time, */
#define ALARM_BURST 5u          /* after so many that may come at once */

/* True where an event may be made now; else it is counted for the next one. */
static bool spend(struct alarm_budget *b, uint64_t now)
{
	if (b->due_ms > now + (ALARM_BURST - 1) * ALARM_INTERVAL_MS) {
		b->more++;
		return false;
	}
	b->due_ms = (b->due_ms > now ? b->due_ms : now) + ALARM_INTERVAL_MS;
	return true;
}

void alarm_raise(struct link *l, struct device *d, const struct alarm *a)
{
	struct alarm_budget *budget = d ? &d->alarms : &l->alarms;
	Link__HandshakeRefused e = LINK__HANDSHAKE_REFUSED__INIT;
	char origin[PEER_MAX];

	gv_world_count(l->world, reason_counter(a->reason), 1);
	refusal_log(l, d ? d->id : "", a);
	if (!spend(budget, link_now(l)))
		return;
	snprintf(origin, sizeof(origin), "%.*s", (int)strcspn(a->peer, " "), a->peer);
	e.origin = d ? d->id : origin;
	e.device = d ? d->id : (char *)"";
	e.peer = (char *)a->peer;
	e.reason = (char *)reason_word(a->reason);
	e.detail = (char *)a->detail;
	e.subject = (char *)(a->subject ? a->subject : "");
	e.port = a->port;
	e.time_ms = gv_world_now_ms(l->world);
	e.more = budget->more;
	budget->more = 0;
	notice_add(l, &e.base);
}
