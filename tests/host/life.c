/* What happens in a life. Steps are drawn by chance, a little in favour of what comes next on the way from an order to
 * a session, as most draws would come to nothing otherwise. */
#include "life.h"

#include <galvan/charging.pb-c.h>

#include <stdlib.h>
#include <string.h>

#define STEPS_MIN 5
#define STEPS_MORE 6
#define BEGIN_MS 60000
#define STEP_MS 20000             /* between two of them */
#define LONG_MS (2 * 3600 * 1000) /* and sometimes */
#define GRID_MS 2000              /* lives take their steps together, so that they share turns */
#define RETURN_MS 60000           /* of the power, at the latest */
#define JUMP_MS (3 * 3600 * 1000)
#define HURRY_MS (10 * 60000) /* a terminal's clock goes ahead so far, at most */
#define TWIN_ROUNDS 6         /* of visits in the end, to both by turns */
#define FOLLOWS 8             /* one in so many of those who are on their way does something else */

#define CHARGING "galvan.charging.v1.Charging/"

struct post *life_either(struct life *l)
{
	return l->twin && host_below(l->h, 2) ? l->twin : &l->post;
}

const struct post_given *life_given(const struct life *l, unsigned i)
{
	if (i < l->post.n_given)
		return &l->post.given[i];
	i -= l->post.n_given;
	return l->twin && i < l->twin->n_given ? &l->twin->given[i] : NULL;
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void power_returns(struct host *h, void *arg)
{
	post_power_on(arg);
}

static void lose_power(struct life *l)
{
	struct post *post = life_either(l);

	if (!post->on)
		return;
	if (host_below(l->h, 2))
		post->write_left = 1 + host_below(l->h, 6);
	else
		post_power_off(post);
	host_after(l->h, 1000 + host_below(l->h, RETURN_MS), power_returns, post);
}

/* Each at most once in a life; going back with something in between. */
static void copy(struct life *l)
{
	if (l->kind == LIFE_HONEST || l->post.forked)
		return;
	if (l->kind == LIFE_TWIN) {
		l->twin = malloc(sizeof *l->twin);
		host_check(l->h, l->twin, "no memory");
		l->copied_at = l->post.mind.chain.next;
		post_twin(l->twin, &l->post);
	} else if (!l->post.older) {
		post_image(&l->post);
	} else {
		post_go_back(&l->post);
	}
}

static void unplug(struct post *post)
{
	if (!post->on)
		return;
	ble_pile_unplugged(&post->mind, 1, post_uptime_ms(post));
	post_pump(post);
}

static void stop_from_afar(struct life *l)
{
	Charging__StopRequest r = CHARGING__STOP_REQUEST__INIT;

	r.device = l->post.device;
	r.connector = 1;
	life_say(l, CHARGING "Stop", &r);
}

/* ---- a step ---------------------------------------------------------------------------------- */

static bool go_on(struct life *l);

/* It was refused, or has begun. */
static bool is_over(const struct life *l, const struct life_order *o)
{
	const struct post_given *g;

	for (unsigned i = 0; (g = life_given(l, i)); i++)
		if (memcmp(g->jti, o->jti, 16) == 0)
			return true;
	return !o->granted && !life_waits(o->start);
}

static void follow(struct host *h, void *arg)
{
	struct life *l = arg;

	life_listen(l);
	if (!go_on(l))
		return;
	if (host_below(h, FOLLOWS))
		host_after(h, GRID_MS, follow, l);
}

/* What comes next on the way to a session; false: nothing does. */
static bool go_on(struct life *l)
{
	const struct life_order *o = life_newest(l);

	if (l->post.closed || !l->post.on)
		return false;
	if ((!o || is_over(l, o)) && l->n_orders == LIFE_ORDERS)
		return false;
	if (!o || is_over(l, o))
		life_order(l);
	else if (o->granted && !o->size)
		life_ask_for_voucher(l);
	else if (o->granted)
		life_visit(l, &l->callers[0], CALLER_STARTS);
	return true;
}

static void anything(struct life *l)
{
	unsigned i = host_below(l->h, LIFE_CALLERS);
	struct caller *c = &l->callers[i];
	struct post *post = life_either(l);

	switch (host_below(l->h, 15)) {
	case 0:
		life_visit(l, &l->callers[0], CALLER_STARTS);
		return;
	case 1:
		life_visit(l, &l->callers[0], CALLER_STOPS);
		return;
	case 2:
	case 3:
		life_visit(l, c, CALLER_RELAYS);
		return;
	case 4:
		if (l->wired)
			post_network(post, !post->wants_line);
		return;
	case 5:
		lose_power(l);
		return;
	case 6:
		unplug(post);
		return;
	case 7:
	case 8:
		life_hand_in(l, i, false);
		return;
	case 9:
		life_forget(c, host_below(l->h, 4) == 0);
		life_fetch(l, i);
		return;
	case 10:
		copy(l);
		return;
	case 11:
		caller_restart(c);
		return;
	case 12:
		if (post->on)
			post_jump(post, host_below(l->h, JUMP_MS));
		return;
	case 13:
		caller_jump(c, host_below(l->h, HURRY_MS));
		return;
	default:
		stop_from_afar(l);
	}
}

static int64_t until_next(struct life *l)
{
	int64_t ms = 1 + host_below(l->h, host_below(l->h, 12) ? STEP_MS : LONG_MS);

	return GRID_MS - (host_now_ms(l->h) + ms) % GRID_MS + ms;
}

static void step(struct host *h, void *arg)
{
	struct life *l = arg;

	life_listen(l);
	if (host_below(h, 2))
		follow(h, l);
	else
		anything(l);
	if (host_below(h, 4) == 0)
		copy(l);
	if (--l->steps_left)
		host_after(h, until_next(l), step, l);
}

/* ---- from its beginning to its end ----------------------------------------------------------- */

void life_init(struct life *l, struct host *h, unsigned number, enum life_kind kind)
{
	l->h = h;
	l->number = number;
	l->kind = kind;
	l->wired = host_below(h, 4) != 0;
	l->steps_left = STEPS_MIN + host_below(h, STEPS_MORE);
	post_init(&l->post, h, number + 1);
}

void life_begin(struct life *l)
{
	for (unsigned i = 0; i < LIFE_CALLERS; i++)
		caller_init(&l->callers[i], l->h, l->post.root);
	post_power_on(&l->post);
	if (l->wired && host_below(l->h, 2))
		post_network(&l->post, true);
	host_after(l->h, GRID_MS * (1 + host_below(l->h, BEGIN_MS / GRID_MS)), step, l);
}

static void rest(struct life *l, struct post *post)
{
	post_power_on(post);
	post->write_left = 0;
	post_network(post, l->wired && post != l->twin); /* of two at one address, one has the line */
	unplug(post);
}

void life_rest(struct life *l)
{
	rest(l, &l->post);
	if (l->twin)
		rest(l, l->twin);
	for (unsigned i = 0; i < LIFE_CALLERS; i++) {
		caller_restart(&l->callers[i]);
		life_hand_in(l, i, true);
	}
}

/* The terminal comes to it, and has what it brings home handed in. */
static void drain(struct life *l, struct post *post)
{
	struct caller *c = &l->callers[0];

	life_forget(c, false);
	life_fetch(l, 0); /* the key set, without which the pile believes no receipt */
	if (!c->post) {
		c->voucher_size = 0;
		c->brings_time = false;
		caller_visit(c, post, CALLER_RELAYS, UINT32_MAX);
	}
	life_hand_in(l, 0, true);
}

bool life_drain(struct life *l)
{
	life_listen(l);
	if (l->twin)
		drain(l, l->rounds++ % 2 ? &l->post : l->twin);
	else if (!l->wired && (ble_pile_pending(&l->post.mind) || l->callers[0].n_carried))
		drain(l, &l->post);
	else
		return false;
	return !l->post.forked || (l->twin && l->rounds < TWIN_ROUNDS); /* no receipt is for it any more */
}

void life_fini(struct life *l)
{
	if (l->twin)
		post_fini(l->twin);
	free(l->twin);
	post_fini(&l->post);
}
