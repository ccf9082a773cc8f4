/* Letters on the pile's own line to the cloud: it asks for the pieces of the one in hand, one at a time, says what it
 * has had, and its own. */
#include "pile_internal.h"

#include <string.h>

void mind_line_letters_open(struct ble_pile *p)
{
	p->uplink.box_due = p->config.letter_max > 0;
}

int mind_line_letters_put(struct ble_pile *p, const struct ble_frame *f)
{
	struct ble_pile_uplink *u = &p->uplink;
	struct ble_courier c;
	uint64_t number;
	uint32_t offset;
	int r = ble_courier_read(f->body.at, f->body.size, &c);
	bool wanted;

	if (u->piece_counter == f->counter)
		u->piece_counter = 0;
	if (r == 0)
		r = mind_letters_put(p, &c);
	wanted = mind_letters_wanted(p, &number, &offset);
	if (r == 0 && !wanted &&
	    c.has & BLE_HAS(BLE_COURIER_BYTES)) /* it is whole: that is told, and the next one asked for */
		u->box_due = u->fetch_due = true;
	u->piece_due = wanted && r != -BLE_BAD_CRC; /* which would come again: not before the next FETCH */
	return r;
}

void mind_line_letters_refused(struct ble_pile *p, uint32_t counter)
{
	if (p->uplink.piece_counter == counter)
		p->uplink.piece_counter = 0;
}

enum ble_type mind_line_letters_say(struct ble_pile *p, uint32_t counter, uint8_t *ret, size_t room, int *ret_size)
{
	struct ble_pile_uplink *u = &p->uplink;
	struct ble_courier c = { .has = BLE_HAS(BLE_COURIER_PILE) | BLE_HAS(BLE_COURIER_NUMBER) |
					BLE_HAS(BLE_COURIER_OFFSET) };
	uint64_t own = mind_letters_next(p, u->own_said);

	if (!u->greeted)
		return (enum ble_type)0;
	if (u->box_due) {
		u->box_due = false;
		*ret_size = mind_letters_say(p, 0, true, ret, room);
		return BLE_COURIER;
	}
	if (own) {
		u->own_said = own;
		*ret_size = mind_letters_say(p, own, false, ret, room);
		return BLE_COURIER;
	}
	if (!u->piece_due || u->piece_counter || !mind_letters_wanted(p, &c.number, &c.offset))
		return (enum ble_type)0;
	u->piece_due = false;
	u->piece_counter = counter;
	memcpy(c.pile, p->config.id, 16);
	*ret_size = ble_courier_write(&c, ret, room);
	return BLE_COURIER_GET;
}
