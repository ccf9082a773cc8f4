/* OCPP 2.0.1, blocks C to J: authorization, the local list, transactions, remote control, availability, reservations,
 * cost, metering. */
#include "spec_v201.h"

VALUES(certificate_statuses, "Accepted", "SignatureError", "CertificateExpired", "CertificateRevoked",
       "NoCertificateAvailable", "CertChainError", "ContractCancelled");
VALUES(list_statuses, "Accepted", "Failed", "VersionMismatch");
VALUES(event_types, "Ended", "Started", "Updated");
VALUES(trigger_reasons, "Authorized", "CablePluggedIn", "ChargingRateChanged", "ChargingStateChanged", "Deauthorized",
       "EnergyLimitReached", "EVCommunicationLost", "EVConnectTimeout", "MeterValueClock", "MeterValuePeriodic",
       "TimeLimitReached", "Trigger", "UnlockCommand", "StopAuthorized", "EVDeparted", "EVDetected", "RemoteStop",
       "RemoteStart", "AbnormalCondition", "SignedDataReceived", "ResetCommand");
VALUES(charging_states, "Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle");
VALUES(stopped_reasons, "DeAuthorized", "EmergencyStop", "EnergyLimitReached", "EVDisconnected", "GroundFault",
       "ImmediateReset", "Local", "LocalOutOfCredit", "MasterPass", "Other", "OvercurrentFault", "PowerLoss",
       "PowerQuality", "Reboot", "Remote", "SOCLimitReached", "StoppedByEV", "TimeLimitReached", "Timeout");
VALUES(triggers, "BootNotification", "LogStatusNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues",
       "SignChargingStationCertificate", "SignV2GCertificate", "StatusNotification", "TransactionEvent",
       "SignCombinedCertificate", "PublishFirmwareStatusNotification");
VALUES(unlock_statuses, "Unlocked", "UnlockFailed", "OngoingAuthorizedTransaction", "UnknownConnector");
VALUES(connector_statuses, "Available", "Occupied", "Reserved", "Unavailable", "Faulted");
VALUES(reservation_updates, "Expired", "Removed");
VALUES(connector_types, "cCCS1", "cCCS2", "cG105", "cTesla", "cType1", "cType2", "s309-1P-16A", "s309-1P-32A",
       "s309-3P-16A", "s309-3P-32A", "sBS1361", "sCEE-7-7", "sType2", "sType3", "Other1PhMax16A", "Other1PhOver16A",
       "Other3Ph", "Pan", "wInductive", "wResonant", "Undetermined", "Unknown");

/* ---- C, D ------------------------------------------------------------------------------------ */

SHARED_OBJECT(v201_authorize, NESTED("idToken", v201_id_token, REQ), STRING("certificate", 5500, 0),
	      NESTED("iso15118CertificateHashData", v201_ocsp_request, SOME, .most = 4));
SHARED_OBJECT(v201_authorize_answer, NESTED("idTokenInfo", v201_id_token_info, REQ),
	      ENUM("certificateStatus", certificate_statuses, 0));
SHARED_OBJECT(v201_list_version_answer, INTEGER("versionNumber", TX));
OBJECT(list_entry, NESTED("idToken", v201_id_token, REQ), NESTED("idTokenInfo", v201_id_token_info, 0));
SHARED_OBJECT(v201_send_local_list, NESTED("localAuthorizationList", list_entry, SOME), INTEGER("versionNumber", REQ),
	      ENUM("updateType", spec_update_types, REQ));
ANSWER(v201_send_local_list_answer, list_statuses);

/* ---- E: confirmed whenever it can be understood at all --------------------------------------- */

SHARED_OBJECT(v201_transaction_status, STRING("transactionId", 36, 0));
SHARED_OBJECT(v201_transaction_status_answer, BOOL("ongoingIndicator", SPEC_CONVERT), BOOL("messagesInQueue", TX));
OBJECT(transaction, STRING("transactionId", 36, TX), ENUM("chargingState", charging_states, SPEC_CONVERT | OPEN),
       INTEGER("timeSpentCharging", SPEC_CONVERT), ENUM("stoppedReason", stopped_reasons, SPEC_CONVERT | OPEN),
       INTEGER("remoteStartId", SPEC_CONVERT));
SHARED_OBJECT(v201_transaction_event, ENUM("eventType", event_types, REQ),
	      NESTED("meterValue", v201_meter_value, SPEC_CONVERT | SOME), TIME("timestamp", STOP),
	      ENUM("triggerReason", trigger_reasons, STOP | OPEN), INTEGER("seqNo", STOP),
	      BOOL("offline", SPEC_CONVERT), INTEGER("numberOfPhasesUsed", SPEC_CONVERT),
	      INTEGER("cableMaxCurrent", SPEC_CONVERT), INTEGER("reservationId", SPEC_CONVERT),
	      NESTED("transactionInfo", transaction, REQ), NESTED("evse", v201_evse, 0),
	      NESTED("idToken", v201_id_token, 0));
SHARED_OBJECT(v201_transaction_event_answer, NUMBER("totalCost", 0), INTEGER("chargingPriority", 0),
	      NESTED("idTokenInfo", v201_id_token_info, 0), NESTED("updatedPersonalMessage", v201_message, 0));

/* ---- F, G ------------------------------------------------------------------------------------ */

SHARED_OBJECT(v201_request_start, INTEGER("evseId", 0), NESTED("groupIdToken", v201_id_token, 0),
	      NESTED("idToken", v201_id_token, REQ), INTEGER("remoteStartId", REQ),
	      NESTED("chargingProfile", v201_charging_profile, 0));
SHARED_OBJECT(v201_request_start_answer, ENUM("status", spec_accept, REQ), NESTED("statusInfo", v201_status_info, 0),
	      STRING("transactionId", 36, SPEC_CONVERT));
SHARED_OBJECT(v201_request_stop, STRING("transactionId", 36, REQ));
SHARED_OBJECT(v201_trigger, NESTED("evse", v201_evse, 0), ENUM("requestedMessage", triggers, REQ));
ANSWER(v201_trigger_answer, spec_trigger_statuses);
SHARED_OBJECT(v201_unlock_connector, INTEGER("evseId", REQ), INTEGER("connectorId", REQ));
ANSWER(v201_unlock_connector_answer, unlock_statuses);
SHARED_OBJECT(v201_change_availability, NESTED("evse", v201_evse, 0), ENUM("operationalStatus", spec_operational, REQ));
SHARED_OBJECT(v201_status_notification, TIME("timestamp", REQ | SPEC_EXCUSED),
	      ENUM("connectorStatus", connector_statuses, REQ), INTEGER("evseId", REQ), INTEGER("connectorId", REQ));

/* ---- H, I, J --------------------------------------------------------------------------------- */

SHARED_OBJECT(v201_reservation_update, INTEGER("reservationId", REQ),
	      ENUM("reservationUpdateStatus", reservation_updates, REQ | OPEN));
SHARED_OBJECT(v201_reserve_now, INTEGER("id", REQ), TIME("expiryDateTime", REQ),
	      ENUM("connectorType", connector_types, 0), NESTED("idToken", v201_id_token, REQ), INTEGER("evseId", 0),
	      NESTED("groupIdToken", v201_id_token, 0));
ANSWER(v201_reserve_now_answer, spec_reserve_statuses);
SHARED_OBJECT(v201_cost_updated, NUMBER("totalCost", REQ), STRING("transactionId", 36, REQ));
SHARED_OBJECT(v201_meter_values, INTEGER("evseId", STOP), NESTED("meterValue", v201_meter_value, STOP | SOME));
