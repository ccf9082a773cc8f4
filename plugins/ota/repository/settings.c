/* Configuration files: a JSON object of settings, {"HeartbeatInterval": "300", "SmartChargingCtrlr.Enabled": "true"}.
 */
#include "repository.h"

#include <cjson/cJSON.h>
#include <lib/json_tree.h>
#include <string.h>

#define KEY_MAX 500
#define VALUE_MAX 2500

static const char *text_of(struct gv_turn *t, const cJSON *value)
{
	if (cJSON_IsString(value))
		return value->valuestring;
	if (cJSON_IsBool(value))
		return cJSON_IsTrue(value) ? "true" : "false";
	return cJSON_IsNumber(value) ? gv_str(t, "%.15g", value->valuedouble) : NULL;
}

bool settings_read(struct gv_turn *t, const char *blob, Update__Setting ***ret, size_t *ret_count,
		   const char **ret_problem)
{
	size_t size = 0;
	const char *text = file_read(t, blob, SETTINGS_SIZE_MAX, &size);
	cJSON *json = NULL;

	*ret = NULL;
	*ret_count = 0;
	*ret_problem =
		"a configuration file is a JSON object of at most 500 settings, each a text, a number or a boolean";
	if (!text || gv_json_tree(gv_allocator(t), text, size, &json) || !cJSON_IsObject(json))
		return false;
	for (const cJSON *x = json->child; x; x = x->next) {
		Update__Setting *s = gv_alloc(t, sizeof *s);
		const char *value = text_of(t, x);

		update__setting__init(s);
		if (!value || *ret_count == SETTINGS_MAX)
			return false;
		if (!*x->string || strlen(x->string) > KEY_MAX || strlen(value) > VALUE_MAX) {
			*ret_problem = gv_str(t, "the setting \"%.60s\" has a name or a value that is too long",
					      x->string);
			return false;
		}
		s->key = x->string;
		s->value = (char *)value;
		*GV_APPEND(t, *ret, *ret_count) = s;
	}
	return *ret_count > 0;
}
