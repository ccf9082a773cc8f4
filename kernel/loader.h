/* From a plugin's file to its record and, in a host, to its code.
 *
 * A file is read once; what is probed and run is a copy named by its hash, because the dynamic linker gives back the
 * old code for a path that is already open, and because truncating a mapped file kills whoever runs it. Errors are
 * sentences, malloc'd, the caller frees. */
#ifndef GV_LOADER_H
#define GV_LOADER_H

#include <galvan/kernel.pb-c.h>
#include <galvan/plugin.h>

#define GV_IMAGE_SIZE_MAX (256u * 1024 * 1024) /* bytes of a plugin's file */
#define GV_RECORD_SIZE_MAX (8u * 1024 * 1024)  /* bytes of a packed record */
#define GV_HASH_SIZE 65                        /* SHA-256 in hex and the zero byte */
#define GV_PROBE_TIMEOUT_MS 10000

/* The path of a plugin of the host's own folder: plugins/NAME.so beside the executable or ../lib/galvan/NAME.so from
 * there. malloc'd. -ENOENT with a sentence that names both places. */
int gv_loader_find(const char *name, char **ret_path, char **ret_error);

/* A plugin's file in memory, its stamp read and found good. */
struct gv_image {
	uint8_t *data;
	size_t size;
	char hash[GV_HASH_SIZE];
};
int gv_image_read(const char *path, struct gv_image *ret, char **ret_error);
/* Writes the image to DIR/HASH.so unless it is there; *ret_path is malloc'd. */
int gv_image_place(const struct gv_image *image, const char *dir, char **ret_path, char **ret_error);
void gv_image_fini(struct gv_image *image);
/* Writes all of it, however many calls that takes. */
int gv_write_all(int fd, const void *data, size_t size);

/* Lets a throw-away child (`galvan probe FILE`) load the file and describe it. Blocks up to GV_PROBE_TIMEOUT_MS
 * (GALVAN_PROBE_TIMEOUT_MS in the environment overrides); any thread. `path` is what the sentence calls the file. The
 * record is freed with kernel__record__free_unpacked(r, NULL). A child that crashes, hangs or says no is a refusal. */
int gv_probe(const char *file, const char *path, Kernel__Record **ret, char **ret_error);
/* The child: argv[2] is the file. Returns the exit status. */
int gv_probe_main(int argc, char **argv);

/* A plugin's code, loaded. `plugin` is a copy, zeroed behind what an older minor version of the ABI has. */
struct gv_loaded {
	void *library;
	struct gv_plugin plugin;
};
int gv_loader_open(const char *file, struct gv_loaded *ret, char **ret_error);
void gv_loader_close(struct gv_loaded *l);

#endif
