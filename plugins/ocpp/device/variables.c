/* The variables of a device model as chargers report them. A station has thousands and reports them all at once, mostly
 * as they were: a row is written only where something of it has changed. */
#include "device.h"

#include <plugins/ocpp/sessions/costs.h>
#include <plugins/ocpp/stations/mask.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VARIABLES_MAX 10000u /* of one charger; others are not kept */
#define ATTRIBUTES_MAX 4     /* OCPP has as many types */
#define LIST_DEFAULT 100u
#define LIST_MAX 1000u

const struct gv_table ocpp_variables = { .name = "variables", .key = "ss", .value = &ocpp__variable__descriptor };
const struct gv_table ocpp_models = { .name = "models", .key = "s", .value = &ocpp__model_row__descriptor };

const Ocpp__ModelRow *model_row(struct gv_turn *t, const char *device)
{
	static const Ocpp__ModelRow none = OCPP__MODEL_ROW__INIT;
	const Ocpp__ModelRow *row = gv_get(t, &ocpp_models, gv_key(device));

	return row ? row : &none;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static bool same(struct gv_turn *t, const Ocpp__Variable *a, const Ocpp__Variable *b)
{
	size_t size = ocpp__variable__get_packed_size(a);
	uint8_t *packed;

	if (size != ocpp__variable__get_packed_size(b))
		return false;
	packed = gv_alloc(t, 2 * size + 1);
	ocpp__variable__pack(a, packed);
	ocpp__variable__pack(b, packed + size);
	return !memcmp(packed, packed + size, size);
}

static bool is_hidden(const Ocpp__Variable *v, const Ocpp__Attribute *a)
{
	return mask_is_secret(v->variable) || !strcmp(a->mutability, "WriteOnly");
}

/* Writes it where it is other than what is known. */
static int put(struct gv_turn *t, const char *device, const char *fold, Ocpp__Variable *v)
{
	const Ocpp__Variable *known = gv_get(t, &ocpp_variables, gv_key(device, fold));
	bool display = !strcasecmp(v->component, COSTS_COMPONENT), shown = display && costs_shown(t, device);

	for (size_t i = 0; i < v->n_attributes; i++) {
		Ocpp__Attribute *a = v->attributes[i];

		a->hidden = is_hidden(v, a);
		if (a->hidden)
			a->value = "";
	}
	v->changed_at_ms = known ? known->changed_at_ms : 0;
	if (known && same(t, known, v))
		return 0;
	if (!known && model_row(t, device)->variables >= VARIABLES_MAX) {
		gv_count(t, "variables_beyond", 1);
		return 0;
	}
	if (!known)
		((Ocpp__ModelRow *)gv_edit(t, &ocpp_models, gv_key(device)))->variables++;
	v->changed_at_ms = gv_now_ms(t);
	gv_put(t, &ocpp_variables, gv_key(device, fold), v);
	return display && !shown && costs_shown(t, device) ? costs_appeared(t, device) : 0;
}

int variable_told(struct gv_turn *t, const char *device, Ocpp__Variable *v)
{
	const char *fold = key_fold(t, v);

	return fold ? put(t, device, fold, v) : 0;
}

/* The attribute in a copy of the variable's, added where there is none. */
static Ocpp__Attribute *attribute_of(struct gv_turn *t, Ocpp__Variable *v, const char *type)
{
	Ocpp__Attribute **list = gv_alloc(t, (v->n_attributes + 1) * sizeof *list), *found = gv_alloc(t, sizeof *found);

	ocpp__attribute__init(found);
	if (v->n_attributes)
		memcpy(list, v->attributes, v->n_attributes * sizeof *list);
	v->attributes = list;
	for (size_t i = 0; i < v->n_attributes; i++)
		if (!strcmp(list[i]->type, type)) {
			*found = *list[i];
			return list[i] = found;
		}
	if (v->n_attributes < ATTRIBUTES_MAX)
		list[v->n_attributes++] = found;
	found->type = (char *)type;
	return found;
}

int variable_value(struct gv_turn *t, const char *device, const Ocpp__Variable *v, const char *type, const char *value)
{
	const char *fold = key_fold(t, v);
	const Ocpp__Variable *known = fold ? gv_get(t, &ocpp_variables, gv_key(device, fold)) : NULL;
	Ocpp__Variable row = known ? *known : *v;

	if (!fold)
		return 0;
	attribute_of(t, &row, type[0] ? type : "Actual")->value = (char *)value;
	return put(t, device, fold, &row);
}

static bool writable(const Ocpp__Variable *v)
{
	for (size_t i = 0; i < v->n_attributes; i++)
		if (strcmp(v->attributes[i]->mutability, "ReadOnly") != 0)
			return true;
	return false;
}

uint32_t variables_but(struct gv_turn *t, const char *device, const struct report_items *items, bool only_writable)
{
	struct gv_scan scan = { .table = &ocpp_variables, .prefix = gv_key(device) };
	Ocpp__ModelRow *model = gv_edit(t, &ocpp_models, gv_key(device));
	uint32_t removed = 0;

	while (gv_next(t, &scan)) {
		if (report_names(items, key_digest(scan.key.part[1].s)) || (only_writable && !writable(scan.row)))
			continue;
		gv_delete(t, &ocpp_variables, scan.key);
		model->variables -= model->variables > 0;
		removed++;
	}
	if (!only_writable)
		model->reported_at_ms = gv_now_ms(t);
	return removed;
}

/* ---- what is known --------------------------------------------------------------------------- */

const Ocpp__Variable *variable_find(struct gv_turn *t, const char *device, const char *key)
{
	Ocpp__Variable v;
	const char *fold = key_read(t, key, &v) ? NULL : key_fold(t, &v);

	return fold ? gv_get(t, &ocpp_variables, gv_key(device, fold)) : NULL;
}

static const Ocpp__Attribute *actual(const Ocpp__Variable *v)
{
	for (size_t i = 0; v && i < v->n_attributes; i++)
		if (!strcmp(v->attributes[i]->type, "Actual"))
			return v->attributes[i];
	return NULL;
}

const char *variable_text(struct gv_turn *t, const char *device, const char *key)
{
	const Ocpp__Attribute *a = actual(variable_find(t, device, key));

	return a ? a->value : "";
}

uint32_t variable_number(struct gv_turn *t, const char *device, const char *key, uint32_t or_else)
{
	const Ocpp__Attribute *a = actual(variable_find(t, device, key));
	long value = a ? strtol(a->value, NULL, 10) : 0;

	return value > 0 && value <= INT32_MAX ? (uint32_t)value : or_else;
}

void variables_configuration(struct gv_turn *t, const char *device, Charging__GetConfigurationReply *reply)
{
	struct gv_scan scan = { .table = &ocpp_variables, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Attribute *a = actual(scan.row);
		Charging__ConfigurationEntry *e;

		if (!a)
			continue;
		e = gv_alloc(t, sizeof *e);
		charging__configuration_entry__init(e);
		e->key = (char *)key_write(t, scan.row);
		e->value = a->value;
		e->read_only = !strcmp(a->mutability, "ReadOnly");
		e->secret = a->hidden;
		*GV_APPEND(t, reply->entries, reply->n_entries) = e;
	}
}

bool model_list_refused(struct gv_turn *t, struct gv_ticket ticket, const char *device, uint32_t limit, uint32_t most,
			const char *page, struct gv_scan *scan)
{
	if (!device[0])
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	else if (limit > most)
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "limit must be at most %u", most);
	else if (page[0] && gv_page_from(t, scan, page) < 0)
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "page is no nextPage of this list");
	else
		return false;
	return true;
}

static bool wanted(const Ocpp__ListVariablesRequest *r, const Ocpp__Variable *v)
{
	return (!r->component[0] || strcasestr(v->component, r->component)) &&
	       (!r->variable[0] || strcasestr(v->variable, r->variable));
}

int list_variables(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListVariablesRequest *r = (const Ocpp__ListVariablesRequest *)m;
	Ocpp__ListVariablesReply reply = OCPP__LIST_VARIABLES_REPLY__INIT;
	struct gv_scan scan = { .table = &ocpp_variables, .prefix = gv_key(r->device) };
	uint32_t limit = r->limit ? r->limit : LIST_DEFAULT;

	if (model_list_refused(t, ticket, r->device, r->limit, LIST_MAX, r->page, &scan))
		return 0;
	while (reply.n_variables < limit && gv_next(t, &scan)) {
		Ocpp__Variable *shown;

		if (!wanted(r, scan.row))
			continue;
		shown = gv_alloc(t, sizeof *shown);
		*shown = *(const Ocpp__Variable *)scan.row;
		shown->key = (char *)key_write(t, shown);
		*GV_APPEND(t, reply.variables, reply.n_variables) = shown;
	}
	if (reply.n_variables == limit)
		reply.next_page = gv_page(t, &scan);
	reply.reported_at_ms = model_row(t, r->device)->reported_at_ms;
	return gv_reply(t, ticket, &reply);
}
