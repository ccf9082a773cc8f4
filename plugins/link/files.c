/* The bytes of a blob go from the page cache to the socket by sendfile(2), and never through link. TLS that is done in
 * this process has to read them: a record at a time into the stack, so that no connection owns a buffer. */
#include "files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>

#define AT_ONCE (1 << 20) /* bytes of one sendfile(2) */

/* ---- open once ------------------------------------------------------------------------------- */

static struct file **slot_of(struct link *l, const char *id)
{
	return &l->files[view_hash(id) & (LINK_FILE_SLOTS - 1)];
}

int file_join(struct link *l, const char *id, struct file **ret)
{
	struct file **slot = slot_of(l, id), *f = *slot;

	while (f && strcmp(f->id, id) != 0)
		f = f->next;
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		f->fd = strlen(id) < sizeof(f->id) ? gv_world_blob_open(l->world, id, &f->size) : -EINVAL;
		if (f->fd < 0) {
			int r = f->fd;

			free(f);
			return r;
		}
		memcpy(f->id, id, strlen(id) + 1);
		f->next = *slot;
		*slot = f;
		l->n_files++;
	}
	f->users++;
	*ret = f;
	return 0;
}

void file_leave(struct link *l, struct file *f)
{
	struct file **at = slot_of(l, f->id);

	if (--f->users)
		return;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	l->n_files--;
	close(f->fd);
	free(f);
}

/* ---- sent ------------------------------------------------------------------------------------ */

static int64_t send_plain(int socket, int fd, uint64_t at, uint64_t size)
{
	off_t offset = (off_t)at;
	ssize_t n;

	do
		n = sendfile(socket, fd, &offset, size < AT_ONCE ? (size_t)size : AT_ONCE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n ? n : -ENODATA;
}

static int64_t send_record(SSL *ssl, const uint8_t *data, size_t size)
{
	int n;

	ERR_clear_error();
	n = SSL_write(ssl, data, (int)size);
	if (n > 0)
		return n;
	return SSL_get_error(ssl, n) == SSL_ERROR_WANT_WRITE ? 0 : -EPIPE;
}

/* A record that the socket has no room for waits encrypted in OpenSSL, and is asked for again with the same bytes: as
 * they are read from the same place of the file, nobody need remember. */
static int64_t send_tls(SSL *ssl, int fd, uint64_t at, uint64_t size)
{
	uint8_t data[SSL3_RT_MAX_PLAIN_LENGTH];
	uint64_t sent = 0;

	while (sent < size) {
		size_t want = size - sent < sizeof(data) ? (size_t)(size - sent) : sizeof(data);
		ssize_t n = pread(fd, data, want, (off_t)(at + sent));
		int64_t r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		r = send_record(ssl, data, (size_t)n);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		sent += (uint64_t)r;
	}
	return (int64_t)sent;
}

int64_t file_send(struct conn *c, const struct file *f, uint64_t at, uint64_t size)
{
	SSL *ssl = wire_ssl(c);

	return ssl ? send_tls(ssl, f->fd, at, size) : send_plain(wire_descriptor(c), f->fd, at, size);
}
