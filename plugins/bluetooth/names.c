/* Addresses and UUIDs as text. BlueZ writes addresses with ':' and in object paths with '_'; a device's id has '-', as
 * the part before its first ':' names the plugin. */
#include "names.h"

#include <stdio.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool address_read(const char *text, char ret[static ADDRESS_SIZE])
{
	char made[ADDRESS_SIZE];

	for (int i = 0; i < ADDRESS_SIZE - 1; i++) {
		if (i % 3 == 2 ? !text[i] || !strchr("-:_", text[i]) : digit(text[i]) < 0)
			return false;
		made[i] = i % 3 == 2 ? '-' : "0123456789ABCDEF"[digit(text[i])];
	}
	if (text[ADDRESS_SIZE - 1])
		return false;
	made[ADDRESS_SIZE - 1] = 0;
	memcpy(ret, made, sizeof made);
	return true;
}

bool uuid_read(const char *text, char ret[static UUID_SIZE])
{
	static const char base[] =
		"00000000-0000-1000-8000-00805f9b34fb"; /* Core Specification, vol. 3, part B, 2.5.1 */
	char made[UUID_SIZE];
	size_t n = strlen(text);

	memcpy(made, base, sizeof made);
	if (n != 4 && n != 8 && n != UUID_SIZE - 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool dash = n == UUID_SIZE - 1 && (i == 8 || i == 13 || i == 18 || i == 23);

		if (dash ? text[i] != '-' : digit(text[i]) < 0)
			return false;
		made[n == 4 ? i + 4 : i] = dash ? '-' : "0123456789abcdef"[digit(text[i])];
	}
	memcpy(ret, made, sizeof made);
	return true;
}
