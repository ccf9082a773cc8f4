/* A payload between XML and cJSON. The version's table says what an element's text means, so that handlers and the
 * validator see the same whether a message came as JSON or as XML. */
#include "soap.h"

#include <plugins/ocpp/spec/validate.h>

#include <cjson/cJSON.h>
#include <lib/json_text.h>
#include <lib/utf8.h>
#include <libxml/tree.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS_INSTANCE "http://www.w3.org/2001/XMLSchema-instance"

/* ---- reading --------------------------------------------------------------------------------- */

static const struct spec_field *find(const struct spec_object *spec, const xmlChar *name, bool attribute)
{
	for (unsigned i = 0; i < spec->count; i++)
		if (!(spec->fields[i].flags & SPEC_ATTRIBUTE) == !attribute &&
		    !strcmp(spec->fields[i].name, (const char *)name))
			return &spec->fields[i];
	return NULL;
}

/* What is the element's own text (1.5's MeterValue.value). NULL: it has elements. */
static const struct spec_field *text_field(const struct spec_object *spec)
{
	for (unsigned i = 0; i < spec->count; i++)
		if (spec->fields[i].flags & SPEC_TEXT)
			return &spec->fields[i];
	return NULL;
}

static char *trim(char *s)
{
	size_t size;

	s += strspn(s, " \t\r\n");
	size = strlen(s);
	while (size && strchr(" \t\r\n", s[size - 1]))
		size--;
	s[size] = '\0';
	return s;
}

static cJSON *number(const char *s)
{
	char *end;
	double value = strtod(s, &end);

	/* What is none stays text, and the validator's to judge. */
	return end == s || *end || !isfinite(value) || strpbrk(s, "xX") ? cJSON_CreateString(s)
									: cJSON_CreateNumber(value);
}

/* An empty element is an absent field (NULL, and *ret_absent set), unless a text is wanted. */
static cJSON *scalar(const struct spec_field *f, char *s, bool *ret_absent)
{
	bool keeps = (f->flags & (SPEC_REQUIRED | SPEC_LIST)) && f->type == SPEC_STRING;

	if (f->type != SPEC_STRING)
		s = trim(s);
	if (!*s && !keeps) {
		*ret_absent = true;
		return NULL;
	}
	switch (f->type) {
	case SPEC_INT:
	case SPEC_NUMBER:
		return number(s);
	case SPEC_BOOL:
		if (!strcmp(s, "true") || !strcmp(s, "1"))
			return cJSON_CreateBool(true);
		return !strcmp(s, "false") || !strcmp(s, "0") ? cJSON_CreateBool(false) : cJSON_CreateString(s);
	default:
		return cJSON_CreateString(s);
	}
}

static bool is_nil(const xmlNode *n)
{
	xmlChar *nil = xmlGetNsProp(n, BAD_CAST "nil", BAD_CAST NS_INSTANCE);
	bool is = nil && (!strcmp((char *)nil, "true") || !strcmp((char *)nil, "1"));

	xmlFree(nil);
	return is;
}

static cJSON *read_value(const struct spec_field *f, const xmlNode *n, uint64_t *quirks, bool *ret_absent)
{
	xmlChar *text;
	cJSON *value;

	if (f->type == SPEC_OBJECT) {
		value = soap_read_object(n, f->object, quirks);
		*ret_absent = value && !value->child && !(f->flags & (SPEC_REQUIRED | SPEC_LIST));
		if (!*ret_absent)
			return value;
		cJSON_Delete(value);
		return NULL;
	}
	text = xmlNodeGetContent(n);
	if (!text)
		return NULL;
	value = scalar(f, (char *)text, ret_absent);
	xmlFree(text);
	return value;
}

/* Adds what `value` holds; false without memory. A list is one although it has but one element. */
static bool put(cJSON *object, const struct spec_field *f, cJSON *value, uint64_t *quirks)
{
	cJSON *there = cJSON_GetObjectItemCaseSensitive(object, f->name);

	if (f->flags & SPEC_LIST) {
		if (!there)
			there = cJSON_AddArrayToObject(object, f->name);
		if (there && cJSON_AddItemToArray(there, value))
			return true;
	} else if (there) {
		*quirks |= QUIRK_BIT(QUIRK_DOUBLE_KEY); /* the first counts, as in JSON */
		cJSON_Delete(value);
		return true;
	} else if (cJSON_AddItemToObject(object, f->name, value)) {
		return true;
	}
	cJSON_Delete(value);
	return false;
}

static bool read_attributes(const xmlNode *element, const struct spec_object *spec, cJSON *object, uint64_t *quirks)
{
	for (const xmlAttr *a = element->properties; a; a = a->next) {
		const struct spec_field *f = a->ns ? NULL : find(spec, a->name, true);
		xmlChar *text;
		bool absent = false, done;
		cJSON *value;

		if (!f)
			continue; /* xsi:type and its like */
		text = xmlNodeListGetString(element->doc, a->children, 1);
		value = scalar(f, text ? (char *)text : (char[]){ "" }, &absent);
		done = absent || (value && put(object, f, value, quirks));
		xmlFree(text);
		if (!done)
			return false;
	}
	return true;
}

static bool read_elements(const xmlNode *element, const struct spec_object *spec, cJSON *object, uint64_t *quirks)
{
	for (const xmlNode *n = element->children; n; n = n->next) {
		const struct spec_field *f;
		bool absent = false;
		cJSON *value;

		if (n->type != XML_ELEMENT_NODE || is_nil(n))
			continue;
		f = find(spec, n->name, false);
		if (!f) {
			*quirks |= QUIRK_BIT(QUIRK_EXTRA_FIELD);
			continue;
		}
		value = read_value(f, n, quirks, &absent);
		if (!absent && (!value || !put(object, f, value, quirks)))
			return false;
	}
	return true;
}

static bool read_text(const xmlNode *element, const struct spec_field *f, cJSON *object, uint64_t *quirks)
{
	bool absent = false;
	cJSON *value = read_value(f, element, quirks, &absent);

	return absent || (value && put(object, f, value, quirks));
}

cJSON *soap_read_object(const xmlNode *element, const struct spec_object *spec, uint64_t *quirks)
{
	cJSON *object = cJSON_CreateObject();
	const struct spec_field *text = text_field(spec);

	if (object && read_attributes(element, spec, object, quirks) &&
	    (text ? read_text(element, text, object, quirks) : read_elements(element, spec, object, quirks)))
		return object;
	cJSON_Delete(object);
	return NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* What XML 1.0 has no way to say, not even by number. */
static bool unspeakable(const char *s, size_t size)
{
	unsigned char c = (unsigned char)*s;

	if (size == 1)
		return c < 0x20 && c != '\t' && c != '\n' && c != '\r';
	return size == 3 && c == 0xef && (unsigned char)s[1] == 0xbf && (unsigned char)s[2] >= 0xbe;
}

void soap_write_text(struct gv_buf *out, const char *s)
{
	size_t left = strlen(s), n;

	for (; left; s += n, left -= n) {
		n = gv_utf8_char(s, left);
		if (!n || unspeakable(s, n)) {
			n = n ? n : 1;
			gv_buf_puts(out, "\xef\xbf\xbd");
			continue;
		}
		switch (*s) {
		case '&':
			gv_buf_puts(out, "&amp;");
			break;
		case '<':
			gv_buf_puts(out, "&lt;");
			break;
		case '>':
			gv_buf_puts(out, "&gt;");
			break;
		case '"':
			gv_buf_puts(out, "&quot;");
			break;
		case '\t':
		case '\n':
		case '\r':
			gv_buf_printf(out, "&#%d;", *s); /* or an attribute's would become a space */
			break;
		default:
			gv_buf_add(out, s, n);
		}
	}
}

static void write_scalar(struct gv_buf *out, const cJSON *value)
{
	if (cJSON_IsString(value))
		soap_write_text(out, value->valuestring);
	else if (cJSON_IsBool(value))
		gv_buf_puts(out, cJSON_IsTrue(value) ? "true" : "false");
	else if (cJSON_IsNumber(value) && isfinite(value->valuedouble))
		gv_json_double(out, value->valuedouble);
}

static void write_field(struct gv_buf *out, const struct spec_field *f, const cJSON *value)
{
	gv_buf_printf(out, "<%s", f->name);
	if (f->type == SPEC_OBJECT) {
		for (unsigned i = 0; i < f->object->count; i++) {
			const struct spec_field *a = &f->object->fields[i];
			const cJSON *there = a->flags & SPEC_ATTRIBUTE
						     ? cJSON_GetObjectItemCaseSensitive(value, a->name)
						     : NULL;

			if (!there || cJSON_IsNull(there))
				continue;
			gv_buf_printf(out, " %s=\"", a->name);
			write_scalar(out, there);
			gv_buf_putc(out, '"');
		}
	}
	gv_buf_putc(out, '>');
	if (f->type == SPEC_OBJECT)
		soap_write_object(out, value, f->object);
	else
		write_scalar(out, value);
	gv_buf_printf(out, "</%s>", f->name);
}

void soap_write_object(struct gv_buf *out, const cJSON *object, const struct spec_object *spec)
{
	const struct spec_field *text = text_field(spec);

	if (text) {
		write_scalar(out, cJSON_GetObjectItemCaseSensitive(object, text->name));
		return;
	}
	for (unsigned i = 0; i < spec->count; i++) {
		const struct spec_field *f = &spec->fields[i];
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, f->name);

		if (!value || cJSON_IsNull(value))
			continue;
		if (!cJSON_IsArray(value))
			write_field(out, f, value);
		for (const cJSON *item = cJSON_IsArray(value) ? value->child : NULL; item; item = item->next)
			write_field(out, f, item);
	}
}
