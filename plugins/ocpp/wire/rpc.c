/* Frames are the first thing of a stranger's that the plugin reads, so this file trusts nothing: a frame is either one
 * of the forms that its dialect has or a fault with a code, and the sender is told whenever its message id can be read,
 * be the rest broken. */
#include "rpc.h"

#include <lib/json.h>
#include <lib/json_tree.h>
#include <lib/utf8.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

/* clang-format off */
#define CODES(name, ...) static const char *const name[RPC_CODES] = { \
	[RPC_OK] = "", \
	[RPC_NOT_IMPLEMENTED] = "NotImplemented", \
	[RPC_NOT_SUPPORTED] = "NotSupported", \
	[RPC_INTERNAL_ERROR] = "InternalError", \
	[RPC_PROTOCOL_ERROR] = "ProtocolError", \
	[RPC_SECURITY_ERROR] = "SecurityError", \
	[RPC_PROPERTY_CONSTRAINT_VIOLATION] = "PropertyConstraintViolation", \
	[RPC_TYPE_CONSTRAINT_VIOLATION] = "TypeConstraintViolation", \
	[RPC_GENERIC_ERROR] = "GenericError", \
	__VA_ARGS__ \
}
/* clang-format on */

CODES(codes_16, [RPC_FORMATION_VIOLATION] = "FormationViolation",
      [RPC_OCCURENCE_CONSTRAINT_VIOLATION] = "OccurenceConstraintViolation", [RPC_FRAMEWORK_ERROR] = "GenericError",
      [RPC_MESSAGE_TYPE_NOT_SUPPORTED] = "GenericError");
CODES(codes_2, [RPC_FORMATION_VIOLATION] = "FormatViolation",
      [RPC_OCCURENCE_CONSTRAINT_VIOLATION] = "OccurrenceConstraintViolation",
      [RPC_FRAMEWORK_ERROR] = "RpcFrameworkError", [RPC_MESSAGE_TYPE_NOT_SUPPORTED] = "MessageTypeNotSupported");

const struct rpc_dialect rpc_16 = { .codes = codes_16 };
const struct rpc_dialect rpc_2 = { .codes = codes_2, .says_broken = true, .says_type = true };
const struct rpc_dialect rpc_21 = {
	.codes = codes_2,
	.kinds = RPC_KIND(RPC_RESULT_ERROR) | RPC_KIND(RPC_SEND),
	.says_broken = true,
};

const char *rpc_code_name(const struct rpc_dialect *dialect, enum rpc_code code)
{
	return dialect->codes[(unsigned)code < RPC_CODES ? code : RPC_GENERIC_ERROR];
}

static int fault(struct rpc_frame *f, enum rpc_code code, const char *why)
{
	f->fault = code;
	f->why = why;
	return -EBADMSG;
}

static size_t skip_space(const char *data, size_t size, size_t at)
{
	while (at < size && (data[at] == ' ' || data[at] == '\t' || data[at] == '\r' || data[at] == '\n'))
		at++;
	return at;
}

/* The id of a CALL whose JSON is broken behind it: [2,"id"... */
static void salvage(const char *data, size_t size, struct rpc_frame *f)
{
	static const char head[] = { '[', '2', ',', '"' };
	size_t at = 0, n = 0;

	for (size_t i = 0; i < sizeof head; i++) {
		at = skip_space(data, size, at);
		if (at >= size || data[at] != head[i])
			return;
		at++;
	}
	while (at + n < size && n < RPC_ID_MAX && data[at + n] != '"') {
		if (data[at + n] < 0x20 || data[at + n] == '\\' || data[at + n] == 0x7f)
			return;
		n++;
	}
	if (n == 0 || at + n >= size || data[at + n] != '"')
		return;
	memcpy(f->salvaged, data + at, n);
	f->salvaged[n] = '\0';
	f->id = f->salvaged;
	f->kind = RPC_CALL;
}

static size_t count_characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* The id: false where there is none that could be echoed. */
static bool read_id(const cJSON *item, struct rpc_frame *f)
{
	if (cJSON_IsString(item)) {
		size_t size = strlen(item->valuestring);

		if (size > RPC_ECHO_MAX || !gv_utf8_valid(item->valuestring, size))
			return false;
		f->id = item->valuestring;
		return true;
	}
	if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 9007199254740992.0 &&
	    (double)(int64_t)item->valuedouble == item->valuedouble) {
		char *at = f->number + sizeof f->number - 1;
		uint64_t value = (uint64_t)item->valuedouble;

		do {
			*--at = (char)('0' + value % 10);
			value /= 10;
		} while (value);
		f->id = at;
		f->id_is_number = true;
		return true;
	}
	return false;
}

static int read_payload(cJSON *item, struct rpc_frame *f)
{
	if (!item || cJSON_IsNull(item)) {
		f->payload = NULL;
		return 0;
	}
	if (!cJSON_IsObject(item))
		return fault(f, RPC_FORMATION_VIOLATION, "the payload is not a JSON object");
	f->payload = item;
	return 0;
}

static int read_call(cJSON *rest, struct rpc_frame *f)
{
	if (!cJSON_IsString(rest))
		return fault(f, RPC_FORMATION_VIOLATION, "the third element, the action, is not a string");
	f->action = rest->valuestring;
	if (rest->next && rest->next->next)
		return fault(f, RPC_FORMATION_VIOLATION, "a CALL has four elements");
	return read_payload(rest->next, f);
}

static int read_error(const cJSON *rest, struct rpc_frame *f)
{
	f->code = cJSON_IsString(rest) ? rest->valuestring : "GenericError";
	f->description = rest && cJSON_IsString(rest->next) ? rest->next->valuestring : "";
	return 0;
}

static bool has_kind(const struct rpc_dialect *dialect, int type)
{
	const unsigned always = RPC_KIND(RPC_CALL) | RPC_KIND(RPC_RESULT) | RPC_KIND(RPC_ERROR);

	return type > 0 && type < 32 && ((always | dialect->kinds) & RPC_KIND(type));
}

static int read_rest(cJSON *item, struct rpc_frame *f)
{
	switch (f->kind) {
	case RPC_CALL:
	case RPC_SEND:
		return read_call(item, f);
	case RPC_RESULT:
		return read_payload(item, f);
	default:
		return read_error(item, f);
	}
}

int rpc_parse(const ProtobufCAllocator *memory, const char *data, size_t size, const struct rpc_dialect *dialect,
	      struct rpc_frame *f)
{
	cJSON *root, *item;
	int type, error = gv_json_tree(memory, data, size, &root);

	memset(f, 0, sizeof *f);
	f->description = "";
	f->memory = memory;
	if (error == -EBADMSG) {
		salvage(data, size, f);
		return fault(f, RPC_FORMATION_VIOLATION, "the frame is not JSON");
	}
	if (error)
		return error;
	if (!cJSON_IsArray(root))
		return fault(f, RPC_FORMATION_VIOLATION, "the frame is not a JSON array");
	item = root->child;
	if (!cJSON_IsNumber(item))
		return fault(f, RPC_FORMATION_VIOLATION, "the first element, the message type, is not a number");
	type = item->valuedouble == item->valueint ? item->valueint : 0;
	if (!has_kind(dialect, type)) {
		f->kind = RPC_OTHER;
		read_id(item->next, f); /* for versions that answer it */
		return 0;
	}
	f->kind = (enum rpc_kind)type;
	item = item->next;
	if (!read_id(item, f))
		return fault(f, RPC_FORMATION_VIOLATION,
			     "the second element, the message id, is not a string that could be echoed");
	if (f->kind == RPC_CALL && count_characters(f->id) > RPC_ID_MAX)
		return fault(f, RPC_FORMATION_VIOLATION, "the message id is longer than 36 characters");
	return read_rest(item->next, f);
}

static void add_id(struct gv_buf *out, const char *id, bool number)
{
	if (number)
		gv_buf_puts(out, id);
	else
		gv_json_string(out, id, strlen(id));
}

void rpc_write_call(struct gv_buf *out, const char *id, const char *action, const char *payload)
{
	out->size = 0;
	gv_buf_puts(out, "[2,");
	add_id(out, id, false);
	gv_buf_putc(out, ',');
	gv_json_string(out, action, strlen(action));
	gv_buf_putc(out, ',');
	gv_buf_puts(out, payload);
	gv_buf_putc(out, ']');
}

void rpc_write_result(struct gv_buf *out, const struct rpc_frame *to, const char *payload)
{
	out->size = 0;
	gv_buf_puts(out, "[3,");
	add_id(out, to->id, to->id_is_number);
	gv_buf_putc(out, ',');
	gv_buf_puts(out, payload);
	gv_buf_putc(out, ']');
}

void rpc_write_error(struct gv_buf *out, const struct rpc_frame *to, const struct rpc_dialect *dialect,
		     enum rpc_code code, const char *description)
{
	size_t size = strlen(description);

	if (size > RPC_DESCRIPTION_MAX)
		for (size = RPC_DESCRIPTION_MAX; size > 0 && ((unsigned char)description[size] & 0xc0) == 0x80; size--)
			;
	out->size = 0;
	gv_buf_puts(out, to->kind == RPC_RESULT ? "[5," : "[4,");
	add_id(out, to->id, to->id_is_number);
	gv_buf_puts(out, ",\"");
	gv_buf_puts(out, rpc_code_name(dialect, code));
	gv_buf_puts(out, "\",");
	gv_json_string(out, description, size);
	gv_buf_puts(out, ",{}]");
}
