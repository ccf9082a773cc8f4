/* Frames of chargers: each is a message or a fault, what is taken stays taken, and whatever is answered is a frame
 * itself. */
#include "fuzz.h"

#include <plugins/ocpp/wire/rpc.h>
#include <plugins/ocpp/spec/validate.h>
#include <tests/memory.h>

#include <cjson/cJSON.h>
#include <string.h>

/* An answer must be JSON, with the id as it came. */
static void check_answer(struct gv_buf *out, const struct rpc_frame *to)
{
	const char *text = gv_buf_str(out);
	struct rpc_frame answer;

	FUZZ_ASSERT(rpc_parse(to->memory, text, strlen(text), &rpc_21, &answer) == 0);
	FUZZ_ASSERT(answer.kind == RPC_RESULT || answer.kind == RPC_ERROR);
	FUZZ_ASSERT(answer.id_is_number == to->id_is_number);
}

static const struct spec_version *const versions[] = { &spec_v15, &spec_v16, &spec_v201 };

/* What is taken leniently has become what the table says, so that it is taken again. */
static void check_payload(const struct spec_version *version, const struct spec_object *object, cJSON *payload,
			  const struct rpc_frame *frame, struct gv_buf *out)
{
	struct check first = { .version = version }, second = first, strict = { .version = version, .strict = true };

	if (validate(object, payload, &first)) {
		FUZZ_ASSERT(first.code != RPC_OK && first.text[0] && first.path[0]);
		rpc_write_error(out, frame, version->rpc, first.code, first.path);
		check_answer(out, frame);
		return;
	}
	FUZZ_ASSERT(validate(object, payload, &second) == 0);
	if (validate(object, payload, &strict) == 0)
		FUZZ_ASSERT((second.quirks & ~QUIRK_BIT(QUIRK_DOUBLE_KEY)) == 0);
}

/* The payload as a request and as an answer of each version: each on a copy, as leniency changes what it reads. */
static void check_call(struct rpc_frame *frame, struct gv_buf *out)
{
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		const struct spec_action *action = spec_find(versions[i], frame->action);
		cJSON *request, *answer;

		if (!action || !frame->payload)
			continue;
		request = cJSON_Duplicate(frame->payload, true);
		answer = cJSON_Duplicate(frame->payload, true);
		if (request && answer) {
			check_payload(versions[i], action->request, request, frame, out);
			check_payload(versions[i], action->answer, answer, frame, out);
		}
		cJSON_Delete(request);
		cJSON_Delete(answer);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_buf out = { 0 };
	struct memory memory;
	struct rpc_frame frame;
	char *text = malloc(size + 1);
	int error;

	if (!text)
		return 0;
	memory_init(&memory);
	memcpy(text, data, size);
	text[size] = '\0';
	error = rpc_parse(&memory.allocator, text, size, &rpc_21, &frame);
	if (error)
		FUZZ_ASSERT(frame.fault != RPC_OK && frame.why);
	if (!error && (frame.kind == RPC_CALL || frame.kind == RPC_SEND))
		check_call(&frame, &out);
	if (frame.id && frame.kind == RPC_CALL) {
		rpc_write_result(&out, &frame, "{}");
		check_answer(&out, &frame);
	}
	memory_fini(&memory);
	gv_buf_fini(&out);
	free(text);
	return 0;
}
