/* The CRCs of cabinets against the catalogue's check values and a few more. */

#include <criterion/criterion.h>
#include <lib/crc16.h>
#include <string.h>

static uint16_t crc(enum gv_crc16 kind, const char *text)
{
	return gv_crc16(kind, text, strlen(text));
}

Test(crc16, the_check_values_of_the_catalogue)
{
	cr_expect_eq(crc(GV_CRC16_MODBUS, "123456789"), 0x4b37);
	cr_expect_eq(crc(GV_CRC16_CCITT_FALSE, "123456789"), 0x29b1);
	cr_expect_eq(crc(GV_CRC16_XMODEM, "123456789"), 0x31c3);
}

Test(crc16, of_nothing_is_what_it_begins_with)
{
	cr_expect_eq(gv_crc16(GV_CRC16_MODBUS, NULL, 0), 0xffff);
	cr_expect_eq(gv_crc16(GV_CRC16_CCITT_FALSE, NULL, 0), 0xffff);
	cr_expect_eq(gv_crc16(GV_CRC16_XMODEM, NULL, 0), 0);
}

Test(crc16, bytes_beyond_127_are_not_negative)
{
	const uint8_t bytes[] = { 0xff, 0x80, 0x00, 0xa1 };

	cr_expect_eq(gv_crc16(GV_CRC16_MODBUS, bytes, sizeof(bytes)), 0x60f0);
	cr_expect_eq(gv_crc16(GV_CRC16_CCITT_FALSE, bytes, sizeof(bytes)), 0x51f2);
	cr_expect_eq(gv_crc16(GV_CRC16_XMODEM, bytes, sizeof(bytes)), 0xd532);
}

/* Appended in the order in which it is shifted out, a CRC cancels itself. */
Test(crc16, over_a_text_and_its_crc_is_zero)
{
	uint8_t bytes[] = { 'M', 'Q', 0, 0 };

	for (enum gv_crc16 kind = 0; kind < GV_CRC16_KINDS; kind++) {
		uint16_t sum = gv_crc16(kind, bytes, 2);

		bytes[2] = (uint8_t)(kind == GV_CRC16_MODBUS ? sum : sum >> 8);
		bytes[3] = (uint8_t)(kind == GV_CRC16_MODBUS ? sum >> 8 : sum);
		cr_expect_eq(gv_crc16(kind, bytes, 4), 0, "%s", gv_crc16_name(kind));
	}
}

Test(crc16, has_the_names_of_the_catalogue)
{
	cr_expect_str_eq(gv_crc16_name(GV_CRC16_MODBUS), "MODBUS");
	cr_expect_str_eq(gv_crc16_name(GV_CRC16_CCITT_FALSE), "CCITT-FALSE");
	cr_expect_str_eq(gv_crc16_name(GV_CRC16_XMODEM), "XMODEM");
}
