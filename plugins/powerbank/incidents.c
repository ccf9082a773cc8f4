/* What people should know: said once, under an id that the same fact always has. Alarms stand until they are over. */
#include "powerbank.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *incident_id(struct gv_turn *t, const char *fmt, ...)
{
	uint64_t h = 14695981039346656037u;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	for (const char *s = text; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return gv_str(t, "%016" PRIx64, h);
}

void incident(struct gv_turn *t, const struct incident *i)
{
	Rental__CabinetIncident event = RENTAL__CABINET_INCIDENT__INIT;
	const char *bank = i->bank ? i->bank : "", *rental = i->rental ? i->rental : "";

	event.device = (char *)i->device;
	event.kind = (char *)i->kind;
	event.text = (char *)i->text;
	event.slot = i->slot;
	event.bank = (char *)bank;
	event.rental = (char *)rental;
	event.at_ms = gv_now_ms(t);
	event.over = i->over;
	event.event_id = incident_id(t, "%s|%s|%u|%s|%s|%" PRIu64 "|%d", i->device, i->kind, i->slot, bank, rental,
				     i->epoch, i->over);
	gv_count(t, "incidents", 1);
	gv_log(t, GV_WARN, "%s device=%s incident=%s slot=%u bank=%s rental=%s%s", i->text, i->device, i->kind, i->slot,
	       bank, rental, i->over ? " over=true" : "");
	gv_emit(t, &event);
}

bool alarm_stands(const Powerbank__CabinetRow *row, const char *kind)
{
	for (size_t i = 0; i < row->n_alarms; i++)
		if (!strcmp(row->alarms[i], kind))
			return true;
	return false;
}

void alarm_set(struct gv_turn *t, const char *device, Powerbank__CabinetRow *row, const char *kind, bool stands,
	       const char *text)
{
	size_t kept = 0;

	if (alarm_stands(row, kind) == stands)
		return;
	if (stands) {
		*GV_APPEND(t, row->alarms, row->n_alarms) = gv_strdup(t, kind);
	} else {
		for (size_t i = 0; i < row->n_alarms; i++)
			if (strcmp(row->alarms[i], kind) != 0)
				row->alarms[kept++] = row->alarms[i];
		row->n_alarms = kept;
	}
	incident(t, &(struct incident){ .device = device,
					.kind = kind,
					.text = text,
					.epoch = (uint64_t)gv_now_ms(t),
					.over = !stands });
}
