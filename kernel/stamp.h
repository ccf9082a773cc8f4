/* The stamp of a plugin file: the first 16 bytes of its gv_plugin symbol, read from the ELF file without loading it. */
#ifndef GV_STAMP_READER_H
#define GV_STAMP_READER_H

#include <stddef.h>
#include <stdint.h>

struct gv_stamp {
	uint32_t magic, abi_major, abi_minor, size;
};

/* Reads the stamp from a file's bytes. -EINVAL: it is no shared object of this machine or has no such symbol;
 * *ret_error (malloc'd, the caller frees) is a sentence that calls the file `path`. Any bytes are safe. */
int gv_stamp_read(const uint8_t *file, size_t size, const char *path, struct gv_stamp *ret, char **ret_error);
/* Whether this host can run it. -EINVAL: no plugin; -EPROTONOSUPPORT: another ABI; the sentence says both numbers. */
int gv_stamp_check(const struct gv_stamp *stamp, const char *path, char **ret_error);

#endif
