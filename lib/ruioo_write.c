/* Frames as they leave: canonical, or with dots for cabinets that take their document at its word. */
#include "ruioo_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct out {
	char text[GV_RUIOO_FRAME_MAX];
	size_t size;
};

/* Never too long: the largest of all frames, 99 slots with banks of 20 characters, fits. */
__attribute__((format(printf, 2, 3))) static void put(struct out *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	out->size += (size_t)vsnprintf(out->text + out->size, sizeof(out->text) - out->size, format, args);
	va_end(args);
}

static bool bank_ok(const char *bank)
{
	return ruioo_bank_valid(bank, strnlen(bank, GV_RUIOO_BANK_SIZE));
}

static bool slot_ok(uint8_t slot)
{
	return slot >= 1 && slot <= GV_RUIOO_SLOTS_MAX;
}

static int put_list(struct out *out, const struct gv_ruioo_frame *f)
{
	bool seen[GV_RUIOO_SLOTS_MAX + 1] = { false };

	if (f->n_slots > GV_RUIOO_SLOTS_MAX)
		return -EINVAL;
	put(out, ",");
	for (unsigned i = 0; i < f->n_slots; i++) {
		const struct gv_ruioo_slot *s = &f->slots[i];

		if (!slot_ok(s->slot) || seen[s->slot] || s->state >= GV_RUIOO_STATES)
			return -EINVAL;
		if (s->bank[0] && !bank_ok(s->bank))
			return -EINVAL;
		seen[s->slot] = true;
		put(out, s->bank[0] ? "%u.%s.%s;" : "%u.%s;", s->slot, ruioo_states[s->state], s->bank);
	}
	return 0;
}

static int put_bank(struct out *out, const struct gv_ruioo_frame *f, char sep)
{
	const struct ruioo_word *word = &ruioo_words[f->command];
	const enum gv_ruioo_sub *sub = word->subs;

	while (*sub != GV_RUIOO_NONE && *sub != f->sub)
		sub++;
	if (*sub != f->sub || (f->sub == GV_RUIOO_NONE && word->subs[0] != GV_RUIOO_NONE))
		return -EINVAL;
	if (!slot_ok(f->slot) || !bank_ok(f->bank))
		return -EINVAL;
	if (f->sub != GV_RUIOO_NONE)
		put(out, "%c%s", sep, ruioo_subs[f->sub]);
	put(out, "%c%u%c%s", sep, f->slot, sep, f->bank);
	return 0;
}

/* "IMEI,CMD,data"; *ret_sep is what goes in front of the CRC. */
static int put_fields(struct out *out, const struct gv_ruioo_frame *f, enum gv_ruioo_style style, char *ret_sep)
{
	char sep = style == GV_RUIOO_DOT ? '.' : ',';
	int r = 0;

	put(out, "%s,%s", f->imei, ruioo_words[f->command].name);
	switch (ruioo_words[f->command].data) {
	case RUIOO_LIST:
		r = put_list(out, f);
		sep = style == GV_RUIOO_DOT ? ';' : ',';
		break;
	case RUIOO_BANK:
		r = put_bank(out, f, sep);
		break;
	case RUIOO_NOTHING:
		put(out, "%c", sep);
		break;
	}
	*ret_sep = sep;
	return r;
}

int gv_ruioo_write(const struct gv_ruioo_frame *frame, struct gv_ruioo_check check, enum gv_ruioo_style style,
		   char *ret, size_t size)
{
	struct out out = { .size = 0 };
	struct ruioo_covered covered = { .begin = 2 };
	char sep;

	if (style != GV_RUIOO_COMMA && style != GV_RUIOO_DOT)
		return -EINVAL;
	if (frame->command >= GV_RUIOO_COMMANDS ||
	    !ruioo_imei_valid(frame->imei, strnlen(frame->imei, GV_RUIOO_IMEI_SIZE)))
		return -EINVAL;
	put(&out, "{\"");
	if (put_fields(&out, frame, style, &sep) < 0)
		return -EINVAL;
	covered.end = out.size;
	put(&out, "%c", sep);
	covered.crc = out.size;
	put(&out, "%04X\"}\r\n", ruioo_crc(check, out.text, covered));
	if (out.size > size)
		return -ENOBUFS;
	memcpy(ret, out.text, out.size);
	return (int)out.size;
}
