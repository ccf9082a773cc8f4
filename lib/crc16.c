/* Cabinets of one protocol differ in their CRC, and none says which it has: all three are here, bit by bit, as frames
 * are short. */
#include <lib/crc16.h>

static uint16_t modbus(const uint8_t *at, size_t size)
{
	uint16_t crc = 0xffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
	}
	return crc;
}

static uint16_t ccitt(uint16_t crc, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		crc = (uint16_t)(crc ^ at[i] << 8);
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
	}
	return crc;
}

uint16_t gv_crc16(enum gv_crc16 kind, const void *data, size_t size)
{
	switch (kind) {
	case GV_CRC16_CCITT_FALSE:
		return ccitt(0xffff, data, size);
	case GV_CRC16_XMODEM:
		return ccitt(0, data, size);
	case GV_CRC16_MODBUS:
		break;
	}
	return modbus(data, size);
}

const char *gv_crc16_name(enum gv_crc16 kind)
{
	static const char *const names[GV_CRC16_KINDS] = {
		[GV_CRC16_MODBUS] = "MODBUS",
		[GV_CRC16_CCITT_FALSE] = "CCITT-FALSE",
		[GV_CRC16_XMODEM] = "XMODEM",
	};

	return names[kind];
}
