/* Frames of chargers: each is a message or a fault, what is taken stays taken, and whatever is answered is a frame
 * itself. */
#include "fuzz.h"

#include <plugins/ocpp/wire/rpc.h>
#include <plugins/ocpp/spec/validate.h>

#include <cjson/cJSON.h>
#include <string.h>

/* An answer must be JSON, with the id as it came. */
static void check_answer(struct gv_buf *out, const struct rpc_frame *to)
{
	const char *text = gv_buf_str(out);
	struct rpc_frame answer;

	FUZZ_ASSERT(rpc_parse(text, strlen(text), &answer) == 0);
	FUZZ_ASSERT(answer.kind == RPC_RESULT || answer.kind == RPC_ERROR);
	FUZZ_ASSERT(answer.id_is_number == to->id_is_number);
	rpc_free(&answer);
}

static void check_call(struct rpc_frame *frame, struct gv_buf *out)
{
	const struct spec_action *action = spec_find(&spec_v16, frame->action);
	struct check first = { 0 }, second = { 0 }, strict = { .strict = true };

	if (!action || !frame->payload)
		return;
	if (validate(action->request, frame->payload, &first)) {
		FUZZ_ASSERT(first.code != RPC_OK && first.text[0] && first.path[0]);
		rpc_write_error(out, frame, RPC_V16, first.code, first.path);
		check_answer(out, frame);
		return;
	}
	FUZZ_ASSERT(validate(action->request, frame->payload, &second) == 0);
	validate(action->request, frame->payload, &strict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_buf out = { 0 };
	struct rpc_frame frame;
	char *text = malloc(size + 1);
	int error;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	error = rpc_parse(text, size, &frame);
	if (error)
		FUZZ_ASSERT(frame.fault != RPC_OK && frame.why);
	if (!error && frame.kind == RPC_CALL)
		check_call(&frame, &out);
	if (frame.id && frame.kind == RPC_CALL) {
		rpc_write_result(&out, &frame, "{}");
		check_answer(&out, &frame);
	}
	rpc_free(&frame);
	gv_buf_fini(&out);
	free(text);
	return 0;
}
