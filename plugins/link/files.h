/* Blobs that are being sent: each is open once, however many clients read it. */
#ifndef LINK_FILES_H
#define LINK_FILES_H

#include "link.h"

struct file {
	struct file *next;
	unsigned users;
	int fd;
	uint64_t size;
	char id[GV_BLOB_ID_SIZE];
};

/* To be left by file_leave. 0, -ENOENT or -EINVAL where there is no such blob, or why it cannot be opened. */
int file_join(struct link *l, const char *id, struct file **ret);
void file_leave(struct link *l, struct file *f);

/* Sends bytes of a file to a connection that came in, to which nothing else waits to be written. How many were taken,
 * fewer than asked for where the socket has no more room; negative: the connection is lost, or -ENODATA where the file
 * ends before them. */
int64_t file_send(struct conn *c, const struct file *f, uint64_t at, uint64_t size);

#endif
