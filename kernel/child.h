/* This binary again as a child that is thrown away, for what may crash or hang. */
#ifndef GV_CHILD_H
#define GV_CHILD_H

#include <lib/buf.h>
#include <stdint.h>

/* GV_PROBE_TIMEOUT_MS, or what GALVAN_PROBE_TIMEOUT_MS in the environment says. */
int64_t gv_child_limit_ms(void);
/* Runs it with these arguments; what it prints goes to *out, its end, as waitpid has it, to *ret_status. -ETIMEDOUT: it
 * was killed. */
int gv_child_run(char *const argv[], struct gv_buf *out, int *ret_status);

#endif
