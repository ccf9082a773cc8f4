/* A disk that fails, and a process that dies, at a chosen moment: an LD_PRELOAD library for a real node.
 *
 * GALVAN_DISK names a file of four 32-bit numbers, mapped by each process of the node, so that a test says what is to
 * happen while the node runs: what, how many such operations pass before, the errno, and how often it has happened
 * since. Only the store whose path has GALVAN_DISK_OF in it is concerned. An error stays until it is taken back; a
 * death happens once. */
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* Also in tests/e2e/disk.py. */
enum what {
	NOTHING,
	FAIL_SYNC,          /* fdatasync of pages */
	FAIL_PAGES,         /* writing them */
	FAIL_META,          /* writing the page that makes them count */
	DIE_BEFORE_COMMIT,  /* nothing of the turn is written */
	DIE_WITHIN_PAGES,   /* half of a write of pages is done */
	DIE_WITHOUT_A_SYNC, /* pages are written, and not synced */
	DIE_AFTER_COMMIT,   /* all of it is on the disk, and nothing has left */
};
struct orders {
	_Atomic(uint32_t) what, after, error, hits;
};

static atomic_bool ours; /* this process has the store open */
static struct orders nothing, *orders = &nothing;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("GALVAN_DISK");
	int fd = path ? open(path, O_RDWR) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		orders = map;
}

/* Whether `what` is to happen at this operation. */
static bool now(enum what what)
{
	if (orders->what != (uint32_t)what)
		return false;
	if (orders->after) {
		orders->after--;
		return false;
	}
	orders->hits++;
	return true;
}

static void die_at(enum what what)
{
	if (!now(what))
		return;
	orders->what = NOTHING;
	raise(SIGKILL);
}

static bool fail_at(enum what what)
{
	if (!now(what))
		return false;
	errno = (int)orders->error;
	return true;
}

bool concerns(const char *path)
{
	const char *of = getenv("GALVAN_DISK_OF");

	if (!of || !strstr(path, of))
		return false;
	ours = true;
	return true;
}

/* ---- what is done to them -------------------------------------------------------------------- */

static bool may_write(int fd)
{
	return !(kind(fd) == DATA && fail_at(FAIL_PAGES)) && !(kind(fd) == META && fail_at(FAIL_META));
}

/* True where half of the write is to be done, behind which the process ends. */
static bool dies_within(int fd)
{
	return kind(fd) == DATA && orders->what == DIE_WITHIN_PAGES && !orders->after;
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	NEXT(pwrite);
	if (!may_write(fd))
		return -1;
	if (dies_within(fd))
		(void)!real(fd, data, size / 2, at);
	if (kind(fd) == DATA)
		die_at(DIE_WITHIN_PAGES);
	return real(fd, data, size, at);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	return pwrite(fd, data, size, at);
}

/* Behind an lseek to where the pages belong. */
EXPORT ssize_t writev(int fd, const struct iovec *vector, int count)
{
	NEXT(writev);
	if (!may_write(fd))
		return -1;
	if (dies_within(fd))
		(void)!real(fd, vector, (count + 1) / 2);
	if (kind(fd) == DATA)
		die_at(DIE_WITHIN_PAGES);
	return real(fd, vector, count);
}

EXPORT int fdatasync(int fd)
{
	NEXT(fdatasync);
	if (kind(fd) == DATA) {
		die_at(DIE_WITHOUT_A_SYNC);
		if (fail_at(FAIL_SYNC))
			return -1;
	}
	return real(fd);
}

EXPORT int mdb_txn_commit(MDB_txn *txn)
{
	NEXT(mdb_txn_commit);
	int r;

	if (ours)
		die_at(DIE_BEFORE_COMMIT);
	r = real(txn);
	if (ours)
		die_at(DIE_AFTER_COMMIT);
	return r;
}
