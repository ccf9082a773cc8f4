/* The board of a simulated pile. Its flash is a file of places: records, the two states, one of the board's own for its
 * meters and its certificate, the two for letters, and the bytes of the letter in hand. */
#include "post_board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct own { /* the board's place */
	double meter_wh[BLE_PILE_CONNECTORS];
	uint8_t root[32], certificate[BLE_CERTIFICATE_MAX];
	uint16_t certificate_size;
	uint32_t firmware, counter; /* 0: as it was made */
};

static size_t offset_of(const struct post_board *b, enum ble_pile_area area, uint32_t place)
{
	size_t records = (size_t)b->records * BLE_PILE_PLACE_SIZE;

	if (area == BLE_PILE_RECORDS)
		return (size_t)place * BLE_PILE_PLACE_SIZE;
	if (area == BLE_PILE_STATE)
		return records + (size_t)place * BLE_PILE_STATE_SIZE;
	return records + 2 * BLE_PILE_STATE_SIZE + sizeof(struct own) + (size_t)place * BLE_PILE_MAIL_SIZE;
}

static size_t letter_offset(const struct post_board *b)
{
	return offset_of(b, BLE_PILE_MAIL, 2);
}

static size_t own_offset(const struct post_board *b)
{
	return offset_of(b, BLE_PILE_STATE, 2);
}

static int get(struct post_board *b, size_t offset, void *ret, size_t size)
{
	if (b->fd < 0) {
		memcpy(ret, b->memory + offset, size);
		return 0;
	}
	return pread(b->fd, ret, size, (off_t)offset) == (ssize_t)size ? 0 : -EIO;
}

static int put(struct post_board *b, size_t offset, const void *data, size_t size)
{
	if (b->fd < 0) {
		memcpy(b->memory + offset, data, size);
		return 0;
	}
	return pwrite(b->fd, data, size, (off_t)offset) == (ssize_t)size ? 0 : -EIO;
}

/* ---- what the mind asks for ------------------------------------------------------------------ */

static int read_place(void *user, enum ble_pile_area area, uint32_t place, void *ret, size_t size)
{
	return get(user, offset_of(user, area, place), ret, size);
}

static int write_place(void *user, enum ble_pile_area area, uint32_t place, const void *data, size_t size)
{
	struct post_board *b = user;
	int r = put(b, offset_of(b, area, place), data, size);

	return r == 0 && b->fd >= 0 ? fdatasync(b->fd) : r;
}

static void fill_random(void *user, uint8_t *ret, size_t size)
{
	struct post_board *b = user;

	for (size_t i = 0; i < size; i += 8) {
		uint64_t z = b->random(b->arg);

		memcpy(ret + i, &z, size - i < 8 ? size - i : 8);
	}
}

static void keep_own(struct post_board *b)
{
	struct own own = { .certificate_size = (uint16_t)b->certificate_size,
			   .firmware = b->firmware,
			   .counter = b->counter };

	memcpy(own.meter_wh, b->meter_wh, sizeof own.meter_wh);
	memcpy(own.root, b->root, sizeof own.root);
	memcpy(own.certificate, b->certificate, b->certificate_size);
	put(b, own_offset(b), &own, sizeof own);
}

static void advance(struct post_board *b)
{
	int64_t now_ms = b->now_ms(b->arg);
	double wh = (double)(now_ms - b->metered_ms) * b->wh_per_ms;

	if (now_ms <= b->metered_ms)
		return;
	b->metered_ms = now_ms;
	for (unsigned i = 0; i < b->connectors; i++)
		if (b->closed[i]) {
			b->meter_wh[i] += wh;
			b->delivered_wh[i] += wh;
		}
}

static uint64_t meter_wh(void *user, unsigned connector)
{
	struct post_board *b = user;

	advance(b);
	return (uint64_t)b->meter_wh[connector - 1];
}

static uint32_t power_w(void *user, unsigned connector)
{
	const struct post_board *b = user;

	return b->closed[connector - 1] ? (uint32_t)(b->wh_per_ms * 3600e3) : 0;
}

static void relay(void *user, unsigned connector, bool closed)
{
	struct post_board *b = user;

	advance(b);
	b->closed[connector - 1] = closed;
	keep_own(b);
}

/* Memory is taken with the first letter: a fleet's piles seldom have one. */
static int letter_write(void *user, uint32_t offset, const void *data, size_t size)
{
	struct post_board *b = user;

	if (b->fd >= 0)
		return put(b, letter_offset(b) + offset, data, size) < 0 ? -EIO : fdatasync(b->fd);
	if (!b->letter)
		b->letter = calloc(1, b->letter_max);
	if (!b->letter)
		return -ENOMEM;
	memcpy(b->letter + offset, data, size);
	return 0;
}

int post_board_letter(struct post_board *b, uint32_t offset, void *ret, size_t size)
{
	if (b->fd >= 0)
		return get(b, letter_offset(b) + offset, ret, size);
	if (!b->letter || offset + size > b->letter_max)
		return -EINVAL;
	memcpy(ret, b->letter + offset, size);
	return 0;
}

static int letter_hash(void *user, uint32_t offset, uint32_t size, uint8_t ret[32])
{
	uint8_t *whole = malloc(size);
	int r = whole ? post_board_letter(user, offset, whole, size) : -ENOMEM;

	if (r == 0)
		r = ble_openssl.sha256(NULL, whole, size, ret);
	free(whole);
	return r;
}

static void letter(void *user, unsigned kind, uint64_t number, uint32_t size)
{
	struct post_board *b = user;
	struct post_letter *it = &b->letters[b->n_letters++ % POST_LETTERS];

	it->number = number;
	it->kind = kind;
	it->size = size;
	letter_hash(b, 0, size, it->hash);
	if (b->on_letter)
		b->on_letter(b->arg, kind, size);
}

static int letter_read(void *user, uint32_t offset, void *ret, size_t size)
{
	return post_board_letter(user, offset, ret, size);
}

/* There is no code in it: what it says of itself is what runs behind the boot. */
static int install(void *user, const struct ble_image *image, uint32_t offset)
{
	struct post_board *b = user;

	b->firmware = image->version;
	b->counter = image->counter;
	b->reboot = true;
	keep_own(b);
	return 0;
}

void post_board_hardware(struct post_board *b, struct ble_pile_hardware *ret)
{
	*ret = (struct ble_pile_hardware){ .user = b,
					   .read = read_place,
					   .write = write_place,
					   .random = fill_random,
					   .meter_wh = meter_wh,
					   .power_w = power_w,
					   .relay = relay,
					   .letter_write = letter_write,
					   .letter_hash = letter_hash,
					   .letter = letter,
					   .letter_read = letter_read,
					   .install = install };
}

void post_board_power_off(struct post_board *b)
{
	advance(b);
	memset(b->closed, 0, sizeof b->closed);
	keep_own(b);
}

/* ---- made ------------------------------------------------------------------------------------ */

static int make_keys(struct post_board *b, const char *secret, const char *address)
{
	const struct ble_crypto *c = &ble_openssl;
	uint8_t hash[32], salt[32];

	if (c->sha256(c->user, address, strlen(address), hash) != 0 ||
	    c->sha256(c->user, secret, strlen(secret), salt) != 0 ||
	    c->hkdf_sha256(c->user, salt, sizeof salt, hash, "simulated pile", b->seed, sizeof b->seed) != 0 ||
	    ble_openssl_public(b->seed, b->public_key) != 0)
		return -EINVAL;
	memcpy(b->id, hash, sizeof b->id);
	return 0;
}

static void load_own(struct post_board *b)
{
	struct own own;

	b->firmware = b->counter = 1;
	if (get(b, own_offset(b), &own, sizeof own) < 0 || own.certificate_size > sizeof own.certificate)
		return;
	memcpy(b->meter_wh, own.meter_wh, sizeof own.meter_wh);
	memcpy(b->root, own.root, sizeof own.root);
	memcpy(b->certificate, own.certificate, own.certificate_size);
	b->certificate_size = own.certificate_size;
	b->firmware = own.firmware ? own.firmware : b->firmware;
	b->counter = own.counter ? own.counter : b->counter;
}

int post_board_init(struct post_board *b, const char *secret, const char *address, const char *file, uint32_t records,
		    uint32_t letter_max)
{
	size_t size;
	int r;

	b->records = records;
	b->fd = -1;
	b->letter_max = letter_max;
	size = letter_offset(b) + (file ? letter_max : 0);
	r = make_keys(b, secret, address);
	if (r < 0)
		return r;
	if (file)
		b->fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file && (b->fd < 0 || ftruncate(b->fd, (off_t)size) < 0))
		return -errno;
	if (!file)
		b->memory = calloc(1, size);
	if (!file && !b->memory)
		return -ENOMEM;
	load_own(b);
	return 0;
}

void post_board_certify(struct post_board *b, const uint8_t *certificate, size_t size, const uint8_t root[32])
{
	memcpy(b->certificate, certificate, size);
	b->certificate_size = size;
	memcpy(b->root, root, 32);
	keep_own(b);
}

void post_board_fini(struct post_board *b)
{
	if (b->fd >= 0)
		close(b->fd);
	free(b->memory);
	free(b->letter);
	b->letter = NULL;
	b->fd = -1;
	b->memory = NULL;
}
