/* An OCPP server of known misdeeds on a loop of its own, for tests of clients. */
#ifndef TEST_SIM_SERVER_H
#define TEST_SIM_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* What is done with each so-manieth MeterValues: SEND_BACK and SILENT are about every message, REFUSE
 * about every BootNotification. */
enum misdeed { NONE, LOSE, DOUBLE, ERROR, WRONG, INVENT, NONSENSE, HANG_UP, CALL, SEND_BACK, REFUSE, SILENT };

extern struct server {
	uv_loop_t loop;
	uv_tcp_t listener;
	int port;
	char url[64];
	enum misdeed misdeed;
	unsigned every;
	uint64_t done; /* misdeeds */
	unsigned connections, boots, meter_values, starts, stops, hung_up, refusals, open;
	char last_path[200]; /* of the last handshake */
	char authorization[200];
} server;

/* Listens on a port of its choice, or again on the one it had. The loop does not stay for the listener. */
void serve(enum misdeed misdeed, unsigned every);
/* Stops listening and hangs up on everybody. */
void serve_no_more(void);

#endif
