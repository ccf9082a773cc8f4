/* Large files do not belong in LMDB or on the bus. They lie here once, named by their content, so that every plugin can
 * refer to the same bytes and none can change them under another. */
#include "blob.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct gv_blob_writer {
	char *dir;
	char *temporary;
	int fd;
	int error; /* the first failure */
	EVP_MD_CTX *digest;
};

static bool is_id(const char *id)
{
	size_t i = 0;

	for (; i < GV_BLOB_ID_SIZE - 1; i++)
		if (!((id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f')))
			return false;
	return id[i] == '\0';
}

static int make_dir(const char *path)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* DIR/xx and DIR/xx/rest of an id, each malloc'd. */
static int paths_of(const char *dir, const char *id, char **ret_folder, char **ret_file)
{
	char *folder = NULL, *file = NULL;

	if (asprintf(&folder, "%s/%.2s", dir, id) < 0)
		return -ENOMEM;
	if (asprintf(&file, "%s/%s", folder, id + 2) < 0) {
		free(folder);
		return -ENOMEM;
	}
	*ret_folder = folder;
	*ret_file = file;
	return 0;
}

int gv_blobs_create(const char *dir, struct gv_blob_writer **ret)
{
	struct gv_blob_writer *b;
	uint64_t random;
	int rc = make_dir(dir);

	if (rc < 0)
		return rc;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return -EIO;
	b = calloc(1, sizeof *b);
	if (!b)
		return -ENOMEM;
	b->fd = -1;
	b->dir = strdup(dir);
	b->digest = EVP_MD_CTX_new();
	rc = -ENOMEM;
	if (!b->dir || !b->digest || EVP_DigestInit_ex(b->digest, EVP_sha256(), NULL) != 1)
		goto fail;
	if (asprintf(&b->temporary, "%s/.new-%d-%016llx", dir, (int)getpid(), (unsigned long long)random) < 0) {
		b->temporary = NULL;
		goto fail;
	}
	b->fd = open(b->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (b->fd < 0) {
		rc = -errno;
		goto fail;
	}
	*ret = b;
	return 0;
fail:
	gv_blobs_destroy(b);
	return rc;
}

int gv_blobs_write(struct gv_blob_writer *b, const void *data, size_t size)
{
	const uint8_t *at = data;

	if (b->error < 0)
		return b->error;
	if (EVP_DigestUpdate(b->digest, data, size) != 1)
		return b->error = -EIO;
	while (size > 0) {
		ssize_t n = write(b->fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return b->error = -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Gives the finished temporary file its name. 1: an equal blob was there already, and is as good. */
static int place(struct gv_blob_writer *b, const char *id)
{
	char *folder, *file;
	int rc = paths_of(b->dir, id, &folder, &file);
	bool there;

	if (rc < 0)
		return rc;
	there = access(file, F_OK) == 0;
	rc = make_dir(folder);
	if (rc == 0 && rename(b->temporary, file) < 0)
		rc = -errno;
	if (rc == 0) {
		free(b->temporary);
		b->temporary = NULL;
		rc = sync_dir(folder);
	}
	if (rc == 0)
		rc = sync_dir(b->dir);
	free(folder);
	free(file);
	return rc == 0 ? there : rc;
}

int gv_blobs_commit(struct gv_blob_writer *b, char ret_id[GV_BLOB_ID_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	char id[GV_BLOB_ID_SIZE];
	int rc;

	if (b->error < 0)
		return b->error;
	if (!b->temporary)
		return -EALREADY;
	if (EVP_DigestFinal_ex(b->digest, digest, &size) != 1 || size != 32)
		return b->error = -EIO;
	for (unsigned int i = 0; i < size; i++)
		snprintf(id + 2 * i, 3, "%02x", digest[i]);
	rc = fchmod(b->fd, 0400) < 0 || fsync(b->fd) < 0 ? -errno : 0;
	if (rc == 0)
		rc = place(b, id);
	if (rc < 0)
		return b->error = rc;
	memcpy(ret_id, id, sizeof id);
	return rc;
}

void gv_blobs_destroy(struct gv_blob_writer *b)
{
	if (!b)
		return;
	if (b->fd >= 0)
		close(b->fd);
	if (b->temporary && b->fd >= 0)
		unlink(b->temporary);
	free(b->temporary);
	free(b->dir);
	EVP_MD_CTX_free(b->digest);
	free(b);
}

int gv_blobs_put(const char *dir, const void *data, size_t size, char ret_id[GV_BLOB_ID_SIZE])
{
	struct gv_blob_writer *b;
	int rc = gv_blobs_create(dir, &b);

	if (rc < 0)
		return rc;
	rc = gv_blobs_write(b, data, size);
	if (rc == 0)
		rc = gv_blobs_commit(b, ret_id);
	gv_blobs_destroy(b);
	return rc < 0 ? rc : 0;
}

int gv_blobs_drop(const char *dir, const char *id)
{
	char *folder, *file;
	int rc;

	if (!is_id(id))
		return -EINVAL;
	rc = paths_of(dir, id, &folder, &file);
	if (rc < 0)
		return rc;
	rc = unlink(file) < 0 && errno != ENOENT ? -errno : 0;
	free(folder);
	free(file);
	return rc;
}

int gv_blobs_open(const char *dir, const char *id, uint64_t *ret_size)
{
	char *folder, *file;
	struct stat st;
	int fd, rc;

	if (!is_id(id))
		return -EINVAL;
	rc = paths_of(dir, id, &folder, &file);
	if (rc < 0)
		return rc;
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	rc = fd < 0 ? -errno : 0;
	free(folder);
	free(file);
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return fd;
}

int64_t gv_blobs_size(const char *dir, const char *id)
{
	uint64_t size;
	int fd = gv_blobs_open(dir, id, &size);

	if (fd < 0)
		return fd;
	close(fd);
	return (int64_t)size;
}

int64_t gv_blobs_read(const char *dir, const char *id, uint64_t offset, void *ret_data, size_t size)
{
	int fd = gv_blobs_open(dir, id, NULL);
	int64_t done = 0;

	if (fd < 0)
		return fd;
	if (offset > INT64_MAX) {
		close(fd);
		return 0;
	}
	while ((size_t)done < size) {
		ssize_t n = pread(fd, (char *)ret_data + done, size - (size_t)done, (off_t)offset + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			done = -errno;
		if (n <= 0)
			break;
		done += n;
	}
	close(fd);
	return done;
}
