/* Who runs on a node, and who a call is for. The directory itself is galvan.kernel.v1.Directory: the supervisor makes
 * it, hosts get it whole at each change. */
#ifndef GV_DIRECTORY_H
#define GV_DIRECTORY_H

#include <galvan/kernel.pb-c.h>
#include <galvan/plugin.h>

#include <stdbool.h>
#include <stddef.h>

#define GV_ROUTE_MAX 256 /* instances that one call may go to */

/* NULL where there is none of this name. */
const Kernel__Peer *gv_directory_find(const Kernel__Directory *d, const char *instance);
bool gv_directory_serves(const Kernel__Peer *p, const char *service);

struct gv_route {
	const Kernel__Peer *peers[GV_ROUTE_MAX]; /* of the directory */
	size_t count;
	enum gv_code code; /* GV_OK, or why there is nobody to ask */
	char error[1024];  /* then the sentence */
};

/* The instances that a call of `method` ("package.Service/Method") with the routing key `to` is for: the key names an
 * instance, a plugin, or a thing whose part before the first colon is a plugin and whose text up to the first '/' tells
 * the instance. A key that names no plugin tells the instance of the only plugin that serves; without a key all
 * instances of all that serve are asked. */
void gv_directory_route(const Kernel__Directory *d, const char *method, const char *to, struct gv_route *ret);

/* How many edits lead from a to b, at most 255. */
unsigned gv_text_distance(const char *a, const char *b);

#endif
