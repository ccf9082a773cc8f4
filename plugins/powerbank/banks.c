/* Banks: each is in one place at a time, and counts its moves, which is what tells a repeated report from a new one. */
#include "powerbank.h"

#include <string.h>

const Rental__Bank *bank_get(struct gv_turn *t, const char *id)
{
	return *id ? gv_get(t, &pb_banks, gv_key(id)) : NULL;
}

bool bank_is_in(const Rental__Bank *bank, const char *device, uint32_t slot)
{
	return bank && bank->place == RENTAL__BANK_PLACE__BANK_PLACE_IN_SLOT && bank->slot == slot &&
	       !strcmp(bank->device, device);
}

void bank_move(struct gv_turn *t, const char *id, Rental__BankPlace place, const char *device, uint32_t slot,
	       const char *rental)
{
	Rental__Bank *bank;

	if (!*id)
		return;
	bank = gv_edit(t, &pb_banks, gv_key(id));
	if (place == RENTAL__BANK_PLACE__BANK_PLACE_RENTED)
		bank->rentals++;
	bank->id = gv_strdup(t, id);
	bank->place = place;
	bank->device = gv_strdup(t, device);
	bank->slot = slot;
	bank->rental = gv_strdup(t, rental ? rental : "");
	bank->since_ms = gv_now_ms(t);
	bank->epoch++;
}

bool banks_none(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &pb_banks };

	return !gv_next(t, &scan);
}
