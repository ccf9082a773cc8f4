/* What every plugin must keep, whoever wrote it. Each check prints what is broken and counts it; none ends the program.
 */
#ifndef TEST_CONTRACT_H
#define TEST_CONTRACT_H

#include <lib/buf.h>
#include <lib/schema.h>
#include <tests/unit/kernel/rig.h>

struct contract {
	const char *path;
	const struct gv_plugin *plugin;
	struct gv_schema *schema; /* what the plugin carries */
	struct gv_buf config;     /* packed, a valid one */
	uv_loop_t *loop;          /* for drivers */
	unsigned broken;
	uint64_t random;
};

void broken(struct contract *c, const char *fmt, ...) GV_PRINTF(2, 3);
#define must(c, condition, ...)                                                                                        \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			broken((c), __VA_ARGS__);                                                                      \
	} while (0)
uint64_t contract_random(struct contract *c);

/* record.c: what can be read without running code. */
void check_symbols(struct contract *c);
void check_record(struct contract *c);
/* life.c: start, stop, config. */
void check_life(struct contract *c);
/* messages.c: calls, events, frames, in every shape. */
void check_messages(struct contract *c);

/* A started plugin on a bench, false where it did not start. */
bool contract_start(struct contract *c, struct rig *r);
void contract_run(struct contract *c, struct rig *r);
void contract_stop(struct contract *c, struct rig *r);

#endif
