/* The messages of OCPP 2.0.1 and the types they are made of, by the blocks of the specification. X_answer answers X;
 * what is answered with a status alone shares v201_accept_answer, v201_report_answer, ... */
#ifndef OCPP_V201_H
#define OCPP_V201_H

#include "fields.h"
#include "spec_shared.h"

/* An answer of a status and what a person may want to know about it. */
#define ANSWER(name, values) SHARED_OBJECT(name, ENUM("status", values, REQ), NESTED("statusInfo", v201_status_info, 0))

/* v201_types.c: what several blocks are made of. */
extern const struct spec_field v201_custom_data;
extern const struct spec_object v201_status_info, v201_evse, v201_component, v201_variable, v201_component_variable,
	v201_id_token, v201_id_token_info, v201_message, v201_meter_value, v201_ocsp_request, v201_schedule,
	v201_schedule_period, v201_charging_profile;
extern spec_values v201_purposes, v201_attributes;
extern const struct spec_object v201_accept_answer, v201_schedule_answer, v201_report_answer, v201_known_answer;

/* v201_security.c: A security, M certificates. */
extern const struct spec_object v201_certificate_signed, v201_sign_certificate, v201_delete_certificate,
	v201_delete_certificate_answer, v201_ev_certificate, v201_ev_certificate_answer, v201_certificate_status,
	v201_certificate_status_answer, v201_certificate_ids, v201_certificate_ids_answer, v201_install_certificate,
	v201_install_certificate_answer;

/* v201_device.c: B provisioning. */
extern const struct spec_object v201_boot_notification, v201_boot_notification_answer, v201_base_report,
	v201_get_report, v201_get_variables, v201_get_variables_answer, v201_notify_report, v201_reset,
	v201_network_profile, v201_network_profile_answer, v201_set_variables, v201_set_variables_answer;

/* v201_transactions.c: C authorization, D local list, E transactions, F remote control, G availability, H reservation,
 * I cost, J metering. */
extern const struct spec_object v201_authorize, v201_authorize_answer, v201_list_version_answer, v201_send_local_list,
	v201_send_local_list_answer, v201_transaction_status, v201_transaction_status_answer, v201_transaction_event,
	v201_transaction_event_answer, v201_request_start, v201_request_start_answer, v201_request_stop, v201_trigger,
	v201_trigger_answer, v201_unlock_connector, v201_unlock_connector_answer, v201_change_availability,
	v201_status_notification, v201_reservation_update, v201_reserve_now, v201_reserve_now_answer, v201_cost_updated,
	v201_meter_values;

/* v201_charging.c: K smart charging. */
extern const struct spec_object v201_clear_profile, v201_cleared_limit, v201_get_profiles, v201_get_profiles_answer,
	v201_composite, v201_composite_answer, v201_charging_limit, v201_charging_needs, v201_charging_needs_answer,
	v201_ev_schedule, v201_report_profiles, v201_set_profile;

/* v201_firmware.c: L firmware, and the logs and customers' data of N. */
extern const struct spec_object v201_firmware_status, v201_publish_firmware, v201_publish_status,
	v201_unpublish_firmware, v201_unpublish_firmware_answer, v201_update_firmware, v201_update_firmware_answer,
	v201_get_log, v201_get_log_answer, v201_log_status, v201_customer, v201_customer_answer, v201_notify_customer;

/* v201_monitoring.c: the monitors of N; O display messages, P data transfer. */
extern const struct spec_object v201_clear_monitoring, v201_clear_monitoring_answer, v201_monitoring_report,
	v201_notify_event, v201_notify_monitoring, v201_monitoring_base, v201_monitoring_level, v201_set_monitoring,
	v201_set_monitoring_answer, v201_clear_display, v201_get_displays, v201_notify_displays, v201_set_display,
	v201_set_display_answer, v201_data_transfer, v201_data_transfer_answer;

#endif
