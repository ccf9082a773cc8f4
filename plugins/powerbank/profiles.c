/* How the cabinets of a port are spoken to, and what one of them has differently. */
#include "powerbank.h"

#include <galvan/link.pb-c.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MAX 16384 /* bytes that link hands over at once */

static bool number_in(const char *text, unsigned long min, unsigned long max, unsigned long *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < min || n > max)
		return false;
	*ret = n;
	return true;
}

static bool yes_or_no(const char *text, bool *ret)
{
	*ret = !strcmp(text, "yes");
	return *ret || !strcmp(text, "no");
}

static bool one_of(const char *text, const char *first, const char *second, bool *ret_second)
{
	*ret_second = !strcmp(text, second);
	return *ret_second || !strcmp(text, first);
}

static bool set_crc(struct profile *f, const char *value)
{
	unsigned check;

	f->learn = !strcmp(value, "learn");
	if (f->learn || !f->driver->check_parse)
		return f->driver->check_parse || !f->learn;
	if (f->driver->check_parse(value, &check) < 0)
		return false;
	f->wire.check = check;
	return true;
}

static bool set_style(struct profile *f, const char *value)
{
	f->mirror = !strcmp(value, "mirror");
	f->wire.dot = !strcmp(value, "dot");
	return f->mirror || f->wire.dot || !strcmp(value, "comma");
}

static bool set_slots(struct profile *f, const char *value)
{
	unsigned long n;

	if (!number_in(value, 1, PB_SLOTS_MAX, &n))
		return false;
	f->wire.slots = (uint8_t)n;
	return true;
}

static bool set_bank_size(struct profile *f, const char *value)
{
	unsigned long n;

	if (!number_in(value, 0, PB_BANK_SIZE - 1, &n) || (n && n < PB_BANK_MIN))
		return false;
	f->wire.bank_size = (uint8_t)n;
	return true;
}

static bool set_heartbeat(struct profile *f, const char *value)
{
	unsigned long n;

	if (!number_in(value, 10, 300, &n))
		return false;
	f->heartbeat_ms = (int64_t)n * 1000;
	return true;
}

static bool set_rules(struct profile *f, const char *value)
{
	return one_of(value, "tolerant", "strict", &f->wire.strict);
}

static bool set_echo(struct profile *f, const char *value)
{
	return yes_or_no(value, &f->wire.hb_echo);
}

static bool set_ar(struct profile *f, const char *value)
{
	return one_of(value, "meaning", "echo", &f->ar_echo);
}

static const struct {
	const char *name;
	bool (*set)(struct profile *f, const char *value);
} settings[] = {
	{ "crc", set_crc },     { "style", set_style },        { "rules", set_rules },
	{ "slots", set_slots }, { "bankSize", set_bank_size }, { "heartbeatS", set_heartbeat },
	{ "hbEcho", set_echo }, { "arForBf", set_ar },
};
#define SETTINGS (sizeof settings / sizeof *settings)

bool profiles_is_setting(const char *name)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (!strcmp(settings[i].name, name))
			return true;
	return false;
}

struct profile profiles_for(struct gv_turn *t, const struct profile *base, const Powerbank__CabinetRow *row)
{
	struct profile f = *base;

	for (size_t i = 0; row && i < row->n_settings; i++) {
		const Powerbank__Setting *s = row->settings[i];

		for (size_t k = 0; k < SETTINGS; k++) {
			struct profile before = f;

			if (strcmp(settings[k].name, s->name) != 0 || settings[k].set(&f, s->value))
				continue;
			f = before;
			gv_log(t, GV_WARN,
			       "attribute of the cabinet is none that can be, the profile's counts: "
			       "correct it in the registry attribute=%s value=%s",
			       s->name, s->value);
		}
	}
	return f;
}

const struct profile *profiles_find(const struct powerbank *p, const char *listener)
{
	for (size_t i = 0; i < p->n_profiles; i++)
		if (!strcmp(p->profiles[i].listener, listener))
			return &p->profiles[i];
	return NULL;
}

char **profiles_can(struct gv_turn *t, const struct pb_driver *driver, size_t *ret_n)
{
	static const char *const names[] = { "lend-slot",  "lend-bank", "ask-return", "force-eject",
					     "set-server", "reboot",    "level" };
	char **list = NULL;

	*ret_n = 0;
	for (unsigned i = 0; driver && i < sizeof names / sizeof *names; i++)
		if (driver->can & (1u << i))
			*GV_APPEND(t, list, *ret_n) = (char *)names[i];
	return list;
}

/* ---- config ---------------------------------------------------------------------------------- */

static int read_profile(struct gv_turn *t, const Powerbank__Profile *c, struct profile *f)
{
	f->listener = c->listener;
	f->driver = pb_driver_find(c->driver);
	if (!f->driver)
		return gv_fault(t, "profile %s: no driver is called \"%s\"; ruioo and woshi are", c->listener,
				c->driver);
	f->wire.slots = (uint8_t)c->slots;
	f->wire.bank_size = (uint8_t)c->bank_size;
	if (c->bank_size && c->bank_size < PB_BANK_MIN)
		return gv_fault(t, "profile %s: bank_size %u; no bank's id is shorter than %d", c->listener,
				c->bank_size, PB_BANK_MIN);
	f->heartbeat_ms = (int64_t)c->heartbeat_s * 1000;
	f->auto_enrol = c->auto_enrol;
	if (!set_crc(f, c->crc))
		return gv_fault(t,
				"profile %s: crc \"%s\" is none; it is CRC/COVERAGE with CRC one of MODBUS, "
				"CCITT-FALSE, XMODEM and COVERAGE one of fields, fields+sep, frame, or that with "
				"/swap, or learn",
				c->listener, c->crc);
	f->wire.unchecked = !strcmp(c->crc_required, "no");
	if (f->wire.unchecked)
		gv_log(t, GV_WARN, "cabinets may send a wrong CRC: for a laboratory only profile=%s", c->listener);
	set_style(f, c->style);
	set_rules(f, c->rules);
	set_echo(f, c->hb_echo);
	set_ar(f, c->ar_for_bf);
	return 0;
}

static int listen_for(struct gv_turn *t, const struct profile *f)
{
	Link__Listener l = LINK__LISTENER__INIT;

	l.name = (char *)f->listener;
	l.kind = LINK__LISTENER__KIND__TCP;
	l.max_frame_bytes = CHUNK_MAX;
	l.window_frames = PB_CHUNKS_MAX;
	return gv_listen(t, &l);
}

int profiles_start(struct powerbank *p, struct gv_turn *t)
{
	const Powerbank__Config *c = p->config;

	if (c->n_profiles == 0 || c->n_profiles > sizeof p->profiles / sizeof *p->profiles)
		return gv_fault(t, "profiles: %zu; give 1 to %zu", c->n_profiles,
				sizeof p->profiles / sizeof *p->profiles);
	for (size_t i = 0; i < c->n_profiles; i++) {
		int error;

		if (profiles_find(p, c->profiles[i]->listener))
			return gv_fault(t, "profiles: two have the listener %s", c->profiles[i]->listener);
		error = read_profile(t, c->profiles[i], &p->profiles[i]);
		if (error)
			return error;
		p->n_profiles++;
		error = listen_for(t, &p->profiles[i]);
		if (error)
			return error;
	}
	return 0;
}
