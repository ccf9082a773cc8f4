/* Log lines. Hosts and the kernel write straight to the same stderr, so a record must be one write and one line
 * whatever a peer put into it; that is all this file is about. */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
	enum gv_level level;
	const char *name;
} levels[] = { { GV_ERR, "error" }, { GV_WARN, "warning" }, { GV_INFO, "info" }, { GV_DEBUG, "debug" } };

int gv_log_level_parse(const char *word, enum gv_level *ret)
{
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (strcmp(levels[i].name, word) == 0) {
			*ret = levels[i].level;
			return 0;
		}
	return -EINVAL;
}

const char *gv_log_level_name(enum gv_level level)
{
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (level <= levels[i].level)
			return levels[i].name;
	return "debug";
}

static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* The length of the pair `key=value` or `key="value"` at s, 0 where there is none. */
static size_t pair_length(const char *s, size_t size)
{
	size_t i = 0;

	while (i < size && is_key_char(s[i]))
		i++;
	if (i == 0 || i >= size || s[i] != '=')
		return 0;
	i++;
	if (i < size && s[i] == '"') {
		for (i++; i < size && s[i] != '"'; i++)
			if (s[i] == '\\' && i + 1 < size)
				i++;
		return i < size ? i + 1 : 0;
	}
	while (i < size && s[i] != ' ')
		i++;
	return i;
}

/* Where the pairs begin that end the message: everything from there on is pairs, one space apart. `size` where there
 * are none. */
static size_t pairs_begin(const char *s, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		size_t at = i;

		if (i > 0 && s[i - 1] != ' ')
			continue;
		while (at < size) {
			size_t length = pair_length(s + at, size - at);
			if (length == 0)
				break;
			at += length;
			if (at == size)
				return i;
			if (s[at] != ' ')
				break;
			at++;
		}
	}
	return size;
}

/* Control characters, quotes and backslashes escaped as in JSON; bytes from 0x80 on pass (UTF-8), but for the C1
 * controls (0xc2 0x80..0x9f). */
static void add_escaped(struct gv_buf *out, const char *s, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)s[i];
		unsigned char next = i + 1 < size ? (unsigned char)s[i + 1] : 0;

		if (c == '"' || c == '\\')
			gv_buf_printf(out, "\\%c", c);
		else if (c == '\n')
			gv_buf_puts(out, "\\n");
		else if (c == '\r')
			gv_buf_puts(out, "\\r");
		else if (c == '\t')
			gv_buf_puts(out, "\\t");
		else if (c < 0x20 || c == 0x7f)
			gv_buf_printf(out, "\\u%04x", c);
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
			gv_buf_printf(out, "\\u%04x", next);
			i++;
		} else
			gv_buf_putc(out, (char)c);
	}
}

/* A JSON string must be UTF-8: what is not becomes '?'. */
static void add_json_string(struct gv_buf *out, const char *s, size_t size)
{
	size_t begin = 0, i = 0;

	gv_buf_putc(out, '"');
	while (i < size) {
		unsigned char c = (unsigned char)s[i];
		size_t length = c < 0x80                  ? 1
				: (c >= 0xc2 && c < 0xe0) ? 2
				: (c >= 0xe0 && c < 0xf0) ? 3
				: (c >= 0xf0 && c < 0xf5) ? 4
							  : 0;
		bool good = length > 0 && i + length <= size;

		for (size_t k = 1; good && k < length; k++)
			good = ((unsigned char)s[i + k] & 0xc0) == 0x80;
		if (good) {
			i += length;
			continue;
		}
		add_escaped(out, s + begin, i - begin);
		gv_buf_putc(out, '?');
		begin = ++i;
	}
	add_escaped(out, s + begin, size - begin);
	gv_buf_putc(out, '"');
}

static void add_time(struct gv_buf *out, int64_t now_ms)
{
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	gv_buf_printf(out, "%s.%03dZ", text, (int)(now_ms % 1000));
}

/* One pair of the message as a field: its value bare in text where it needs no quotes. */
static void add_pair(struct gv_buf *out, bool json, const char *s, size_t size)
{
	const char *eq = memchr(s, '=', size);
	const char *value = eq + 1;
	size_t value_size = size - (size_t)(value - s);
	bool quoted = value_size >= 2 && value[0] == '"';

	if (!json) {
		gv_buf_putc(out, ' ');
		gv_buf_add(out, s, (size_t)(value - s));
		if (quoted)
			gv_buf_putc(out, '"');
		add_escaped(out, value + quoted, value_size - 2 * quoted);
		if (quoted)
			gv_buf_putc(out, '"');
		return;
	}
	gv_buf_putc(out, ',');
	add_json_string(out, s, (size_t)(eq - s));
	gv_buf_putc(out, ':');
	add_json_string(out, value + quoted, value_size - 2 * quoted);
}

int gv_log_format(const struct gv_logger *l, enum gv_level level, int64_t now_ms, const char *message,
		  struct gv_buf *out)
{
	size_t size = strlen(message), sentence;
	bool cut = size > GV_LOG_LINE_MAX;
	size_t at;

	if (cut)
		size = GV_LOG_LINE_MAX;
	while (size > 0 && (message[size - 1] == ' ' || message[size - 1] == '\n'))
		size--;
	at = cut ? size : pairs_begin(message, size);
	sentence = at;
	while (sentence > 0 && message[sentence - 1] == ' ')
		sentence--;
	gv_buf_puts(out, l->json ? "{\"time\":\"" : "time=");
	add_time(out, now_ms);
	gv_buf_printf(out, l->json ? "\",\"level\":\"%s\",\"node\":" : " level=%s node=", gv_log_level_name(level));
	if (l->json) {
		add_json_string(out, l->node, strlen(l->node));
		gv_buf_puts(out, ",\"instance\":");
		add_json_string(out, l->instance, strlen(l->instance));
		gv_buf_puts(out, ",\"msg\":");
		add_json_string(out, message, sentence);
	} else {
		add_escaped(out, l->node, strlen(l->node));
		gv_buf_puts(out, " instance=");
		add_escaped(out, l->instance, strlen(l->instance));
		gv_buf_puts(out, " msg=\"");
		add_escaped(out, message, sentence);
		gv_buf_putc(out, '"');
	}
	while (at < size) {
		size_t length = pair_length(message + at, size - at);
		add_pair(out, l->json, message + at, length);
		at += length + 1;
	}
	if (cut)
		gv_buf_puts(out, l->json ? ",\"cut\":\"true\"" : " cut=true");
	return gv_buf_puts(out, l->json ? "}\n" : "\n");
}

/* Records of this process that nobody could take: a reader that stands still must not stop a node, so what would block
 * is dropped. */
static atomic_uint dropped;

static void write_record(const struct gv_logger *l, enum gv_level level, const char *message)
{
	struct pollfd ready = { .fd = l->fd, .events = POLLOUT };
	struct gv_buf out = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (gv_log_format(l, level, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, message, &out) < 0 ||
	    poll(&ready, 1, 0) != 1 || write(l->fd, out.data, out.size) < 0)
		atomic_fetch_add(&dropped, 1);
	gv_buf_fini(&out);
}

void gv_log_line(const struct gv_logger *l, enum gv_level level, const char *message)
{
	char text[64];
	unsigned n;

	if (level > l->level)
		return;
	n = atomic_exchange(&dropped, 0);
	if (n > 0) {
		snprintf(text, sizeof text, "records were dropped: nobody read the log dropped=%u", n);
		write_record(l, GV_WARN, text);
		if (atomic_load(&dropped) > 0)
			atomic_fetch_add(&dropped, n - 1);
	}
	write_record(l, level, message);
}

void gv_log_printf(const struct gv_logger *l, enum gv_level level, const char *fmt, ...)
{
	struct gv_buf message = { 0 };
	va_list ap;

	if (level > l->level)
		return;
	va_start(ap, fmt);
	gv_buf_vprintf(&message, fmt, ap);
	va_end(ap);
	gv_log_line(l, level, gv_buf_str(&message));
	gv_buf_fini(&message);
}
