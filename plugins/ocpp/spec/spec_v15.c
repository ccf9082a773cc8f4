/* OCPP 1.5: every message as its WSDL has it (2012/06), which stands for JSON (ocpp1.5), too: there is no other
 * description of that. What the WSDL makes an attribute or an element's text is a field in JSON. */
#include "fields.h"
#include "spec_shared.h"

VALUES(registrations, "Accepted", "Rejected");
VALUES(error_codes, "ConnectorLockFailure", "HighTemperature", "Mode3Error", "NoError", "PowerMeterFailure",
       "PowerSwitchFailure", "ReaderFailure", "ResetFailure", "GroundFailure", "OverCurrentFailure", "UnderVoltage",
       "WeakSignal", "OtherError");
VALUES(connector_statuses, "Available", "Occupied", "Faulted", "Unavailable", "Reserved");
VALUES(firmware_statuses, "Downloaded", "DownloadFailed", "InstallationFailed", "Installed");
VALUES(diagnostics_statuses, "Uploaded", "UploadFailed");
VALUES(contexts, "Interruption.Begin", "Interruption.End", "Sample.Clock", "Sample.Periodic", "Transaction.Begin",
       "Transaction.End");
VALUES(measurands, "Energy.Active.Export.Register", "Energy.Active.Import.Register", "Energy.Reactive.Export.Register",
       "Energy.Reactive.Import.Register", "Energy.Active.Export.Interval", "Energy.Active.Import.Interval",
       "Energy.Reactive.Export.Interval", "Energy.Reactive.Import.Interval", "Power.Active.Export",
       "Power.Active.Import", "Power.Reactive.Export", "Power.Reactive.Import", "Current.Export", "Current.Import",
       "Voltage", "Temperature");
VALUES(locations, "Inlet", "Outlet", "Body");
VALUES(units, "Wh", "kWh", "varh", "kvarh", "W", "kW", "var", "kvar", "Amp", "Volt", "Celsius");
VALUES(configuration_statuses, "Accepted", "Rejected", "NotSupported");
VALUES(list_statuses, "Accepted", "Failed", "HashError", "NotSupported", "VersionMismatch");

/* ---- from the charger ------------------------------------------------------------------------ */

#define ATTRIBUTE (SPEC_OPEN | SPEC_ATTRIBUTE)

OBJECT(boot_notification_answer, ENUM("status", registrations, REQ), TIME("currentTime", REQ),
       INTEGER("heartbeatInterval", REQ));
OBJECT(data_transfer, STRING("vendorId", 0, REQ), STRING("messageId", 0, 0), STRING("data", 0, SPEC_CONVERT));
OBJECT(diagnostics_status, ENUM("status", diagnostics_statuses, REQ | OPEN));
OBJECT(firmware_status, ENUM("status", firmware_statuses, REQ | OPEN));
OBJECT(sampled_value, STRING("value", 0, STOP | SPEC_TEXT), ENUM("context", contexts, SPEC_CONVERT | ATTRIBUTE),
       ENUM("format", spec_formats, SPEC_CONVERT | ATTRIBUTE), ENUM("measurand", measurands, SPEC_CONVERT | ATTRIBUTE),
       ENUM("location", locations, SPEC_CONVERT | ATTRIBUTE), ENUM("unit", units, SPEC_CONVERT | ATTRIBUTE));
OBJECT(meter_value, TIME("timestamp", STOP), NESTED("value", sampled_value, STOP | SOME),
       NESTED("values", sampled_value, SPEC_CONVERT | SPEC_ALIAS | SOME));
OBJECT(meter_values, INTEGER("connectorId", STOP), INTEGER("transactionId", SPEC_CONVERT | SPEC_EXCUSED),
       NESTED("values", meter_value, SPEC_CONVERT | LIST));
OBJECT(transaction_data, NESTED("values", meter_value, SPEC_CONVERT | LIST));
OBJECT(stop_transaction, INTEGER("transactionId", STOP), STRING("idTag", 20, SPEC_CONVERT), TIME("timestamp", STOP),
       INTEGER("meterStop", STOP), NESTED("transactionData", transaction_data, SPEC_CONVERT | LIST));
OBJECT(status_notification, INTEGER("connectorId", REQ), ENUM("status", connector_statuses, REQ),
       ENUM("errorCode", error_codes, REQ | OPEN), STRING("info", 0, 0), TIME("timestamp", 0), STRING("vendorId", 0, 0),
       STRING("vendorErrorCode", 0, 0));

/* ---- to the charger -------------------------------------------------------------------------- */

OBJECT(change_configuration, STRING("key", 0, REQ), STRING("value", 0, REQ));
OBJECT(change_configuration_answer, ENUM("status", configuration_statuses, REQ));
OBJECT(get_configuration, STRING("key", 0, LIST));
OBJECT(key_value, STRING("key", 0, REQ), BOOL("readonly", TX), STRING("value", 0, SPEC_CONVERT));
OBJECT(get_configuration_answer, NESTED("configurationKey", key_value, SPEC_CONVERT | LIST),
       STRING("unknownKey", 0, LIST));
OBJECT(get_diagnostics_answer, STRING("fileName", 0, 0));
OBJECT(remote_start, STRING("idTag", 20, REQ), INTEGER("connectorId", 0));
OBJECT(send_local_list, ENUM("updateType", spec_update_types, REQ), INTEGER("listVersion", REQ),
       NESTED("localAuthorisationList", spec_list_entry, LIST), STRING("hash", 0, 0));
OBJECT(send_local_list_answer, ENUM("status", list_statuses, REQ), STRING("hash", 0, 0));

static const struct spec_action actions[] = {
	UP("Authorize", spec_authorize, spec_authorize_answer),
	UP("BootNotification", spec_boot_notification, boot_notification_answer, SPEC_BOOT),
	DOWN("CancelReservation", spec_cancel_reservation, spec_accept_answer),
	AGAIN("ChangeAvailability", spec_change_availability, spec_schedule_answer),
	AGAIN("ChangeConfiguration", change_configuration, change_configuration_answer, SPEC_SECRET),
	AGAIN("ClearCache", spec_nothing, spec_accept_answer),
	BOTH("DataTransfer", data_transfer, spec_transfer_answer, SPEC_SECRET),
	UP("DiagnosticsStatusNotification", diagnostics_status, spec_nothing),
	UP("FirmwareStatusNotification", firmware_status, spec_nothing),
	AGAIN("GetConfiguration", get_configuration, get_configuration_answer, SPEC_SECRET),
	DOWN("GetDiagnostics", spec_get_diagnostics, get_diagnostics_answer, SPEC_SECRET),
	AGAIN("GetLocalListVersion", spec_nothing, spec_list_version_answer),
	UP("Heartbeat", spec_nothing, spec_heartbeat_answer, SPEC_ROUTINE),
	UP("MeterValues", meter_values, spec_nothing, SPEC_METERED | SPEC_ROUTINE),
	DOWN("RemoteStartTransaction", remote_start, spec_accept_answer, SPEC_REMOTE),
	DOWN("RemoteStopTransaction", spec_remote_stop, spec_accept_answer, SPEC_REMOTE),
	DOWN("ReserveNow", spec_reserve_now, spec_reserve_now_answer),
	DOWN("Reset", spec_reset, spec_accept_answer),
	DOWN("SendLocalList", send_local_list, send_local_list_answer),
	UP("StartTransaction", spec_start_transaction, spec_start_transaction_answer,
	   SPEC_METERED | SPEC_MILESTONE | SPEC_BEGINS),
	UP("StatusNotification", status_notification, spec_nothing),
	UP("StopTransaction", stop_transaction, spec_stop_transaction_answer, SPEC_METERED | SPEC_MILESTONE),
	DOWN("UnlockConnector", spec_unlock_connector, spec_accept_answer),
	DOWN("UpdateFirmware", spec_update_firmware, spec_nothing, SPEC_SECRET),
};

const struct spec_version spec_v15 = { "ocpp1.5",          actions, sizeof actions / sizeof actions[0], &rpc_16,
				       RPC_PROTOCOL_ERROR, NULL };
