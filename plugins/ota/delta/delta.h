/* Ways from a file that a device has to the one that it shall have (docs/protocols/ota.md): two coders, "gd1" and
 * "zstd".
 *
 * gd1 is ours: what bsdiff finds (C. Percival), in one stream, each byte of it under an arithmetic coder whose model
 * knows the old file. It is applied while it comes, in order, with memory of a size that its maker chose and its reader
 * bounds: GD1_SMALL fits a microcontroller with 64 KiB to spare. Applying it (gd1_apply.c, gd1_model.c) needs memcpy
 * and memset, nothing else.
 *
 * zstd is `zstd --patch-from`: faster to apply, and three times as large; it wants the old file and a window in memory.
 *
 * Deltas come from elsewhere: each is refused with a reason or gives at most as many bytes as its caller expects.
 * Whether those are the right ones is the caller's to see by their hash. Functions return 0 or a negative enum
 * delta_result.
 */
#ifndef DELTA_H
#define DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DELTA_FILE_MAX (UINT32_C(1) << 29) /* bytes of a file, old or new */

enum delta_result {
	DELTA_OK = 0,
	DELTA_MALFORMED = 1,  /* no delta, or one that contradicts itself */
	DELTA_WRONG_SIZE = 2, /* made for an old file of another size, or for another outcome */
	DELTA_TOO_LARGE = 3,  /* wants more memory than it is given, or files are larger than DELTA_FILE_MAX */
	DELTA_SHORT = 4,      /* it ends before the file does */
	DELTA_IO = 5,         /* a function of the caller's has failed */
	DELTA_NO_MEMORY = 6,
	DELTA_RESULTS = 7,
};
const char *delta_result_name(int result); /* "MALFORMED", for either sign; "?" for what is none */

/* The caller's ends. */
struct delta_io {
	void *user;
	/* Up to `size` bytes of the delta: how many, 0 at its end, negative where it cannot be read. */
	int (*read_delta)(void *user, uint8_t *ret, size_t size);
	/* Exactly `size` bytes of the old file, which lie in it; 0 or negative. */
	int (*read_old)(void *user, uint64_t offset, uint8_t *ret, size_t size);
	/* The next bytes of the new file; 0 or negative. */
	int (*write_new)(void *user, const uint8_t *data, size_t size);
};

/* ---- gd1 ------------------------------------------------------------------------------------- */

#define GD1_SMALL 24576     /* slots: 48 KiB, with all else less than 64 KiB */
#define GD1_LARGE (1 << 20) /* 2 MiB, for devices with an operating system */
#define GD1_SLOTS_MIN 1024
#define GD1_SLOTS_MAX (1 << 24)
#define GD1_HEADER 20

/* What a delta wants, from its first GD1_HEADER bytes. */
struct gd1_header {
	uint64_t old_size, new_size;
	uint32_t slots;
};
int gd1_header_read(const uint8_t header[GD1_HEADER], struct gd1_header *ret);
/* Bytes of memory that applying a delta of so many slots takes, with all of its buffers. */
size_t gd1_memory(uint32_t slots);
/* Applies a delta with `memory` (aligned as malloc's), of `memory_size` bytes. `new_size` is what must come out. */
int gd1_apply(const struct delta_io *io, uint64_t old_size, uint64_t new_size, void *memory, size_t memory_size);
/* Makes one. `slots`: GD1_SMALL or GD1_LARGE. Takes 5 bytes of memory per byte of the old file and one per byte of the
 * new. *ret is the caller's to free. */
int gd1_encode(const uint8_t *old, size_t old_size, const uint8_t *new_file, size_t new_size, uint32_t slots,
	       uint8_t **ret, size_t *ret_size);

/* ---- zstd ------------------------------------------------------------------------------------ */

#define ZSTD_DELTA_LEVEL 19

/* As `zstd -LEVEL --long=31 --patch-from=OLD`. *ret is the caller's to free. */
int zstd_delta_encode(const uint8_t *old, size_t old_size, const uint8_t *new_file, size_t new_size, int level,
		      uint8_t **ret, size_t *ret_size);
/* The old file is in memory (read_old is not called). `window_max`: bytes of the window at most. */
int zstd_delta_apply(const struct delta_io *io, const uint8_t *old, size_t old_size, uint64_t new_size,
		     size_t window_max);

#ifdef __cplusplus
}
#endif

#endif
