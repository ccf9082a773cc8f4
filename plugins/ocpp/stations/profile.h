/* How one charger is treated, and by which rules that is found: data, as docs/protocols/ocpp-quirks.md lists it. */
#ifndef OCPP_PROFILE_H
#define OCPP_PROFILE_H

#include <plugins/ocpp/spec/quirk.h>

#include <galvan/ocpp.pb-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gv_turn;
struct ocpp;

#define PLUG_UNTOLD_AVAILABLE 1u
#define PLUG_UNTOLD_FINISHING 2u

/* One of the chargers behind a controller: these connectors of the controller's are its own, from 1. */
struct profile_unit {
	char *name;
	uint32_t first, connectors;
};

struct profile {
	uint64_t tolerated, refused; /* bits of quirks; the rest is flagged */
	bool clean_tags, connector_zero_is_one, ask_nothing;
	bool no_restart;                  /* it gives no power soon after a stop: a limit of 0 is how it is paused */
	unsigned token_max;               /* 0: as the version has it */
	unsigned ignored_contexts;        /* bits of Ocpp__Context */
	const char *limit_key;            /* NULL: none */
	unsigned limit_units_per_a;       /* 0: none */
	unsigned restart_after_s;         /* after a remote stop, before which it is not started; 0: at once */
	const struct profile_unit *units; /* of the rule that named them */
	size_t n_units;
	unsigned plug_untold; /* PLUG_UNTOLD_ of the states that do not tell whether a car is plugged in */
};

/* What holds for chargers that match all patterns; NULL or "": any. */
struct profile_rule {
	const char *device, *vendor, *model, *firmware;
	const char *version; /* "OCPP 1.5" */
	uint64_t tolerate, flag, refuse;
	struct profile set; /* what is not zero here is set */
};
extern const struct profile_rule profile_known[];
extern const size_t profile_known_count;

struct profile_subject {
	const char *device, *vendor, *model, *firmware, *version;
};
/* All rules that match, one after the other: the built-in ones, then these. */
void profile_resolve(const struct profile_rule *rules, size_t count, const struct profile_subject *subject,
		     struct profile *ret);

struct station;
/* Before galvan asks a charger something by itself: its profile says that it must not, or it has been seen to restart;
 * counted. */
bool profile_asks_nothing(struct gv_turn *t, const struct station *st);

/* The config's rules. -EINVAL: the turn's fault says what is wrong. */
int profile_take(struct ocpp *o, struct gv_turn *t, const Ocpp__Config *config);
void profile_free(struct ocpp *o);

#endif
