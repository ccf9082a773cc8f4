/* One small binary protocol under many makers' names. Their document prints examples that break its own rules; where it
 * leaves a payload open, or is not kept to, docs/protocols/powerbank.md says what holds here. */
#include <lib/woshi.h>

#include <errno.h>
#include <lib/hex.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_SIZE 2
#define BANK_BYTES 8
#define PORT_DIGITS 5

/* ---- what a payload holds, both ways --------------------------------------------------------- */

/* The parts of a payload in the order of the wire. */
enum part {
	PART_END,
	PART_RANDOM,
	PART_MAGIC,
	PART_TEXT,
	PART_SERIAL, /* a text that must not be empty */
	PART_PORT,
	PART_HEARTBEAT,
	PART_SLOT,
	PART_LOGIN,
	PART_DONE,
	PART_RETURN,
	PART_BANK,
	PART_DONE_BANK, /* a bank that need not be there when nothing was done */
	PART_SLOTS,
	PART_CSQ,
	PART_BIT_ERRORS,
	PART_NETWORK,
};
#define PARTS_MAX 5

static const struct form {
	enum gv_woshi_command command;
	enum part parts[2][PARTS_MAX]; /* by enum gv_woshi_from, ended by PART_END */
} forms[] = {
	{ GV_WOSHI_LOGIN, { { PART_RANDOM, PART_MAGIC, PART_SERIAL }, { PART_LOGIN } } },
	{ GV_WOSHI_HEARTBEAT, { { PART_END }, { PART_END } } },
	{ GV_WOSHI_VERSION_OF, { { PART_TEXT }, { PART_END } } },
	{ GV_WOSHI_SERVER, { { PART_END }, { PART_SERIAL, PART_PORT, PART_HEARTBEAT } } },
	{ GV_WOSHI_INVENTORY, { { PART_SLOTS }, { PART_END } } },
	{ GV_WOSHI_LEND, { { PART_SLOT, PART_DONE, PART_DONE_BANK }, { PART_SLOT } } },
	{ GV_WOSHI_RETURN, { { PART_SLOT, PART_BANK }, { PART_SLOT, PART_RETURN } } },
	{ GV_WOSHI_REBOOT, { { PART_END }, { PART_END } } },
	{ GV_WOSHI_ICCID, { { PART_TEXT }, { PART_END } } },
	{ GV_WOSHI_NETWORK, { { PART_CSQ, PART_BIT_ERRORS, PART_NETWORK }, { PART_END } } },
	{ GV_WOSHI_FORCE_EJECT, { { PART_SLOT, PART_DONE, PART_DONE_BANK }, { PART_SLOT } } },
};

static const enum part *parts_of(unsigned command, enum gv_woshi_from from)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (forms[i].command == command)
			return forms[i].parts[from];
	return NULL;
}

static uint8_t xor_of(const uint8_t *at, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum ^= at[i];
	return sum;
}

static bool slot_ok(uint8_t slot)
{
	return slot >= 1 && slot <= GV_WOSHI_SLOTS_MAX;
}

static bool printable(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* What is left of a payload; `bad` stays once it is set, and then everything reads as zero. */
struct in {
	const uint8_t *at;
	size_t size;
	bool bad;
};

static const uint8_t *take(struct in *in, size_t n)
{
	static const uint8_t none[GV_WOSHI_PACKET_MAX];
	const uint8_t *at = in->at;

	if (in->bad || in->size < n) {
		in->bad = true;
		return none;
	}
	in->at += n;
	in->size -= n;
	return at;
}

static uint8_t take_8(struct in *in)
{
	return *take(in, 1);
}

static uint16_t take_16(struct in *in)
{
	const uint8_t *at = take(in, 2);

	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t take_32(struct in *in)
{
	uint32_t high = take_16(in);

	return high << 16 | take_16(in);
}

static void require(struct in *in, bool what)
{
	if (!what)
		in->bad = true;
}

/* Its length counts the zero byte; a length of 0 is an empty text too. */
static void take_text(struct in *in, char *ret, size_t size)
{
	size_t n = take_16(in);
	const uint8_t *at = take(in, n <= GV_WOSHI_PACKET_MAX ? n : GV_WOSHI_PACKET_MAX);

	if (n == 0 || in->bad) {
		ret[0] = '\0';
		return;
	}
	require(in, n <= size && at[n - 1] == '\0' && printable((const char *)at, n - 1));
	if (!in->bad)
		memcpy(ret, at, n);
}

static void take_port(struct in *in, uint16_t *ret)
{
	char text[PORT_DIGITS + 1] = "";
	uint32_t port = 0;

	take_text(in, text, sizeof(text));
	for (const char *c = text; *c; c++) {
		require(in, *c >= '0' && *c <= '9');
		port = port * 10 + (uint32_t)(*c - '0');
	}
	require(in, port >= 1 && port <= UINT16_MAX);
	*ret = (uint16_t)port;
}

static void take_bank(struct in *in, char *ret)
{
	static const uint8_t none[BANK_BYTES];
	const uint8_t *at = take(in, BANK_BYTES);

	ret[0] = '\0';
	if (memcmp(at, none, BANK_BYTES) == 0)
		return;
	for (size_t i = 0; i < BANK_BYTES; i++)
		snprintf(ret + 2 * i, 3, "%02X", at[i]);
}

static uint8_t take_slot(struct in *in)
{
	uint8_t slot = take_8(in);

	require(in, slot_ok(slot));
	return slot;
}

/* Their number must fit exactly: a bank that is overlooked would be one that is missing. */
static void take_slots(struct in *in, struct gv_woshi_packet *p)
{
	bool seen[GV_WOSHI_SLOTS_MAX + 1] = { false };
	uint8_t n = take_8(in);

	require(in, in->size == (size_t)n * (2 + BANK_BYTES) && n <= GV_WOSHI_SLOTS_MAX);
	for (uint8_t i = 0; i < n && !in->bad; i++) {
		struct gv_woshi_slot *s = &p->slots[i];

		s->slot = take_slot(in);
		take_bank(in, s->bank);
		s->level = take_8(in);
		require(in, !in->bad && !seen[s->slot]);
		if (!in->bad)
			seen[s->slot] = true;
	}
	p->n_slots = n;
}

static void take_part(struct in *in, enum part part, struct gv_woshi_packet *p)
{
	switch (part) {
	case PART_END:
		break;
	case PART_RANDOM:
		p->random = take_32(in);
		break;
	case PART_MAGIC:
		p->magic = take_16(in);
		break;
	case PART_TEXT:
	case PART_SERIAL:
		take_text(in, p->text, sizeof(p->text));
		require(in, part == PART_TEXT || p->text[0]);
		break;
	case PART_PORT:
		take_port(in, &p->port);
		break;
	case PART_HEARTBEAT:
		p->heartbeat_s = take_8(in);
		require(in, p->heartbeat_s);
		break;
	case PART_SLOT:
		p->slot = take_slot(in);
		break;
	case PART_LOGIN:
		p->result = take_8(in);
		require(in, p->result <= GV_WOSHI_LOGIN_TIME);
		break;
	case PART_DONE:
		p->result = take_8(in);
		break;
	case PART_RETURN:
		p->result = take_8(in);
		require(in, p->result <= GV_WOSHI_RETURN_NOT_EMPTY);
		break;
	case PART_DONE_BANK:
		if (p->result != 1 && in->size == 0)
			break;
		/* fallthrough */
	case PART_BANK:
		take_bank(in, p->bank);
		break;
	case PART_SLOTS:
		take_slots(in, p);
		break;
	case PART_CSQ:
		p->csq = take_8(in);
		break;
	case PART_BIT_ERRORS:
		p->bit_errors = take_8(in);
		break;
	case PART_NETWORK:
		p->network = take_8(in);
		break;
	}
}

/* `data` is a whole packet. */
static enum gv_woshi_error read_packet(enum gv_woshi_from from, const uint8_t *data, size_t size,
				       struct gv_woshi_packet *ret)
{
	const enum part *part = parts_of(data[2], from);
	const uint8_t *payload = data + GV_WOSHI_HEADER;
	size_t payload_size = size - GV_WOSHI_HEADER;
	struct in in = { .at = payload, .size = payload_size };
	struct gv_woshi_packet p = { 0 };

	if (data[3] != GV_WOSHI_VERSION)
		return GV_WOSHI_BAD_VERSION;
	/* without a payload there is nothing to guard, and makers write 0 or 1 */
	if (payload_size && xor_of(payload, payload_size) != data[4])
		return GV_WOSHI_BAD_CHECK;
	if (!part)
		return GV_WOSHI_BAD_COMMAND;
	p.command = (enum gv_woshi_command)data[2];
	p.token = take_32(&(struct in){ .at = data + 5, .size = 4 });
	for (; *part != PART_END; part++)
		take_part(&in, *part, &p);
	if (in.bad)
		return GV_WOSHI_BAD_PAYLOAD;
	*ret = p;
	return GV_WOSHI_OK;
}

void gv_woshi_next(enum gv_woshi_from from, const uint8_t *data, size_t size, struct gv_woshi_packet *ret_packet,
		   struct gv_woshi_found *ret)
{
	size_t whole;

	*ret = (struct gv_woshi_found){ 0 };
	if (size < LENGTH_SIZE)
		return;
	whole = LENGTH_SIZE + (size_t)(data[0] << 8 | data[1]);
	if (whole < GV_WOSHI_HEADER || whole > GV_WOSHI_PACKET_MAX) {
		*ret = (struct gv_woshi_found){ .used = size, .packet = true, .error = GV_WOSHI_BAD_LENGTH };
		return;
	}
	if (size < whole)
		return;
	ret->used = whole;
	ret->packet = true;
	ret->error = read_packet(from, data, whole, ret_packet);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct out {
	uint8_t bytes[GV_WOSHI_PACKET_MAX];
	size_t size;
	bool bad;
};

static void put(struct out *out, const void *data, size_t size)
{
	if (out->bad || size > sizeof(out->bytes) - out->size) {
		out->bad = true;
		return;
	}
	memcpy(out->bytes + out->size, data, size);
	out->size += size;
}

static void put_8(struct out *out, uint8_t n)
{
	put(out, &n, 1);
}

static void put_16(struct out *out, uint16_t n)
{
	put_8(out, (uint8_t)(n >> 8));
	put_8(out, (uint8_t)n);
}

static void put_32(struct out *out, uint32_t n)
{
	put_16(out, (uint16_t)(n >> 16));
	put_16(out, (uint16_t)n);
}

static void put_text(struct out *out, const char *text, size_t text_size)
{
	size_t n = strnlen(text, text_size);

	if (n == text_size || !printable(text, n)) {
		out->bad = true;
		return;
	}
	put_16(out, (uint16_t)(n + 1));
	put(out, text, n + 1);
}

static void put_bank(struct out *out, const char *bank)
{
	uint8_t bytes[BANK_BYTES] = { 0 };
	size_t n = strnlen(bank, GV_WOSHI_BANK_SIZE);

	if (n && gv_hex_read(bank, n, bytes, sizeof(bytes)) < 0)
		out->bad = true;
	put(out, bytes, sizeof(bytes));
}

static void put_slot(struct out *out, uint8_t slot)
{
	if (!slot_ok(slot))
		out->bad = true;
	put_8(out, slot);
}

static void put_at_most(struct out *out, uint8_t n, uint8_t max)
{
	if (n > max)
		out->bad = true;
	put_8(out, n);
}

static void put_slots(struct out *out, const struct gv_woshi_packet *p)
{
	bool seen[GV_WOSHI_SLOTS_MAX + 1] = { false };

	put_at_most(out, p->n_slots, GV_WOSHI_SLOTS_MAX);
	for (uint8_t i = 0; i < p->n_slots && !out->bad; i++) {
		const struct gv_woshi_slot *s = &p->slots[i];

		put_slot(out, s->slot);
		put_bank(out, s->bank);
		put_8(out, s->level);
		if (!out->bad && seen[s->slot])
			out->bad = true;
		if (!out->bad)
			seen[s->slot] = true;
	}
}

static void put_part(struct out *out, enum part part, const struct gv_woshi_packet *p)
{
	char port[PORT_DIGITS + 1];

	switch (part) {
	case PART_END:
		break;
	case PART_RANDOM:
		put_32(out, p->random);
		break;
	case PART_MAGIC:
		put_16(out, p->magic);
		break;
	case PART_SERIAL:
		if (!p->text[0])
			out->bad = true;
		/* fallthrough */
	case PART_TEXT:
		put_text(out, p->text, sizeof(p->text));
		break;
	case PART_PORT:
		if (!p->port)
			out->bad = true;
		snprintf(port, sizeof(port), "%u", p->port);
		put_text(out, port, sizeof(port));
		break;
	case PART_HEARTBEAT:
		if (!p->heartbeat_s)
			out->bad = true;
		put_8(out, p->heartbeat_s);
		break;
	case PART_SLOT:
		put_slot(out, p->slot);
		break;
	case PART_LOGIN:
		put_at_most(out, p->result, GV_WOSHI_LOGIN_TIME);
		break;
	case PART_DONE:
		put_8(out, p->result);
		break;
	case PART_RETURN:
		put_at_most(out, p->result, GV_WOSHI_RETURN_NOT_EMPTY);
		break;
	case PART_BANK:
	case PART_DONE_BANK:
		put_bank(out, p->bank);
		break;
	case PART_SLOTS:
		put_slots(out, p);
		break;
	case PART_CSQ:
		put_8(out, p->csq);
		break;
	case PART_BIT_ERRORS:
		put_8(out, p->bit_errors);
		break;
	case PART_NETWORK:
		put_8(out, p->network);
		break;
	}
}

int gv_woshi_write(const struct gv_woshi_packet *packet, enum gv_woshi_from from, uint8_t *ret, size_t size)
{
	const enum part *part = parts_of(packet->command, from);
	struct out out = { .size = 0 };

	if (!part)
		return -EINVAL;
	put_16(&out, 0); /* the length, and with it the check, are known in the end */
	put_8(&out, (uint8_t)packet->command);
	put_8(&out, GV_WOSHI_VERSION);
	put_8(&out, 0);
	put_32(&out, packet->token);
	for (; *part != PART_END; part++)
		put_part(&out, *part, packet);
	if (out.bad)
		return -EINVAL;
	out.bytes[0] = (uint8_t)((out.size - LENGTH_SIZE) >> 8);
	out.bytes[1] = (uint8_t)(out.size - LENGTH_SIZE);
	out.bytes[4] = xor_of(out.bytes + GV_WOSHI_HEADER, out.size - GV_WOSHI_HEADER);
	if (out.size > size)
		return -ENOBUFS;
	memcpy(ret, out.bytes, out.size);
	return (int)out.size;
}

const char *gv_woshi_error_name(enum gv_woshi_error error)
{
	static const char *const names[] = {
		[GV_WOSHI_OK] = "OK",
		[GV_WOSHI_BAD_LENGTH] = "BAD_LENGTH",
		[GV_WOSHI_BAD_VERSION] = "BAD_VERSION",
		[GV_WOSHI_BAD_CHECK] = "BAD_CHECK",
		[GV_WOSHI_BAD_COMMAND] = "BAD_COMMAND",
		[GV_WOSHI_BAD_PAYLOAD] = "BAD_PAYLOAD",
	};

	return names[error];
}
