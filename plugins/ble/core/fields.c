/* Tag, length, value, by table. There is one way to write a thing, so that what is signed is what is sent: tags rise,
 * none is repeated, numbers have the width that the table says. */
#include "core_internal.h"

#include <string.h>

#define LONG_TAG 0xc0 /* from here on a length has two bytes */

/* A tag that this version does not know may be passed over only where its number says so. */
static bool critical(uint8_t tag)
{
	return tag < 0x80 || (tag >= LONG_TAG && tag < 0xe0);
}

static void copy_number(const struct field *f, const uint8_t *at, void *member)
{
	uint64_t value = bytes_get(at, f->size);

	switch (f->size) {
	case 1:
		*(uint8_t *)member = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)member = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)member = (uint32_t)value;
		break;
	default:
		*(uint64_t *)member = value;
	}
}

static uint64_t number(const struct field *f, const void *member)
{
	switch (f->size) {
	case 1:
		return *(const uint8_t *)member;
	case 2:
		return *(const uint16_t *)member;
	case 4:
		return *(const uint32_t *)member;
	default:
		return *(const uint64_t *)member;
	}
}

static int write_field(const struct field *f, const void *member, uint8_t *ret, size_t room)
{
	const struct ble_bytes *bytes = f->kind == FIELD_BYTES ? member : NULL;
	size_t size = bytes ? bytes->size : f->size, head = f->tag < LONG_TAG ? 2 : 3;

	if (size > f->size)
		return -BLE_TOO_LONG;
	if (room < head + size)
		return -BLE_NO_ROOM;
	ret[0] = f->tag;
	bytes_put(ret + 1, size, (unsigned)head - 1);
	if (f->kind == FIELD_NUMBER)
		bytes_put(ret + head, number(f, member), f->size);
	else if (size)
		memcpy(ret + head, bytes ? bytes->at : member, size);
	return (int)(head + size);
}

int form_write(const struct form *form, const void *from, uint8_t *ret, size_t room)
{
	uint64_t has;
	size_t at = 0;

	memcpy(&has, from, sizeof(has));
	for (size_t i = 0; i < form->n; i++) {
		const struct field *f = &form->fields[i];
		int r;

		if (f->optional && !(has & BLE_HAS(f->tag)))
			continue;
		r = write_field(f, (const uint8_t *)from + f->offset, ret + at, room - at);
		if (r < 0)
			return r;
		at += (size_t)r;
	}
	return (int)at;
}

static int read_field(const struct field *f, const uint8_t *at, size_t size, void *member)
{
	if (f->kind == FIELD_BYTES ? size > f->size : size != f->size)
		return -BLE_MALFORMED;
	if (f->kind == FIELD_NUMBER)
		copy_number(f, at, member);
	else if (f->kind == FIELD_FIXED)
		memcpy(member, at, size);
	else
		*(struct ble_bytes *)member = (struct ble_bytes){ at, size };
	return 0;
}

static const struct field *find(const struct form *form, uint8_t tag)
{
	for (size_t i = 0; i < form->n; i++)
		if (form->fields[i].tag == tag)
			return &form->fields[i];
	return NULL;
}

/* The size of the tag and length at `data`, and of the value behind them. */
static int read_head(const uint8_t *data, size_t room, uint8_t last, size_t *ret_size)
{
	unsigned head = room && data[0] >= LONG_TAG ? 3 : 2;

	if (room < head || data[0] <= last)
		return -BLE_MALFORMED;
	*ret_size = (size_t)bytes_get(data + 1, head - 1);
	return *ret_size > room - head ? -BLE_MALFORMED : (int)head;
}

int form_read(const struct form *form, const uint8_t *data, size_t size, void *ret)
{
	uint64_t has = 0;
	uint8_t last = 0;

	memset(ret, 0, form->size);
	for (size_t at = 0, length; at < size; at += length) {
		int head = read_head(data + at, size - at, last, &length), r = 0;
		const struct field *f;

		if (head < 0)
			return head;
		last = data[at];
		at += (size_t)head;
		f = find(form, last);
		if (f)
			r = read_field(f, data + at, length, (uint8_t *)ret + f->offset);
		else if (critical(last))
			r = -BLE_UNKNOWN_TAG;
		if (r < 0)
			return r;
		has |= f ? BLE_HAS(last) : 0;
	}
	for (size_t i = 0; i < form->n; i++)
		if (!form->fields[i].optional && !(has & BLE_HAS(form->fields[i].tag)))
			return -BLE_MALFORMED;
	memcpy(ret, &has, sizeof(has));
	return 0;
}
