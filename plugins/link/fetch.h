/* Outbound requests in flight, between fetch.c, which makes and answers them, and fetch_loop.c, which lets libcurl run
 * on the loop. */
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
	struct curl_slist *headers;
	uint8_t *body;
	struct bytes reply;
	size_t reply_max;
	char *names[FETCH_HEADERS_MAX], *values[FETCH_HEADERS_MAX];
	size_t n_headers;
	bool too_large;
	CURLcode result;
	long status;
	char error[CURL_ERROR_SIZE];
};

void job_free(struct job *j);
/* Takes it out of what is in flight. */
void job_unlink(struct fetcher *f, struct job *j);
/* Answers what libcurl has finished. */
void fetch_finish_done(struct link *l);

#endif
