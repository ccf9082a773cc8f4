/* Tariffs as people put, assign and quote them: the plugin's .so beside the registry's, in the test host. */
#include <cJSON.h>
#include <criterion/criterion.h>
#include <tests/host/host.h>

#include <stdio.h>
#include <string.h>

#define BILLING "galvan.billing.v1.Billing/"
#define REGISTRY "galvan.registry.v1.Registry/"

static struct host *h;
static cJSON *last;

static void setup(void)
{
	h = host_create(1);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "billing", PLUGINS "/billing.so", 1, "{\"hold\":{},\"signIn\":{}}"), 0, "%s",
		     host_error(h));
	host_settle(h, 100);
}

static void teardown(void)
{
	cJSON_Delete(last);
	host_destroy(h);
}

TestSuite(tariffs, .init = setup, .fini = teardown, .timeout = 60);

/* Requests are written with ' for the JSON's own quotes, and with ~ for those of the OCPI tariff within. */
static const char *json(const char *text)
{
	static char buffer[8192];
	size_t n = 0;

	for (; *text && n + 2 < sizeof buffer; text++) {
		if (*text == '~')
			buffer[n++] = '\\';
		buffer[n++] = *text == '~' || *text == '\'' ? '"' : *text;
	}
	buffer[n] = 0;
	return buffer;
}

static const cJSON *ok(const char *method, const char *request)
{
	struct host_answer *a = host_call(h, method, "%s", json(request));

	cr_assert_eq(a->code, GV_OK, "%s: %s", method, a->error);
	cJSON_Delete(last);
	last = cJSON_Parse(a->json);
	return last;
}

static void refused(const char *method, const char *request, enum gv_code code, const char *word)
{
	struct host_answer *a = host_call(h, method, "%s", json(request));

	cr_assert_eq(a->code, code, "%s: %s %s", method, gv_code_name(a->code), a->error);
	cr_expect(strstr(a->error, word), "\"%s\" must name %s", a->error, word);
}

static const cJSON *get(const cJSON *j, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(j, name);
}

static const char *text(const cJSON *j, const char *name)
{
	const char *s = cJSON_GetStringValue(get(j, name));

	return s ? s : "(none)";
}

static void put(const char *id, const char *price)
{
	char request[1024];

	snprintf(request, sizeof request,
		 "{'tariff':{'id':'%s','ocpi':'{~id~:~%s~,~currency~:~EUR~,~elements~:[{~price_components~:[{~type~:~"
		 "ENERGY~,~price~:%s,~vat~:20,~step_size~:1}]}]}'}}",
		 id, id, price);
	ok(BILLING "PutTariff", request);
}

static void assign(const char *fields)
{
	char request[512];

	snprintf(request, sizeof request, "{'assignment':{%s}}", fields);
	ok(BILLING "AssignTariff", request);
}

static void expect_tariff(const char *request, const char *id)
{
	cr_expect_str_eq(text(get(ok(BILLING "Quote", request), "tariff"), "id"), id, "%s", request);
}

Test(tariffs, the_most_specific_assignment_counts_and_there_the_group_before_none)
{
	static const char *const ids[] = { "all", "site", "device", "plug", "staff" };

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		put(ids[i], "0.25");
	refused(BILLING "Quote", "{'device':'ocpp:A'}", GV_NOT_FOUND, "AssignTariff");
	ok(REGISTRY "PutSite", "{'site':{'id':'S','timeZone':'Europe/Berlin'}}");
	ok(REGISTRY "PutDevice", "{'device':{'id':'ocpp:A','site':'S','aliases':['ble:A']}}");
	ok(BILLING "PutCustomer", "{'customer':{'id':'C-1','name':'Ada','groups':['staff']}}");
	assign("'tariff':'all'");
	expect_tariff("{'device':'ocpp:A'}", "all");
	assign("'site':'S','tariff':'site'");
	expect_tariff("{'device':'ocpp:A'}", "site");
	expect_tariff("{'device':'ble:A'}", "site");
	expect_tariff("{'device':'ocpp:B'}", "all");
	assign("'group':'staff','tariff':'staff'");
	expect_tariff("{'device':'ocpp:A','customer':'C-1'}", "site");
	expect_tariff("{'device':'ocpp:B','customer':'C-1'}", "staff");
	assign("'device':'ocpp:A','tariff':'device'");
	expect_tariff("{'device':'ocpp:A','connector':2}", "device");
	assign("'device':'ocpp:A','connector':2,'tariff':'plug'");
	expect_tariff("{'device':'ocpp:A','connector':2}", "plug");
	expect_tariff("{'device':'ocpp:A','connector':1}", "device");
	assign("'device':'ocpp:A','connector':2");
	expect_tariff("{'device':'ocpp:A','connector':2}", "device");
}

Test(tariffs, a_device_that_moves_is_priced_where_it_stands)
{
	put("all", "0.25");
	put("site", "0.25");
	assign("'tariff':'all'");
	assign("'site':'S','tariff':'site'");
	ok(REGISTRY "PutSite", "{'site':{'id':'S'}}");
	ok(REGISTRY "PutSite", "{'site':{'id':'S2'}}");
	ok(REGISTRY "PutDevice", "{'device':{'id':'ocpp:B','site':'S','aliases':['ble:B']}}");
	expect_tariff("{'device':'ocpp:B'}", "site");
	ok(REGISTRY "PutDevice", "{'device':{'id':'ocpp:B','site':'S2','aliases':['ble:C']}}");
	expect_tariff("{'device':'ocpp:B'}", "all");
	ok(REGISTRY "PutDevice", "{'device':{'id':'ocpp:B','site':'S'}}");
	expect_tariff("{'device':'ble:C'}", "site");
	expect_tariff("{'device':'ble:B'}", "all");
	ok(REGISTRY "DeleteDevice", "{'id':'ocpp:B'}");
	expect_tariff("{'device':'ble:C'}", "all");
}

Test(tariffs, a_tariff_counts_while_it_is_valid)
{
	put("all", "0.25");
	assign("'tariff':'all'");
	ok(BILLING "PutTariff", "{'tariff':{'id':'next','ocpi':'{~id~:~next~,~currency~:~EUR~,~start_date_time~:~2040-"
				"01-01T00:00:00Z~,~elements~:"
				"[{~price_components~:[{~type~:~FLAT~,~price~:1,~step_size~:1}]}]}'}}");
	assign("'device':'ocpp:A','tariff':'next'");
	expect_tariff("{'device':'ocpp:A'}", "all");
	expect_tariff("{'device':'ocpp:A','startMs':'2208988800000'}", "next");
}

Test(tariffs, an_assignment_that_makes_no_sense_is_refused)
{
	refused(BILLING "AssignTariff", "{'assignment':{'tariff':'none'}}", GV_INVALID_ARGUMENT, "PutTariff");
	put("t", "1");
	refused(BILLING "AssignTariff", "{'assignment':{'site':'S','device':'ocpp:A','tariff':'t'}}",
		GV_INVALID_ARGUMENT, "not both");
	refused(BILLING "AssignTariff", "{'assignment':{'connector':1,'tariff':'t'}}", GV_INVALID_ARGUMENT,
		"connector");
}

Test(tariffs, a_tariff_that_cannot_be_meant_is_refused_by_its_field)
{
	refused(BILLING "PutTariff", "{'tariff':{'id':'t'}}", GV_INVALID_ARGUMENT, "ocpi");
	refused(BILLING "PutTariff",
		"{'tariff':{'id':'t','ocpi':'{~id~:~t~,~currency~:~EUR~,~elements~:[{~price_components~:[{~type~:~"
		"ENERGY~,"
		"~price~:1,~step_size~:1}],~restrictions~:{~min_kwh~:9,~max_kwh~:3}}]}'}}",
		GV_INVALID_ARGUMENT, "tariff.ocpi.elements[0].restrictions");
	refused(BILLING "PutTariff",
		"{'tariff':{'id':'t','ocpi':'{~id~:~t~,~currency~:~EUR~,~elements~:[{~price_components~:[{~type~:~"
		"ENERGY~,"
		"~price~:1,~step_size~:1}]},{~price_components~:[{~type~:~ENERGY~,~price~:2,~step_size~:1}]}]}'}}",
		GV_INVALID_ARGUMENT, "tariff.ocpi.elements[1]");
	refused(BILLING "PutTariff",
		"{'tariff':{'id':'t','ocpi':'{~id~:~u~,~currency~:~EUR~,~elements~:[{~price_components~:[{~type~:~"
		"ENERGY~,"
		"~price~:1,~step_size~:1}]}]}'}}",
		GV_INVALID_ARGUMENT, "tariff.ocpi.id");
	refused(BILLING "PutTariff", "{'tariff':{'id':'t','rental':{'currency':'EUR','intervalS':-1}}}",
		GV_INVALID_ARGUMENT, "interval");
	refused(BILLING "PutTariff",
		"{'tariff':{'id':'t','package':{'currency':'EUX','unit':'PACKAGE_UNIT_TIME','amount':1}}}",
		GV_INVALID_ARGUMENT, "tariff.package.currency");
}

/* A buy-out without a mode is none: its time and price would be taken, and no bank ever sold. */
Test(tariffs, a_buy_out_must_say_how_and_when)
{
#define BUYOUT(fields)                                                                                                 \
	"{'tariff':{'id':'t','rental':{'currency':'EUR','intervalS':60,'intervalPrice':10,'buyout':{" fields "}}}}"
	refused(BILLING "PutTariff", BUYOUT("'afterS':3600,'price':500"), GV_INVALID_ARGUMENT,
		"tariff.rental.buyout.mode");
	refused(BILLING "PutTariff", BUYOUT("'mode':'BUYOUT_MODE_NONE','afterS':3600,'price':500"), GV_INVALID_ARGUMENT,
		"tariff.rental.buyout.mode");
	refused(BILLING "PutTariff", BUYOUT("'mode':'BUYOUT_MODE_ADD','price':500"), GV_INVALID_ARGUMENT,
		"tariff.rental.buyout.after_s");
	ok(BILLING "PutTariff", BUYOUT("'mode':'BUYOUT_MODE_ADD','afterS':3600,'price':500"));
}

Test(tariffs, a_clock_that_never_stands_names_no_other_reason)
{
#define FREEZES(reasons)                                                                                               \
	"{'tariff':{'id':'t','rental':{'currency':'EUR','intervalS':60,'intervalPrice':10,'freezeOn':[" reasons "]}}}"
	refused(BILLING "PutTariff", FREEZES("'none','full'"), GV_INVALID_ARGUMENT, "tariff.rental.freeze_on");
	refused(BILLING "PutTariff", FREEZES("'offline','none'"), GV_INVALID_ARGUMENT, "tariff.rental.freeze_on");
	ok(BILLING "PutTariff", FREEZES("'none'"));
	ok(BILLING "PutTariff", FREEZES("'offline','full'"));
}

Test(tariffs, a_quote_says_the_price_what_is_held_and_the_tariff_in_words)
{
	const cJSON *q, *price;

	put("t", "0.49");
	assign("'tariff':'t'");
	ok(REGISTRY "PutDevice",
	   "{'device':{'id':'ocpp:A','connectors':[{'id':1,'type':'CCS2','maxPowerW':'50000'}]}}");
	q = ok(BILLING "Quote", "{'device':'ocpp:A','connector':1,'energyWh':'10000'}");
	price = get(q, "price");
	cr_expect_str_eq(text(price, "excl"), "490");
	cr_expect_str_eq(text(price, "incl"), "588");
	cr_expect_str_eq(text(price, "chargingMs"), "720000", "as fast as the connector can");
	cr_expect_str_eq(text(q, "hold"), "5000");
	cr_expect_str_eq(text(q, "currency"), "EUR");
	cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(get(q, "words"), 0)), "0.49 EUR per kWh");
	refused(BILLING "Quote", "{'device':'ocpp:B','energyWh':'10000'}", GV_INVALID_ARGUMENT, "charging_s");
	q = ok(BILLING "Quote", "{'device':'ocpp:B'}");
	cr_expect(!cJSON_IsObject(get(q, "price")), "nothing planned, nothing priced");
}

Test(tariffs, a_quote_of_a_power_bank_and_of_a_package)
{
	const cJSON *q;

	ok(BILLING "PutTariff",
	   "{'tariff':{'id':'bank','rental':{'currency':'EUR','intervalS':1800,'intervalPrice':150,'deposit':2000,"
	   "'vatPpm':200000}}}");
	ok(BILLING "PutTariff", "{'tariff':{'id':'pack','package':{'currency':'EUR','price':200,'unit':'PACKAGE_UNIT_"
				"TIME','amount':14400}}}");
	assign("'device':'powerbank:1','tariff':'bank'");
	assign("'device':'ble:1','tariff':'pack'");
	q = ok(BILLING "Quote", "{'device':'powerbank:1','chargingS':1801}");
	cr_expect_str_eq(text(get(q, "price"), "incl"), "300");
	cr_expect_str_eq(text(get(q, "price"), "excl"), "250");
	cr_expect_str_eq(text(q, "hold"), "2000");
	q = ok(BILLING "Quote", "{'device':'ble:1','chargingS':1}");
	cr_expect_str_eq(text(get(q, "price"), "incl"), "200");
	cr_expect_str_eq(text(q, "hold"), "200");
}

static void expect_words(const char *terms, const char *const *words, size_t n)
{
	char request[4096];
	const cJSON *said;

	snprintf(request, sizeof request, "{'tariff':{'id':'w',%s}}", terms);
	ok(BILLING "PutTariff", request);
	assign("'tariff':'w'");
	said = get(ok(BILLING "Quote", "{'device':'ocpp:A'}"), "words");
	for (size_t i = 0; i < n; i++)
		cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetArrayItem(said, (int)i)), words[i]);
	cr_expect_eq((size_t)cJSON_GetArraySize(said), n);
}

#define WORDS(terms, ...)                                                                                              \
	expect_words((terms), (const char *const[]){ __VA_ARGS__ },                                                    \
		     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

Test(tariffs, each_kind_of_tariff_can_be_said_in_plain_words)
{
	WORDS("'ocpi':'{~id~:~w~,~currency~:~EUR~,~max_price~:{~excl_vat~:30,~incl_vat~:36},~elements~:["
	      "{~price_components~:[{~type~:~FLAT~,~price~:1,~step_size~:1}]},"
	      "{~price_components~:[{~type~:~ENERGY~,~price~:0.395,~step_size~:1}],"
	      "~restrictions~:{~start_time~:~22:00~,~end_time~:~06:00~,~day_of_week~:[~SATURDAY~,~SUNDAY~]}},"
	      "{~price_components~:[{~type~:~ENERGY~,~price~:0.49,~step_size~:1}]},"
	      "{~price_components~:[{~type~:~PARKING_TIME~,~price~:5,~step_size~:900}],"
	      "~restrictions~:{~min_duration~:14400}}]}'",
	      "1.00 EUR to start", "0.395 EUR per kWh, from 22:00 to 06:00, on Saturday, Sunday", "0.49 EUR per kWh",
	      "5.00 EUR per hour while not charging, after 4 h, in steps of 15 min", "At most 36.00 EUR in all",
	      "Taxes are added");
	WORDS("'rental':{'currency':'EUR','freeS':300,'intervalS':1800,'intervalPrice':150,"
	      "'capWindow':'CAP_WINDOW_CALENDAR_DAY','capAmount':900,'deposit':2000,"
	      "'buyout':{'mode':'BUYOUT_MODE_REPLACE','afterS':259200,'price':3500}}",
	      "Free if returned within 5 min", "1.50 EUR for each 30 min begun", "At most 9.00 EUR a day",
	      "Not returned within 3 days, it is yours for 35.00 EUR", "20.00 EUR are held as a deposit",
	      "Prices include taxes");
	WORDS("'package':{'currency':'JPY','price':200,'unit':'PACKAGE_UNIT_TIME','amount':14400,"
	      "'refund':'PACKAGE_REFUND_PRO_RATA','step':3600}",
	      "200 JPY for 4 h, paid before", "What is not used is paid back", "Prices include taxes");
}
