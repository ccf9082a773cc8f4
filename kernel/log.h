/* Log lines: one record a line, key=value text or JSON, written whole with one write(2) to a descriptor (stderr).
 *
 * A message is a sentence, then key=value pairs: "session started device=ocpp:CP001 connector=1". The pairs become
 * fields of the record. Control characters are escaped, so that no peer can forge a line or reach a terminal.
 * Thread-safe: a logger is only read. */
#ifndef GV_LOG_H
#define GV_LOG_H

#include <galvan/plugin.h>
#include <lib/buf.h>

#define GV_LOG_LINE_MAX 8192 /* bytes of a message; what is beyond is cut and the record says so */

struct gv_logger {
	int fd;
	bool json;
	enum gv_level level;  /* more detailed records are dropped */
	const char *node;     /* borrowed */
	const char *instance; /* borrowed; "kernel" in the kernel's own records */
};

/* "error", "warning", "info", "debug"; -EINVAL for another word. */
int gv_log_level_parse(const char *word, enum gv_level *ret);
const char *gv_log_level_name(enum gv_level level);

/* Appends the record for a message, with its newline. */
int gv_log_format(const struct gv_logger *l, enum gv_level level, int64_t now_ms, const char *message,
		  struct gv_buf *out);
/* Writes one record. */
void gv_log_line(const struct gv_logger *l, enum gv_level level, const char *message);
void gv_log_printf(const struct gv_logger *l, enum gv_level level, const char *fmt, ...) GV_PRINTF(3, 4);

#define gv_err(l, ...) gv_log_printf((l), GV_ERR, __VA_ARGS__)
#define gv_warn(l, ...) gv_log_printf((l), GV_WARN, __VA_ARGS__)
#define gv_info(l, ...) gv_log_printf((l), GV_INFO, __VA_ARGS__)
#define gv_debug(l, ...) gv_log_printf((l), GV_DEBUG, __VA_ARGS__)

#endif
