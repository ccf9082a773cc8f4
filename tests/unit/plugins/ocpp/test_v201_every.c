/* OCPP 2.0.1: each of its 64 messages, both ways, as little of it as the version allows. What an answer must be is what
 * the version's own tables say, strictly. */
#include "model.h"

#include <plugins/ocpp/spec/spec.h>
#include <plugins/ocpp/spec/validate.h>

#include <string.h>

TestSuite(ocpp_v201_every, BENCH_V201);

static cJSON *least_object(const struct spec_object *o);

static cJSON *least_value(const struct spec_field *f)
{
	switch (f->type) {
	case SPEC_STRING:
		return cJSON_CreateString("1");
	case SPEC_INT:
	case SPEC_NUMBER:
		return cJSON_CreateNumber(1);
	case SPEC_BOOL:
		return cJSON_CreateBool(false);
	case SPEC_TIME:
		return cJSON_CreateString(T0);
	case SPEC_ENUM:
		return cJSON_CreateString(f->values[0]);
	case SPEC_OBJECT:
		return least_object(f->object);
	default:
		return cJSON_CreateNull();
	}
}

/* The required fields only, each with a value that it may have. */
static cJSON *least_object(const struct spec_object *o)
{
	cJSON *made = cJSON_CreateObject(), *list;

	for (unsigned i = 0; i < o->count; i++) {
		const struct spec_field *f = &o->fields[i];

		if (!(f->flags & SPEC_REQUIRED))
			continue;
		if (f->flags & SPEC_LIST)
			cJSON_AddItemToArray(list = cJSON_AddArrayToObject(made, f->name), least_value(f));
		else
			cJSON_AddItemToObject(made, f->name, least_value(f));
	}
	return made;
}

static void print_least(const struct spec_object *o, char *ret, size_t size)
{
	cJSON *made = least_object(o);

	cr_assert(cJSON_PrintPreallocated(made, ret, (int)size, false));
	cJSON_Delete(made);
}

Test(ocpp_v201_every, message_of_a_charger_is_answered_as_the_version_says)
{
	struct check check = { .version = &spec_v201, .strict = true };
	unsigned up = 0;
	char payload[2000];

	for (size_t i = 0; i < spec_v201.count; i++) {
		const struct spec_action *action = &spec_v201.actions[i];
		cJSON *frame;

		if (!(action->directions & SPEC_UP))
			continue;
		print_least(action->request, payload, sizeof payload);
		frame = cJSON_Parse(say(action->name, payload));
		cr_assert_eq(cJSON_GetArrayItem(frame, 0)->valueint, 3, "%s is a CALLRESULT: %s", action->name,
			     cp.inbox[cp.received - 1]);
		cr_expect_eq(validate(action->answer, cJSON_GetArrayItem(frame, 2), &check), 0, "%s: %s %s",
			     action->name, check.path, check.text);
		cJSON_Delete(frame);
		up++;
	}
	cr_expect_eq(up, 25);
}

Test(ocpp_v201_every, call_of_ours_reaches_a_charger_and_its_answer_comes_back)
{
	char payload[2000], reply[900], request[2300], frame[2300];
	unsigned down = 0;

	for (size_t i = 0; i < spec_v201.count; i++) {
		const struct spec_action *action = &spec_v201.actions[i];
		cJSON *answer;

		if (!(action->directions & SPEC_DOWN))
			continue;
		print_least(action->request, payload, sizeof payload);
		print_least(action->answer, reply, sizeof reply);
		cp.reply = reply;
		snprintf(request, sizeof request, CALL("%s", "%s"), action->name, payload);
		ask(OCPP "Call", request);
		snprintf(frame, sizeof frame, "\"%s\",%s]", action->name, payload);
		cr_expect(received(frame), "%s reaches the charger: %s", action->name, cp.inbox[cp.received - 1]);
		answer = cJSON_Parse(reply);
		cr_expect(cJSON_Compare(answer, get(kept, "payload"), true), "%s: %s", action->name, reply);
		cJSON_Delete(answer);
		bench_forget_frames();
		down++;
	}
	cr_expect_eq(down, 40, "DataTransfer goes both ways");
}
