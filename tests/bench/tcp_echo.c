/* The bare floor for cabinets: a libuv loop that sends back every byte that comes over TCP.
 *
 *     tcp_echo PORT        prints "ready" when it listens; ends with SIGTERM */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <uv.h>

#define BACKLOG 4096

static char buffer[65536];

static void closed(uv_handle_t *handle)
{
	free(handle);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	*ret = uv_buf_init(buffer, sizeof buffer);
}

/* What the socket does not take at once is more than a peer that reads its answers can leave: it is closed. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *in)
{
	uv_buf_t out = uv_buf_init(in->base, n > 0 ? (unsigned)n : 0);
	if (n < 0 || (n > 0 && uv_try_write(stream, &out, 1) != (int)n))
		uv_close((uv_handle_t *)stream, closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *peer = status < 0 ? NULL : malloc(sizeof *peer);
	if (!peer)
		return;
	uv_tcp_init(listener->loop, peer);
	if (uv_accept(listener, (uv_stream_t *)peer) < 0) {
		uv_close((uv_handle_t *)peer, closed);
		return;
	}
	uv_tcp_nodelay(peer, 1);
	uv_read_start((uv_stream_t *)peer, allocate, on_read);
}

static void on_signal(uv_signal_t *handle, int number)
{
	uv_stop(handle->loop);
}

int main(int argc, char **argv)
{
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_signal_t terminate;
	struct sockaddr_in address;
	struct rlimit files;
	if (argc != 2) {
		fprintf(stderr, "usage: tcp_echo PORT\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	uv_loop_init(&loop);
	uv_ip4_addr("127.0.0.1", (int)strtol(argv[1], NULL, 10), &address);
	uv_tcp_init(&loop, &listener);
	uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
	if (uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection) < 0) {
		fprintf(stderr, "tcp_echo: cannot listen on port %s\n", argv[1]);
		return 1;
	}
	uv_signal_init(&loop, &terminate);
	uv_signal_start(&terminate, on_signal, SIGTERM);
	puts("ready");
	fflush(stdout);
	uv_run(&loop, UV_RUN_DEFAULT);
	return 0; /* the process ends with what it holds: there is nothing to save */
}
