/* What can be told of a plugin's file without loading it, and that no bytes hurt whoever reads them. */
#include <criterion/criterion.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader.h"
#include "stamp.h"

static void path_of(const char *name, char ret[512])
{
	snprintf(ret, 512, "%s/%s.so", FIXTURES, name);
}

static void expect_refused(const char *name, int code, const char *text)
{
	struct gv_image image = { 0 };
	char path[512], *error = NULL;

	path_of(name, path);
	cr_assert_eq(gv_image_read(path, &image, &error), code, "%s", name);
	cr_assert_not_null(error);
	cr_expect_not_null(strstr(error, text), "%s", error);
	cr_expect_not_null(strstr(error, path), "it names the file: %s", error);
	cr_expect_null(image.data, "untouched");
	free(error);
}

Test(loader, liars)
{
	expect_refused("liar_major", -EPROTONOSUPPORT, "built for plugin ABI 2.1, this galvan has 1.1");
	expect_refused("liar_minor", -EPROTONOSUPPORT, "needs plugin ABI 1.2, this galvan has only 1.1");
	expect_refused("liar_magic", -EINVAL, "0x12345678");
	expect_refused("liar_short", -EINVAL, "8 bytes long");
	expect_refused("nothing", -EINVAL, "exports no symbol gv_plugin");
	expect_refused("not-there", -ENOENT, "No such file");
}

Test(loader, code_of_a_refused_file_does_not_run)
{
	cr_expect_eq(access("liar-ran", F_OK), -1);
}

static void read_good(struct gv_image *image)
{
	char path[512], *error = NULL;

	path_of("counter_1", path);
	cr_assert_eq(gv_image_read(path, image, &error), 0, "%s", error);
}

Test(loader, any_prefix_of_a_file_is_safe)
{
	struct gv_image image;
	struct gv_stamp stamp;
	unsigned found = 0;

	read_good(&image);
	for (size_t size = 0; size < image.size; size += size < 4096 ? 1 : 97) {
		uint8_t *copy = malloc(size ? size : 1); /* so that a sanitizer sees what is read beyond */
		char *error = NULL;
		memcpy(copy, image.data, size);
		if (gv_stamp_read(copy, size, "x", &stamp, &error) == 0 && size < image.size / 2)
			found++;
		free(error);
		free(copy);
	}
	cr_expect_eq(found, 0, "the section headers are in the file's second half");
	gv_image_fini(&image);
}

Test(loader, any_changed_byte_is_safe)
{
	struct gv_image image;
	struct gv_stamp stamp;
	uint64_t random = 88172645463325252u;

	read_good(&image);
	for (int i = 0; i < 3000; i++) {
		uint8_t before[8];
		size_t at;
		char *error = NULL;
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		/* the ELF header, the section headers, anywhere */
		at = i % 3 == 0 ? random % 64 : i % 3 == 1 ? image.size - 1 - random % 2400 : random % (image.size - 8);
		if (at > image.size - 8)
			at = image.size - 8;
		memcpy(before, image.data + at, 8);
		memcpy(image.data + at, &random, 1 + random % 8);
		gv_stamp_read(image.data, image.size, "x", &stamp, &error);
		free(error);
		memcpy(image.data + at, before, 8);
	}
	gv_image_fini(&image);
}

Test(loader, a_copy_is_named_by_its_content_and_outlives_the_original)
{
	char dir[] = "/tmp/galvan-loader-XXXXXX", command[64];
	char *first = NULL, *second = NULL;
	struct gv_loaded loaded;
	struct gv_image image;
	struct stat st;

	cr_assert_not_null(mkdtemp(dir));
	read_good(&image);
	cr_assert_eq(gv_image_place(&image, dir, &first, NULL), 0);
	cr_assert_eq(gv_image_place(&image, dir, &second, NULL), 0);
	cr_expect_str_eq(first, second);
	cr_expect_not_null(strstr(first, image.hash));
	cr_assert_eq(stat(first, &st), 0);
	cr_expect_eq((size_t)st.st_size, image.size);
	cr_expect_eq(st.st_mode & 0222, 0, "nobody writes to what may be mapped");
	cr_assert_eq(gv_loader_open(first, &loaded, NULL), 0);
	cr_expect_str_eq(loaded.plugin.name, "counter");
	cr_expect_str_eq(loaded.plugin.version, "1");
	gv_loader_close(&loaded);
	gv_image_fini(&image);
	free(first);
	free(second);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_expect_eq(system(command), 0);
}

Test(loader, a_plugin_that_is_nowhere)
{
	char *path = NULL, *error = NULL;

	cr_assert_eq(gv_loader_find("no_such_plugin", &path, &error), -ENOENT);
	cr_expect_not_null(strstr(error, "plugins/no_such_plugin.so"));
	cr_expect_not_null(strstr(error, "lib/galvan/no_such_plugin.so"));
	cr_expect_not_null(strstr(error, "`path:`"));
	free(error);
}
