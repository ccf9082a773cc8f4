/* OCPP 1.6 edition 2 with errata 4.0 and the security extension: every message, field by field. */
#include "fields.h"
#include "spec_shared.h"

VALUES(connector_statuses, "Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing",
       "Reserved", "Unavailable", "Faulted");
VALUES(reasons, "DeAuthorized", "EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other", "PowerLoss", "Reboot",
       "Remote", "SoftReset", "UnlockCommand");
VALUES(firmware_statuses, "Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing",
       "Installed");
VALUES(diagnostics_statuses, "Idle", "Uploaded", "UploadFailed", "Uploading");
VALUES(log_statuses, "BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied", "Uploaded", "UploadFailure",
       "Uploading");
VALUES(purposes, "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile");
VALUES(triggers, "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat",
       "MeterValues", "StatusNotification");
VALUES(extended_triggers, "BootNotification", "LogStatusNotification", "FirmwareStatusNotification", "Heartbeat",
       "MeterValues", "SignChargePointCertificate", "StatusNotification");
VALUES(certificate_uses, "CentralSystemRootCertificate", "ManufacturerRootCertificate");
VALUES(configuration_statuses, "Accepted", "Rejected", "RebootRequired", "NotSupported");
VALUES(list_statuses, "Accepted", "Failed", "NotSupported", "VersionMismatch");
VALUES(profile_statuses, "Accepted", "Rejected", "NotSupported");
VALUES(unlock_statuses, "Unlocked", "UnlockFailed", "NotSupported");

/* ---- from the charger ------------------------------------------------------------------------ */

OBJECT(boot_notification_answer, ENUM("status", spec_registrations, REQ), TIME("currentTime", REQ),
       INTEGER("interval", REQ));
OBJECT(data_transfer, STRING("vendorId", 255, REQ), STRING("messageId", 50, 0), STRING("data", 0, SPEC_CONVERT));
OBJECT(diagnostics_status, ENUM("status", diagnostics_statuses, REQ | OPEN));
OBJECT(firmware_status, ENUM("status", firmware_statuses, REQ | OPEN));
OBJECT(log_status, ENUM("status", log_statuses, REQ | OPEN), INTEGER("requestId", 0));
OBJECT(signed_firmware_status, ENUM("status", spec_firmware_statuses, REQ | OPEN), INTEGER("requestId", 0));
OBJECT(sign_certificate, STRING("csr", 5500, REQ));
/* The first of spec_units and of spec_phases stands for none. */
OBJECT(sampled_value, STRING("value", 0, STOP), ENUM("context", spec_contexts, SPEC_CONVERT | OPEN),
       ENUM("format", spec_formats, SPEC_CONVERT | OPEN), ENUM("measurand", spec_measurands, SPEC_CONVERT | OPEN),
       ENUM("phase", spec_phases + 1, SPEC_CONVERT | OPEN), ENUM("location", spec_locations, SPEC_CONVERT | OPEN),
       ENUM("unit", spec_units + 1, SPEC_CONVERT | OPEN));
OBJECT(meter_value, TIME("timestamp", STOP), NESTED("sampledValue", sampled_value, STOP | SOME));
OBJECT(meter_values, INTEGER("connectorId", STOP), INTEGER("transactionId", SPEC_CONVERT | SPEC_EXCUSED),
       NESTED("meterValue", meter_value, STOP | SOME));
OBJECT(stop_transaction, INTEGER("transactionId", STOP), STRING("idTag", 20, SPEC_CONVERT), TIME("timestamp", STOP),
       INTEGER("meterStop", STOP), ENUM("reason", reasons, SPEC_CONVERT | OPEN),
       NESTED("transactionData", meter_value, SPEC_CONVERT | LIST));
OBJECT(status_notification, INTEGER("connectorId", REQ), ENUM("status", connector_statuses, REQ),
       ENUM("errorCode", spec_error_codes, REQ | OPEN), STRING("info", 50, 0), TIME("timestamp", 0),
       STRING("vendorId", 255, 0), STRING("vendorErrorCode", 50, 0));

/* ---- to the charger -------------------------------------------------------------------------- */

OBJECT(certificate_signed, STRING("certificateChain", 10000, REQ));
OBJECT(change_configuration, STRING("key", 50, REQ), STRING("value", 500, REQ));
OBJECT(change_configuration_answer, ENUM("status", configuration_statuses, REQ));
OBJECT(clear_charging_profile, INTEGER("id", 0), INTEGER("connectorId", 0), ENUM("chargingProfilePurpose", purposes, 0),
       INTEGER("stackLevel", 0));
OBJECT(clear_charging_profile_answer, ENUM("status", spec_known, REQ));
OBJECT(delete_certificate, NESTED("certificateHashData", spec_certificate_hash, REQ));
OBJECT(delete_certificate_answer, ENUM("status", spec_delete_statuses, REQ));
OBJECT(extended_trigger, ENUM("requestedMessage", extended_triggers, REQ), INTEGER("connectorId", 0));
OBJECT(trigger_answer, ENUM("status", spec_trigger_statuses, REQ));
OBJECT(schedule_period, INTEGER("startPeriod", REQ), NUMBER("limit", REQ | SPEC_TENTH), INTEGER("numberPhases", 0));
OBJECT(schedule, INTEGER("duration", 0), TIME("startSchedule", 0), ENUM("chargingRateUnit", spec_rate_units, REQ),
       NESTED("chargingSchedulePeriod", schedule_period, REQ | SOME), NUMBER("minChargingRate", SPEC_TENTH));
OBJECT(get_composite_schedule, INTEGER("connectorId", REQ), INTEGER("duration", REQ),
       ENUM("chargingRateUnit", spec_rate_units, 0));
OBJECT(get_composite_schedule_answer, ENUM("status", spec_accept, REQ), INTEGER("connectorId", 0),
       TIME("scheduleStart", 0), NESTED("chargingSchedule", schedule, 0));
OBJECT(get_configuration, STRING("key", 50, LIST));
OBJECT(key_value, STRING("key", 50, REQ), BOOL("readonly", TX), STRING("value", 500, SPEC_CONVERT));
OBJECT(get_configuration_answer, NESTED("configurationKey", key_value, SPEC_CONVERT | LIST),
       STRING("unknownKey", 50, LIST));
OBJECT(get_diagnostics_answer, STRING("fileName", 255, 0));
OBJECT(get_certificate_ids, ENUM("certificateType", certificate_uses, REQ));
OBJECT(get_certificate_ids_answer, NESTED("certificateHashData", spec_certificate_hash, SPEC_CONVERT | SOME),
       ENUM("status", spec_found, REQ));
OBJECT(get_log, NESTED("log", spec_log_parameters, REQ), ENUM("logType", spec_log_types, REQ),
       INTEGER("requestId", REQ), INTEGER("retries", 0), INTEGER("retryInterval", 0));
OBJECT(get_log_answer, ENUM("status", spec_accept_or_cancel, REQ), STRING("filename", 255, 0));
OBJECT(install_certificate, ENUM("certificateType", certificate_uses, REQ), STRING("certificate", 5500, REQ));
OBJECT(install_certificate_answer, ENUM("status", spec_install_statuses, REQ));
OBJECT(profile, INTEGER("chargingProfileId", REQ), INTEGER("transactionId", 0), INTEGER("stackLevel", REQ),
       ENUM("chargingProfilePurpose", purposes, REQ), ENUM("chargingProfileKind", spec_profile_kinds, REQ),
       ENUM("recurrencyKind", spec_recurrencies, 0), TIME("validFrom", 0), TIME("validTo", 0),
       NESTED("chargingSchedule", schedule, REQ));
OBJECT(remote_start, INTEGER("connectorId", 0), STRING("idTag", 20, REQ), NESTED("chargingProfile", profile, 0));
OBJECT(send_local_list, INTEGER("listVersion", REQ), NESTED("localAuthorizationList", spec_list_entry, LIST),
       ENUM("updateType", spec_update_types, REQ));
OBJECT(send_local_list_answer, ENUM("status", list_statuses, REQ));
OBJECT(set_charging_profile, INTEGER("connectorId", REQ), NESTED("csChargingProfiles", profile, REQ));
OBJECT(set_charging_profile_answer, ENUM("status", profile_statuses, REQ));
OBJECT(firmware, STRING("location", 512, REQ), TIME("retrieveDateTime", REQ), TIME("installDateTime", 0),
       STRING("signingCertificate", 5500, REQ), STRING("signature", 800, REQ));
OBJECT(signed_update_firmware, INTEGER("retries", 0), INTEGER("retryInterval", 0), INTEGER("requestId", REQ),
       NESTED("firmware", firmware, REQ));
OBJECT(signed_update_firmware_answer, ENUM("status", spec_update_firmware_statuses, REQ));
OBJECT(trigger_message, ENUM("requestedMessage", triggers, REQ), INTEGER("connectorId", 0));
OBJECT(unlock_connector_answer, ENUM("status", unlock_statuses, REQ));

static const struct spec_action actions[] = {
	UP("Authorize", spec_authorize, spec_authorize_answer),
	UP("BootNotification", spec_boot_notification, boot_notification_answer, SPEC_BOOT),
	DOWN("CancelReservation", spec_cancel_reservation, spec_accept_answer),
	AGAIN("CertificateSigned", certificate_signed, spec_accept_answer, SPEC_JSON_ONLY),
	AGAIN("ChangeAvailability", spec_change_availability, spec_schedule_answer),
	AGAIN("ChangeConfiguration", change_configuration, change_configuration_answer, SPEC_SECRET),
	AGAIN("ClearCache", spec_nothing, spec_accept_answer),
	DOWN("ClearChargingProfile", clear_charging_profile, clear_charging_profile_answer),
	BOTH("DataTransfer", data_transfer, spec_transfer_answer, SPEC_SECRET),
	DOWN("DeleteCertificate", delete_certificate, delete_certificate_answer, SPEC_JSON_ONLY),
	UP("DiagnosticsStatusNotification", diagnostics_status, spec_nothing),
	DOWN("ExtendedTriggerMessage", extended_trigger, trigger_answer, SPEC_JSON_ONLY | SPEC_ASKS_BACK),
	UP("FirmwareStatusNotification", firmware_status, spec_nothing),
	AGAIN("GetCompositeSchedule", get_composite_schedule, get_composite_schedule_answer),
	AGAIN("GetConfiguration", get_configuration, get_configuration_answer, SPEC_SECRET),
	DOWN("GetDiagnostics", spec_get_diagnostics, get_diagnostics_answer, SPEC_SECRET),
	AGAIN("GetInstalledCertificateIds", get_certificate_ids, get_certificate_ids_answer, SPEC_JSON_ONLY),
	AGAIN("GetLocalListVersion", spec_nothing, spec_list_version_answer),
	DOWN("GetLog", get_log, get_log_answer, SPEC_SECRET | SPEC_JSON_ONLY),
	UP("Heartbeat", spec_nothing, spec_heartbeat_answer, SPEC_ROUTINE),
	DOWN("InstallCertificate", install_certificate, install_certificate_answer, SPEC_JSON_ONLY),
	UP("LogStatusNotification", log_status, spec_nothing, SPEC_JSON_ONLY),
	UP("MeterValues", meter_values, spec_nothing, SPEC_METERED | SPEC_ROUTINE),
	DOWN("RemoteStartTransaction", remote_start, spec_accept_answer, SPEC_REMOTE),
	DOWN("RemoteStopTransaction", spec_remote_stop, spec_accept_answer, SPEC_REMOTE),
	DOWN("ReserveNow", spec_reserve_now, spec_reserve_now_answer),
	DOWN("Reset", spec_reset, spec_accept_answer),
	UP("SecurityEventNotification", spec_security_event, spec_nothing, SPEC_SECRET | SPEC_JSON_ONLY),
	DOWN("SendLocalList", send_local_list, send_local_list_answer),
	AGAIN("SetChargingProfile", set_charging_profile, set_charging_profile_answer),
	UP("SignCertificate", sign_certificate, spec_accept_answer, SPEC_JSON_ONLY),
	UP("SignedFirmwareStatusNotification", signed_firmware_status, spec_nothing, SPEC_JSON_ONLY),
	DOWN("SignedUpdateFirmware", signed_update_firmware, signed_update_firmware_answer,
	     SPEC_SECRET | SPEC_JSON_ONLY),
	UP("StartTransaction", spec_start_transaction, spec_start_transaction_answer,
	   SPEC_METERED | SPEC_MILESTONE | SPEC_BEGINS),
	UP("StatusNotification", status_notification, spec_nothing),
	UP("StopTransaction", stop_transaction, spec_stop_transaction_answer, SPEC_METERED | SPEC_MILESTONE),
	AGAIN("TriggerMessage", trigger_message, trigger_answer, SPEC_ASKS_BACK),
	DOWN("UnlockConnector", spec_unlock_connector, unlock_connector_answer),
	DOWN("UpdateFirmware", spec_update_firmware, spec_nothing, SPEC_SECRET),
};

const struct spec_version spec_v16 = { "ocpp1.6",          actions, sizeof actions / sizeof actions[0], &rpc_16,
				       RPC_PROTOCOL_ERROR, NULL };
