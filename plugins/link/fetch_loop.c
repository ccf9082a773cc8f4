/* libcurl on the host's loop: its sockets are polled and its timeouts kept by libuv. */
#include "fetch.h"

#include <errno.h>
#include <stdlib.h>

#define SOCKETS_MAX 64L          /* connections at a time; further requests wait */
#define SOCKETS_PER_HOST_MAX 16L /* of these to one server */

static void on_timeout(uv_timer_t *timer)
{
	struct link *l = timer->data;
	int running;

	curl_multi_socket_action(l->fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	fetch_finish_done(l);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct link *l = arg;

	if (timeout_ms < 0)
		uv_timer_stop(l->fetcher->timer);
	else
		uv_timer_start(l->fetcher->timer, on_timeout, (uint64_t)timeout_ms, 0);
	return 0;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct link *l = poll->data;
	int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
	uv_os_fd_t fd;

	if (uv_fileno((uv_handle_t *)poll, &fd) < 0)
		return;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(l->fetcher->multi, fd, flags, &running);
	fetch_finish_done(l);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct link *l = arg;
	uv_poll_t *poll = socket_arg;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	if (what == CURL_POLL_REMOVE) {
		if (poll)
			link_handle_close(l, poll);
		curl_multi_assign(l->fetcher->multi, fd, NULL);
		return 0;
	}
	if (!poll) {
		poll = link_handle(l, sizeof(*poll));
		if (!poll)
			return -1;
		uv_poll_init_socket(l->loop, poll, fd);
		poll->data = l;
		curl_multi_assign(l->fetcher->multi, fd, poll);
	}
	uv_poll_start(poll, events, on_socket);
	return 0;
}

int fetch_open(struct link *l)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	f->multi = curl_multi_init();
	f->timer = link_handle(l, sizeof(*f->timer));
	if (!f->multi || !f->timer) {
		free(f);
		return -ENOMEM;
	}
	uv_timer_init(l->loop, f->timer);
	f->timer->data = l;
	l->fetcher = f;
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, l);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, l);
	curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, SOCKETS_MAX);
	curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS, SOCKETS_PER_HOST_MAX);
	return 0;
}

void fetch_close(struct link *l)
{
	struct fetcher *f = l->fetcher;

	if (!f)
		return;
	while (f->jobs) {
		struct job *j = f->jobs;

		job_unlink(f, j);
		job_free(j);
	}
	curl_multi_cleanup(f->multi); /* calls set_socket for what is open */
	link_handle_close(l, f->timer);
	free(f);
	l->fetcher = NULL;
}
