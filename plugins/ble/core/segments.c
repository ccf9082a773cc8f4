/* Messages over attribute values (2.2). A connection neither loses nor reorders values, so what does not fit is a fault
 * or an attack, and ends it: nothing here looks for the next begin. */
#include "core_internal.h"

#include <string.h>

#define BEGIN 0x80
#define END 0x40
#define COUNTER 0x1f

static int begin(struct ble_join *j, const uint8_t *value, size_t size)
{
	size_t total = size < 3 ? 0 : (size_t)bytes_get(value + 1, 2);

	if (j->inside)
		return -BLE_OUT_OF_ORDER;
	if (total == 0)
		return -BLE_MALFORMED;
	if (total > BLE_MESSAGE_MAX)
		return -BLE_TOO_LONG;
	j->inside = true;
	j->total = (uint16_t)total;
	j->size = 0;
	return 3;
}

int ble_join(struct ble_join *j, const uint8_t *value, size_t size, uint64_t now_ms)
{
	int head = 1;
	bool end;

	if (size < 2 || size > BLE_VALUE_MAX || (value[0] & ~(BEGIN | END | COUNTER)))
		return -BLE_MALFORMED;
	if ((value[0] & COUNTER) != j->counter)
		return -BLE_OUT_OF_ORDER;
	if (value[0] & BEGIN)
		head = begin(j, value, size);
	else if (!j->inside)
		return -BLE_OUT_OF_ORDER;
	else if (now_ms - j->last_ms > BLE_SEGMENT_GAP_MS)
		return -BLE_LATE;
	if (head < 0)
		return head;
	end = value[0] & END;
	size -= (size_t)head;
	/* Each segment brings something on, and the last one, and no other, completes the length. */
	if (size == 0 || size > (size_t)(j->total - j->size) || end != (size == (size_t)(j->total - j->size)))
		return -BLE_MALFORMED;
	memcpy(j->data + j->size, value + head, size);
	j->size = (uint16_t)(j->size + size);
	j->counter = (j->counter + 1) & COUNTER;
	j->inside = !end;
	j->last_ms = now_ms;
	return end ? 1 : 0;
}

static size_t value_size(unsigned mtu)
{
	return mtu - 3 < BLE_SENT_MAX ? mtu - 3 : BLE_SENT_MAX;
}

int ble_split(struct ble_split *s, unsigned mtu, uint8_t *ret, size_t room)
{
	size_t head = s->at ? 1 : 3, left = (size_t)(s->size - s->at), most;

	if (left == 0)
		return 0;
	if (mtu < BLE_MTU_MIN || mtu > BLE_MTU_MAX)
		return -BLE_UNSUPPORTED;
	most = value_size(mtu);
	if (left > most - head)
		left = most - head;
	if (room < head + left)
		return -BLE_NO_ROOM;
	ret[0] = (uint8_t)((s->at ? 0 : BEGIN) | (s->at + left == s->size ? END : 0) | s->counter);
	if (!s->at)
		bytes_put(ret + 1, s->size, 2);
	memcpy(ret + head, s->data + s->at, left);
	s->at = (uint16_t)(s->at + left);
	s->counter = (s->counter + 1) & COUNTER;
	return (int)(head + left);
}

unsigned ble_segments(size_t size, unsigned mtu)
{
	size_t each = value_size(mtu);

	if (mtu < BLE_MTU_MIN || mtu > BLE_MTU_MAX)
		return 0;
	return size == 0 ? 0 : size + 3 <= each ? 1 : 1 + (unsigned)((size - (each - 3) + each - 2) / (each - 1));
}
