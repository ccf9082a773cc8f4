/* What the two files of ejects share: ejects.c tells cabinets, eject_reports.c takes what they say of it. */
#ifndef POWERBANK_EJECTS_H
#define POWERBANK_EJECTS_H

#include "powerbank.h"

/* The next eject of a walk over pb_ejects, to be read; eject_take to change it. */
bool eject_next_row(struct gv_turn *t, struct gv_scan *scan, struct eject *ret);
struct eject eject_take(struct gv_turn *t, const struct eject *e);
void eject_step(struct gv_turn *t, struct eject *e, Powerbank__EjectStep step, int64_t due_ms);
/* Told and being asked about; with UNKNOWN: its outcome may still come. */
bool eject_is_under_way(const Powerbank__EjectRow *row);
bool eject_is_told(const Powerbank__EjectRow *row);
bool eject_is_expired(struct powerbank *p, struct gv_turn *t, const Powerbank__EjectRow *row);

void eject_fail(struct powerbank *p, struct gv_turn *t, struct eject *e, const char *why, bool unknown);
void eject_succeed(struct powerbank *p, struct gv_turn *t, struct eject *e, uint32_t slot, const char *bank,
		   const char *flag);
void eject_try(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e, const char *why);
/* An inventory has the bank in its slot still: the slot is told once more, or has failed. */
void eject_again(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e);
void eject_refused(struct powerbank *p, struct gv_turn *t, struct line *l, struct eject *e);

#endif
