/* Samples: the hot path. A message's readings become one row in an append-only table, chained to the row before of the
 * same transaction, so that a message costs one append whatever the length of its session, and a repeated one is found
 * by looking back no further than its own time. */
#include <plugins/ocpp/ocpp.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CELCIUS 18 /* the misspelt twin of OCPP__UNIT__CELSIUS in spec_units */

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
	for (; n <= 15 && ((*s >= '0' && *s <= '9') || (*s == '.' && !point)); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		digits = digits * 10 + (uint64_t)(*s - '0');
		n++;
		decimals += point;
	}
	while (*s == ' ')
		s++;
	if (n > 0 && n <= 15 && !*s) {
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
		at = place(spec_units, name);
		r->unit = at < 0 ? OCPP__UNIT__UNIT_OTHER : at == CELCIUS ? OCPP__UNIT__CELSIUS : (Ocpp__Unit)at;
		if (at < 0)
			texts(t, r)->unit = cut(t, name);
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

/* One SampledValue; false where there is nothing in it. */
static bool read_sample(struct gv_turn *t, const cJSON *sample, Ocpp__Reading *r, bool *ret_number)
{
	const char *value = NULL;
	bool is_signed = false;

	for (const cJSON *item = sample->child; item; item = item->next) {
		if (!cJSON_IsString(item) || strcmp(item->string, field_with(item->string[0])) != 0)
			continue;
		if (item->string[0] == 'v')
			value = value ? value : item->valuestring;
		else if (item->string[0] == 'f')
			is_signed = !strcmp(item->valuestring, "SignedData");
		else
			read_name(t, r, item->string, item->valuestring);
	}
	if (!value || !value[strspn(value, " \t")])
		return false;
	*ret_number = !is_signed && read_decimal(value, &r->value);
	if (!*ret_number)
		texts(t, r)->value = cut(t, value);
	return true;
}

/* What the readings of one time say about energy and power: the overall value, or else the sum of the phases. */
struct sums {
	bool has_total, has_phases;
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

static bool take_sum(const struct sums *s, double *ret)
{
	double sum = s->has_total ? s->total : s->phases;

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
	    (r->unit == OCPP__UNIT__UNIT_DEFAULT || r->unit == OCPP__UNIT__WH || r->unit == OCPP__UNIT__KWH))
		add_sum(energy, r->phase, value);
	if (r->measurand == OCPP__MEASURAND__POWER_ACTIVE_IMPORT &&
	    (r->unit == OCPP__UNIT__UNIT_DEFAULT || r->unit == OCPP__UNIT__W || r->unit == OCPP__UNIT__KW))
		add_sum(power, r->phase, value);
}

static uint64_t hash(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return (h ^ 0xff) * 1099511628211u;
}

/* Stands for samples whose times are not their own. */
static uint64_t digest(const cJSON *list)
{
	uint64_t h = 14695981039346656037u;

	for (const cJSON *value = list->child; value; value = value->next) {
		const cJSON *samples = json_get(value, "sampledValue");

		h = hash(h, json_string(value, "timestamp"));
		for (const cJSON *s = samples ? samples->child : NULL; s; s = s->next)
			for (const cJSON *item = s->child; item; item = item->next)
				h = hash(h, cJSON_IsString(item) ? item->valuestring : "");
	}
	return h ? h : 1;
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

/* One MeterValue: a time and its samples. `space`: room for them. */
static void read_value(struct gv_turn *t, const struct station *st, const cJSON *value, Ocpp__Reading *space,
		       struct meter *m)
{
	const cJSON *samples = json_get(value, "sampledValue");
	struct sums energy = { 0 }, power = { 0 };
	struct when when;
	double watts;

	when_read(t, st, json_get(value, "timestamp"), &when);
	m->quirks |= when.quirks;
	m->flags |= when.flags;
	m->replaced |= when.replaced;
	for (const cJSON *s = cJSON_IsArray(samples) ? samples->child : NULL; s; s = s->next) {
		Ocpp__Reading *r = space + m->n;
		bool number = false;

		ocpp__reading__init(r);
		if (!read_sample(t, s, r, &number)) {
			m->quirks |= 1u << QUIRK_EMPTY_VALUE;
			continue;
		}
		if (number)
			read_sums(r, &energy, &power);
		if (m->n == 0) {
			m->base_ms = m->oldest_ms = m->newest_ms = when.ms;
		} else if (when.ms < m->oldest_ms) {
			m->oldest_ms = when.ms;
		}
		if (when.ms >= m->newest_ms)
			m->newest_ms = when.ms;
		r->offset_ms = when.ms - m->base_ms;
		m->readings[m->n++] = r;
	}
	if (when.ms < m->newest_ms)
		return;
	if (take_sum(&energy, &m->register_wh))
		m->has_register = true;
	if (take_sum(&power, &watts)) {
		m->has_power = true;
		m->power_w = llround(watts);
	}
}

void meter_read(struct gv_turn *t, const struct station *st, const cJSON *list, struct meter *m)
{
	size_t room;
	Ocpp__Reading *space;

	memset(m, 0, sizeof *m);
	if (!cJSON_IsArray(list))
		return;
	room = count_samples(list);
	if (!room)
		return;
	m->readings = gv_alloc(t, room * sizeof *m->readings);
	space = gv_alloc(t, room * sizeof *space);
	for (const cJSON *value = list->child; value; value = value->next)
		read_value(t, st, value, space, m);
	if (m->replaced)
		m->digest = digest(list);
}

static bool same(const Ocpp__Reading *a, int64_t a_ms, const Ocpp__Reading *b, int64_t b_ms)
{
	if (a_ms + a->offset_ms != b_ms + b->offset_ms || a->measurand != b->measurand || a->phase != b->phase ||
	    a->context != b->context || a->location != b->location || a->unit != b->unit || a->value != b->value ||
	    !a->texts != !b->texts)
		return false;
	if (!a->texts)
		return true;
	return !strcmp(a->texts->value, b->texts->value) && !strcmp(a->texts->measurand, b->texts->measurand) &&
	       !strcmp(a->texts->unit, b->texts->unit) && !strcmp(a->texts->phase, b->texts->phase) &&
	       !strcmp(a->texts->context, b->texts->context) && !strcmp(a->texts->location, b->texts->location);
}

static void drop_known(const Ocpp__SampleRow *row, struct meter *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n; i++) {
		bool known = false;

		for (size_t k = 0; k < row->n_readings && !known; k++)
			known = same(m->readings[i], m->base_ms, row->readings[k], row->time_ms);
		if (!known)
			m->readings[kept++] = m->readings[i];
	}
	m->n = kept;
}

/* Takes out what the transaction's rows hold already: looked for only where a reading is not newer than all of them. */
static void drop_repeated(struct gv_turn *t, const Ocpp__Transaction *x, struct meter *m)
{
	uint64_t at = x->newest_row;

	if (!m->replaced && m->oldest_ms > x->newest_sample_ms)
		return;
	for (unsigned i = 0; at && i < OCPP_WALK_MAX && m->n; i++) {
		const Ocpp__SampleRow *row = gv_get(t, &ocpp_samples, gv_key(at));

		if (!row)
			return;
		if (m->replaced && row->digest == m->digest) {
			m->n = 0;
			return;
		}
		if (!m->replaced && row->newest_ms < m->oldest_ms)
			return;
		drop_known(row, m);
		at = row->prev;
	}
}

int meter_append(struct ocpp *o, struct gv_turn *t, Ocpp__Transaction *x, struct meter *m)
{
	Ocpp__SampleRow row;

	if (m->n)
		drop_repeated(t, x, m);
	if (!m->n)
		return 0;
	retention_note(o, t);
	if (x->newest_sample_ms < m->newest_ms || !x->newest_row)
		x->newest_sample_ms = m->newest_ms;
	ocpp__sample_row__init(&row);
	row.prev = x->newest_row;
	row.time_ms = m->base_ms;
	row.newest_ms = x->newest_sample_ms;
	row.n_readings = m->n;
	row.readings = m->readings;
	row.digest = m->digest;
	x->newest_row = o->next_sample++;
	return gv_put(t, &ocpp_samples, gv_key(x->newest_row), &row);
}

void meter_apply(Ocpp__Transaction *x, const struct meter *m)
{
	x->flags |= m->flags;
	if (m->has_power)
		x->power_w = m->power_w;
	/* What is older than the newest sample tells nothing about now: a queue is being emptied out of order. */
	if (!m->has_register || m->newest_ms < x->newest_sample_ms)
		return;
	if (m->register_wh < (double)x->meter_start_wh - 1.0 ||
	    (x->has_register && m->register_wh < x->register_wh - 1.0))
		x->flags |= FLAG(FLAG_METER_BACKWARDS);
	x->has_register = true;
	x->register_wh = m->register_wh;
	if (llround(m->register_wh) - x->meter_start_wh > x->energy_wh)
		x->energy_wh = llround(m->register_wh) - x->meter_start_wh;
}

Charging__Sample **meter_samples(struct gv_turn *t, const struct meter *m)
{
	Charging__Sample *samples = gv_alloc(t, m->n * sizeof *samples);
	Charging__Sample **list = gv_alloc(t, m->n * sizeof *list);

	for (size_t i = 0; i < m->n; i++) {
		model_sample(&samples[i], m->base_ms, m->readings[i]);
		list[i] = &samples[i];
	}
	return list;
}

static int by_time(const void *a, const void *b)
{
	const Charging__Sample *x = *(Charging__Sample *const *)a, *y = *(Charging__Sample *const *)b;

	/* Both lie in one array, in the order of arrival: that decides between equal times. */
	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x < y ? -1 : 1;
}

void meter_collect(struct gv_turn *t, const Ocpp__Transaction *x, Charging__Session *session)
{
	const Ocpp__SampleRow **rows = NULL;
	size_t n_rows = 0, n = 0;
	Charging__Sample *samples;

	for (uint64_t at = x->newest_row; at && n < OCPP_SAMPLES_MAX && n_rows < OCPP_SCAN_MAX;) {
		const Ocpp__SampleRow *row = gv_get(t, &ocpp_samples, gv_key(at));

		if (!row)
			break;
		*GV_APPEND(t, rows, n_rows) = row;
		n += row->n_readings;
		at = row->prev;
	}
	samples = gv_alloc(t, n * sizeof *samples);
	session->samples = gv_alloc(t, n * sizeof *session->samples);
	for (size_t i = n_rows; i-- > 0;)
		for (size_t k = 0; k < rows[i]->n_readings; k++) {
			Charging__Sample *s = &samples[session->n_samples];

			model_sample(s, rows[i]->time_ms, rows[i]->readings[k]);
			session->samples[session->n_samples++] = s;
		}
	if (session->n_samples > 1)
		qsort(session->samples, session->n_samples, sizeof *session->samples, by_time);
}
