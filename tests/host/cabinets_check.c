/* What the plugin must know of the cabinets when nothing moves any more. */
#include "cabinets.h"
#include "scenario.h"

#include <cjson/cJSON.h>
#include <string.h>

#define RENTAL "galvan.rental.v1.Rental/"

static const char *text(const cJSON *of, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static void check_slots(struct host *h, const struct box *b)
{
	struct host_answer *a = host_call(h, RENTAL "GetCabinet", "{\"device\":\"%s\"}", b->device);
	cJSON *root = cJSON_Parse(a->json);
	const cJSON *cabinet = cJSON_GetObjectItemCaseSensitive(root, "cabinet"), *row;
	unsigned seen = 0;

	host_check(h, a->code == GV_OK, "%s: %s", b->device, a->error);
	cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(cabinet, "slots"))
	{
		unsigned id = (unsigned)cJSON_GetObjectItemCaseSensitive(row, "id")->valueint;
		struct cabinet_slot slot = { .bank = "" };

		if (id <= b->slots)
			cabinet_get_slot(b->model, host_now_ms(h), id, &slot);
		host_check(h, !strcmp(text(row, "bank"), slot.bank), "slot %u of %s holds \"%s\", the books have %s",
			   id, b->device, slot.bank, a->json);
		seen += slot.bank[0] != 0;
	}
	for (unsigned i = 1; i <= b->slots; i++) {
		struct cabinet_slot slot;

		cabinet_get_slot(b->model, host_now_ms(h), i, &slot);
		seen -= slot.bank[0] != 0;
	}
	host_check(h, !seen, "%s has banks that the books have not: %s", b->device, a->json);
	host_check(h, cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(root, "rentals")) == 0,
		   "all banks are back, and %s has rentals that are not over: %s", b->device, a->json);
	cJSON_Delete(root);
}

static void check_banks(const struct cabinets *all)
{
	struct host *h = all->h;
	struct host_answer *a = host_call(h, RENTAL "ListBanks", "{}");
	cJSON *root = cJSON_Parse(a->json);
	const cJSON *bank;
	unsigned known = 0;

	host_check(h, a->code == GV_OK, "%s", a->error);
	cJSON_ArrayForEach(bank, cJSON_GetObjectItemCaseSensitive(root, "banks"))
	{
		host_check(h, cabinets_is_bank(all, text(bank, "id")), "there is no such bank: %s", a->json);
		host_check(h, !strcmp(text(bank, "place"), "BANK_PLACE_IN_SLOT"), "all banks are in slots, but %s",
			   a->json);
		known++;
	}
	host_check(h, known == all->n_banks, "%u of %u banks are known: %s", known, all->n_banks, a->json);
	cJSON_Delete(root);
}

void cabinets_check_books(const struct cabinets *all)
{
	for (unsigned i = 0; i < all->n; i++)
		check_slots(all->h, &all->box[i]);
	check_banks(all);
}

void cabinets_audit(const struct cabinets *all)
{
	for (unsigned i = 0; i < 2 * all->n; i++) {
		const char *device = all->box[i % all->n].device;
		struct host_answer *a = host_call(all->h, RENTAL "Audit", "{\"device\":\"%s\"}", device);

		host_check(all->h, a->code == GV_OK, "%s cannot be audited: %s", device, a->error);
		host_check(all->h, i < all->n || !scenario_count(all->h, a->json, "differences"),
			   "an audit right after another finds differences: %s", a->json);
		host_run_ms(all->h, 10000);
	}
}
