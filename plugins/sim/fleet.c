/* Fleets of charger models behind real sockets: made, removed, found, and whether one can be. */
#include "fleet.h"

#include <lib/message.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_SPREAD_MS 20 /* a fleet's chargers come one after the other, so that a thousand are no storm */

/* ---- members --------------------------------------------------------------------------------- */

static bool fleet_v201(const Sim__Fleet *want)
{
	return strcmp(want->version, "2.0.1") == 0;
}

static int on_dial(struct uplink *u, struct line *l, const struct line_events *events)
{
	const struct member *m = (struct member *)u;
	const char *password = m->fleet->want->password;
	return line_open(l, &u->all->io, events, &m->fleet->target, m->identity, *password ? password : NULL,
			 fleet_v201(m->fleet->want) ? "ocpp2.0.1" : "ocpp1.6");
}

static void on_connected(struct uplink *u, int64_t now_ms)
{
	charger_connected(((struct member *)u)->model, now_ms);
}

static void on_disconnected(struct uplink *u, int64_t now_ms)
{
	charger_disconnected(((struct member *)u)->model, now_ms);
}

static void on_receive(struct uplink *u, int64_t now_ms, const char *data, size_t size)
{
	charger_receive(((struct member *)u)->model, now_ms, data, size);
}

static void on_run(struct uplink *u, int64_t now_ms)
{
	charger_run(((struct member *)u)->model, now_ms);
}

static int64_t on_next(const struct uplink *u)
{
	return charger_next_ms(((const struct member *)u)->model);
}

static void free_fleet(struct fleet *fleet)
{
	struct fleet **at = &fleet->owner->first;
	while (*at && *at != fleet)
		at = &(*at)->next;
	if (*at)
		*at = fleet->next;
	sim__fleet__free_unpacked(fleet->want, NULL);
	free(fleet);
}

static void on_closed(struct uplink *u)
{
	struct member *m = (struct member *)u;
	struct fleet *fleet = m->fleet;
	charger_destroy(m->model);
	free(m);
	if (--fleet->count == 0)
		free_fleet(fleet);
}

static const struct uplink_model model = { on_dial, on_connected, on_disconnected, on_receive,
					   on_run,  on_next,      on_closed };

static void on_drop(void *arg, enum charger_drop how, int64_t reconnect_at_ms)
{
	struct member *m = arg;
	struct line *l = uplink_let_go(&m->uplink, reconnect_at_ms);
	if (l && how == CHARGER_HALF_OPEN)
		line_freeze(l);
	else if (l && how == CHARGER_CLOSE)
		line_close(l, 1000);
	else if (l)
		line_abort(l, true);
}

static void on_send(void *arg, const char *text, size_t size)
{
	struct member *m = arg;
	if (m->uplink.line)
		line_send_text(m->uplink.line, text, size);
}

static uint64_t on_random(void *arg)
{
	struct member *m = arg;
	return uplinks_random(&m->fleet->owner->all);
}

static void on_log(void *arg, const char *line)
{
	struct member *m = arg;
	struct uplinks *all = &m->fleet->owner->all;
	if (all->log)
		all->log(all->arg, m->identity, line);
}

void fleet_faults(const Sim__Faults *from, struct charger_faults *ret)
{
	*ret = (struct charger_faults){ 0 };
	if (!from)
		return;
	ret->no_boot_on_reconnect = from->no_boot_on_reconnect;
	ret->repeat_start = from->repeat_start < 10 ? from->repeat_start : 10;
	ret->lost_answers_pm = from->lost_answers_pm;
	ret->late_answers_ms = from->late_answers_ms;
	ret->drop_pm = from->drop_pm;
	ret->half_open_pm = from->half_open_pm;
	ret->wrong_types = from->wrong_types;
	ret->clock_1970 = from->clock_1970;
	ret->missing_zone = from->missing_zone;
	ret->session_profiles_only = from->session_profiles_only;
	ret->refused_profiles_pm = from->refused_profiles_pm;
	ret->meter_backwards = from->meter_backwards;
	ret->transaction_minus_one = from->transaction_minus_one;
	ret->never_answer = from->never_answer;
	ret->repeat_answers = from->repeat_answers;
	ret->call_timeout_ms = from->call_timeout_ms;
}

static void pattern_of(const Sim__Pattern *from, struct charger_pattern *ret)
{
	*ret = (struct charger_pattern){ 0 };
	if (!from)
		return;
	ret->sessions_per_hour = from->sessions_per_hour;
	ret->energy_wh = from->energy_wh;
	ret->power_w = from->power_w;
	ret->taper = from->taper;
	ret->meter_interval_s = from->meter_interval_s;
	ret->speed = from->speed;
	ret->stay_unplugged = from->stay_unplugged;
}

static void identity_of(const Sim__Fleet *want, unsigned i, char *ret, size_t size)
{
	unsigned number = (want->first ? want->first : 1) + i;
	if (*want->prefix)
		snprintf(ret, size, "%s%04u", want->prefix, number);
	else
		snprintf(ret, size, "%s-%04u", want->name, number);
}

static int add_member(struct fleet *fleet, unsigned i, const char *const *tokens)
{
	struct fleets *f = fleet->owner;
	struct member *m = calloc(1, sizeof *m);
	if (!m)
		return -ENOMEM;
	m->fleet = fleet;
	m->env = (struct charger_env){ m, on_random, on_send, on_drop, NULL, on_log };
	identity_of(fleet->want, i, m->identity, sizeof m->identity);
	struct charger_options o = { .identity = m->identity,
				     .connectors = fleet->want->connectors,
				     .tokens = tokens,
				     .v201 = fleet_v201(fleet->want),
				     .env = &m->env,
				     .powered_up_ms = f->all.now_ms(f->all.arg) };
	fleet_faults(fleet->want->faults, &o.faults);
	pattern_of(fleet->want->pattern, &o.pattern);
	int r = charger_create(&o, &m->model);
	if (r < 0) {
		free(m);
		return r;
	}
	m->next = fleet->members;
	fleet->members = m;
	fleet->count++;
	f->chargers++;
	uplink_begin(&m->uplink, &f->all, &model, (uint64_t)fleet->want->count * START_SPREAD_MS);
	return 0;
}

/* ---- fleets ---------------------------------------------------------------------------------- */

struct fleets *fleets_create(uv_loop_t *loop, uint64_t seed)
{
	struct fleets *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	uplinks_init(&f->all, loop, seed);
	return f;
}

void fleet_remove(struct fleet *fleet)
{
	fleet->removed = true;
	for (struct member *m = fleet->members; m; m = m->next) {
		fleet->owner->chargers--;
		uplink_end(&m->uplink);
	}
	if (!fleet->members)
		free_fleet(fleet);
}

void fleets_close(struct fleets *f)
{
	for (struct fleet *fleet = f->first, *next; fleet; fleet = next) {
		next = fleet->next;
		if (!fleet->removed)
			fleet_remove(fleet);
	}
	uplinks_close(&f->all);
}

void fleets_destroy(struct fleets *f)
{
	free(f);
}

struct fleet *fleet_find(const struct fleets *f, const char *name)
{
	for (struct fleet *fleet = f->first; fleet; fleet = fleet->next)
		if (!fleet->removed && strcmp(fleet->want->name, name) == 0)
			return fleet;
	return NULL;
}

struct member *fleet_member(const struct fleets *f, const char *identity)
{
	for (struct fleet *fleet = f->first; fleet; fleet = fleet->next)
		for (struct member *m = fleet->removed ? NULL : fleet->members; m; m = m->next)
			if (strcmp(m->identity, identity) == 0)
				return m;
	return NULL;
}

/* Whether two ranges of identities, each given by its first and its count, have the same prefix and share a number. */
static bool overlap(const char *a, unsigned a_count, const char *b, unsigned b_count)
{
	size_t a_size = strlen(a), b_size = strlen(b);
	while (a_size && a[a_size - 1] >= '0' && a[a_size - 1] <= '9')
		a_size--;
	while (b_size && b[b_size - 1] >= '0' && b[b_size - 1] <= '9')
		b_size--;
	if (a_size != b_size || strncmp(a, b, a_size) != 0)
		return false;
	unsigned long long a_first = strtoull(a + a_size, NULL, 10), b_first = strtoull(b + b_size, NULL, 10);
	return a_first < b_first + b_count && b_first < a_first + a_count;
}

int fleet_check(const struct fleets *f, const Sim__Fleet *want, char *ret_error, size_t error_size)
{
	struct line_target target;
	char identity[80];
	unsigned count = want->count ? want->count : 1;
	int r = line_target_parse(want->url, &target, ret_error, error_size);
	if (r < 0)
		return r;
	if (!*want->name || strlen(want->name) > 64 || strlen(want->prefix) > 64 ||
	    want->connectors > CHARGER_MAX_CONNECTORS) {
		snprintf(ret_error, error_size,
			 "fleet \"%.64s\": it needs a name; name and prefix hold at most 64 characters, a charger has "
			 "at "
			 "most %d connectors",
			 want->name, CHARGER_MAX_CONNECTORS);
		return -EINVAL;
	}
	if (fleet_find(f, want->name)) {
		snprintf(ret_error, error_size, "fleet \"%.64s\": there is one of this name; remove it first",
			 want->name);
		return -EEXIST;
	}
	if (count > FLEET_MAX_CHARGERS || f->chargers + count > FLEET_MAX_CHARGERS) {
		snprintf(ret_error, error_size, "fleet \"%.64s\": at most %d chargers in all", want->name,
			 FLEET_MAX_CHARGERS);
		return -ENOSPC;
	}
	identity_of(want, 0, identity, sizeof identity);
	for (const struct fleet *other = f->first; other; other = other->next) {
		char first[80];
		identity_of(other->want, 0, first, sizeof first);
		if (other->removed || !overlap(identity, count, first, other->want->count))
			continue;
		snprintf(ret_error, error_size,
			 "fleet \"%.64s\": its identities from %s on are also fleet \"%.64s\"'s; choose another prefix "
			 "or "
			 "first number",
			 want->name, identity, other->want->name);
		return -EEXIST;
	}
	return 0;
}

int fleet_add(struct fleets *f, const Sim__Fleet *want, bool configured)
{
	char error[400];
	struct fleet *fleet = calloc(1, sizeof *fleet);
	if (fleet)
		fleet->want = gv_message_copy(&want->base);
	if (!fleet || !fleet->want || line_target_parse(want->url, &fleet->target, error, sizeof error) < 0) {
		if (fleet && fleet->want)
			sim__fleet__free_unpacked(fleet->want, NULL);
		free(fleet);
		return -ENOMEM;
	}
	fleet->target.compression = want->compression;
	fleet->want->count += !fleet->want->count;
	fleet->owner = f;
	fleet->configured = configured;
	fleet->next = f->first;
	f->first = fleet;
	const char **tokens = calloc(fleet->want->n_tokens + 1, sizeof *tokens);
	for (size_t i = 0; tokens && i < fleet->want->n_tokens; i++)
		tokens[i] = fleet->want->tokens[i];
	int r = tokens ? 0 : -ENOMEM;
	for (unsigned i = 0; r == 0 && i < fleet->want->count; i++)
		r = add_member(fleet, fleet->want->count - 1 - i,
			       tokens); /* the list grows at its head: first comes first */
	free(tokens);
	if (r < 0)
		fleet_remove(fleet);
	return r;
}
