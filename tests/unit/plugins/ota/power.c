/* A machine whose power goes, for the agent: preloaded, it ends the process at the DIE_AT-th thing that it does to a
 * disk below POWER_FOLDER. With POWER_LOST, what was not synced by then is gone, as after a power loss: bytes of files,
 * and files' names, new, moved or removed, of folders that were not synced. At an orderly end it writes how many things
 * were done to POWER_COUNT.
 *
 * The order is the worst that POSIX allows: nothing is on disk before its fsync. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define FDS_MAX 256
#define CHANGES_MAX 64

enum what { CREATED, MOVED, REMOVED };

static char folder[PATH_MAX];
static long die_at, count;
static bool lost;
static char paths[FDS_MAX][PATH_MAX];
static char dirty[CHANGES_MAX][PATH_MAX];
static int dirty_count, change_count;
static struct {
	enum what what;
	char path[PATH_MAX], from[PATH_MAX], kept[PATH_MAX + 8];
} changes[CHANGES_MAX];

static int (*real_open)(const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_close)(int);

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("DIE_AT"), *where = getenv("POWER_FOLDER");

	*(void **)&real_open = dlsym(RTLD_NEXT, "open");
	*(void **)&real_write = dlsym(RTLD_NEXT, "write");
	*(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
	*(void **)&real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
	*(void **)&real_rename = dlsym(RTLD_NEXT, "rename");
	*(void **)&real_unlink = dlsym(RTLD_NEXT, "unlink");
	*(void **)&real_close = dlsym(RTLD_NEXT, "close");
	die_at = at ? strtol(at, NULL, 10) : 0;
	lost = getenv("POWER_LOST") != NULL;
	snprintf(folder, sizeof(folder), "%s", where ? where : "/nowhere");
	unsetenv("LD_PRELOAD"); /* the process that the agent starts has power of its own */
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("POWER_COUNT");
	FILE *f = path ? fopen(path, "w") : NULL;

	if (f) {
		fprintf(f, "%ld", count);
		fclose(f);
	}
}

static bool ours(const char *path)
{
	return strncmp(path, folder, strlen(folder)) == 0;
}

static bool ours_fd(int fd)
{
	return fd >= 0 && fd < FDS_MAX && paths[fd][0];
}

/* ---- losing ---------------------------------------------------------------------------------- */

static void undo(int i)
{
	if (changes[i].what == CREATED) {
		real_unlink(changes[i].path);
	} else if (changes[i].what == MOVED) {
		real_rename(changes[i].path, changes[i].from);
		real_rename(changes[i].kept, changes[i].path);
	} else {
		real_rename(changes[i].kept, changes[i].path);
	}
}

static void go_down(void)
{
	for (int i = 0; lost && i < dirty_count; i++) {
		struct stat st;

		if (stat(dirty[i], &st) == 0 && truncate(dirty[i], st.st_size / 2) < 0)
			perror(dirty[i]);
	}
	for (int i = change_count - 1; lost && i >= 0; i--)
		undo(i);
	kill(getpid(), SIGKILL);
}

static void step(void)
{
	if (++count == die_at)
		go_down();
}

static void mark_dirty(const char *path)
{
	for (int i = 0; i < dirty_count; i++)
		if (strcmp(dirty[i], path) == 0)
			return;
	if (dirty_count < CHANGES_MAX)
		memcpy(dirty[dirty_count++], path, strlen(path) + 1);
}

static void mark_clean(const char *path)
{
	for (int i = 0; i < dirty_count; i++)
		if (strcmp(dirty[i], path) == 0)
			memmove(dirty[i], dirty[--dirty_count], PATH_MAX);
}

static void remember(enum what what, const char *path, const char *from)
{
	if (change_count == CHANGES_MAX)
		abort();
	changes[change_count].what = what;
	snprintf(changes[change_count].path, PATH_MAX, "%s", path);
	snprintf(changes[change_count].from, PATH_MAX, "%s", from);
	snprintf(changes[change_count].kept, PATH_MAX + 8, "%s.%d", path, change_count);
	change_count++;
}

/* The names in a folder are on disk now. */
static void keep_names(const char *of)
{
	int left = 0;

	for (int i = 0; i < change_count; i++) {
		size_t size = (size_t)(strrchr(changes[i].path, '/') - changes[i].path);

		if (strlen(of) == size && strncmp(changes[i].path, of, size) == 0)
			real_unlink(changes[i].kept);
		else
			changes[left++] = changes[i];
	}
	change_count = left;
}

/* ---- what the agent calls -------------------------------------------------------------------- */

static int opened(const char *path, int flags, mode_t mode)
{
	bool fresh = ours(path) && (flags & O_CREAT) && access(path, F_OK) < 0;
	int fd;

	if (ours(path) && (fresh || (flags & O_TRUNC)))
		step();
	fd = real_open(path, flags, mode);
	if (fd >= 0 && fd < FDS_MAX)
		snprintf(paths[fd], PATH_MAX, "%s", ours(path) ? path : "");
	if (fd >= 0 && fresh)
		remember(CREATED, path, "");
	if (fd >= 0 && ours(path) && (flags & O_TRUNC))
		mark_dirty(path);
	return fd;
}

EXPORT int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return opened(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) __attribute__((alias("open")));

EXPORT int close(int fd)
{
	if (fd >= 0 && fd < FDS_MAX)
		paths[fd][0] = '\0';
	return real_close(fd);
}

EXPORT ssize_t write(int fd, const void *data, size_t size)
{
	if (ours_fd(fd)) {
		step();
		mark_dirty(paths[fd]);
	}
	return real_write(fd, data, size);
}

EXPORT int ftruncate(int fd, off_t size)
{
	if (ours_fd(fd)) {
		step();
		mark_dirty(paths[fd]);
	}
	return real_ftruncate(fd, size);
}

EXPORT int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));

EXPORT int fsync(int fd)
{
	struct stat st;

	if (!ours_fd(fd))
		return real_fsync(fd);
	step();
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		keep_names(paths[fd]);
	else
		mark_clean(paths[fd]);
	return 0;
}

EXPORT int rename(const char *from, const char *to)
{
	char kept[PATH_MAX + 8];

	if (!ours(to))
		return real_rename(from, to);
	step();
	snprintf(kept, sizeof(kept), "%s.%d", to, change_count);
	if (link(to, kept) < 0 && errno != ENOENT)
		abort();
	remember(MOVED, to, from);
	for (int i = 0; i < dirty_count; i++)
		if (strcmp(dirty[i], from) == 0)
			snprintf(dirty[i], PATH_MAX, "%s", to);
	return real_rename(from, to);
}

EXPORT int unlink(const char *path)
{
	char kept[PATH_MAX + 8];

	if (!ours(path) || access(path, F_OK) < 0)
		return real_unlink(path);
	step();
	snprintf(kept, sizeof(kept), "%s.%d", path, change_count);
	remember(REMOVED, path, "");
	return real_rename(path, kept);
}
