/* What runs one plugin instance: an actor, its end of the bus and its line to the kernel on one libuv loop, in a
 * process or a thread of its own. */
#ifndef GV_HOST_H
#define GV_HOST_H

#include <stdbool.h>
#include <stdint.h>

#define GV_HOST_BEAT_MS 1000
#define GV_HOST_DRAIN_MS 10000 /* a driver that has not drained by then is stopped as it is */
#define GV_HOST_LOCK_MS 10000  /* how long the store of a dying predecessor is waited for */

struct gv_host_options {
	void *context;        /* ZeroMQ's, shared; NULL: the host makes its own */
	const char *kernel;   /* endpoint of the kernel's line to its hosts */
	uint64_t token;       /* which start of the instance this is */
	const char *instance; /* "ocpp.0" */
	const char *file;     /* the .so: loaded at once, so that a host can wait warm */
};

/* Loads the plugin, says hello, waits for its assignment, runs until told to stop. 0, or a negative errno: the reason
 * has been told to the kernel. Thread-safe; blocks. */
int gv_host_run(const struct gv_host_options *o);

/* The name of a host's ZeroMQ identity for a token. */
#define GV_HOST_IDENTITY_SIZE 20
void gv_host_identity(uint64_t token, char ret[GV_HOST_IDENTITY_SIZE]);

/* `galvan host KERNEL TOKEN INSTANCE FILE PARENT`: a host as a process. Returns the exit status. */
int gv_host_main(int argc, char **argv);

#endif
