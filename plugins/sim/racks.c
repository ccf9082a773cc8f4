/* Puts models of cabinets behind real sockets: each has a line, a timer for what is due next, and a back-off for when
 * the server is away. */
#include "racks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_TIMEOUT_MS 30000
#define FIRST_BACKOFF_MS 1000
#define MAX_BACKOFF_MS 60000
#define START_SPREAD_MS 2 /* a fleet's cabinets come one after the other */
#define MAX_SPREAD_MS 20000

static uint64_t next_random(struct racks *r)
{
	uint64_t z = r->io.random += 0x9e3779b97f4a7c15u; /* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int64_t now_ms(const struct rack *rack)
{
	return rack->fleet->owner->now_ms(rack->fleet->owner->arg);
}

void racks_release(struct racks *r)
{
	if (--r->handles == 0 && r->closing && !r->first)
		r->closed(r->arg);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void on_open(struct line *l)
{
	struct rack *rack = l->owner;
	if (!rack || rack->line != l)
		return;
	rack->failures = 0;
	rack->connects++;
	rack->give_up_ms = INT64_MAX;
	rack->fleet->owner->connected++;
	cabinet_connected(rack->model, now_ms(rack));
	rack_schedule(rack);
}

static void on_bytes(struct line *l, const char *data, size_t size)
{
	struct rack *rack = l->owner;
	if (!rack || rack->line != l)
		return;
	cabinet_receive(rack->model, now_ms(rack), data, size);
	rack_schedule(rack);
}

static void back_off(struct rack *rack)
{
	int64_t wait_ms = FIRST_BACKOFF_MS << (rack->failures < 6 ? rack->failures : 6);
	wait_ms = wait_ms < MAX_BACKOFF_MS ? wait_ms : MAX_BACKOFF_MS;
	rack->failures++;
	rack->connect_ms = now_ms(rack) + wait_ms + (int64_t)(next_random(rack->fleet->owner) % (uint64_t)wait_ms);
}

static void on_end(struct line *l, bool opened, const char *why)
{
	struct racks *r = (struct racks *)((char *)l->io - offsetof(struct racks, io));
	struct rack *rack = l->owner;
	if (rack && rack->ghost == l) {
		rack->ghost = NULL;
	} else if (rack && rack->line == l) {
		rack->line = NULL;
		rack->give_up_ms = INT64_MAX;
		r->connected -= opened;
		snprintf(rack->last_error, sizeof rack->last_error, "%s", *why ? why : "connecting took too long");
		back_off(rack);
		if (opened)
			cabinet_disconnected(rack->model, now_ms(rack));
		rack_schedule(rack);
	}
	free(l);
	racks_release(r);
}

static const struct line_events events = { on_open, on_bytes, on_end };

static void lay_ghost(struct rack *rack)
{
	if (rack->ghost) {
		rack->ghost->owner = NULL;
		line_abort(rack->ghost, true);
	}
	rack->ghost = NULL;
}

static void on_drop(void *arg, enum cabinet_drop how, int64_t reconnect_at_ms)
{
	struct rack *rack = arg;
	struct line *l = rack->line;
	rack->connect_ms = reconnect_at_ms;
	if (!l)
		return;
	rack->line = NULL;
	rack->fleet->owner->connected -= l->opened;
	lay_ghost(rack);
	rack->ghost = l;
	if (how == CABINET_HALF_OPEN)
		line_freeze(l);
	else
		line_abort(l, true);
}

static void connect_now(struct rack *rack)
{
	struct racks *r = rack->fleet->owner;
	struct line *l = calloc(1, sizeof *l);
	rack->connect_ms = INT64_MAX;
	if (l)
		l->owner = rack;
	if (!l || line_open_tcp(l, &r->io, &events, &rack->fleet->target) < 0) {
		free(l);
		back_off(rack);
		return;
	}
	rack->line = l;
	rack->give_up_ms = now_ms(rack) + DIAL_TIMEOUT_MS;
	r->handles++;
}

/* ---- one cabinet ----------------------------------------------------------------------------- */

static void on_send(void *arg, const void *data, size_t size)
{
	struct rack *rack = arg;
	if (rack->line)
		line_send_bytes(rack->line, data, size);
}

static uint64_t on_random(void *arg)
{
	return next_random(((struct rack *)arg)->fleet->owner);
}

static void on_log(void *arg, const char *line)
{
	struct rack *rack = arg;
	struct racks *r = rack->fleet->owner;
	if (r->log)
		r->log(r->arg, rack->imei, line);
}

static void on_timer(uv_timer_t *timer)
{
	struct rack *rack = timer->data;
	int64_t now = now_ms(rack);
	if (rack->connect_ms <= now && !rack->line)
		connect_now(rack);
	if (rack->give_up_ms <= now && rack->line && !rack->line->opened) {
		rack->give_up_ms = INT64_MAX;
		line_abort(rack->line, true);
	}
	cabinet_run(rack->model, now);
	rack_schedule(rack);
}

void rack_schedule(struct rack *rack)
{
	int64_t next = cabinet_next_ms(rack->model), now = now_ms(rack);
	if (uv_is_closing((uv_handle_t *)&rack->timer))
		return;
	next = rack->connect_ms < next ? rack->connect_ms : next;
	next = rack->give_up_ms < next ? rack->give_up_ms : next;
	if (next == INT64_MAX) {
		uv_timer_stop(&rack->timer);
		return;
	}
	uv_update_time(rack->fleet->owner->io.loop);
	uv_timer_start(&rack->timer, on_timer, next > now ? (uint64_t)(next - now) : 0, 0);
}

/* ---- people ---------------------------------------------------------------------------------- */

static void on_people(uv_timer_t *timer);

static void schedule_people(struct rack_fleet *f)
{
	int64_t next = INT64_MAX, now = f->owner->now_ms(f->owner->arg);
	if (uv_is_closing((uv_handle_t *)&f->people))
		return;
	for (unsigned i = 0; i < f->n_hands; i++)
		next = f->hands[i].due_ms < next ? f->hands[i].due_ms : next;
	if (next == INT64_MAX) {
		uv_timer_stop(&f->people);
		return;
	}
	uv_update_time(f->owner->io.loop);
	uv_timer_start(&f->people, on_people, next > now ? (uint64_t)(next - now) : 0, 0);
}

/* Between half and one and a half of the time that people keep a bank. */
static int64_t patience(struct rack_fleet *f)
{
	uint64_t s = f->want->return_s;
	if (!s)
		return INT64_MAX;
	return f->owner->now_ms(f->owner->arg) + (int64_t)(s * 500 + next_random(f->owner) % (s * 1000));
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
	int64_t now = f->owner->now_ms(f->owner->arg);
	for (unsigned i = 0; i < f->n_hands;) {
		struct hand *h = &f->hands[i];
		struct rack *rack = f->by_number[next_random(f->owner) % f->count];
		if (h->due_ms > now) {
			i++;
		} else if (cabinet_insert(rack->model, now, 0, h->bank, (unsigned)(next_random(f->owner) % 80)) < 0) {
			h->due_ms = now + 5000; /* it is full: another one is looked for */
			i++;
		} else {
			let_go(f, i);
			rack_schedule(rack);
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
	int n = cabinet_insert(rack->model, now_ms(rack), slot, ret_bank, 20);
	if (n > 0 && i < f->n_hands)
		let_go(f, i);
	return n;
}

int rack_take(struct rack *rack, unsigned slot, char ret_bank[CABINET_BANK_SIZE])
{
	int r = cabinet_take(rack->model, now_ms(rack), slot, ret_bank);
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
		cabinet_stock(rack->model, now_ms(rack), i + 1, bank, 100);
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
				     .powered_up_ms = now_ms(rack) };
	if (*want->crc)
		gv_ruioo_check_parse(want->crc, &o.check);
	rack_faults(want->faults, &o.faults);
	int e = cabinet_create(&o, &rack->model);
	if (e < 0) {
		free(rack);
		return e;
	}
	fill(rack, number, o.slots);
	uint64_t spread_ms = (uint64_t)want->count * START_SPREAD_MS;
	rack->give_up_ms = INT64_MAX;
	rack->connect_ms = o.powered_up_ms +
			   (int64_t)(next_random(r) % (1 + (spread_ms < MAX_SPREAD_MS ? spread_ms : MAX_SPREAD_MS)));
	rack->timer.data = rack;
	uv_timer_init(r->io.loop, &rack->timer);
	r->handles++;
	f->alive++;
	f->by_number[f->count++] = rack;
	r->cabinets++;
	rack_schedule(rack);
	return 0;
}

static void timer_closed(uv_handle_t *handle)
{
	struct rack *rack = handle->data;
	struct rack_fleet *f = rack->fleet;
	cabinet_destroy(rack->model);
	free(rack);
	rack_handle_closed(f);
}

void rack_remove(struct rack *rack)
{
	struct racks *r = rack->fleet->owner;
	r->cabinets--;
	lay_ghost(rack);
	if (rack->line) {
		r->connected -= rack->line->opened;
		rack->line->owner = NULL;
		line_abort(rack->line, false);
		rack->line = NULL;
	}
	uv_close((uv_handle_t *)&rack->timer, timer_closed);
}
