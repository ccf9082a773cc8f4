/* What the next message to one charger's list must hold.
 *
 * A full list goes through all tokens in the order of their keys, in as many messages as it takes; what changes
 * meanwhile has a change behind the one at which it began, and follows as a difference. Where not all tokens fit, those
 * from `cutoff` on are left out, and no difference speaks of them. */
#include "lists.h"

#include <string.h>

void difference_begin(struct ocpp *o, Ocpp__ListPlace *place)
{
	ocpp__list_place__init(place);
	place->filling = true;
	place->change = o->lists->change;
}

static void add(struct gv_turn *t, struct list_message *m, const Ocpp__ListedToken *row, const char *status)
{
	struct list_entry *entry = GV_APPEND(t, m->entries, m->n);

	entry->id = row->id;
	entry->status = status;
	entry->parent = row->parent;
	entry->type = row->type[0] ? row->type : TOKEN_TYPE_CARD;
	entry->valid_until_ms = row->valid_until_ms;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool lists_it(struct gv_turn *t, const struct list_room *room, const Ocpp__ListedToken *row)
{
	return listed_good(row, room->site) && strlen(row->id) <= room->id_max &&
	       (!row->valid_until_ms || row->valid_until_ms > gv_now_ms(t));
}

static enum list_step fill(struct gv_turn *t, const struct list_room *room, Ocpp__ListPlace *place,
			   struct list_message *m)
{
	struct gv_scan scan = { .table = &ocpp_listed };
	bool first = !place->filled[0], more = true;

	if (!first)
		scan.after = gv_key(place->filled);
	for (unsigned looked = 0; looked < LISTS_LOOK_MAX && m->n < room->chunk_max && (more = gv_next(t, &scan));
	     looked++) {
		place->filled = (char *)scan.key.part[0].s;
		if (!lists_it(t, room, scan.row))
			continue;
		if (place->entries == room->entries_max) {
			place->cutoff = place->filled;
			more = false;
			break;
		}
		place->entries++;
		add(t, m, scan.row, "Accepted");
	}
	place->filling = more;
	if (!more)
		place->filled = (char *)protobuf_c_empty_string;
	m->full = first;
	return first || m->n ? LIST_SAY : LIST_GO_ON;
}

/* ---- a difference ---------------------------------------------------------------------------- */

/* How the charger is told of a token that is not good there any more. Its status stands in the list, as a charger that
 * does not find a token there may have it in its cache, or let unknown ones charge; only an unknown one is taken out.
 */
static const char *told_as(const Ocpp__ListedToken *row)
{
	return strcmp(row->status, "Accepted") ? row->status : "Blocked"; /* good, but not here */
}

/* False where a difference cannot tell it: the charger's list has no room for it. */
static bool tell(struct gv_turn *t, const struct list_room *room, const char *token, Ocpp__ListPlace *place,
		 struct list_message *m)
{
	const Ocpp__ListedToken *row = gv_get(t, &ocpp_listed, gv_key(token));
	bool good, earlier;

	if (!row || strlen(row->id) > room->id_max || (place->cutoff[0] && strcmp(token, place->cutoff) >= 0))
		return true;
	good = listed_good(row, room->site);
	earlier = listed_earlier(row, room->site);
	if (!good && !earlier)
		return true;
	if (room->types && row->retyped > place->change)
		return false; /* the list may have it with its type of before, which no row remembers */
	/* It may be new to the charger. Where it is not, it is counted twice: at most so many are there. */
	if (row->status[0] && row->added > place->change && ++place->entries > room->entries_max)
		return false;
	add(t, m, row, good ? "Accepted" : told_as(row));
	return true;
}

static enum list_step differ(struct gv_turn *t, const struct list_room *room, Ocpp__ListPlace *place,
			     struct list_message *m)
{
	struct gv_scan scan = { .table = &ocpp_list_changes, .after = gv_key(place->change) };
	uint64_t change = place->change;
	bool more = true;

	for (unsigned looked = 0; looked < LISTS_LOOK_MAX && m->n < room->chunk_max && (more = gv_next(t, &scan));
	     looked++) {
		if (!tell(t, room, ((const Ocpp__ListChange *)scan.row)->token, place, m))
			return LIST_REFILL;
		change = scan.key.part[0].u;
	}
	place->change = change;
	if (m->n)
		return LIST_SAY;
	return more ? LIST_GO_ON : LIST_IN_STEP;
}

enum list_step difference_next(struct ocpp *o, struct gv_turn *t, const struct list_room *room, Ocpp__ListPlace *place,
			       struct list_message *ret)
{
	*ret = (struct list_message){ 0 };
	if (place->filling)
		return fill(t, room, place, ret);
	if (place->change < o->lists->forgotten)
		return LIST_REFILL;
	return differ(t, room, place, ret);
}
