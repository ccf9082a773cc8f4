/* Budgets. Each has a clock that says up to when its bandwidth is given away; a transfer that wants to send takes the
 * next few bytes' worth of time from the clocks of all its budgets, and waits until the latest of these slots has come.
 * Then it does so again, behind all others that have asked meanwhile: so all go round, in equal parts, and what one
 * budget holds back is not taken from the others. Nothing runs while everybody waits but libuv's own timers.
 *
 * A clock that lags behind the real one is a budget that was not used; at most BURST_US of that may be made up for. */
#include "budgets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US UINT64_C(1000000)
#define BURST_US 100000     /* of bandwidth that may be made up for */
#define TIMER_US 1000       /* what libuv can wait for; what is due sooner is due now */
#define TURN_MIN 1460       /* bytes at a time: a packet, */
#define TURN_MAX (16 << 10) /* or this, */
#define TURNS_PER_S 100     /* or more, where that would be too many turns a second */
#define ROUNDS_PER_S 2      /* all users of a budget should have had a turn so often */
#define RATE_MAX (UINT64_MAX / SECOND_US)

struct budget {
	struct budget *next;
	char *name;
	uint64_t rate;     /* bytes a second; 0: no limit */
	uint64_t clock_us; /* of the loop's clock */
	unsigned users;
};

static uint64_t now_us(const struct link *l)
{
	return link_now(l) * 1000;
}

/* ---- by name --------------------------------------------------------------------------------- */

static struct budget *find_or_make(struct link *l, const char *name)
{
	struct budget **slot, *b;

	if (!l->budgets)
		l->budgets = calloc(LINK_BUDGET_SLOTS, sizeof(struct budget *));
	if (!l->budgets)
		return NULL;
	slot = &l->budgets[view_hash(name) & (LINK_BUDGET_SLOTS - 1)];
	for (b = *slot; b && strcmp(b->name, name) != 0; b = b->next)
		;
	if (b)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b || !(b->name = strdup(name))) {
		free(b);
		return NULL;
	}
	b->clock_us = now_us(l);
	b->next = *slot;
	*slot = b;
	l->n_budgets++;
	return b;
}

/* What is given away already was at the old rate; it takes as much longer or shorter now. */
static void set_rate(struct link *l, struct budget *b, uint64_t rate)
{
	uint64_t now = now_us(l), ahead = b->clock_us > now ? b->clock_us - now : 0;

	if (rate > RATE_MAX)
		rate = RATE_MAX;
	if (ahead && b->rate != rate)
		b->clock_us = now + (rate ? (uint64_t)((double)ahead * (double)b->rate / (double)rate) : 0);
	b->rate = rate;
}

void budgets_sweep(struct link *l, uint64_t now)
{
	for (size_t i = 0; l->budgets && i < LINK_BUDGET_SLOTS; i++) {
		struct budget **at = &l->budgets[i];

		while (*at) {
			struct budget *b = *at;

			/* one that is gone too early would be new, and full, for the next answer */
			if (b->users || b->clock_us > now * 1000) {
				at = &b->next;
				continue;
			}
			*at = b->next;
			l->n_budgets--;
			free(b->name);
			free(b);
		}
	}
}

void budgets_fini(struct link *l)
{
	budgets_sweep(l, UINT64_MAX / 1000);
	free(l->budgets);
	l->budgets = NULL;
}

/* ---- a transfer ------------------------------------------------------------------------------ */

static void on_turn(uv_timer_t *timer)
{
	struct pace *p = timer->data;

	p->waits = false;
	http_pump(p->conn);
}

static int check(const Link__HttpResponse *m, const char **ret_why)
{
	*ret_why = "more than 8 budgets";
	if (m->n_budgets > BUDGETS_MAX)
		return -EINVAL;
	*ret_why = "a budget's name must have 1 to 128 bytes";
	for (size_t i = 0; i < m->n_budgets; i++) {
		if (!m->budgets[i]->name[0] || strlen(m->budgets[i]->name) > BUDGET_NAME_MAX)
			return -EINVAL;
	}
	*ret_why = "out of memory";
	return 0;
}
_Static_assert(BUDGETS_MAX == 8 && BUDGET_NAME_MAX == 128, "the sentences above and link.proto say so");

int pace_join(struct pace *p, struct conn *c, const Link__HttpResponse *m, const char **ret_why)
{
	struct link *l = c->link;
	int r = check(m, ret_why);

	p->conn = c;
	if (r < 0 || !m->n_budgets)
		return r;
	p->budgets = calloc(m->n_budgets, sizeof(struct budget *));
	p->timer = link_handle(l, sizeof(*p->timer));
	if (p->timer) {
		uv_timer_init(l->loop, p->timer);
		p->timer->data = p;
	}
	if (!p->budgets || !p->timer)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_budgets; i++) {
		struct budget *b = find_or_make(l, m->budgets[i]->name);

		if (!b)
			return -ENOMEM;
		set_rate(l, b, m->budgets[i]->bytes_per_s);
		b->users++;
		p->budgets[p->n++] = b;
	}
	return 0;
}

/* The time that these bytes take. */
static uint64_t cost_us(const struct budget *b, uint64_t bytes)
{
	return b->rate ? bytes * SECOND_US / b->rate : 0;
}

void pace_leave(struct pace *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct budget *b = p->budgets[i];
		uint64_t unspent_us = cost_us(b, p->granted); /* is left to those who stay */

		b->clock_us -= unspent_us < b->clock_us ? unspent_us : b->clock_us;
		b->users--;
	}
	free(p->budgets);
	if (p->timer)
		link_handle_close(p->conn->link, p->timer);
	memset(p, 0, sizeof(*p));
}

/* Bytes at a time: enough that a fast download needs few turns, and few enough that everybody has one soon. */
static uint64_t turn_of(const struct budget *b)
{
	uint64_t most = b->rate / TURNS_PER_S > TURN_MAX ? b->rate / TURNS_PER_S : TURN_MAX;
	uint64_t fair = b->rate / ROUNDS_PER_S / b->users;

	if (!b->rate || fair > most)
		return b->rate ? most : UINT64_MAX;
	return fair < TURN_MIN ? TURN_MIN : fair;
}

/* Takes time for so many bytes from all clocks; when they may be sent. */
static uint64_t reserve(struct pace *p, uint64_t bytes, uint64_t now)
{
	uint64_t due = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct budget *b = p->budgets[i];

		if (b->clock_us + BURST_US < now)
			b->clock_us = now - BURST_US;
		if (b->rate && b->clock_us > due)
			due = b->clock_us;
		b->clock_us += cost_us(b, bytes);
	}
	return due;
}

uint64_t pace_allows(struct pace *p, uint64_t want)
{
	uint64_t now, due;

	if (!p->n)
		return want;
	if (p->waits)
		return 0;
	if (p->granted)
		return p->granted < want ? p->granted : want;
	for (size_t i = 0; i < p->n; i++) {
		uint64_t turn = turn_of(p->budgets[i]);

		if (turn < want)
			want = turn;
	}
	now = now_us(p->conn->link);
	due = reserve(p, want, now);
	p->granted = want;
	if (due < now + TIMER_US)
		return want;
	p->waits = true;
	uv_timer_start(p->timer, on_turn, (due - now + TIMER_US - 1) / TIMER_US, 0);
	return 0;
}

void pace_spent(struct pace *p, uint64_t bytes)
{
	if (p->n)
		p->granted -= bytes;
}
