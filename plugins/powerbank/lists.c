/* What can be read: rentals, cabinets and banks, one and many. */
#include "powerbank.h"

#include <string.h>

static int bad_page(struct gv_turn *t, struct gv_ticket to, const char *page)
{
	return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page: \"%s\" is not the next_page of an answer", page);
}

/* False: the word is none of those, and the ticket has been answered. */
static bool is_one_of(struct gv_turn *t, struct gv_ticket to, const char *field, const char *word,
		      const char *const *words, size_t n)
{
	char *all = gv_strdup(t, "");

	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i], word))
			return true;
		else if (*words[i])
			all = gv_str(t, "%s%s%s", all, *all ? ", " : "", words[i]);
	gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s must be one of %s, is \"%.20s\"", field, all, word);
	return false;
}

/* ---- rentals --------------------------------------------------------------------------------- */

int get_rental_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__GetRentalRequest *r = (const void *)m;
	Rental__GetRentalReply reply = RENTAL__GET_RENTAL_REPLY__INIT;

	reply.rental = (Rental__RentalRow *)rental_get(t, r->id);
	return reply.rental ? gv_reply(t, to, &reply) : gv_refuse(t, to, GV_NOT_FOUND, "no rental %s is known", r->id);
}

static bool wanted(const Rental__ListRentalsRequest *r, const Rental__RentalRow *row)
{
	return row && (!r->open || !rental_is_over(row)) && (!*r->bank || !strcmp(r->bank, row->bank)) &&
	       (!*r->device || !strcmp(r->device, row->device));
}

int list_rentals_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__ListRentalsRequest *r = (const void *)m;
	Rental__ListRentalsReply reply = RENTAL__LIST_RENTALS_REPLY__INIT;
	const char *whose = *r->bank     ? gv_str(t, "b:%s", r->bank)
			    : r->open    ? "o:"
			    : *r->device ? gv_str(t, "d:%s", r->device)
					 : "";
	struct gv_scan scan = { .table = &pb_rental_times, .prefix = gv_key(whose), .reverse = true };
	uint32_t limit = pb_limit(r->limit);
	unsigned looked = 0;

	if (strlen(whose) > 200)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "device and bank are shorter than that");
	if (gv_page_from(t, &scan, r->page) < 0)
		return bad_page(t, to, r->page);
	while (reply.n_rentals < limit && looked < PB_SCAN_MAX && gv_next(t, &scan)) {
		const Rental__RentalRow *row = rental_get(t, scan.key.part[2].s);

		looked++;
		if (wanted(r, row))
			*GV_APPEND(t, reply.rentals, reply.n_rentals) = (Rental__RentalRow *)row;
	}
	if (reply.n_rentals == limit || looked == PB_SCAN_MAX)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}

/* ---- cabinets -------------------------------------------------------------------------------- */

int get_cabinet_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__GetCabinetRequest *r = (const void *)m;
	const Powerbank__CabinetRow *row = cabinet_get(t, r->device);
	struct gv_scan scan = { .table = &pb_open, .prefix = gv_key(r->device) };
	Rental__GetCabinetReply reply = RENTAL__GET_CABINET_REPLY__INIT;

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "no cabinet %s is known", r->device);
	reply.cabinet = cabinet_describe(self, t, r->device, row);
	while (reply.n_rentals < 1000 && gv_next(t, &scan)) {
		const Rental__RentalRow *rental = rental_get(t, scan.key.part[1].s);

		if (rental)
			*GV_APPEND(t, reply.rentals, reply.n_rentals) = (Rental__RentalRow *)rental;
	}
	return gv_reply(t, to, &reply);
}

static bool has_alarm(const Powerbank__CabinetRow *row, bool online, const char *kind)
{
	bool any = !strcmp(kind, "any"), broken = false;

	for (size_t i = 0; i < row->n_slots; i++)
		broken |= *row->slots[i]->out_of_service != 0;
	return (any && row->n_alarms) || alarm_stands(row, kind) || (broken && (any || !strcmp(kind, "slot-fault"))) ||
	       (!online && (any || !strcmp(kind, "offline")));
}

static const char *const alarms[] = { "",         "any",        "offline", "slot-fault", "no-free-slot", "no-full-bank",
				      "flapping", "crc-changed" };

int list_cabinets_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__ListCabinetsRequest *r = (const void *)m;
	Rental__ListCabinetsReply reply = RENTAL__LIST_CABINETS_REPLY__INIT;
	struct gv_scan scan = { .table = &pb_cabinets };
	uint32_t limit = pb_limit(r->limit);
	unsigned looked = 0;

	if (!is_one_of(t, to, "alarm", r->alarm, alarms, sizeof alarms / sizeof *alarms))
		return 0;
	if (gv_page_from(t, &scan, r->page) < 0)
		return bad_page(t, to, r->page);
	while (reply.n_cabinets < limit && looked < PB_SCAN_MAX && gv_next(t, &scan)) {
		const Powerbank__CabinetRow *row = scan.row;
		const char *device = scan.key.part[0].s;
		bool online = cabinet_line(self, device) != NULL;

		looked++;
		if (!row->known || (*r->site && strcmp(r->site, row->site) != 0) || (r->online && !online) ||
		    (*r->alarm && !has_alarm(row, online, r->alarm)))
			continue;
		*GV_APPEND(t, reply.cabinets, reply.n_cabinets) = cabinet_describe(self, t, device, row);
	}
	if (reply.n_cabinets == limit || looked == PB_SCAN_MAX)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}

/* ---- banks ----------------------------------------------------------------------------------- */

static const char *const places[] = { "", "in-slot", "rented", "missing", "sold", "out", "lost" };

static bool is_there(struct powerbank *p, struct gv_turn *t, const Rental__Bank *bank, const char *place)
{
	bool lost = bank->place == RENTAL__BANK_PLACE__BANK_PLACE_MISSING ||
		    (bank->place == RENTAL__BANK_PLACE__BANK_PLACE_RENTED &&
		     gv_now_ms(t) - bank->since_ms > 1000 * (int64_t)p->config->lost_s);

	if (!*place)
		return true;
	if (!strcmp(place, "lost"))
		return lost;
	return (unsigned)bank->place < sizeof places / sizeof *places && !strcmp(places[bank->place], place);
}

int list_banks_call(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Rental__ListBanksRequest *r = (const void *)m;
	Rental__ListBanksReply reply = RENTAL__LIST_BANKS_REPLY__INIT;
	struct gv_scan scan = { .table = &pb_banks };
	uint32_t limit = pb_limit(r->limit);
	unsigned looked = 0;

	if (!is_one_of(t, to, "place", r->place, places, sizeof places / sizeof *places))
		return 0;
	if (gv_page_from(t, &scan, r->page) < 0)
		return bad_page(t, to, r->page);
	while (reply.n_banks < limit && looked < PB_SCAN_MAX && gv_next(t, &scan)) {
		looked++;
		if (is_there(self, t, scan.row, r->place))
			*GV_APPEND(t, reply.banks, reply.n_banks) = (Rental__Bank *)scan.row;
	}
	if (reply.n_banks == limit || looked == PB_SCAN_MAX)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}
