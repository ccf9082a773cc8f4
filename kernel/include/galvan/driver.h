/* galvan/driver.h: for the few plugins that touch the world (sockets, Bluetooth, other nodes).
 *
 * A driver is a plugin that also has a libuv loop. Its turn callbacks and its loop callbacks run on the same thread,
 * never at the same time. In loop callbacks there is no turn: a driver acts on its store or on other plugins by asking
 * for one with gv_world_turn.
 *
 * Connections: the driver opens them here, hands frames in, and is told what to send. The host keeps every inbound
 * frame until the plugin's committed turn has acknowledged it, and sends it again to the plugin's next incarnation; the
 * driver need not. */
#ifndef GALVAN_DRIVER_H
#define GALVAN_DRIVER_H

#include <galvan/plugin.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gv_world;

struct gv_driver {
	uint32_t size; /* sizeof(struct gv_driver) */
	/* Runs once after start has committed. */
	int (*open)(void *self, struct gv_world *w);
	/* Stop taking new work and begin to close (a plugin's reload, a node's stop); call gv_world_drained when done.
	 */
	void (*drain)(void *self);
	/* A plugin registered its listeners (again, after each of its starts). `listeners`: galvan.link.v1.Listener,
	 * unpacked; they live until the next on_listen of that plugin. A failure is logged with the plugin's name. */
	int (*on_listen)(void *self, const char *plugin, const void *const *listeners, size_t count);
	/* To send. `data` lives until it returns. kind GV_REQUEST means a packed galvan.link.v1.HttpResponse. */
	void (*on_send)(void *self, uint64_t conn, enum gv_frame_kind kind, const uint8_t *data, size_t size);
	void (*on_disconnect)(void *self, uint64_t conn, unsigned code, const char *reason);
	/* The connection's window is full (pause: stop reading) or free again. */
	void (*on_pause)(void *self, uint64_t conn, bool pause);
	/* The plugin was down longer, or left more unhandled, than the limits allow: its connections are to be closed
	 * (1013). */
	void (*on_overrun)(void *self, const char *plugin);
	/* A batch of on_send calls has ended: flush now. May be NULL. */
	void (*on_flush)(void *self);
};

GV_API uv_loop_t *gv_world_loop(struct gv_world *w);
GV_API int64_t gv_world_now_ms(struct gv_world *w);
GV_API void gv_world_log(struct gv_world *w, enum gv_level level, const char *fmt, ...) GV_PRINTF(3, 4);
GV_API void gv_world_count(struct gv_world *w, const char *name, double by); /* as gv_count */
GV_API void gv_world_gauge(struct gv_world *w, const char *name, double value);

/* Runs fn(self, turn, arg) in the next turn. In-memory: gone if the driver dies before. */
GV_API int gv_world_turn(struct gv_world *w, int (*fn)(void *self, struct gv_turn *t, void *arg), void *arg);

struct gv_world_limits {
	uint32_t window_frames; /* per connection; 0: 16 */
	uint64_t hold_bytes;    /* over all connections of a plugin that is down; 0: 64 MiB */
	uint32_t hold_ms;       /* 0: 30 s */
};
GV_API void gv_world_set_limits(struct gv_world *w, const struct gv_world_limits *limits);

/* True while an instance of `plugin` that `key` belongs to runs, or is expected back within the hold limits. */
GV_API bool gv_world_available(struct gv_world *w, const char *plugin, const char *key);

/* False while some plugin of the node that is to run has not said yet what it listens for: nobody knows then whether a
 * path is nobody's. */
GV_API bool gv_world_settled(const struct gv_world *w);

/* As gv_heard_all, outside a turn. */
GV_API bool gv_world_heard_all(const struct gv_world *w, const ProtobufCMessageDescriptor *type);

/* Opens a connection to `plugin` (which instance: by `device`, or by the connection's id where that is empty). The
 * strings in `info` are copied; info->id is not read. Returns the id, never 0; 0 where the plugin is not there (see
 * gv_world_available). */
GV_API uint64_t gv_world_open(struct gv_world *w, const char *plugin, const struct gv_conn *info,
			      uint32_t window_frames);
/* A frame came in. Copies the data. -ENOBUFS: beyond the hold limits, the driver should close (1013). */
GV_API int gv_world_frame(struct gv_world *w, uint64_t conn, enum gv_frame_kind kind, const void *data, size_t size);
/* The connection has ended; its id is not used again. Frames not yet acknowledged are still delivered, before the
 * plugin's on_close. */
GV_API void gv_world_close(struct gv_world *w, uint64_t conn, unsigned code, const char *reason);
/* Frames that this connection has not had acknowledged. */
GV_API unsigned gv_world_unacknowledged(struct gv_world *w, uint64_t conn);
/* End of a batch of frames: they leave now. Without it they leave when the loop goes to poll. */
GV_API void gv_world_flush(struct gv_world *w);

/* In drain and after: whether the plugin starts again at once (a reload), or not (the node stops, or it is unloaded).
 */
GV_API bool gv_world_returns(const struct gv_world *w);
/* After drain: nothing is left to do. */
GV_API void gv_world_drained(struct gv_world *w);

/* Blobs, from the loop: a writer for uploads. commit returns the id,
 * and 1 where an equal one was there before; destroy without commit drops what was written. */
struct gv_blob_writer;
GV_API int gv_world_blob_create(struct gv_world *w, struct gv_blob_writer **ret);
GV_API int gv_world_blob_write(struct gv_blob_writer *b, const void *data, size_t size);
GV_API int gv_world_blob_commit(struct gv_blob_writer *b, char ret_id[GV_BLOB_ID_SIZE]);
GV_API void gv_world_blob_destroy(struct gv_blob_writer *b);
/* The file of a blob, for reading: an open descriptor that the caller closes, or -ENOENT. */
GV_API int gv_world_blob_open(struct gv_world *w, const char *id, uint64_t *ret_size);

/* ---- beyond the record: for the API and its like --------------------------------------------- */

/* Follows events of these full names from now on ("*": all), in memory, besides `hears`; they come to on_event.
 * Replaces what was followed before; no types: nothing. Needs the capability "hear:*". */
GV_API int gv_follow(struct gv_turn *t, const char *const *types, size_t count);

#ifdef __cplusplus
}
#endif
#endif
