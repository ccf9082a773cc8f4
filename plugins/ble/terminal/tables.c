/* The rows of a terminal, and how piles are named in them. */
#include "terminal.h"

#include <string.h>

const struct gv_table terminal_keys = { "terminal_keys", "s", &ble__holder_row__descriptor, false };
const struct gv_table terminal_store = { "terminal_store", "s", &ble__store_row__descriptor, false };
const struct gv_table terminal_records = { "terminal_records", "suu", &ble__carried_row__descriptor, false };
const struct gv_table terminal_queue = { "terminal_queue", "u", &ble__queued_row__descriptor, false };
const struct gv_table terminal_bring = { "terminal_bring", "su", &ble__bring_row__descriptor, false };
const struct gv_table terminal_piles = { "terminal_piles", "s", &ble__seen_row__descriptor, false };
const struct gv_table terminal_commands = { "terminal_commands", "s", &ble__command_row__descriptor, false };
const struct gv_table terminal_letters = { "terminal_letters", "su", &ble__carried_letter_row__descriptor, false };
const struct gv_table terminal_pieces = { "terminal_pieces", "suu", &ble__piece_row__descriptor, false };

void hex_write(const uint8_t *data, size_t size, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		ret[2 * i] = digits[data[i] >> 4];
		ret[2 * i + 1] = digits[data[i] & 15];
	}
	ret[2 * size] = '\0';
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool hex_read(const char *text, uint8_t *ret, size_t size)
{
	if (strlen(text) != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

Ble__StoreRow *store_edit(struct gv_turn *t)
{
	return gv_edit(t, &terminal_store, gv_key("all"));
}

/* The one that has been out of reach for longest gives way; false: all are in reach. */
static bool make_room(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_piles };
	const Ble__SeenRow *oldest = NULL;
	struct gv_key key;
	unsigned n = 0;

	for (; gv_next(t, &scan); n++) {
		const Ble__SeenRow *row = scan.row;

		if (!row->in_reach && (!oldest || row->seen_at_ms < oldest->seen_at_ms)) {
			oldest = row;
			key = scan.key;
		}
	}
	if (n >= SEEN_MAX && oldest)
		gv_delete(t, &terminal_piles, key);
	return n < SEEN_MAX || oldest;
}

Ble__SeenRow *seen_edit(struct gv_turn *t, const char *device)
{
	if (gv_get(t, &terminal_piles, gv_key(device)) || make_room(t))
		return gv_edit(t, &terminal_piles, gv_key(device));
	return NULL;
}
