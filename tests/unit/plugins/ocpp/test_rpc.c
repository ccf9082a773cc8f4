/* Frames: whatever a station sends is a message or a fault that it can be told of, and what is sent has one form only.
 */
#include <plugins/ocpp/wire/rpc.h>
#include <tests/memory.h>

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct rpc_frame frame;
static struct memory memory;

static int parse(const char *text)
{
	return rpc_parse(&memory.allocator, text, strlen(text), &rpc_2, &frame);
}

static void setup(void)
{
	memory_init(&memory);
}

static void teardown(void)
{
	memory_fini(&memory);
}

TestSuite(rpc, .init = setup, .fini = teardown);

Test(rpc, a_call_has_an_id_an_action_and_an_object)
{
	cr_assert_eq(parse("[2,\"19223201\",\"BootNotification\",{\"chargePointVendor\":\"X\"}]"), 0);
	cr_expect_eq(frame.kind, RPC_CALL);
	cr_expect_str_eq(frame.id, "19223201");
	cr_expect_str_eq(frame.action, "BootNotification");
	cr_expect(cJSON_HasObjectItem(frame.payload, "chargePointVendor"));
}

Test(rpc, results_and_errors_are_told_apart)
{
	cr_assert_eq(parse("[3,\"a\",{\"status\":\"Accepted\"}]"), 0);
	cr_expect_eq(frame.kind, RPC_RESULT);
	cr_assert_eq(parse("[4,\"a\",\"NotSupported\",\"not here\",{}]"), 0);
	cr_expect_eq(frame.kind, RPC_ERROR);
	cr_expect_str_eq(frame.code, "NotSupported");
	cr_expect_str_eq(frame.description, "not here");
	cr_assert_eq(parse("[4,\"a\"]"), 0, "a station's CALLERROR counts as one, be it incomplete");
	cr_expect_str_eq(frame.code, "GenericError");
	cr_expect_str_eq(frame.description, "");
}

static int parse_21(const char *text)
{
	return rpc_parse(&memory.allocator, text, strlen(text), &rpc_21, &frame);
}

Test(rpc, what_2_1_has_beside_calls_and_answers_is_no_message_before_it)
{
	static const char *const send = "[6,\"a\",\"NotifyPeriodicEventStream\",{\"id\":1}]",
				 *const unusable = "[5,\"a\",\"PropertyConstraintViolation\",\"status\",{}]";

	cr_assert_eq(parse(send), 0);
	cr_expect_eq(frame.kind, RPC_OTHER);
	cr_assert_eq(parse(unusable), 0);
	cr_expect_eq(frame.kind, RPC_OTHER);
	cr_assert_eq(parse_21(send), 0);
	cr_expect_eq(frame.kind, RPC_SEND);
	cr_expect_str_eq(frame.action, "NotifyPeriodicEventStream");
	cr_expect(cJSON_HasObjectItem(frame.payload, "id"));
	cr_assert_eq(parse_21(unusable), 0);
	cr_expect_eq(frame.kind, RPC_RESULT_ERROR);
	cr_expect_str_eq(frame.code, "PropertyConstraintViolation");
	cr_expect_str_eq(frame.description, "status");
	cr_assert_eq(parse_21("[7,\"a\",\"Heartbeat\",{}]"), 0);
	cr_expect_eq(frame.kind, RPC_OTHER);
}

Test(rpc, what_is_wrong_with_a_result_is_told_as_an_error_of_results)
{
	struct gv_buf out = { 0 };

	cr_assert_eq(parse_21("[3,\"a\",{}]"), 0);
	rpc_write_error(&out, &frame, &rpc_21, RPC_OCCURENCE_CONSTRAINT_VIOLATION, "status is missing");
	cr_expect_str_eq(gv_buf_str(&out), "[5,\"a\",\"OccurrenceConstraintViolation\",\"status is missing\",{}]");
	gv_buf_fini(&out);
}

Test(rpc, an_empty_payload_may_be_null_or_absent)
{
	cr_assert_eq(parse("[2,\"a\",\"Heartbeat\",null]"), 0);
	cr_expect_null(frame.payload);
	cr_assert_eq(parse("[2,\"a\",\"Heartbeat\"]"), 0);
	cr_expect_null(frame.payload);
	cr_assert_eq(parse("[3,\"a\",null]"), 0);
}

Test(rpc, other_message_types_are_ignored)
{
	cr_assert_eq(parse("[1,\"a\",\"Heartbeat\",{}]"), 0, "OCPP-J 1.6, 4.1.3");
	cr_expect_eq(frame.kind, RPC_OTHER);
	cr_assert_eq(parse("[2.5,\"a\",\"Heartbeat\",{}]"), 0);
	cr_expect_eq(frame.kind, RPC_OTHER);
}

Test(rpc, broken_json_is_answered_where_the_id_can_be_read)
{
	cr_assert_eq(parse("[2,\"42\",\"Heartbeat\",{"), -EBADMSG);
	cr_expect_eq(frame.fault, RPC_FORMATION_VIOLATION);
	cr_expect_str_eq(frame.id, "42");
	cr_assert_eq(parse(" [ 2 , \"43\" , \"StopTransaction\",{\"transactionId\":,}]"), -EBADMSG);
	cr_expect_str_eq(frame.id, "43");
	cr_assert_eq(parse("[2,\"4"), -EBADMSG);
	cr_expect_null(frame.id);
	cr_assert_eq(parse("[3,\"42\",{"), -EBADMSG);
	cr_expect_null(frame.id, "nobody answers an answer");
}

Test(rpc, what_is_no_frame_is_no_frame)
{
	static const char *const texts[] = { "",
					     "x",
					     "{}",
					     "[]",
					     "null",
					     "\"[2]\"",
					     "[\"2\",\"a\",\"Heartbeat\",{}]",
					     "[2]",
					     "[2,{},\"Heartbeat\",{}]",
					     "[2,-1,\"Heartbeat\",{}]",
					     "[2,1.5,\"Heartbeat\",{}]",
					     "[2,null,\"Heartbeat\",{}]",
					     "[2,\"a\",\"Heartbeat\",{}] x" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		cr_expect_eq(parse(texts[i]), -EBADMSG, "%s", texts[i]);
	cr_expect_eq(rpc_parse(&memory.allocator, "[2,\"a\",\"Heartbeat\",{}]\0{}", 26, &rpc_2, &frame), -EBADMSG,
		     "a zero byte ends no frame");
}

Test(rpc, the_form_of_a_call_is_checked)
{
	cr_assert_eq(parse("[2,\"a\",7,{}]"), -EBADMSG);
	cr_expect_str_eq(frame.id, "a", "the station can be told");
	cr_assert_eq(parse("[2,\"a\",\"Heartbeat\",[]]"), -EBADMSG);
	cr_assert_eq(parse("[2,\"a\",\"Heartbeat\",\"{}\"]"), -EBADMSG);
	cr_assert_eq(parse("[2,\"a\",\"Heartbeat\",{},{}]"), -EBADMSG);
	cr_assert_eq(parse("[2,\"a\"]"), -EBADMSG);
}

Test(rpc, an_id_has_at_most_36_characters)
{
	cr_expect_eq(parse("[2,\"123456789012345678901234567890123456\",\"Heartbeat\",{}]"), 0);
	cr_expect_eq(parse("[2,\"\xc3\xa4\xc3\xa4"
			   "5678901234567890123456789012345678\",\"Heartbeat\",{}]"),
		     0, "characters, not bytes");
	cr_expect_eq(parse("[2,\"1234567890123456789012345678901234567\",\"Heartbeat\",{}]"), -EBADMSG);
	cr_expect_not_null(frame.id, "too long an id is echoed all the same");
}

Test(rpc, a_numeric_id_is_echoed_as_a_number)
{
	struct gv_buf out = { 0 };

	cr_assert_eq(parse("[2,1000001,\"Heartbeat\",{}]"), 0);
	rpc_write_result(&out, &frame, "{}");
	cr_expect_str_eq(gv_buf_str(&out), "[3,1000001,{}]");
	gv_buf_fini(&out);
}

Test(rpc, what_is_sent_is_escaped)
{
	struct gv_buf out = { 0 };

	cr_assert_eq(parse("[2,\"a\\\"b\\n\",\"Heartbeat\",{}]"), 0);
	rpc_write_result(&out, &frame, "{\"x\":1}");
	cr_expect_eq(parse(gv_buf_str(&out)), 0, "%s", gv_buf_str(&out));
	cr_expect_str_eq(frame.id, "a\"b\n");
	rpc_write_call(&out, "id", "Reset", "{\"type\":\"Soft\"}");
	cr_expect_str_eq(gv_buf_str(&out), "[2,\"id\",\"Reset\",{\"type\":\"Soft\"}]");
	gv_buf_fini(&out);
}

Test(rpc, errors_have_five_elements_and_a_bounded_description)
{
	struct gv_buf out = { 0 };
	char longest[1000];

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	memcpy(longest + 254, "\xc3\xa4", 2);
	cr_assert_eq(parse("[2,\"a\",\"Foo\",{}]"), 0);
	rpc_write_error(&out, &frame, &rpc_16, RPC_NOT_IMPLEMENTED, "");
	cr_expect_str_eq(gv_buf_str(&out), "[4,\"a\",\"NotImplemented\",\"\",{}]");
	rpc_write_error(&out, &frame, &rpc_16, RPC_INTERNAL_ERROR, longest);
	cr_expect_eq(out.size, strlen("[4,\"a\",\"InternalError\",\"\",{}]") + 254, "cut between characters");
	gv_buf_fini(&out);
}

Test(rpc, each_version_spells_the_codes_its_own_way)
{
	cr_expect_str_eq(rpc_code_name(&rpc_16, RPC_FORMATION_VIOLATION), "FormationViolation");
	cr_expect_str_eq(rpc_code_name(&rpc_2, RPC_FORMATION_VIOLATION), "FormatViolation");
	cr_expect_str_eq(rpc_code_name(&rpc_16, RPC_OCCURENCE_CONSTRAINT_VIOLATION), "OccurenceConstraintViolation");
	cr_expect_str_eq(rpc_code_name(&rpc_2, RPC_OCCURENCE_CONSTRAINT_VIOLATION), "OccurrenceConstraintViolation");
	cr_expect_str_eq(rpc_code_name(&rpc_16, RPC_MESSAGE_TYPE_NOT_SUPPORTED), "GenericError",
			 "1.6 has no such code");
	cr_expect_str_eq(rpc_code_name(&rpc_16, (enum rpc_code)99), "GenericError");
	for (int code = RPC_NOT_IMPLEMENTED; code < RPC_CODES; code++)
		cr_expect(rpc_code_name(&rpc_16, code)[0] && rpc_code_name(&rpc_2, code)[0]);
}
