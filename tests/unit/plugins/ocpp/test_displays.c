/* OCPP 2.0.1: what chargers show to people. */
#include "model.h"

#include <string.h>

TestSuite(ocpp_displays, BENCH_V201);

#define SHOW(id, content)                                                                                              \
	"{\"id\":" id ",\"priority\":\"InFront\",\"state\":\"Idle\",\"endDateTime\":\"" T0                             \
	"\",\"message\":{\"format\":\"UTF8\",\"language\":\"de\",\"content\":\"" content "\"}}"

static void show(const char *status)
{
	cp.reply = status;
	ask(OCPP "Call", CALL("SetDisplayMessage", "{\"message\":" SHOW("1", "Hallo") "}"));
	bench_forget_frames();
}

Test(ocpp_displays, what_a_charger_accepts_to_show_is_listed_until_it_is_cleared)
{
	const cJSON *m;

	show("{\"status\":\"NotSupportedPriority\"}");
	cr_expect_eq(count(OCPP "ListDisplayMessages", "messages"), 0);
	show("{\"status\":\"Accepted\"}");
	m = listed(OCPP "ListDisplayMessages", "messages", 0);
	cr_expect_str_eq(text(m, "content"), "Hallo");
	cr_expect_str_eq(text(m, "language"), "de");
	cr_expect_str_eq(text(m, "state"), "Idle");
	cr_expect_eq(number(m, "untilMs"), 1736906994000);
	ask(OCPP "Call", CALL("ClearDisplayMessage", "{\"id\":1}"));
	cr_expect_eq(count(OCPP "ListDisplayMessages", "messages"), 0);
}

Test(ocpp_displays, a_whole_list_of_messages_replaces_the_one_before)
{
	show("{\"status\":\"Accepted\"}");
	ask(OCPP "Call", CALL("GetDisplayMessages", "{\"requestId\":1}"));
	bench_forget_frames();
	fine("NotifyDisplayMessages", "{\"requestId\":1,\"tbc\":true,\"messageInfo\":[" SHOW("2", "a") "]}");
	cr_expect_eq(count(OCPP "ListDisplayMessages", "messages"), 2);
	fine("NotifyDisplayMessages", "{\"requestId\":1,\"messageInfo\":[" SHOW("3", "b") "]}");
	cr_expect_eq(count(OCPP "ListDisplayMessages", "messages"), 2);
	cr_expect_str_eq(text(listed(OCPP "ListDisplayMessages", "messages", 0), "content"), "a");
	cp.reply = "{\"status\":\"Unknown\"}";
	ask(OCPP "Call", CALL("GetDisplayMessages", "{\"requestId\":2}"));
	cr_expect_eq(count(OCPP "ListDisplayMessages", "messages"), 0, "there is none");
}
