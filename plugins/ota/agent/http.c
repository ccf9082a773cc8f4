/* Requests to the server, each bounded in bytes and time. */
#include "agent.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_S 30
#define REDIRECTS_MAX 3
#define SLOW_BYTES 16 /* a second, for timeout_s: slower is dead */
#define URL_MAX 2048
#define PROGRESS_MIN 4096 /* bytes further than ever before, for another round of attempts */

/* A device's id as the user of Basic credentials, which cannot hold a colon. */
static void user_of(const struct agent *a, char ret[3 * OTA_DEVICE_MAX + 1])
{
	size_t n = 0;

	for (const char *c = a->config.device; *c; c++) {
		if (*c == ':' || *c == '%')
			n += (size_t)snprintf(ret + n, 4, "%%%02X", (unsigned char)*c);
		else
			ret[n++] = *c;
	}
	ret[n] = '\0';
}

static int set_up(struct agent *a, const char *path, struct tuf_error *err)
{
	CURL *c = a->curl;
	char url[URL_MAX], user[3 * OTA_DEVICE_MAX + 1];
	int n = snprintf(url, sizeof(url), "%s/%s", a->config.server, path);

	if (n < 0 || n >= (int)sizeof(url)) {
		snprintf(err->text, sizeof(err->text), "the address of %.100s is too long", path);
		return -ENAMETOOLONG;
	}
	curl_easy_reset(c);
	user_of(a, user);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)a->config.timeout_s);
	if (*a->config.password) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(c, CURLOPT_USERNAME, user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, a->config.password);
	}
	if (*a->config.ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, a->config.ca);
	return 0;
}

static int perform(struct agent *a, const char *path, struct tuf_error *err)
{
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode code;

	curl_easy_setopt(a->curl, CURLOPT_ERRORBUFFER, why);
	code = curl_easy_perform(a->curl);
	curl_easy_setopt(a->curl, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK)
		return (int)status;
	snprintf(err->text, sizeof(err->text), "%.100s: %.200s", path, *why ? why : curl_easy_strerror(code));
	return -ECONNABORTED;
}

/* ---- to memory ------------------------------------------------------------------------------- */

static size_t to_memory(char *data, size_t one, size_t size, void *user)
{
	struct agent_body *body = user;
	char *more;

	if (size > body->max - body->size) {
		body->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	more = realloc(body->data, body->size + size + 1);
	if (!more)
		return CURL_WRITEFUNC_ERROR;
	body->data = more;
	memcpy(more + body->size, data, size);
	body->size += size;
	return size;
}

int agent_get(struct agent *a, const char *path, size_t max, struct agent_body *ret, struct tuf_error *err)
{
	int r = set_up(a, path, err);

	*ret = (struct agent_body){ .max = max };
	if (r < 0)
		return r;
	curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, to_memory);
	curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, ret);
	r = perform(a, path, err);
	if (ret->too_large)
		snprintf(err->text, sizeof(err->text), "%.100s has more than %zu bytes", path, max);
	return r;
}

static size_t to_nowhere(char *data, size_t one, size_t size, void *user)
{
	size_t *left = user;

	if (size > *left)
		return CURL_WRITEFUNC_ERROR;
	*left -= size;
	return size;
}

int agent_post(struct agent *a, const char *path, const char *json, struct tuf_error *err)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	size_t left = TUF_TIMESTAMP_MAX; /* of an answer that nobody reads */
	int r = headers ? set_up(a, path, err) : -ENOMEM;

	if (r == 0) {
		curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(a->curl, CURLOPT_POSTFIELDS, json);
		curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, to_nowhere);
		curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, &left);
		r = perform(a, path, err);
	}
	curl_slist_free_all(headers);
	return r;
}

/* ---- to a file ------------------------------------------------------------------------------- */

struct part {
	CURL *curl;
	int fd;
	int64_t at, length;
	bool begun, too_large;
	int error;
};

/* The first bytes tell whether the server goes on (206) or begins again (200). */
static int begin(struct part *p)
{
	long status = 0;

	curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	p->begun = true;
	if (status != 200 && status != 206)
		return -EPROTO;
	if (status == 200 && p->at > 0) {
		p->at = 0;
		if (ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0)
			return -errno;
	}
	return 0;
}

static size_t to_file(char *data, size_t one, size_t size, void *user)
{
	struct part *p = user;

	if (!p->begun)
		p->error = begin(p);
	if (p->error == 0 && (int64_t)size > p->length - p->at)
		p->too_large = true;
	else if (p->error == 0)
		p->error = agent_write_all(p->fd, data, size);
	if (p->error < 0 || p->too_large)
		return CURL_WRITEFUNC_ERROR;
	p->at += (int64_t)size;
	return size;
}

static int transfer(struct agent *a, struct part *p, const char *path, const char *sha256, struct tuf_error *err)
{
	char range[64], condition[TUF_HASH_TEXT + 32];
	struct curl_slist *headers = NULL;
	int r = set_up(a, path, err);

	if (r < 0)
		return r;
	p->begun = p->too_large = false;
	p->error = 0;
	if (p->at > 0) {
		snprintf(range, sizeof(range), "%lld-", (long long)p->at);
		snprintf(condition, sizeof(condition), "If-Range: \"%s\"", sha256);
		headers = curl_slist_append(NULL, condition);
		curl_easy_setopt(a->curl, CURLOPT_RANGE, range);
		curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, headers);
	}
	curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, to_file);
	curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, p);
	r = perform(a, path, err);
	curl_slist_free_all(headers);
	if (p->too_large) {
		snprintf(err->text, sizeof(err->text), "%.100s has more than the %lld bytes that are signed for", path,
			 (long long)p->length);
		return -EFBIG;
	}
	if (p->error < 0 && p->error != -EPROTO)
		return p->error;
	if (r < 0)
		return -EAGAIN;
	if (r == 416) { /* what is here is no part of what is there */
		p->at = 0;
		return ftruncate(p->fd, 0) < 0 || lseek(p->fd, 0, SEEK_SET) < 0 ? -errno : -EAGAIN;
	}
	if (r != 200 && r != 206) {
		snprintf(err->text, sizeof(err->text), "%.100s: the server answers %d", path, r);
		return r >= 500 ? -EAGAIN : -ENOENT;
	}
	return p->at == p->length ? 0 : -EAGAIN;
}

int agent_download(struct agent *a, const char *path, const char *name, int64_t length, const char *sha256,
		   struct tuf_error *err)
{
	struct part p = { .curl = a->curl, .length = length };
	char place[PATH_MAX], in[128];
	struct stat st;
	int64_t most;
	int r;

	snprintf(in, sizeof(in), "download/%.80s", name);
	if ((r = agent_path(a, in, place)) < 0)
		return r;
	p.fd = open(place, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (p.fd < 0 || fstat(p.fd, &st) < 0) {
		r = -errno;
		snprintf(err->text, sizeof(err->text), "%.200s: %s", place, strerror(-r));
		if (p.fd >= 0)
			close(p.fd);
		return r;
	}
	p.at = st.st_size <= length ? st.st_size : 0;
	if (st.st_size > length && ftruncate(p.fd, 0) < 0)
		p.at = 0;
	lseek(p.fd, p.at, SEEK_SET);
	r = p.at == length ? 0 : -EAGAIN;
	most = p.at;
	for (int i = 0; i < AGENT_ATTEMPTS_MAX && r == -EAGAIN; i++) {
		r = transfer(a, &p, path, sha256, err);
		if (p.at >= most + PROGRESS_MIN) {
			most = p.at;
			i = 0;
		}
	}
	if (r == 0 && fsync(p.fd) < 0)
		r = -errno;
	close(p.fd);
	if (r < 0 && !*err->text)
		snprintf(err->text, sizeof(err->text), "%.100s: %lld of %lld bytes came", path, (long long)p.at,
			 (long long)length);
	return r;
}
