/* Outbound requests in flight, between fetch.c and mail.c, which make and answer them, and fetch_loop.c, which lets
 * libcurl run on the loop. */
#ifndef LINK_FETCH_H
#define LINK_FETCH_H

#include <curl/curl.h>

#include "link.h"

#define FETCH_HEADERS_MAX 128 /* of an answer; further ones are left out */

struct fetcher {
	CURLM *multi;
	uv_timer_t *timer;
	struct job *jobs;
	size_t n_jobs;
};

/* A request in flight. */
struct job {
	struct job *previous, *next;
	struct link *link;
	struct gv_ticket ticket;
	CURL *easy;
	struct curl_slist *headers; /* of mail: its recipients */
	uint8_t *body;
	size_t body_size, body_read; /* of mail */
	struct bytes reply;
	size_t reply_max;
	char *names[FETCH_HEADERS_MAX], *values[FETCH_HEADERS_MAX];
	size_t n_headers;
	bool too_large, mail, kept_inside;
	CURLcode result;
	long status;
	char error[CURL_ERROR_SIZE];
};

/* A job to fill and run; NULL: refused, or no memory, as *ret_result says. */
struct job *job_create(struct link *l, struct gv_turn *t, struct gv_ticket ticket, int *ret_result);
void job_run(struct job *j);
void job_free(struct job *j);
/* Takes it out of what is in flight. */
void job_unlink(struct fetcher *f, struct job *j);
/* Answers what libcurl has finished. */
void fetch_finish_done(struct link *l);
/* Keeps what the server answers. */
size_t job_on_body(char *data, size_t size, size_t count, void *job);
/* In a turn: answers a mail's caller. */
int mail_answer(struct gv_turn *t, const struct job *j);

#endif
