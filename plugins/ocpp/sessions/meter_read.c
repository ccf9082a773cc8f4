/* Reading samples: the hot path's first half. A list of MeterValue becomes readings, and what they say of energy and
 * power. 1.6 writes numbers as texts and the unit as one; 2.0.1 writes numbers, and units with a power of ten. */
#include "meter.h"

#include <plugins/ocpp/ocpp.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL_TOLERANCE 0.1
#define EXACT_DIGITS 15   /* a number of so many is exact as a double */
#define MULTIPLIER_MAX 15 /* powers of ten that are believed: those that are exact */
#define CELCIUS 18        /* the misspelt twin of OCPP__UNIT__CELSIUS in spec_units */

static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };

/* A decimal number, exactly as strtod would read it, but for the common short ones without its cost: both the digits
 * and the power of ten are exact doubles, so one division rounds once. */
static bool read_decimal(const char *s, double *ret)
{
	const char *start = s;
	uint64_t digits = 0;
	unsigned n = 0, decimals = 0;
	bool negative = false, point = false;
	char *end;

	while (*s == ' ')
		s++;
	if (*s == '-' || *s == '+')
		negative = *s++ == '-';
	for (; n < EXACT_DIGITS && ((*s >= '0' && *s <= '9') || (*s == '.' && !point)); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		digits = digits * 10 + (uint64_t)(*s - '0');
		n++;
		decimals += point;
	}
	if (point)
		s += strspn(s, "0"); /* which add nothing */
	while (*s == ' ')
		s++;
	if (n > 0 && !*s) {
		double value = (double)digits / powers[decimals];

		*ret = negative ? -value : value;
		return true;
	}
	if (start[strspn(start, "0123456789+-.eE ")])
		return false;
	*ret = strtod(start, &end);
	while (*end == ' ')
		end++;
	return end != start && !*end && isfinite(*ret);
}

static Ocpp__Texts *texts(struct gv_turn *t, Ocpp__Reading *r)
{
	if (!r->texts) {
		r->texts = gv_alloc(t, sizeof *r->texts);
		ocpp__texts__init(r->texts);
	}
	return r->texts;
}

static char *cut(struct gv_turn *t, const char *text)
{
	return gv_str(t, "%.*s", OCPP_TEXT_MAX, text);
}

/* The place of a name in a list, -1 where it has none. */
static int place(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (names[i][0] == name[0] && !strcmp(names[i], name))
			return i;
	return -1;
}

static void read_unit(struct gv_turn *t, Ocpp__Reading *r, const char *name)
{
	int at = place(spec_units, name);

	r->unit = at < 0 ? OCPP__UNIT__UNIT_OTHER : at == CELCIUS ? OCPP__UNIT__CELSIUS : (Ocpp__Unit)at;
	if (at < 0)
		texts(t, r)->unit = cut(t, name);
}

/* Reads one of the fields with a name. The texts of names that are none of OCPP's are kept. */
static void read_name(struct gv_turn *t, Ocpp__Reading *r, const char *key, const char *name)
{
	int at;

	switch (key[0]) {
	case 'm':
		at = place(spec_measurands, name);
		r->measurand = at < 0 ? OCPP__MEASURAND__MEASURAND_OTHER : (Ocpp__Measurand)at;
		if (at < 0)
			texts(t, r)->measurand = cut(t, name);
		break;
	case 'u':
		read_unit(t, r, name);
		break;
	case 'p':
		at = place(spec_phases, name);
		r->phase = at < 0 ? OCPP__PHASE__PHASE_OTHER : (Ocpp__Phase)at;
		if (at < 0)
			texts(t, r)->phase = cut(t, name);
		break;
	case 'c':
		at = place(spec_contexts, name);
		if (at < 0 || !strcmp(name, "Other")) {
			r->context = OCPP__CONTEXT__CONTEXT_OTHER;
			texts(t, r)->context = cut(t, name);
		} else {
			r->context = (Ocpp__Context)at;
		}
		break;
	case 'l':
		at = place(spec_locations, name);
		r->location = at < 0 ? OCPP__LOCATION__LOCATION_OTHER : (Ocpp__Location)at;
		if (at < 0)
			texts(t, r)->location = cut(t, name);
		break;
	default:
		break;
	}
}

/* The name of the field that begins with this letter: no two of a SampledValue's do. */
static const char *field_with(char letter)
{
	switch (letter) {
	case 'v':
		return "value";
	case 'm':
		return "measurand";
	case 'u':
		return "unit";
	case 'p':
		return "phase";
	case 'c':
		return "context";
	case 'l':
		return "location";
	case 'f':
		return "format";
	default:
		return "";
	}
}

/* What only 2.0.1 has: values that are numbers, a unit with a power of ten, and beside the value its signed form. */
static void read_other(struct gv_turn *t, Ocpp__Reading *r, const cJSON *item, const cJSON **ret_number, int *ret_power)
{
	if (cJSON_IsNumber(item) && !strcmp(item->string, "value")) {
		*ret_number = *ret_number ? *ret_number : item;
	} else if (cJSON_IsObject(item) && !strcmp(item->string, "unitOfMeasure")) {
		int64_t power = json_int(item, "multiplier", 0);

		*ret_power = (int)(power < -MULTIPLIER_MAX  ? -MULTIPLIER_MAX
				   : power > MULTIPLIER_MAX ? MULTIPLIER_MAX
							    : power);
		if (json_get(item, "unit"))
			read_unit(t, r, json_string(item, "unit"));
	} else if (cJSON_IsObject(item) && !strcmp(item->string, "signedMeterValue")) {
		texts(t, r)->value = gv_str(t, "%.*s", OCPP_SIGNED_MAX, json_print(t, item));
	}
}

/* A division by a power of ten rounds once, a multiplication by its inverse would round twice. */
static bool take_number(const cJSON *number, int power, Ocpp__Reading *r)
{
	r->value = power < 0 ? number->valuedouble / powers[-power] : number->valuedouble * powers[power];
	return isfinite(r->value);
}

/* One SampledValue; false where there is nothing in it. */
static bool read_sample(struct gv_turn *t, const cJSON *sample, Ocpp__Reading *r, bool *ret_number, uint64_t *quirks)
{
	const char *value = NULL;
	const cJSON *number = NULL;
	bool is_signed = false;
	int power = 0;

	for (const cJSON *item = sample->child; item; item = item->next) {
		if (!cJSON_IsString(item)) {
			read_other(t, r, item, &number, &power);
			continue;
		}
		if (strcmp(item->string, field_with(item->string[0])) != 0)
			continue;
		if (item->string[0] == 'v')
			value = value ? value : item->valuestring;
		else if (item->string[0] == 'f')
			is_signed = !strcmp(item->valuestring, "SignedData");
		else
			read_name(t, r, item->string, item->valuestring);
	}
	if (!value && number)
		return *ret_number = take_number(number, power, r);
	if (!value || !value[strspn(value, " \t")])
		return false;
	*ret_number = !is_signed && read_decimal(value, &r->value);
	if (!*ret_number) {
		texts(t, r)->value = cut(t, value);
		*quirks |= QUIRK_BIT(QUIRK_TEXT_VALUE);
	}
	return true;
}

/* What the readings of one time say about energy and power: the overall value, or else the sum of the phases. */
struct sums {
	bool has_total, has_phases;
	bool begin; /* read at the start of the transaction */
	double total, phases;
};

static void add_sum(struct sums *s, Ocpp__Phase phase, double value)
{
	if (phase == OCPP__PHASE__PHASE_ALL) {
		s->has_total = true;
		s->total = value;
	} else if ((phase >= OCPP__PHASE__L1 && phase <= OCPP__PHASE__L3) ||
		   (phase >= OCPP__PHASE__L1_N && phase <= OCPP__PHASE__L3_N)) {
		s->has_phases = true;
		s->phases += value;
	}
}

/* A total that its own phases contradict by a tenth is none (quirk row 41). */
static bool total_is_wrong(const struct sums *s)
{
	return s->has_total && s->has_phases && fabs(s->total - s->phases) > TOTAL_TOLERANCE * fabs(s->phases);
}

static bool take_sum(const struct sums *s, bool wrong, double *ret)
{
	double sum = s->has_total && !wrong ? s->total : s->phases;

	if ((!s->has_total && !s->has_phases) || !(fabs(sum) <= (double)OCPP_METER_MAX_WH))
		return false;
	*ret = sum;
	return true;
}

static void read_sums(const Ocpp__Reading *r, struct sums *energy, struct sums *power)
{
	bool kilo = r->unit == OCPP__UNIT__KWH || r->unit == OCPP__UNIT__KW;
	double value = kilo ? r->value * 1000.0 : r->value;

	if (r->location == OCPP__LOCATION__INLET || r->location == OCPP__LOCATION__EV)
		return;
	if (r->measurand == OCPP__MEASURAND__ENERGY_ACTIVE_IMPORT_REGISTER &&
	    (r->unit == OCPP__UNIT__UNIT_DEFAULT || r->unit == OCPP__UNIT__WH || r->unit == OCPP__UNIT__KWH)) {
		energy->begin |= r->context == OCPP__CONTEXT__TRANSACTION_BEGIN;
		add_sum(energy, r->phase, value);
	}
	if (r->measurand == OCPP__MEASURAND__POWER_ACTIVE_IMPORT &&
	    (r->unit == OCPP__UNIT__UNIT_DEFAULT || r->unit == OCPP__UNIT__W || r->unit == OCPP__UNIT__KW))
		add_sum(power, r->phase, value);
}

static size_t count_samples(const cJSON *list)
{
	size_t n = 0;

	for (const cJSON *value = list->child; value; value = value->next) {
		const cJSON *samples = json_get(value, "sampledValue");

		for (const cJSON *s = cJSON_IsArray(samples) ? samples->child : NULL; s; s = s->next)
			n++;
	}
	return n;
}

/* By time, those of one time as they came. */
static void add_register(struct meter *m, double wh, int64_t at_ms)
{
	size_t i = m->n_registers++;

	for (; i > 0 && m->registers[i - 1].ms > at_ms; i--)
		m->registers[i] = m->registers[i - 1];
	m->registers[i] = (struct meter_register){ .ms = at_ms, .wh = wh };
}

/* A register's reading: the newest, the earliest, the one that began the transaction. */
static void take_register(struct meter *m, const struct sums *energy, int64_t at_ms)
{
	double wh;

	if (!take_sum(energy, false, &wh))
		return;
	if (energy->begin && !m->has_begin) {
		m->has_begin = true;
		m->begin_wh = wh;
	}
	if (!m->has_first || at_ms < m->first_ms) {
		m->first_wh = wh;
		m->first_ms = at_ms;
	}
	m->has_first = true;
	if (m->registers)
		add_register(m, wh, at_ms);
	if (at_ms < m->newest_ms)
		return;
	m->register_wh = wh;
	m->register_ms = at_ms;
	m->has_register = true;
}

/* When the reading was taken, as one of the message's. */
static void take_time(struct meter *m, bool first, int64_t ms)
{
	if (first)
		m->base_ms = m->oldest_ms = m->newest_ms = ms;
	if (ms < m->oldest_ms)
		m->oldest_ms = ms;
	if (ms > m->newest_ms)
		m->newest_ms = ms;
}

/* One MeterValue: a time and its samples. `space`: room for OCPP_READINGS_MAX at most. What is beyond is read for its
 * energy and power, and not kept. */
static void read_value(struct gv_turn *t, const struct station *st, const cJSON *value, Ocpp__Reading *space,
		       struct meter *m)
{
	const cJSON *samples = json_get(value, "sampledValue");
	struct sums energy = { 0 }, power = { 0 };
	struct when when;
	Ocpp__Reading beyond;
	double watts;

	when_read(t, st, json_get(value, "timestamp"), &when);
	m->quirks |= when.quirks;
	m->flags |= when.flags;
	m->replaced |= when.replaced;
	for (const cJSON *s = cJSON_IsArray(samples) ? samples->child : NULL; s; s = s->next) {
		bool fits = m->n < OCPP_READINGS_MAX, number = false;
		Ocpp__Reading *r = fits ? space + m->n : &beyond;

		ocpp__reading__init(r);
		if (!read_sample(t, s, r, &number, &m->quirks)) {
			m->quirks |= QUIRK_BIT(QUIRK_EMPTY_VALUE);
			continue;
		}
		if (st->profile.ignored_contexts & 1u << (r->context & 31)) {
			m->quirks |= QUIRK_BIT(QUIRK_CONTEXT_IGNORED);
			continue;
		}
		if (number)
			read_sums(r, &energy, &power);
		take_time(m, m->n == 0, when.ms);
		if (!fits) {
			m->n_beyond++;
			continue;
		}
		r->offset_ms = when.ms - m->base_ms;
		m->readings[m->n++] = r;
	}
	take_register(m, &energy, when.ms);
	if (when.ms < m->newest_ms)
		return;
	if ((power.has_phases && !power.has_total) || (energy.has_phases && !energy.has_total))
		m->quirks |= QUIRK_BIT(QUIRK_NO_TOTAL);
	if (total_is_wrong(&power))
		m->quirks |= QUIRK_BIT(QUIRK_WRONG_TOTAL);
	if (take_sum(&power, total_is_wrong(&power), &watts)) {
		m->has_power = true;
		m->power_w = llround(watts);
	}
}

void meter_read(struct gv_turn *t, const struct station *st, const cJSON *list, struct meter *m)
{
	size_t room;
	Ocpp__Reading *space;

	memset(m, 0, sizeof *m);
	room = cJSON_IsArray(list) ? count_samples(list) : 0;
	if (!room)
		return;
	room = room > OCPP_READINGS_MAX ? OCPP_READINGS_MAX : room;
	m->readings = gv_alloc(t, room * sizeof *m->readings);
	space = gv_alloc(t, room * sizeof *space);
	if (list->child->next) /* seldom: one that says it all of one time needs no list */
		m->registers = gv_alloc(t, (size_t)cJSON_GetArraySize(list) * sizeof *m->registers);
	for (const cJSON *value = list->child; value; value = value->next)
		read_value(t, st, value, space, m);
	if (m->n_beyond) {
		m->quirks |= QUIRK_BIT(QUIRK_TOO_MANY_SAMPLES);
		gv_count(t, "samples_beyond", m->n_beyond);
	}
	m->digest = m->replaced ? meter_digest(list) : 0;
}
