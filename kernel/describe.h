/* From the record that a plugin exports to the message that describes it. */
#ifndef GV_DESCRIBE_H
#define GV_DESCRIBE_H

#include <galvan/plugin.h>
#include <lib/buf.h>

#define GV_RECORD_LIST_MAX 256                  /* entries of each list of a record */
#define GV_RECORD_NAME_MAX 32                   /* bytes of a plugin's and a table's name */
#define GV_RECORD_SCHEMA_MAX (4u * 1024 * 1024) /* bytes of its FileDescriptorSet */

/* Appends the packed galvan.kernel.v1.Record. -EINVAL: the record is wrong; *ret_error (malloc'd) says in what, without
 * naming the file. */
int gv_record_pack(const struct gv_plugin *p, struct gv_buf *out, char **ret_error);

#endif
