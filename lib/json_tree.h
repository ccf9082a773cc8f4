/* JSON as cJSON's structs, in memory that is handed out and taken back as a whole: a turn's, for one. cJSON's own
 * reader asks malloc for each value and each text, and has them all freed again, which for what devices send costs more
 * than all that is done with it. */
#ifndef GV_JSON_TREE_H
#define GV_JSON_TREE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct cJSON;

#define GV_JSON_TREE_DEPTH 1000 /* lists and objects within each other: as many as cJSON takes */

/* Reads what cJSON_ParseWithLengthOpts reads, and makes of it the same; a zero byte ends no text. The tree is not to be
 * given to cJSON_Delete, nor are parts of it to be replaced by functions of cJSON that free what was there. 0;
 * -EBADMSG: that is no JSON; -ENOMEM. */
int gv_json_tree(const ProtobufCAllocator *memory, const char *text, size_t size, struct cJSON **ret);

#endif
