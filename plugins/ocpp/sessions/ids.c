/* What transactions are called. Each has a number, which is never used again and orders all of them by when galvan
 * learnt of them. OCPP 1.6 gives a charger an int32 (5.13), so a transaction's id is its number's place in 1 .. 2^31 -
 * 1: ids never run out, and one comes again only after 2^31 - 1 others. Of one charger it does not come again at all as
 * long as the session of that time is there: see transaction_number. */
#include <plugins/ocpp/ocpp.h>

int32_t id_of(uint64_t number)
{
	return (int32_t)((number - 1) % INT32_MAX + 1);
}

uint32_t id_age(const struct ocpp *o, int32_t id)
{
	uint32_t next = (uint32_t)id_of(o->next_transaction), at = (uint32_t)id;

	return next > at ? next - at : next + INT32_MAX - at;
}

bool id_is_anothers(const struct ocpp *o, const struct station *st, int32_t id)
{
	return st->first && id_age(o, id) > o->next_transaction - st->first;
}

bool ended_next(const struct ocpp *o, struct gv_turn *t, struct ended_walk *w)
{
	int32_t next = id_of(o->next_transaction);

	if (!w->scan.table)
		w->scan = (struct gv_scan){ .table = &ocpp_history,
					    .prefix = gv_key(w->device),
					    .after = gv_key(w->device, (uint64_t)next),
					    .reverse = true };
	if (!w->older && gv_next(t, &w->scan)) {
		w->row = w->scan.row;
		return true;
	}
	if (!w->older)
		w->scan = (struct gv_scan){ .table = &ocpp_history, .prefix = gv_key(w->device), .reverse = true };
	w->older = true;
	if (!gv_next(t, &w->scan) || w->scan.key.part[1].u < (uint64_t)next)
		return false;
	w->row = w->scan.row;
	return true;
}
