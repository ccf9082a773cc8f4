/* How peripherals and their attributes are named: addresses and UUIDs in one form each, whatever form they came in. */
#ifndef BLUETOOTH_NAMES_H
#define BLUETOOTH_NAMES_H

#include <stdbool.h>

#define ADDRESS_SIZE 18 /* "AA-BB-CC-00-11-22" and a zero */
#define UUID_SIZE 37    /* "f3a10001-2b6e-4d38-9c57-8e0d4c1b7a60" and a zero */

/* Six bytes in hex, apart by '-', ':' or '_'. False: it is none, and ret is untouched. */
bool address_read(const char *text, char ret[static ADDRESS_SIZE]);
/* A UUID of 128 bits, or one of 16 or 32 that the Bluetooth SIG has given ("180a"). False: it is none. */
bool uuid_read(const char *text, char ret[static UUID_SIZE]);

#endif
