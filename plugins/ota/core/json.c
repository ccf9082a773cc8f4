/* JSON as metadata may have it: bounded, without what two readers could read differently, and its canonical form. */
#include "tuf_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const RESULTS[TUF_RESULTS] = {
	"OK",       "MALFORMED",     "TOO_LARGE",    "WRONG_ROLE",   "BAD_KEYID", "THRESHOLD", "EXPIRED",
	"ROLLBACK", "WRONG_VERSION", "WRONG_HASH",   "WRONG_LENGTH", "MISSING",   "ORDER",     "NO_MEMORY",
	"CRYPTO",   "NO_TARGET",     "WRONG_DEVICE", "NOT_FOR_US",   "FAILED",
};

const char *tuf_result_name(int result)
{
	int n = result < 0 ? -result : result;

	return n < TUF_RESULTS ? RESULTS[n] : "?";
}

int tuf_refuse(struct tuf_error *err, enum tuf_result result, const char *format, ...)
{
	va_list ap;

	if (err) {
		va_start(ap, format);
		vsnprintf(err->text, sizeof(err->text), format, ap);
		va_end(ap);
	}
	return -(int)result;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Counts outside of texts, before anything is allocated: cJSON takes some 64 bytes for each value. */
static int check_bounds(const char *text, size_t size, struct tuf_error *err)
{
	size_t values = 0;
	int depth = 0;
	bool inside = false;

	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		if (c == '\0')
			return tuf_refuse(err, TUF_MALFORMED, "a zero byte in JSON");
		if (inside && c == '\\') {
			if (size - i > 5 && memcmp(text + i, "\\u0000", 6) == 0)
				return tuf_refuse(err, TUF_MALFORMED, "a zero character in a text");
			i++;
			continue;
		}
		if (c == '"')
			inside = !inside;
		if (inside)
			continue;
		values += c == ',' || c == '[' || c == '{';
		depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
		if (depth > TUF_DEPTH_MAX)
			return tuf_refuse(err, TUF_MALFORMED, "more than %d lists and objects within each other",
					  TUF_DEPTH_MAX);
		if (values > TUF_VALUES_MAX)
			return tuf_refuse(err, TUF_TOO_LARGE, "more than %d values", TUF_VALUES_MAX);
	}
	return 0;
}

static bool only_spaces(const char *from, const char *end)
{
	for (; from < end; from++)
		if (*from != ' ' && *from != '\t' && *from != '\n' && *from != '\r')
			return false;
	return true;
}

int tuf_json_read(const void *data, size_t size, cJSON **ret, struct tuf_error *err)
{
	const char *text = data, *end = NULL;
	cJSON *json;
	char *canonical = NULL;
	size_t canonical_size;
	int r = check_bounds(text, size, err);

	if (r < 0)
		return r;
	json = cJSON_ParseWithLengthOpts(text, size, &end, 0);
	if (!json)
		return tuf_refuse(err, TUF_MALFORMED, "no JSON: it breaks off at byte %zu",
				  end ? (size_t)(end - text) : 0);
	if (!only_spaces(end, text + size)) {
		cJSON_Delete(json);
		return tuf_refuse(err, TUF_MALFORMED, "something stands behind the JSON");
	}
	/* What has a canonical form has no double names and whole numbers only. */
	r = tuf_canonical(json, &canonical, &canonical_size, err);
	if (r < 0) {
		cJSON_Delete(json);
		return r;
	}
	free(canonical);
	*ret = json;
	return 0;
}

/* ---- the canonical form ---------------------------------------------------------------------- */

struct out {
	char *data;
	size_t size, capacity;
	bool escape; /* control characters, as JSON asks and the canonical form does not */
	int result;
	struct tuf_error *err;
};

static void add(struct out *o, const char *data, size_t size)
{
	if (o->result < 0)
		return;
	if (o->capacity - o->size < size) {
		size_t capacity = (o->size + size) * 2 + 256;
		char *more = realloc(o->data, capacity);

		if (!more) {
			o->result = tuf_refuse(o->err, TUF_NO_MEMORY, "no memory for the canonical form");
			return;
		}
		o->data = more;
		o->capacity = capacity;
	}
	memcpy(o->data + o->size, data, size);
	o->size += size;
}

static void add_text(struct out *o, const char *text)
{
	const char *from = text;

	add(o, "\"", 1);
	for (; *text; text++) {
		bool control = o->escape && (unsigned char)*text < 0x20;
		char code[8];

		if (*text != '"' && *text != '\\' && !control)
			continue;
		add(o, from, (size_t)(text - from));
		if (control)
			snprintf(code, sizeof(code), "\\u%04x", (unsigned)*text);
		add(o, control ? code : "\\", control ? 6 : 1);
		from = control ? text + 1 : text;
	}
	add(o, from, (size_t)(text - from));
	add(o, "\"", 1);
}

static void add_value(struct out *o, const cJSON *value);

static int by_name(const void *a, const void *b)
{
	/* Bytes of UTF-8 sort as the characters do. */
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static void add_object(struct out *o, const cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
	const cJSON **members = calloc(count + 1, sizeof(const cJSON *));
	const cJSON *member;

	if (!members) {
		o->result = tuf_refuse(o->err, TUF_NO_MEMORY, "no memory for the canonical form");
		return;
	}
	cJSON_ArrayForEach(member, object) members[i++] = member;
	qsort(members, count, sizeof(const cJSON *), by_name);
	add(o, "{", 1);
	for (i = 0; i < count && o->result == 0; i++) {
		if (i > 0 && strcmp(members[i - 1]->string, members[i]->string) == 0)
			o->result = tuf_refuse(o->err, TUF_MALFORMED, "the member %.64s stands twice in an object",
					       members[i]->string);
		if (i > 0)
			add(o, ",", 1);
		add_text(o, members[i]->string);
		add(o, ":", 1);
		add_value(o, members[i]);
	}
	add(o, "}", 1);
	free(members);
}

static void add_number(struct out *o, double number)
{
	char text[32];

	if (!(fabs(number) <= (double)TUF_NUMBER_MAX) || floor(number) != number) {
		o->result = tuf_refuse(o->err, TUF_MALFORMED, "%g is no whole number below 2^53", number);
		return;
	}
	snprintf(text, sizeof(text), "%lld", (long long)number);
	add(o, text, strlen(text));
}

static void add_value(struct out *o, const cJSON *value)
{
	const cJSON *item;

	if (o->result < 0)
		return;
	if (cJSON_IsObject(value)) {
		add_object(o, value);
	} else if (cJSON_IsArray(value)) {
		add(o, "[", 1);
		cJSON_ArrayForEach(item, value)
		{
			if (item != value->child)
				add(o, ",", 1);
			add_value(o, item);
		}
		add(o, "]", 1);
	} else if (cJSON_IsString(value)) {
		add_text(o, value->valuestring);
	} else if (cJSON_IsNumber(value)) {
		add_number(o, value->valuedouble);
	} else {
		const char *word = cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "null";

		add(o, word, strlen(word));
	}
}

static int write_value(const cJSON *value, bool escape, char **ret, size_t *ret_size, struct tuf_error *err)
{
	struct out o = { .escape = escape, .err = err };

	add_value(&o, value);
	add(&o, "", 1); /* its zero byte */
	if (o.result < 0) {
		free(o.data);
		return o.result;
	}
	*ret = o.data;
	*ret_size = o.size - 1;
	return 0;
}

int tuf_canonical(const cJSON *value, char **ret, size_t *ret_size, struct tuf_error *err)
{
	return write_value(value, false, ret, ret_size, err);
}

int tuf_json_write(const cJSON *value, char **ret, size_t *ret_size, struct tuf_error *err)
{
	return write_value(value, true, ret, ret_size, err);
}

/* ---- members --------------------------------------------------------------------------------- */

const cJSON *tuf_member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

int tuf_text(const cJSON *object, const char *name, size_t max, const char *where, const char **ret,
	     struct tuf_error *err)
{
	const cJSON *it = tuf_member(object, name);

	if (!cJSON_IsString(it) || !*it->valuestring)
		return tuf_refuse(err, TUF_MALFORMED, "%s: %s must be a text that is not empty", where, name);
	if (strlen(it->valuestring) > max)
		return tuf_refuse(err, TUF_MALFORMED, "%s: %s has more than %zu bytes", where, name, max);
	*ret = it->valuestring;
	return 0;
}

int tuf_number(const cJSON *object, const char *name, int64_t min, int64_t max, const char *where, int64_t *ret,
	       struct tuf_error *err)
{
	const cJSON *it = tuf_member(object, name);

	if (!cJSON_IsNumber(it) || it->valuedouble < (double)min || it->valuedouble > (double)max ||
	    floor(it->valuedouble) != it->valuedouble)
		return tuf_refuse(err, TUF_MALFORMED, "%s: %s must be a whole number from %lld to %lld", where, name,
				  (long long)min, (long long)max);
	*ret = (int64_t)it->valuedouble;
	return 0;
}

int tuf_object(const cJSON *object, const char *name, const char *where, const cJSON **ret, struct tuf_error *err)
{
	const cJSON *it = tuf_member(object, name);

	if (!cJSON_IsObject(it))
		return tuf_refuse(err, TUF_MALFORMED, "%s: %s must be an object", where, name);
	*ret = it;
	return 0;
}

int tuf_list(const cJSON *object, const char *name, int max, const char *where, const cJSON **ret,
	     struct tuf_error *err)
{
	const cJSON *it = tuf_member(object, name);

	if (!cJSON_IsArray(it))
		return tuf_refuse(err, TUF_MALFORMED, "%s: %s must be a list", where, name);
	if (cJSON_GetArraySize(it) > max)
		return tuf_refuse(err, TUF_MALFORMED, "%s: %s has more than %d entries", where, name, max);
	*ret = it;
	return 0;
}
