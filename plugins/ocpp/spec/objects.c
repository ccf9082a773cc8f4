/* The objects that several versions share. */
#include "fields.h"
#include "spec_shared.h"

const struct spec_object spec_nothing = { NULL, 0, false };

/* ---- 1.5, 1.6 and 2.0.1 ---------------------------------------------------------------------- */

SHARED_OBJECT(spec_heartbeat_answer, TIME("currentTime", REQ));
SHARED_OBJECT(spec_cancel_reservation, INTEGER("reservationId", REQ));

/* ---- 1.5 and 1.6 ----------------------------------------------------------------------------- */

SHARED_OBJECT(spec_accept_answer, ENUM("status", spec_accept, REQ));
SHARED_OBJECT(spec_schedule_answer, ENUM("status", spec_accept_or_schedule, REQ));
SHARED_OBJECT(spec_tag_info, ENUM("status", spec_tag_statuses, REQ), TIME("expiryDate", 0),
	      STRING("parentIdTag", 20, 0));
SHARED_OBJECT(spec_authorize, STRING("idTag", 20, REQ));
SHARED_OBJECT(spec_authorize_answer, NESTED("idTagInfo", spec_tag_info, REQ));
SHARED_OBJECT(spec_boot_notification, STRING("chargePointVendor", 20, REQ), STRING("chargePointModel", 20, REQ),
	      STRING("chargePointSerialNumber", 25, 0), STRING("chargeBoxSerialNumber", 25, 0),
	      STRING("firmwareVersion", 50, 0), STRING("iccid", 20, 0), STRING("imsi", 20, 0),
	      STRING("meterType", 25, 0), STRING("meterSerialNumber", 25, 0));
SHARED_OBJECT(spec_change_availability, INTEGER("connectorId", REQ), ENUM("type", spec_operational, REQ));
SHARED_OBJECT(spec_get_diagnostics, STRING("location", 0, REQ), TIME("startTime", 0), TIME("stopTime", 0),
	      INTEGER("retries", 0), INTEGER("retryInterval", 0));
SHARED_OBJECT(spec_list_version_answer, INTEGER("listVersion", TX));
SHARED_OBJECT(spec_list_entry, STRING("idTag", 20, REQ), NESTED("idTagInfo", spec_tag_info, 0));
SHARED_OBJECT(spec_remote_stop, INTEGER("transactionId", REQ));
SHARED_OBJECT(spec_reserve_now, INTEGER("connectorId", REQ), TIME("expiryDate", REQ), STRING("idTag", 20, REQ),
	      STRING("parentIdTag", 20, 0), INTEGER("reservationId", REQ));
SHARED_OBJECT(spec_reserve_now_answer, ENUM("status", spec_reserve_statuses, REQ));
SHARED_OBJECT(spec_reset, ENUM("type", spec_reset_types, REQ));
SHARED_OBJECT(spec_start_transaction, INTEGER("connectorId", TX), STRING("idTag", 20, REQ), TIME("timestamp", STOP),
	      INTEGER("meterStart", TX), INTEGER("reservationId", SPEC_CONVERT));
SHARED_OBJECT(spec_start_transaction_answer, INTEGER("transactionId", REQ), NESTED("idTagInfo", spec_tag_info, REQ));
SHARED_OBJECT(spec_stop_transaction_answer, NESTED("idTagInfo", spec_tag_info, 0));
SHARED_OBJECT(spec_transfer_answer, ENUM("status", spec_transfer_statuses, REQ), STRING("data", 0, SPEC_CONVERT));
SHARED_OBJECT(spec_unlock_connector, INTEGER("connectorId", REQ));
SHARED_OBJECT(spec_update_firmware, TIME("retrieveDate", REQ), STRING("location", 0, REQ), INTEGER("retries", 0),
	      INTEGER("retryInterval", 0));

/* ---- 1.6 and 2.0.1 --------------------------------------------------------------------------- */

SHARED_OBJECT(spec_certificate_hash, ENUM("hashAlgorithm", spec_hash_algorithms, REQ),
	      STRING("issuerNameHash", 128, REQ), STRING("issuerKeyHash", 128, REQ), STRING("serialNumber", 40, REQ));
SHARED_OBJECT(spec_log_parameters, STRING("remoteLocation", 512, REQ), TIME("oldestTimestamp", 0),
	      TIME("latestTimestamp", 0));
SHARED_OBJECT(spec_security_event, STRING("type", 50, REQ), TIME("timestamp", REQ | SPEC_EXCUSED),
	      STRING("techInfo", 255, 0));
