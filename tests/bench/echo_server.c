/* The bare floor that galvan is compared with: libwebsockets on a libuv loop, sending back every frame, in the fastest
 * way known to us: an answer is written at once if the socket takes it, and only otherwise from the WRITEABLE callback.
 * No parsing, no store.
 *
 *     echo_server PORT        prints "ready" when it listens; ends with SIGTERM */
#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#define MAX_QUEUED (1 << 20) /* bytes that a peer has not taken; beyond it the connection is closed */

struct waiting {
	struct waiting *next;
	size_t size;
	unsigned char data[]; /* LWS_PRE bytes, then the frame */
};
struct connection {
	struct waiting *first, *last;
	size_t queued;
};

static unsigned char scratch[LWS_PRE + 65536];

static int keep(struct lws *wsi, struct connection *c, const void *data, size_t size)
{
	struct waiting *w = c->queued < MAX_QUEUED ? malloc(sizeof *w + LWS_PRE + size) : NULL;
	if (!w)
		return -1;
	w->next = NULL;
	w->size = size;
	memcpy(w->data + LWS_PRE, data, size);
	if (c->last)
		c->last->next = w;
	else
		c->first = w;
	c->last = w;
	c->queued += size;
	lws_callback_on_writable(wsi);
	return 0;
}

static int drain(struct lws *wsi, struct connection *c)
{
	struct waiting *w = c->first;
	if (!w)
		return 0;
	c->first = w->next;
	if (!c->first)
		c->last = NULL;
	c->queued -= w->size;
	int n = lws_write(wsi, w->data + LWS_PRE, w->size, LWS_WRITE_TEXT);
	int r = n < (int)w->size ? -1 : 0;
	free(w);
	if (r == 0 && c->first)
		lws_callback_on_writable(wsi);
	return r;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
	struct connection *c = user;
	switch (reason) {
	case LWS_CALLBACK_RECEIVE:
		if (c->first || lws_send_pipe_choked(wsi) || size > sizeof scratch - LWS_PRE)
			return keep(wsi, c, in, size);
		memcpy(scratch + LWS_PRE, in, size);
		return lws_write(wsi, scratch + LWS_PRE, size, LWS_WRITE_TEXT) < (int)size ? -1 : 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return drain(wsi, c);
	case LWS_CALLBACK_CLOSED:
		for (struct waiting *w = c->first, *next; w; w = next) {
			next = w->next;
			free(w);
		}
		return 0;
	default:
		return 0;
	}
}

static void on_signal(uv_signal_t *handle, int number)
{
	uv_stop(handle->loop);
}

int main(int argc, char **argv)
{
	static const struct lws_protocols protocols[] = {
		{ "ocpp1.6", on_event, sizeof(struct connection), 4096, 0, NULL, 0 },
		{ NULL, NULL, 0, 0, 0, NULL, 0 },
	};
	uv_loop_t loop;
	uv_signal_t terminate;
	void *loops[] = { &loop };
	struct rlimit files;
	if (argc != 2) {
		fprintf(stderr, "usage: echo_server PORT\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	lws_set_log_level(LLL_ERR, NULL);
	uv_loop_init(&loop);
	struct lws_context_creation_info info = {
		.port = (int)strtol(argv[1], NULL, 10),
		.protocols = protocols,
		.foreign_loops = loops,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DISABLE_IPV6,
		.pt_serv_buf_size = 65536,
	};
	struct lws_context *context = lws_create_context(&info);
	if (!context) {
		fprintf(stderr, "echo_server: cannot listen on port %s\n", argv[1]);
		return 1;
	}
	uv_signal_init(&loop, &terminate);
	uv_signal_start(&terminate, on_signal, SIGTERM);
	puts("ready");
	fflush(stdout);
	uv_run(&loop, UV_RUN_DEFAULT);
	return 0; /* the process ends with what it holds: there is nothing to save */
}
