/* Reports that come in several messages, in any order, each maybe twice: which of them have come. */
#ifndef OCPP_REPORT_PARTS_H
#define OCPP_REPORT_PARTS_H

#include <plugins/ocpp/ocpp.h>

extern const struct gv_table ocpp_reports;      /* device, kind, request id -> ReportRow */
extern const struct gv_table ocpp_report_parts; /* device, kind, request id, number -> ReportPart */

#define REPORT_TIMER "report " /* and its key */
#define REPORT_PARTS_MAX 4096  /* messages of one */
#define REPORT_TEXT_MAX 131072 /* bytes of a customer's data that are kept */

struct report_key {
	const char *device;
	Ocpp__ReportRow__Kind kind;
	int64_t id; /* its request's */
};

/* One message of it. */
struct report_part {
	int64_t number;        /* -1: the charger does not number them */
	bool more;             /* others follow */
	const uint64_t *items; /* digests of what it names */
	size_t n_items;
	const char *text; /* a customer's data; else "" */
};

/* A request id that is this charger's only one, and that every charger can hold. */
int64_t report_id(struct gv_turn *t, const char *device, Ocpp__ReportRow__Kind kind);
/* A report is asked for. -ENOSPC where too many are awaited of this charger. */
int report_expect(struct gv_turn *t, const struct report_key *key, Ocpp__ReportRow *row);
/* NULL: it is not awaited. */
const Ocpp__ReportRow *report_find(struct gv_turn *t, const struct report_key *key);
/* A message of it has come, and what it says is kept. Concludes the report where that is the last. */
int report_part(struct gv_turn *t, const struct report_key *key, const struct report_part *part);
/* It will not come: its ticket is answered elsewhere. */
int report_drop(struct gv_turn *t, const struct report_key *key);
/* There is nothing to be reported, and the charger said so in place of it. */
int report_nothing(struct gv_turn *t, const struct report_key *key);
/* Its device was deleted: whoever waits is told what there is. */
int reports_forget(struct gv_turn *t, const char *device);
int report_due(struct gv_turn *t, const char *name);
struct gv_ticket report_ticket(const Ocpp__ReportRow *row);

/* What a whole report names, sorted, in the turn's memory. */
struct report_items {
	uint64_t *digests;
	size_t n;
};
struct report_items report_items(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row);
bool report_names(const struct report_items *items, uint64_t digest);
/* The texts of the parts in their order, as far as they have come without a gap. */
const char *report_text(struct gv_turn *t, const struct report_key *key);

#endif
