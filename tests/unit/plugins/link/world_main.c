/* link by itself, for a look by hand: link-world WS HTTP TCP [TLS CERT KEY] */
#include "world.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
	struct world_options o = { .ready = 1, .blobs = "/tmp", .accept_unknown = true };

	if (argc < 4)
		return 2;
	o.ws = (uint16_t)strtol(argv[1], NULL, 10);
	o.http = (uint16_t)strtol(argv[2], NULL, 10);
	o.tcp = (uint16_t)strtol(argv[3], NULL, 10);
	if (argc > 6) {
		o.tls = (uint16_t)strtol(argv[4], NULL, 10);
		o.cert = argv[5];
		o.key = argv[6];
	}
	return world_run(&o) == 0 ? 0 : 1;
}
