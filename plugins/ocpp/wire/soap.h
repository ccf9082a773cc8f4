/* OCPP-S framing: SOAP 1.2 envelopes with WS-Addressing 1.0, of OCPP 1.5 and 1.6, to and from cJSON payloads in the
 * names of the version's tables. Pure functions over bytes that a stranger sent.
 *
 * Which version an envelope belongs to follows from the namespace of the Body's first child, so one address serves all
 * (OCPP-S 1.6, 3). */
#ifndef OCPP_SOAP_H
#define OCPP_SOAP_H

#include <plugins/ocpp/spec/spec.h>

#include <lib/buf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

#define SOAP_SIZE_MAX (256 * 1024) /* bytes of an envelope, decompressed */
#define SOAP_DEPTH_MAX 24          /* elements within each other; the deepest message of OCPP-S has 9 */
#define SOAP_TAG_MAX 8192          /* bytes of one tag: libxml2 compares each attribute with all before it */
#define SOAP_HEADER_MAX 1024       /* bytes of a header's value; a longer one counts as absent */
#define SOAP_TEXT_MAX 255          /* bytes of a fault's reason that are kept */

#define SOAP_ADDRESSING "http://www.w3.org/2005/08/addressing"
#define SOAP_ANONYMOUS SOAP_ADDRESSING "/anonymous"
/* The submission that WS-Addressing grew from: some stations speak it, and understand nothing else. */
#define SOAP_ADDRESSING_OLD "http://schemas.xmlsoap.org/ws/2004/08/addressing"
/* What an answer relates to where the request had no MessageID (WS-Addressing 1.0 core, 3.1). */
#define SOAP_UNSPECIFIED SOAP_ADDRESSING "/unspecified"

struct soap_version {
	const char *cs; /* namespace of what stations call */
	const char *cp; /* of what they are called with */
	const struct spec_version *spec;
};
extern const struct soap_version soap_v15, soap_v16;
/* As spec_find, of what OCPP-S has: the security extension is not there. */
const struct spec_action *soap_action(const struct soap_version *version, const char *name);

/* OCPP-S 1.6, 4, and SOAP 1.2 part 1, 5.4.6. */
enum soap_fault {
	SOAP_OK,
	SOAP_SECURITY_ERROR,
	SOAP_IDENTITY_MISMATCH,
	SOAP_PROTOCOL_ERROR,
	SOAP_INTERNAL_ERROR,
	SOAP_NOT_SUPPORTED,
	SOAP_MUST_UNDERSTAND,
	SOAP_VERSION_MISMATCH,
	SOAP_FAULTS
};
/* "SecurityError". */
const char *soap_fault_name(enum soap_fault fault);
/* 400 where the sender is at fault, 500 otherwise (SOAP 1.2 part 2, 7.5.2.2). */
unsigned soap_fault_status(enum soap_fault fault);

enum soap_kind { SOAP_REQUEST, SOAP_RESPONSE, SOAP_FAULT };

struct soap_envelope {
	enum soap_kind kind;
	const struct soap_version *version;
	const struct spec_action *action; /* REQUEST, RESPONSE */
	bool up;                          /* of the service that stations call */
	bool other_service;               /* in the namespace of the one that it is not of */
	bool old_addressing;              /* its headers are SOAP_ADDRESSING_OLD's */
	/* Headers; "" where there is none. Owned by the envelope, like all below. */
	char *identity, *wsa_action, *message_id, *relates_to, *from, *to;
	struct cJSON *payload; /* an object, not yet validated; NULL for SOAP_FAULT */
	uint64_t quirks;       /* bits of enum quirk */
	/* SOAP_FAULT: what the other side says. */
	char *code, *reason; /* the subcode without its prefix, or the code where there is none */
	/* Where soap_parse fails: what to answer with. */
	enum soap_fault fault;
	char why[160];
};

/* 0, or -EBADMSG with fault and why set, and the version and headers as far as they could be read; -ENOMEM. To be freed
 * with soap_free in each case. */
int soap_parse(const char *data, size_t size, struct soap_envelope *ret);
void soap_free(struct soap_envelope *e);

/* Each replaces what is in out. Elements come in the order of the table, which is the WSDL's. */

struct soap_addresses {
	const char *identity;
	const char *message_id;
	const char *from, *to; /* URLs */
	bool old_addressing;
};
/* A request to a station. */
void soap_write_request(struct gv_buf *out, const struct soap_version *version, const struct spec_action *action,
			const struct cJSON *payload, const struct soap_addresses *a);
/* The answer to a station's request. `message_id`: of the answer. */
void soap_write_response(struct gv_buf *out, const struct soap_envelope *to, const char *message_id,
			 const struct cJSON *payload);
/* `why`: for people, behind the reason that the specification words; NULL: none. */
void soap_write_fault(struct gv_buf *out, const struct soap_envelope *to, const char *message_id, enum soap_fault fault,
		      const char *why);

/* ---- between the files of this reader and writer --------------------------------------------- */

struct _xmlNode;
/* The content of an element by its table, as a new object; NULL without memory. */
struct cJSON *soap_read_object(const struct _xmlNode *element, const struct spec_object *spec, uint64_t *quirks);

/* The parts of a payload as elements, and of them the attributes, which belong into the tag around. */
void soap_write_object(struct gv_buf *out, const struct cJSON *object, const struct spec_object *spec);
/* The text with what XML has a meaning for replaced, and what XML cannot say (most of the characters below U+0020) as
 * U+FFFD. */
void soap_write_text(struct gv_buf *out, const char *text);

#endif
