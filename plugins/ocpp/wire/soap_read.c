/* An envelope is the first thing of a stranger's that is read, so it is bounded before libxml2 sees it (size, length of
 * a tag) and while it reads (depth; a document type ends it, so there are no entities but XML's own five). Headers are
 * looked for by namespace and name; what is wrong with them is a fault only where the message could not be served. */
#include "soap.h"

#include <plugins/ocpp/spec/validate.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <string.h>

#define NS_SOAP "http://www.w3.org/2003/05/soap-envelope"
#define NS_SOAP11 "http://schemas.xmlsoap.org/soap/envelope/"

static const struct soap_version *const versions[] = { &soap_v15, &soap_v16 };

static int __attribute__((format(printf, 3, 4)))
fail(struct soap_envelope *e, enum soap_fault fault, const char *fmt, ...)
{
	va_list ap;

	e->fault = fault;
	va_start(ap, fmt);
	vsnprintf(e->why, sizeof e->why, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

/* ---- the document ---------------------------------------------------------------------------- */

static bool tags_are_short(const char *data, size_t size)
{
	size_t began = 0;
	bool inside = false;
	char quote = 0;

	for (size_t i = 0; i < size; i++) {
		char c = data[i];

		if (!inside && c == '<') {
			inside = true;
			began = i;
		} else if (inside && quote) {
			quote = c == quote ? 0 : quote;
		} else if (inside && (c == '"' || c == '\'') && data[began + 1] != '!') {
			quote = c;
		} else if (inside && c == '>') {
			inside = false;
		}
		if (inside && i - began > SOAP_TAG_MAX && data[began + 1] != '!')
			return false;
	}
	return true;
}

/* Why the parser was stopped. */
struct guard {
	const char *why;
};

static void refuse_doctype(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	xmlParserCtxtPtr ctxt = arg;

	((struct guard *)ctxt->_private)->why = "a document type is not allowed";
	xmlStopParser(ctxt);
}

static void start_element(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces,
			  const xmlChar **namespaces, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
	xmlParserCtxtPtr ctxt = arg;

	if (ctxt->nodeNr >= SOAP_DEPTH_MAX) {
		((struct guard *)ctxt->_private)->why = "elements lie too deep within each other";
		xmlStopParser(ctxt);
		return;
	}
	xmlSAX2StartElementNs(arg, name, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted, attributes);
}

static void be_quiet(void *arg, xmlErrorPtr error)
{
}

static int read_document(const char *data, size_t size, struct soap_envelope *e, xmlDocPtr *ret)
{
	struct guard guard = { NULL };
	xmlParserCtxtPtr ctxt;

	if (size > SOAP_SIZE_MAX)
		return fail(e, SOAP_PROTOCOL_ERROR, "the envelope has more than %d bytes", SOAP_SIZE_MAX);
	if (!tags_are_short(data, size))
		return fail(e, SOAP_PROTOCOL_ERROR, "a tag has more than %d bytes", SOAP_TAG_MAX);
	xmlSetStructuredErrorFunc(NULL, be_quiet); /* or some are written to stderr, whatever the options say */
	ctxt = xmlNewParserCtxt();
	if (!ctxt)
		return -ENOMEM;
	ctxt->_private = &guard;
	ctxt->sax->internalSubset = refuse_doctype;
	ctxt->sax->startElementNs = start_element;
	*ret = xmlCtxtReadMemory(ctxt, data, (int)size, NULL, NULL,
				 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |
					 XML_PARSE_COMPACT);
	if (*ret && guard.why) {
		xmlFreeDoc(*ret);
		*ret = NULL;
	}
	if (!*ret)
		fail(e, SOAP_PROTOCOL_ERROR, "the body is not XML as SOAP has it: %.100s",
		     guard.why ? guard.why : "it is not well-formed");
	xmlFreeParserCtxt(ctxt);
	return *ret ? 0 : -EBADMSG;
}

/* ---- elements -------------------------------------------------------------------------------- */

static bool in_namespace(const xmlNode *n, const char *ns)
{
	return n->ns && n->ns->href && !strcmp((const char *)n->ns->href, ns);
}

static bool named(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, name);
}

/* The first child of that name, in any namespace; NULL: none. */
static const xmlNode *child(const xmlNode *of, const char *name)
{
	const xmlNode *n = of ? of->children : NULL;

	while (n && !named(n, name))
		n = n->next;
	return n;
}

static const xmlNode *first_element(const xmlNode *of)
{
	const xmlNode *n = of->children;

	while (n && n->type != XML_ELEMENT_NODE)
		n = n->next;
	return n;
}

/* Its text without white space around it, to be freed with free; "" where there is none or too much. NULL: no memory.
 */
static char *text_of(const xmlNode *n)
{
	xmlChar *content = n ? xmlNodeGetContent(n) : NULL;
	const char *s = content ? (const char *)content : "";
	size_t size;
	char *copy;

	s += strspn(s, " \t\r\n");
	size = strlen(s);
	while (size && strchr(" \t\r\n", s[size - 1]))
		size--;
	copy = size > SOAP_HEADER_MAX ? strdup("") : strndup(s, size);
	xmlFree(content);
	return copy;
}

/* ---- headers --------------------------------------------------------------------------------- */

static bool is_wsa(const xmlNode *n)
{
	static const char *const names[] = { "Action", "MessageID", "RelatesTo", "From", "ReplyTo", "FaultTo", "To" };

	if (!in_namespace(n, SOAP_ADDRESSING) && !in_namespace(n, SOAP_ADDRESSING_OLD))
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (named(n, names[i]))
			return true;
	return false;
}

/* Of either service and any version: some stations write the other one's. */
static bool is_identity(const xmlNode *n)
{
	return named(n, "chargeBoxIdentity") &&
	       (!n->ns || !n->ns->href || !strncmp((const char *)n->ns->href, "urn://Ocpp/C", 12));
}

static bool must_understand(const xmlNode *n)
{
	xmlChar *value = xmlGetNsProp(n, BAD_CAST "mustUnderstand", BAD_CAST NS_SOAP);
	bool must = value && (!strcmp((char *)value, "1") || !strcmp((char *)value, "true"));

	xmlFree(value);
	return must;
}

static int take(char **at, const xmlNode *n)
{
	if (*at)
		return 0; /* the first counts */
	*at = text_of(n);
	return *at ? 0 : -ENOMEM;
}

static int read_header(const xmlNode *n, struct soap_envelope *e)
{
	if (is_identity(n))
		return take(&e->identity, n);
	if (!is_wsa(n)) {
		if (e->fault || !must_understand(n))
			return 0;
		fail(e, SOAP_MUST_UNDERSTAND, "the header %.60s is not understood here", (const char *)n->name);
		return 0; /* the others still say whom to answer */
	}
	if (in_namespace(n, SOAP_ADDRESSING_OLD)) {
		e->old_addressing = true;
		e->quirks |= QUIRK_BIT(QUIRK_OLD_ADDRESSING);
	}
	if (named(n, "Action"))
		return take(&e->wsa_action, n);
	if (named(n, "MessageID"))
		return take(&e->message_id, n);
	if (named(n, "RelatesTo"))
		return take(&e->relates_to, n);
	if (named(n, "To"))
		return take(&e->to, n);
	if (!named(n, "From"))
		return 0;
	return take(&e->from, first_element(n) ? child(n, "Address") : n); /* some write the address alone */
}

static int read_headers(const xmlNode *header, struct soap_envelope *e)
{
	char **all[] = { &e->identity, &e->wsa_action, &e->message_id, &e->relates_to, &e->from, &e->to };
	int error = 0;

	for (const xmlNode *n = header ? header->children : NULL; n && !error; n = n->next)
		if (n->type == XML_ELEMENT_NODE)
			error = read_header(n, e);
	for (size_t i = 0; i < sizeof all / sizeof *all && !error; i++)
		error = take(all[i], NULL);
	return error;
}

/* ---- the body -------------------------------------------------------------------------------- */

static int read_fault(const xmlNode *fault, struct soap_envelope *e)
{
	const xmlNode *code = child(fault, "Code"), *sub = child(code, "Subcode"),
		      *value = child(sub ? sub : code, "Value");
	char *colon;

	e->kind = SOAP_FAULT;
	if (!value)
		value = child(fault, "faultcode"); /* as SOAP 1.1 has it */
	e->code = text_of(value);
	e->reason = text_of(code ? child(child(fault, "Reason"), "Text") : child(fault, "faultstring"));
	if (!e->code || !e->reason)
		return -ENOMEM;
	colon = strrchr(e->code, ':');
	if (colon)
		memmove(e->code, colon + 1, strlen(colon));
	return 0;
}

static int find_version(const xmlNode *n, struct soap_envelope *e)
{
	const char *ns = n->ns && n->ns->href ? (const char *)n->ns->href : "";

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		e->up = !strcmp(ns, versions[i]->cs);
		if (!e->up && strcmp(ns, versions[i]->cp) != 0)
			continue;
		e->version = versions[i];
		return 0;
	}
	return fail(e, SOAP_PROTOCOL_ERROR,
		    "the body's element is in namespace \"%.60s\": OCPP 1.5 and 1.6 are spoken here", ns);
}

/* Some stations write the namespace of the service that they offer where it should be that of the one that they call,
 * and the other way round. The operation tells, but for DataTransfer, which both have. */
static bool is_of(struct soap_envelope *e, const struct spec_action *action)
{
	unsigned wanted = e->up ? SPEC_UP : SPEC_DOWN, other = e->up ? SPEC_DOWN : SPEC_UP;

	if (action->directions & wanted)
		return true;
	if (!(action->directions & other))
		return false;
	e->up = !e->up;
	e->other_service = true;
	e->quirks |= QUIRK_BIT(QUIRK_OTHER_SERVICE);
	return true;
}

/* bootNotificationRequest: what is asked, and whether it is. */
static int find_operation(const xmlNode *n, struct soap_envelope *e)
{
	static const struct {
		const char *text;
		enum soap_kind kind;
		uint64_t quirks;
	} ends[] = {
		{ "Request", SOAP_REQUEST, 0 },
		{ "Response", SOAP_RESPONSE, 0 },
		{ "Confirmation", SOAP_RESPONSE, QUIRK_BIT(QUIRK_WRONG_NAME) }, /* as OCPP-J calls it */
	};
	char name[64];
	size_t size = strlen((const char *)n->name);

	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t end = strlen(ends[i].text);

		if (size <= end || size - end >= sizeof name ||
		    strcmp((const char *)n->name + size - end, ends[i].text) != 0)
			continue;
		memcpy(name, n->name, size - end);
		name[size - end] = '\0';
		if (name[0] >= 'a' && name[0] <= 'z')
			name[0] = (char)(name[0] - 'a' + 'A');
		e->kind = ends[i].kind;
		e->action = soap_action(e->version, name);
		e->quirks |= ends[i].quirks;
		if (e->action && is_of(e, e->action))
			return 0;
		e->action = NULL;
	}
	return fail(e, SOAP_NOT_SUPPORTED, "%.60s is no message of this service", (const char *)n->name);
}

static int read_body(const xmlNode *body, struct soap_envelope *e)
{
	const xmlNode *n = body ? first_element(body) : NULL;
	int error;

	if (!n)
		return fail(e, SOAP_PROTOCOL_ERROR, "the envelope has no Body with an element in it");
	if (named(n, "Fault"))
		return read_fault(n, e);
	error = find_version(n, e);
	if (!error)
		error = e->fault ? -EBADMSG : find_operation(n, e);
	if (error)
		return error;
	e->payload = soap_read_object(n, e->kind == SOAP_REQUEST ? e->action->request : e->action->answer, &e->quirks);
	return e->payload ? 0 : -ENOMEM;
}

int soap_parse(const char *data, size_t size, struct soap_envelope *e)
{
	xmlDocPtr doc = NULL;
	const xmlNode *root;
	int error;

	memset(e, 0, sizeof *e);
	e->version = &soap_v16;
	error = read_document(data, size, e, &doc);
	if (error)
		return error;
	root = xmlDocGetRootElement(doc);
	if (!root || !named(root, "Envelope")) {
		error = fail(e, SOAP_PROTOCOL_ERROR, "the root element is no Envelope");
	} else if (!in_namespace(root, NS_SOAP)) {
		error = fail(e, SOAP_VERSION_MISMATCH, "the envelope is %s: SOAP 1.2 is wanted",
			     in_namespace(root, NS_SOAP11) ? "SOAP 1.1" : "in an unknown namespace");
	} else {
		error = read_headers(child(root, "Header"), e);
		if (!error)
			error = read_body(child(root, "Body"), e);
	}
	xmlFreeDoc(doc);
	return error;
}

void soap_free(struct soap_envelope *e)
{
	free(e->identity);
	free(e->wsa_action);
	free(e->message_id);
	free(e->relates_to);
	free(e->from);
	free(e->to);
	free(e->code);
	free(e->reason);
	cJSON_Delete(e->payload);
	memset(e, 0, sizeof *e);
}
