/* The other end of the cabinets' sockets, for their tests. */
#include "cabinet_server.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct server server;

static void freed(uv_handle_t *handle)
{
	struct peer **at = &server.peers;
	while (*at != handle->data)
		at = &(*at)->next;
	*at = (*at)->next;
	server.open--;
	free(handle->data);
}

void hang_up(struct peer *p)
{
	if (!uv_is_closing((uv_handle_t *)&p->tcp))
		uv_close((uv_handle_t *)&p->tcp, freed);
}

void put(struct peer *p, const void *data, size_t size)
{
	uv_buf_t b = uv_buf_init((char *)data, (unsigned)size);
	if (!uv_is_closing((uv_handle_t *)&p->tcp))
		cr_assert_eq(uv_try_write((uv_stream_t *)&p->tcp, &b, 1), (int)size);
}

static void take_frames(struct peer *p)
{
	struct gv_ruioo_rules rules = { .slots = 3 };
	struct gv_ruioo_frame f;
	struct gv_ruioo_found found = { .used = 1 };
	size_t at = 0;
	while (at < p->size && found.used) {
		gv_ruioo_next(&rules, GV_RUIOO_CABINET, p->in + at, p->size - at, &f, &found);
		at += found.used;
		cr_assert(!found.frame || found.error == GV_RUIOO_OK);
		if (!found.frame)
			continue;
		snprintf(p->imei, sizeof p->imei, "%s", f.imei);
		server.understand(p, &f);
	}
	p->size -= at;
	memmove(p->in, p->in + at, p->size);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct peer *p = handle->data;
	*ret = uv_buf_init(p->in + p->size, (unsigned)(sizeof p->in - p->size));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct peer *p = stream->data;
	if (n < 0)
		hang_up(p);
	if (n <= 0)
		return;
	if (server.sends_back) {
		put(p, buffer->base, (size_t)n);
		return;
	}
	p->size += (size_t)n;
	take_frames(p);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct peer *p = calloc(1, sizeof *p);
	uv_tcp_init(&server.loop, &p->tcp);
	p->tcp.data = p;
	p->next = server.peers;
	server.peers = p;
	cr_assert_eq(uv_accept(listener, (uv_stream_t *)&p->tcp), 0);
	uv_read_start((uv_stream_t *)&p->tcp, allocate, on_read);
	server.open++;
	server.opened++;
}

void serve(void (*understand)(struct peer *p, struct gv_ruioo_frame *f))
{
	struct sockaddr_in address;
	int size = sizeof address;
	server.understand = understand;
	uv_loop_init(&server.loop);
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(&server.loop, &server.listener);
	cr_assert_eq(uv_tcp_bind(&server.listener, (struct sockaddr *)&address, 0), 0);
	cr_assert_eq(uv_listen((uv_stream_t *)&server.listener, 64, on_connection), 0);
	uv_unref((uv_handle_t *)&server.listener);
	uv_tcp_getsockname(&server.listener, (struct sockaddr *)&address, &size);
	snprintf(server.url, sizeof server.url, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
}

void serve_no_more(void)
{
	uv_close((uv_handle_t *)&server.listener, NULL);
	uv_run(&server.loop, UV_RUN_DEFAULT);
	cr_assert_eq(server.open, 0);
	cr_assert_eq(uv_loop_close(&server.loop), 0);
}
