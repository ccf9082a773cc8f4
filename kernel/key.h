/* Keys of rows as bytes whose order is the order of their parts. */
#ifndef GV_KEY_H
#define GV_KEY_H

#include <galvan/plugin.h>

#define GV_KEY_MAX 400

/* Writes the parts; the size, or -EINVAL where a part is not of the kind that `shape` names (shape NULL: any), -EFAULT
 * for a NULL string, -ENAMETOOLONG beyond GV_KEY_MAX. A string ends with a zero byte, so a prefix of parts is a prefix
 * of bytes. */
int gv_key_encode(const char *shape, struct gv_key key, uint8_t ret[GV_KEY_MAX]);
/* The parts again; strings live in memory from `allocator`. -EBADMSG if the bytes are not of this shape. */
int gv_key_decode(const char *shape, const uint8_t *data, size_t size, ProtobufCAllocator *allocator,
		  struct gv_key *ret);

#endif
