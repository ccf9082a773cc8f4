/* Outbound e-mail for plugins that have no sockets, by SMTP to the mail server that the caller names. Like a fetch, a
 * letter that is in flight when link dies is sent again by its caller's host, with the same Message-ID. */
#include "fetch.h"
#include "letter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 10000L
#define ANSWER_MAX 500 /* bytes of the server's verdict */
#define RECIPIENTS_MAX 100
#define TEXT_MAX (1 << 20) /* bytes */

/* The last line in which the server said yes or no to the letter; what it says to our QUIT does not count. "" where
 * there is none. */
static const char *verdict(struct gv_turn *t, const struct job *j)
{
	const char *first = j->result == CURLE_OK ? "2" : "45", *at = (const char *)j->reply.data, *found = "";
	const char *end = at + j->reply.size;
	size_t found_size = 0;
	char *line;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((stop ? stop : end) - at);

		if (*at && strchr(first, *at) && (size < 3 || memcmp(at, "221", 3) != 0)) {
			found = at;
			found_size = size > ANSWER_MAX ? ANSWER_MAX : size;
		}
		at += size + 1;
	}
	while (found_size && found[found_size - 1] == '\r')
		found_size--;
	line = gv_str(t, "%.*s", (int)found_size, found);
	for (char *s = line; *s; s++) /* it will stand in logs */
		if (*s < ' ' || *s > '~')
			*s = '?';
	return line;
}

int mail_answer(struct gv_turn *t, const struct job *j)
{
	Link__SendMailReply reply = LINK__SEND_MAIL_REPLY__INIT;
	const char *line = verdict(t, j), *why = j->error[0] ? j->error : curl_easy_strerror(j->result);

	switch (j->result) {
	case CURLE_OK:
		reply.answer = (char *)line;
		return gv_reply(t, j->ticket, &reply);
	case CURLE_OPERATION_TIMEDOUT:
		return gv_refuse(t, j->ticket, GV_DEADLINE_EXCEEDED, "%s", why);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return gv_refuse(t, j->ticket, GV_INVALID_ARGUMENT, "url: %s", why);
	case CURLE_LOGIN_DENIED:
		return gv_refuse(t, j->ticket, GV_PERMISSION_DENIED, "the mail server refuses the user: %s", line);
	default:
		break;
	}
	if (j->status >= 500) /* for good: RFC 5321, 4.2.1 */
		return gv_refuse(t, j->ticket, GV_FAILED_PRECONDITION, "the mail server refuses: %s", line);
	return gv_refuse(t, j->ticket, GV_UNAVAILABLE, "%s%s%s", why, *line ? "; the mail server said: " : "", line);
}

static size_t on_read(char *into, size_t size, size_t count, void *arg)
{
	struct job *j = arg;
	size_t n = j->body_size - j->body_read;

	if (n > size * count)
		n = size * count;
	memcpy(into, j->body + j->body_read, n);
	j->body_read += n;
	return n;
}

static const char *request_problem(const Link__SendMailRequest *r, const struct letter *l)
{
	if (strchr(r->url, '@'))
		return "url: user and password have fields of their own";
	if (r->n_to > RECIPIENTS_MAX)
		return "to: at most 100 addresses";
	if (strlen(r->text) > TEXT_MAX)
		return "text: at most 1 MiB";
	if (strpbrk(r->user, "\r\n") || strpbrk(r->password, "\r\n"))
		return "user and password must have no line break";
	return letter_problem(l);
}

static int set_recipients(struct job *j, const Link__SendMailRequest *r)
{
	for (size_t i = 0; i < r->n_to; i++) {
		struct curl_slist *list = curl_slist_append(j->headers, r->to[i]);

		if (!list)
			return -ENOMEM;
		j->headers = list;
	}
	return 0;
}

static void set_options(struct job *j, const Link__SendMailRequest *r)
{
	long timeout_ms = r->timeout_ms ? (long)r->timeout_ms : TIMEOUT_MS;

	curl_easy_setopt(j->easy, CURLOPT_PRIVATE, j);
	curl_easy_setopt(j->easy, CURLOPT_URL, r->url);
	curl_easy_setopt(j->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	/* A password never crosses the network in the open. */
	curl_easy_setopt(j->easy, CURLOPT_USE_SSL, (long)(*r->user ? CURLUSESSL_ALL : CURLUSESSL_TRY));
	if (*r->user) {
		curl_easy_setopt(j->easy, CURLOPT_USERNAME, r->user);
		curl_easy_setopt(j->easy, CURLOPT_PASSWORD, r->password);
	}
	curl_easy_setopt(j->easy, CURLOPT_MAIL_FROM, r->from);
	curl_easy_setopt(j->easy, CURLOPT_MAIL_RCPT, j->headers);
	curl_easy_setopt(j->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(j->easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(j->easy, CURLOPT_READDATA, j);
	curl_easy_setopt(j->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)j->body_size);
	curl_easy_setopt(j->easy, CURLOPT_HEADERFUNCTION, job_on_body);
	curl_easy_setopt(j->easy, CURLOPT_HEADERDATA, j);
	curl_easy_setopt(j->easy, CURLOPT_WRITEFUNCTION, job_on_body);
	curl_easy_setopt(j->easy, CURLOPT_WRITEDATA, j);
	curl_easy_setopt(j->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(j->easy, CURLOPT_ERRORBUFFER, j->error);
	curl_easy_setopt(j->easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(j->easy, CURLOPT_CONNECTTIMEOUT_MS,
			 timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS);
	if (j->link->ca_file)
		curl_easy_setopt(j->easy, CURLOPT_CAINFO, j->link->ca_file);
}

int send_mail(struct link *l, struct gv_turn *t, struct gv_ticket ticket, const Link__SendMailRequest *r)
{
	const struct letter letter = { .from = r->from,
				       .to = (const char *const *)r->to,
				       .n_to = r->n_to,
				       .subject = r->subject,
				       .text = r->text,
				       .message_id = r->message_id,
				       .date_ms = gv_now_ms(t) };
	const char *problem = request_problem(r, &letter);
	struct gv_buf text = { 0 };
	struct job *j;
	int result;

	if (problem)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	j = job_create(l, t, ticket, &result);
	if (!j)
		return result;
	j->mail = true;
	result = letter_write(&letter, &text);
	if (result < 0 || set_recipients(j, r) < 0) {
		gv_buf_fini(&text);
		job_free(j);
		return -ENOMEM;
	}
	j->body = text.data; /* the job's from here on: both are the C library's memory */
	j->body_size = text.size;
	set_options(j, r);
	job_run(j);
	return 0;
}
