/* The plugin's tables. */
#include "powerbank.h"

const struct gv_table pb_cabinets = { .name = "cabinets", .key = "s", .value = &powerbank__cabinet_row__descriptor };
const struct gv_table pb_conns = { .name = "conns", .key = "u", .value = &powerbank__conn_row__descriptor };
const struct gv_table pb_rests = { .name = "rests", .key = "u", .value = &powerbank__rest_row__descriptor };
const struct gv_table pb_banks = { .name = "banks", .key = "s", .value = &rental__bank__descriptor };
const struct gv_table pb_rentals = { .name = "rentals", .key = "s", .value = &rental__rental_row__descriptor };
const struct gv_table pb_orders = { .name = "orders", .key = "s", .value = &powerbank__rental_ref__descriptor };
const struct gv_table pb_open = { .name = "open_rentals", .key = "ss", .value = &powerbank__rental_ref__descriptor };
const struct gv_table pb_rental_times = { .name = "rental_times",
					  .key = "sis",
					  .value = &powerbank__rental_at__descriptor };
const struct gv_table pb_ejects = { .name = "ejects", .key = "su", .value = &powerbank__eject_row__descriptor };
const struct gv_table pb_returns = { .name = "returns", .key = "su", .value = &powerbank__return_row__descriptor };
const struct gv_table pb_audits = { .name = "audits", .key = "s", .value = &powerbank__audit_row__descriptor };
const struct gv_table pb_commands = { .name = "commands", .key = "s", .value = &powerbank__command_row__descriptor };
