/* Reports that wait are bounded, and what became of an update is not what is lost. */
#include "plugins/ota/agent/agent.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/leaks.h"

TestSuite(ota_outbox, .fini = check_leaks);

static int count(const struct agent *a, const char *step)
{
	const cJSON *report;
	int n = 0;

	cJSON_ArrayForEach(report, cJSON_GetObjectItem(a->state, "outbox"))
	{
		n += strcmp(cJSON_GetObjectItem(report, "step")->valuestring, step) == 0;
	}
	return n;
}

static struct agent new_agent(void)
{
	struct agent a = { .state = cJSON_Parse("{\"confirmed\":{},\"outbox\":[]}") };

	return a;
}

Test(ota_outbox, the_oldest_that_is_no_outcome_goes)
{
	struct agent a = new_agent();

	agent_report(&a, "installed", 0, "", 0);
	for (int i = 0; i < 3 * AGENT_OUTBOX_MAX; i++)
		agent_report(&a, "downloading", 0, "", 0);
	cr_assert_eq(count(&a, "installed"), 1);
	cr_assert_eq(count(&a, "downloading"), AGENT_OUTBOX_MAX - 1);
	cJSON_Delete(a.state);
}

Test(ota_outbox, outcomes_alone_are_bounded_too)
{
	struct agent a = new_agent();

	for (int i = 0; i < 3 * AGENT_OUTBOX_MAX; i++)
		agent_report(&a, "reverted", -TUF_FAILED, "", 0);
	cr_assert_eq(count(&a, "reverted"), AGENT_OUTBOX_MAX);
	cr_assert_eq(cJSON_GetObjectItem(a.state, "sequence")->valueint, 3 * AGENT_OUTBOX_MAX,
		     "none is numbered like another");
	cJSON_Delete(a.state);
}
