/* Files that are there as a whole or not at all, whenever the power goes. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536

int agent_path(const struct agent *a, const char *name, char ret[PATH_MAX])
{
	int n = snprintf(ret, PATH_MAX, "%s/%s", a->folder, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int agent_write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int agent_sync_folder(const char *path)
{
	char folder[PATH_MAX];
	char *slash;
	int fd, r;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int agent_replace(const struct agent *a, const char *name, const void *data, size_t size)
{
	char path[PATH_MAX], fresh[PATH_MAX + 8];
	int fd, r = agent_path(a, name, path);

	if (r < 0)
		return r;
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = agent_write_all(fd, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	return r < 0 ? r : agent_sync_folder(path);
}

int agent_remove(const struct agent *a, const char *name)
{
	char path[PATH_MAX];
	int r = agent_path(a, name, path);

	if (r < 0)
		return r;
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : -errno;
	return agent_sync_folder(path);
}

int agent_read(const struct agent *a, const char *name, size_t max, char **ret, size_t *ret_size)
{
	char path[PATH_MAX];
	size_t size = 0;
	char *data;
	int fd, r = agent_path(a, name, path);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	data = malloc(max + 1);
	if (!data) {
		close(fd);
		return -ENOMEM;
	}
	for (;;) {
		ssize_t n = read(fd, data + size, max + 1 - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || (size += (size_t)n) > max) {
			r = n < 0 ? -errno : n > 0 ? -EFBIG : 0;
			break;
		}
	}
	close(fd);
	if (r < 0) {
		free(data);
		return r;
	}
	*ret = data;
	*ret_size = size;
	return 0;
}

static int hash_fd(int fd, EVP_MD_CTX *ctx, int64_t length)
{
	static uint8_t chunk[CHUNK];

	while (length > 0) {
		ssize_t n = read(fd, chunk, length < CHUNK ? (size_t)length : CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		if (EVP_DigestUpdate(ctx, chunk, (size_t)n) != 1)
			return -EIO;
		length -= n;
	}
	return 0;
}

int agent_hash(const char *path, int64_t length, char ret[TUF_HASH_TEXT])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	EVP_MD_CTX *ctx;
	uint8_t hash[32];

	if (fd < 0)
		return -errno;
	ctx = EVP_MD_CTX_new();
	r = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? hash_fd(fd, ctx, length) : -ENOMEM;
	if (r == 0 && EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		r = -EIO;
	if (r == 0)
		tuf_hex(hash, sizeof(hash), ret);
	EVP_MD_CTX_free(ctx);
	close(fd);
	return r;
}
