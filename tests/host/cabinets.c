/* See cabinets.h. Every entry into a model is made from the clock or from the network, never from inside one. */
#include "cabinets.h"
#include "scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_S 300
#define RETRY_MS 60000 /* a person whose bank was not taken tries again within it, maybe elsewhere */
#define KEPT_MS 600000 /* a bank is brought back within it */

static uint64_t on_random(void *arg)
{
	return host_random(((struct box *)arg)->all->h);
}

static struct bank *find(struct cabinets *all, const char *id)
{
	for (unsigned i = 0; i < all->n_banks; i++)
		if (!strcmp(all->bank[i].id, id))
			return &all->bank[i];
	host_fail(all->h, "there is no bank %s", id);
}

bool cabinets_is_bank(const struct cabinets *all, const char *id)
{
	for (unsigned i = 0; i < all->n_banks; i++)
		if (!strcmp(all->bank[i].id, id))
			return true;
	return false;
}

struct box *cabinets_any(struct cabinets *all)
{
	return &all->box[host_below(all->h, all->n)];
}

/* ---- people ---------------------------------------------------------------------------------- */

static void bring(struct host *h, void *arg);

static void bring_in(struct bank *b, uint32_t within_ms)
{
	struct host *h = b->all->h;

	if (b->on_its_way)
		return;
	b->on_its_way = true;
	host_after(h, 1 + host_below(h, within_ms), bring, b);
}

static void bring(struct host *h, void *arg)
{
	struct bank *b = arg;
	struct box *box = cabinets_any(b->all);

	b->on_its_way = false;
	if (b->where != BANK_IN_HANDS)
		return;
	if (cabinet_insert(box->model, host_now_ms(h), 0, b->id, host_below(h, 100)) < 0) {
		bring_in(b, RETRY_MS);
		return;
	}
	b->where = BANK_IN_BOX;
	box_schedule(box);
}

static void on_moved(void *arg, enum cabinet_move what, unsigned slot, const char *id)
{
	struct box *box = arg;
	struct cabinets *all = box->all;
	struct bank *b = find(all, id);

	if (what == CABINET_IN || what == CABINET_STUCK)
		return;
	host_check(all->h, b->where == BANK_IN_BOX, "bank %s comes out of slot %u of %s, and is in nobody's", id, slot,
		   box->device);
	b->where = BANK_IN_HANDS;
	if (what == CABINET_OUT) {
		memcpy(box->gone[slot], b->id, sizeof b->id);
		all->outs++;
		b->outs++;
		b->kept = !all->no_rest && host_below(all->h, 1000) < all->keep_pm;
	}
	if (!b->kept)
		bring_in(b, all->no_rest || what == CABINET_BACK ? RETRY_MS : KEPT_MS);
}

void box_rob(struct box *b, unsigned slot)
{
	char id[CABINET_BANK_SIZE];
	struct bank *bank;

	if (cabinet_take(b->model, host_now_ms(b->all->h), slot, id) < 0)
		return;
	bank = find(b->all, id);
	bank->where = BANK_IN_HANDS;
	bring_in(bank, KEPT_MS);
}

void cabinets_bring_all(struct cabinets *all)
{
	all->no_rest = true;
	for (unsigned i = 0; i < all->n_banks; i++) {
		struct bank *b = &all->bank[i];

		b->kept = false;
		if (b->where == BANK_IN_HANDS)
			bring_in(b, RETRY_MS);
	}
}

bool cabinets_at_rest(const struct cabinets *all)
{
	struct cabinet_state state;
	struct cabinet_slot slot;

	for (unsigned i = 0; i < all->n_banks; i++)
		if (all->bank[i].where == BANK_IN_HANDS)
			return false;
	for (unsigned i = 0; i < all->n; i++) {
		cabinet_get_state(all->box[i].model, &state);
		if (!state.connected || state.reports)
			return false;
		for (unsigned s = 1; s <= all->box[i].slots; s++) {
			cabinet_get_slot(all->box[i].model, host_now_ms(all->h), s, &slot);
			if (slot.moving)
				return false;
		}
	}
	return true;
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* A cabinet speaks of a bank: wherever it came out, it is known to be out. */
static void seen(struct cabinets *all, const char *bank)
{
	for (unsigned i = 0; *bank && i < all->n; i++)
		for (unsigned slot = 1; slot <= CABINETS_SLOTS; slot++)
			if (!strcmp(all->box[i].gone[slot], bank))
				all->box[i].told[slot] = false;
}

static void seen_all(struct box *b)
{
	struct cabinet_slot slot;

	memset(b->told, 0, sizeof b->told);
	for (unsigned i = 1; i <= b->slots; i++)
		if (cabinet_get_slot(b->model, host_now_ms(b->all->h), i, &slot) == 0)
			seen(b->all, slot.bank);
}

/* Never a second lend of a slot unless something was said of it since: a report, the cabinet's whole list, or that the
 * bank is somewhere else. */
static void on_spoke(void *arg, enum cabinet_word word, unsigned slot, const char *bank)
{
	struct box *b = arg;

	switch (word) {
	case CABINET_LIST:
		seen_all(b);
		break;
	case CABINET_ASK:
	case CABINET_TAKEN:
	case CABINET_NOT_TAKEN:
		seen(b->all, bank);
		break;
	case CABINET_LENT:
	case CABINET_NOT_LENT:
		if (slot <= CABINETS_SLOTS)
			b->told[slot] = false;
		break;
	case CABINET_LEND:
		host_check(b->all->h, slot && slot <= b->slots, "%s is to open slot %u", b->device, slot);
		host_check(b->all->h, !b->told[slot], "%s is to open slot %u again, and has said nothing since",
			   b->device, slot);
		b->told[slot] = true;
		b->lends++;
		break;
	default:
		break;
	}
}

/* ---- the connection -------------------------------------------------------------------------- */

static void ring(struct host *h, void *arg)
{
	struct box *b = arg;
	int64_t now = host_now_ms(h);

	if (b->alarm_ms > now)
		return; /* another one rings, earlier or later */
	b->alarm_ms = INT64_MAX;
	if (b->connect_ms <= now && !b->dialing) {
		b->connect_ms = INT64_MAX;
		b->dialing = true;
		host_station_connect(b->station);
	}
	cabinet_run(b->model, now);
	box_schedule(b);
}

void box_schedule(struct box *b)
{
	struct host *h = b->all->h;
	int64_t now = host_now_ms(h), next = cabinet_next_ms(b->model);

	if (!b->dialing && b->connect_ms < next)
		next = b->connect_ms;
	if (next >= b->alarm_ms)
		return;
	b->alarm_ms = next > now ? next : now;
	host_after(h, b->alarm_ms - now, ring, b);
}

static void on_send(void *arg, const void *data, size_t size)
{
	host_station_send(((struct box *)arg)->station, GV_BYTES, data, size);
}

static void on_drop(void *arg, enum cabinet_drop how, int64_t reconnect_at_ms)
{
	struct box *b = arg;

	/* Whoever loses power sends no farewell either. */
	host_station_vanish(b->station);
	b->connect_ms = reconnect_at_ms;
}

static void on_open(struct host_station *s, void *arg)
{
	struct box *b = arg;

	b->dialing = false;
	if (b->connect_ms == INT64_MAX)
		cabinet_connected(b->model, host_now_ms(b->all->h));
	else
		host_station_vanish(s); /* the power went while it connected */
	box_schedule(b);
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct box *b = arg;

	cabinet_receive(b->model, host_now_ms(b->all->h), data, size);
	box_schedule(b);
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	struct box *b = arg;
	struct host *h = b->all->h;

	b->dialing = false;
	cabinet_disconnected(b->model, host_now_ms(h));
	if (b->connect_ms == INT64_MAX)
		b->connect_ms = host_now_ms(h) + 1000 + host_below(h, 10000);
	box_schedule(b);
}

static const struct host_station_model model = { on_open, on_frame, on_close };

/* ---- life ------------------------------------------------------------------------------------ */

static void box_create(struct cabinets *all, unsigned i, const struct cabinet_faults *faults)
{
	struct box *b = &all->box[i];
	bool binary = i + 1 == all->n && all->n > 1;
	char imei[GV_RUIOO_IMEI_SIZE];
	struct cabinet_options o = { .imei = imei,
				     .family = binary ? CABINET_WOSHI : CABINET_RUIOO,
				     .slots = 3 + i % 2,
				     .heartbeat_s = HEARTBEAT_S,
				     .check = gv_ruioo_check_at(0),
				     .style = i % 2 ? GV_RUIOO_DOT : GV_RUIOO_COMMA,
				     .faults = *faults,
				     .env = &b->env,
				     .powered_up_ms = host_now_ms(all->h) };

	snprintf(imei, sizeof imei, "8600000000000%02u", i);
	snprintf(b->device, sizeof b->device, "powerbank:%s", imei);
	b->all = all;
	b->slots = o.slots;
	b->family = o.family;
	b->alarm_ms = b->connect_ms = INT64_MAX;
	b->env = (struct cabinet_env){
		.arg = b, .random = on_random, .send = on_send, .drop = on_drop, .moved = on_moved, .spoke = on_spoke
	};
	host_check(all->h, cabinet_create(&o, &b->model) == 0, "a cabinet cannot be made");
	b->station = host_tcp(all->h, "powerbank", binary ? "woshi" : "ruioo", b->device, &model, b);
}

struct cabinets *cabinets_create(struct host *h, unsigned n, unsigned n_banks, const struct cabinet_faults *faults)
{
	struct cabinets *all = calloc(1, sizeof *all);

	host_check(h, all && n <= CABINETS_MAX && n_banks <= CABINETS_BANKS, "so many cabinets cannot be");
	all->h = h;
	all->n = n;
	all->n_banks = n_banks;
	for (unsigned i = 0; i < n; i++)
		box_create(all, i, faults);
	for (unsigned i = 0; i < n_banks; i++) {
		struct bank *b = &all->bank[i];

		b->all = all;
		snprintf(b->id, sizeof b->id, "5231303030303%03u", i);
		host_check(h,
			   cabinet_stock(all->box[i % n].model, host_now_ms(h), 0, b->id, 100 - host_below(h, 60)) >= 0,
			   "a cabinet has no room for bank %s", b->id);
	}
	return all;
}

void cabinets_destroy(struct cabinets *all)
{
	for (unsigned i = 0; i < all->n; i++)
		cabinet_destroy(all->box[i].model);
	free(all);
}

void cabinets_connect(struct cabinets *all)
{
	for (unsigned i = 0; i < all->n; i++) {
		all->box[i].connect_ms = host_now_ms(all->h);
		box_schedule(&all->box[i]);
	}
}

void cabinets_calm(struct cabinets *all)
{
	static const struct cabinet_faults none = { 0 };

	for (unsigned i = 0; i < all->n; i++) {
		struct box *b = &all->box[i];

		cabinet_set_faults(b->model, &none);
		for (unsigned s = 1; s <= b->slots; s++)
			cabinet_break(b->model, host_now_ms(all->h), s, false);
		box_schedule(b);
	}
}

struct cabinet_faults cabinets_trouble(struct host *h)
{
	struct cabinet_faults f = { 0 };
	uint32_t kind = host_seed(h) >= ONE_CRASH ? 0 : (uint32_t)(host_seed(h) / 8 % 8);

	f.late_ms = 60000;
	if (kind & 1) {
		f.lose_report_pm = host_below(h, 500);
		f.lose_answer_pm = host_below(h, 500);
		f.double_report_pm = host_below(h, 500);
		f.never_repeats = !host_below(h, 4);
	}
	if (kind & 2) {
		f.late_report_pm = host_below(h, 500);
		f.late_answer_pm = host_below(h, 500);
		f.stale_list = host_below(h, 2);
		f.half_open_pm = host_below(h, 200);
	}
	if (kind & 4) {
		f.jam_pm = host_below(h, 400);
		f.return_jam_pm = host_below(h, 400);
		f.reboot_before_pm = host_below(h, 300);
		f.reboot_after_pm = host_below(h, 300);
		f.forgets = host_below(h, 2);
		f.checks_bank = host_below(h, 2);
	}
	f.bf_for_rf = kind && host_below(h, 2);
	f.nu_for_nf = host_below(h, 2);
	f.glued_list = host_below(h, 3) == 0;
	f.comma_list = host_below(h, 3) == 0;
	f.empty_as_em = host_below(h, 2);
	return f;
}
