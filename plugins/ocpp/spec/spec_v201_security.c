/* OCPP 2.0.1, blocks A (security) and M (certificates). */
#include "spec_v201.h"

VALUES(signing_uses, "ChargingStationCertificate", "V2GCertificate");
VALUES(stored_uses, "V2GRootCertificate", "MORootCertificate", "CSMSRootCertificate", "V2GCertificateChain",
       "ManufacturerRootCertificate");
VALUES(install_uses, "V2GRootCertificate", "MORootCertificate", "CSMSRootCertificate", "ManufacturerRootCertificate");
VALUES(ev_actions, "Install", "Update");

SHARED_OBJECT(v201_certificate_signed, STRING("certificateChain", 10000, REQ),
	      ENUM("certificateType", signing_uses, 0));
SHARED_OBJECT(v201_sign_certificate, STRING("csr", 5500, REQ), ENUM("certificateType", signing_uses, 0));

SHARED_OBJECT(v201_delete_certificate, NESTED("certificateHashData", spec_certificate_hash, REQ));
ANSWER(v201_delete_certificate_answer, spec_delete_statuses);

SHARED_OBJECT(v201_ev_certificate, STRING("iso15118SchemaVersion", 50, REQ), ENUM("action", ev_actions, REQ),
	      STRING("exiRequest", 5600, REQ));
SHARED_OBJECT(v201_ev_certificate_answer, ENUM("status", spec_accept_or_fail, REQ),
	      NESTED("statusInfo", v201_status_info, 0), STRING("exiResponse", 7500, REQ));

SHARED_OBJECT(v201_certificate_status, NESTED("ocspRequestData", v201_ocsp_request, REQ));
SHARED_OBJECT(v201_certificate_status_answer, ENUM("status", spec_accept_or_fail, REQ),
	      NESTED("statusInfo", v201_status_info, 0), STRING("ocspResult", 5500, 0));

OBJECT(hash_chain, NESTED("certificateHashData", spec_certificate_hash, REQ), ENUM("certificateType", stored_uses, REQ),
       NESTED("childCertificateHashData", spec_certificate_hash, SPEC_CONVERT | SOME, .most = 4));
SHARED_OBJECT(v201_certificate_ids, ENUM("certificateType", stored_uses, SOME));
SHARED_OBJECT(v201_certificate_ids_answer, ENUM("status", spec_found, REQ), NESTED("statusInfo", v201_status_info, 0),
	      NESTED("certificateHashDataChain", hash_chain, SPEC_CONVERT | SOME));

SHARED_OBJECT(v201_install_certificate, ENUM("certificateType", install_uses, REQ), STRING("certificate", 5500, REQ));
ANSWER(v201_install_certificate_answer, spec_install_statuses);
