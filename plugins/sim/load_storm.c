/* A reconnect storm: what a server meets when a mobile network or the server itself was away for a moment, and every
 * charger is back in the same second. */
#include "load_run.h"

/* What a charger says first when it is back, one after the other. */
static const enum load_kind calls[] = { LOAD_BOOT, LOAD_STATUS, LOAD_METER };

void load_storm_begin(struct load *l)
{
	for (uint32_t i = 0; i < l->born; i++) {
		struct station *s = &l->stations[i];
		if (!s->line_up || s->state != READY)
			continue;
		s->storm_step = 0;
		l->away++;
		line_abort(&s->line, false);
	}
}

bool load_storm_call(struct station *s, uint64_t now_ns)
{
	if (s->storm_step < sizeof calls / sizeof calls[0]) {
		load_send(s, calls[s->storm_step++], now_ns);
		return true;
	}
	if (s->storm_step == sizeof calls / sizeof calls[0]) {
		s->storm_step++; /* once, however often it comes back */
		s->load->away--;
	}
	return false;
}
