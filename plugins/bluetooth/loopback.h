/* What the two files of the loopback share: loopback.c looks after the folder, loopback_conn.c after a socket. */
#ifndef BLUETOOTH_LOOPBACK_H
#define BLUETOOTH_LOOPBACK_H

#include <lib/schema.h>

#include "bluetooth.h"

struct loopback {
	uv_fs_event_t *watch;
	struct gv_schema *schema;
	const struct gv_type *type; /* of a descriptor file */
	uint64_t seed;
	uint64_t connections; /* made so far */
};

void loopback_connect(struct conn *c);
void loopback_write(struct conn *c, const uint8_t *data, size_t size);
void loopback_pause(struct conn *c);
void loopback_close(struct conn *c);

#endif
