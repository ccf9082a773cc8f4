/* What the client commands share: their options, the connection to the node, its schema, and how they say no. */
#ifndef GV_CLI_COMMAND_H
#define GV_CLI_COMMAND_H

#include <galvan/kernel.pb-c.h>
#include <kernel/cli.h>
#include <kernel/cli_client.h>
#include <lib/schema.h>

#include <stdbool.h>

struct gv_cli {
	/* options */
	const char *data, *node; /* NULL: not given */
	int64_t timeout_ms;      /* 0: the command's own */
	bool json;
	uint64_t limit; /* rows; 0: all */
	int argc;       /* what stands behind the command's name */
	char **argv;
	const char *program; /* argv[0], to find the host's own folder of plugins */

	/* set by gv_cli_connect and gv_cli_learn */
	struct gv_client *client;
	struct gv_schema *schema;
	Kernel__DescribeReply *records;

	/* the one call that gv_cli_ask waits for, and where events go */
	uint64_t awaited;
	Env__Reply *answer;
	void (*on_reply)(struct gv_cli *cli, const Env__Reply *reply); /* other replies; may be NULL */
	void (*on_event)(struct gv_cli *cli, const char *from, const Env__Event *event); /* may be NULL */
	void *arg;                                                                       /* the command's own */
};

typedef int gv_cli_command_fn(struct gv_cli *cli);
gv_cli_command_fn gv_cli_ctl, gv_cli_call, gv_cli_events, gv_cli_rows, gv_cli_describe, gv_cli_check;

/* Each returns one of enum gv_cli_exit, having said why on stderr if it is not GV_CLI_OK. */
int gv_cli_connect(struct gv_cli *cli);
/* Asks the node for its schema (again: replaces it). Connects first where that is still to do. */
int gv_cli_learn(struct gv_cli *cli);
/* One call and its answer; *ret (NULL: not wanted) is the packed reply in malloc'd memory. */
int gv_cli_ask(struct gv_cli *cli, const char *method, const char *to, const uint8_t *request, size_t size,
	       int64_t timeout_ms, uint8_t **ret, size_t *ret_size);
/* Says that the node is gone; for gv_client_wait's -ENOTCONN. */
int gv_cli_gone(void);

/* Prints "galvan: ..." and a newline to stderr and returns `code`. */
int gv_cli_fail(enum gv_cli_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The nearest of `names`, as "; did you mean NAME?", or "" where none is near. Written to ret. */
void gv_cli_suggest(const char *wanted, const char *const *names, size_t count, char *ret, size_t ret_size);

/* The record that defines this service, or NULL. */
const Kernel__Record *gv_cli_server(const struct gv_cli *cli, const char *service);

#endif
