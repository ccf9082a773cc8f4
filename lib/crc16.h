/* The three CRC-16 that cabinets use, by the names and parameters of the CRC catalogue. */
#ifndef GV_CRC16_H
#define GV_CRC16_H

#include <stddef.h>
#include <stdint.h>

enum gv_crc16 {
	GV_CRC16_MODBUS,      /* 8005, begins with FFFF, reflected; "123456789" gives 4B37 */
	GV_CRC16_CCITT_FALSE, /* 1021, begins with FFFF; 29B1 */
	GV_CRC16_XMODEM,      /* 1021, begins with 0000; 31C3 */
};
#define GV_CRC16_KINDS 3

uint16_t gv_crc16(enum gv_crc16 kind, const void *data, size_t size);
const char *gv_crc16_name(enum gv_crc16 kind); /* "MODBUS", "CCITT-FALSE", "XMODEM" */

#endif
