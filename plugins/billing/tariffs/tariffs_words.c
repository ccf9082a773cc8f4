/* A tariff in sentences that a driver reads before paying. What is said is decided here; how it is said stands in one
 * table for each language, whose phrases have their values where {0} and {1} are. */
#include <plugins/billing/pricing/ocpi.h>
#include <plugins/billing/pricing/rental.h>
#include <plugins/billing/pricing/tariff_package.h>
#include <plugins/billing/pricing/pricing_message.h>
#include "tariffs.h"

#include <lib/iso8601.h>
#include <string.h>

enum phrase {
	FLAT,
	ENERGY,
	TIME,
	PARKING,
	FREE_FLAT,
	FREE_ENERGY,
	FREE_TIME,
	FREE_PARKING,
	RESERVED,
	RESERVED_EXPIRED,
	FROM_TO_TIME,
	FROM_TIME,
	TO_TIME,
	FROM_DAY,
	TO_DAY,
	ON_DAYS,
	FROM_ENERGY,
	TO_ENERGY,
	FROM_CURRENT,
	TO_CURRENT,
	FROM_POWER,
	TO_POWER,
	AFTER,
	UNTIL,
	STEP_TIME,
	STEP_ENERGY,
	WITH_TAX,
	WITHOUT_TAX,
	AT_LEAST,
	AT_MOST,
	GRACE,
	IDLE_CAP,
	RENT,
	RENT_FIRST,
	RENT_FREE_SHORT,
	RENT_FREE_FIRST,
	RENT_CAP_24H,
	RENT_CAP_DAY,
	RENT_CAP_ALL,
	RENT_SOLD,
	RENT_SOLD_ADD,
	RENT_DEPOSIT,
	PACKAGE,
	PACKAGE_BACK,
	SECONDS,
	MINUTES,
	HOURS,
	DAYS,
	MONDAY, /* and six more */
	PHRASES = MONDAY + 7,
};

static const char *const english[PHRASES] = {
	[FLAT] = "{0} to start",
	[ENERGY] = "{0} per kWh",
	[TIME] = "{0} per hour while charging",
	[PARKING] = "{0} per hour while not charging",
	[FREE_FLAT] = "Starting is free",
	[FREE_ENERGY] = "Energy is free",
	[FREE_TIME] = "Time while charging is free",
	[FREE_PARKING] = "Time while not charging is free",
	[RESERVED] = "of a reservation",
	[RESERVED_EXPIRED] = "of a reservation that is not used",
	[FROM_TO_TIME] = "from {0} to {1}",
	[FROM_TIME] = "from {0} on",
	[TO_TIME] = "until {0}",
	[FROM_DAY] = "from {0} on",
	[TO_DAY] = "before {0}",
	[ON_DAYS] = "on {0}",
	[FROM_ENERGY] = "after {0} kWh",
	[TO_ENERGY] = "up to {0} kWh",
	[FROM_CURRENT] = "at {0} A or more",
	[TO_CURRENT] = "below {0} A",
	[FROM_POWER] = "at {0} kW or more",
	[TO_POWER] = "below {0} kW",
	[AFTER] = "after {0}",
	[UNTIL] = "in the first {0}",
	[STEP_TIME] = "in steps of {0}",
	[STEP_ENERGY] = "in steps of {0} kWh",
	[WITH_TAX] = "Prices include taxes",
	[WITHOUT_TAX] = "Taxes are added",
	[AT_LEAST] = "At least {0} in all",
	[AT_MOST] = "At most {0} in all",
	[GRACE] = "The first {0} without charging are free",
	[IDLE_CAP] = "Time while not charging costs at most {0}",
	[RENT] = "{0} for each {1} begun",
	[RENT_FIRST] = "{0} for the first {1}",
	[RENT_FREE_SHORT] = "Free if returned within {0}",
	[RENT_FREE_FIRST] = "The first {0} are free",
	[RENT_CAP_24H] = "At most {0} in 24 h",
	[RENT_CAP_DAY] = "At most {0} a day",
	[RENT_CAP_ALL] = "At most {0} in all",
	[RENT_SOLD] = "Not returned within {1}, it is yours for {0}",
	[RENT_SOLD_ADD] = "Not returned within {1}, it is yours for {0} more",
	[RENT_DEPOSIT] = "{0} are held as a deposit",
	[PACKAGE] = "{0} for {1}, paid before",
	[PACKAGE_BACK] = "What is not used is paid back",
	[SECONDS] = "{0} s",
	[MINUTES] = "{0} min",
	[HOURS] = "{0} h",
	[DAYS] = "{0} days",
	[MONDAY] = "Monday",
	[MONDAY + 1] = "Tuesday",
	[MONDAY + 2] = "Wednesday",
	[MONDAY + 3] = "Thursday",
	[MONDAY + 4] = "Friday",
	[MONDAY + 5] = "Saturday",
	[MONDAY + 6] = "Sunday",
};

static const struct {
	const char *language; /* BCP 47, the primary subtag */
	const char *const *phrases;
} languages[] = {
	{ "en", english },
};

struct words {
	struct gv_turn *t;
	const char *const *phrases;
	const char *currency;
	int exponent;
	char **list;
	size_t n;
};

static char *say(const struct words *w, enum phrase phrase, const char *value0, const char *value1)
{
	char *text = "";

	for (const char *at = w->phrases[phrase]; *at;) {
		size_t plain = strcspn(at, "{");

		text = gv_str(w->t, "%s%.*s", text, (int)plain, at);
		at += plain;
		if (!*at)
			break;
		text = gv_str(w->t, "%s%s", text, at[1] == '0' ? value0 : value1);
		at += 3;
	}
	return text;
}

static void add(struct words *w, char *sentence)
{
	*GV_APPEND(w->t, w->list, w->n) = sentence;
}

/* ---- values ---------------------------------------------------------------------------------- */

static char *minor(const struct words *w, int64_t amount)
{
	char text[BILLING_MONEY_MAX];

	billing_money_write(amount, w->currency, text);
	return gv_strdup(w->t, text);
}

/* "0.49 EUR"; with all its digits where they are more than the currency has. */
static char *price(const struct words *w, int64_t micro)
{
	int64_t unit = billing_minor_micro(w->exponent);
	char text[BILLING_DECIMAL_MAX];

	if (micro % unit == 0)
		return minor(w, micro / unit);
	billing_decimal_write(micro, BILLING_MICRO_DECIMALS, text);
	return gv_str(w->t, "%s %s", text, w->currency);
}

static char *decimal(const struct words *w, int64_t value, int decimals)
{
	char text[BILLING_DECIMAL_MAX];

	billing_decimal_write(value, decimals, text);
	return gv_strdup(w->t, text);
}

static char *duration(const struct words *w, int64_t ms)
{
	static const struct {
		int64_t ms;
		enum phrase phrase;
	} units[] = { { 86400000, DAYS }, { 3600000, HOURS }, { 60000, MINUTES } };

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (ms % units[i].ms == 0 && ms / units[i].ms > (units[i].phrase == DAYS ? 1 : 0))
			return say(w, units[i].phrase, decimal(w, ms / units[i].ms, 0), "");
	return say(w, SECONDS, decimal(w, ms, 3), "");
}

static char *time_of_day(const struct words *w, int32_t s)
{
	return gv_str(w->t, "%02d:%02d", s / 3600, s / 60 % 60);
}

static char *date(const struct words *w, int64_t day)
{
	char text[25];

	gv_time_format(day * 86400000, text);
	return gv_str(w->t, "%.10s", text);
}

static char *days(const struct words *w, unsigned set)
{
	char *text = "";

	for (int i = 0; i < 7; i++)
		if (set >> i & 1)
			text = gv_str(w->t, "%s%s%s", text, *text ? ", " : "", w->phrases[MONDAY + i]);
	return text;
}

/* ---- OCPI ------------------------------------------------------------------------------------ */

static char *when(const struct words *w, const struct billing_restrictions *r)
{
	const unsigned both = BILLING_START_TIME | BILLING_END_TIME;
	char *text = "";
#define WHEN(bit, phrase, value)                                                                                       \
	if (r->set & (bit))                                                                                            \
	text = gv_str(w->t, "%s, %s", text, say(w, (phrase), (value), ""))

	if ((r->set & both) == both)
		text = gv_str(w->t, ", %s",
			      say(w, FROM_TO_TIME, time_of_day(w, r->start_time_s), time_of_day(w, r->end_time_s)));
	else if (r->set & BILLING_START_TIME)
		text = gv_str(w->t, ", %s", say(w, FROM_TIME, time_of_day(w, r->start_time_s), ""));
	else if (r->set & BILLING_END_TIME)
		text = gv_str(w->t, ", %s", say(w, TO_TIME, time_of_day(w, r->end_time_s), ""));
	WHEN(BILLING_DAY_OF_WEEK, ON_DAYS, days(w, r->days));
	WHEN(BILLING_START_DATE, FROM_DAY, date(w, r->start_day));
	WHEN(BILLING_END_DATE, TO_DAY, date(w, r->end_day));
	WHEN(BILLING_MIN_KWH, FROM_ENERGY, decimal(w, r->min_uwh, 9));
	WHEN(BILLING_MAX_KWH, TO_ENERGY, decimal(w, r->max_uwh, 9));
	WHEN(BILLING_MIN_CURRENT, FROM_CURRENT, decimal(w, r->min_current_ma, 3));
	WHEN(BILLING_MAX_CURRENT, TO_CURRENT, decimal(w, r->max_current_ma, 3));
	WHEN(BILLING_MIN_POWER, FROM_POWER, decimal(w, r->min_power_mw, 6));
	WHEN(BILLING_MAX_POWER, TO_POWER, decimal(w, r->max_power_mw, 6));
	WHEN(BILLING_MIN_DURATION, AFTER, duration(w, r->min_duration_ms));
	WHEN(BILLING_MAX_DURATION, UNTIL, duration(w, r->max_duration_ms));
#undef WHEN
	return text;
}

static char *step(const struct words *w, const struct billing_component *c)
{
	if (c->dimension == BILLING_ENERGY && c->step > 1 && c->price_micro)
		return gv_str(w->t, ", %s", say(w, STEP_ENERGY, decimal(w, c->step, 3), ""));
	if ((c->dimension == BILLING_TIME || c->dimension == BILLING_PARKING) && c->step > 1 && c->price_micro)
		return gv_str(w->t, ", %s", say(w, STEP_TIME, duration(w, c->step * 1000), ""));
	return "";
}

static void add_component(struct words *w, const struct billing_element *e, const struct billing_component *c)
{
	static const enum phrase costs[] = { FLAT, ENERGY, TIME, PARKING },
				 nothing[] = { FREE_FLAT, FREE_ENERGY, FREE_TIME, FREE_PARKING };
	char *text = c->price_micro ? say(w, costs[c->dimension], price(w, c->price_micro), "")
				    : say(w, nothing[c->dimension], "", "");

	if (e->restrictions.reservation != BILLING_NO_RESERVATION)
		text = gv_str(
			w->t, "%s, %s", text,
			w->phrases[e->restrictions.reservation == BILLING_RESERVATION ? RESERVED : RESERVED_EXPIRED]);
	add(w, gv_str(w->t, "%s%s%s", text, when(w, &e->restrictions), step(w, c)));
}

static int64_t limit_of(const struct billing_limit *l)
{
	return l->has_after ? l->after_micro : l->before_micro;
}

static void say_ocpi(struct words *w, const struct billing_tariff *tariff)
{
	const struct billing_extras *x = &tariff->extras;

	for (size_t i = 0; i < tariff->n_elements; i++)
		for (size_t j = 0; j < tariff->elements[i].n_components; j++)
			add_component(w, &tariff->elements[i], &tariff->elements[i].components[j]);
	if (x->idle_grace_ms)
		add(w, say(w, GRACE, duration(w, x->idle_grace_ms), ""));
	if (x->idle_cap_micro)
		add(w, say(w, IDLE_CAP, price(w, x->idle_cap_micro), ""));
	if (tariff->min_price.set)
		add(w, say(w, AT_LEAST, price(w, limit_of(&tariff->min_price)), ""));
	if (tariff->max_price.set)
		add(w, say(w, AT_MOST, price(w, limit_of(&tariff->max_price)), ""));
	if (tariff->tax == BILLING_TAX_INCLUDED)
		add(w, say(w, WITH_TAX, "", ""));
	else if (tariff->tax != BILLING_TAX_NONE)
		add(w, say(w, WITHOUT_TAX, "", ""));
}

/* ---- power banks and packages ---------------------------------------------------------------- */

static void say_rental(struct words *w, const struct billing_rental_tariff *r)
{
	if (r->free_ms)
		add(w, say(w, r->free_mode == BILLING_FREE_DEDUCT ? RENT_FREE_FIRST : RENT_FREE_SHORT,
			   duration(w, r->free_ms), ""));
	if (r->has_first)
		add(w, say(w, RENT_FIRST, minor(w, r->first_interval_minor), duration(w, r->interval_ms)));
	add(w, say(w, RENT, minor(w, r->interval_minor), duration(w, r->interval_ms)));
	if (r->cap_window != BILLING_CAP_NONE)
		add(w, say(w, r->cap_window == BILLING_CAP_CALENDAR_DAY ? RENT_CAP_DAY : RENT_CAP_24H,
			   minor(w, r->cap_minor), ""));
	if (r->total_cap_minor)
		add(w, say(w, RENT_CAP_ALL, minor(w, r->total_cap_minor), ""));
	if (r->buyout_mode != BILLING_BUYOUT_NONE)
		add(w, say(w, r->buyout_mode == BILLING_BUYOUT_ADD ? RENT_SOLD_ADD : RENT_SOLD,
			   minor(w, r->buyout_minor), duration(w, r->buyout_after_ms)));
	if (r->deposit_minor)
		add(w, say(w, RENT_DEPOSIT, minor(w, r->deposit_minor), ""));
	add(w, say(w, WITH_TAX, "", ""));
}

static void say_package(struct words *w, const struct billing_package *p)
{
	char *amount = p->unit == BILLING_PACKAGE_TIME ? duration(w, p->amount)
						       : gv_str(w->t, "%s kWh", decimal(w, p->amount, 9));

	add(w, say(w, PACKAGE, minor(w, p->price_minor), amount));
	if (p->refund == BILLING_REFUND_PRO_RATA)
		add(w, say(w, PACKAGE_BACK, "", ""));
	add(w, say(w, WITH_TAX, "", ""));
}

static void begin(struct words *w, struct gv_turn *t, const char *language, const char *currency)
{
	*w = (struct words){ .t = t, .phrases = english, .currency = currency };
	w->exponent = billing_currency_exponent(currency);
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
		if (!strncmp(language, languages[i].language, strcspn(language, "-")))
			w->phrases = languages[i].phrases;
}

char **tariffs_words(struct gv_turn *t, const Billing__Tariff *tariff, const char *language, size_t *ret_n)
{
	struct billing_error error = { 0 };
	struct billing_tariff ocpi = { 0 };
	struct billing_rental_tariff rental;
	struct billing_package package;
	struct words w = { 0 };

	if (tariff->terms_case == BILLING__TARIFF__TERMS_OCPI &&
	    billing_ocpi_read(tariff->ocpi, strlen(tariff->ocpi), &ocpi, &error) == 0) {
		begin(&w, t, language, ocpi.currency);
		say_ocpi(&w, &ocpi);
		billing_tariff_fini(&ocpi);
	} else if (tariff->terms_case == BILLING__TARIFF__TERMS_RENTAL &&
		   billing_rental_read(tariff->rental, &rental, &error) == 0) {
		begin(&w, t, language, rental.currency);
		say_rental(&w, &rental);
	} else if (tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE &&
		   billing_package_read(tariff->package, &package, &error) == 0) {
		begin(&w, t, language, package.currency);
		say_package(&w, &package);
	}
	*ret_n = w.n;
	return w.list;
}
