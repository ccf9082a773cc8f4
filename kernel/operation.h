/* Load, unload and reload of a plugin while the node runs. Each works through the plugin's instances one after the
 * other and answers once. */
#ifndef GV_OPERATION_H
#define GV_OPERATION_H

#include "supervisor.h"

#include <galvan/plugin.h>

enum gv_operation_kind { GV_OP_LOAD, GV_OP_UNLOAD, GV_OP_RELOAD };

/* The outcome for people; `code` GV_OK or a refusal. Called exactly once, possibly before gv_operation_start returns.
 */
typedef void gv_operation_done(void *arg, enum gv_code code, const char *text);

void gv_operation_start(struct gv_supervisor *s, enum gv_operation_kind kind, const char *name, gv_operation_done *done,
			void *arg);

#endif
