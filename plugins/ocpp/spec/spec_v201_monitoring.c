/* OCPP 2.0.1: the monitors of block N, O (display messages), P (data transfer). */
#include "spec_v201.h"

VALUES(clear_statuses, "Accepted", "Rejected", "NotFound");
VALUES(criteria, "ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring");
VALUES(event_triggers, "Alerting", "Delta", "Periodic");
VALUES(event_kinds, "HardWiredNotification", "HardWiredMonitor", "PreconfiguredMonitor", "CustomMonitor");
VALUES(monitor_types, "UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned");
VALUES(bases, "All", "FactoryDefault", "HardWiredOnly");
VALUES(set_statuses, "Accepted", "UnknownComponent", "UnknownVariable", "UnsupportedMonitorType", "Rejected",
       "Duplicate");
VALUES(priorities, "AlwaysFront", "InFront", "NormalCycle");
VALUES(states, "Charging", "Faulted", "Idle", "Unavailable");
VALUES(display_statuses, "Accepted", "NotSupportedMessageFormat", "Rejected", "NotSupportedPriority",
       "NotSupportedState", "UnknownTransaction");

/* ---- N --------------------------------------------------------------------------------------- */

OBJECT(clear_result, ENUM("status", clear_statuses, REQ), INTEGER("id", REQ),
       NESTED("statusInfo", v201_status_info, 0));
SHARED_OBJECT(v201_clear_monitoring, INTEGER("id", REQ | SOME));
SHARED_OBJECT(v201_clear_monitoring_answer, NESTED("clearMonitoringResult", clear_result, TX | SOME));

SHARED_OBJECT(v201_monitoring_report, NESTED("componentVariable", v201_component_variable, SOME),
	      INTEGER("requestId", REQ), ENUM("monitoringCriteria", criteria, SOME, .most = 3));

OBJECT(event_data, INTEGER("eventId", REQ), TIME("timestamp", REQ | SPEC_EXCUSED),
       ENUM("trigger", event_triggers, REQ | OPEN | SPEC_EXCUSED), INTEGER("cause", 0),
       STRING("actualValue", 2500, STOP), STRING("techCode", 50, 0), STRING("techInfo", 500, 0),
       BOOL("cleared", SPEC_CONVERT), STRING("transactionId", 36, SPEC_CONVERT),
       NESTED("component", v201_component, REQ), INTEGER("variableMonitoringId", 0),
       ENUM("eventNotificationType", event_kinds, REQ | OPEN | SPEC_EXCUSED), NESTED("variable", v201_variable, REQ));
SHARED_OBJECT(v201_notify_event, TIME("generatedAt", REQ | SPEC_EXCUSED), BOOL("tbc", SPEC_CONVERT),
	      INTEGER("seqNo", REQ | SPEC_EXCUSED), NESTED("eventData", event_data, STOP | SOME));

OBJECT(monitor, INTEGER("id", REQ), BOOL("transaction", STOP), NUMBER("value", TX),
       ENUM("type", monitor_types, REQ | OPEN), INTEGER("severity", STOP));
OBJECT(monitoring_data, NESTED("component", v201_component, REQ), NESTED("variable", v201_variable, REQ),
       NESTED("variableMonitoring", monitor, TX | SOME));
SHARED_OBJECT(v201_notify_monitoring, NESTED("monitor", monitoring_data, SPEC_CONVERT | SOME),
	      INTEGER("requestId", REQ), BOOL("tbc", SPEC_CONVERT), INTEGER("seqNo", REQ | SPEC_EXCUSED),
	      TIME("generatedAt", REQ | SPEC_EXCUSED));

SHARED_OBJECT(v201_monitoring_base, ENUM("monitoringBase", bases, REQ));
SHARED_OBJECT(v201_monitoring_level, INTEGER("severity", REQ));

OBJECT(set_data, INTEGER("id", 0), BOOL("transaction", 0), NUMBER("value", REQ), ENUM("type", monitor_types, REQ),
       INTEGER("severity", REQ), NESTED("component", v201_component, REQ), NESTED("variable", v201_variable, REQ));
OBJECT(set_result, INTEGER("id", 0), NESTED("statusInfo", v201_status_info, 0), ENUM("status", set_statuses, REQ),
       ENUM("type", monitor_types, REQ), NESTED("component", v201_component, REQ),
       NESTED("variable", v201_variable, REQ), INTEGER("severity", REQ));
SHARED_OBJECT(v201_set_monitoring, NESTED("setMonitoringData", set_data, REQ | SOME));
SHARED_OBJECT(v201_set_monitoring_answer, NESTED("setMonitoringResult", set_result, TX | SOME));

/* ---- O --------------------------------------------------------------------------------------- */

OBJECT(message_info, NESTED("display", v201_component, 0), INTEGER("id", REQ), ENUM("priority", priorities, REQ | OPEN),
       ENUM("state", states, OPEN), TIME("startDateTime", 0), TIME("endDateTime", 0), STRING("transactionId", 36, 0),
       NESTED("message", v201_message, REQ));
SHARED_OBJECT(v201_clear_display, INTEGER("id", REQ));
SHARED_OBJECT(v201_get_displays, INTEGER("id", SOME), INTEGER("requestId", REQ), ENUM("priority", priorities, 0),
	      ENUM("state", states, 0));
SHARED_OBJECT(v201_notify_displays, NESTED("messageInfo", message_info, SPEC_CONVERT | SOME), INTEGER("requestId", REQ),
	      BOOL("tbc", SPEC_CONVERT));
SHARED_OBJECT(v201_set_display, NESTED("message", message_info, REQ));
ANSWER(v201_set_display_answer, display_statuses);

/* ---- P --------------------------------------------------------------------------------------- */

SHARED_OBJECT(v201_data_transfer, STRING("messageId", 50, 0), ANY("data", 0), STRING("vendorId", 255, REQ));
SHARED_OBJECT(v201_data_transfer_answer, ENUM("status", spec_transfer_statuses, REQ),
	      NESTED("statusInfo", v201_status_info, 0), ANY("data", 0));
