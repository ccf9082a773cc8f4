/* Stands before open and close, so that what is done to a descriptor can be told by what it is of. */
#include "descriptors.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FD_MAX 65536

static _Atomic(unsigned char) kinds[FD_MAX];

void *next(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (!f)
		abort();
	return f;
}

enum kind kind(int fd)
{
	return fd >= 0 && fd < FD_MAX ? kinds[fd] : NOT_OURS;
}

static void note_open(int fd, const char *path, int flags)
{
	size_t n = strlen(path);

	if (fd < 0 || fd >= FD_MAX)
		return;
	kinds[fd] = NOT_OURS;
	if (n >= 8 && !strcmp(path + n - 8, "data.mdb") && concerns(path))
		kinds[fd] = (flags & O_DSYNC) ? META : DATA;
}

#define OPEN(name)                                                                                                     \
	EXPORT int name(const char *path, int flags, ...)                                                              \
	{                                                                                                              \
		NEXT(name);                                                                                            \
		va_list ap;                                                                                            \
		int mode, fd;                                                                                          \
                                                                                                                       \
		va_start(ap, flags);                                                                                   \
		mode = va_arg(ap, int);                                                                                \
		va_end(ap);                                                                                            \
		fd = real(path, flags, mode);                                                                          \
		note_open(fd, path, flags);                                                                            \
		return fd;                                                                                             \
	}
OPEN(open)
OPEN(open64)

EXPORT int close(int fd)
{
	NEXT(close);
	if (fd >= 0 && fd < FD_MAX)
		kinds[fd] = NOT_OURS;
	return real(fd);
}
