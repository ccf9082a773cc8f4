/* Brings about what is wanted of a payment: one request at a time, each chosen from what is wanted and what is known.
 * Whoever does not know how a request ended asks how things stand before the next one that moves money. */
#include "pay_internal.h"

#include <lib/hex.h>
#include <openssl/sha.h>

#include <errno.h>
#include <string.h>

#define AT_ONCE_MAX 8                       /* answers that come without a call, in one turn */
#define KEY_LIFE_MS (23 * INT64_C(3600000)) /* providers forget keys after 24 h at the earliest */
#define WAIT_FIRST_MS 500                   /* before the second try; doubles */
#define WAIT_MAX_MS INT64_C(300000)
#define POLL_FIRST_MS 10000 /* while a person may be paying; doubles */
#define POLL_MAX_MS INT64_C(900000)
#define POLL_HOLD_MS INT64_C(21600000)  /* a hold that nothing is wanted of */
#define POLL_REFUND_MS INT64_C(3600000) /* a refund or a dispute under way; doubles */
#define POLL_REFUND_MAX_MS INT64_C(43200000)
#define TRIES_BEFORE_FLAG 8
#define ANSWER_LOST_MS INT64_C(300000) /* longer than any call takes: its answer was parked */

typedef Billing__PaymentRow row_t;

/* ---- what comes next ------------------------------------------------------------------------- */

Billing__PaymentRefund *pay_first_refund(const row_t *row, Billing__RefundState state)
{
	for (size_t i = 0; i < row->payment->n_refunds; i++) {
		if (row->payment->refunds[i]->state == state)
			return row->payment->refunds[i];
	}
	return NULL;
}

static bool known_to_provider(const row_t *row)
{
	return row->page[0] || row->payment->reference[0];
}

static Billing__PaymentStep next_step(const row_t *row)
{
	const Billing__Payment *p = row->payment;

	if (p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_CREATED && !known_to_provider(row))
		return BILLING__PAYMENT_STEP__PAYMENT_STEP_BEGIN;
	if (row->stale)
		return BILLING__PAYMENT_STEP__PAYMENT_STEP_RETRIEVE;
	if (row->refunds_stale)
		return BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUNDS;
	switch (p->state) {
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN:
		return row->wish == BILLING__PAYMENT_WISH__PAYMENT_WISH_CANCEL && row->page_open
			       ? BILLING__PAYMENT_STEP__PAYMENT_STEP_CANCEL
			       : BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE;
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED:
		if (row->wish == BILLING__PAYMENT_WISH__PAYMENT_WISH_NONE)
			return BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE;
		return row->wish == BILLING__PAYMENT_WISH__PAYMENT_WISH_CAPTURE
			       ? BILLING__PAYMENT_STEP__PAYMENT_STEP_CAPTURE
			       : BILLING__PAYMENT_STEP__PAYMENT_STEP_RELEASE;
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED:
		if (pay_first_refund(row, BILLING__REFUND_STATE__REFUND_STATE_WANTED))
			return BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUND;
		return row->disputes_stale && p->reference[0] ? BILLING__PAYMENT_STEP__PAYMENT_STEP_DISPUTES
							      : BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE;
	default:
		return BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE;
	}
}

static int64_t doubled(int64_t first, uint32_t times, int64_t max)
{
	int64_t ms = first;

	while (times-- && ms < max)
		ms *= 2;
	return ms < max ? ms : max;
}

/* When to look again, where nothing is to be done; 0: never. */
static int64_t poll_ms(const row_t *row, int64_t now_ms)
{
	const Billing__Payment *p = row->payment;
	int64_t ms = POLL_HOLD_MS;

	switch (p->state) {
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN:
		return doubled(POLL_FIRST_MS, row->polls, POLL_MAX_MS);
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED:
		if (p->capture_before_ms > now_ms && p->capture_before_ms - now_ms < ms)
			ms = p->capture_before_ms - now_ms + WAIT_FIRST_MS;
		return ms;
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED:
		return pay_first_refund(row, BILLING__REFUND_STATE__REFUND_STATE_PENDING) || pay_has_open_dispute(p)
			       ? doubled(POLL_REFUND_MS, row->polls, POLL_REFUND_MAX_MS)
			       : 0;
	default:
		return 0;
	}
}

static int arm(struct gv_turn *t, row_t *row, Billing__PaymentStep next)
{
	const char *name = gv_str(t, "pay:%s", row->payment->id);
	int64_t now_ms = gv_now_ms(t), ms;

	if (next != BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE)
		return gv_timer(t, name, row->not_before_ms, NULL);
	row->tries = 0;
	ms = poll_ms(row, now_ms);
	return ms ? gv_timer(t, name, now_ms + ms, NULL) : gv_timer_cancel(t, name);
}

static void wait(struct gv_turn *t, row_t *row, int64_t ms)
{
	if (!ms)
		ms = doubled(WAIT_FIRST_MS, row->tries, WAIT_MAX_MS);
	row->not_before_ms = gv_now_ms(t) + ms + (int64_t)(gv_random(t) % (uint64_t)(ms / 4 + 1));
	row->tries++;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool moves_money(Billing__PaymentStep step)
{
	return step != BILLING__PAYMENT_STEP__PAYMENT_STEP_RETRIEVE &&
	       step != BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUNDS &&
	       step != BILLING__PAYMENT_STEP__PAYMENT_STEP_DISPUTES;
}

static void new_key(row_t *row)
{
	row->key_of = "";
}

/* The same for the same request, until the provider may have forgotten it or will say the same for ever. */
static const char *key(struct gv_turn *t, row_t *row, Billing__PaymentStep step, const char *refund)
{
	const char *of = gv_str(t, "%d %s", (int)step, refund);
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1], *plain;

	if (strcmp(row->key_of, of) != 0 || row->key_at_ms + KEY_LIFE_MS < gv_now_ms(t)) {
		row->key_of = (char *)of;
		row->key_at_ms = gv_now_ms(t);
		row->key_number++;
	}
	plain = gv_str(t, "%s\n%s\n%s\n%u", pay_store_name(t), row->payment->id, of, row->key_number);
	SHA256((const uint8_t *)plain, strlen(plain), hash);
	gv_hex_write(hash, sizeof(hash), hex);
	return gv_str(t, "galvan-%.40s", hex);
}

static int ask(struct billing *b, struct gv_turn *t, row_t *row, Billing__PaymentStep step, struct pay_answer *ret)
{
	const struct pay_provider *p = pay_provider_of(row->payment->provider);
	Billing__PaymentAsked note = BILLING__PAYMENT_ASKED__INIT;
	struct pay_ask a = { .b = b, .t = t, .row = row, .step = step, .key = "", .note = &note };

	if (step == BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUND)
		a.refund = pay_first_refund(row, BILLING__REFUND_STATE__REFUND_STATE_WANTED);
	note.payment = row->payment->id;
	note.step = step;
	note.refund = a.refund ? a.refund->id : "";
	if (moves_money(step))
		a.key = key(t, row, step, note.refund);
	switch (step) {
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_BEGIN:
		return p->begin(&a, ret);
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_RETRIEVE:
		return p->retrieve(&a, ret);
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_CAPTURE:
		return p->capture(&a, ret);
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_RELEASE:
		return p->release(&a, ret);
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_CANCEL:
		return p->cancel(&a, ret);
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUND:
		return p->refund(&a, ret);
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_DISPUTES:
		return p->disputes(&a, ret);
	default:
		return p->refunds(&a, ret);
	}
}

/* ---- what an answer does --------------------------------------------------------------------- */

static bool fail(row_t *row, const char *why)
{
	row->payment->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_FAILED;
	row->payment->error = (char *)why;
	return true;
}

/* Nobody knows how it ended: how do things stand? */
static void look(row_t *row, Billing__PaymentStep step)
{
	if (step == BILLING__PAYMENT_STEP__PAYMENT_STEP_BEGIN)
		row->unsure = true;
	else if (moves_money(step))
		row->stale = true;
	if (step == BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUND)
		row->refunds_stale = true;
}

static bool refused(struct gv_turn *t, row_t *row, const Billing__PaymentAsked *asked, const struct pay_answer *a)
{
	row->payment->error = (char *)a->text;
	new_key(row);
	switch (asked->step) {
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_BEGIN:
		return fail(row, a->text);
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUND:
		row->refused = true;
		look(row, asked->step);
		return false;
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_CAPTURE:
		if (a->too_small) {
			row->wish = BILLING__PAYMENT_WISH__PAYMENT_WISH_RELEASE;
			return false;
		}
		break;
	default:
		break;
	}
	look(row, asked->step);
	wait(t, row, 0);
	return false;
}

/* All of our refunds are known: one that was refused and is not among them will not come. */
static bool refunds_known(struct gv_turn *t, row_t *row, const struct pay_facts *f)
{
	Billing__PaymentRefund *r = pay_first_refund(row, BILLING__REFUND_STATE__REFUND_STATE_WANTED);

	if (f->refunds_total < row->provider_refunded) { /* the list lags behind: nothing may be concluded from it */
		wait(t, row, 0);
		if (row->tries >= TRIES_BEFORE_FLAG)
			pay_trouble(t, row, "more has gone back than the provider's list of refunds has");
		return false;
	}
	row->refunds_stale = false;
	if (!row->refused)
		return false;
	row->refused = false;
	if (!r)
		return false;
	r->state = BILLING__REFUND_STATE__REFUND_STATE_FAILED;
	r->error = row->payment->error;
	return true;
}

static bool done(struct gv_turn *t, row_t *row, const Billing__PaymentAsked *asked, const struct pay_answer *a)
{
	const char *problem;
	int changed = pay_merge(t, row, &a->facts, &problem);
	bool as_asked = row->wish == row->asked_wish; /* else the error says why it is not, and stays */

	if (row->troubled)
		pay_say(t, row, "");
	row->troubled = false;
	if (problem)
		pay_say(t, row, problem);
	if (changed < 0) { /* no money moves on such a basis */
		row->stale = true;
		wait(t, row, WAIT_MAX_MS);
		return false;
	}
	switch (asked->step) {
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_RETRIEVE:
		row->stale = false;
		/* More than we know of: somebody else has made a refund. */
		row->refunds_stale |= row->provider_refunded > row->payment->refunded;
		row->disputes_stale |= a->facts.disputed &&
				       (!row->payment->n_disputes || pay_has_open_dispute(row->payment));
		if (as_asked && (a->text[0] || changed))
			row->payment->error = (char *)a->text;
		break;
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUNDS:
		changed |= refunds_known(t, row, &a->facts);
		break;
	case BILLING__PAYMENT_STEP__PAYMENT_STEP_DISPUTES:
		row->disputes_stale = false;
		break;
	default:
		if (as_asked)
			row->payment->error = (char *)a->text;
		new_key(row);
		break;
	}
	if (changed)
		pay_say_outcome(t, row);
	return changed;
}

/* Takes an answer over; true if the owner must know. */
static bool take(struct gv_turn *t, row_t *row, const Billing__PaymentAsked *asked, const struct pay_answer *a)
{
	Billing__PaymentState before = row->payment->state;
	bool changed = false;

	row->asked = BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE;
	switch (a->verdict) {
	case PAY_DONE:
		changed = done(t, row, asked, a);
		break;
	case PAY_REFUSED:
		changed = refused(t, row, asked, a);
		break;
	case PAY_NEW_KEY:
	case PAY_AGAIN:
		if (a->verdict == PAY_NEW_KEY)
			new_key(row);
		look(row, asked->step);
		row->payment->error = (char *)a->text;
		wait(t, row, a->wait_ms);
		break;
	case PAY_SETUP:
		row->payment->error = (char *)a->text;
		pay_trouble(t, row, a->text);
		wait(t, row, a->wait_ms);
		break;
	}
	if (row->tries >= TRIES_BEFORE_FLAG && a->verdict != PAY_DONE)
		pay_trouble(t, row, gv_str(t, "%s has not done what was asked: %s", row->payment->provider, a->text));
	if (before != row->payment->state)
		row->polls = 0;
	return changed;
}

/* ---- running --------------------------------------------------------------------------------- */

static bool given_up(struct gv_turn *t, row_t *row, Billing__PaymentStep step)
{
	if (step != BILLING__PAYMENT_STEP__PAYMENT_STEP_BEGIN)
		return false;
	/* Nobody has got the address of a page that we do not know: nobody can pay there. */
	if (row->payment->created_at_ms + KEY_LIFE_MS < gv_now_ms(t))
		return fail(row, gv_str(t, "given up: %s", row->payment->error));
	if (row->wish == BILLING__PAYMENT_WISH__PAYMENT_WISH_CANCEL && row->tries && !row->unsure)
		return fail(row, gv_str(t, "cancelled: %s", row->payment->error));
	return false;
}

/* Tells of a change who must know: by event always, the owner where it has not caused it. */
static int tell(struct billing *b, struct gv_turn *t, const char *id, bool owner)
{
	Billing__PaymentChanged event = BILLING__PAYMENT_CHANGED__INIT;
	const Billing__Payment *p = pay_find(t, id);

	event.partition = (char *)id;
	event.payment = (Billing__Payment *)p;
	gv_emit(t, &event);
	if (!owner)
		return 0;
	if (strncmp(id, "order:", 6) == 0)
		return orders_payment_changed(b, t, p);
	if (strncmp(id, "topup:", 6) == 0)
		return topup_payment_changed(b, t, p);
	return 0;
}

/* One step: 1 if there may be another at once. */
static int step_once(struct billing *b, struct gv_turn *t, const char *id, bool *ret_changed)
{
	struct pay_answer answer = PAY_ANSWER_INIT;
	Billing__PaymentAsked asked = BILLING__PAYMENT_ASKED__INIT;
	row_t *row = pay_row(t, id);
	int r;

	if (!row || row->asked != BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE)
		return 0;
	if (row->wish == BILLING__PAYMENT_WISH__PAYMENT_WISH_CANCEL &&
	    row->payment->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED) {
		pay_want_back(t, id);
		row = pay_row(t, id);
	}
	asked.step = next_step(row);
	if (given_up(t, row, asked.step)) {
		*ret_changed = true;
		return 1;
	}
	if (asked.step == BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE || row->not_before_ms > gv_now_ms(t))
		return arm(t, row, asked.step);
	r = ask(b, t, row, asked.step, &answer);
	row = pay_row(t, id); /* a pointer to it does not outlive many writes */
	if (r == -ENOSPC) {   /* too many requests are under way: nothing was sent */
		wait(t, row, 0);
		return 1;
	}
	if (r < 0)
		return r;
	if (r > 0)
		*ret_changed = take(t, row, &asked, &answer);
	else
		row->asked = asked.step;
	return r > 0 ? 1 : gv_timer(t, gv_str(t, "pay:%s", id), gv_now_ms(t) + ANSWER_LOST_MS, NULL);
}

int pay_run(struct billing *b, struct gv_turn *t, const char *id, bool told)
{
	int r = 1;

	for (unsigned i = 0; r > 0 && i < AT_ONCE_MAX; i++) {
		bool changed = false;

		r = step_once(b, t, id, &changed);
		if (r >= 0 && changed && tell(b, t, id, told) < 0)
			return -EINVAL;
	}
	return r < 0 ? r : 0;
}

/* ---- what comes in --------------------------------------------------------------------------- */

static void index_reference(struct gv_turn *t, const Billing__Payment *p, const char *reference)
{
	Billing__PaymentRef ref = BILLING__PAYMENT_REF__INIT;

	ref.payment = p->id;
	if (reference[0] && !gv_get(t, &pay_refs, gv_key((const char *)p->provider, reference)))
		gv_put(t, &pay_refs, gv_key((const char *)p->provider, reference), &ref);
}

int pay_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *answer)
{
	const Billing__PaymentAsked *asked = answer->note;
	struct pay_answer a = PAY_ANSWER_INIT;
	row_t *row = pay_row(t, asked->payment);
	bool changed;

	if (!row || row->asked != asked->step)
		return 0;
	pay_provider_of(row->payment->provider)->read(t, row, asked, answer, &a);
	changed = take(t, row, asked, &a);
	if (row->again) {
		row->again = false;
		row->stale = known_to_provider(row);
		row->refunds_stale |= row->payment->n_refunds > 0;
		row->disputes_stale |= row->payment->n_disputes > 0;
	}
	pay_answer_ticket(t, row);
	index_reference(t, row->payment, row->page);
	index_reference(t, row->payment, row->payment->reference);
	if (changed && tell(b, t, asked->payment, true) < 0)
		return -EINVAL;
	return pay_run(b, t, asked->payment, true);
}

int pay_due(struct billing *b, struct gv_turn *t, const char *name)
{
	const char *id = name + strlen("pay:");
	row_t *row = pay_row(t, id);

	if (!row)
		return 0;
	if (row->asked != BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE) {
		look(row, row->asked);
		row->asked = BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE;
	}
	row->not_before_ms = 0;
	if (next_step(row) == BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE) {
		row->stale = true;
		row->refunds_stale = pay_first_refund(row, BILLING__REFUND_STATE__REFUND_STATE_PENDING) != NULL;
		row->disputes_stale = pay_has_open_dispute(row->payment);
		row->polls++;
	}
	return pay_run(b, t, id, true);
}

int pay_heard(struct billing *b, struct gv_turn *t, const char *payment, bool disputed)
{
	row_t *row = pay_row(t, payment);

	if (!row || !known_to_provider(row))
		return 0;
	row->disputes_stale |= disputed && row->asked != BILLING__PAYMENT_STEP__PAYMENT_STEP_DISPUTES;
	if (row->asked != BILLING__PAYMENT_STEP__PAYMENT_STEP_NONE) {
		row->again = true;
		return 0;
	}
	row->stale = true;
	row->refunds_stale |= row->payment->n_refunds > 0;
	row->not_before_ms = 0;
	return pay_run(b, t, payment, true);
}
