/* OCPP 2.0.1, block L (firmware), and the logs and customers' data of block N. */
#include "spec_v201.h"

VALUES(publish_statuses, "Idle", "DownloadScheduled", "Downloading", "Downloaded", "Published", "DownloadFailed",
       "DownloadPaused", "InvalidChecksum", "ChecksumVerified", "PublishFailed");
VALUES(unpublish_statuses, "DownloadOngoing", "NoFirmware", "Unpublished");
VALUES(log_statuses, "BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied", "Uploaded", "UploadFailure",
       "Uploading", "AcceptedCanceled");
VALUES(customer_statuses, "Accepted", "Rejected", "Invalid");

SHARED_OBJECT(v201_firmware_status, ENUM("status", spec_firmware_statuses, REQ | OPEN), INTEGER("requestId", 0));
SHARED_OBJECT(v201_publish_firmware, STRING("location", 512, REQ), INTEGER("retries", 0), STRING("checksum", 32, REQ),
	      INTEGER("requestId", REQ), INTEGER("retryInterval", 0));
SHARED_OBJECT(v201_publish_status, ENUM("status", publish_statuses, REQ | OPEN), STRING("location", 512, SOME),
	      INTEGER("requestId", 0));
SHARED_OBJECT(v201_unpublish_firmware, STRING("checksum", 32, REQ));
SHARED_OBJECT(v201_unpublish_firmware_answer, ENUM("status", unpublish_statuses, REQ));
OBJECT(firmware, STRING("location", 512, REQ), TIME("retrieveDateTime", REQ), TIME("installDateTime", 0),
       STRING("signingCertificate", 5500, 0), STRING("signature", 800, 0));
SHARED_OBJECT(v201_update_firmware, INTEGER("retries", 0), INTEGER("retryInterval", 0), INTEGER("requestId", REQ),
	      NESTED("firmware", firmware, REQ));
ANSWER(v201_update_firmware_answer, spec_update_firmware_statuses);

SHARED_OBJECT(v201_get_log, NESTED("log", spec_log_parameters, REQ), ENUM("logType", spec_log_types, REQ),
	      INTEGER("requestId", REQ), INTEGER("retries", 0), INTEGER("retryInterval", 0));
SHARED_OBJECT(v201_get_log_answer, ENUM("status", spec_accept_or_cancel, REQ),
	      NESTED("statusInfo", v201_status_info, 0), STRING("filename", 255, 0));
SHARED_OBJECT(v201_log_status, ENUM("status", log_statuses, REQ | OPEN), INTEGER("requestId", 0));

SHARED_OBJECT(v201_customer, NESTED("customerCertificate", spec_certificate_hash, 0),
	      NESTED("idToken", v201_id_token, 0), INTEGER("requestId", REQ), BOOL("report", REQ), BOOL("clear", REQ),
	      STRING("customerIdentifier", 64, 0));
ANSWER(v201_customer_answer, customer_statuses);
SHARED_OBJECT(v201_notify_customer, STRING("data", 512, REQ), BOOL("tbc", SPEC_CONVERT),
	      INTEGER("seqNo", REQ | SPEC_EXCUSED), TIME("generatedAt", REQ | SPEC_EXCUSED), INTEGER("requestId", REQ));
