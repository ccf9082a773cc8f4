/* Two nodes on one folder would each be the only writer of the same stores. So the folder is locked, and everything
 * that a node leaves on the disk is named here. */
#include "datadir.h"
#include "loader.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The longest name under run/: "control.sock", "i" and a number of up to 11 digits. */
#define SOCKET_NAME_MAX 12

/* mkdir -p, 0700. */
static int make_path(const char *path)
{
	char *copy = strdup(path);
	int rc = 0;

	if (!copy)
		return -ENOMEM;
	for (char *s = strchr(copy + 1, '/'); s && rc == 0; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			rc = -errno;
		*s = '/';
	}
	if (rc == 0 && mkdir(copy, 0700) < 0 && errno != EEXIST)
		rc = -errno;
	free(copy);
	return rc;
}

/* Removes the files of a folder for which `want` says so. */
static void sweep(const char *dir, bool (*want)(const char *name, const void *arg), const void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && want(e->d_name, arg))
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static bool any(const char *name, const void *arg)
{
	(void)name;
	(void)arg;
	return true;
}

static bool left_over(const char *name, const void *arg)
{
	(void)arg;
	return strncmp(name, ".new-", 5) == 0;
}

static int make_folders(const char *path)
{
	static const char *const names[] = { "run", "plugins", "stores", "blobs" };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof names / sizeof *names; i++) {
		char *folder = gv_text("%s/%s", path, names[i]);
		if (!folder)
			return -ENOMEM;
		rc = make_path(folder);
		if (rc == 0 && strcmp(names[i], "run") == 0)
			sweep(folder, any, NULL);
		else if (rc == 0 && strcmp(names[i], "blobs") == 0)
			sweep(folder, left_over, NULL);
		free(folder);
	}
	return rc;
}

/* Reads the count of starts, writes it back greater by one, durably. */
static int count_start(struct gv_datadir *d)
{
	char *path = gv_text("%s/incarnation", d->path);
	char *temporary = gv_text("%s/.incarnation", d->path);
	unsigned long long count = 0;
	FILE *f = NULL;
	int dir, rc = 0;

	if (!path || !temporary) {
		rc = -ENOMEM;
		goto out;
	}
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%llu", &count) != 1)
			rc = -EBADMSG;
		fclose(f);
	}
	if (rc < 0)
		goto out;
	f = fopen(temporary, "we");
	if (!f) {
		rc = -errno;
		goto out;
	}
	if (fprintf(f, "%llu\n", count + 1) < 0 || fflush(f) != 0 || fsync(fileno(f)) < 0)
		rc = -EIO;
	fclose(f);
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		fsync(dir);
		close(dir);
	}
	d->incarnation = count + 1;
out:
	free(path);
	free(temporary);
	return rc;
}

static int mark_unclean(struct gv_datadir *d)
{
	char *path = gv_text("%s/unclean", d->path);
	int fd;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	d->unclean = fd < 0 && errno == EEXIST;
	if (fd >= 0)
		close(fd);
	free(path);
	return fd >= 0 || d->unclean ? 0 : -EIO;
}

static int lock_folder(struct gv_datadir *d, char **ret_error)
{
	char *path = gv_text("%s/lock", d->path);
	char holder[32] = "";
	ssize_t n;

	if (!path)
		return -ENOMEM;
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(path);
	if (d->lock < 0)
		return gv_text_error(ret_error, -errno, "the data folder %s cannot be locked: %s", d->path,
				     gv_text_errno(errno));
	if (flock(d->lock, LOCK_EX | LOCK_NB) < 0) {
		n = pread(d->lock, holder, sizeof holder - 1, 0);
		holder[n > 0 ? strcspn(holder, "\n") : 0] = '\0';
		return gv_text_error(ret_error, -EBUSY,
				     "another node runs on the data folder %s (process %s): stop it, or give this one "
				     "another folder with "
				     "--data",
				     d->path, *holder ? holder : "unknown");
	}
	n = snprintf(holder, sizeof holder, "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) < 0 || pwrite(d->lock, holder, (size_t)n, 0) != n)
		return gv_text_error(ret_error, -EIO, "the data folder %s cannot be written", d->path);
	return 0;
}

int gv_datadir_open(const char *path, struct gv_datadir *ret, char **ret_error)
{
	struct gv_datadir d = { .lock = -1 };
	struct sockaddr_un address;
	int rc = make_path(path);

	if (rc < 0)
		return gv_text_error(ret_error, rc, "the data folder %s cannot be made: %s", path, gv_text_errno(rc));
	d.path = realpath(path, NULL);
	if (!d.path)
		return gv_text_error(ret_error, -errno, "the data folder %s cannot be used: %s", path,
				     gv_text_errno(errno));
	if (strlen(d.path) + sizeof "/run/" + SOCKET_NAME_MAX > sizeof address.sun_path) {
		rc = gv_text_error(ret_error, -ENAMETOOLONG,
				   "the data folder %s has a path of %zu bytes; its sockets allow at most %zu: choose "
				   "a shorter one",
				   d.path, strlen(d.path), sizeof address.sun_path - sizeof "/run/" - SOCKET_NAME_MAX);
		goto fail;
	}
	rc = lock_folder(&d, ret_error);
	if (rc < 0)
		goto fail;
	rc = make_folders(d.path);
	if (rc == 0)
		rc = count_start(&d);
	if (rc == 0)
		rc = mark_unclean(&d);
	if (rc == -EBADMSG)
		gv_text_error(ret_error, rc,
			      "the file %s/incarnation holds no number: write into it one that is greater than the "
			      "starts so far",
			      d.path);
	else if (rc < 0)
		gv_text_error(ret_error, rc, "the data folder %s cannot be written: %s", d.path, gv_text_errno(rc));
	if (rc < 0)
		goto fail;
	*ret = d;
	return 0;
fail:
	gv_datadir_close(&d);
	return rc;
}

void gv_datadir_mark_clean(struct gv_datadir *d)
{
	char *path = gv_text("%s/unclean", d->path);

	if (path)
		unlink(path);
	free(path);
}

struct keep {
	const char *dir;
	const char *const *paths;
	unsigned count;
};

static bool unused(const char *name, const void *arg)
{
	const struct keep *k = arg;

	for (unsigned i = 0; i < k->count; i++) {
		const char *base = strrchr(k->paths[i], '/');
		if (base && strcmp(base + 1, name) == 0)
			return false;
	}
	return true;
}

void gv_datadir_sweep_plugins(const struct gv_datadir *d, const char *const *keep, unsigned count)
{
	char *dir = gv_text("%s/plugins", d->path);
	struct keep k = { dir, keep, count };

	if (dir)
		sweep(dir, unused, &k);
	free(dir);
}

/* ---- what ran last --------------------------------------------------------------------------- */

int gv_datadir_remember(const struct gv_datadir *d, const char *plugin, const char *hash)
{
	char *path = gv_text("%s/plugins/%s.last", d->path, plugin);
	char *temporary = gv_text("%s/plugins/.new-%s.last", d->path, plugin);
	FILE *f;
	int rc = path && temporary ? 0 : -ENOMEM;

	if (rc == 0) {
		f = fopen(temporary, "we");
		rc = !f ? -errno : fprintf(f, "%s\n", hash) < 0 || fflush(f) != 0 || fsync(fileno(f)) < 0 ? -EIO : 0;
		if (f)
			fclose(f);
		if (rc == 0 && rename(temporary, path) < 0)
			rc = -errno;
	}
	free(path);
	free(temporary);
	return rc;
}

int gv_datadir_recall(const struct gv_datadir *d, const char *plugin, char *ret_hash)
{
	char *path = gv_text("%s/plugins/%s.last", d->path, plugin), *copy = NULL;
	char hash[GV_HASH_SIZE + 1] = "";
	FILE *f = path ? fopen(path, "re") : NULL;
	int rc = !path ? -ENOMEM : f && fgets(hash, sizeof hash, f) ? 0 : -ENOENT;

	if (f)
		fclose(f);
	hash[strcspn(hash, "\n")] = '\0';
	if (rc == 0 && (strlen(hash) != GV_HASH_SIZE - 1 || hash[strspn(hash, "0123456789abcdef")]))
		rc = -ENOENT;
	if (rc == 0) {
		copy = gv_text("%s/plugins/%s.so", d->path, hash);
		rc = !copy ? -ENOMEM : access(copy, R_OK) < 0 ? -ENOENT : 0;
	}
	if (rc == 0)
		memcpy(ret_hash, hash, GV_HASH_SIZE);
	free(copy);
	free(path);
	return rc;
}

void gv_datadir_close(struct gv_datadir *d)
{
	if (d->lock >= 0)
		close(d->lock);
	d->lock = -1;
	free(d->path);
	d->path = NULL;
}
