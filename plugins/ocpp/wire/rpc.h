/* OCPP-J framing: what travels in a text frame, whatever the version's messages are. Pure functions. */
#ifndef OCPP_RPC_H
#define OCPP_RPC_H

#include <lib/buf.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct cJSON;

#define RPC_ID_MAX 36       /* characters of a message id (OCPP-J 1.6, 4.1.4) */
#define RPC_ID_UNKNOWN "-1" /* of an answer to what has none that can be read (OCPP-J 2.0.1, 4.2.3) */
#define RPC_ECHO_MAX 255    /* bytes of an id, however wrong, that are still echoed */
#define RPC_ACTION_MAX 50   /* bytes of an action's name that are still told back */
#define RPC_DESCRIPTION_MAX 255

/* OCPP-J 1.6, 4.2.3, and what 2.0.1 added. */
enum rpc_code {
	RPC_OK,
	RPC_NOT_IMPLEMENTED,
	RPC_NOT_SUPPORTED,
	RPC_INTERNAL_ERROR,
	RPC_PROTOCOL_ERROR,
	RPC_SECURITY_ERROR,
	RPC_FORMATION_VIOLATION,
	RPC_PROPERTY_CONSTRAINT_VIOLATION,
	RPC_OCCURENCE_CONSTRAINT_VIOLATION,
	RPC_TYPE_CONSTRAINT_VIOLATION,
	RPC_GENERIC_ERROR,
	RPC_FRAMEWORK_ERROR,            /* 2.0.1 on */
	RPC_MESSAGE_TYPE_NOT_SUPPORTED, /* 2.0.1 on */
	RPC_CODES
};

enum rpc_kind {
	RPC_OTHER = 0, /* a number that the dialect has not */
	RPC_CALL = 2,
	RPC_RESULT = 3,
	RPC_ERROR = 4,
	RPC_RESULT_ERROR = 5, /* the RESULT with that id was of no use; 2.1 on */
	RPC_SEND = 6          /* as a CALL, but never answered; 2.1 on */
};

/* How versions of OCPP-J differ, as data: rpc_16 is 1.5's and 1.6's, rpc_2 2.0.1's, rpc_21 2.1's. */
struct rpc_dialect {
	const char *const *codes; /* RPC_CODES names */
	unsigned kinds;           /* RPC_KIND of those that it has beside CALL, RESULT and ERROR */
	bool says_broken;         /* answers what is no message at all (2.0.1, 4.2.3) */
	bool says_type;           /* answers a number that it has not (2.0.1, 4.4); 1.6 (4.1.3) and 2.1 ignore it */
};
#define RPC_KIND(kind) (1u << (kind))
extern const struct rpc_dialect rpc_16, rpc_2, rpc_21;

/* As the dialect spells it: 1.6 has FormationViolation and OccurenceConstraintViolation (one r), 2.0.1 FormatViolation
 * and two r. Codes that 1.6 lacks become GenericError there. */
const char *rpc_code_name(const struct rpc_dialect *dialect, enum rpc_code code);

struct rpc_frame {
	enum rpc_kind kind;
	const char *id;        /* in memory, or in number */
	bool id_is_number;     /* wrong, but some send it: echoed as it came */
	const char *action;    /* CALL, SEND */
	struct cJSON *payload; /* CALL, SEND, RESULT: an object, or NULL where it was null or absent, which means {} */
	const char *code;      /* ERROR, RESULT_ERROR */
	const char *description; /* ERROR, RESULT_ERROR; "" where there is none */
	const ProtobufCAllocator
		*memory; /* of the payload; NULL: cJSON's own, of a frame that rpc_parse has not made */
	char number[32];
	/* Where rpc_parse fails: */
	enum rpc_code fault;
	const char *why; /* for people; a literal */
	char salvaged[RPC_ID_MAX + 1];
};

/* Reads a frame into memory that lives as long as *ret is used; nothing in it is to be freed by itself. 0; -EBADMSG:
 * fault and why say what is wrong, and id is not NULL where the sender can be told; -ENOMEM. */
int rpc_parse(const ProtobufCAllocator *memory, const char *data, size_t size, const struct rpc_dialect *dialect,
	      struct rpc_frame *ret);

/* Each replaces what is in out by a frame. `payload`: JSON text. */
void rpc_write_call(struct gv_buf *out, const char *id, const char *action, const char *payload);
void rpc_write_result(struct gv_buf *out, const struct rpc_frame *to, const char *payload);
/* To a CALL an ERROR, to a RESULT a RESULT_ERROR. */
void rpc_write_error(struct gv_buf *out, const struct rpc_frame *to, const struct rpc_dialect *dialect,
		     enum rpc_code code, const char *description);

#endif
