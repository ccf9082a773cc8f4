/* What a pile says in a visit: answers, its status, its records and its head. */
#include "terminal.h"

#include <string.h>

static int brought(struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	const Ble__BringRow *row = gv_get(t, &terminal_bring, gv_key(v->pile, (uint32_t)step->request));
	Ble__SeenRow *seen = seen_edit(t, v->device);
	struct ble_receipt receipt;

	if (step->request == BLE_RCPT_PUT && row && seen && step->result == BLE_OK &&
	    ble_receipt_read(row->document.data, row->document.len, &receipt) == 0) {
		seen->receipted = receipt.upto;
		seen->pending = seen->highest > receipt.upto ? (uint32_t)(seen->highest - receipt.upto) : 0;
		gv_count(t, "terminal_receipts_brought", 1);
	}
	if (step->result != BLE_OK && step->result != BLE_STALE && step->result != BLE_UNSUPPORTED)
		gv_log(t, GV_WARN, "A pile does not take what the cloud has for it device=%s what=%02x result=%s",
		       v->device, (unsigned)step->request, ble_result_name(step->result));
	if (step->request != BLE_TIME_PUT)
		bring_done(t, v->pile, step->request);
	return 0;
}

static int status_came(struct gv_turn *t, struct visit *v, const struct ble_status *status)
{
	static const char *const states[] = { "free", "occupied", "charging", "fault" };
	Ble__SeenRow *row = seen_edit(t, v->device);

	if (row) {
		row->state = (char *)(status->state < 4 ? states[status->state] : "unknown");
		row->pending = status->pending;
	}
	v->more = status->pending > 0 && !v->pile_online; /* S2: it reports itself */
	return 0;
}

/* The record that a command has made is the pile's until there is a receipt for it. STATUS, which comes next, counts; a
 * visit that breaks before it leaves this. */
static int command_came(struct gv_turn *t, const struct visit *v, const struct ble_term_step *step)
{
	Ble__SeenRow *row = seen_edit(t, v->device);

	if (row && step->seq > row->receipted && step->seq - row->receipted > row->pending) {
		row->pending = (uint32_t)(step->seq - row->receipted);
		gv_timer(t, TERMINAL_LOOK, gv_now_ms(t) + LOOK_MS, NULL);
	}
	return visit_order_answered(t, v->device, step);
}

int visit_answered(struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	switch (step->request) {
	case BLE_AUTH:
		return step->result ? visit_order_answered(t, v->device, step) : 0;
	case BLE_START:
	case BLE_STOP:
		return command_came(t, v, step);
	case BLE_STATUS:
		return status_came(t, v, &step->status);
	case BLE_COURIER:
	case BLE_COURIER_GET:
		return mail_answered(t, v, step);
	case BLE_REC_GET:
		v->more = step->records == BLE_TERM_CARRY_FOR;
		return 0;
	default:
		return brought(t, v, step);
	}
}

int visit_record(struct terminal *s, struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	int r = store_record(s, t, v->pile, step->chain, step->seq, step->data, step->size);

	if (r == 0)
		gv_log(t, GV_WARN,
		       "The store is full, so the pile keeps its records: is the cloud reached? See Link/ListDials; "
		       "max_records and max_bytes are the store's device=%s",
		       v->device);
	if (r > 0) {
		v->chain = step->chain;
		v->kept = step->seq;
		v->fetched = false;
	}
	ble_term_stored(&v->term, r > 0);
	return r < 0 ? r : 0;
}

int visit_head(struct gv_turn *t, struct visit *v, const struct ble_term_step *step)
{
	Ble__SeenRow *row = seen_edit(t, v->device);

	if (row) {
		row->chain = step->chain;
		row->highest = step->seq;
	}
	return step->records ? store_head(t, v->pile, step->chain, step->data, step->size) : 0;
}
