/* Rules that match a charger, one after the other, make its profile. */
#include "units.h"

#include <plugins/ocpp/ocpp.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static bool matches(const char *pattern, const char *text)
{
	return !pattern || !pattern[0] || fnmatch(pattern, text, FNM_CASEFOLD | FNM_NOESCAPE) == 0;
}

static void apply(const struct profile_rule *r, struct profile *p)
{
	p->tolerated = (p->tolerated | r->tolerate) & ~r->flag & ~r->refuse;
	p->refused = (p->refused | r->refuse) & ~r->flag & ~r->tolerate;
	p->clean_tags |= r->set.clean_tags;
	p->connector_zero_is_one |= r->set.connector_zero_is_one;
	p->ask_nothing |= r->set.ask_nothing;
	p->no_restart |= r->set.no_restart;
	p->ignored_contexts |= r->set.ignored_contexts;
	p->plug_untold |= r->set.plug_untold;
	if (r->set.token_max)
		p->token_max = r->set.token_max;
	if (r->set.n_units) {
		p->units = r->set.units;
		p->n_units = r->set.n_units;
	}
	if (r->set.restart_after_s)
		p->restart_after_s = r->set.restart_after_s;
	if (r->set.limit_key) {
		p->limit_key = r->set.limit_key;
		p->limit_units_per_a = r->set.limit_units_per_a;
	}
}

static void apply_all(const struct profile_rule *rules, size_t count, const struct profile_subject *s,
		      struct profile *ret)
{
	for (size_t i = 0; i < count; i++)
		if (matches(rules[i].device, s->device) && matches(rules[i].vendor, s->vendor) &&
		    matches(rules[i].model, s->model) && matches(rules[i].firmware, s->firmware) &&
		    matches(rules[i].version, s->version))
			apply(&rules[i], ret);
}

void profile_resolve(const struct profile_rule *rules, size_t count, const struct profile_subject *s,
		     struct profile *ret)
{
	memset(ret, 0, sizeof *ret);
	for (unsigned i = 0; i < QUIRKS; i++) {
		if (quirk_info[i].policy == QUIRK_TOLERATE)
			ret->tolerated |= QUIRK_BIT(i);
		if (quirk_info[i].policy == QUIRK_REFUSE)
			ret->refused |= QUIRK_BIT(i);
	}
	apply_all(profile_known, profile_known_count, s, ret);
	apply_all(rules, count, s, ret);
}

bool profile_asks_nothing(struct gv_turn *t, const struct station *st)
{
	uint64_t seen = st->quirks & ~st->profile.tolerated;
	bool nothing = st->profile.ask_nothing || seen & QUIRK_BIT(QUIRK_RESTARTS_WHEN_ASKED);

	if (nothing)
		gv_count(t, "quirk_not_asked", 1);
	return nothing;
}

/* ---- the config's rules ---------------------------------------------------------------------- */

static int take_quirks(struct gv_turn *t, size_t profile, char **names, size_t n, bool refuse, uint64_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		int quirk = quirk_find(names[i]);
		const char *all = "";

		if (quirk >= 0 && (!refuse || quirk_info[quirk].refusal != RPC_OK)) {
			*ret |= QUIRK_BIT(quirk);
			continue;
		}
		if (quirk >= 0)
			return gv_fault(t, "profiles[%zu].refuse: %s cannot be refused", profile, names[i]);
		for (unsigned q = 0; q < QUIRKS; q++)
			all = gv_str(t, "%s%s%s", all, q ? ", " : "", quirk_info[q].name);
		return gv_fault(t, "profiles[%zu]: there is no quirk \"%.50s\", but %s", profile, names[i], all);
	}
	return 0;
}

static int take_contexts(struct gv_turn *t, size_t profile, const Ocpp__StationProfile *from, unsigned *ret)
{
	for (size_t i = 0; i < from->n_ignore_contexts; i++) {
		unsigned at = 0;

		while (spec_contexts[at] && strcmp(spec_contexts[at], from->ignore_contexts[i]) != 0)
			at++;
		if (!spec_contexts[at])
			return gv_fault(t, "profiles[%zu].ignore_contexts: there is no context \"%.50s\"", profile,
					from->ignore_contexts[i]);
		*ret |= 1u << at;
	}
	return 0;
}

static int take_untold(struct gv_turn *t, size_t profile, const Ocpp__StationProfile *from, unsigned *ret)
{
	for (size_t i = 0; i < from->n_plug_untold; i++) {
		if (!strcmp(from->plug_untold[i], "Available"))
			*ret |= PLUG_UNTOLD_AVAILABLE;
		else if (!strcmp(from->plug_untold[i], "Finishing"))
			*ret |= PLUG_UNTOLD_FINISHING;
		else
			return gv_fault(t,
					"profiles[%zu].plug_untold: \"%.50s\" is neither Available nor Finishing, the "
					"states that chargers are known to say with and without a car",
					profile, from->plug_untold[i]);
	}
	return 0;
}

static int take_rule(struct gv_turn *t, size_t at, const Ocpp__StationProfile *from, struct profile_rule *r)
{
	int error = take_quirks(t, at, from->tolerate, from->n_tolerate, false, &r->tolerate);

	if (!error)
		error = take_quirks(t, at, from->flag, from->n_flag, false, &r->flag);
	if (!error)
		error = take_quirks(t, at, from->refuse, from->n_refuse, true, &r->refuse);
	if (!error)
		error = take_contexts(t, at, from, &r->set.ignored_contexts);
	if (!error)
		error = take_untold(t, at, from, &r->set.plug_untold);
	if (!error)
		error = units_take(t, at, from, &r->set);
	if (error)
		return error;
	if (from->limit_key[0] && !from->limit_units_per_a)
		return gv_fault(t, "profiles[%zu].limit_units_per_a must say how many units of %s make an ampere", at,
				from->limit_key);
	r->device = strdup(from->device);
	r->vendor = strdup(from->vendor);
	r->model = strdup(from->model);
	r->firmware = strdup(from->firmware);
	r->set.limit_key = from->limit_key[0] ? strdup(from->limit_key) : NULL;
	r->set.clean_tags = from->clean_tags;
	r->set.connector_zero_is_one = from->connector_zero_is_one;
	r->set.ask_nothing = from->ask_nothing;
	r->set.no_restart = from->no_restart;
	r->set.token_max = from->token_max;
	r->set.restart_after_s = from->restart_after_s;
	r->set.limit_units_per_a = from->limit_units_per_a;
	if (from->limit_key[0] && !r->set.limit_key)
		return -ENOMEM;
	return r->device && r->vendor && r->model && r->firmware ? 0 : -ENOMEM;
}

int profile_take(struct ocpp *o, struct gv_turn *t, const Ocpp__Config *c)
{
	int error = 0;

	o->rules = calloc(c->n_profiles ? c->n_profiles : 1, sizeof *o->rules);
	if (!o->rules)
		return -ENOMEM;
	for (o->n_rules = 0; o->n_rules < c->n_profiles && !error; o->n_rules++)
		error = take_rule(t, o->n_rules, c->profiles[o->n_rules], &o->rules[o->n_rules]);
	return error;
}

void profile_free(struct ocpp *o)
{
	for (size_t i = 0; o->rules && i < o->n_rules; i++) {
		struct profile_rule *r = &o->rules[i];

		free((char *)r->device);
		free((char *)r->vendor);
		free((char *)r->model);
		free((char *)r->firmware);
		free((char *)r->set.limit_key);
		units_free(&r->set);
	}
	free(o->rules);
}
