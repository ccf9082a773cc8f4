/* Calls from both sides: one effect and one answer, whatever is repeated, lost or restarted. */
#include "puppet.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

TestSuite(calls, .init = puppet_setup, .fini = puppet_teardown);

/* ---- as callee ------------------------------------------------------------------------------- */

static void add_again(uint64_t id, const char *key, int64_t by, bool durable, bool again)
{
	Zoo__AddRequest q = ZOO__ADD_REQUEST__INIT;

	q.key = (char *)key;
	q.by = by;
	rig_call(&rig, "test.0", id, "galvan.zoo.v1.Counter/Add", &q.base, durable, again);
	rig_run(&rig);
}

Test(calls, repeated_has_one_effect_and_the_same_answer)
{
	const Env__Reply *second;

	puppet.add = puppet_adds;
	add_again(1, "a", 5, false, false);
	cr_assert(rig_answer(&rig, 1)->kept, "a handler that wrote keeps its answer until it is acknowledged");
	rig_clear(&rig);
	add_again(1, "a", 5, false, true);
	second = rig_answer(&rig, 1);
	cr_assert(second, "a repeat is answered");
	cr_assert_eq(second->code, GV_OK);
	cr_assert_eq(puppet_total("a"), 5);
}

Test(calls, repeated_after_a_restart_has_one_effect_and_the_same_answer)
{
	Zoo__AddReply *reply;

	puppet.add = puppet_adds;
	add_again(1, "a", 5, false, false);
	add_again(2, "a", 5, false, false);
	rig_restart(&rig, true);
	rig_clear(&rig);
	add_again(1, "a", 5, false, true);
	reply = zoo__add_reply__unpack(NULL, rig_answer(&rig, 1)->reply.len, rig_answer(&rig, 1)->reply.data);
	cr_assert_eq(reply->total, 5, "the answer of then, not of now");
	zoo__add_reply__free_unpacked(reply, NULL);
	cr_assert_eq(puppet_total("a"), 10);
}

Test(calls, of_the_same_number_from_two_callers_are_two)
{
	Zoo__AddRequest q = ZOO__ADD_REQUEST__INIT;

	rig_peer(&rig, "other.0", 3);
	rig_directory(&rig);
	puppet.add = puppet_adds;
	q.key = (char *)"a";
	q.by = 1;
	rig_call(&rig, "test.0", 1, "galvan.zoo.v1.Counter/Add", &q.base, false, false);
	rig_call(&rig, "other.0", 1, "galvan.zoo.v1.Counter/Add", &q.base, false, false);
	rig_run(&rig);
	cr_assert_eq(puppet_total("a"), 2);
}

static struct gv_ticket kept_ticket;
static int keeps_the_ticket(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;

	if (!strcmp(q->key, "release")) {
		reply.total = 99;
		gv_reply(t, kept_ticket, &reply);
		return gv_reply(t, ticket, &reply);
	}
	kept_ticket = ticket;
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key(q->key)))->total += q->by;
	return 0;
}

Test(calls, may_be_answered_in_a_later_turn_after_a_restart)
{
	puppet.add = keeps_the_ticket;
	add_again(1, "a", 5, false, false);
	cr_assert_null(rig_answer(&rig, 1));
	rig_restart(&rig, true);
	add_again(1, "a", 5, false, true);
	cr_assert_null(rig_answer(&rig, 1), "a repeat of a call that is being worked on waits with it");
	add_again(2, "release", 0, false, false);
	cr_assert(rig_answer(&rig, 1), "the ticket of an earlier incarnation is good");
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_OK);
	cr_assert_eq(puppet_total("a"), 5, "and the repeat had no effect");
}

Test(calls, answered_twice_say_the_first_word_only)
{
	puppet.add = keeps_the_ticket;
	add_again(1, "a", 5, false, false);
	add_again(2, "release", 0, false, false);
	add_again(3, "release", 0, false, false);
	cr_assert_eq(rig_count(&rig, "test.0", ENV__ITEM__KIND_REPLY), 3, "one reply each for three calls");
}

Test(calls, to_a_method_nobody_wrote_are_refused)
{
	rig_call(&rig, "test.0", 1, "galvan.zoo.v1.Counter/Multiply", NULL, false, false);
	rig_call(&rig, "test.0", 2, "galvan.zoo.v1.Alarm/Set", NULL, false, false);
	rig_call(&rig, "test.0", 3, "nonsense", NULL, false, false);
	rig_run(&rig);
	for (uint64_t i = 1; i <= 3; i++)
		cr_assert_eq(rig_answer(&rig, i)->code, GV_UNIMPLEMENTED);
}

Test(calls, with_malformed_bytes_are_refused)
{
	Zoo__Seen odd = ZOO__SEEN__INIT; /* its first field is a number where AddRequest has a string */

	puppet.add = puppet_adds;
	odd.total = 77;
	rig_call(&rig, "test.0", 1, "galvan.zoo.v1.Counter/Add", &odd.base, false, false);
	rig_run(&rig);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INVALID_ARGUMENT);
}

Test(calls, past_their_deadline_have_no_effect)
{
	puppet.add = puppet_adds;
	rig_add(&rig, "test.0", 1, "a", 1);
	rig.now += 31000;
	rig_run(&rig);
	cr_assert_eq(puppet_total("a"), -1,
		     "the caller has been told that nobody answered: nothing may happen after that");
}

static unsigned failures;
static int fails_thrice(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	puppet_adds(t, ticket, q);
	if (!strcmp(q->key, "good"))
		return 0;
	return failures++ < 3 ? gv_fault(t, "not yet") : 0;
}

Test(calls, without_a_note_are_refused_at_the_first_failure)
{
	puppet.add = fails_thrice;
	failures = 0;
	add_again(1, "a", 1, false, false);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
	cr_assert_eq(failures, 1);
}

Test(calls, with_a_note_are_tried_again)
{
	puppet.add = fails_thrice;
	failures = 0;
	add_again(1, "a", 1, true, false);
	cr_assert_null(rig_answer(&rig, 1));
	add_again(2, "good", 1, false, false);
	cr_assert(rig_answer(&rig, 2), "what others ask goes on meanwhile");
	rig_pass(&rig, 5000);
	cr_assert(rig_answer(&rig, 1), "after %u failures", failures);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_OK);
	cr_assert_eq(puppet_total("a"), 1);
	cr_assert_eq(rig_count(&rig, "test.0", ENV__ITEM__KIND_REPLY), 3);
}

Test(calls, with_a_note_that_wait_to_be_tried_again_survive_a_restart)
{
	puppet.add = fails_thrice;
	failures = 0;
	add_again(1, "a", 1, true, false);
	rig_restart(&rig, false);
	add_again(1, "a", 1, true, true);
	rig_pass(&rig, 5000);
	cr_assert(rig_answer(&rig, 1));
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_OK);
	cr_assert_eq(puppet_total("a"), 1, "held and repeated, it takes effect once");
}

static int fails_with_a_code(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	failures++;
	puppet_adds(t, ticket, q);
	return gv_fail(t, GV_FAILED_PRECONDITION, "%s is closed on Sundays", q->key);
}

Test(calls, failed_with_a_code_are_refused_with_it_and_undone)
{
	puppet.add = fails_with_a_code;
	failures = 0;
	add_again(1, "a", 1, true, false);
	rig_pass(&rig, 10000);
	cr_assert(rig_answer(&rig, 1), "at once: trying again would not help");
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_FAILED_PRECONDITION);
	cr_assert_str_eq(rig_answer(&rig, 1)->error, "a is closed on Sundays");
	cr_assert_eq(failures, 1);
	cr_assert_eq(puppet_total("a"), -1);
	cr_assert_eq(rig_count(&rig, "test.0", ENV__ITEM__KIND_REPLY), 2,
		     "one to the call, one to the question for the total");
}

static int refuses_after_writing(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key(q->key)))->total++;
	return gv_refuse(t, ticket, GV_PERMISSION_DENIED, "not today");
}

Test(calls, refused_keep_what_the_handler_wrote)
{
	puppet.add = refuses_after_writing;
	add_again(1, "a", 1, false, false);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_PERMISSION_DENIED);
	add_again(1, "a", 1, false, true);
	cr_assert_eq(puppet_total("a"), 1, "a refusal is an answer: a repeat gets it again and has no effect");
}

static int answers_twice(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	puppet_adds(t, ticket, q);
	puppet_adds(t, ticket, q);
	return 0;
}

static int answers_with_another_type(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__SetReply reply = ZOO__SET_REPLY__INIT;

	return gv_reply(t, ticket, &reply);
}

Test(calls, answered_wrongly_fail)
{
	puppet.add = answers_twice;
	add_again(1, "a", 1, false, false);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
	cr_assert_eq(puppet_total("a"), -1);
	puppet.add = answers_with_another_type;
	add_again(2, "a", 1, false, false);
	cr_assert_eq(rig_answer(&rig, 2)->code, GV_INTERNAL);
	cr_assert(strstr(rig_answer(&rig, 2)->error, "AddReply"), "%s", rig_answer(&rig, 2)->error);
}

Test(calls, once_acknowledged_are_forgotten)
{
	puppet.add = puppet_adds;
	add_again(1, "a", 1, false, false);
	rig_call_ack(&rig, "test.0", 1);
	add_again(2, "b", 1, false, false); /* rows go with the next turn that writes */
	add_again(1, "a", 1, false, true);
	cr_assert_eq(puppet_total("a"), 2,
		     "an answer that the caller has handled is not kept; it never repeats such a call");
}

/* ---- as caller ------------------------------------------------------------------------------- */

static const char *to;
static int call_result;
static int calls_with_note(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__SetRequest set = ZOO__SET_REQUEST__INIT;
	Zoo__ChainNote note = ZOO__CHAIN_NOTE__INIT;

	set.name = q->key;
	note.id = q->key;
	note.step = (uint32_t)q->by;
	call_result = gv_call(
		t, &(struct gv_call){ .method = "galvan.zoo.v1.Alarm/Set", .request = &set, .to = to, .note = &note });
	return call_result;
}

static int calls_with_tag(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__SetRequest set = ZOO__SET_REQUEST__INIT;

	set.name = q->key;
	call_result = gv_call(t, &(struct gv_call){ .method = "galvan.zoo.v1.Alarm/Set",
						    .request = &set,
						    .to = to,
						    .tag = (uint64_t)q->by,
						    .timeout_ms = 2000 });
	return 0;
}

static struct {
	unsigned n, code, step;
	uint64_t tag;
	char id[64], error[256];
	int64_t at_ms;
} answered;

static int takes_answer(struct gv_turn *t, const struct gv_answer *a)
{
	const Zoo__ChainNote *note = a->note;

	answered.n++;
	answered.code = a->code;
	answered.tag = a->tag;
	answered.step = note ? note->step : 0;
	snprintf(answered.id, sizeof answered.id, "%s", note ? note->id : "");
	snprintf(answered.error, sizeof answered.error, "%s", a->error);
	answered.at_ms = a->reply ? ((const Zoo__SetReply *)a->reply)->at_ms : 0;
	cr_expect_str_eq(a->method, "galvan.zoo.v1.Alarm/Set");
	gv_edit(t, &puppet_totals, gv_key("answered"));
	((Zoo__Total *)gv_edit(t, &puppet_totals, gv_key("answered")))->total++;
	return 0;
}

static void with_callee(int (*add)(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q))
{
	struct rig_peer *p = rig_peer(&rig, "alarm.0", 20);

	p->serves[0] = "galvan.zoo.v1.Alarm";
	rig_directory(&rig);
	puppet.add = add;
	puppet.answer = takes_answer;
	to = NULL;
	memset(&answered, 0, sizeof answered);
}

static void answer_call(uint64_t id, bool kept)
{
	Zoo__SetReply reply = ZOO__SET_REPLY__INIT;

	reply.at_ms = 123;
	rig_reply(&rig, "alarm.0", id, GV_OK, &reply.base, kept);
	rig_run(&rig);
}

Test(calls, with_a_note_bring_it_back_with_the_answer)
{
	const Env__Item *item;

	with_callee(calls_with_note);
	add_again(1, "x", 4, false, false);
	item = rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0);
	cr_assert(item, "it goes to the only plugin that serves the method");
	cr_assert(item->call->durable);
	cr_assert_not(item->call->again);
	answer_call(item->call->id, true);
	cr_assert_eq(answered.n, 1);
	cr_assert_eq(answered.code, GV_OK);
	cr_assert_eq(answered.at_ms, 123);
	cr_assert_str_eq(answered.id, "x");
	cr_assert_eq(answered.step, 4);
	cr_assert_eq(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL_ACK, 0)->call_ack->ids[0], item->call->id,
		     "the callee need not keep its answer any more");
}

Test(calls, answered_twice_are_handled_once)
{
	uint64_t id;

	with_callee(calls_with_note);
	add_again(1, "x", 4, false, false);
	id = rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id;
	answer_call(id, true);
	answer_call(id, true);
	cr_assert_eq(answered.n, 1);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL_ACK), 2,
		     "but acknowledged again: the first may have been lost");
}

Test(calls, with_a_note_outlive_a_crash_of_the_caller)
{
	uint64_t id;

	with_callee(calls_with_note);
	add_again(1, "x", 4, false, false);
	id = rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id;
	rig_clear(&rig);
	rig_restart(&rig, true);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 1, "it is sent again");
	cr_assert_eq(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id, id, "under its number");
	cr_assert(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->again);
	answer_call(id, true);
	cr_assert_eq(answered.n, 1);
	cr_assert_str_eq(answered.id, "x");
	rig_clear(&rig);
	rig_restart(&rig, true);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 0, "once answered it is over");
}

Test(calls, whose_answer_was_in_hand_at_the_crash_are_asked_again)
{
	uint64_t id;

	with_callee(calls_with_note);
	add_again(1, "x", 4, false, false);
	id = rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id;
	rig.die_at_commit = 1;
	answer_call(id, true);
	cr_assert_eq(answered.n, 1);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL_ACK), 0, "not acknowledged before the commit");
	rig_restart(&rig, true);
	rig_run(&rig);
	answer_call(id, true);
	cr_assert_eq(puppet_total("answered"), 1, "the answer's effects are there once");
}

Test(calls, are_repeated_to_the_callees_next_incarnation)
{
	with_callee(calls_with_note);
	add_again(1, "x", 4, false, false);
	rig_clear(&rig);
	rig_peer(&rig, "alarm.0", 20)->up = false;
	rig_directory(&rig);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 0);
	rig_peer(&rig, "alarm.0", 21)->up = true;
	rig_directory(&rig);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 1);
	cr_assert(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->again);
}

Test(calls, without_a_note_bring_their_tag_and_die_with_the_caller)
{
	with_callee(calls_with_tag);
	add_again(1, "x", 42, false, false);
	cr_assert_not(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->durable);
	answer_call(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id, false);
	cr_assert_eq(answered.n, 1);
	cr_assert_eq(answered.tag, 42);
	add_again(2, "x", 43, false, false);
	rig_clear(&rig);
	rig_restart(&rig, true);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 0);
}

Test(calls, not_answered_in_time_end_with_a_sentence)
{
	with_callee(calls_with_tag);
	add_again(1, "x", 42, false, false);
	rig_pass(&rig, 1990);
	cr_assert_eq(answered.n, 0);
	rig_pass(&rig, 20);
	cr_assert_eq(answered.n, 1);
	cr_assert_eq(answered.code, GV_DEADLINE_EXCEEDED);
	cr_assert(strstr(answered.error, "alarm.0"), "which names who did not answer: %s", answered.error);
	answer_call(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id, false);
	cr_assert_eq(answered.n, 1, "the late answer is dropped");
}

Test(calls, to_nobody_are_refused_at_once)
{
	with_callee(calls_with_tag);
	to = "nobody:1";
	add_again(1, "x", 42, false, false);
	rig_run(&rig);
	cr_assert_eq(answered.n, 1);
	cr_assert_eq(answered.code, GV_NOT_FOUND);
	cr_assert(strstr(answered.error, "nobody"), "%s", answered.error);
}

Test(calls, to_one_that_is_gone_for_good_are_refused_at_once)
{
	with_callee(calls_with_tag);
	rig_peer(&rig, "alarm.0", 20)->up = false;
	rig_peer(&rig, "alarm.0", 20)->gone = true;
	rig_directory(&rig);
	add_again(1, "x", 42, false, false);
	rig_run(&rig);
	cr_assert_eq(answered.n, 1);
	cr_assert_eq(answered.code, GV_UNAVAILABLE);
}

static int call_results[1100];
static int calls_many(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	for (int i = 0; i < 1100; i++) {
		calls_with_tag(t, ticket, q);
		call_results[i] = call_result;
	}
	return puppet_adds(t, ticket, q);
}

Test(calls, beyond_the_window_are_not_sent)
{
	with_callee(calls_many);
	add_again(1, "x", 1, false, false);
	cr_assert_eq(call_results[1023], 0);
	cr_assert_eq(call_results[1024], -ENOSPC);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 1024);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_OK, "the message does not fail for it");
	answer_call(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id, false);
	rig_clear(&rig);
	add_again(2, "x", 1, false, false);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 1, "an answer makes room for one");
}

static int calls_and_fails(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	calls_with_note(t, ticket, q);
	return gv_fault(t, "changed its mind");
}

Test(calls, made_by_a_failed_message_are_never_sent)
{
	with_callee(calls_and_fails);
	add_again(1, "x", 1, false, false);
	rig_pass(&rig, 1000);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 0);
	rig_restart(&rig, false);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 0);
}

static int calls_a_stranger(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	return gv_call(t, &(struct gv_call){ .method = "galvan.zoo.v1.Chain/Run",
					     .packed = (const uint8_t *)"",
					     .packed_size = 0 });
}

Test(calls, that_the_record_does_not_name_fail)
{
	with_callee(calls_a_stranger);
	add_again(1, "x", 1, false, false);
	cr_assert_eq(rig_answer(&rig, 1)->code, GV_INTERNAL);
	cr_assert(strstr(rig_answer(&rig, 1)->error, "galvan.zoo.v1.Chain/Run"), "%s", rig_answer(&rig, 1)->error);
}

static int calls_nobody(struct gv_turn *t, struct gv_ticket ticket, const Zoo__AddRequest *q)
{
	Zoo__AddReply reply = ZOO__ADD_REPLY__INIT;
	Zoo__SetRequest set = ZOO__SET_REQUEST__INIT;

	for (int64_t i = 0; i < q->by; i++)
		gv_call(t, &(struct gv_call){ .method = "galvan.zoo.v1.Alarm/Set", .request = &set, .to = "nobody" });
	return gv_reply(t, ticket, &reply);
}

Test(calls, have_ids_of_their_own_though_there_were_millions_and_the_clock_was_set_back)
{
	uint64_t last;

	with_callee(calls_nobody);
	for (uint64_t i = 1; i <= 1200; i++) {
		add_again(i, "x", 1000, false, false);
		rig_clear(&rig);
	}
	puppet.add = calls_with_tag;
	add_again(2000, "x", 1, false, false);
	last = rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id;
	rig_clear(&rig);
	rig.now -= 3600000;
	rig_restart(&rig, true);
	add_again(2001, "x", 1, false, false);
	cr_assert_gt(rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id, last);
}

/* ---- to all who serve ------------------------------------------------------------------------ */

Test(calls, that_several_serve_ask_all_and_merge_what_they_say)
{
	Zoo__SetReply reply = ZOO__SET_REPLY__INIT;
	struct rig_peer *p;

	with_callee(calls_with_tag);
	p = rig_peer(&rig, "alarm.0", 20);
	p->instances = 2;
	p = rig_peer(&rig, "alarm.1", 30);
	p->instances = 2;
	p->instance = 1;
	p->serves[0] = "galvan.zoo.v1.Alarm";
	rig_directory(&rig);
	add_again(1, "x", 42, false, false);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 1);
	cr_assert_eq(rig_count(&rig, "alarm.1", ENV__ITEM__KIND_CALL), 1);
	reply.at_ms = 1;
	rig_reply(&rig, "alarm.0", rig_sent(&rig, "alarm.0", ENV__ITEM__KIND_CALL, 0)->call->id, GV_OK, &reply.base,
		  false);
	rig_run(&rig);
	cr_assert_eq(answered.n, 0, "not before the last has answered");
	reply.at_ms = 2;
	rig_reply(&rig, "alarm.1", rig_sent(&rig, "alarm.1", ENV__ITEM__KIND_CALL, 0)->call->id, GV_OK, &reply.base,
		  false);
	rig_run(&rig);
	cr_assert_eq(answered.n, 1);
	cr_assert_eq(answered.code, GV_OK);
	cr_assert_eq(answered.at_ms, 2, "merged as protobuf merges: the last scalar wins, lists are joined");
}

Test(calls, of_a_plugin_to_what_is_its_own_come_back_to_it)
{
	struct rig_peer *self = rig_peer(&rig, gv_actor_name(rig.actor), gv_actor_incarnation(rig.actor));

	self->serves[0] = "galvan.zoo.v1.Alarm";
	with_callee(calls_with_note);
	to = self->name;
	add_again(1, "x", 4, false, false);
	cr_assert_eq(rig_count(&rig, self->name, ENV__ITEM__KIND_CALL), 1);
	to = NULL;
	add_again(2, "y", 4, false, false);
	cr_assert_eq(rig_count(&rig, "alarm.0", ENV__ITEM__KIND_CALL), 1,
		     "a call without a key asks the others that serve it: who asks knows its own answer");
	cr_assert_eq(rig_count(&rig, self->name, ENV__ITEM__KIND_CALL), 1);
}

Test(calls, of_a_plugin_to_itself_are_no_subscription)
{
	struct rig_peer *self = rig_peer(&rig, gv_actor_name(rig.actor), gv_actor_incarnation(rig.actor));

	self->hears[0] = "galvan.zoo.v1.Added";
	self->emits[0] = "galvan.zoo.v1.Added";
	rig_directory(&rig);
	rig_run(&rig);
	cr_assert_eq(rig_count(&rig, self->name, ENV__ITEM__KIND_SUBSCRIBE), 0, "what it emits it knows");
	cr_assert(gv_actor_settled(rig.actor), "and it does not wait for itself");
}
