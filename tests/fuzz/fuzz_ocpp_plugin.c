/* The whole plugin behind a frame: whatever a charger says, no handler fails, and nothing it does is undefined. Under
 * it is the least of a host that will do: rows that are read are the last that were written, packed and unpacked; scans
 * find nothing. */
#include "fuzz.h"

#include <errno.h>
#include <galvan/link.pb-c.h>
#include <galvan/ocpp.pb-c.h>
#include <galvan/plugin.h>
#include <stdarg.h>
#include <string.h>

#define CHUNKS_MAX 1000000
#define ROWS_MAX 64
#define NOW_MS INT64_C(1790000000000)

extern const struct gv_plugin gv_plugin;

struct row {
	const struct gv_table *table;
	uint8_t *packed;
	size_t size;
};
struct gv_turn {
	void *chunks[CHUNKS_MAX]; /* one each, so that a sanitizer sees where it ends */
	size_t n_chunks;
	struct row rows[ROWS_MAX]; /* of each table, the last */
};
static struct gv_turn turn;
static void *self;

static void *allocate(void *data, size_t size)
{
	void *chunk = calloc(1, size ? size : 1);

	FUZZ_ASSERT(chunk && turn.n_chunks < CHUNKS_MAX);
	return turn.chunks[turn.n_chunks++] = chunk;
}

static void keep(void *data, void *chunk)
{
}

static ProtobufCAllocator allocator = { allocate, keep, NULL };

static struct row *row_of(const struct gv_table *table)
{
	struct row *row = turn.rows;

	while (row->table && row->table != table)
		FUZZ_ASSERT(++row < turn.rows + ROWS_MAX);
	row->table = table;
	return row;
}

static void pack(const ProtobufCMessage *message, uint8_t **ret, size_t *ret_size)
{
	free(*ret);
	*ret_size = protobuf_c_message_get_packed_size(message);
	*ret = malloc(*ret_size ? *ret_size : 1);
	FUZZ_ASSERT(*ret && protobuf_c_message_pack(message, *ret) == *ret_size);
}

int64_t gv_now_ms(struct gv_turn *t)
{
	return NOW_MS;
}

ProtobufCAllocator *gv_allocator(struct gv_turn *t)
{
	return &allocator;
}

uint64_t gv_random(struct gv_turn *t)
{
	return 7;
}

const struct gv_self *gv_self(struct gv_turn *t)
{
	static const struct gv_self me = { "fuzz", "ocpp", 0, 1 };

	return &me;
}

bool gv_heard_all(struct gv_turn *t, const ProtobufCMessageDescriptor *type)
{
	return true;
}

bool gv_owns(struct gv_turn *t, const char *key)
{
	return true;
}

void *gv_alloc(struct gv_turn *t, size_t size)
{
	return allocate(NULL, size);
}

char *gv_strdup(struct gv_turn *t, const char *s)
{
	return strcpy(allocate(NULL, strlen(s) + 1), s);
}

char *gv_str(struct gv_turn *t, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	s = allocate(NULL, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return s;
}

void *gv_append(struct gv_turn *t, void *ret_array, size_t *n, size_t size)
{
	char **array = ret_array, *bigger = allocate(NULL, (*n + 1) * size);

	if (*n)
		memcpy(bigger, *array, *n * size);
	*array = bigger;
	return bigger + size * (*n)++;
}

const void *gv_get(struct gv_turn *t, const struct gv_table *table, struct gv_key key)
{
	const struct row *row = row_of(table);
	void *message;

	if (!row->packed)
		return NULL;
	message = protobuf_c_message_unpack(table->value, &allocator, row->size, row->packed);
	FUZZ_ASSERT(message);
	return message;
}

void *gv_edit(struct gv_turn *t, const struct gv_table *table, struct gv_key key)
{
	void *row = allocate(NULL, table->value->sizeof_message);

	table->value->message_init(row);
	return row;
}

int gv_put(struct gv_turn *t, const struct gv_table *table, struct gv_key key, const void *message)
{
	struct row *row = row_of(table);

	pack(message, &row->packed, &row->size);
	return 0;
}

int gv_delete(struct gv_turn *t, const struct gv_table *table, struct gv_key key)
{
	struct row *row = row_of(table);

	free(row->packed);
	row->packed = NULL;
	return 0;
}

bool gv_next(struct gv_turn *t, struct gv_scan *scan)
{
	return false;
}

int gv_emit(struct gv_turn *t, const void *event)
{
	uint8_t *packed = NULL;
	size_t size;

	pack(event, &packed, &size);
	free(packed);
	return 0;
}

int gv_send(struct gv_turn *t, uint64_t conn, enum gv_frame_kind kind, const void *data, size_t size)
{
	FUZZ_ASSERT(size > 0 && ((const char *)data)[0] == '[');
	return 0;
}

void gv_log(struct gv_turn *t, enum gv_level level, const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
}

int gv_fault(struct gv_turn *t, const char *fmt, ...)
{
	FUZZ_ASSERT(!"a frame must not make a handler fail");
	return 0;
}

void gv_count(struct gv_turn *t, const char *name, double by)
{
}

int gv_timer(struct gv_turn *t, const char *name, int64_t at_ms, const void *note)
{
	return 0;
}

char *gv_page(struct gv_turn *t, const struct gv_scan *scan)
{
	return gv_strdup(t, "");
}

int gv_page_from(struct gv_turn *t, struct gv_scan *scan, const char *page)
{
	return 0;
}

int gv_timer_cancel(struct gv_turn *t, const char *name)
{
	return 0;
}

int gv_respond(struct gv_turn *t, uint64_t conn, const void *http_response)
{
	return 0;
}

int gv_call(struct gv_turn *t, const struct gv_call *call)
{
	return 0;
}

int gv_fail(struct gv_turn *t, enum gv_code code, const char *fmt, ...)
{
	return -EINVAL;
}

int gv_blob_put(struct gv_turn *t, const void *data, size_t size, char ret_id[GV_BLOB_ID_SIZE])
{
	return -EIO;
}

int64_t gv_blob_read(struct gv_turn *t, const char *id, uint64_t offset, void *ret_data, size_t size)
{
	return -ENOENT;
}

int gv_blob_drop(struct gv_turn *t, const char *id)
{
	return 0;
}

int64_t gv_blob_size(struct gv_turn *t, const char *id)
{
	return -ENOENT;
}

int gv_listen(struct gv_turn *t, const void *listener)
{
	return 0;
}

int gv_disconnect(struct gv_turn *t, uint64_t conn, unsigned code, const char *reason)
{
	return 0;
}

int gv_reply(struct gv_turn *t, struct gv_ticket to, const void *reply)
{
	return 0;
}

int gv_refuse(struct gv_turn *t, struct gv_ticket to, enum gv_code code, const char *fmt, ...)
{
	return 0;
}

const char *gv_code_name(unsigned code)
{
	return "";
}

static struct gv_conn conn = { .id = 1, .device = "ocpp:FUZZ", .listener = "ocpp-j", .peer = "192.0.2.1" };

static void say(const char *data, size_t size)
{
	struct gv_frame frame = { .conn = &conn, .kind = GV_TEXT, .data = data, .size = size };

	FUZZ_ASSERT(gv_plugin.on_frame(self, &turn, &frame) == 0);
}

static void post(const char *data, size_t size)
{
	static const struct gv_conn poster = { .id = 2, .device = "", .listener = "ocpp-s", .peer = "192.0.2.1" };
	Link__HttpRequest request = LINK__HTTP_REQUEST__INIT;
	struct gv_frame frame = { .conn = &poster, .kind = GV_REQUEST, .request = &request };

	request.method = "POST";
	request.path = "/ocpp/soap";
	request.body.data = (uint8_t *)data;
	request.body.len = size;
	FUZZ_ASSERT(gv_plugin.on_frame(self, &turn, &frame) == 0);
}

#define V201 "ocpp2.0.1"

static void begin(bool v201)
{
	static const char *const starts[] = {
		"[2,\"0\",\"StartTransaction\",{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":"
		"\"2025-01-15T02:09:54Z\"}]",
		"[2,\"0\",\"TransactionEvent\",{\"eventType\":\"Started\",\"seqNo\":0,\"timestamp\":\"2025-01-15T02:09:"
		"54Z\",\"triggerReason\":\"Authorized\",\"transactionInfo\":{\"transactionId\":\"T\"},\"evse\":{\"id\":"
		"1}"
		",\"idToken\":{\"idToken\":\"A\",\"type\":\"Local\"}}]",
	};
	char *vendors[] = { "v" };
	Ocpp__Config config = OCPP__CONFIG__INIT;

	config.heartbeat_s = 300;
	config.unknown_station = "accept";
	config.unknown_token = "accept";
	config.call_timeout_s = 29;
	config.start_window_s = 600;
	config.new_transactions_per_hour = 240;
	config.message_log_bytes = 65536;
	config.data_transfer_vendors = vendors;
	config.n_data_transfer_vendors = 1;
	self = calloc(1, gv_plugin.self_size);
	FUZZ_ASSERT(self && gv_plugin.start(self, &turn, &config) == 0);
	conn.subprotocol = v201 ? V201 : "ocpp1.6";
	say(starts[v201], strlen(starts[v201]));
}

static void end(void)
{
	gv_plugin.stop(self);
	free(self);
	for (size_t i = 0; i < turn.n_chunks; i++)
		free(turn.chunks[i]);
	for (size_t i = 0; i < ROWS_MAX; i++)
		free(turn.rows[i].packed);
	memset(turn.rows, 0, sizeof turn.rows);
	turn.n_chunks = 0;
}

/* Frames, one a line, of a charger whose transaction runs; what begins as XML is posted by one that speaks SOAP. What
 * begins with the line ocpp2.0.1 is said in that version. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *stop = at + size;
	bool v201 = size > strlen(V201) && !memcmp(data, V201 "\n", strlen(V201) + 1);

	begin(v201);
	at += v201 ? strlen(V201) + 1 : 0;
	while (at < stop) {
		const char *line = memchr(at, '\n', (size_t)(stop - at));
		size_t length = (size_t)((line ? line : stop) - at);
		char *frame = malloc(length + 1);

		FUZZ_ASSERT(frame);
		memcpy(frame, at, length);
		frame[length] = '\0';
		if (frame[0] == '<')
			post(frame, length);
		else
			say(frame, length);
		free(frame);
		at += length + 1;
	}
	end();
	return 0;
}
