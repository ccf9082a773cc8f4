/* Answers with a blob: what the request's conditions and ranges (RFC 9110, 13.2.2 and 14) make of it. A blob's entity
 * tag is its hash, which is strong; it has no date, so conditions on dates are passed over, and an If-Range with a date
 * gets the whole. */
#include <errno.h>
#include <lib/buf.h>
#include <string.h>
#include <strings.h>

#include "http.h"
#include "transfer.h"

static struct slice text(const char *s)
{
	return slice(s, strlen(s));
}

static const char *find_header(const Link__HttpResponse *m, const char *name)
{
	for (size_t i = 0; i < m->n_headers; i++) {
		if (strcasecmp(m->headers[i]->name, name) == 0 && http_header_allowed(m->headers[i]))
			return m->headers[i]->value;
	}
	return NULL;
}

/* ---- what to send ---------------------------------------------------------------------------- */

/* 206 or 416, or 200 for the whole; negative: no memory. */
static int choose_ranges(const struct exchange *x, struct transfer *t, const char *type)
{
	struct range ranges[RANGES_MAX];
	int n;

	if (!x->range || (x->if_range && !etag_is(text(x->if_range), t->file->id)))
		return 200;
	n = ranges_parse(text(x->range), t->file->size, ranges);
	if (n == -ERANGE)
		return 416;
	if (n == 0)
		return 200;
	if (n == 1)
		transfer_set_range(t, ranges[0]);
	else if (transfer_set_ranges(t, ranges, (unsigned)n, type) < 0)
		return -ENOMEM;
	return 206;
}

static int choose(const struct exchange *x, struct transfer *t, const Link__HttpResponse *m)
{
	if (m->status != 200)
		return (int)m->status; /* a page about an error, say: whole, whatever was asked for */
	if (x->match && !etags_have(text(x->match), t->file->id, false))
		return 412;
	if (x->none_match && etags_have(text(x->none_match), t->file->id, true))
		return 304;
	return choose_ranges(x, t, find_header(m, "content-type"));
}

/* ---- the head -------------------------------------------------------------------------------- */

/* Not what link says itself, nor what describes a body that does not come or comes in parts. */
static bool passes(const Link__HttpHeader *h, unsigned status, const struct transfer *t)
{
	static const char *const ours[] = { "accept-ranges", "content-range", "etag", "last-modified" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		if (strcasecmp(h->name, ours[i]) == 0)
			return false;
	}
	if (!http_header_allowed(h))
		return false;
	if (t->parts && strcasecmp(h->name, "content-type") == 0)
		return false;
	return (status != 304 && status != 412 && status != 416) || strncasecmp(h->name, "content-", 8) != 0;
}

static void put_head(struct gv_buf *out, const struct conn *c, unsigned status, const Link__HttpResponse *m)
{
	const struct transfer *t = c->exchange->transfer;
	unsigned long long size = t->file->size;

	http_put_status(out, c, status);
	for (size_t i = 0; i < m->n_headers; i++) {
		if (passes(m->headers[i], status, t))
			gv_buf_printf(out, "%s: %s\r\n", m->headers[i]->name, m->headers[i]->value);
	}
	gv_buf_printf(out, "Accept-Ranges: bytes\r\nETag: \"%s\"\r\n", t->file->id);
	if (t->parts)
		gv_buf_printf(out, "Content-Type: multipart/byteranges; boundary=%s\r\n", transfer_boundary(t));
	else if (status == 206)
		gv_buf_printf(out, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)t->at,
			      (unsigned long long)(t->at + t->left - 1), size);
	else if (status == 416)
		gv_buf_printf(out, "Content-Range: bytes */%llu\r\n", size);
	if (status != 304 && status != 204)
		gv_buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)transfer_size(t));
	gv_buf_puts(out, "\r\n");
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void refuse(struct conn *c, const char *blob, int error)
{
	bool absent = error == -ENOENT || error == -EINVAL;

	gv_world_log(c->link->world, GV_ERR, "%s answered with a blob that cannot be opened blob=%s error=%s",
		     c->exchange->route->plugin, blob, strerror(-error));
	http_refuse(c, absent ? 404 : 503,
		    absent ? "the file is not in this node's store" : "the file cannot be opened now; try again soon",
		    false);
}

void blob_send(struct conn *c, const Link__HttpResponse *m)
{
	struct exchange *x = c->exchange;
	struct gv_buf out = { 0 };
	const char *why;
	int status, r = transfer_create(c->link, m->blob, &x->transfer);

	if (r < 0) {
		refuse(c, m->blob, r);
		return;
	}
	if (pace_join(&x->transfer->pace, c, m, &why) < 0) {
		http_bad_answer(c, why);
		return;
	}
	status = choose(x, x->transfer, m);
	if (status < 0) {
		conn_kill(c, 1011, "out of memory");
		return;
	}
	exchange_forget_headers(x);
	if (status == 412 || status == 416)
		x->transfer->left = 0;
	x->started = true;
	put_head(&out, c, (unsigned)status, m);
	http_write(c, &out);
	if (x->is_head || status == 304 || status == 204)
		x->transfer->left = 0;
	c->state = CONN_REPLY;
	http_pump(c);
}
