/* Packets as they leave, with a check that is always right. */
#include "woshi_internal.h"

#include <errno.h>
#include <lib/hex.h>
#include <stdio.h>
#include <string.h>

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

	if (n == text_size || !woshi_printable(text, n)) {
		out->bad = true;
		return;
	}
	put_16(out, (uint16_t)(n + 1));
	put(out, text, n + 1);
}

static void put_bank(struct out *out, const char *bank)
{
	static const uint8_t none[WOSHI_BANK_BYTES];
	uint8_t bytes[WOSHI_BANK_BYTES] = { 0 };
	size_t n = strnlen(bank, GV_WOSHI_BANK_SIZE);

	if (n && (gv_hex_read(bank, n, bytes, sizeof(bytes)) < 0 || memcmp(bytes, none, sizeof(bytes)) == 0))
		out->bad = true;
	put(out, bytes, sizeof(bytes));
}

static void put_slot(struct out *out, uint8_t slot)
{
	if (!woshi_slot_valid(slot))
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

static void put_part(struct out *out, enum woshi_part part, const struct gv_woshi_packet *p)
{
	char port[WOSHI_PORT_SIZE];

	switch (part) {
	case WOSHI_END:
		break;
	case WOSHI_RANDOM:
		put_32(out, p->random);
		break;
	case WOSHI_MAGIC:
		put_16(out, p->magic);
		break;
	case WOSHI_NAME:
		if (!p->text[0])
			out->bad = true;
		/* fallthrough */
	case WOSHI_TEXT:
		put_text(out, p->text, sizeof(p->text));
		break;
	case WOSHI_PORT:
		if (!p->port)
			out->bad = true;
		snprintf(port, sizeof(port), "%u", p->port);
		put_text(out, port, sizeof(port));
		break;
	case WOSHI_HEARTBEAT_S:
		if (!p->heartbeat_s)
			out->bad = true;
		put_8(out, p->heartbeat_s);
		break;
	case WOSHI_SLOT:
		put_slot(out, p->slot);
		break;
	case WOSHI_LOGGED_IN:
		put_at_most(out, p->result, GV_WOSHI_LOGIN_TIME);
		break;
	case WOSHI_DONE:
		put_8(out, p->result);
		break;
	case WOSHI_RETURNED:
		put_at_most(out, p->result, GV_WOSHI_RETURN_NOT_EMPTY);
		break;
	case WOSHI_BANK:
	case WOSHI_DONE_BANK:
		put_bank(out, p->bank);
		break;
	case WOSHI_SLOTS:
		put_slots(out, p);
		break;
	case WOSHI_CSQ:
		put_8(out, p->csq);
		break;
	case WOSHI_BIT_ERRORS:
		put_8(out, p->bit_errors);
		break;
	case WOSHI_NETWORK_KIND:
		put_8(out, p->network);
		break;
	}
}

int gv_woshi_write(const struct gv_woshi_packet *packet, enum gv_woshi_from from, uint8_t *ret, size_t size)
{
	const enum woshi_part *part = woshi_parts(packet->command, from);
	struct out out = { .size = 0 };

	if (!part)
		return -EINVAL;
	put_16(&out, 0); /* the length, and with it the check, are known in the end */
	put_8(&out, (uint8_t)packet->command);
	put_8(&out, GV_WOSHI_VERSION);
	put_8(&out, 0);
	put_32(&out, packet->token);
	for (; *part != WOSHI_END; part++)
		put_part(&out, *part, packet);
	if (out.bad)
		return -EINVAL;
	out.bytes[0] = (uint8_t)((out.size - WOSHI_LENGTH_SIZE) >> 8);
	out.bytes[1] = (uint8_t)(out.size - WOSHI_LENGTH_SIZE);
	out.bytes[4] = woshi_xor(out.bytes + GV_WOSHI_HEADER, out.size - GV_WOSHI_HEADER);
	if (out.size > size)
		return -ENOBUFS;
	memcpy(ret, out.bytes, out.size);
	return (int)out.size;
}
