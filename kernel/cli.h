/* The client side of the galvan command: ctl, call, events, rows, describe, check. */
#ifndef GV_CLI_H
#define GV_CLI_H

enum gv_cli_exit {
	GV_CLI_OK = 0,
	GV_CLI_REFUSED = 1,     /* the node, a plugin or a check said no: the reason is on stderr */
	GV_CLI_USAGE = 2,       /* the command line makes no sense */
	GV_CLI_UNREACHABLE = 3, /* no node answers */
};

/* argv as main got it; argv[1] is the command. Returns the exit code, one of enum gv_cli_exit. */
int gv_cli_main(int argc, char **argv);
/* One line for each client command, for the usage text; each ends with a newline. */
const char *gv_cli_usage(void);

#endif
