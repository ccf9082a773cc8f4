/* Ids of transactions never run out: behind the last comes the first again, past those of which the charger has a
 * session, and lists keep their order. The store is one in which nearly all ids were given out. */
#include "charger.h"

#include <dlfcn.h>
#include <string.h>

#define LAST INT32_MAX

/* A plugin with ocpp's tables that does nothing but give out the numbers up to this one. */
static uint64_t given;
static struct gv_plugin giver;

static int give_out(void *self, struct gv_turn *t, const void *config)
{
	const struct gv_table *const *table = giver.tables;
	ProtobufCMessage *ref;

	while (strcmp((*table)->name, "transactions") != 0)
		table++;
	ref = gv_alloc(t, (*table)->value->sizeof_message);
	protobuf_c_message_init((*table)->value, ref);
	return gv_put(t, *table, gv_key(given), ref);
}

static void setup(void)
{
	const struct gv_plugin *ocpp = dlsym(dlopen(PLUGINS "/ocpp.so", RTLD_NOW | RTLD_LOCAL), "gv_plugin");

	giver = (struct gv_plugin){ GV_STAMP,
				    .name = ocpp->name,
				    .version = ocpp->version,
				    .summary = ocpp->summary,
				    .config = ocpp->config,
				    .tables = ocpp->tables,
				    .schema_set = ocpp->schema_set,
				    .schema = ocpp->schema,
				    .start = give_out };
	bench_load("{\"unknownToken\":\"accept\",\"localList\":\"off\"}");
}

static void give_out_up_to(uint64_t number)
{
	const struct gv_plugin *ocpp = dlsym(dlopen(PLUGINS "/ocpp.so", RTLD_NOW | RTLD_LOCAL), "gv_plugin");

	given = number;
	host_station_drop(cp.station);
	host_settle(h, 1000);
	cr_assert_eq(host_reload(h, "ocpp", &giver), 0, "%s", host_error(h));
	cr_assert_eq(host_reload(h, "ocpp", ocpp), 0, "%s", host_error(h));
	host_settle(h, 1000);
	bench_forget_frames();
	host_station_connect(cp.station);
	host_run_ms(h, 100);
	cr_assert(host_station_connected(cp.station));
}

static void charge(int expected, const char *meter)
{
	char payload[200];
	int id;

	snprintf(payload, sizeof payload,
		 "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":%s,\"timestamp\":\"" T0 "\"}", meter);
	id = begin(payload);
	cr_expect_eq(id, expected, "%d", id);
	stop_with(id, "\"meterStop\":1000,\"timestamp\":\"2025-01-15T02:30:00Z\"");
}

TestSuite(ocpp_ids, .init = setup, .fini = bench_teardown, .timeout = 60);

static void listed(const char *request, const int *newest_first, int n)
{
	const cJSON *list = get(ask(CHARGING "ListSessions", request), "sessions"), *item;

	cr_assert_eq(cJSON_GetArraySize(list), n);
	cJSON_ArrayForEach(item, list) cr_expect_eq(number(item, "transactionId"), *newest_first++);
}

Test(ocpp_ids, go_on_with_1_behind_the_last)
{
	static const int newest_first[] = { 2, 1, LAST, LAST - 1 };

	give_out_up_to(LAST - 2);
	charge(LAST - 1, "1");
	charge(LAST, "2");
	charge(1, "3");
	charge(2, "4");
	listed("{\"device\":\"ocpp:CP001\"}", newest_first, 4);
	listed("{}", newest_first, 4);
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	charge(3, "5");
}

Test(ocpp_ids, one_of_which_the_charger_has_a_session_is_not_given_again)
{
	give_out_up_to(LAST - 1);
	charge(LAST, "1");
	charge(1, "2");
	give_out_up_to(2 * (uint64_t)LAST - 1);
	charge(2, "3");
	give_out_up_to(3 * (uint64_t)LAST);
	charge(3, "4");
	listed("{\"device\":\"ocpp:CP001\",\"limit\":1}", (const int[]){ 3 }, 1);
}
