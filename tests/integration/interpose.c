/* Nothing leaves before it is on the disk: an LD_PRELOAD library that watches a real node keep that promise.
 *
 * It knows, of each thread, the write transaction that is open and whether something was put into it, and, of each
 * process, whether pages of a data.mdb were written that no fdatasync has followed. A ZeroMQ send in either state, or a
 * commit that returns with such pages, is a breach: it is written to GALVAN_INTERPOSE/breach.PID and the process
 * aborts. What was seen at all is counted in GALVAN_INTERPOSE/count.PID, so that a test can tell a kept promise from
 * one that nobody watched. */
#include "descriptors.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <zmq.h>

static atomic_bool dirty;                /* pages of this process's store wait for their fdatasync */
static _Thread_local unsigned open_puts; /* in this thread's write transaction */
static _Thread_local bool committing;

/* Counters in a file, so that kill -9 does not lose them. */
struct counts {
	_Atomic(uint64_t) sends, commits, syncs, page_writes, puts;
};
static struct counts fallback, *counts = &fallback;
static const char *folder;

static void breach(const char *what)
{
	char path[4096], text[512];
	int fd, n;

	snprintf(path, sizeof path, "%s/breach.%d", folder ? folder : "/tmp", (int)getpid());
	n = snprintf(text, sizeof text, "%s (puts in the open transaction: %u, pages unsynced: %d)\n", what, open_puts,
		     (int)dirty);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		fputs(text, stderr);
	abort();
}

__attribute__((constructor)) static void begin(void)
{
	char path[4096];
	int fd;
	void *map;

	folder = getenv("GALVAN_INTERPOSE");
	if (!folder)
		return;
	snprintf(path, sizeof path, "%s/count.%d", folder, (int)getpid());
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof *counts))
		return;
	map = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		counts = map;
}

bool concerns(const char *path)
{
	return true;
}

/* ---- what is written to them, and when it is safe -------------------------------------------- */

static void note_write(int fd)
{
	if (kind(fd) != DATA)
		return;
	counts->page_writes++;
	dirty = true;
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	NEXT(pwrite);
	note_write(fd);
	return real(fd, data, size, at);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	NEXT(pwrite64);
	note_write(fd);
	return real(fd, data, size, at);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *vector, int count, off_t at)
{
	NEXT(pwritev);
	note_write(fd);
	return real(fd, vector, count, at);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *vector, int count, off64_t at)
{
	NEXT(pwritev64);
	note_write(fd);
	return real(fd, vector, count, at);
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
	NEXT(write);
	note_write(fd);
	return real(fd, data, size);
}

EXPORT ssize_t writev(int fd, const struct iovec *vector, int count)
{
	NEXT(writev);
	note_write(fd);
	return real(fd, vector, count);
}

EXPORT int fdatasync(int fd)
{
	NEXT(fdatasync);
	int r = real(fd);

	if (!r && kind(fd) != NOT_OURS) {
		counts->syncs++;
		dirty = false;
	}
	return r;
}

EXPORT int fsync(int fd)
{
	NEXT(fsync);
	int r = real(fd);

	if (!r && kind(fd) != NOT_OURS) {
		counts->syncs++;
		dirty = false;
	}
	return r;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void note_put(void)
{
	counts->puts++;
	open_puts++;
}

EXPORT int mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned int flags)
{
	NEXT(mdb_put);
	note_put();
	return real(txn, dbi, key, data, flags);
}

EXPORT int mdb_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned int flags)
{
	NEXT(mdb_cursor_put);
	note_put();
	return real(cursor, key, data, flags);
}

EXPORT int mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	NEXT(mdb_del);
	int r = real(txn, dbi, key, data);

	if (!r)
		note_put();
	return r;
}

EXPORT int mdb_cursor_del(MDB_cursor *cursor, unsigned int flags)
{
	NEXT(mdb_cursor_del);
	note_put();
	return real(cursor, flags);
}

EXPORT int mdb_txn_commit(MDB_txn *txn)
{
	NEXT(mdb_txn_commit);
	unsigned puts = open_puts;
	int r;

	committing = true;
	r = real(txn);
	committing = false;
	open_puts = 0;
	if (puts && !r) {
		counts->commits++;
		if (dirty)
			breach("a commit returned before its pages were synced");
	}
	return r;
}

EXPORT void mdb_txn_abort(MDB_txn *txn)
{
	NEXT(mdb_txn_abort);
	open_puts = 0;
	real(txn);
}

/* ---- what must not happen meanwhile ---------------------------------------------------------- */

static void note_send(void)
{
	counts->sends++;
	if (open_puts || committing)
		breach("a message was sent within a turn that had written and not committed");
	if (dirty)
		breach("a message was sent before the pages of its turn were synced");
}

EXPORT int zmq_msg_send(zmq_msg_t *message, void *socket, int flags)
{
	NEXT(zmq_msg_send);
	note_send();
	return real(message, socket, flags);
}

EXPORT int zmq_send(void *socket, const void *data, size_t size, int flags)
{
	NEXT(zmq_send);
	note_send();
	return real(socket, data, size, flags);
}

EXPORT int zmq_send_const(void *socket, const void *data, size_t size, int flags)
{
	NEXT(zmq_send_const);
	note_send();
	return real(socket, data, size, flags);
}
