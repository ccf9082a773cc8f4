/* Every message of a version, made from its table. */
#include "every.h"

#include <plugins/ocpp/spec/validate.h>

#define CALL "{\"device\":\"ocpp:CP001\",\"action\":\"%s\",\"payload\":%s}"

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

static void message(const struct spec_version *version, const struct spec_action *action)
{
	struct check check = { .version = version, .strict = true };
	char payload[2000];
	cJSON *frame;

	print_least(action->request, payload, sizeof payload);
	frame = cJSON_Parse(say(action->name, payload));
	cr_assert_eq(cJSON_GetArrayItem(frame, 0)->valueint, 3, "%s is a CALLRESULT: %s", action->name,
		     cp.inbox[cp.received - 1]);
	cr_expect_eq(validate(action->answer, cJSON_GetArrayItem(frame, 2), &check), 0, "%s: %s %s", action->name,
		     check.path, check.text);
	cJSON_Delete(frame);
}

static void call(const struct spec_action *action)
{
	char payload[2000], reply[900], request[2300], frame[2300];
	cJSON *answer;

	print_least(action->request, payload, sizeof payload);
	print_least(action->answer, reply, sizeof reply);
	cp.reply = reply;
	snprintf(request, sizeof request, CALL, action->name, payload);
	ask(OCPP "Call", request);
	snprintf(frame, sizeof frame, "\"%s\",%s]", action->name, payload);
	cr_expect(received(frame), "%s reaches the charger: %s", action->name, cp.inbox[cp.received - 1]);
	answer = cJSON_Parse(reply);
	cr_expect(cJSON_Compare(answer, get(kept, "payload"), true), "%s: %s", action->name, reply);
	cJSON_Delete(answer);
	bench_forget_frames();
	cp.reply = NULL;
}

unsigned every_message_is_answered(const struct spec_version *version)
{
	unsigned n = 0;

	for (size_t i = 0; i < version->count; i++)
		if (version->actions[i].directions & SPEC_UP) {
			message(version, &version->actions[i]);
			n++;
		}
	return n;
}

unsigned every_call_is_passed_on(const struct spec_version *version)
{
	unsigned n = 0;

	for (size_t i = 0; i < version->count; i++)
		if (version->actions[i].directions & SPEC_DOWN) {
			call(&version->actions[i]);
			n++;
		}
	return n;
}
