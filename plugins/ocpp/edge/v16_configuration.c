/* OCPP 1.6: keys of the configuration. */
#include "v16.h"

#include <plugins/ocpp/stations/commands.h>

#include <cjson/cJSON.h>
#include <errno.h>

#define KEY_MAX 50
#define VALUE_MAX 500

int v16_get_configuration(struct gv_turn *t, char *const *keys, size_t n, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject(), *list = n ? cJSON_AddArrayToObject(payload, "key") : NULL;

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(keys[i]));
	for (size_t i = 0; i < n && !ret->problem; i++)
		if (!keys[i][0] || strlen(keys[i]) > KEY_MAX)
			ret->problem = gv_str(t, "a key of OCPP 1.6 has 1 to %d characters, \"%.80s\" has not", KEY_MAX,
					      keys[i]);
	ret->action = "GetConfiguration";
	ret->payload = json_print(t, payload);
	cJSON_Delete(payload);
	return ret->problem ? -EINVAL : 0;
}

int v16_set_configuration(struct gv_turn *t, const char *key, const char *value, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	cJSON_AddStringToObject(payload, "key", key);
	cJSON_AddStringToObject(payload, "value", value);
	ret->action = "ChangeConfiguration";
	ret->payload = json_print(t, payload);
	cJSON_Delete(payload);
	if (strlen(key) > KEY_MAX || strlen(value) > VALUE_MAX)
		ret->problem = gv_str(t, "OCPP 1.6 takes a key of %d characters and a value of %d at most", KEY_MAX,
				      VALUE_MAX);
	return ret->problem ? -EINVAL : 0;
}

void v16_read_configuration(struct gv_turn *t, const cJSON *payload, Charging__GetConfigurationReply *ret)
{
	const cJSON *keys = json_get(payload, "configurationKey"), *unknown = json_get(payload, "unknownKey");

	for (const cJSON *k = cJSON_IsArray(keys) ? keys->child : NULL; k; k = k->next) {
		Charging__ConfigurationEntry *e = gv_alloc(t, sizeof *e);

		charging__configuration_entry__init(e);
		e->key = gv_strdup(t, json_string(k, "key"));
		e->value = gv_strdup(t, json_string(k, "value"));
		e->read_only = cJSON_IsTrue(json_get(k, "readonly"));
		*GV_APPEND(t, ret->entries, ret->n_entries) = e;
	}
	for (const cJSON *k = cJSON_IsArray(unknown) ? unknown->child : NULL; k; k = k->next)
		if (cJSON_IsString(k))
			*GV_APPEND(t, ret->unknown, ret->n_unknown) = gv_strdup(t, k->valuestring);
}

void v16_answered(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Command *row, const cJSON *payload)
{
	if (!strcmp(row->action, "GetConfiguration"))
		configuration_told(o, t, st, payload);
}

const char *v16_configuration_status(struct gv_turn *t, const cJSON *payload)
{
	return gv_strdup(t, json_string(payload, "status"));
}
