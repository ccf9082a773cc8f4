/* What several versions have in common: lists of values (values.c) and objects (objects.c). */
#ifndef OCPP_SHARED_H
#define OCPP_SHARED_H

#include "spec.h"

typedef const char *const spec_values[]; /* ends with NULL */

/* Of 1.5, 1.6 and 2.0.1. */
extern spec_values spec_accept, spec_accept_or_schedule, spec_operational, spec_transfer_statuses,
	spec_reserve_statuses, spec_update_types;
/* Of 1.5 and 1.6. */
extern spec_values spec_tag_statuses, spec_formats, spec_reset_types;
/* Of 1.6 and 2.0.1. */
extern spec_values spec_accept_or_cancel, spec_registrations, spec_known, spec_found, spec_accept_or_fail,
	spec_delete_statuses, spec_install_statuses, spec_trigger_statuses, spec_firmware_statuses,
	spec_update_firmware_statuses, spec_hash_algorithms, spec_log_types, spec_rate_units, spec_profile_kinds,
	spec_recurrencies;

extern const struct spec_object spec_nothing;
/* Of 1.5, 1.6 and 2.0.1. */
extern const struct spec_object spec_heartbeat_answer, spec_cancel_reservation;
/* Of 1.5 and 1.6. */
extern const struct spec_object spec_accept_answer, spec_schedule_answer, spec_tag_info, spec_authorize,
	spec_authorize_answer, spec_boot_notification, spec_change_availability, spec_get_diagnostics,
	spec_list_version_answer, spec_list_entry, spec_remote_stop, spec_reserve_now, spec_reserve_now_answer,
	spec_reset, spec_start_transaction, spec_start_transaction_answer, spec_stop_transaction_answer,
	spec_transfer_answer, spec_unlock_connector, spec_update_firmware;
/* Of 1.6 and 2.0.1. */
extern const struct spec_object spec_certificate_hash, spec_log_parameters, spec_security_event;

#endif
