/* A protocol over bare TCP in small: lines "NAME ID", cut and glued by the network, each answered "ID NUMBER WHERE",
 * the same line again with the same number. The unfinished end of what a connection has sent is a row, so that a crash
 * does not lose the half of a line that was acknowledged. A piece that may have been handled before could be counted
 * twice, so the connection is given up: its peer asks again. "bye" asks to be hung up on. */
#include <galvan/link.pb-c.h>
#include <galvan/plugin.h>
#include <string.h>

#include "zoo.pb-c.h"
#include "zoo.schema.h"

#define LINE_MAX_BYTES 200
#define SWEEP_MS 60000

static const struct gv_table rests = { .name = "rests", .key = "u", .value = &zoo__rest__descriptor };
static const struct gv_table heard = { .name = "heard", .key = "ss", .value = &zoo__heard_row__descriptor };
static const struct gv_table names = { .name = "names", .key = "s", .value = &zoo__device_row__descriptor };

static int on_line(struct gv_turn *t, const struct gv_conn *conn, const char *line)
{
	const char *space = strchr(line, ' '), *name, *answer;
	Zoo__HeardRow *row;

	if (!strcmp(line, "bye"))
		return gv_disconnect(t, conn->id, 1000, "as you like");
	if (!space || space == line || !space[1])
		return gv_disconnect(t, conn->id, 1002, "a line is \"NAME ID\"");
	name = gv_str(t, "%.*s", (int)(space - line), line);
	row = gv_edit(t, &heard, gv_key(name, space + 1));
	if (!row->number)
		row->number = ++((Zoo__DeviceRow *)gv_edit(t, &names, gv_key(name)))->count;
	answer = gv_str(t, "%s %llu %s\n", space + 1, (unsigned long long)row->number, conn->listener);
	return gv_send(t, conn->id, GV_BYTES, answer, strlen(answer));
}

static int on_frame(void *self, struct gv_turn *t, const struct gv_frame *f)
{
	const Zoo__Rest *rest = gv_get(t, &rests, gv_key(f->conn->id));
	char *text, *end;
	Zoo__Rest *row;

	if (rest && rest->given_up)
		return 0;
	if (f->again) {
		row = gv_edit(t, &rests, gv_key(f->conn->id));
		row->given_up = true; /* what follows a hole is no line either */
		return gv_disconnect(t, f->conn->id, 1012, "say it again");
	}
	text = gv_str(t, "%s%.*s", rest ? rest->text : "", (int)f->size, f->data);
	while ((end = strchr(text, '\n'))) {
		*end = 0;
		on_line(t, f->conn, text);
		text = end + 1;
	}
	if (!*text)
		return gv_delete(t, &rests, gv_key(f->conn->id));
	if (strlen(text) > LINE_MAX_BYTES)
		return gv_disconnect(t, f->conn->id, 1009, "a line is too long");
	row = gv_edit(t, &rests, gv_key(f->conn->id));
	row->text = text;
	return 0;
}

static int on_open(void *self, struct gv_turn *t, const struct gv_conn *conn)
{
	if (conn->again && gv_get(t, &rests, gv_key(conn->id)))
		((Zoo__Rest *)gv_edit(t, &rests, gv_key(conn->id)))->before = false;
	return 0;
}

static int on_close(void *self, struct gv_turn *t, const struct gv_conn *conn, unsigned code, const char *reason)
{
	return gv_delete(t, &rests, gv_key(conn->id));
}

/* Nobody tells of a connection that ended while both this plugin and its driver were down. */
static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	struct gv_scan scan = { .table = &rests };

	while (gv_next(t, &scan))
		if (((const Zoo__Rest *)scan.row)->before)
			gv_delete(t, &rests, scan.key);
	return 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	Link__Listener l = LINK__LISTENER__INIT;
	struct gv_scan scan = { .table = &rests };

	while (gv_next(t, &scan))
		((Zoo__Rest *)gv_edit(t, &rests, scan.key))->before = true;
	gv_timer(t, "sweep", gv_now_ms(t) + SWEEP_MS, NULL);
	l.kind = LINK__LISTENER__KIND__TCP;
	l.name = (char *)"front";
	gv_listen(t, &l);
	l.name = (char *)"back";
	return gv_listen(t, &l);
}

static const struct gv_table *const tables[] = { &rests, &heard, &names, NULL };

GV_PLUGIN = {
	GV_STAMP,
	.name = "stream",
	.version = "1",
	.summary = "Numbers lines that come over TCP.",
	.tables = tables,
	.schema_set = GV_SCHEMA(zoo),
	.schema = 1,
	.start = start,
	.on_timer = on_timer,
	.on_open = on_open,
	.on_frame = on_frame,
	.on_close = on_close,
};
