/* What the tests of the cloud's role share. */
#include "rig.h"

#include <lib/base64.h>
#include <lib/hex.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host *h;
struct pile pile;
cJSON *last;
static const struct ble_crypto *const c = &ble_openssl;
static struct peer *peers[16];
static size_t n_peers;

/* ---- life ------------------------------------------------------------------------------------ */

void settle(void)
{
	host_settle(h, 5);
}

void pass(int64_t ms)
{
	host_run_ms(h, ms);
	settle();
}

void known(const char *device)
{
	must("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"%s\"}}", device);
	settle();
}

void make_pile(struct pile *p, const char *device, uint8_t id, const char *key)
{
	*p = (struct pile){ .id = { id, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
			    .chain = { .chain = 1, .next = 1 },
			    .key = vector_key(key),
			    .boot = 1,
			    .trust = BLE_TRUST_SIGNED,
			    .booted_ms = host_now_ms(h),
			    .meter_wh = 100000 };
	memcpy(p->chain.pile, p->id, 16);
	must("SignCertificate", "{\"pile\":\"%s\",\"publicKey\":\"%s\",\"expires\":4000000000}", hex(p->id, 16),
	     hex(vector_public(key), 32));
	must("PutPile", "{\"device\":\"%s\",\"certificate\":\"%s\"}", device, kept(text("certificate")));
}

static int load(const char *config)
{
#ifdef TEST_HOST_QUICK_BLE_H
	return host_load_record(h, &quick_ble, 1, config);
#else
	return host_load(h, "ble", PLUGINS "/ble.so", 1, config);
#endif
}

void rig_load(const char *cloud)
{
	char config[600];

	h = host_create(1);
	host_verbose(h, getenv("VERBOSE") != NULL);
	snprintf(config, sizeof(config), "{\"cloud\":{\"secret\":\"" SECRET "\"%s%s}}", cloud ? "," : "",
		 cloud ? cloud : "");
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, "{}"), 0, "%s", host_error(h));
	cr_assert_eq(load(config), 0, "%s", host_error(h));
}

void rig_start(const char *cloud)
{
	rig_load(cloud);
	known(P1);
	known(PHONE);
	make_pile(&pile, P1, 1, "pile");
}

void with_billing(void)
{
	cr_assert_eq(
		host_load(h, "billing", PLUGINS "/billing.so", 1,
			  "{\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"}],\"hold\":{\"amount\":\"1000\",\"startS\":"
			  "120,\"noStopS\":3600}}"),
		0, "%s", host_error(h));
	must("galvan.billing.v1.Billing/PutTariff",
	     "{\"tariff\":{\"id\":\"T\",\"ocpi\":\"{\\\"id\\\":\\\"T\\\",\\\"country_code\\\":\\\"DE\\\",\\\"party_"
	     "id\\\":"
	     "\\\"ABC\\\",\\\"currency\\\":\\\"EUR\\\",\\\"last_updated\\\":\\\"2025-01-01T00:00:00Z\\\","
	     "\\\"elements\\\":[{"
	     "\\\"price_components\\\":[{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":1,\\\"step_size\\\":1}]}]}\"}}");
	must("galvan.billing.v1.Billing/AssignTariff", "{\"assignment\":{\"tariff\":\"T\"}}");
	must("galvan.billing.v1.Billing/TopUp",
	     "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"5000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	settle();
}

void rig_stop(void)
{
	cr_expect_eq(host_parked(h, "ble.0"), 0, "nothing that a pile or a phone says may fail in the plugin");
	cJSON_Delete(last);
	last = NULL;
	host_destroy(h);
	for (size_t i = 0; i < n_peers; i++)
		free(peers[i]);
	n_peers = 0;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Strings that live until as many more have been made. */
static char *ring(size_t size)
{
	static char *at[32];
	static unsigned next;
	char **slot = &at[next++ % 32];

	free(*slot);
	*slot = calloc(1, size);
	return *slot;
}

const char *kept(const char *s)
{
	return memcpy(ring(strlen(s) + 1), s, strlen(s) + 1);
}

const char *hex(const void *data, size_t size)
{
	char *out = ring(2 * size + 1);

	gv_hex_write(data, size, out);
	return out;
}

const char *base64(const struct paper *p)
{
	struct gv_buf out = { 0 };
	char *text64;

	gv_base64_write(&out, p->at, p->size);
	text64 = ring(out.size + 1);
	memcpy(text64, out.data, out.size);
	gv_buf_fini(&out);
	return text64;
}

static const cJSON *find(const cJSON *item, const char *path)
{
	char name[80];

	for (const char *at = path; item && *at;) {
		size_t n = strcspn(at, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, at);
		item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, (int)strtol(name, NULL, 10))
					   : cJSON_GetObjectItemCaseSensitive(item, name);
		at += n + (at[n] == '.');
	}
	return item;
}

static const char *as_text(const cJSON *item)
{
	char number_text[40];

	if (cJSON_IsString(item))
		return kept(item->valuestring);
	if (cJSON_IsBool(item))
		return cJSON_IsTrue(item) ? "true" : "false";
	if (!cJSON_IsNumber(item))
		return "(none)";
	snprintf(number_text, sizeof(number_text), "%lld", (long long)item->valuedouble);
	return kept(number_text);
}

const char *text(const char *path)
{
	return as_text(find(last, path));
}

int64_t number(const char *path)
{
	return strtoll(text(path), NULL, 10);
}

unsigned length(const char *path)
{
	return (unsigned)cJSON_GetArraySize(find(last, path));
}

struct paper bytes(const char *path)
{
	struct gv_buf out = { 0 };
	const char *from = text(path);
	struct paper p = { .size = 0 };

	cr_assert_eq(gv_base64_read(&out, from, strlen(from)), 0, "%s", path);
	cr_assert_leq(out.size, sizeof(p.at));
	memcpy(p.at, out.data, out.size);
	p.size = out.size;
	gv_buf_fini(&out);
	return p;
}

static unsigned call(const char *method, const char *json)
{
	char name[128];
	struct host_answer *a;

	snprintf(name, sizeof(name), "%s%s", strchr(method, '/') ? "" : "galvan.ble.v1.Piles/", method);
	a = host_call(h, name, "%s", json);
	cJSON_Delete(last);
	last = a->code == GV_OK ? cJSON_Parse(a->json) : cJSON_CreateString(a->error);
	return a->code;
}

unsigned ask(const char *method, const char *json_fmt, ...)
{
	static char json[64 * 1024];
	va_list args;

	va_start(args, json_fmt);
	vsnprintf(json, sizeof(json), json_fmt, args);
	va_end(args);
	return call(method, json);
}

void must(const char *method, const char *json_fmt, ...)
{
	static char json[64 * 1024];
	va_list args;

	va_start(args, json_fmt);
	vsnprintf(json, sizeof(json), json_fmt, args);
	va_end(args);
	cr_assert_eq(call(method, json), GV_OK, "%s %.200s: %s", method, json, cJSON_GetStringValue(last));
}

static const char *full(const char *type)
{
	static char name[80];

	snprintf(name, sizeof(name), "%s%s", strchr(type, '.') ? "" : "galvan.charging.v1.", type);
	return name;
}

unsigned events(const char *type)
{
	settle();
	return (unsigned)host_events(h, full(type));
}

const char *event(const char *type, unsigned i, const char *path)
{
	const struct host_event *e = host_event(h, full(type), i);
	cJSON *root = e ? cJSON_Parse(e->json) : NULL;
	const char *out = as_text(find(root, path));

	cJSON_Delete(root);
	return out;
}

unsigned cases(const char *kind)
{
	must("ListCases", "{\"device\":\"" P1 "\",\"kind\":\"%s\"}", kind);
	return length("cases");
}

/* Of the newest end that was told. */
bool session_has_flag(const char *flag)
{
	const struct host_event *e = host_event(h, full("SessionEnded"), events("SessionEnded") - 1);
	cJSON *root = e ? cJSON_Parse(e->json) : NULL;
	const cJSON *list = find(root, "session.flags"), *item;
	bool has = false;

	cJSON_ArrayForEach(item, list) has |= !strcmp(item->valuestring, flag);
	cJSON_Delete(root);
	return has;
}

void grant(const char *token)
{
	must("galvan.charging.v1.Charging/Start",
	     "{\"device\":\"" P1 "\",\"connector\":1,\"token\":\"%s\",\"maxAmount\":\"1000\",\"currency\":\"EUR\"}",
	     token);
}

struct paper voucher(const char *token, uint8_t ret_jti[16])
{
	must("GetVoucher", "{\"order\":\"%s\",\"holderKey\":\"%s\",\"offlineOk\":true}", token,
	     hex(vector_public("holder"), 32));
	gv_hex_read(text("jti"), 32, ret_jti, 16);
	return bytes("voucher");
}

struct ble_keyset key_set(struct paper *ret)
{
	struct ble_keyset keys;
	uint8_t root[32];

	must("GetKeySet", "{}");
	*ret = bytes("document");
	cr_assert_eq(gv_hex_read(text("root"), 64, root, 32), 0);
	cr_assert_eq(ble_keyset_check(c, root, 0, ret->at, ret->size, &keys), 0);
	return keys;
}

/* ---- records --------------------------------------------------------------------------------- */

uint64_t record(struct pile *p, struct ble_record *r)
{
	uint64_t seq = p->chain.next;
	struct paper *to = &p->records[seq];
	int size;

	cr_assert_leq(seq, PILE_RECORDS);
	r->boot = p->boot;
	r->uptime_ms = (uint64_t)(host_now_ms(h) - p->booted_ms);
	r->trust = p->trust;
	r->utc = p->trust ? (uint32_t)(host_now_ms(h) / 1000) + p->utc_ahead_s : 0;
	size = ble_record_write(c, &p->chain, r, NULL, p->key, to->at, sizeof(to->at));
	cr_assert_gt(size, 0, "%s", ble_result_name(size));
	to->size = (size_t)size;
	return seq;
}

static struct ble_record of_session(struct pile *p, enum ble_record_type type)
{
	struct ble_record r = { .has = BLE_HAS(BLE_RECORD_CONNECTOR) | BLE_HAS(BLE_RECORD_SESSION) |
				       BLE_HAS(BLE_RECORD_METER_WH) | (p->with_jti ? BLE_HAS(BLE_RECORD_JTI) : 0),
				.type = (uint8_t)type,
				.connector = 1,
				.meter_wh = p->meter_wh };

	memcpy(r.session, p->session, 16);
	memcpy(r.jti, p->jti, 16);
	return r;
}

uint64_t start_record(struct pile *p, const uint8_t *jti)
{
	struct ble_record r;

	p->with_jti = jti != NULL;
	if (jti)
		memcpy(p->jti, jti, 16);
	ble_session_id(c, p->id, p->chain.chain, p->chain.next, p->session);
	p->started_wh = p->meter_wh;
	p->started_ms = host_now_ms(h);
	r = of_session(p, BLE_RECORD_START);
	return record(p, &r);
}

uint64_t meter_record(struct pile *p, uint64_t wh)
{
	struct ble_record r;

	p->meter_wh = p->started_wh + wh;
	r = of_session(p, BLE_RECORD_METER);
	return record(p, &r);
}

uint64_t end_record(struct pile *p, uint64_t wh)
{
	struct ble_record r;

	p->meter_wh = p->started_wh + wh;
	r = of_session(p, BLE_RECORD_END);
	r.has |= BLE_HAS(BLE_RECORD_SESSION_WH) | BLE_HAS(BLE_RECORD_REASON) | BLE_HAS(BLE_RECORD_DURATION);
	r.session_wh = (uint32_t)wh;
	r.reason = BLE_REASON_HOLDER;
	r.duration_s = (uint32_t)((host_now_ms(h) - p->started_ms) / 1000);
	return record(p, &r);
}

struct paper head_of(struct pile *p)
{
	struct ble_head head = { .chain = p->chain.chain,
				 .seq = p->chain.next - 1,
				 .boot = p->boot,
				 .utc = p->trust ? (uint32_t)(host_now_ms(h) / 1000) + p->utc_ahead_s : 0 };
	struct paper out;

	memcpy(head.pile, p->id, 16);
	memcpy(head.hash, p->chain.head, 32);
	out.size = (size_t)ble_head_write(c, &head, p->key, out.at, sizeof(out.at));
	return out;
}

const char *post_paper(const struct paper *p)
{
	must("PutRecords", "{\"terminal\":\"phone-1\",\"records\":[\"%s\"]}", base64(p));
	settle();
	return text("results.0");
}

const char *post(struct pile *p, uint64_t seq)
{
	return post_paper(&p->records[seq]);
}

const char *post_head(const struct paper *p)
{
	must("PutRecords", "{\"terminal\":\"phone-1\",\"heads\":[\"%s\"]}", base64(p));
	settle();
	return text("headResults.0");
}

uint64_t receipted(void)
{
	struct ble_receipt it;
	struct paper p;

	if (!length("receipts"))
		return 0;
	p = bytes("receipts.0");
	cr_assert_eq(ble_receipt_read(p.at, p.size, &it), 0);
	return it.upto;
}

/* ---- the WebSocket --------------------------------------------------------------------------- */

static void on_open(struct host_station *s, void *arg)
{
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct peer *p = arg;

	cr_assert_eq(kind, GV_BINARY);
	cr_assert_lt(p->n, 256u);
	cr_assert_leq(size, sizeof(p->heard[0].at));
	memcpy(p->heard[p->n].at, data, size);
	p->heard[p->n++].size = size;
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	((struct peer *)arg)->closed++;
}

static bool is_connected(struct host *node, void *arg)
{
	return host_station_connected(((struct peer *)arg)->station);
}

struct peer *connect_peer(const char *device)
{
	static const struct host_station_model model = { on_open, on_frame, on_close };
	struct peer *p = calloc(1, sizeof(*p));

	peers[n_peers++] = p;
	p->station = host_station(h, "ble", device, "cpb1", &model, p);
	host_station_connect(p->station);
	cr_assert(host_run_until(h, is_connected, p, SECOND_MS));
	settle();
	return p;
}

void say(struct peer *p, uint8_t type, uint32_t counter, const void *body, int size)
{
	struct ble_frame f = { .type = type, .counter = counter, .body = { body, (size_t)size } };
	uint8_t out[BLE_MESSAGE_MAX];
	int n;

	cr_assert_geq(size, 0);
	n = ble_frame_write(&f, out, sizeof(out));
	cr_assert_gt(n, 0);
	cr_assert_eq(host_station_send(p->station, GV_BINARY, out, (size_t)n), 0);
	settle();
}

bool hear(struct peer *p, uint8_t type, struct ble_frame *ret)
{
	for (; p->read < p->n; p->read++) {
		const struct paper *it = &p->heard[p->read];

		if (it->at[0] != type)
			continue;
		p->read++;
		return ble_frame_read(it->at, it->size, ret) == 0;
	}
	return false;
}

int heard_result(struct peer *p)
{
	struct ble_answer it;
	struct ble_frame f;

	cr_assert(hear(p, BLE_PUT_RES, &f), "no PUT_RES came");
	cr_assert_eq(ble_answer_read(f.body.at, f.body.size, &it), 0);
	return it.result;
}
