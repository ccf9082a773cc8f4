/* OCPP 1.6 edition 2 with errata 4.0 and the security extension: every request, field by field. Answers of chargers
 * need no table: the one field that matters to galvan, `status`, is read where it is used, and Ocpp/Call hands all of
 * it on. */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

#define VALUES(name, ...) static const char *const name[] = { __VA_ARGS__, NULL }
/* clang-format off */
#define OBJECT(name, ...) \
	static const struct spec_field name##_fields[] = { __VA_ARGS__ }; \
	static const struct spec_object name = { name##_fields, sizeof name##_fields / sizeof name##_fields[0] }
#define STRING(n, m, f) { .name = n, .type = SPEC_STRING, .max = m, .flags = f }
#define INTEGER(n, f) { .name = n, .type = SPEC_INT, .flags = f }
#define NUMBER(n, f) { .name = n, .type = SPEC_NUMBER, .flags = f }
#define TIME(n, f) { .name = n, .type = SPEC_TIME, .flags = f }
#define ENUM(n, v, f) { .name = n, .type = SPEC_ENUM, .values = v, .flags = f }
#define NESTED(n, o, f) { .name = n, .type = SPEC_OBJECT, .object = &o, .flags = f }
/* clang-format on */
#define REQ SPEC_REQUIRED
/* A transaction message is confirmed whenever it can be understood at all (4.2 of the specification; errata 3.18). */
#define TX (SPEC_REQUIRED | SPEC_CONVERT)
#define STOP (SPEC_REQUIRED | SPEC_CONVERT | SPEC_EXCUSED)

const char *const spec_measurands[] = {
	"Energy.Active.Import.Register",
	"Energy.Active.Export.Register",
	"Energy.Reactive.Import.Register",
	"Energy.Reactive.Export.Register",
	"Energy.Active.Import.Interval",
	"Energy.Active.Export.Interval",
	"Energy.Reactive.Import.Interval",
	"Energy.Reactive.Export.Interval",
	"Power.Active.Import",
	"Power.Active.Export",
	"Power.Offered",
	"Power.Reactive.Import",
	"Power.Reactive.Export",
	"Power.Factor",
	"Current.Import",
	"Current.Export",
	"Current.Offered",
	"Voltage",
	"Frequency",
	"Temperature",
	"SoC",
	"RPM",
	NULL,
};
/* The specification writes Celsius, its schema Celcius (errata 2.1 of OCPP-J): see also meter.c. */
const char *const spec_units[] = {
	"",     "Wh", "kWh", "varh", "kvarh",   "W",          "kW",      "VA",    "kVA",     "var",
	"kvar", "A",  "V",   "K",    "Celsius", "Fahrenheit", "Percent", "Hertz", "Celcius", NULL,
};
const char *const spec_phases[] = {
	"", "L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1", NULL,
};
const char *const spec_contexts[] = {
	"Sample.Periodic",
	"Sample.Clock",
	"Transaction.Begin",
	"Transaction.End",
	"Interruption.Begin",
	"Interruption.End",
	"Trigger",
	"Other",
	NULL,
};
const char *const spec_locations[] = {
	"Outlet", "Inlet", "Cable", "EV", "Body", NULL,
};

VALUES(tag_statuses, "Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx");
VALUES(formats, "Raw", "SignedData");
VALUES(error_codes, "ConnectorLockFailure", "EVCommunicationError", "GroundFailure", "HighTemperature", "InternalError",
       "LocalListConflict", "NoError", "OtherError", "OverCurrentFailure", "OverVoltage", "PowerMeterFailure",
       "PowerSwitchFailure", "ReaderFailure", "ResetFailure", "UnderVoltage", "WeakSignal");
VALUES(connector_statuses, "Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing",
       "Reserved", "Unavailable", "Faulted");
VALUES(reasons, "DeAuthorized", "EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other", "PowerLoss", "Reboot",
       "Remote", "SoftReset", "UnlockCommand");
VALUES(firmware_statuses, "Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing",
       "Installed");
VALUES(signed_firmware_statuses, "Downloaded", "DownloadFailed", "Downloading", "DownloadScheduled", "DownloadPaused",
       "Idle", "InstallationFailed", "Installing", "Installed", "InstallRebooting", "InstallScheduled",
       "InstallVerificationFailed", "InvalidSignature", "SignatureVerified");
VALUES(diagnostics_statuses, "Idle", "Uploaded", "UploadFailed", "Uploading");
VALUES(log_statuses, "BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied", "Uploaded", "UploadFailure",
       "Uploading");
VALUES(availability_types, "Inoperative", "Operative");
VALUES(reset_types, "Hard", "Soft");
VALUES(rate_units, "A", "W");
VALUES(purposes, "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile");
VALUES(kinds, "Absolute", "Recurring", "Relative");
VALUES(recurrencies, "Daily", "Weekly");
VALUES(update_types, "Differential", "Full");
VALUES(triggers, "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat",
       "MeterValues", "StatusNotification");
VALUES(extended_triggers, "BootNotification", "LogStatusNotification", "FirmwareStatusNotification", "Heartbeat",
       "MeterValues", "SignChargePointCertificate", "StatusNotification");
VALUES(hash_algorithms, "SHA256", "SHA384", "SHA512");
VALUES(certificate_uses, "CentralSystemRootCertificate", "ManufacturerRootCertificate");
VALUES(log_types, "DiagnosticsLog", "SecurityLog");

/* ---- from the charger ------------------------------------------------------------------------ */

static const struct spec_object nothing = { NULL, 0 };
OBJECT(authorize, STRING("idTag", 20, REQ));
OBJECT(boot_notification, STRING("chargePointVendor", 20, REQ), STRING("chargePointModel", 20, REQ),
       STRING("chargePointSerialNumber", 25, 0), STRING("chargeBoxSerialNumber", 25, 0),
       STRING("firmwareVersion", 50, 0), STRING("iccid", 20, 0), STRING("imsi", 20, 0), STRING("meterType", 25, 0),
       STRING("meterSerialNumber", 25, 0));
OBJECT(data_transfer, STRING("vendorId", 255, REQ), STRING("messageId", 50, 0), STRING("data", 0, SPEC_CONVERT));
OBJECT(diagnostics_status, ENUM("status", diagnostics_statuses, REQ | SPEC_OPEN));
OBJECT(firmware_status, ENUM("status", firmware_statuses, REQ | SPEC_OPEN));
OBJECT(log_status, ENUM("status", log_statuses, REQ | SPEC_OPEN), INTEGER("requestId", 0));
OBJECT(signed_firmware_status, ENUM("status", signed_firmware_statuses, REQ | SPEC_OPEN), INTEGER("requestId", 0));
OBJECT(security_event, STRING("type", 50, REQ), TIME("timestamp", REQ | SPEC_EXCUSED), STRING("techInfo", 255, 0));
OBJECT(sign_certificate, STRING("csr", 5500, REQ));
OBJECT(sampled_value, STRING("value", 0, STOP), ENUM("context", spec_contexts, SPEC_OPEN),
       ENUM("format", formats, SPEC_OPEN), ENUM("measurand", spec_measurands, SPEC_OPEN),
       ENUM("phase", spec_phases, SPEC_OPEN), ENUM("location", spec_locations, SPEC_OPEN),
       ENUM("unit", spec_units, SPEC_OPEN));
OBJECT(meter_value, TIME("timestamp", STOP), NESTED("sampledValue", sampled_value, STOP | SPEC_LIST | SPEC_NONEMPTY));
OBJECT(meter_values, INTEGER("connectorId", TX), INTEGER("transactionId", SPEC_CONVERT),
       NESTED("meterValue", meter_value, STOP | SPEC_LIST | SPEC_NONEMPTY));
OBJECT(start_transaction, INTEGER("connectorId", TX), STRING("idTag", 20, REQ), INTEGER("meterStart", TX),
       INTEGER("reservationId", SPEC_CONVERT), TIME("timestamp", STOP));
OBJECT(stop_transaction, STRING("idTag", 20, SPEC_CONVERT), INTEGER("meterStop", STOP), TIME("timestamp", STOP),
       INTEGER("transactionId", STOP), ENUM("reason", reasons, SPEC_OPEN),
       NESTED("transactionData", meter_value, SPEC_CONVERT | SPEC_LIST));
OBJECT(status_notification, INTEGER("connectorId", REQ), ENUM("errorCode", error_codes, REQ | SPEC_OPEN),
       STRING("info", 50, 0), ENUM("status", connector_statuses, REQ), TIME("timestamp", 0), STRING("vendorId", 255, 0),
       STRING("vendorErrorCode", 50, 0));

/* ---- to the charger -------------------------------------------------------------------------- */

OBJECT(cancel_reservation, INTEGER("reservationId", REQ));
OBJECT(certificate_signed, STRING("certificateChain", 10000, REQ));
OBJECT(change_availability, INTEGER("connectorId", REQ), ENUM("type", availability_types, REQ));
OBJECT(change_configuration, STRING("key", 50, REQ), STRING("value", 500, REQ));
OBJECT(clear_charging_profile, INTEGER("id", 0), INTEGER("connectorId", 0), ENUM("chargingProfilePurpose", purposes, 0),
       INTEGER("stackLevel", 0));
OBJECT(certificate_hash, ENUM("hashAlgorithm", hash_algorithms, REQ), STRING("issuerNameHash", 128, REQ),
       STRING("issuerKeyHash", 128, REQ), STRING("serialNumber", 40, REQ));
OBJECT(delete_certificate, NESTED("certificateHashData", certificate_hash, REQ));
OBJECT(extended_trigger, ENUM("requestedMessage", extended_triggers, REQ), INTEGER("connectorId", 0));
OBJECT(get_composite_schedule, INTEGER("connectorId", REQ), INTEGER("duration", REQ),
       ENUM("chargingRateUnit", rate_units, 0));
OBJECT(get_configuration, STRING("key", 50, SPEC_LIST));
OBJECT(get_diagnostics, STRING("location", 0, REQ), INTEGER("retries", 0), INTEGER("retryInterval", 0),
       TIME("startTime", 0), TIME("stopTime", 0));
OBJECT(get_certificate_ids, ENUM("certificateType", certificate_uses, REQ));
OBJECT(log_parameters, STRING("remoteLocation", 512, REQ), TIME("oldestTimestamp", 0), TIME("latestTimestamp", 0));
OBJECT(get_log, NESTED("log", log_parameters, REQ), ENUM("logType", log_types, REQ), INTEGER("requestId", REQ),
       INTEGER("retries", 0), INTEGER("retryInterval", 0));
OBJECT(install_certificate, ENUM("certificateType", certificate_uses, REQ), STRING("certificate", 5500, REQ));
OBJECT(schedule_period, INTEGER("startPeriod", REQ), NUMBER("limit", REQ | SPEC_TENTH), INTEGER("numberPhases", 0));
OBJECT(schedule, INTEGER("duration", 0), TIME("startSchedule", 0), ENUM("chargingRateUnit", rate_units, REQ),
       NESTED("chargingSchedulePeriod", schedule_period, REQ | SPEC_LIST | SPEC_NONEMPTY),
       NUMBER("minChargingRate", SPEC_TENTH));
OBJECT(profile, INTEGER("chargingProfileId", REQ), INTEGER("transactionId", 0), INTEGER("stackLevel", REQ),
       ENUM("chargingProfilePurpose", purposes, REQ), ENUM("chargingProfileKind", kinds, REQ),
       ENUM("recurrencyKind", recurrencies, 0), TIME("validFrom", 0), TIME("validTo", 0),
       NESTED("chargingSchedule", schedule, REQ));
OBJECT(remote_start, INTEGER("connectorId", 0), STRING("idTag", 20, REQ), NESTED("chargingProfile", profile, 0));
OBJECT(remote_stop, INTEGER("transactionId", REQ));
OBJECT(reserve_now, INTEGER("connectorId", REQ), TIME("expiryDate", REQ), STRING("idTag", 20, REQ),
       STRING("parentIdTag", 20, 0), INTEGER("reservationId", REQ));
OBJECT(reset, ENUM("type", reset_types, REQ));
OBJECT(tag_info, TIME("expiryDate", 0), STRING("parentIdTag", 20, 0), ENUM("status", tag_statuses, REQ));
OBJECT(local_list_entry, STRING("idTag", 20, REQ), NESTED("idTagInfo", tag_info, 0));
OBJECT(send_local_list, INTEGER("listVersion", REQ), NESTED("localAuthorizationList", local_list_entry, SPEC_LIST),
       ENUM("updateType", update_types, REQ));
OBJECT(set_charging_profile, INTEGER("connectorId", REQ), NESTED("csChargingProfiles", profile, REQ));
OBJECT(firmware, STRING("location", 512, REQ), TIME("retrieveDateTime", REQ), TIME("installDateTime", 0),
       STRING("signingCertificate", 5500, REQ), STRING("signature", 800, REQ));
OBJECT(signed_update_firmware, INTEGER("retries", 0), INTEGER("retryInterval", 0), INTEGER("requestId", REQ),
       NESTED("firmware", firmware, REQ));
OBJECT(trigger_message, ENUM("requestedMessage", triggers, REQ), INTEGER("connectorId", 0));
OBJECT(unlock_connector, INTEGER("connectorId", REQ));
OBJECT(update_firmware, STRING("location", 0, REQ), INTEGER("retries", 0), TIME("retrieveDate", REQ),
       INTEGER("retryInterval", 0));

#define UP(n, o)                                                                                                       \
	{                                                                                                              \
		n, SPEC_UP, false, &o                                                                                  \
	}
#define DOWN(n, o)                                                                                                     \
	{                                                                                                              \
		n, SPEC_DOWN, false, &o                                                                                \
	}
#define AGAIN(n, o)                                                                                                    \
	{                                                                                                              \
		n, SPEC_DOWN, true, &o                                                                                 \
	}

static const struct spec_action actions[] = {
	UP("Authorize", authorize),
	UP("BootNotification", boot_notification),
	DOWN("CancelReservation", cancel_reservation),
	DOWN("CertificateSigned", certificate_signed),
	AGAIN("ChangeAvailability", change_availability),
	AGAIN("ChangeConfiguration", change_configuration),
	AGAIN("ClearCache", nothing),
	DOWN("ClearChargingProfile", clear_charging_profile),
	{ "DataTransfer", SPEC_UP | SPEC_DOWN, false, &data_transfer },
	DOWN("DeleteCertificate", delete_certificate),
	UP("DiagnosticsStatusNotification", diagnostics_status),
	DOWN("ExtendedTriggerMessage", extended_trigger),
	UP("FirmwareStatusNotification", firmware_status),
	AGAIN("GetCompositeSchedule", get_composite_schedule),
	AGAIN("GetConfiguration", get_configuration),
	DOWN("GetDiagnostics", get_diagnostics),
	AGAIN("GetInstalledCertificateIds", get_certificate_ids),
	AGAIN("GetLocalListVersion", nothing),
	DOWN("GetLog", get_log),
	UP("Heartbeat", nothing),
	DOWN("InstallCertificate", install_certificate),
	UP("LogStatusNotification", log_status),
	UP("MeterValues", meter_values),
	DOWN("RemoteStartTransaction", remote_start),
	DOWN("RemoteStopTransaction", remote_stop),
	DOWN("ReserveNow", reserve_now),
	DOWN("Reset", reset),
	UP("SecurityEventNotification", security_event),
	DOWN("SendLocalList", send_local_list),
	AGAIN("SetChargingProfile", set_charging_profile),
	UP("SignCertificate", sign_certificate),
	UP("SignedFirmwareStatusNotification", signed_firmware_status),
	DOWN("SignedUpdateFirmware", signed_update_firmware),
	UP("StartTransaction", start_transaction),
	UP("StatusNotification", status_notification),
	UP("StopTransaction", stop_transaction),
	AGAIN("TriggerMessage", trigger_message),
	DOWN("UnlockConnector", unlock_connector),
	DOWN("UpdateFirmware", update_firmware),
};

const struct spec_version spec_v16 = { "ocpp1.6", actions, sizeof actions / sizeof actions[0] };

static int compare(const void *name, const void *action)
{
	return strcmp(name, ((const struct spec_action *)action)->name);
}

const struct spec_action *spec_find(const struct spec_version *version, const char *action)
{
	return bsearch(action, version->actions, version->count, sizeof *version->actions, compare);
}
