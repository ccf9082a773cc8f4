/* See energy_rig.h. */
#include "energy_rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG "{\"intervalS\":1,\"lowS\":20,\"retryS\":5,\"lateS\":20,\"answerS\":10,\"driftS\":2,\"validS\":60}"

struct host *h;
struct outlets o;
static uint64_t cars;

static void nothing(struct outlets *all, int64_t at_ms, void *arg)
{
}

void setup(void)
{
	h = host_create(1);
	outlets_init(&o, h, 8, nothing, NULL);
	o.late_ms = 20000;
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load_record(h, &outlet_record, 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "energy", PLUGINS "/energy.so", 1, CONFIG), 0, "%s", host_error(h));
	host_settle(h, 5);
}

void teardown(void)
{
	host_destroy(h);
}

/* ---- what is said and looked at -------------------------------------------------------------- */

const char *ok(const char *method, const char *fmt, ...)
{
	char json[2000];
	va_list args;
	struct host_answer *a;

	va_start(args, fmt);
	vsnprintf(json, sizeof json, fmt, args);
	va_end(args);
	a = host_call(h, method, "%s", json);
	cr_assert_eq(a->code, GV_OK, "%s %s: %s", method, json, a->error);
	return a->json;
}

void refused(const char *method, const char *json, enum gv_code code, const char *word)
{
	char name[100];
	struct host_answer *a;

	snprintf(name, sizeof name, SERVICE "%s", method);
	a = host_call(h, name, "%s", json);
	cr_expect_eq(a->code, code, "%s %s: %s %s", method, json, gv_code_name(a->code), a->error);
	cr_expect(strstr(a->error, word), "\"%s\" must name %s", a->error, word);
}

void site(const char *more)
{
	ok(SERVICE "PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":32000%s}}", more);
}

void outlets(unsigned n, const char *more)
{
	ok("galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"yard\"}}");
	for (unsigned i = 0; i < n; i++)
		ok("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"outlet:O%u\",\"site\":\"yard\"%s}}",
		   i, more);
}

void pass(int64_t ms)
{
	host_run_ms(h, ms);
	outlets_pass(&o);
}

void car(unsigned i, int64_t wish_ma)
{
	outlets_pass(&o);
	outlet_arrive(&o.outlet[i], ++cars, wish_ma);
}

int64_t allowed(unsigned i)
{
	return outlet_allows(&o.outlet[i], host_now_ms(h));
}

void expect(unsigned i, int64_t ma)
{
	cr_expect_eq(allowed(i), ma, "outlet %u may give %lld, not %lld", i, (long long)allowed(i), (long long)ma);
}

cJSON *allocation(unsigned i)
{
	cJSON *root = cJSON_Parse(ok(SERVICE "GetSite", "{\"id\":\"yard\"}"));
	cJSON *state = cJSON_GetObjectItemCaseSensitive(root, "state");
	cJSON *a = cJSON_DetachItemFromArray(cJSON_GetObjectItemCaseSensitive(state, "allocations"), (int)i);

	cJSON_Delete(root);
	cr_assert_not_null(a, "outlet %u has no allocation", i);
	return a;
}

int64_t state_of(const char *field)
{
	cJSON *root = cJSON_Parse(ok(SERVICE "GetSite", "{\"id\":\"yard\"}"));
	cJSON *x = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "state"), field);
	int64_t n;

	x = cJSON_IsArray(x) && x->child && !cJSON_IsObject(x->child) ? x->child : x;
	n = cJSON_IsArray(x)    ? cJSON_GetArraySize(x)
	    : cJSON_IsString(x) ? strtoll(x->valuestring, NULL, 10)
				: x->valueint;
	cJSON_Delete(root);
	return n;
}

void expect_state(unsigned i, const char *state)
{
	cJSON *a = allocation(i);

	cr_expect_str_eq(cJSON_GetObjectItemCaseSensitive(a, "state")->valuestring, state);
	cJSON_Delete(a);
}
