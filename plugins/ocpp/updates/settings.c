/* Configuration files: keys and values that a charger gets as a whole or not at all. They are read first, so that what
 * was there can be put back; then set one by one, each read back; where one needs a restart, the charger is restarted
 * and asked again. How far that is stands in a row, and each call is a durable one to this plugin's own services, which
 * know how a charger of each version is asked.
 *
 *     READING -> SETTING -> (RESTARTING -> CHECKING) -> done
 *                   `---------------------'-> REVERTING -> done
 */
#include "updates.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define AGAIN_MS 30000 /* a charger that cannot be reached is tried again */
#define TRIES_MAX 40   /* so often: 20 min, and it is given up */
#define CALL_MS 180000 /* for an answer that comes in pieces */

const struct gv_table ocpp_settings = { .name = "settings", .key = "s", .value = &ocpp__settings_row__descriptor };

static Ocpp__SettingsRow *edit(struct gv_turn *t, const char *device)
{
	return gv_edit(t, &ocpp_settings, gv_key(device));
}

static int arm(struct gv_turn *t, const char *device, int64_t in_ms)
{
	return gv_timer(t, gv_str(t, UPDATES_TIMER "%s", device), gv_now_ms(t) + in_ms, NULL);
}

static int tell(struct gv_turn *t, const char *device, const Ocpp__SettingsRow *row, Update__Step step,
		const char *detail)
{
	return order_progress(t, device, &(struct order_step){ .number = row->number, .step = step, .detail = detail });
}

static int finish(struct gv_turn *t, const char *device, const Ocpp__SettingsRow *row, Update__Step step,
		  const char *detail)
{
	gv_timer_cancel(t, gv_str(t, UPDATES_TIMER "%s", device));
	tell(t, device, row, step, detail);
	return gv_delete(t, &ocpp_settings, gv_key(device));
}

/* ---- what is asked --------------------------------------------------------------------------- */

static int call(struct gv_turn *t, const char *device, const Ocpp__SettingsRow *row, const char *method,
		const void *request)
{
	Ocpp__SettingsAsked note = OCPP__SETTINGS_ASKED__INIT;
	int error;

	note.device = (char *)device;
	note.number = row->number;
	note.step = row->step;
	error = gv_call(
		t, &(struct gv_call){ .method = method, .request = request, .timeout_ms = CALL_MS, .note = &note });
	return error ? arm(t, device, AGAIN_MS) : 0;
}

static int read_all(struct gv_turn *t, const char *device, const Ocpp__SettingsRow *row)
{
	Charging__GetConfigurationRequest q = CHARGING__GET_CONFIGURATION_REQUEST__INIT;

	q.device = (char *)device;
	for (size_t i = 0; i < row->n_wanted; i++)
		*GV_APPEND(t, q.keys, q.n_keys) = row->wanted[i]->key;
	return call(t, device, row, "galvan.charging.v1.Charging/GetConfiguration", &q);
}

static int set_one(struct gv_turn *t, const char *device, const Ocpp__SettingsRow *row, const Ocpp__Setting *s)
{
	Charging__SetConfigurationRequest q = CHARGING__SET_CONFIGURATION_REQUEST__INIT;

	q.device = (char *)device;
	q.key = s->key;
	q.value = s->value;
	return call(t, device, row, "galvan.charging.v1.Charging/SetConfiguration", &q);
}

static int restart(struct gv_turn *t, const char *device, const Ocpp__SettingsRow *row)
{
	Charging__ResetRequest q = CHARGING__RESET_REQUEST__INIT;

	q.device = (char *)device;
	return call(t, device, row, "galvan.charging.v1.Charging/Reset", &q);
}

/* Goes on with the phase that the row is in. */
static int go_on(struct gv_turn *t, const char *device, Ocpp__SettingsRow *row)
{
	row->step++;
	switch (row->phase) {
	case OCPP__SETTINGS_ROW__PHASE__READING:
	case OCPP__SETTINGS_ROW__PHASE__CHECKING:
		return read_all(t, device, row);
	case OCPP__SETTINGS_ROW__PHASE__SETTING:
		return set_one(t, device, row, row->wanted[row->index]);
	case OCPP__SETTINGS_ROW__PHASE__REVERTING:
		return set_one(t, device, row, row->before[row->index]);
	case OCPP__SETTINGS_ROW__PHASE__RESTARTING:
		return restart(t, device, row);
	default:
		return 0;
	}
}

static int to(struct gv_turn *t, const char *device, Ocpp__SettingsRow *row, Ocpp__SettingsRow__Phase phase,
	      uint32_t index)
{
	row->phase = phase;
	row->index = index;
	row->tries = 0;
	return go_on(t, device, row);
}

/* ---- READING --------------------------------------------------------------------------------- */

static const Charging__ConfigurationEntry *entry_of(const Charging__GetConfigurationReply *said, const char *key)
{
	for (size_t i = 0; said && i < said->n_entries; i++)
		if (!strcasecmp(said->entries[i]->key, key))
			return said->entries[i];
	return NULL;
}

static int refused(struct gv_turn *t, const char *device, const Ocpp__SettingsRow *row, Update__Order__State state,
		   const char *detail)
{
	struct gv_ticket ticket = { row->ticket_call, row->ticket_caller };

	gv_delete(t, &ocpp_settings, gv_key(device));
	return order_answered(t, ticket, device, row->number, state, detail);
}

/* Why one of them cannot be set; NULL: all can. */
static const char *unfit(struct gv_turn *t, const Ocpp__SettingsRow *row, const Charging__GetConfigurationReply *said)
{
	for (size_t i = 0; i < row->n_wanted; i++) {
		const Charging__ConfigurationEntry *e = entry_of(said, row->wanted[i]->key);

		if (!e || e->read_only)
			return gv_str(t, "setting %s %s", row->wanted[i]->key,
				      e ? "cannot be written" : "is not known to it");
	}
	return NULL;
}

static int has_read(struct gv_turn *t, const char *device, Ocpp__SettingsRow *row,
		    const Charging__GetConfigurationReply *said)
{
	struct gv_ticket ticket = { row->ticket_call, row->ticket_caller };
	const char *why = unfit(t, row, said);

	if (why)
		return refused(t, device, row, UPDATE__ORDER__STATE__REFUSED, why);
	for (size_t i = 0; i < row->n_wanted; i++) {
		const Charging__ConfigurationEntry *e = entry_of(said, row->wanted[i]->key);
		Ocpp__Setting *before = gv_alloc(t, sizeof *before);

		ocpp__setting__init(before);
		before->key = e->key;
		before->value = e->value;
		before->status = e->secret ? "secret" : "";
		*GV_APPEND(t, row->before, row->n_before) = before;
	}
	order_answered(t, ticket, device, row->number, UPDATE__ORDER__STATE__ACCEPTED, "");
	tell(t, device, row, UPDATE__STEP__STEP_INSTALLING, "");
	return to(t, device, row, OCPP__SETTINGS_ROW__PHASE__SETTING, 0);
}

/* ---- REVERTING ------------------------------------------------------------------------------- */

/* The next below `index` whose value was known goes back. */
static int revert_below(struct gv_turn *t, const char *device, Ocpp__SettingsRow *row, uint32_t index)
{
	while (index--)
		if (!row->before[index]->status[0])
			return to(t, device, row, OCPP__SETTINGS_ROW__PHASE__REVERTING, index);
	return finish(t, device, row, UPDATE__STEP__STEP_REVERTED, row->why);
}

static int revert(struct gv_turn *t, const char *device, Ocpp__SettingsRow *row, uint32_t n, const char *why)
{
	row->why = (char *)why;
	gv_log(t, GV_WARN, "settings are put back: %s device=%s", why, device);
	return revert_below(t, device, row, n);
}

/* ---- SETTING, RESTARTING, CHECKING ----------------------------------------------------------- */

static int has_set(struct gv_turn *t, const char *device, Ocpp__SettingsRow *row,
		   const Charging__SetConfigurationReply *said)
{
	const char *key = row->wanted[row->index]->key;
	bool later = said && !strcmp(said->status, "RebootRequired");

	if (!said || (!later && !said->as_set))
		return revert(t, device, row, row->index + 1,
			      !said || !said->value[0]
				      ? gv_str(t, "it refused setting %s: %s", key, said ? said->status : row->why)
				      : gv_str(t, "it accepted setting %s and has \"%.100s\" all the same", key,
					       said->value));
	row->restart |= later;
	if (row->index + 1 < row->n_wanted)
		return to(t, device, row, OCPP__SETTINGS_ROW__PHASE__SETTING, row->index + 1);
	if (!row->restart)
		return finish(t, device, row, UPDATE__STEP__STEP_INSTALLED, "");
	tell(t, device, row, UPDATE__STEP__STEP_REBOOTING, "");
	arm(t, device, UPDATES_BOOT_MS);
	return to(t, device, row, OCPP__SETTINGS_ROW__PHASE__RESTARTING, 0);
}

static int has_checked(struct gv_turn *t, const char *device, Ocpp__SettingsRow *row,
		       const Charging__GetConfigurationReply *said)
{
	for (size_t i = 0; i < row->n_wanted; i++) {
		const Charging__ConfigurationEntry *e = entry_of(said, row->wanted[i]->key);

		if (!e || (!e->secret && !configuration_same(t, e->value, row->wanted[i]->value)))
			return revert(t, device, row, (uint32_t)row->n_wanted,
				      gv_str(t, "after its restart setting %s is \"%.100s\"", row->wanted[i]->key,
					     e ? e->value : ""));
	}
	return finish(t, device, row, UPDATE__STEP__STEP_INSTALLED, "");
}

int settings_booted(struct gv_turn *t, const char *device)
{
	const Ocpp__SettingsRow *row = gv_get(t, &ocpp_settings, gv_key(device));

	if (!row || row->phase != OCPP__SETTINGS_ROW__PHASE__RESTARTING)
		return 0;
	gv_timer_cancel(t, gv_str(t, UPDATES_TIMER "%s", device));
	return to(t, device, edit(t, device), OCPP__SETTINGS_ROW__PHASE__CHECKING, 0);
}

/* ---- answers and timers ---------------------------------------------------------------------- */

static bool is_unreached(unsigned code)
{
	return code == GV_UNAVAILABLE || code == GV_DEADLINE_EXCEEDED || code == GV_UNKNOWN ||
	       code == GV_RESOURCE_EXHAUSTED;
}

static int again(struct gv_turn *t, const char *device, Ocpp__SettingsRow *row, const struct gv_answer *a)
{
	const char *error = gv_strdup(t, a->error);

	if (row->phase == OCPP__SETTINGS_ROW__PHASE__READING)
		return refused(t, device, row, UPDATE__ORDER__STATE__UNSURE, error);
	if (++row->tries < TRIES_MAX)
		return arm(t, device, AGAIN_MS);
	return finish(
		t, device, row, UPDATE__STEP__STEP_INSTALLATION_FAILED,
		gv_str(t, "%u of %zu settings are set, and it is not reached: %s", row->index, row->n_wanted, error));
}

int settings_answered(struct gv_turn *t, const Ocpp__SettingsAsked *note, const struct gv_answer *answer)
{
	const Ocpp__SettingsRow *known = gv_get(t, &ocpp_settings, gv_key(note->device));
	Ocpp__SettingsRow *row;

	if (!known || known->number != note->number || known->step != note->step)
		return 0;
	row = edit(t, note->device);
	if (answer->code != GV_OK && row->phase != OCPP__SETTINGS_ROW__PHASE__RESTARTING && is_unreached(answer->code))
		return again(t, note->device, row, answer);
	if (answer->code != GV_OK)
		row->why = gv_strdup(t, answer->error);
	switch (row->phase) {
	case OCPP__SETTINGS_ROW__PHASE__READING:
		return answer->reply ? has_read(t, note->device, row, answer->reply)
				     : refused(t, note->device, row, UPDATE__ORDER__STATE__REFUSED, row->why);
	case OCPP__SETTINGS_ROW__PHASE__SETTING:
		return has_set(t, note->device, row, answer->reply);
	case OCPP__SETTINGS_ROW__PHASE__CHECKING:
		return has_checked(t, note->device, row, answer->reply);
	case OCPP__SETTINGS_ROW__PHASE__REVERTING:
		return revert_below(t, note->device, row, row->index);
	default:
		return 0; /* RESTARTING: it boots, or the timer comes */
	}
}

int settings_due(struct gv_turn *t, const char *device)
{
	const Ocpp__SettingsRow *row = gv_get(t, &ocpp_settings, gv_key(device));

	if (!row)
		return 0;
	if (row->phase == OCPP__SETTINGS_ROW__PHASE__RESTARTING)
		return finish(t, device, row, UPDATE__STEP__STEP_INSTALLATION_FAILED,
			      "it did not come back from the restart that its settings need");
	return go_on(t, device, edit(t, device));
}

int settings_install(struct gv_turn *t, struct gv_ticket ticket, const Update__Order *order)
{
	const Update__InstallRequest *r = order->request;
	Ocpp__SettingsRow *row;

	if (!r->n_settings)
		return gv_fail(t, GV_INVALID_ARGUMENT, "settings must be given");
	row = edit(t, r->device);
	*row = (Ocpp__SettingsRow)OCPP__SETTINGS_ROW__INIT;
	row->number = order->number;
	row->ticket_call = ticket.call;
	row->ticket_caller = ticket.caller;
	for (size_t i = 0; i < r->n_settings; i++) {
		Ocpp__Setting *s = gv_alloc(t, sizeof *s);

		ocpp__setting__init(s);
		s->key = r->settings[i]->key;
		s->value = r->settings[i]->value;
		*GV_APPEND(t, row->wanted, row->n_wanted) = s;
	}
	return to(t, r->device, row, OCPP__SETTINGS_ROW__PHASE__READING, 0);
}
