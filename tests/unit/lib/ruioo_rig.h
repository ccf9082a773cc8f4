/* What the tests of lib/ruioo.h share: the vectors, and a stream that comes in pieces. */
#ifndef RUIOO_RIG_H
#define RUIOO_RIG_H

#include <lib/ruioo.h>

#include <cjson/cJSON.h>

#define IMEI "860000000000001"

/* powerbank_frames.json; `rig_unload` also looks for leaks. */
extern cJSON *vectors;
void rig_load(void);
void rig_unload(void);

const char *rig_text(const cJSON *in, const char *name); /* NULL: it has none */
enum gv_ruioo_from rig_from(const cJSON *vector);
/* The member "frame" of a vector. */
struct gv_ruioo_frame rig_frame(const cJSON *vector);
/* Its bytes, of "hex" or "text", freed by the caller. */
char *rig_bytes(const cJSON *vector, size_t *ret_size);
/* The default, for a cabinet of 3 slots, or as the members "check", "n_slots" and "bank_size" have it. */
struct gv_ruioo_rules rig_rules(const cJSON *vector);

bool rig_equal(const struct gv_ruioo_frame *a, const struct gv_ruioo_frame *b);

/* All that was found in a stream, in its order. */
#define RIG_EVENTS_MAX 16
struct rig_event {
	enum gv_ruioo_error error;
	size_t at; /* bytes of the stream that were done with */
	struct gv_ruioo_frame frame;
};
struct rig_stream {
	struct gv_ruioo_rules rules;
	enum gv_ruioo_from from;
	char *pending; /* what waits for more; freed by rig_end */
	size_t n_pending;
	size_t used, junk, n_events, n_iccids;
	struct rig_event events[RIG_EVENTS_MAX];
	char iccids[RIG_EVENTS_MAX][GV_RUIOO_ICCID_SIZE];
};
/* As a caller does it: what is unfinished is given again with what comes next. Each call of the decoder gets memory of
 * exactly its size. */
void rig_feed(struct rig_stream *s, const char *data, size_t size);
void rig_end(struct rig_stream *s);
bool rig_same(const struct rig_stream *a, const struct rig_stream *b);
/* One frame, good or bad, and nothing else. */
struct rig_event rig_one(struct gv_ruioo_rules rules, enum gv_ruioo_from from, const char *data, size_t size);

#endif
