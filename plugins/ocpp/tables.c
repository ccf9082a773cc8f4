/* The plugin's rows. Their shapes follow from the hot path: MeterValues reads and writes one small row of `progress`,
 * in pages that hold nothing else, and appends one row to `samples`: a commit costs by the pages it changes. All that
 * is looked up otherwise is written at a session's start and end. */
#include "ocpp.h"

const struct gv_table ocpp_active = { .name = "active", .key = "su", .value = &ocpp__transaction__descriptor };
const struct gv_table ocpp_progress = { .name = "progress", .key = "su", .value = &ocpp__progress__descriptor };
const struct gv_table ocpp_history = { .name = "history", .key = "su", .value = &ocpp__transaction__descriptor };
const struct gv_table ocpp_transactions = {
	.name = "transactions", .key = "u", .value = &ocpp__transaction_ref__descriptor, .append = true
};
const struct gv_table ocpp_starts = { .name = "starts", .key = "ss", .value = &ocpp__start_ref__descriptor };
const struct gv_table ocpp_samples = {
	.name = "samples", .key = "u", .value = &ocpp__sample_row__descriptor, .append = true
};
const struct gv_table ocpp_days = { .name = "days", .key = "u", .value = &ocpp__day_row__descriptor };
const struct gv_table ocpp_connectors = { .name = "connectors",
					  .key = "su",
					  .value = &ocpp__connector_row__descriptor };
const struct gv_table ocpp_stations = { .name = "stations", .key = "s", .value = &ocpp__station_row__descriptor };
const struct gv_table ocpp_commands = { .name = "commands", .key = "su", .value = &ocpp__command__descriptor };
const struct gv_table ocpp_requests = { .name = "requests", .key = "ss", .value = &ocpp__request__descriptor };
const struct gv_table ocpp_soap = { .name = "soap", .key = "s", .value = &ocpp__soap_row__descriptor };
const struct gv_table ocpp_devices = { .name = "devices", .key = "s", .value = &ocpp__known_device__descriptor };
const struct gv_table ocpp_orphans = { .name = "orphans", .key = "su", .value = &ocpp__orphan_row__descriptor };
const struct gv_table ocpp_counters = { .name = "counters", .key = "s", .value = &ocpp__counter__descriptor };
