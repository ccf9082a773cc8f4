/* A blob is named by what it holds, whole, and never anything else. */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob.h"

/* SHA-256 of "abc": FIPS 180-2, appendix B.1 */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char dir[] = "/tmp/galvan-blob-XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static void remove_dir(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_expect_eq(system(command), 0);
}

TestSuite(blob, .init = make_dir, .fini = remove_dir);

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

Test(blob, put_and_read)
{
	char id[GV_BLOB_ID_SIZE], data[8];
	uint64_t size;
	int fd;

	cr_assert_eq(gv_blobs_put(dir, "abc", 3, id), 0);
	cr_expect_str_eq(id, ABC);
	cr_expect_eq(gv_blobs_size(dir, id), 3);
	cr_expect_eq(gv_blobs_read(dir, id, 0, data, sizeof data), 3);
	cr_expect_arr_eq(data, "abc", 3);
	cr_expect_eq(gv_blobs_read(dir, id, 2, data, sizeof data), 1);
	cr_expect_eq(gv_blobs_read(dir, id, 3, data, sizeof data), 0);
	cr_expect_eq(gv_blobs_read(dir, id, UINT64_MAX, data, sizeof data), 0);
	fd = gv_blobs_open(dir, id, &size);
	cr_assert_geq(fd, 0);
	cr_expect_eq(size, 3);
	close(fd);
}

Test(blob, the_same_twice_is_one)
{
	char a[GV_BLOB_ID_SIZE], b[GV_BLOB_ID_SIZE];

	cr_assert_eq(gv_blobs_put(dir, "abc", 3, a), 0);
	cr_assert_eq(gv_blobs_put(dir, "abc", 3, b), 0);
	cr_expect_str_eq(a, b);
	cr_expect_eq(entries(dir), 1, "no temporary file is left");
}

Test(blob, piece_by_piece)
{
	struct gv_blob_writer *b;
	char id[GV_BLOB_ID_SIZE];

	cr_assert_eq(gv_blobs_create(dir, &b), 0);
	cr_expect_eq(gv_blobs_write(b, "a", 1), 0);
	cr_expect_eq(gv_blobs_write(b, "", 0), 0);
	cr_expect_eq(gv_blobs_write(b, "bc", 2), 0);
	cr_expect_eq(gv_blobs_size(dir, ABC), -ENOENT, "it has no name before it is whole");
	cr_assert_eq(gv_blobs_commit(b, id), 0);
	cr_expect_str_eq(id, ABC);
	cr_expect_eq(gv_blobs_commit(b, id), -EALREADY);
	gv_blobs_destroy(b);
	cr_expect_eq(gv_blobs_size(dir, ABC), 3);
}

Test(blob, who_commits_learns_whether_it_was_there_and_may_drop_it)
{
	struct gv_blob_writer *b;
	char id[GV_BLOB_ID_SIZE];

	cr_assert_eq(gv_blobs_put(dir, "abc", 3, id), 0);
	cr_assert_eq(gv_blobs_create(dir, &b), 0);
	gv_blobs_write(b, "abc", 3);
	cr_expect_eq(gv_blobs_commit(b, id), 1);
	gv_blobs_destroy(b);
	cr_expect_eq(gv_blobs_drop(dir, ABC), 0);
	cr_expect_eq(gv_blobs_size(dir, ABC), -ENOENT);
	cr_expect_eq(gv_blobs_drop(dir, ABC), 0, "as is wanted");
	cr_expect_eq(gv_blobs_drop(dir, "../secret"), -EINVAL);
}

Test(blob, without_a_commit_nothing_stays)
{
	struct gv_blob_writer *b;

	cr_assert_eq(gv_blobs_create(dir, &b), 0);
	gv_blobs_write(b, "abc", 3);
	gv_blobs_destroy(b);
	gv_blobs_destroy(NULL);
	cr_expect_eq(entries(dir), 0);
}

Test(blob, an_id_is_not_a_path)
{
	static const char *const ids[] = {
		"",         "../../etc/passwd",
		"ba7816bf", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		ABC "0",    "zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	};
	char data[1];

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		cr_expect_eq(gv_blobs_open(dir, ids[i], NULL), -EINVAL);
		cr_expect_eq(gv_blobs_size(dir, ids[i]), -EINVAL);
		cr_expect_eq(gv_blobs_read(dir, ids[i], 0, data, 1), -EINVAL);
	}
	cr_expect_eq(gv_blobs_size(dir, ABC), -ENOENT);
}

Test(blob, an_empty_one)
{
	char id[GV_BLOB_ID_SIZE];

	cr_assert_eq(gv_blobs_put(dir, NULL, 0, id), 0);
	cr_expect_eq(gv_blobs_size(dir, id), 0);
}

Test(blob, a_folder_that_cannot_be_written)
{
	char id[GV_BLOB_ID_SIZE] = "untouched";

	cr_expect_lt(gv_blobs_put("/proc/nowhere", "abc", 3, id), 0);
	cr_expect_str_eq(id, "untouched");
}
