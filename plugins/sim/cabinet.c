/* The cabinet as a whole: its power, its connection, its clock, and the entry points. The rest of the model lies in
 * cabinet_*.c. */
#include "cabinet_model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_MS 5000     /* a power cut takes so long, and up to as long again */
#define PERCENT_MS 60000 /* a bank gains one percent in it */
#define HEARTBEAT_S 60

/* ---- small things ---------------------------------------------------------------------------- */

uint64_t cabinet_random_below(struct cabinet *c, uint64_t limit)
{
	return limit ? c->env->random(c->env->arg) % limit : 0;
}

bool cabinet_chance(struct cabinet *c, uint32_t per_mille)
{
	return per_mille && cabinet_random_below(c, 1000) < per_mille;
}

void cabinet_log(struct cabinet *c, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	if (!c->env->log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->env->log(c->env->arg, text);
}

void cabinet_spoke(struct cabinet *c, enum cabinet_word word, unsigned slot, const char *bank)
{
	c->count.spoke[word]++;
	if (c->env->spoke)
		c->env->spoke(c->env->arg, word, slot, bank);
}

void cabinet_send(struct cabinet *c, const void *data, size_t size)
{
	if (c->connected)
		c->env->send(c->env->arg, data, size);
}

void cabinet_drop(struct cabinet *c, enum cabinet_drop how, int64_t in_ms)
{
	c->connected = c->logged_in = false;
	c->heartbeat_ms = NEVER;
	c->in_size = 0;
	c->env->drop(c->env->arg, how, c->now_ms + in_ms);
}

unsigned bay_level(const struct cabinet *c, const struct bay *b)
{
	int64_t percent = b->level + (c->now_ms - b->level_ms) / PERCENT_MS;
	return percent > 100 ? 100 : (unsigned)percent;
}

struct bay *cabinet_bay(struct cabinet *c, unsigned slot)
{
	return slot >= 1 && slot <= c->n_bays ? &c->bays[slot - 1] : NULL;
}

const struct cabinet_tongue *cabinet_tongue(const struct cabinet *c)
{
	return c->family == CABINET_RUIOO ? &cabinet_ruioo : &cabinet_woshi;
}

/* ---- life ------------------------------------------------------------------------------------ */

int cabinet_create(const struct cabinet_options *o, struct cabinet **ret)
{
	unsigned slots = o->slots ? o->slots : 3;
	size_t imei_size = o->family == CABINET_RUIOO ? GV_RUIOO_IMEI_SIZE : GV_WOSHI_TEXT_SIZE;
	if (slots > CABINET_MAX_SLOTS || !*o->imei || strlen(o->imei) >= imei_size ||
	    (o->iccid && strlen(o->iccid) >= GV_RUIOO_ICCID_SIZE))
		return -EINVAL;
	struct cabinet *c = calloc(1, sizeof *c);
	struct bay *bays = calloc(slots, sizeof *bays);
	if (!c || !bays) {
		free(c);
		free(bays);
		return -ENOMEM;
	}
	c->env = o->env;
	c->faults = o->faults;
	c->family = o->family;
	c->check = o->check;
	c->style = o->style;
	c->bays = bays;
	c->n_bays = slots;
	c->heartbeat_s = o->heartbeat_s ? o->heartbeat_s : HEARTBEAT_S;
	c->now_ms = c->up_ms = o->powered_up_ms;
	c->heartbeat_ms = NEVER;
	snprintf(c->imei, sizeof c->imei, "%s", o->imei);
	snprintf(c->iccid, sizeof c->iccid, "%s", o->iccid ? o->iccid : "");
	for (unsigned i = 0; i < slots; i++)
		bays[i].at_ms = NEVER;
	*ret = c;
	return 0;
}

void cabinet_destroy(struct cabinet *c)
{
	if (!c)
		return;
	free(c->bays);
	free(c);
}

static void at(struct cabinet *c, int64_t now_ms)
{
	if (now_ms > c->now_ms)
		c->now_ms = now_ms;
}

void cabinet_connected(struct cabinet *c, int64_t now_ms)
{
	at(c, now_ms);
	c->connected = true;
	c->logged_in = false;
	c->in_size = 0;
	c->heartbeat_ms = c->now_ms + (int64_t)c->heartbeat_s * 1000;
	cabinet_spoke(c, CABINET_HELLO, 0, "");
	cabinet_tongue(c)->hello(c, true);
	report_connected(c);
}

void cabinet_receive(struct cabinet *c, int64_t now_ms, const void *data, size_t size)
{
	size_t used = 0, n;
	at(c, now_ms);
	if (!c->connected)
		return;
	if (c->in_size + size > IN_MAX) {
		c->count.unexpected++;
		c->in_size = 0;
	}
	if (size > IN_MAX)
		return;
	memcpy(c->in + c->in_size, data, size);
	c->in_size += size;
	while (used < c->in_size && (n = cabinet_tongue(c)->hear(c, c->in + used, c->in_size - used)))
		used += n;
	if (used > c->in_size) /* what was heard ended the connection */
		used = c->in_size;
	c->in_size -= used;
	memmove(c->in, c->in + used, c->in_size);
}

void cabinet_disconnected(struct cabinet *c, int64_t now_ms)
{
	at(c, now_ms);
	c->connected = c->logged_in = false;
	c->heartbeat_ms = NEVER;
	c->in_size = 0;
}

void cabinet_run(struct cabinet *c, int64_t now_ms)
{
	at(c, now_ms);
	for (unsigned i = 1; i <= c->n_bays; i++)
		slot_run(c, i);
	report_run(c);
	if (c->connected && c->heartbeat_ms <= c->now_ms) {
		c->heartbeat_ms = c->now_ms + (int64_t)c->heartbeat_s * 1000;
		cabinet_spoke(c, CABINET_HELLO, 0, "");
		cabinet_tongue(c)->hello(c, false);
	}
}

int64_t cabinet_next_ms(const struct cabinet *c)
{
	int64_t next = c->heartbeat_ms, report = report_next_ms(c);
	next = report < next ? report : next;
	for (unsigned i = 0; i < c->n_bays; i++)
		next = c->bays[i].at_ms < next ? c->bays[i].at_ms : next;
	return next;
}

/* ---- people ---------------------------------------------------------------------------------- */

static bool is_bank(const struct cabinet *c, const char *bank)
{
	size_t n = strspn(bank, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (c->family == CABINET_WOSHI)
		return !bank[n] && n == GV_WOSHI_BANK_SIZE - 1 && strspn(bank, "0123456789ABCDEF") == n;
	return !bank[n] && n >= GV_RUIOO_BANK_MIN && n < CABINET_BANK_SIZE;
}

static bool empty(const struct bay *b)
{
	return !b->bank[0] && !b->offered[0] && b->step == STEP_STILL;
}

/* The slot that is to take a bank: its number, -ENOENT or -EBUSY. */
static int room(struct cabinet *c, unsigned slot)
{
	if (slot)
		return !cabinet_bay(c, slot) ? -ENOENT : !empty(cabinet_bay(c, slot)) ? -EBUSY : (int)slot;
	for (unsigned i = 1; i <= c->n_bays; i++)
		if (empty(&c->bays[i - 1]) && !c->bays[i - 1].broken)
			return (int)i;
	return -EBUSY;
}

int cabinet_insert(struct cabinet *c, int64_t now_ms, unsigned slot, const char *bank, unsigned level_percent)
{
	at(c, now_ms);
	int n = is_bank(c, bank) ? room(c, slot) : -EINVAL;
	if (n < 0)
		return n;
	struct bay *b = &c->bays[n - 1];
	if (b->broken || c->now_ms < c->up_ms)
		return -EBUSY;
	bool locks = cabinet_tongue(c)->asks_on;
	snprintf(locks ? b->bank : b->offered, CABINET_BANK_SIZE, "%.20s", bank);
	b->level = b->offered_level = level_percent;
	b->level_ms = c->now_ms;
	b->step = STEP_OFFERED;
	b->asked = 0;
	b->at_ms = c->now_ms + 300 + (int64_t)cabinet_random_below(c, 700);
	if (locks && c->env->moved)
		c->env->moved(c->env->arg, CABINET_IN, (unsigned)n, bank);
	return n;
}

int cabinet_stock(struct cabinet *c, int64_t now_ms, unsigned slot, const char *bank, unsigned level_percent)
{
	at(c, now_ms);
	int n = is_bank(c, bank) ? room(c, slot) : -EINVAL;
	if (n < 0)
		return n;
	struct bay *b = &c->bays[n - 1];
	snprintf(b->bank, sizeof b->bank, "%.20s", bank);
	b->level = level_percent;
	b->level_ms = c->now_ms;
	return n;
}

int cabinet_take(struct cabinet *c, int64_t now_ms, unsigned slot, char ret_bank[CABINET_BANK_SIZE])
{
	struct bay *b = cabinet_bay(c, slot);
	at(c, now_ms);
	if (!b)
		return -ENOENT;
	if (b->step != STEP_STILL)
		return -EBUSY;
	if (!b->bank[0])
		return -ENODATA;
	if (ret_bank)
		memcpy(ret_bank, b->bank, CABINET_BANK_SIZE);
	b->bank[0] = 0;
	return 0;
}

int cabinet_break(struct cabinet *c, int64_t now_ms, unsigned slot, bool broken)
{
	struct bay *b = cabinet_bay(c, slot);
	at(c, now_ms);
	if (!b)
		return -ENOENT;
	b->broken = broken;
	return 0;
}

void cabinet_power_cycle(struct cabinet *c, int64_t now_ms, int64_t off_ms)
{
	at(c, now_ms);
	c->up_ms = c->now_ms + off_ms + BOOT_MS + (int64_t)cabinet_random_below(c, BOOT_MS);
	c->count.power_cycles++;
	cabinet_log(c, "lost its power");
	for (unsigned i = 1; i <= c->n_bays; i++)
		slot_power_cut(c, i);
	if (c->faults.forgets)
		c->n_reports = 0;
	cabinet_drop(c, CABINET_ABORT, c->up_ms - c->now_ms);
}

/* ---- what can be seen ------------------------------------------------------------------------ */

void cabinet_set_faults(struct cabinet *c, const struct cabinet_faults *faults)
{
	if (c->faults.never_repeats && !faults->never_repeats)
		c->n_reports = 0; /* it would say long afterwards what it has kept */
	c->faults = *faults;
}

const struct cabinet_faults *cabinet_faults(const struct cabinet *c)
{
	return &c->faults;
}

int cabinet_get_slot(const struct cabinet *c, int64_t now_ms, unsigned slot, struct cabinet_slot *ret)
{
	const struct bay *b = cabinet_bay((struct cabinet *)c, slot);
	if (!b)
		return -ENOENT;
	at((struct cabinet *)c, now_ms);
	*ret = (struct cabinet_slot){ .level_percent = b->bank[0] ? bay_level(c, b) : 0,
				      .broken = b->broken,
				      .moving = b->step != STEP_STILL };
	memcpy(ret->bank, b->bank, sizeof ret->bank);
	memcpy(ret->offered, b->offered, sizeof ret->offered);
	return 0;
}

void cabinet_get_state(const struct cabinet *c, struct cabinet_state *ret)
{
	*ret = c->count;
	ret->imei = c->imei;
	ret->slots = c->n_bays;
	ret->connected = c->connected;
	ret->reports = c->n_reports;
	for (unsigned i = 0; i < c->n_bays; i++)
		ret->banks += c->bays[i].bank[0] != 0;
}
