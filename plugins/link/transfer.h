/* A blob on its way to a client: the whole, a range, or several ranges with a head each. */
#ifndef LINK_TRANSFER_H
#define LINK_TRANSFER_H

#include "budgets.h"
#include "files.h"
#include "ranges.h"

struct parts {      /* of multipart/byteranges (RFC 9110, 14.6) */
	char *type; /* of the file; NULL: not known */
	unsigned n, next;
	struct range ranges[RANGES_MAX];
};

struct transfer {
	struct link *link;
	struct file *file;
	struct parts *parts; /* NULL: one range only */
	uint64_t at, left;   /* of the range that is being sent */
	uint64_t full_ms;    /* since when the socket had no room; 0: it had */
	int queued;          /* bytes that its peer had yet to acknowledge when it was last looked at; 0: never */
	struct pace pace;
};

/* 0, or as file_join says. */
int transfer_create(struct link *l, const char *blob, struct transfer **ret);
void transfer_destroy(struct transfer *t);
void transfer_set_range(struct transfer *t, struct range r);
/* 0, -ENOMEM. `type` is copied. */
int transfer_set_ranges(struct transfer *t, const struct range *ranges, unsigned n, const char *type);
/* Bytes of the body. */
uint64_t transfer_size(const struct transfer *t);
/* What keeps the parts apart: no file holds its own hash. */
const char *transfer_boundary(const struct transfer *t);

#endif
