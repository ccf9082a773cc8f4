/* Says in OpenAPI's words what the schema says: comments become descriptions, rules become bounds, secrets become
 * write-only. */
#include "openapi.h"

#include "access.h"

#include <lib/json.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	struct gv_buf *out;
	const struct gv_type **types; /* those that something refers to, in the order met; each becomes a component */
	size_t n_types, capacity;
	int error;
};

static void text(struct writer *w, const char *s)
{
	gv_json_string(w->out, s, strlen(s));
}

static void property(struct writer *w, const char *name, const char *value)
{
	gv_buf_putc(w->out, ',');
	text(w, name);
	gv_buf_putc(w->out, ':');
	text(w, value);
}

/* Notes that the document needs this type's component. */
static void need(struct writer *w, const struct gv_type *type)
{
	for (size_t i = 0; i < w->n_types; i++) {
		if (w->types[i] == type)
			return;
	}
	if (w->n_types == w->capacity) {
		size_t more = w->capacity ? w->capacity * 2 : 64;
		const struct gv_type **grown = reallocarray(w->types, more, sizeof(*grown));

		if (!grown) {
			w->error = -ENOMEM;
			return;
		}
		w->types = grown;
		w->capacity = more;
	}
	w->types[w->n_types++] = type;
}

static void reference(struct writer *w, const struct gv_type *type)
{
	need(w, type);
	gv_buf_printf(w->out, "\"$ref\":\"#/components/schemas/%s\"", type->name);
}

/* A bound, a decimal number from the .proto: JSON takes it as it stands. */
static void bound(struct writer *w, const char *name, const char *number)
{
	if (*number && strspn(number, "+-.0123456789eE") == strlen(number))
		gv_buf_printf(w->out, ",\"%s\":%s", name, number + (*number == '+'));
}

static bool is_signed_32(enum gv_kind kind)
{
	return kind == GV_KIND_INT32 || kind == GV_KIND_SINT32 || kind == GV_KIND_SFIXED32;
}

static bool is_64(enum gv_kind kind)
{
	return kind == GV_KIND_INT64 || kind == GV_KIND_UINT64 || kind == GV_KIND_SINT64 || kind == GV_KIND_FIXED64 ||
	       kind == GV_KIND_SFIXED64;
}

static void choice(struct writer *w, const struct gv_field *f)
{
	gv_buf_puts(w->out, "\"type\":\"string\",\"enum\":[");
	if (!f->required)
		gv_buf_puts(w->out, "\"\",");
	for (const char *s = f->one_of; *s;) {
		size_t size = strcspn(s, "|");

		gv_json_string(w->out, s, size);
		s += size;
		if (*s && *++s)
			gv_buf_putc(w->out, ',');
	}
	gv_buf_putc(w->out, ']');
}

static void enumeration(struct writer *w, const struct gv_enum *e)
{
	gv_buf_puts(w->out, "\"type\":\"string\",\"enum\":[");
	for (size_t i = 0; i < e->n_values; i++) {
		if (i)
			gv_buf_putc(w->out, ',');
		text(w, e->values[i].name);
	}
	gv_buf_putc(w->out, ']');
}

/* google.protobuf's free JSON. True if the type is such. */
static bool free_json(struct writer *w, const struct gv_type *type)
{
	if (strcmp(type->name, "google.protobuf.Value") == 0)
		gv_buf_puts(w->out, "\"$comment\":\"any JSON\"");
	else if (strcmp(type->name, "google.protobuf.Struct") == 0)
		gv_buf_puts(w->out, "\"type\":[\"object\",\"null\"]");
	else if (strcmp(type->name, "google.protobuf.ListValue") == 0)
		gv_buf_puts(w->out, "\"type\":[\"array\",\"null\"]");
	else
		return false;
	return true;
}

/* The members of the schema of one value of a field, without braces. `alone`: the bounds are the value's and not the
 * list's. */
static void value(struct writer *w, const struct gv_field *f, bool alone)
{
	const char *min = alone ? f->min : "", *max = alone ? f->max : "";

	switch (f->kind) {
	case GV_KIND_MESSAGE:
	case GV_KIND_GROUP:
		if (free_json(w, f->type))
			return;
		if (!alone || f->required) {
			reference(w, f->type);
			return;
		}
		gv_buf_puts(w->out, "\"anyOf\":[{");
		reference(w, f->type);
		gv_buf_puts(w->out, "},{\"type\":\"null\"}]");
		return;
	case GV_KIND_ENUM:
		enumeration(w, f->enum_type);
		return;
	case GV_KIND_BOOL:
		gv_buf_puts(w->out, "\"type\":\"boolean\"");
		return;
	case GV_KIND_STRING:
		if (*f->one_of) {
			choice(w, f);
			return;
		}
		gv_buf_puts(w->out, "\"type\":\"string\"");
		bound(w, "minLength", min);
		bound(w, "maxLength", max);
		return;
	case GV_KIND_BYTES:
		gv_buf_puts(w->out, "\"type\":\"string\",\"contentEncoding\":\"base64\"");
		return;
	case GV_KIND_DOUBLE:
	case GV_KIND_FLOAT:
		gv_buf_printf(w->out, "\"type\":\"number\",\"format\":\"%s\"",
			      f->kind == GV_KIND_DOUBLE ? "double" : "float");
		break;
	default:
		if (is_64(f->kind)) { /* a string in JSON, so its bounds can only be told */
			gv_buf_puts(w->out, "\"type\":\"string\",\"format\":\"int64\"");
			bound(w, "x-minimum", min);
			bound(w, "x-maximum", max);
			return;
		}
		gv_buf_puts(w->out, "\"type\":\"integer\"");
		if (is_signed_32(f->kind))
			gv_buf_puts(w->out, ",\"format\":\"int32\"");
		else if (!*min)
			min = "0";
	}
	bound(w, "minimum", min);
	bound(w, "maximum", max);
}

static void field(struct writer *w, const struct gv_field *f)
{
	text(w, f->json_name);
	gv_buf_puts(w->out, ":{");
	if (f->map) {
		gv_buf_puts(w->out, "\"type\":\"object\",\"additionalProperties\":{");
		value(w, gv_type_field_numbered(f->type, 2), false);
		gv_buf_putc(w->out, '}');
		bound(w, "maxProperties", f->max);
	} else if (f->repeated) {
		gv_buf_puts(w->out, "\"type\":\"array\",\"items\":{");
		value(w, f, false);
		gv_buf_putc(w->out, '}');
		bound(w, "minItems", f->min);
		bound(w, "maxItems", f->max);
	} else {
		value(w, f, true);
	}
	if (*f->comment)
		property(w, "description", f->comment);
	if (*f->unit)
		property(w, "x-unit", f->unit);
	if (f->secret)
		gv_buf_puts(w->out, ",\"writeOnly\":true");
	gv_buf_putc(w->out, '}');
}

static void component(struct writer *w, const struct gv_type *type)
{
	size_t required = 0;

	text(w, type->name);
	gv_buf_puts(w->out, ":{\"type\":\"object\"");
	if (*type->comment)
		property(w, "description", type->comment);
	gv_buf_puts(w->out, ",\"properties\":{");
	for (size_t i = 0; i < type->n_fields; i++) {
		if (i)
			gv_buf_putc(w->out, ',');
		field(w, &type->fields[i]);
	}
	gv_buf_putc(w->out, '}');
	for (size_t i = 0; i < type->n_fields; i++) {
		if (!type->fields[i].required)
			continue;
		gv_buf_puts(w->out, required++ ? "," : ",\"required\":[");
		text(w, type->fields[i].json_name);
	}
	gv_buf_puts(w->out, required ? "],\"additionalProperties\":false}" : ",\"additionalProperties\":false}");
}

static void method(struct writer *w, const struct gv_service_type *service, const struct gv_rpc *rpc)
{
	gv_buf_printf(w->out, ",\"/api/%s/%s\":{\"post\":{\"operationId\":\"%s.%s\",\"tags\":[\"%s\"]", service->name,
		      rpc->name, service->name, rpc->name, service->name);
	if (*rpc->comment)
		property(w, "description", rpc->comment);
	property(w, "x-role", rpc->role);
	if (api_is_public(rpc->role))
		gv_buf_puts(w->out, ",\"security\":[]");
	gv_buf_puts(w->out, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{");
	reference(w, rpc->input);
	gv_buf_puts(w->out, "}}}},\"responses\":{\"200\":{\"description\":\"The "
			    "reply\",\"content\":{\"application/json\":{\"schema\":{");
	reference(w, rpc->output);
	gv_buf_puts(w->out, "}}}},\"default\":{\"$ref\":\"#/components/responses/Error\"}}}}");
}

static void event_stream(struct writer *w, const struct api_catalog *c)
{
	gv_buf_puts(w->out,
		    "\"/api/events\":{\"get\":{\"operationId\":\"events\",\"description\":\"Events as they happen, "
		    "from now on, as "
		    "server-sent events. Nothing from before is sent, and Last-Event-ID is not "
		    "honoured.\",\"x-role\":\"viewer\","
		    "\"parameters\":[{\"name\":\"type\",\"in\":\"query\",\"explode\":true,\"description\":\"Only these "
		    "types, by full "
		    "name or the last part of it; none: "
		    "all\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}],"
		    "\"responses\":{\"200\":{\"description\":\"One JSON object per event; its member event is one of "
		    "these types\","
		    "\"content\":{\"text/"
		    "event-stream\":{\"schema\":{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},"
		    "\"key\":{\"type\":\"string\"},\"timeMs\":{\"type\":\"string\",\"format\":\"int64\"},\"instance\":{"
		    "\"type\":"
		    "\"string\"},\"seq\":{\"type\":\"string\",\"format\":\"int64\"},\"event\":{\"type\":\"object\"");
	for (size_t i = 0; i < c->n_events; i++) {
		gv_buf_puts(w->out, i ? ",{" : ",\"anyOf\":[{");
		reference(w, c->events[i]);
		gv_buf_putc(w->out, '}');
	}
	gv_buf_puts(w->out, c->n_events ? "]}}}}}},\"default\":" : "}}}}}},\"default\":");
	gv_buf_puts(w->out, "{\"$ref\":\"#/components/responses/Error\"}}}}");
}

static const char error_parts[] = "\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
				  "\"responses\":{\"Error\":{\"description\":\"Why "
				  "not\",\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\","
				  "\"required\":[\"code\",\"message\"],\"properties\":{\"code\":{\"type\":\"string\","
				  "\"description\":\"One of Connect's codes: "
				  "not_found, invalid_argument, ...\"},\"message\":{\"type\":\"string\"}}}}}}},";

int api_openapi_write(const struct api_catalog *c, const char *version, struct gv_buf *out)
{
	struct writer w = { .out = out };

	gv_buf_puts(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"galvan\",\"version\":");
	text(&w, version);
	gv_buf_puts(out, ",\"description\":\"Every service of this node's plugins. JSON is the canonical proto3 "
			 "mapping: 64-bit integers are "
			 "strings (numbers are read too), zero values are always "
			 "printed.\"},\"security\":[{\"bearer\":[]}],\"paths\":{");
	event_stream(&w, c);
	for (size_t i = 0; i < c->n_services; i++) {
		for (size_t j = 0; j < c->services[i]->n_methods; j++)
			method(&w, c->services[i], &c->services[i]->methods[j]);
	}
	gv_buf_puts(out, "},\"components\":{");
	gv_buf_puts(out, error_parts);
	gv_buf_puts(out, "\"schemas\":{");
	/* Writing a component may add types behind it. */
	for (size_t i = 0; i < w.n_types; i++) {
		if (i)
			gv_buf_putc(out, ',');
		component(&w, w.types[i]);
	}
	gv_buf_puts(out, "}}}");
	free(w.types);
	return w.error ? w.error : out->error;
}
