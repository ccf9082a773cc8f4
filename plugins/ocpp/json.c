/* cJSON for handlers, and JSON of any shape as protobuf's Struct and back: what Ocpp/Call carries. */
#include "ocpp.h"

#include <lib/json.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#define DEPTH_MAX 32
#define VALUES_MAX 20000

/* As cJSON_GetObjectItemCaseSensitive, for objects only: a third of the time, as most names differ in their first
 * letter. */
const cJSON *json_get(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_IsObject(object) ? object->child : NULL;

	while (item && (item->string[0] != name[0] || strcmp(item->string, name) != 0))
		item = item->next;
	return item;
}

const char *json_string(const cJSON *object, const char *name)
{
	const cJSON *item = json_get(object, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

int64_t json_int(const cJSON *object, const char *name, int64_t or_else)
{
	const cJSON *item = json_get(object, name);

	/* The greatest doubles below the bounds of int64_t. */
	if (!cJSON_IsNumber(item) ||
	    !(item->valuedouble >= -9223372036854774784.0 && item->valuedouble <= 9223372036854774784.0))
		return or_else;
	return (int64_t)item->valuedouble;
}

int64_t json_wh(const cJSON *object, const char *name, int64_t or_else)
{
	int64_t wh = json_int(object, name, or_else);

	if (wh > OCPP_METER_MAX_WH)
		return OCPP_METER_MAX_WH;
	return wh < -OCPP_METER_MAX_WH ? -OCPP_METER_MAX_WH : wh;
}

const char *json_print(struct gv_turn *t, const cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	const char *copy = text ? gv_strdup(t, text) : "{}";

	cJSON_free(text);
	return copy;
}

static Google__Protobuf__Value *to_value(struct gv_turn *t, const cJSON *json, unsigned depth, unsigned *left);

static Google__Protobuf__Struct *to_struct(struct gv_turn *t, const cJSON *object, unsigned depth, unsigned *left)
{
	Google__Protobuf__Struct *s = gv_alloc(t, sizeof *s);

	google__protobuf__struct__init(s);
	if (!object)
		return s;
	s->fields = gv_alloc(t, (size_t)cJSON_GetArraySize(object) * sizeof *s->fields);
	for (const cJSON *item = object->child; item; item = item->next) {
		Google__Protobuf__Struct__FieldsEntry *entry = gv_alloc(t, sizeof *entry);

		google__protobuf__struct__fields_entry__init(entry);
		entry->key = gv_strdup(t, item->string);
		entry->value = to_value(t, item, depth + 1, left);
		if (!entry->value)
			return NULL;
		s->fields[s->n_fields++] = entry;
	}
	return s;
}

static Google__Protobuf__ListValue *to_list(struct gv_turn *t, const cJSON *array, unsigned depth, unsigned *left)
{
	Google__Protobuf__ListValue *l = gv_alloc(t, sizeof *l);

	google__protobuf__list_value__init(l);
	l->values = gv_alloc(t, (size_t)cJSON_GetArraySize(array) * sizeof *l->values);
	for (const cJSON *item = array->child; item; item = item->next) {
		Google__Protobuf__Value *value = to_value(t, item, depth + 1, left);

		if (!value)
			return NULL;
		l->values[l->n_values++] = value;
	}
	return l;
}

static Google__Protobuf__Value *to_value(struct gv_turn *t, const cJSON *json, unsigned depth, unsigned *left)
{
	Google__Protobuf__Value *v;

	if (depth > DEPTH_MAX || *left == 0)
		return NULL;
	--*left;
	v = gv_alloc(t, sizeof *v);
	google__protobuf__value__init(v);
	if (cJSON_IsString(json)) {
		v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
		v->string_value = gv_strdup(t, json->valuestring);
	} else if (cJSON_IsNumber(json)) {
		v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
		v->number_value = json->valuedouble;
	} else if (cJSON_IsBool(json)) {
		v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE;
		v->bool_value = cJSON_IsTrue(json);
	} else if (cJSON_IsObject(json)) {
		v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
		v->struct_value = to_struct(t, json, depth, left);
		return v->struct_value ? v : NULL;
	} else if (cJSON_IsArray(json)) {
		v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE;
		v->list_value = to_list(t, json, depth, left);
		return v->list_value ? v : NULL;
	} else {
		v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE;
	}
	return v;
}

Google__Protobuf__Struct *json_to_struct(struct gv_turn *t, const cJSON *object)
{
	unsigned left = VALUES_MAX;

	return to_struct(t, object, 0, &left);
}

static cJSON *from_value(const Google__Protobuf__Value *v, unsigned depth, unsigned *left);

static cJSON *from_struct(const Google__Protobuf__Struct *s, unsigned depth, unsigned *left)
{
	cJSON *object = cJSON_CreateObject();

	for (size_t i = 0; object && s && i < s->n_fields; i++) {
		cJSON *item = from_value(s->fields[i]->value, depth + 1, left);

		if (!item || !cJSON_AddItemToObject(object, s->fields[i]->key, item)) {
			cJSON_Delete(item);
			cJSON_Delete(object);
			return NULL;
		}
	}
	return object;
}

static cJSON *from_list(const Google__Protobuf__ListValue *l, unsigned depth, unsigned *left)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; array && i < l->n_values; i++) {
		cJSON *item = from_value(l->values[i], depth + 1, left);

		if (!item || !cJSON_AddItemToArray(array, item)) {
			cJSON_Delete(item);
			cJSON_Delete(array);
			return NULL;
		}
	}
	return array;
}

static cJSON *from_value(const Google__Protobuf__Value *v, unsigned depth, unsigned *left)
{
	if (depth > DEPTH_MAX || *left == 0)
		return NULL;
	--*left;
	switch (v ? v->kind_case : GOOGLE__PROTOBUF__VALUE__KIND__NOT_SET) {
	case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
		return isfinite(v->number_value) ? cJSON_CreateNumber(v->number_value) : NULL;
	case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
		return cJSON_CreateString(v->string_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
		return cJSON_CreateBool(v->bool_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
		return from_struct(v->struct_value, depth, left);
	case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE:
		return from_list(v->list_value, depth, left);
	default:
		return cJSON_CreateNull();
	}
}

cJSON *json_from_struct(const Google__Protobuf__Struct *s)
{
	unsigned left = VALUES_MAX;

	return from_struct(s, 0, &left);
}
