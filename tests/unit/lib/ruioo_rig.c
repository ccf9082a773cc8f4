/* Vectors and streams for the tests of lib/ruioo.h. */
#include "ruioo_rig.h"

#include <criterion/criterion.h>
#include <lib/hex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

cJSON *vectors;

void rig_load(void)
{
	static char text[256 * 1024];
	FILE *f = fopen(VECTORS, "rb");

	cr_assert_not_null(f, "%s cannot be read", VECTORS);
	size_t size = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	vectors = cJSON_ParseWithLength(text, size);
	cr_assert_not_null(vectors);
}

void rig_unload(void)
{
	cJSON_Delete(vectors);
	check_leaks();
}

/* ---- vectors --------------------------------------------------------------------------------- */

const char *rig_text(const cJSON *in, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(in, name));
}

static unsigned number(const cJSON *in, const char *name, unsigned absent)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);

	return item ? (unsigned)item->valueint : absent;
}

enum gv_ruioo_from rig_from(const cJSON *vector)
{
	return strcmp(rig_text(vector, "from"), "server") == 0 ? GV_RUIOO_SERVER : GV_RUIOO_CABINET;
}

static enum gv_ruioo_state state_of(const char *name)
{
	unsigned i = 0;

	while (i < GV_RUIOO_STATES && strcmp(gv_ruioo_state_name((enum gv_ruioo_state)i), name) != 0)
		i++;
	cr_assert_lt(i, GV_RUIOO_STATES, "%s is no state", name);
	return (enum gv_ruioo_state)i;
}

struct gv_ruioo_frame rig_frame(const cJSON *vector)
{
	const cJSON *in = cJSON_GetObjectItemCaseSensitive(vector, "frame"), *item;
	struct gv_ruioo_frame f = { .imei = IMEI, .slot = (uint8_t)number(in, "slot", 0) };
	const char *sub = rig_text(in, "sub"), *bank = rig_text(in, "bank");

	while (strcmp(gv_ruioo_command_name(f.command), rig_text(in, "command")) != 0)
		cr_assert_lt(++f.command, GV_RUIOO_COMMANDS);
	while (sub && strcmp(gv_ruioo_sub_name(f.sub), sub) != 0)
		cr_assert_lt(++f.sub, GV_RUIOO_SUBS);
	snprintf(f.bank, sizeof(f.bank), "%s", bank ? bank : "");
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(in, "slots"))
	{
		struct gv_ruioo_slot *s = &f.slots[f.n_slots++];

		s->slot = (uint8_t)cJSON_GetArrayItem(item, 0)->valueint;
		s->state = state_of(cJSON_GetArrayItem(item, 1)->valuestring);
		snprintf(s->bank, sizeof(s->bank), "%s", cJSON_GetArrayItem(item, 2)->valuestring);
	}
	return f;
}

char *rig_bytes(const cJSON *vector, size_t *ret_size)
{
	const char *hex = rig_text(vector, "hex"), *text = rig_text(vector, "text");
	char *bytes = hex ? malloc(strlen(hex) / 2 + 1) : strdup(text);

	cr_assert_not_null(bytes);
	*ret_size = hex ? strlen(hex) / 2 : strlen(text);
	if (hex)
		cr_assert_eq(gv_hex_read(hex, strlen(hex), (uint8_t *)bytes, *ret_size), 0);
	return bytes;
}

struct gv_ruioo_rules rig_rules(const cJSON *vector)
{
	const char *check = rig_text(vector, "check");
	struct gv_ruioo_rules rules = { .slots = (uint8_t)number(vector, "n_slots", 3),
					.bank_size = (uint8_t)number(vector, "bank_size", 0) };

	if (check)
		cr_assert_eq(gv_ruioo_check_parse(check, &rules.check), 0, "%s", check);
	return rules;
}

bool rig_equal(const struct gv_ruioo_frame *a, const struct gv_ruioo_frame *b)
{
	if (a->n_slots != b->n_slots || a->command != b->command || a->sub != b->sub || a->slot != b->slot)
		return false;
	for (unsigned i = 0; i < a->n_slots; i++)
		if (a->slots[i].slot != b->slots[i].slot || a->slots[i].state != b->slots[i].state ||
		    strcmp(a->slots[i].bank, b->slots[i].bank) != 0)
			return false;
	return strcmp(a->imei, b->imei) == 0 && strcmp(a->bank, b->bank) == 0;
}

/* ---- streams --------------------------------------------------------------------------------- */

static void note(struct rig_stream *s, const struct gv_ruioo_found *found, const struct gv_ruioo_frame *frame)
{
	if (found->iccid[0]) {
		cr_assert_lt(s->n_iccids, RIG_EVENTS_MAX);
		memcpy(s->iccids[s->n_iccids++], found->iccid, GV_RUIOO_ICCID_SIZE);
	}
	if (!found->frame)
		return;
	cr_assert_lt(s->n_events, RIG_EVENTS_MAX);
	s->events[s->n_events].error = found->error;
	s->events[s->n_events].at = s->used;
	if (!found->error)
		s->events[s->n_events].frame = *frame;
	s->n_events++;
}

void rig_feed(struct rig_stream *s, const char *data, size_t size)
{
	struct gv_ruioo_frame frame = { 0 };
	struct gv_ruioo_found found;
	char *all = malloc(s->n_pending + size + 1), *exact;

	cr_assert_not_null(all);
	if (s->n_pending)
		memcpy(all, s->pending, s->n_pending);
	if (size)
		memcpy(all + s->n_pending, data, size);
	free(s->pending);
	s->pending = all;
	s->n_pending += size;
	do {
		exact = malloc(s->n_pending ? s->n_pending : 1);
		cr_assert_not_null(exact);
		memcpy(exact, s->pending, s->n_pending);
		gv_ruioo_next(&s->rules, s->from, exact, s->n_pending, &frame, &found);
		free(exact);
		cr_assert_leq(found.used, s->n_pending);
		cr_assert(!found.frame || found.used);
		s->used += found.used;
		s->junk += found.junk;
		s->n_pending -= found.used;
		memmove(s->pending, s->pending + found.used, s->n_pending);
		note(s, &found, &frame);
	} while (found.used);
}

void rig_end(struct rig_stream *s)
{
	free(s->pending);
	s->pending = NULL;
	s->n_pending = 0;
}

bool rig_same(const struct rig_stream *a, const struct rig_stream *b)
{
	if (a->n_events != b->n_events || a->n_iccids != b->n_iccids || a->junk != b->junk || a->used != b->used)
		return false;
	for (size_t i = 0; i < a->n_iccids; i++)
		if (strcmp(a->iccids[i], b->iccids[i]) != 0)
			return false;
	for (size_t i = 0; i < a->n_events; i++)
		if (a->events[i].error != b->events[i].error || a->events[i].at != b->events[i].at ||
		    (!a->events[i].error && !rig_equal(&a->events[i].frame, &b->events[i].frame)))
			return false;
	return true;
}

struct rig_event rig_one(struct gv_ruioo_rules rules, enum gv_ruioo_from from, const char *data, size_t size)
{
	struct rig_stream s = { .rules = rules, .from = from };

	rig_feed(&s, data, size);
	rig_end(&s);
	cr_assert_eq(s.n_events, 1, "%zu frames in %.*s", s.n_events, (int)size, data);
	return s.events[0];
}
