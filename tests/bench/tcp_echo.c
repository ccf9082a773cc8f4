/* The bare floor for protocols on raw TCP: libuv alone, sending back whatever comes, the way that costs least. No
 * frames, no store.
 *
 *     tcp_echo PORT        prints "ready" when it listens; ends with SIGTERM */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#define BACKLOG 4096

struct answer {
	uv_write_t write;
	uv_buf_t buf;
};

static char scratch[65536]; /* shared: a read is written before the next one */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	*ret = uv_buf_init(scratch, sizeof scratch);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void on_written(uv_write_t *write, int status)
{
	struct answer *a = (struct answer *)write;

	free(a->buf.base);
	free(a);
}

/* What the socket does not take at once. */
static void write_later(uv_stream_t *peer, const char *data, size_t size)
{
	struct answer *a = malloc(sizeof *a);
	char *copy = malloc(size);

	if (!a || !copy)
		abort();
	memcpy(copy, data, size);
	a->buf = uv_buf_init(copy, (unsigned)size);
	uv_write(&a->write, peer, &a->buf, 1, on_written);
}

static void on_read(uv_stream_t *peer, ssize_t size, const uv_buf_t *in)
{
	uv_buf_t out = uv_buf_init(in->base, size > 0 ? (unsigned)size : 0);
	int sent;

	if (size < 0) {
		uv_close((uv_handle_t *)peer, on_closed);
		return;
	}
	if (size == 0)
		return;
	sent = uv_try_write(peer, &out, 1);
	sent = sent < 0 ? 0 : sent;
	if (sent < size)
		write_later(peer, in->base + sent, (size_t)size - (size_t)sent);
}

static void on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *peer = malloc(sizeof *peer);

	if (!peer)
		abort();
	uv_tcp_init(listener->loop, peer);
	if (uv_accept(listener, (uv_stream_t *)peer) < 0) {
		uv_close((uv_handle_t *)peer, on_closed);
		return;
	}
	uv_tcp_nodelay(peer, 1);
	uv_read_start((uv_stream_t *)peer, on_alloc, on_read);
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
	struct sockaddr_in at;
	struct rlimit files;

	if (argc != 2) {
		fprintf(stderr, "usage: tcp_echo PORT\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	uv_loop_init(&loop);
	uv_tcp_init(&loop, &listener);
	uv_ip4_addr("127.0.0.1", (int)strtol(argv[1], NULL, 10), &at);
	if (uv_tcp_bind(&listener, (struct sockaddr *)&at, 0) < 0 ||
	    uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection) < 0) {
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
