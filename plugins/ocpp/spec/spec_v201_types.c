/* OCPP 2.0.1: the types of which messages of several blocks are made. */
#include "spec_v201.h"

/* ---- values ---------------------------------------------------------------------------------- */

SHARED_VALUES(v201_attributes, "Actual", "Target", "MinSet", "MaxSet");
SHARED_VALUES(v201_purposes, "ChargingStationExternalConstraints", "ChargingStationMaxProfile", "TxDefaultProfile",
	      "TxProfile");
VALUES(authorization_statuses, "Accepted", "Blocked", "ConcurrentTx", "Expired", "Invalid", "NoCredit",
       "NotAllowedTypeEVSE", "NotAtThisLocation", "NotAtThisTime", "Unknown");
VALUES(token_types, "Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization");
VALUES(message_formats, "ASCII", "HTML", "URI", "UTF8");
VALUES(measurands, "Current.Export", "Current.Import", "Current.Offered", "Energy.Active.Export.Register",
       "Energy.Active.Import.Register", "Energy.Reactive.Export.Register", "Energy.Reactive.Import.Register",
       "Energy.Active.Export.Interval", "Energy.Active.Import.Interval", "Energy.Active.Net",
       "Energy.Reactive.Export.Interval", "Energy.Reactive.Import.Interval", "Energy.Reactive.Net",
       "Energy.Apparent.Net", "Energy.Apparent.Import", "Energy.Apparent.Export", "Frequency", "Power.Active.Export",
       "Power.Active.Import", "Power.Factor", "Power.Offered", "Power.Reactive.Export", "Power.Reactive.Import", "SoC",
       "Voltage");
VALUES(cost_kinds, "CarbonDioxideEmission", "RelativePricePercentage", "RenewableGenerationPercentage");
VALUES(report_statuses, "Accepted", "Rejected", "NotSupported", "EmptyResultSet");

/* ---- objects --------------------------------------------------------------------------------- */

static const struct spec_field custom_data_fields[] = { STRING("vendorId", 255, REQ) };
static const struct spec_object custom_data = { custom_data_fields, 1, true };
const struct spec_field v201_custom_data = NESTED("customData", custom_data, 0);

SHARED_OBJECT(v201_status_info, STRING("reasonCode", 20, REQ), STRING("additionalInfo", 512, 0));
SHARED_OBJECT(v201_evse, INTEGER("id", REQ), INTEGER("connectorId", 0));
SHARED_OBJECT(v201_component, NESTED("evse", v201_evse, 0), STRING("name", 50, REQ), STRING("instance", 50, 0));
SHARED_OBJECT(v201_variable, STRING("name", 50, REQ), STRING("instance", 50, 0));
SHARED_OBJECT(v201_component_variable, NESTED("component", v201_component, REQ), NESTED("variable", v201_variable, 0));
SHARED_OBJECT(v201_message, ENUM("format", message_formats, REQ | OPEN), STRING("language", 8, 0),
	      STRING("content", 512, REQ));

OBJECT(additional_info, STRING("additionalIdToken", 36, REQ), STRING("type", 50, REQ));
SHARED_OBJECT(v201_id_token, NESTED("additionalInfo", additional_info, SOME), STRING("idToken", 36, REQ | SPEC_CONVERT),
	      ENUM("type", token_types, REQ | OPEN | SPEC_EXCUSED));
SHARED_OBJECT(v201_id_token_info, ENUM("status", authorization_statuses, REQ), TIME("cacheExpiryDateTime", 0),
	      INTEGER("chargingPriority", 0), STRING("language1", 8, 0), INTEGER("evseId", SOME),
	      NESTED("groupIdToken", v201_id_token, 0), STRING("language2", 8, 0),
	      NESTED("personalMessage", v201_message, 0));
SHARED_OBJECT(v201_ocsp_request, ENUM("hashAlgorithm", spec_hash_algorithms, REQ), STRING("issuerNameHash", 128, REQ),
	      STRING("issuerKeyHash", 128, REQ), STRING("serialNumber", 40, REQ), STRING("responderURL", 512, REQ));

OBJECT(signed_value, STRING("signedMeterData", 2500, REQ), STRING("signingMethod", 50, REQ | SPEC_EXCUSED),
       STRING("encodingMethod", 50, REQ | SPEC_EXCUSED), STRING("publicKey", 2500, REQ | SPEC_EXCUSED));
OBJECT(unit_of_measure, STRING("unit", 20, SPEC_CONVERT), INTEGER("multiplier", SPEC_CONVERT));
OBJECT(sampled_value, NUMBER("value", STOP), ENUM("context", spec_contexts, SPEC_CONVERT | OPEN),
       ENUM("measurand", measurands, SPEC_CONVERT | OPEN), ENUM("phase", spec_phases + 1, SPEC_CONVERT | OPEN),
       ENUM("location", spec_locations, SPEC_CONVERT | OPEN), NESTED("signedMeterValue", signed_value, 0),
       NESTED("unitOfMeasure", unit_of_measure, 0));
SHARED_OBJECT(v201_meter_value, NESTED("sampledValue", sampled_value, STOP | SOME), TIME("timestamp", STOP));

OBJECT(relative_interval, INTEGER("start", REQ), INTEGER("duration", 0));
OBJECT(cost, ENUM("costKind", cost_kinds, REQ | OPEN), INTEGER("amount", REQ), INTEGER("amountMultiplier", 0));
OBJECT(consumption_cost, NUMBER("startValue", REQ), NESTED("cost", cost, REQ | SOME, .most = 3));
OBJECT(tariff_entry, NESTED("relativeTimeInterval", relative_interval, REQ), INTEGER("ePriceLevel", SPEC_NATURAL),
       NESTED("consumptionCost", consumption_cost, SOME, .most = 3));
OBJECT(sales_tariff, INTEGER("id", REQ), STRING("salesTariffDescription", 32, 0), INTEGER("numEPriceLevels", 0),
       NESTED("salesTariffEntry", tariff_entry, REQ | SOME, .most = 1024));
SHARED_OBJECT(v201_schedule_period, INTEGER("startPeriod", REQ), NUMBER("limit", REQ), INTEGER("numberPhases", 0),
	      INTEGER("phaseToUse", 0));
SHARED_OBJECT(v201_schedule, INTEGER("id", REQ), TIME("startSchedule", 0), INTEGER("duration", 0),
	      ENUM("chargingRateUnit", spec_rate_units, REQ),
	      NESTED("chargingSchedulePeriod", v201_schedule_period, REQ | SOME, .most = 1024),
	      NUMBER("minChargingRate", 0), NESTED("salesTariff", sales_tariff, 0));
SHARED_OBJECT(v201_charging_profile, INTEGER("id", REQ), INTEGER("stackLevel", REQ),
	      ENUM("chargingProfilePurpose", v201_purposes, REQ | OPEN),
	      ENUM("chargingProfileKind", spec_profile_kinds, REQ | OPEN),
	      ENUM("recurrencyKind", spec_recurrencies, OPEN), TIME("validFrom", 0), TIME("validTo", 0),
	      NESTED("chargingSchedule", v201_schedule, REQ | SPEC_CONVERT | SOME, .most = 3),
	      STRING("transactionId", 36, 0));

/* ---- answers --------------------------------------------------------------------------------- */

ANSWER(v201_accept_answer, spec_accept);
ANSWER(v201_schedule_answer, spec_accept_or_schedule);
ANSWER(v201_report_answer, report_statuses);
ANSWER(v201_known_answer, spec_known);
