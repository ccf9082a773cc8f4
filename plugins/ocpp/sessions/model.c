/* From rows to the words that all of galvan shares, so that no other plugin needs to know OCPP. */
#include <plugins/ocpp/ocpp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SESSION_ID_MAX 256 /* bytes */

static const char *const flag_names[SESSION_FLAGS] = {
	[FLAG_METER_BACKWARDS] = "meter-backwards",
	[FLAG_STOP_WITHOUT_ID] = "stop-without-id",
	[FLAG_NO_STOP] = "no-stop",
	[FLAG_LATE_STOP] = "late-stop",
	[FLAG_CLOCK_UNSET] = "clock-unset",
	[FLAG_NO_ZONE] = "no-zone",
	[FLAG_STOP_BEFORE_START] = "stop-before-start",
	[FLAG_NO_METER_STOP] = "no-meter-stop",
	[FLAG_SAMPLES_AFTER_STOP] = "samples-after-stop",
	[FLAG_CLOSED_BY_OPERATOR] = "closed-by-operator",
	[FLAG_METER_WITHOUT_ID] = "meter-without-id",
	[FLAG_TOKEN_CUT] = "token-cut",
	[FLAG_RESERVED_FOR_ANOTHER] = "reserved-for-another",
	[FLAG_INCOMPLETE] = "incomplete",
	[FLAG_LATE_EVENTS] = "late-events",
	[FLAG_OFFLINE] = "offline",
	[FLAG_DEVICE_DELETED] = "device-deleted",
	[FLAG_METER_RESET] = "meter-reset",
	[FLAG_METER_FOREIGN_ID] = "meter-foreign-id",
};

const char *model_session_id(struct gv_turn *t, const char *device, int32_t id)
{
	/* By hand: with each MeterValues comes one. */
	char digits[12], *at = digits + sizeof digits - 1;
	size_t size = strlen(device), rest;
	char *text;

	*at = '\0';
	do {
		*--at = (char)('0' + id % 10);
		id /= 10;
	} while (id > 0);
	rest = (size_t)(digits + sizeof digits - at);
	text = gv_alloc(t, size + 1 + rest);
	memcpy(text, device, size);
	text[size] = '/';
	memcpy(text + size + 1, at, rest);
	return text;
}

/* Splits DEVICE/NUMBER. */
static bool read_session_id(struct gv_turn *t, const char *session_id, const char **ret_device, int32_t *ret_id)
{
	const char *slash = strrchr(session_id, '/');
	char *end, *device;
	long id;

	if (!slash || slash == session_id || slash[1] < '1' || slash[1] > '9')
		return false;
	errno = 0;
	id = strtol(slash + 1, &end, 10);
	if (errno || *end || id > INT32_MAX)
		return false;
	device = gv_strdup(t, session_id);
	device[slash - session_id] = '\0';
	*ret_device = device;
	*ret_id = (int32_t)id;
	return true;
}

static Ocpp__Transaction *find(struct gv_turn *t, const char *session_id, const char **ret_device, bool *ret_active)
{
	Ocpp__Transaction *x;
	int32_t id;

	if (strlen(session_id) > SESSION_ID_MAX || !read_session_id(t, session_id, ret_device, &id))
		return NULL;
	x = transaction_active(t, *ret_device, id);
	*ret_active = x != NULL;
	return x ? x : transaction_ended(t, *ret_device, id);
}

const Ocpp__Transaction *model_session_find(struct gv_turn *t, const char *session_id, const char **ret_device)
{
	bool active;

	return find(t, session_id, ret_device, &active);
}

Ocpp__Transaction *model_find(struct gv_turn *t, struct gv_ticket ticket, const char *session_id,
			      const char **ret_device, bool *ret_active)
{
	Ocpp__Transaction *x = find(t, session_id, ret_device, ret_active);

	if (!x)
		gv_refuse(t, ticket, GV_NOT_FOUND,
			  "there is no session \"%.160s\": ListSessions shows those of a device", session_id);
	return x;
}

Charging__Session *model_session(struct gv_turn *t, const char *device, const Ocpp__Transaction *x, bool active)
{
	Charging__Session *s = gv_alloc(t, sizeof *s);

	charging__session__init(s);
	s->id = (char *)model_session_id(t, device, x->id);
	s->device = gv_strdup(t, device);
	s->connector = x->connector;
	s->token = x->token;
	s->state = active ? CHARGING__SESSION_STATE__ACTIVE : CHARGING__SESSION_STATE__ENDED;
	s->started_at_ms = x->started_at_ms;
	s->ended_at_ms = x->ended_at_ms;
	s->meter_start_wh = x->meter_start_wh;
	s->meter_stop_wh = x->meter_stop_wh;
	s->energy_wh = x->energy_wh;
	s->reason = x->reason;
	s->request_id = x->request_id;
	s->token_status = x->token_status;
	s->transaction_id = x->name[0] ? x->name : gv_str(t, "%d", x->id);
	s->token_type = x->token_type;
	s->phases = x->phases;
	s->cable_ma = (int64_t)x->cable_a * 1000;
	s->unit = x->unit;
	s->unit_connector = x->unit_connector;
	s->needs = x->needs;
	s->plan = x->plan;
	for (unsigned i = 0; i < SESSION_FLAGS; i++)
		if (x->flags & FLAG(i))
			*GV_APPEND(t, s->flags, s->n_flags) = (char *)flag_names[i];
	return s;
}

/* A known name, or the charger's own text. Without either it is what the specification takes for granted, and told as
 * "". */
static char *name_or(const char *const *names, unsigned index, unsigned other, const char *text)
{
	return (char *)(index == other ? text : index == 0 ? "" : names[index]);
}

void model_sample(Charging__Sample *ret, int64_t row_ms, const Ocpp__Reading *r)
{
	const Ocpp__Texts *x = r->texts;
	bool energy = r->measurand <= OCPP__MEASURAND__ENERGY_REACTIVE_EXPORT_INTERVAL;

	charging__sample__init(ret);
	ret->time_ms = row_ms + r->offset_ms;
	ret->value = r->value;
	ret->measurand = r->measurand == OCPP__MEASURAND__MEASURAND_OTHER ? x ? x->measurand : ""
									  : (char *)spec_measurands[r->measurand];
	ret->unit = name_or(spec_units, r->unit, OCPP__UNIT__UNIT_OTHER, x ? x->unit : "");
	if (r->unit == OCPP__UNIT__UNIT_DEFAULT && energy)
		ret->unit = "Wh";
	ret->phase = name_or(spec_phases, r->phase, OCPP__PHASE__PHASE_OTHER, x ? x->phase : "");
	ret->context = name_or(spec_contexts, r->context, OCPP__CONTEXT__CONTEXT_OTHER, x ? x->context : "");
	ret->location = name_or(spec_locations, r->location, OCPP__LOCATION__LOCATION_OTHER, x ? x->location : "");
	if (x)
		ret->text = x->value;
}

Charging__ConnectorStatus *model_connector(struct gv_turn *t, const char *device, uint32_t connector,
					   const Ocpp__ConnectorRow *row, bool online)
{
	Charging__ConnectorStatus *s = gv_alloc(t, sizeof *s);

	charging__connector_status__init(s);
	s->device = gv_strdup(t, device);
	s->connector = connector;
	s->status = row->status;
	s->error_code = row->error_code;
	s->info = row->info;
	s->since_ms = row->since_ms;
	s->online = online;
	s->plugged = row->plugged;
	s->unit = row->unit;
	s->unit_connector = row->unit_connector;
	for (size_t i = 0; i < row->n_plugs; i++) {
		Charging__Plug *plug = gv_alloc(t, sizeof *plug);

		charging__plug__init(plug);
		plug->id = row->plugs[i]->id;
		plug->status = row->plugs[i]->status;
		*GV_APPEND(t, s->plugs, s->n_plugs) = plug;
	}
	return s;
}

const char *model_fold(struct gv_turn *t, const char *tag)
{
	size_t size = strnlen(tag, OCPP_TAG_MAX);
	char *fold = gv_alloc(t, size + 1);

	for (size_t i = 0; i < size; i++)
		fold[i] = (char)(tag[i] >= 'A' && tag[i] <= 'Z' ? tag[i] + ('a' - 'A') : tag[i]);
	return fold;
}
