/* OCPP 2.0.1, block K (smart charging). */
#include "spec_v201.h"

VALUES(limit_sources, "EMS", "Other", "SO", "CSO");
VALUES(transfer_modes, "DC", "AC_single_phase", "AC_two_phase", "AC_three_phase");
VALUES(get_statuses, "Accepted", "NoProfiles");
VALUES(needs_statuses, "Accepted", "Rejected", "Processing");

OBJECT(clear_criteria, INTEGER("evseId", 0), ENUM("chargingProfilePurpose", v201_purposes, 0),
       INTEGER("stackLevel", 0));
SHARED_OBJECT(v201_clear_profile, INTEGER("chargingProfileId", 0),
	      NESTED("chargingProfileCriteria", clear_criteria, 0));
SHARED_OBJECT(v201_cleared_limit, ENUM("chargingLimitSource", limit_sources, REQ | OPEN), INTEGER("evseId", 0));

OBJECT(profile_criterion, ENUM("chargingProfilePurpose", v201_purposes, 0), INTEGER("stackLevel", 0),
       INTEGER("chargingProfileId", SOME), ENUM("chargingLimitSource", limit_sources, SOME, .most = 4));
SHARED_OBJECT(v201_get_profiles, INTEGER("requestId", REQ), INTEGER("evseId", 0),
	      NESTED("chargingProfile", profile_criterion, REQ));
ANSWER(v201_get_profiles_answer, get_statuses);
SHARED_OBJECT(v201_report_profiles, INTEGER("requestId", REQ), ENUM("chargingLimitSource", limit_sources, REQ | OPEN),
	      NESTED("chargingProfile", v201_charging_profile, TX | SOME), BOOL("tbc", SPEC_CONVERT),
	      INTEGER("evseId", REQ));

OBJECT(composite_schedule, NESTED("chargingSchedulePeriod", v201_schedule_period, TX | SOME), INTEGER("evseId", REQ),
       INTEGER("duration", REQ), TIME("scheduleStart", REQ), ENUM("chargingRateUnit", spec_rate_units, REQ));
SHARED_OBJECT(v201_composite, INTEGER("duration", REQ), ENUM("chargingRateUnit", spec_rate_units, 0),
	      INTEGER("evseId", REQ));
SHARED_OBJECT(v201_composite_answer, ENUM("status", spec_accept, REQ), NESTED("statusInfo", v201_status_info, 0),
	      NESTED("schedule", composite_schedule, 0));

OBJECT(limit, ENUM("chargingLimitSource", limit_sources, REQ | OPEN), BOOL("isGridCritical", SPEC_CONVERT));
SHARED_OBJECT(v201_charging_limit, NESTED("chargingSchedule", v201_schedule, SPEC_CONVERT | SOME), INTEGER("evseId", 0),
	      NESTED("chargingLimit", limit, REQ));

OBJECT(ac_parameters, INTEGER("energyAmount", REQ), INTEGER("evMinCurrent", REQ), INTEGER("evMaxCurrent", REQ),
       INTEGER("evMaxVoltage", REQ));
#define PERCENT SPEC_NATURAL, .max = 100
OBJECT(dc_parameters, INTEGER("evMaxCurrent", REQ), INTEGER("evMaxVoltage", REQ), INTEGER("energyAmount", 0),
       INTEGER("evMaxPower", 0), INTEGER("stateOfCharge", PERCENT), INTEGER("evEnergyCapacity", 0),
       INTEGER("fullSoC", PERCENT), INTEGER("bulkSoC", PERCENT));
OBJECT(needs, NESTED("acChargingParameters", ac_parameters, 0), NESTED("dcChargingParameters", dc_parameters, 0),
       ENUM("requestedEnergyTransfer", transfer_modes, REQ | OPEN), TIME("departureTime", 0));
SHARED_OBJECT(v201_charging_needs, INTEGER("maxScheduleTuples", 0), NESTED("chargingNeeds", needs, REQ),
	      INTEGER("evseId", REQ));
ANSWER(v201_charging_needs_answer, needs_statuses);
SHARED_OBJECT(v201_ev_schedule, TIME("timeBase", REQ), NESTED("chargingSchedule", v201_schedule, REQ),
	      INTEGER("evseId", REQ));

SHARED_OBJECT(v201_set_profile, INTEGER("evseId", REQ), NESTED("chargingProfile", v201_charging_profile, REQ));
