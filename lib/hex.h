/* Bytes as hexadecimal digits. */
#ifndef GV_HEX_H
#define GV_HEX_H

#include <stddef.h>
#include <stdint.h>

/* What one digit stands for, either case; -1 for any other character. */
int gv_hex_digit(char c);
/* 2 * size lower-case digits and a zero byte. */
void gv_hex_write(const void *data, size_t size, char *ret);
/* Exactly 2 * ret_size digits, either case; -EINVAL for anything else, with ret untouched. */
int gv_hex_read(const char *text, size_t text_size, uint8_t *ret, size_t ret_size);

#endif
