/* The lists of values that several versions share. */
#include "spec_shared.h"
#include "fields.h"

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
SHARED_VALUES(spec_contexts, "Sample.Periodic", "Sample.Clock", "Transaction.Begin", "Transaction.End",
	      "Interruption.Begin", "Interruption.End", "Trigger", "Other");
/* Of 1.6's StatusNotification. */
SHARED_VALUES(spec_error_codes, "ConnectorLockFailure", "EVCommunicationError", "GroundFailure", "HighTemperature",
	      "InternalError", "LocalListConflict", "NoError", "OtherError", "OverCurrentFailure", "OverVoltage",
	      "PowerMeterFailure", "PowerSwitchFailure", "ReaderFailure", "ResetFailure", "UnderVoltage", "WeakSignal");
SHARED_VALUES(spec_locations, "Outlet", "Inlet", "Cable", "EV", "Body");

SHARED_VALUES(spec_accept, "Accepted", "Rejected");
SHARED_VALUES(spec_accept_or_schedule, "Accepted", "Rejected", "Scheduled");
SHARED_VALUES(spec_operational, "Inoperative", "Operative");
SHARED_VALUES(spec_transfer_statuses, "Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId");
SHARED_VALUES(spec_reserve_statuses, "Accepted", "Faulted", "Occupied", "Rejected", "Unavailable");
SHARED_VALUES(spec_update_types, "Differential", "Full");

SHARED_VALUES(spec_tag_statuses, "Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx");
SHARED_VALUES(spec_formats, "Raw", "SignedData");
SHARED_VALUES(spec_reset_types, "Hard", "Soft");

SHARED_VALUES(spec_accept_or_cancel, "Accepted", "Rejected", "AcceptedCanceled");
SHARED_VALUES(spec_registrations, "Accepted", "Pending", "Rejected");
SHARED_VALUES(spec_known, "Accepted", "Unknown");
SHARED_VALUES(spec_found, "Accepted", "NotFound");
SHARED_VALUES(spec_accept_or_fail, "Accepted", "Failed");
SHARED_VALUES(spec_delete_statuses, "Accepted", "Failed", "NotFound");
SHARED_VALUES(spec_install_statuses, "Accepted", "Rejected", "Failed");
SHARED_VALUES(spec_trigger_statuses, "Accepted", "Rejected", "NotImplemented");
SHARED_VALUES(spec_firmware_statuses, "Downloaded", "DownloadFailed", "Downloading", "DownloadScheduled",
	      "DownloadPaused", "Idle", "InstallationFailed", "Installing", "Installed", "InstallRebooting",
	      "InstallScheduled", "InstallVerificationFailed", "InvalidSignature", "SignatureVerified");
SHARED_VALUES(spec_update_firmware_statuses, "Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate",
	      "RevokedCertificate");
SHARED_VALUES(spec_hash_algorithms, "SHA256", "SHA384", "SHA512");
SHARED_VALUES(spec_log_types, "DiagnosticsLog", "SecurityLog");
SHARED_VALUES(spec_rate_units, "A", "W");
SHARED_VALUES(spec_profile_kinds, "Absolute", "Recurring", "Relative");
SHARED_VALUES(spec_recurrencies, "Daily", "Weekly");
