/* Packets as they come: lengths are believed only as far as there are bytes, and what cannot be right is refused whole.
 */
#include "woshi_internal.h"

#include <stdio.h>
#include <string.h>

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
	require(in, n <= size && at[n - 1] == '\0' && woshi_printable((const char *)at, n - 1));
	if (!in->bad)
		memcpy(ret, at, n);
}

static void take_port(struct in *in, uint16_t *ret)
{
	char text[WOSHI_PORT_SIZE] = "";
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
	static const uint8_t none[WOSHI_BANK_BYTES];
	const uint8_t *at = take(in, WOSHI_BANK_BYTES);

	ret[0] = '\0';
	if (memcmp(at, none, WOSHI_BANK_BYTES) == 0)
		return;
	for (size_t i = 0; i < WOSHI_BANK_BYTES; i++)
		snprintf(ret + 2 * i, 3, "%02X", at[i]);
}

static uint8_t take_slot(struct in *in)
{
	uint8_t slot = take_8(in);

	require(in, woshi_slot_valid(slot));
	return slot;
}

/* Their number must fit exactly: a bank that is overlooked would be one that is missing. */
static void take_slots(struct in *in, struct gv_woshi_packet *p)
{
	bool seen[GV_WOSHI_SLOTS_MAX + 1] = { false };
	uint8_t n = take_8(in);

	require(in, in->size == (size_t)n * (2 + WOSHI_BANK_BYTES) && n <= GV_WOSHI_SLOTS_MAX);
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

static void take_part(struct in *in, enum woshi_part part, struct gv_woshi_packet *p)
{
	switch (part) {
	case WOSHI_END:
		break;
	case WOSHI_RANDOM:
		p->random = take_32(in);
		break;
	case WOSHI_MAGIC:
		p->magic = take_16(in);
		break;
	case WOSHI_TEXT:
	case WOSHI_NAME:
		take_text(in, p->text, sizeof(p->text));
		require(in, part == WOSHI_TEXT || p->text[0]);
		break;
	case WOSHI_PORT:
		take_port(in, &p->port);
		break;
	case WOSHI_HEARTBEAT_S:
		p->heartbeat_s = take_8(in);
		require(in, p->heartbeat_s);
		break;
	case WOSHI_SLOT:
		p->slot = take_slot(in);
		break;
	case WOSHI_LOGGED_IN:
		p->result = take_8(in);
		require(in, p->result <= GV_WOSHI_LOGIN_TIME);
		break;
	case WOSHI_DONE:
		p->result = take_8(in);
		break;
	case WOSHI_RETURNED:
		p->result = take_8(in);
		require(in, p->result <= GV_WOSHI_RETURN_NOT_EMPTY);
		break;
	case WOSHI_DONE_BANK:
		if (p->result != 1 && in->size == 0)
			break;
		/* fallthrough */
	case WOSHI_BANK:
		take_bank(in, p->bank);
		break;
	case WOSHI_SLOTS:
		take_slots(in, p);
		break;
	case WOSHI_CSQ:
		p->csq = take_8(in);
		break;
	case WOSHI_BIT_ERRORS:
		p->bit_errors = take_8(in);
		break;
	case WOSHI_NETWORK_KIND:
		p->network = take_8(in);
		break;
	}
}

/* `data` is a whole packet. */
static enum gv_woshi_error read_packet(enum gv_woshi_from from, const uint8_t *data, size_t size,
				       struct gv_woshi_packet *ret)
{
	const enum woshi_part *part = woshi_parts(data[2], from);
	const uint8_t *payload = data + GV_WOSHI_HEADER;
	size_t payload_size = size - GV_WOSHI_HEADER;
	struct in in = { .at = payload, .size = payload_size };
	struct gv_woshi_packet p = { 0 };

	if (data[3] != GV_WOSHI_VERSION)
		return GV_WOSHI_BAD_VERSION;
	/* without a payload there is nothing to guard, and makers write 0 or 1 */
	if (payload_size && woshi_xor(payload, payload_size) != data[4])
		return GV_WOSHI_BAD_CHECK;
	if (!part)
		return GV_WOSHI_BAD_COMMAND;
	p.command = (enum gv_woshi_command)data[2];
	p.token = take_32(&(struct in){ .at = data + 5, .size = 4 });
	for (; *part != WOSHI_END; part++)
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
	if (size < WOSHI_LENGTH_SIZE)
		return;
	whole = WOSHI_LENGTH_SIZE + (size_t)(data[0] << 8 | data[1]);
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
