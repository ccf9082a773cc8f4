/* What ends by the clock alone: a token's validity, a code, a sign-in. One table in the order of time and one timer for
 * its first row, so that a million cards cost no more than one. */
#include "people_rows.h"

#include <string.h>

const struct gv_table people_ends = { .name = "ends", .key = "iss", .value = &billing__end_row__descriptor };

void people_ends_at(struct gv_turn *t, int64_t at_ms, const char *kind, const char *key)
{
	Billing__EndRow row = BILLING__END_ROW__INIT;

	gv_put(t, &people_ends, gv_key(at_ms, kind, key), &row);
}

void people_ends_not(struct gv_turn *t, int64_t at_ms, const char *kind, const char *key)
{
	gv_delete(t, &people_ends, gv_key(at_ms, kind, key));
}

int people_ends_arm(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &people_ends };

	return gv_next(t, &scan) ? gv_timer(t, PEOPLE_TIMER, scan.key.part[0].i, NULL)
				 : gv_timer_cancel(t, PEOPLE_TIMER);
}

int people_due(struct billing *b, struct gv_turn *t, const char *name)
{
	struct gv_scan scan = { .table = &people_ends };
	int error = 0;

	if (strcmp(name, PEOPLE_TIMER) != 0)
		return gv_fault(t, "no timer of this version is called \"%s\"", name);
	for (unsigned n = 0; !error && n < PEOPLE_ENDS_MAX && gv_next(t, &scan); n++) {
		const char *kind = scan.key.part[1].s, *key = scan.key.part[2].s;

		if (scan.key.part[0].i > gv_now_ms(t))
			break;
		gv_delete(t, &people_ends, scan.key);
		if (!strcmp(kind, "token"))
			error = people_token_ends(b, t, key);
		else if (!strcmp(kind, "code"))
			error = people_code_ends(t, key);
		else
			error = people_access_ends(t, key);
	}
	return error ? error : people_ends_arm(t);
}
