/* Outbound HTTP for plugins that have no sockets. A request that is in flight when link dies is not answered;
 * its caller's host sends it again to the next incarnation, with the same idempotency key. */
#include "fetch.h"
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 1024 /* in flight or waiting; one more is refused */
#define TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 10000L
#define REPLY_DEFAULT (1 << 20)
#define REPLY_MAX (64 << 20)

void job_free(struct job *j)
{
	if (j->easy)
		curl_easy_cleanup(j->easy);
	curl_slist_free_all(j->headers);
	for (size_t i = 0; i < j->n_headers; i++) {
		free(j->names[i]);
		free(j->values[i]);
	}
	free(j->body);
	bytes_fini(&j->reply);
	free(j);
}

void job_unlink(struct fetcher *f, struct job *j)
{
	if (j->previous)
		j->previous->next = j->next;
	else
		f->jobs = j->next;
	if (j->next)
		j->next->previous = j->previous;
	f->n_jobs--;
	curl_multi_remove_handle(f->multi, j->easy);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int refuse_failed(struct gv_turn *t, const struct job *j)
{
	const char *why = j->error[0] ? j->error : curl_easy_strerror(j->result);

	if (j->too_large)
		return gv_refuse(t, j->ticket, GV_RESOURCE_EXHAUSTED,
				 "the server's answer has more than %zu bytes; raise max_reply_bytes", j->reply_max);
	if (j->kept_inside)
		return gv_refuse(
			t, j->ticket, GV_PERMISSION_DENIED,
			"url: its host is in a private network or is this machine, and only a public one may be "
			"called here");
	switch (j->result) {
	case CURLE_OPERATION_TIMEDOUT:
		return gv_refuse(t, j->ticket, GV_DEADLINE_EXCEEDED, "%s", why);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return gv_refuse(t, j->ticket, GV_INVALID_ARGUMENT, "url: %s", why);
	default:
		return gv_refuse(t, j->ticket, GV_UNAVAILABLE, "%s", why);
	}
}

/* In a turn: answers and frees. */
static int answer(void *self, struct gv_turn *t, void *arg)
{
	struct job *j = arg;
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;
	int r;

	if (j->mail) {
		r = mail_answer(t, j);
		job_free(j);
		return r;
	}
	if (j->result != CURLE_OK) {
		r = refuse_failed(t, j);
		job_free(j);
		return r;
	}
	reply.status = (uint32_t)j->status;
	reply.body.data = j->reply.data;
	reply.body.len = j->reply.size;
	for (size_t i = 0; i < j->n_headers; i++) {
		Link__HttpHeader *h = gv_alloc(t, sizeof(*h));

		link__http_header__init(h);
		h->name = j->names[i];
		h->value = j->values[i];
		*GV_APPEND(t, reply.headers, reply.n_headers) = h;
	}
	r = gv_reply(t, j->ticket, &reply);
	job_free(j);
	return r;
}

void fetch_finish_done(struct link *l)
{
	struct fetcher *f = l->fetcher;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left))) {
		struct job *j;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&j);
		j->result = m->data.result;
		curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &j->status);
		job_unlink(f, j);
		if (j->mail)
			gv_world_count(l->world, j->result == CURLE_OK ? "mails" : "mails_failed", 1);
		else
			gv_world_count(l->world, j->result == CURLE_OK ? "fetches" : "fetches_failed", 1);
		if (gv_world_turn(l->world, answer, j) < 0)
			job_free(j);
	}
}

/* ---- what comes in --------------------------------------------------------------------------- */

size_t job_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct job *j = arg;

	size *= count;
	if (j->reply.size + size > j->reply_max) {
		j->too_large = true;
		return 0;
	}
	return bytes_add(&j->reply, data, size) < 0 ? 0 : size;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct job *j = arg;
	const char *colon;
	struct slice name, value;

	size *= count;
	colon = memchr(data, ':', size);
	if (!colon || j->n_headers == FETCH_HEADERS_MAX)
		return size;
	name = slice_trim(slice(data, (size_t)(colon - data)));
	value = slice(colon + 1, size - (size_t)(colon - data) - 1);
	while (value.size && (value.data[value.size - 1] == '\n' || value.data[value.size - 1] == '\r'))
		value.size--;
	value = slice_trim(value);
	j->names[j->n_headers] = strndup(name.data, name.size);
	j->values[j->n_headers] = strndup(value.data, value.size);
	for (char *s = j->names[j->n_headers]; s && *s; s++) {
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
	}
	if (j->names[j->n_headers] && j->values[j->n_headers]) {
		j->n_headers++;
	} else {
		free(j->names[j->n_headers]);
		free(j->values[j->n_headers]);
	}
	return size;
}

/* ---- the request ----------------------------------------------------------------------------- */

static int add_header(struct job *j, const char *name, const char *value)
{
	char *line = NULL;
	struct curl_slist *list;

	/* libcurl's notation: with ';' the header is sent although it is empty */
	if (asprintf(&line, *value ? "%s: %s" : "%s;", name, value) < 0)
		return -ENOMEM;
	list = curl_slist_append(j->headers, line);
	free(line);
	if (!list)
		return -ENOMEM;
	j->headers = list;
	return 0;
}

static bool has_header(const Link__FetchRequest *request, const char *name)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		if (strcasecmp(request->headers[i]->name, name) == 0)
			return true;
	}
	return false;
}

static int add_headers(struct job *j, const Link__FetchRequest *request)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < request->n_headers; i++)
		r = add_header(j, request->headers[i]->name, request->headers[i]->value);
	if (r == 0 && request->idempotency_key[0])
		r = add_header(j, "Idempotency-Key", request->idempotency_key);
	if (r < 0)
		return r;
	/* what libcurl would add by itself and nobody asked for */
	if (!has_header(request, "expect"))
		j->headers = curl_slist_append(j->headers, "Expect:");
	if (!has_header(request, "content-type"))
		j->headers = curl_slist_append(j->headers, "Content-Type:");
	return 0;
}

static int set_method(struct job *j, const Link__FetchRequest *request)
{
	const char *method = request->method[0] ? request->method : request->body.len ? "POST" : "GET";

	if (request->body.len) {
		j->body = malloc(request->body.len);
		if (!j->body)
			return -ENOMEM;
		memcpy(j->body, request->body.data, request->body.len);
		curl_easy_setopt(j->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		curl_easy_setopt(j->easy, CURLOPT_POSTFIELDS, j->body);
	} else if (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0) {
		curl_easy_setopt(j->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
		curl_easy_setopt(j->easy, CURLOPT_POSTFIELDS, "");
	}
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(j->easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(j->easy, CURLOPT_CUSTOMREQUEST, method);
	return 0;
}

static void set_options(struct job *j, const Link__FetchRequest *request)
{
	long timeout_ms = request->timeout_ms ? (long)request->timeout_ms : TIMEOUT_MS;

	curl_easy_setopt(j->easy, CURLOPT_PRIVATE, j);
	curl_easy_setopt(j->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(j->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(j->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(j->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(j->easy, CURLOPT_ERRORBUFFER, j->error);
	curl_easy_setopt(j->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(j->easy, CURLOPT_CONNECTTIMEOUT_MS,
			 timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS);
	curl_easy_setopt(j->easy, CURLOPT_HTTPHEADER, j->headers);
	curl_easy_setopt(j->easy, CURLOPT_USERAGENT, "galvan");
	curl_easy_setopt(j->easy, CURLOPT_WRITEFUNCTION, job_on_body);
	curl_easy_setopt(j->easy, CURLOPT_WRITEDATA, j);
	curl_easy_setopt(j->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(j->easy, CURLOPT_HEADERDATA, j);
	if (j->link->ca_file)
		curl_easy_setopt(j->easy, CURLOPT_CAINFO, j->link->ca_file);
}

/* One of this machine's own addresses, public though it may be. */
static bool is_own(const struct sockaddr *address)
{
	uv_interface_address_t *all;
	bool own = false;
	int n;

	if (uv_interface_addresses(&all, &n) < 0)
		return true;
	for (int i = 0; i < n && !own; i++) {
		if (address->sa_family != all[i].address.address4.sin_family)
			continue;
		if (address->sa_family == AF_INET)
			own = !memcmp(&((const struct sockaddr_in *)address)->sin_addr,
				      &all[i].address.address4.sin_addr, sizeof(struct in_addr));
		else if (address->sa_family == AF_INET6)
			own = !memcmp(&((const struct sockaddr_in6 *)address)->sin6_addr,
				      &all[i].address.address6.sin6_addr, sizeof(struct in6_addr));
	}
	uv_free_interface_addresses(all, n);
	return own;
}

/* The name has been resolved, and to this address a socket is wanted. */
static curl_socket_t open_outside(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct job *j = arg;

	j->kept_inside = address_is_private(&address->addr) || is_own(&address->addr);
	return j->kept_inside ? CURL_SOCKET_BAD
			      : socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Redirects are not followed, so there is one name to resolve; a connection that another job opened, and a proxy, would
 * lead past the check. */
static void stay_outside(struct job *j)
{
	curl_easy_setopt(j->easy, CURLOPT_OPENSOCKETFUNCTION, open_outside);
	curl_easy_setopt(j->easy, CURLOPT_OPENSOCKETDATA, j);
	curl_easy_setopt(j->easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(j->easy, CURLOPT_PROXY, "");
}

static bool header_safe(const Link__HttpHeader *h)
{
	return h->name[0] && !strpbrk(h->name, "\r\n:; \t") && !strpbrk(h->value, "\r\n");
}

/* What is wrong with a request, for people; NULL: nothing. */
static const char *request_problem(const Link__FetchRequest *request)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		if (!header_safe(request->headers[i]))
			return "headers: a name is empty or has a blank, colon or semicolon, or a line break would "
			       "begin another header";
	}
	if (strpbrk(request->idempotency_key, "\r\n"))
		return "idempotency_key: has a line break";
	if (strspn(request->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(request->method))
		return "method: something like GET is wanted";
	return NULL;
}

struct job *job_create(struct link *l, struct gv_turn *t, struct gv_ticket ticket, int *ret_result)
{
	struct fetcher *f = l->fetcher;
	struct job *j;

	if (!f || l->draining) {
		*ret_result = gv_refuse(t, ticket, GV_UNAVAILABLE, "link is starting or stopping; try again");
		return NULL;
	}
	if (f->n_jobs >= JOBS_MAX) {
		*ret_result = gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED, "%d requests are in flight; try again later",
					JOBS_MAX);
		return NULL;
	}
	*ret_result = -ENOMEM;
	j = calloc(1, sizeof(*j));
	if (!j)
		return NULL;
	j->link = l;
	j->ticket = ticket;
	j->reply_max = REPLY_DEFAULT;
	j->easy = curl_easy_init();
	if (!j->easy) {
		job_free(j);
		return NULL;
	}
	return j;
}

void job_run(struct job *j)
{
	struct fetcher *f = j->link->fetcher;

	j->next = f->jobs;
	if (f->jobs)
		f->jobs->previous = j;
	f->jobs = j;
	f->n_jobs++;
	curl_multi_add_handle(f->multi, j->easy);
}

int fetch(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__FetchRequest *request)
{
	const char *problem = request_problem(request);
	struct job *j;
	int r;

	if (problem)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	j = job_create(l, t, ticket, &r);
	if (!j)
		return r;
	if (request->max_reply_bytes)
		j->reply_max = request->max_reply_bytes < REPLY_MAX ? request->max_reply_bytes : REPLY_MAX;
	if (add_headers(j, request) < 0 || set_method(j, request) < 0) {
		job_free(j);
		return -ENOMEM;
	}
	set_options(j, request);
	if (request->forbid_private)
		stay_outside(j);
	job_run(j);
	return 0;
}
