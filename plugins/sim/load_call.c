/* A load run writes and reads a hundred thousand messages a second beside the server that it measures, so both are done
 * by hand: a call is put together from pieces of known size, and an answer is looked at only as far as it must be to be
 * sure that it is the right one. */
#include "load_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Further samples, in the order in which they are added until the frame is long enough. */
static const struct {
	const char *value, *measurand, *unit;
} samples[] = {
	{ "7360.00", "Power.Active.Import", "W" },
	{ "32.00", "Current.Import", "A" },
	{ "230.10", "Voltage", "V" },
	{ "32.00", "Current.Offered", "A" },
	{ "55", "SoC", "Percent" },
	{ "24.5", "Temperature", "Celsius" },
	{ "0.00", "Power.Reactive.Import", "var" },
	{ "7360.00", "Power.Offered", "W" },
};
static const char *const phases[] = { "", ",\"phase\":\"L1\"", ",\"phase\":\"L2\"", ",\"phase\":\"L3\"" };

#define METER_HEAD_BYTES 251 /* a MeterValues frame up to its tail, with a transaction id of four digits */
#define CLOSING "]}]}]"

char *load_tail(size_t frame_bytes, size_t *ret_size)
{
	size_t want = frame_bytes > METER_HEAD_BYTES ? frame_bytes - METER_HEAD_BYTES : 0;
	char *tail = malloc(want + 512);
	if (!tail)
		return NULL;
	size_t n = 0, first_value_end = 0;
	for (unsigned i = 0;; i++) {
		const char *phase = phases[i / (sizeof samples / sizeof samples[0]) % 4];
		unsigned s = i % (sizeof samples / sizeof samples[0]);
		char sample[256];
		size_t size = (size_t)snprintf(sample, sizeof sample,
					       ",{\"value\":\"%s\",\"measurand\":\"%s\",\"unit\":\"%s\"%s}",
					       samples[s].value, samples[s].measurand, samples[s].unit, phase);
		if (n + size + strlen(CLOSING) > want)
			break;
		memcpy(tail + n, sample, size);
		if (i == 0)
			first_value_end = strlen(",{\"value\":\"") + strlen(samples[0].value);
		n += size;
	}
	/* What is missing is made up with decimals of the first value. */
	size_t missing = want > n + strlen(CLOSING) ? want - n - strlen(CLOSING) : 0;
	if (first_value_end && missing) {
		memmove(tail + first_value_end + missing, tail + first_value_end, n - first_value_end);
		memset(tail + first_value_end, '0', missing);
		n += missing;
	}
	memcpy(tail + n, CLOSING, strlen(CLOSING));
	*ret_size = n + strlen(CLOSING);
	return tail;
}

struct out {
	char *p;
};

static void put(struct out *o, const char *text, size_t size)
{
	memcpy(o->p, text, size);
	o->p += size;
}
#define PUT(o, literal) put((o), "" literal, sizeof literal - 1)

static void put_hex(struct out *o, uint32_t value)
{
	for (int shift = 28; shift >= 0; shift -= 4)
		*o->p++ = "0123456789abcdef"[value >> shift & 15];
}

static void put_digits(struct out *o, uint64_t value, int width)
{
	for (int i = width - 1; i >= 0; i--, value /= 10)
		o->p[i] = (char)('0' + value % 10);
	o->p += width;
}

static void put_number(struct out *o, int64_t value)
{
	o->p += sprintf(o->p, "%lld", (long long)value);
}

static void put_time(struct out *o, int64_t time_ms)
{
	static _Thread_local int64_t second = -1;
	static _Thread_local char text[32];
	if (time_ms / 1000 != second) {
		second = time_ms / 1000;
		time_t t = (time_t)second;
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &tm);
	}
	put(o, text, 20);
	put_digits(o, (uint64_t)(time_ms % 1000), 3);
	*o->p++ = 'Z';
}

static void put_meter(struct out *o, const struct load_call *c)
{
	PUT(o, "MeterValues\",{\"connectorId\":1,\"transactionId\":");
	put_number(o, c->transaction_id);
	PUT(o, ",\"meterValue\":[{\"timestamp\":\"");
	put_time(o, c->time_ms);
	PUT(o, "\",\"sampledValue\":[{\"value\":\"");
	put_digits(o, c->meter_wh, 10);
	PUT(o, "\",\"context\":\"Sample.Periodic\",\"measurand\":\"Energy.Active.Import.Register\",\"unit\":\"Wh\"}");
	put(o, c->tail, c->tail_size);
}

size_t load_call_write(const struct load_call *c, char *ret)
{
	struct out o = { ret };
	PUT(&o, "[2,\"");
	put_hex(&o, c->station);
	*o.p++ = '-';
	put_hex(&o, c->seq);
	PUT(&o, "\",\"");
	switch (c->kind) {
	case LOAD_METER:
		put_meter(&o, c);
		return (size_t)(o.p - ret);
	case LOAD_HEARTBEAT:
		PUT(&o, "Heartbeat\",{}]");
		return (size_t)(o.p - ret);
	case LOAD_BOOT:
		PUT(&o, "BootNotification\",{\"chargePointVendor\":\"Galvan\",\"chargePointModel\":\"Load\"}]");
		return (size_t)(o.p - ret);
	case LOAD_STATUS:
		PUT(&o, "StatusNotification\",{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Charging\"}]");
		return (size_t)(o.p - ret);
	case LOAD_START:
		PUT(&o, "StartTransaction\",{\"connectorId\":1,\"idTag\":\"");
		put(&o, c->token, strlen(c->token));
		PUT(&o, "\",\"meterStart\":");
		break;
	case LOAD_STOP:
		PUT(&o, "StopTransaction\",{\"transactionId\":");
		put_number(&o, c->transaction_id);
		PUT(&o, ",\"reason\":\"Local\",\"meterStop\":");
		break;
	}
	put_digits(&o, c->meter_wh, 10);
	PUT(&o, ",\"timestamp\":\"");
	put_time(&o, c->time_ms);
	PUT(&o, "\"}]");
	return (size_t)(o.p - ret);
}

static bool read_hex(const char *p, uint32_t *ret)
{
	uint32_t value = 0;
	for (int i = 0; i < 8; i++) {
		char c = p[i];
		uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
							: 16;
		if (digit > 15)
			return false;
		value = value << 4 | digit;
	}
	*ret = value;
	return true;
}

static const char *blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

int load_answer_read(const char *text, size_t size, struct load_answer *ret)
{
	const char *end = text + size, *p = blank(text, end);
	struct load_answer a = { 0 };
	if (p >= end || *p++ != '[')
		return -EBADMSG;
	p = blank(p, end);
	if (p >= end || *p < '2' || *p > '4')
		return -EBADMSG;
	a.type = *p++ - '0';
	p = blank(p, end);
	if (p >= end || *p++ != ',')
		return -EBADMSG;
	p = blank(p, end);
	if (p >= end || *p++ != '"')
		return -EBADMSG;
	a.id = p;
	p = memchr(p, '"', (size_t)(end - p));
	if (!p)
		return -EBADMSG;
	a.id_size = (size_t)(p++ - a.id);
	p = blank(p, end);
	if (p >= end || *p++ != ',')
		return -EBADMSG;
	a.payload = blank(p, end);
	a.payload_size = (size_t)(end - a.payload);
	a.ours = a.id_size == 17 && a.id[8] == '-' && read_hex(a.id, &a.station) && read_hex(a.id + 9, &a.seq);
	*ret = a;
	return 0;
}

static bool empty_object(const char *p, const char *end)
{
	p = blank(p, end);
	if (p >= end || *p++ != '{')
		return false;
	p = blank(p, end);
	if (p >= end || *p++ != '}')
		return false;
	p = blank(p, end);
	return p < end && *p == ']';
}

bool load_answer_right(const struct load_answer *a, enum load_kind kind, int64_t *ret_transaction_id)
{
	const char *p = a->payload, *end = p + a->payload_size;
	switch (kind) {
	case LOAD_METER:
	case LOAD_STATUS:
		return empty_object(p, end);
	case LOAD_HEARTBEAT:
		return memmem(p, a->payload_size, "\"currentTime\"", 13);
	case LOAD_BOOT:
		return memmem(p, a->payload_size, "\"Accepted\"", 10);
	case LOAD_STOP:
		return p < end && *p == '{';
	case LOAD_START:
		break;
	}
	p = memmem(p, a->payload_size, "\"transactionId\"", 15);
	if (!p)
		return false;
	p = blank(p + 15, end);
	if (p >= end || *p++ != ':')
		return false;
	p = blank(p, end);
	int64_t id = 0;
	const char *digits = p;
	while (p < end && *p >= '0' && *p <= '9' && p - digits < 18)
		id = id * 10 + (*p++ - '0');
	if (p == digits)
		return false;
	*ret_transaction_id = id;
	return true;
}
