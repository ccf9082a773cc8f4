/* A pile to try a terminal with: the mind that firmware has (ble_pile.h) on memory instead of a flash, with one
 * connector of 11 kW, and with one visitor at a time on a socket of which each packet is an attribute value. */
#ifndef BLE_EXAMPLE_POST_H
#define BLE_EXAMPLE_POST_H

#include <ble_openssl.h>
#include <ble_pile.h>

#define POST_RECORDS 256

struct post {
	struct ble_pile pile;
	uint8_t id[16], key[32], root[32], certificate[BLE_CERTIFICATE_MAX];
	size_t certificate_size;
	uint8_t records[POST_RECORDS][BLE_PILE_PLACE_SIZE], state[2][BLE_PILE_STATE_SIZE];
	uint64_t closed_ms, before_wh; /* since when the relay is closed, 0: open; the meter until then */
};

/* Power on; id, key, root and certificate stand in it already. 0, or a negative enum ble_result. */
int post_boot(struct post *);
uint64_t post_now_ms(void);
/* Until the visitor goes. */
void post_serve(struct post *, int fd, unsigned mtu);

#endif
