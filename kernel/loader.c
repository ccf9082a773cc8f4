/* Finds, copies, and opens plugin files. What a file says of itself is read by a child process (probe.c): this process
 * never runs code that has not been described and checked. */
#include "loader.h"
#include "stamp.h"
#include "text.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int gv_loader_find(const char *name, char **ret_path, char **ret_error)
{
	char exe[PATH_MAX];
	char *beside, *installed, *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n < 0)
		return gv_text_error(ret_error, -errno,
				     "the program's own folder cannot be read from /proc/self/exe: %s",
				     gv_text_errno(errno));
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	beside = gv_text("%s/plugins/%s.so", exe, name);
	installed = gv_text("%s/../lib/galvan/%s.so", exe, name);
	if (!beside || !installed) {
		free(beside);
		free(installed);
		return -ENOMEM;
	}
	if (access(beside, R_OK) == 0) {
		free(installed);
		*ret_path = beside;
		return 0;
	}
	if (access(installed, R_OK) == 0) {
		free(beside);
		*ret_path = installed;
		return 0;
	}
	gv_text_error(ret_error, -ENOENT,
		      "there is no plugin '%s': neither %s nor %s can be read (a plugin from elsewhere needs its "
		      "`path:` in the config)",
		      name, beside, installed);
	free(beside);
	free(installed);
	return -ENOENT;
}

static int read_all(int fd, uint8_t *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* it shrank while we read */
		done += (size_t)n;
	}
	return 0;
}

int gv_write_all(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int hash_of(const struct gv_image *image, char ret[GV_HASH_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;

	if (EVP_Digest(image->data, image->size, digest, &size, EVP_sha256(), NULL) != 1 || size != 32)
		return -EIO;
	for (unsigned int i = 0; i < size; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

int gv_image_read(const char *path, struct gv_image *ret, char **ret_error)
{
	struct gv_image image = { 0 };
	struct gv_stamp stamp;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return gv_text_error(ret_error, -errno, "the plugin's file %s cannot be read: %s", path,
				     gv_text_errno(errno));
	if (fstat(fd, &st) < 0)
		rc = gv_text_error(ret_error, -errno, "the plugin's file %s cannot be read: %s", path,
				   gv_text_errno(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > GV_IMAGE_SIZE_MAX)
		rc = gv_text_error(ret_error, -EINVAL, "%s is no plugin: it is not a file of 1 to %u bytes", path,
				   GV_IMAGE_SIZE_MAX);
	else {
		image.size = (size_t)st.st_size;
		image.data = malloc(image.size);
		rc = image.data ? read_all(fd, image.data, image.size) : -ENOMEM;
		if (rc < 0)
			gv_text_error(ret_error, rc, "the plugin's file %s cannot be read: %s", path,
				      gv_text_errno(rc));
	}
	close(fd);
	if (rc == 0)
		rc = gv_stamp_read(image.data, image.size, path, &stamp, ret_error);
	if (rc == 0)
		rc = gv_stamp_check(&stamp, path, ret_error);
	if (rc == 0) {
		rc = hash_of(&image, image.hash);
		if (rc < 0)
			gv_text_error(ret_error, rc, "the plugin's file %s cannot be hashed", path);
	}
	if (rc < 0) {
		gv_image_fini(&image);
		return rc;
	}
	*ret = image;
	return 0;
}

void gv_image_fini(struct gv_image *image)
{
	free(image->data);
	image->data = NULL;
}

int gv_image_place(const struct gv_image *image, const char *dir, char **ret_path, char **ret_error)
{
	char *path = gv_text("%s/%s.so", dir, image->hash);
	char *temporary = gv_text("%s/.new-%d-%s", dir, (int)getpid(), image->hash);
	struct stat st;
	int fd, rc = 0;

	if (!path || !temporary)
		rc = -ENOMEM;
	else if (stat(path, &st) < 0 || (size_t)st.st_size != image->size) {
		unlink(temporary);
		fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
		rc = fd < 0 ? -errno : gv_write_all(fd, image->data, image->size);
		if (fd >= 0)
			close(fd);
		if (rc == 0 && rename(temporary, path) < 0)
			rc = -errno;
		if (rc < 0)
			unlink(temporary);
	}
	if (rc < 0) {
		gv_text_error(ret_error, rc, "the plugin cannot be copied to %s: %s", dir, gv_text_errno(rc));
		free(path);
	} else {
		*ret_path = path;
	}
	free(temporary);
	return rc;
}

int gv_loader_open(const char *file, struct gv_loaded *ret, char **ret_error)
{
	const struct gv_plugin *plugin;
	struct gv_stamp stamp;
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	const char *reason;
	int rc;

	if (!library) {
		reason = dlerror();
		return gv_text_error(ret_error, -ENOEXEC, "the plugin cannot be loaded: %s", reason ? reason : file);
	}
	plugin = dlsym(library, "gv_plugin");
	if (!plugin) {
		dlclose(library);
		return gv_text_error(ret_error, -EINVAL, "%s is no plugin: it exports no symbol gv_plugin", file);
	}
	memcpy(&stamp, plugin, sizeof stamp);
	rc = gv_stamp_check(&stamp, file, ret_error);
	if (rc < 0) {
		dlclose(library);
		return rc;
	}
	memset(ret, 0, sizeof *ret);
	ret->library = library;
	memcpy(&ret->plugin, plugin, stamp.size < sizeof ret->plugin ? stamp.size : sizeof ret->plugin);
	return 0;
}

void gv_loader_close(struct gv_loaded *l)
{
	if (l->library)
		dlclose(l->library);
	l->library = NULL;
}
