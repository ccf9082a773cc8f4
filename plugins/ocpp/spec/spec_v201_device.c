/* OCPP 2.0.1, block B (provisioning): booting, the device model, network profiles. */
#include "spec_v201.h"

VALUES(boot_reasons, "ApplicationReset", "FirmwareUpdate", "LocalReset", "PowerUp", "RemoteReset", "ScheduledReset",
       "Triggered", "Unknown", "Watchdog");
VALUES(report_bases, "ConfigurationInventory", "FullInventory", "SummaryInventory");
VALUES(criteria, "Active", "Available", "Enabled", "Problem");
VALUES(get_statuses, "Accepted", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType");
VALUES(set_statuses, "Accepted", "Rejected", "UnknownComponent", "UnknownVariable", "NotSupportedAttributeType",
       "RebootRequired");
VALUES(mutabilities, "ReadOnly", "WriteOnly", "ReadWrite");
VALUES(data_types, "string", "decimal", "integer", "dateTime", "boolean", "OptionList", "SequenceList", "MemberList");
VALUES(reset_types, "Immediate", "OnIdle");
VALUES(apn_methods, "CHAP", "NONE", "PAP", "AUTO");
VALUES(vpn_types, "IKEv2", "IPSec", "L2TP", "PPTP");
VALUES(ocpp_versions, "OCPP12", "OCPP15", "OCPP16", "OCPP20");
VALUES(ocpp_transports, "JSON", "SOAP");
VALUES(ocpp_interfaces, "Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3");

OBJECT(modem, STRING("iccid", 20, 0), STRING("imsi", 20, 0));
OBJECT(station, STRING("serialNumber", 25, 0), STRING("model", 20, REQ), NESTED("modem", modem, 0),
       STRING("vendorName", 50, REQ), STRING("firmwareVersion", 50, 0));
SHARED_OBJECT(v201_boot_notification, NESTED("chargingStation", station, REQ),
	      ENUM("reason", boot_reasons, REQ | OPEN | SPEC_EXCUSED));
SHARED_OBJECT(v201_boot_notification_answer, TIME("currentTime", REQ), INTEGER("interval", REQ),
	      ENUM("status", spec_registrations, REQ), NESTED("statusInfo", v201_status_info, 0));

SHARED_OBJECT(v201_base_report, INTEGER("requestId", REQ), ENUM("reportBase", report_bases, REQ));
SHARED_OBJECT(v201_get_report, NESTED("componentVariable", v201_component_variable, SOME), INTEGER("requestId", REQ),
	      ENUM("componentCriteria", criteria, SOME, .most = 4));

OBJECT(variable_attribute, ENUM("type", v201_attributes, OPEN), STRING("value", 2500, SPEC_CONVERT),
       ENUM("mutability", mutabilities, OPEN), BOOL("persistent", SPEC_CONVERT), BOOL("constant", SPEC_CONVERT));
OBJECT(characteristics, STRING("unit", 16, 0), ENUM("dataType", data_types, REQ | OPEN | SPEC_EXCUSED),
       NUMBER("minLimit", SPEC_CONVERT), NUMBER("maxLimit", SPEC_CONVERT), STRING("valuesList", 1000, 0),
       BOOL("supportsMonitoring", STOP));
OBJECT(report_data, NESTED("component", v201_component, REQ), NESTED("variable", v201_variable, REQ),
       NESTED("variableAttribute", variable_attribute, STOP | SOME, .most = 4),
       NESTED("variableCharacteristics", characteristics, 0));
SHARED_OBJECT(v201_notify_report, INTEGER("requestId", REQ), TIME("generatedAt", REQ | SPEC_EXCUSED),
	      NESTED("reportData", report_data, SPEC_CONVERT | SOME), BOOL("tbc", SPEC_CONVERT),
	      INTEGER("seqNo", REQ | SPEC_EXCUSED));

OBJECT(get_data, ENUM("attributeType", v201_attributes, 0), NESTED("component", v201_component, REQ),
       NESTED("variable", v201_variable, REQ));
OBJECT(get_result, NESTED("attributeStatusInfo", v201_status_info, 0), ENUM("attributeStatus", get_statuses, REQ),
       ENUM("attributeType", v201_attributes, 0), STRING("attributeValue", 2500, SPEC_CONVERT),
       NESTED("component", v201_component, REQ), NESTED("variable", v201_variable, REQ));
SHARED_OBJECT(v201_get_variables, NESTED("getVariableData", get_data, REQ | SOME));
SHARED_OBJECT(v201_get_variables_answer, NESTED("getVariableResult", get_result, TX | SOME));

OBJECT(set_data, ENUM("attributeType", v201_attributes, 0), STRING("attributeValue", 1000, REQ),
       NESTED("component", v201_component, REQ), NESTED("variable", v201_variable, REQ));
OBJECT(set_result, ENUM("attributeType", v201_attributes, 0), ENUM("attributeStatus", set_statuses, REQ),
       NESTED("attributeStatusInfo", v201_status_info, 0), NESTED("component", v201_component, REQ),
       NESTED("variable", v201_variable, REQ));
SHARED_OBJECT(v201_set_variables, NESTED("setVariableData", set_data, REQ | SOME));
SHARED_OBJECT(v201_set_variables_answer, NESTED("setVariableResult", set_result, TX | SOME));

SHARED_OBJECT(v201_reset, ENUM("type", reset_types, REQ), INTEGER("evseId", 0));

OBJECT(apn, STRING("apn", 512, REQ), STRING("apnUserName", 20, 0), STRING("apnPassword", 20, 0), INTEGER("simPin", 0),
       STRING("preferredNetwork", 6, 0), BOOL("useOnlyPreferredNetwork", 0),
       ENUM("apnAuthentication", apn_methods, REQ));
OBJECT(vpn, STRING("server", 512, REQ), STRING("user", 20, REQ), STRING("group", 20, 0), STRING("password", 20, REQ),
       STRING("key", 255, REQ), ENUM("type", vpn_types, REQ));
OBJECT(connection_data, NESTED("apn", apn, 0), ENUM("ocppVersion", ocpp_versions, REQ),
       ENUM("ocppTransport", ocpp_transports, REQ), STRING("ocppCsmsUrl", 512, REQ), INTEGER("messageTimeout", REQ),
       INTEGER("securityProfile", REQ), ENUM("ocppInterface", ocpp_interfaces, REQ), NESTED("vpn", vpn, 0));
SHARED_OBJECT(v201_network_profile, INTEGER("configurationSlot", REQ), NESTED("connectionData", connection_data, REQ));
ANSWER(v201_network_profile_answer, spec_install_statuses);
