/* OCPP 2.0.1: calls about a charger's insides, of whatever kind and whoever asks: what is awaited behind them, and what
 * their answers say. */
#include "v201_device.h"

#include <cjson/cJSON.h>

#define BASE_ALL "FullInventory"
#define BASE_WRITABLE "ConfigurationInventory"

static int report(struct gv_turn *t, int64_t request_id, struct command *ret)
{
	ret->action = "GetBaseReport";
	ret->payload = gv_str(t, "{\"requestId\":%d,\"reportBase\":\"" BASE_ALL "\"}", (int)request_id);
	return 0;
}

/* ---- what is awaited ------------------------------------------------------------------------- */

static Ocpp__ReportRow__Replaces of_base(const cJSON *asked)
{
	const char *base = json_string(asked, "reportBase");

	if (!strcmp(base, BASE_ALL))
		return OCPP__REPORT_ROW__REPLACES__ALL;
	return strcmp(base, BASE_WRITABLE) ? OCPP__REPORT_ROW__REPLACES__NOTHING : OCPP__REPORT_ROW__REPLACES__WRITABLE;
}

static Ocpp__ReportRow__Replaces of_monitors(const cJSON *asked)
{
	return json_get(asked, "componentVariable") || json_get(asked, "monitoringCriteria")
		       ? OCPP__REPORT_ROW__REPLACES__NOTHING
		       : OCPP__REPORT_ROW__REPLACES__ALL;
}

static Ocpp__ReportRow__Replaces of_displays(const cJSON *asked)
{
	return json_get(asked, "id") || json_get(asked, "priority") || json_get(asked, "state")
		       ? OCPP__REPORT_ROW__REPLACES__NOTHING
		       : OCPP__REPORT_ROW__REPLACES__ALL;
}

/* `nothing`: the status of an answer that stands for a report of nothing. */
static const struct report_call {
	const char *action, *nothing;
	Ocpp__ReportRow__Kind kind;
	Ocpp__ReportRow__Replaces (*replaces)(const cJSON *asked);
} reports[] = {
	{ "GetBaseReport", NULL, OCPP__REPORT_ROW__KIND__VARIABLES, of_base },
	{ "GetMonitoringReport", "EmptyResultSet", OCPP__REPORT_ROW__KIND__MONITORS, of_monitors },
	{ "GetDisplayMessages", "Unknown", OCPP__REPORT_ROW__KIND__DISPLAYS, of_displays },
};

static const struct report_call *report_of(const char *action)
{
	for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++)
		if (!strcmp(reports[i].action, action))
			return &reports[i];
	return NULL;
}

/* Reports that people ask for by Ocpp/Call are taken like those that galvan asks for. */
static void asking(struct gv_turn *t, const char *device, const char *action, const cJSON *payload)
{
	const struct report_call *call = report_of(action);
	struct report_key key = { .device = device, .id = json_int(payload, "requestId", 0) };
	Ocpp__ReportRow row = OCPP__REPORT_ROW__INIT;

	if (!call)
		return;
	key.kind = call->kind;
	row.replaces = call->replaces(payload);
	report_expect(t, &key, &row);
}

static void report_answered(struct gv_turn *t, const char *device, const struct report_call *call, const cJSON *asked,
			    const cJSON *payload)
{
	struct report_key key = { device, call->kind, json_int(asked, "requestId", 0) };
	const char *status = json_string(payload, "status");

	if (call->nothing && !strcmp(status, call->nothing))
		report_nothing(t, &key);
	else if (strcmp(status, "Accepted") != 0)
		report_drop(t, &key);
}

/* ---- what answers say ------------------------------------------------------------------------ */

static v201_answer_fn *answer_of(const char *action)
{
	static const struct {
		const char *action;
		v201_answer_fn *fn;
	} answers[] = {
		{ "GetVariables", v201_variables_got },          { "SetVariables", v201_variables_set },
		{ "SetVariableMonitoring", v201_monitors_set },  { "ClearVariableMonitoring", v201_monitors_cleared },
		{ "SetMonitoringBase", v201_monitors_based },    { "SetDisplayMessage", v201_display_set },
		{ "ClearDisplayMessage", v201_display_cleared },
	};

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		if (!strcmp(answers[i].action, action))
			return answers[i].fn;
	return NULL;
}

void v201_answered(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Command *row,
		   const cJSON *payload)
{
	const struct report_call *call = row->kind == OCPP__COMMAND__KIND__CALL ? report_of(row->action) : NULL;
	v201_answer_fn *answer = answer_of(row->action);
	cJSON *asked;

	if (!call && !answer)
		return;
	asked = cJSON_Parse(row->payload);
	if (call)
		report_answered(t, st->device, call, asked, payload);
	else
		answer(t, st->device, asked, payload);
	cJSON_Delete(asked);
}

const struct edge_model v201_model = {
	.items_key = "DeviceDataCtrlr/ItemsPerMessage.GetVariables",
	.bytes_key = "DeviceDataCtrlr/BytesPerMessage.GetVariables",
	.report = report,
	.customer = v201_ask_customer,
	.asking = asking,
};
