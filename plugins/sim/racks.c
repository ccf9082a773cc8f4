/* A cabinet of a fleet behind a real socket, and the people who carry banks to it and away. */
#include "racks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_SPREAD_MS 2 /* a fleet's cabinets come one after the other */

/* ---- one cabinet ----------------------------------------------------------------------------- */

static int on_dial(struct uplink *u, struct line *l, const struct line_events *events)
{
	return line_open_tcp(l, &u->all->io, events, &((struct rack *)u)->fleet->target);
}

static void on_connected(struct uplink *u, int64_t now_ms)
{
	cabinet_connected(((struct rack *)u)->model, now_ms);
}

static void on_disconnected(struct uplink *u, int64_t now_ms)
{
	cabinet_disconnected(((struct rack *)u)->model, now_ms);
}

static void on_receive(struct uplink *u, int64_t now_ms, const char *data, size_t size)
{
	cabinet_receive(((struct rack *)u)->model, now_ms, data, size);
}

static void on_run(struct uplink *u, int64_t now_ms)
{
	cabinet_run(((struct rack *)u)->model, now_ms);
}

static int64_t on_next(const struct uplink *u)
{
	return cabinet_next_ms(((const struct rack *)u)->model);
}

static void on_closed(struct uplink *u)
{
	struct rack *rack = (struct rack *)u;
	struct rack_fleet *f = rack->fleet;
	cabinet_destroy(rack->model);
	free(rack);
	rack_fleet_release(f);
}

static const struct uplink_model model = { on_dial, on_connected, on_disconnected, on_receive,
					   on_run,  on_next,      on_closed };

static void on_drop(void *arg, enum cabinet_drop how, int64_t reconnect_at_ms)
{
	struct rack *rack = arg;
	struct line *l = uplink_let_go(&rack->uplink, reconnect_at_ms);
	if (l && how == CABINET_HALF_OPEN)
		line_freeze(l);
	else if (l)
		line_abort(l, true);
}

static void on_send(void *arg, const void *data, size_t size)
{
	struct rack *rack = arg;
	if (rack->uplink.line)
		line_send_bytes(rack->uplink.line, data, size);
}

static uint64_t on_random(void *arg)
{
	return uplinks_random(&((struct rack *)arg)->fleet->owner->all);
}

static void on_log(void *arg, const char *line)
{
	struct rack *rack = arg;
	struct uplinks *all = &rack->fleet->owner->all;
	if (all->log)
		all->log(all->arg, rack->imei, line);
}

static int64_t now_ms(const struct rack_fleet *f)
{
	const struct uplinks *all = &f->owner->all;
	return all->now_ms(all->arg);
}

/* ---- people ---------------------------------------------------------------------------------- */

static void on_people(uv_timer_t *timer);

static void schedule_people(struct rack_fleet *f)
{
	int64_t next = INT64_MAX, now = now_ms(f);
	if (uv_is_closing((uv_handle_t *)&f->people))
		return;
	for (unsigned i = 0; i < f->n_hands; i++)
		next = f->hands[i].due_ms < next ? f->hands[i].due_ms : next;
	if (next == INT64_MAX) {
		uv_timer_stop(&f->people);
		return;
	}
	uv_update_time(f->owner->all.io.loop);
	uv_timer_start(&f->people, on_people, next > now ? (uint64_t)(next - now) : 0, 0);
}

/* Between half and one and a half of the time that people keep a bank. */
static int64_t patience(struct rack_fleet *f)
{
	uint64_t s = f->want->return_s;
	if (!s)
		return INT64_MAX;
	return now_ms(f) + (int64_t)(s * 500 + uplinks_random(&f->owner->all) % (s * 1000));
}

static void hand_to_people(struct rack_fleet *f, const char *bank)
{
	if (f->n_hands == f->cap_hands) {
		unsigned cap = f->cap_hands ? 2 * f->cap_hands : 16;
		struct hand *grown = realloc(f->hands, cap * sizeof *grown);
		if (!grown)
			return; /* nobody will bring it back */
		f->hands = grown;
		f->cap_hands = cap;
	}
	struct hand *h = &f->hands[f->n_hands++];
	snprintf(h->bank, sizeof h->bank, "%s", bank);
	h->due_ms = patience(f);
	schedule_people(f);
}

static void let_go(struct rack_fleet *f, unsigned i)
{
	f->hands[i] = f->hands[--f->n_hands];
}

static void on_people(uv_timer_t *timer)
{
	struct rack_fleet *f = timer->data;
	int64_t now = now_ms(f);
	for (unsigned i = 0; i < f->n_hands;) {
		struct hand *h = &f->hands[i];
		struct rack *rack = f->by_number[uplinks_random(&f->owner->all) % f->count];
		if (h->due_ms > now) {
			i++;
		} else if (cabinet_insert(rack->model, now, 0, h->bank,
					  (unsigned)(uplinks_random(&f->owner->all) % 80)) < 0) {
			h->due_ms = now + 5000; /* it is full: another one is looked for */
			i++;
		} else {
			let_go(f, i);
			uplink_schedule(&rack->uplink);
		}
	}
	schedule_people(f);
}

static void on_moved(void *arg, enum cabinet_move what, unsigned slot, const char *bank)
{
	struct rack *rack = arg;
	if (what == CABINET_OUT || what == CABINET_BACK)
		hand_to_people(rack->fleet, bank);
}

int rack_return(struct rack *rack, unsigned slot, const char *bank, char ret_bank[CABINET_BANK_SIZE])
{
	struct rack_fleet *f = rack->fleet;
	unsigned i = 0;
	while (*bank && i < f->n_hands && strcmp(f->hands[i].bank, bank) != 0)
		i++;
	if (!*bank && !f->n_hands)
		return -ENODATA;
	snprintf(ret_bank, CABINET_BANK_SIZE, "%.20s", *bank ? bank : f->hands[0].bank);
	int n = cabinet_insert(rack->model, now_ms(rack->fleet), slot, ret_bank, 20);
	if (n > 0 && i < f->n_hands)
		let_go(f, i);
	return n;
}

int rack_take(struct rack *rack, unsigned slot, char ret_bank[CABINET_BANK_SIZE])
{
	int r = cabinet_take(rack->model, now_ms(rack->fleet), slot, ret_bank);
	if (r == 0)
		hand_to_people(rack->fleet, ret_bank);
	return r;
}

/* ---- made and removed ------------------------------------------------------------------------ */

void rack_faults(const Sim__CabinetFaults *from, struct cabinet_faults *ret)
{
	*ret = (struct cabinet_faults){ 0 };
	if (!from)
		return;
	ret->lose_report_pm = from->lose_report_pm;
	ret->double_report_pm = from->double_report_pm;
	ret->late_report_pm = from->late_report_pm;
	ret->lose_answer_pm = from->lose_answer_pm;
	ret->late_answer_pm = from->late_answer_pm;
	ret->late_ms = from->late_ms;
	ret->jam_pm = from->jam_pm;
	ret->return_jam_pm = from->return_jam_pm;
	ret->reboot_before_pm = from->reboot_before_pm;
	ret->reboot_after_pm = from->reboot_after_pm;
	ret->half_open_pm = from->half_open_pm;
	ret->repeat_s = from->repeat_s;
	ret->never_repeats = from->never_repeats;
	ret->forgets = from->forgets;
	ret->never_answers = from->never_answers;
	ret->bf_for_rf = from->bf_for_rf;
	ret->nu_for_nf = from->nu_for_nf;
	ret->glued_list = from->glued_list;
	ret->comma_list = from->comma_list;
	ret->empty_as_em = from->empty_as_em;
	ret->checks_bank = from->checks_bank;
	ret->stale_list = from->stale_list;
}

static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

/* Banks have ids that both families can say: 16 hex digits, of the fleet's name and a number. */
static void fill(struct rack *rack, unsigned number, unsigned slots)
{
	const Sim__CabinetFleet *want = rack->fleet->want;
	unsigned banks = want->banks ? want->banks : slots - 1;
	char bank[CABINET_BANK_SIZE];
	for (unsigned i = 0; i < banks && i < slots; i++) {
		snprintf(bank, sizeof bank, "%08X%08X", hash(want->name), number * CABINET_MAX_SLOTS + i);
		cabinet_stock(rack->model, now_ms(rack->fleet), i + 1, bank, 100);
	}
}

int rack_add(struct rack_fleet *f, uint64_t imei, unsigned number)
{
	struct racks *r = f->owner;
	const Sim__CabinetFleet *want = f->want;
	struct rack *rack = calloc(1, sizeof *rack);
	if (!rack)
		return -ENOMEM;
	rack->fleet = f;
	rack->env = (struct cabinet_env){
		.arg = rack, .random = on_random, .send = on_send, .drop = on_drop, .moved = on_moved, .log = on_log
	};
	snprintf(rack->imei, sizeof rack->imei, "%015llu", (unsigned long long)(imei % UINT64_C(1000000000000000)));
	struct cabinet_options o = { .imei = rack->imei,
				     .family = strcmp(want->driver, "woshi") == 0 ? CABINET_WOSHI : CABINET_RUIOO,
				     .slots = want->slots ? want->slots : 3,
				     .heartbeat_s = want->heartbeat_s,
				     .style = strcmp(want->style, "dot") == 0 ? GV_RUIOO_DOT : GV_RUIOO_COMMA,
				     .env = &rack->env,
				     .powered_up_ms = now_ms(rack->fleet) };
	if (*want->crc)
		gv_ruioo_check_parse(want->crc, &o.check);
	rack_faults(want->faults, &o.faults);
	int e = cabinet_create(&o, &rack->model);
	if (e < 0) {
		free(rack);
		return e;
	}
	fill(rack, number, o.slots);
	f->alive++;
	f->by_number[f->count++] = rack;
	r->cabinets++;
	uplink_begin(&rack->uplink, &r->all, &model, (uint64_t)want->count * START_SPREAD_MS);
	return 0;
}

void rack_remove(struct rack *rack)
{
	rack->fleet->owner->cabinets--;
	uplink_end(&rack->uplink);
}
