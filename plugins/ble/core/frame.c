/* Messages on the WebSocket between a pile or a terminal and the cloud: those of Bluetooth, clear, and unsegmented. */
#include "core_internal.h"

#include <string.h>

int ble_frame_write(const struct ble_frame *frame, uint8_t *ret, size_t room)
{
	if (frame->body.size > BLE_MESSAGE_MAX - BLE_HEADER_SIZE)
		return -BLE_TOO_LONG;
	if (room < BLE_HEADER_SIZE + frame->body.size)
		return -BLE_NO_ROOM;
	ret[0] = frame->type;
	ret[1] = 0;
	bytes_put(ret + 2, frame->counter, 4);
	if (frame->body.size)
		memcpy(ret + BLE_HEADER_SIZE, frame->body.at, frame->body.size);
	return (int)(BLE_HEADER_SIZE + frame->body.size);
}

int ble_frame_read(const uint8_t *data, size_t size, struct ble_frame *ret)
{
	if (size > BLE_MESSAGE_MAX)
		return -BLE_TOO_LONG;
	if (size < BLE_HEADER_SIZE || data[1] != 0)
		return -BLE_MALFORMED;
	ret->type = data[0];
	ret->counter = (uint32_t)bytes_get(data + 2, 4);
	ret->body = (struct ble_bytes){ data + BLE_HEADER_SIZE, size - BLE_HEADER_SIZE };
	return 0;
}
