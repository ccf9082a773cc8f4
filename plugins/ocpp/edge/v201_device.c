/* OCPP 2.0.1, block B: the device model's variables, as reports, as a configuration, and as answers tell them. */
#include "v201_device.h"
#include "shared.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <strings.h>

/* ---- names ----------------------------------------------------------------------------------- */

static uint32_t natural(const cJSON *object, const char *name)
{
	int64_t value = json_int(object, name, 0);

	return value > 0 && value <= OCPP_CONNECTOR_MAX ? (uint32_t)value : 0;
}

void v201_read_names(struct gv_turn *t, const cJSON *object, Ocpp__Variable *ret)
{
	const cJSON *component = json_get(object, "component"), *variable = json_get(object, "variable");
	const cJSON *evse = json_get(component, "evse");

	ocpp__variable__init(ret);
	ret->component = gv_strdup(t, json_string(component, "name"));
	ret->component_instance = gv_strdup(t, json_string(component, "instance"));
	ret->evse = natural(evse, "id");
	ret->connector = ret->evse ? natural(evse, "connectorId") : 0;
	ret->variable = gv_strdup(t, json_string(variable, "name"));
	ret->variable_instance = gv_strdup(t, json_string(variable, "instance"));
}

const cJSON *v201_first(const cJSON *object, const char *name)
{
	const cJSON *list = json_get(object, name);

	return cJSON_IsArray(list) ? list->child : NULL;
}

static void add_names(cJSON *object, const Ocpp__Variable *v)
{
	cJSON *component = cJSON_AddObjectToObject(object, "component"),
	      *variable = cJSON_AddObjectToObject(object, "variable"), *evse;

	if (v->evse) {
		evse = cJSON_AddObjectToObject(component, "evse");
		cJSON_AddNumberToObject(evse, "id", v->evse);
		if (v->connector)
			cJSON_AddNumberToObject(evse, "connectorId", v->connector);
	}
	cJSON_AddStringToObject(component, "name", v->component);
	if (v->component_instance[0])
		cJSON_AddStringToObject(component, "instance", v->component_instance);
	cJSON_AddStringToObject(variable, "name", v->variable);
	if (v->variable_instance[0])
		cJSON_AddStringToObject(variable, "instance", v->variable_instance);
}

/* ---- reports --------------------------------------------------------------------------------- */

static void read_attribute(struct gv_turn *t, const cJSON *json, Ocpp__Variable *ret)
{
	Ocpp__Attribute *a = gv_alloc(t, sizeof *a);
	const char *type = json_string(json, "type"), *mutability = json_string(json, "mutability");

	ocpp__attribute__init(a);
	a->type = gv_strdup(t, type[0] ? type : "Actual");
	a->value = gv_strdup(t, json_string(json, "value"));
	a->mutability = gv_strdup(t, mutability[0] ? mutability : "ReadWrite"); /* the schema's default */
	a->persistent = cJSON_IsTrue(json_get(json, "persistent"));
	a->constant = cJSON_IsTrue(json_get(json, "constant"));
	*GV_APPEND(t, ret->attributes, ret->n_attributes) = a;
}

static void read_limit(const cJSON *json, bool *ret_has, double *ret)
{
	*ret_has = cJSON_IsNumber(json);
	*ret = *ret_has ? json->valuedouble : 0;
}

static void read_characteristics(struct gv_turn *t, const cJSON *json, Ocpp__Variable *ret)
{
	bool has;

	ret->data_type = gv_strdup(t, json_string(json, "dataType"));
	ret->unit = gv_strdup(t, json_string(json, "unit"));
	ret->values = gv_strdup(t, json_string(json, "valuesList"));
	read_limit(json_get(json, "minLimit"), &has, &ret->min);
	ret->has_min = has;
	read_limit(json_get(json, "maxLimit"), &has, &ret->max);
	ret->has_max = has;
	ret->monitorable = cJSON_IsTrue(json_get(json, "supportsMonitoring"));
}

int v201_told_variables(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct report_key key = { in->device, OCPP__REPORT_ROW__KIND__VARIABLES,
				  json_int(in->payload, "requestId", 0) };
	struct report_part part = { .number = json_int(in->payload, "seqNo", -1),
				    .more = cJSON_IsTrue(json_get(in->payload, "tbc")),
				    .text = "" };
	uint64_t *items = NULL;

	for (const cJSON *data = v201_first(in->payload, "reportData"); data; data = data->next) {
		Ocpp__Variable *v = gv_alloc(t, sizeof *v);
		const char *fold;

		v201_read_names(t, data, v);
		for (const cJSON *a = v201_first(data, "variableAttribute"); a && v->n_attributes < 4; a = a->next)
			read_attribute(t, a, v);
		read_characteristics(t, json_get(data, "variableCharacteristics"), v);
		variable_told(t, in->device, v);
		fold = key_fold(t, v);
		if (fold)
			*GV_APPEND(t, items, part.n_items) = key_digest(fold);
	}
	part.items = items;
	return report_part(t, &key, &part);
}

/* ---- as a configuration ---------------------------------------------------------------------- */

/* An item of GetVariables or SetVariables. NULL: *ret_problem says why the key is none. */
static cJSON *item_of(struct gv_turn *t, const char *key, const char **ret_problem)
{
	Ocpp__Variable v;
	cJSON *item;

	*ret_problem = key_read(t, key, &v);
	if (*ret_problem)
		return NULL;
	item = cJSON_CreateObject();
	add_names(item, &v);
	return item;
}

int v201_get_configuration(struct gv_turn *t, char *const *keys, size_t n, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(payload, "getVariableData");

	ret->problem = NULL;
	for (size_t i = 0; i < n && !ret->problem; i++)
		cJSON_AddItemToArray(list, item_of(t, keys[i], &ret->problem));
	if (!ret->problem)
		return shared_give(t, &spec_v201, "GetVariables", payload, ret);
	cJSON_Delete(payload);
	return -EINVAL;
}

int v201_set_configuration(struct gv_turn *t, const char *key, const char *value, struct command *ret)
{
	cJSON *item = item_of(t, key, &ret->problem), *payload;

	if (!item)
		return -EINVAL;
	payload = cJSON_CreateObject();
	cJSON_AddStringToObject(item, "attributeValue", value);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(payload, "setVariableData"), item);
	return shared_give(t, &spec_v201, "SetVariables", payload, ret);
}

/* Rejected is what a charger says of a variable that can only be written: there is one, and it is not shown. */
void v201_read_configuration(struct gv_turn *t, const cJSON *payload, Charging__GetConfigurationReply *ret)
{
	for (const cJSON *result = v201_first(payload, "getVariableResult"); result; result = result->next) {
		const char *status = json_string(result, "attributeStatus");
		Charging__ConfigurationEntry *e;
		Ocpp__Variable v;

		v201_read_names(t, result, &v);
		if (strcmp(status, "Accepted") != 0 && strcmp(status, "Rejected") != 0) {
			*GV_APPEND(t, ret->unknown, ret->n_unknown) = (char *)key_write(t, &v);
			continue;
		}
		e = gv_alloc(t, sizeof *e);
		charging__configuration_entry__init(e);
		e->key = (char *)key_write(t, &v);
		e->value = gv_strdup(t, json_string(result, "attributeValue"));
		e->secret = !strcmp(status, "Rejected");
		*GV_APPEND(t, ret->entries, ret->n_entries) = e;
	}
}

const char *v201_configuration_status(struct gv_turn *t, const cJSON *payload)
{
	return gv_strdup(t, json_string(v201_first(payload, "setVariableResult"), "attributeStatus"));
}

/* ---- what answers tell ----------------------------------------------------------------------- */

void v201_variables_got(struct gv_turn *t, const char *device, const cJSON *asked, const cJSON *payload)
{
	for (const cJSON *result = v201_first(payload, "getVariableResult"); result; result = result->next) {
		Ocpp__Variable v;

		if (strcmp(json_string(result, "attributeStatus"), "Accepted") != 0)
			continue;
		v201_read_names(t, result, &v);
		variable_value(t, device, &v, gv_strdup(t, json_string(result, "attributeType")),
			       gv_strdup(t, json_string(result, "attributeValue")));
	}
}

bool v201_same_names(struct gv_turn *t, const cJSON *a, const cJSON *b)
{
	Ocpp__Variable x, y;

	v201_read_names(t, a, &x);
	v201_read_names(t, b, &y);
	return !strcasecmp(key_write(t, &x), key_write(t, &y));
}

static const char *type_of(const cJSON *item)
{
	const char *type = json_string(item, "attributeType");

	return type[0] ? type : "Actual";
}

/* What was set is in the request; one result stands for each of it. What needs a reboot is not so yet. */
void v201_variables_set(struct gv_turn *t, const char *device, const cJSON *asked, const cJSON *payload)
{
	for (const cJSON *result = v201_first(payload, "setVariableResult"); result; result = result->next) {
		const cJSON *item = v201_first(asked, "setVariableData");
		Ocpp__Variable v;

		while (item && (!v201_same_names(t, item, result) || strcmp(type_of(item), type_of(result)) != 0))
			item = item->next;
		if (!item || strcmp(json_string(result, "attributeStatus"), "Accepted") != 0)
			continue;
		v201_read_names(t, item, &v);
		variable_value(t, device, &v, gv_strdup(t, type_of(item)),
			       gv_strdup(t, json_string(item, "attributeValue")));
	}
}
