/* What a charger says of itself, whatever the version: its boot, its connectors' states, its notifications. */
#ifndef OCPP_REPORTS_H
#define OCPP_REPORTS_H

#include <plugins/ocpp/ocpp.h>

/* Has this message been told already? Remembers it otherwise. For messages that cause something and have no natural
 * key. */
bool report_told(struct gv_turn *t, struct inbound *in);

/* It has booted. `said`: vendor to meter_serial are filled in, in the turn's memory. */
int report_boot(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Station *said);

struct said_status {
	uint32_t connector;                               /* 0: the charger as a whole */
	const char *status;                               /* 1.6's names, which charging.proto has */
	const char *error_code;                           /* "NoError" where there is none */
	const char *info, *vendor_id, *vendor_error_code; /* "" where there is none */
	struct when when;
};
int report_status(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_status *said);

/* plugs.c: where `connector` is an EVSE that has physical connectors (plugs), whose states make its own. */
struct said_plug {
	uint32_t connector, plug;
	const char *status; /* Available, Occupied, Reserved, Unavailable, Faulted */
	struct when when;
};
int report_plug(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_plug *said);
/* What a transaction makes of its EVSE from then on: Preparing, Charging, SuspendedEV, SuspendedEVSE; Finishing when it
 * has ended. `begins`: what was there before counts no more. */
int report_use(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, const char *use,
	       const struct when *when, bool begins);

/* Which of a station's fields keeps the status of a notification. */
enum status_of { STATUS_OF_FIRMWARE, STATUS_OF_DIAGNOSTICS, STATUS_OF_LOG, STATUS_OF_NOTHING };
struct said_notification {
	enum status_of which;
	bool security;      /* it is a security event, which is kept among them */
	const char *status; /* or the type of a security event */
	const char *detail;
	int64_t request_id, time_ms;
};
int report_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_notification *said);

/* ret_known: whether its vendor is one whose data are taken; they become an event. */
int report_data(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__DataTransferred *said, bool *ret_known);

/* ---- boot.c ---------------------------------------------------------------------------------- */

#define BOOT_TIMER "boot " /* and the device */
/* After a connection: should the charger not say what it is, it is asked. */
int boot_expect(struct gv_turn *t, const struct station *st);
int boot_due(struct ocpp *o, struct gv_turn *t, const char *device);
/* False for a boot that says again what was said just now, and for one too many: it is answered, and no more. */
bool boot_is_news(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Station *said);
/* One that is told. */
void boot_count(struct gv_turn *t, Ocpp__StationRow *row);
/* Of each boot, before it becomes the row's: learns whether the charger takes questions badly. */
void boot_learn(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Station *said);
/* It has answered a call. */
void boot_answered(struct gv_turn *t, const char *device);
/* A call has lost its connection before it was answered. */
void boot_unanswered(struct gv_turn *t, const char *device, const Ocpp__Command *row);

#endif
