/* Images of firmware: what the makers have signed is kept until nobody uses the pile, and handed to the hardware then.
 * Nobody else decides that: an offline pile can be asked by none. A start and an installation are decided in one
 * place, one after the other, so one of the two wins. */
#include "pile_internal.h"

#include <string.h>

#define LOOK_MS 1000 /* whether the pile is still used */

static bool takes_images(const struct ble_pile *p)
{
	return p->config.makers.n > 0 && p->hardware.install && p->hardware.letter_read;
}

/* What became of it, in a letter; without room for one, what the pile boots with has to say it. */
static void say(struct ble_pile *p, uint64_t number, enum ble_image_step step, int result)
{
	struct ble_image_said it = { .result = (uint8_t)-result,
				     .chain = p->state.chain,
				     .number = number,
				     .boot = p->state.boot,
				     .step = (uint8_t)step,
				     .firmware = p->config.firmware };
	uint8_t body[64];
	int size = ble_image_said_write(&it, body, sizeof(body));

	if (size > 0)
		mind_letters_write(p, BLE_LETTER_FIRMWARE_SAID, body, (size_t)size);
}

/* Is the letter in hand an image for this pile? The size of its head, or why not. */
static int judge(struct ble_pile *p, uint32_t size, struct ble_image *ret)
{
	const struct ble_pile_hardware *h = &p->hardware;
	uint8_t head[BLE_IMAGE_HEAD_MAX], hash[32];
	size_t there = size < sizeof(head) ? size : sizeof(head);
	int r;

	if (h->letter_read(h->user, 0, head, there) != 0)
		return -BLE_STORE_FULL;
	r = ble_image_check(p->config.crypto, &p->config.makers, head, there, ret);
	if (r < 0)
		return r;
	if (!ble_same(ret->hardware, p->config.hardware, sizeof(ret->hardware)))
		return -BLE_OTHER_PILE;
	if (ret->counter <= p->config.counter)
		return -BLE_STALE;
	if (ret->size != size - (uint32_t)r)
		return -BLE_MALFORMED;
	if (h->letter_hash(h->user, (uint32_t)r, ret->size, hash) != 0 || !ble_same(hash, ret->hash, sizeof(hash)))
		return -BLE_BAD_CRC;
	return r;
}

void mind_image_came(struct ble_pile *p, unsigned kind, uint64_t number, uint32_t size)
{
	struct ble_image it;
	int r;

	if (kind != BLE_LETTER_FIRMWARE)
		return;
	r = takes_images(p) ? judge(p, size, &it) : -BLE_UNSUPPORTED;
	if (r < 0) {
		say(p, number, BLE_IMAGE_REFUSED, r);
		return;
	}
	p->mail.image = number;
	p->mail.image_size = size;
	p->mail.image_version = it.version;
	p->mail.image_tries = 0;
	say(p, number, BLE_IMAGE_WAITS, 0);
}

/* ---- when nobody uses the pile --------------------------------------------------------------- */

static bool in_use(const struct ble_pile *p)
{
	for (unsigned c = 0; c < p->config.connectors; c++)
		if (p->state.sessions[c].active)
			return true;
	for (size_t i = 0; i < BLE_PILE_VISITS; i++)
		if (p->visits[i].open)
			return true; /* who may be about to start */
	return false;
}

static void over(struct ble_pile *p, enum ble_image_step step, int result)
{
	say(p, p->mail.image, step, result);
	p->mail.image = 0;
	mind_letters_keep(p);
}

static void install(struct ble_pile *p)
{
	struct ble_image it;
	int head = judge(p, p->mail.image_size, &it), r;

	if (head < 0) {
		over(p, BLE_IMAGE_REFUSED, head);
		return;
	}
	if (p->mail.image_tries++ == 0)
		say(p, p->mail.image, BLE_IMAGE_INSTALLING, 0);
	if (mind_letters_keep(p) < 0)
		return; /* or it could be tried for ever */
	p->installing = true;
	r = p->hardware.install(p->hardware.user, &it, (uint32_t)head);
	if (r == 0)
		return;
	p->installing = false;
	over(p, BLE_IMAGE_FAILED, r);
}

uint64_t mind_images_tick(struct ble_pile *p)
{
	if (!p->mail.image || p->installing || !takes_images(p))
		return UINT64_MAX;
	if (!in_use(p))
		install(p);
	return p->mail.image && !p->installing ? p->now_ms + LOOK_MS : UINT64_MAX;
}

void mind_images_boot(struct ble_pile *p)
{
	if (!p->mail.image)
		return;
	if (p->mail.image_tries && p->config.firmware == p->mail.image_version)
		over(p, BLE_IMAGE_INSTALLED, 0);
	else if (p->mail.image_tries >= BLE_PILE_INSTALLS)
		over(p, BLE_IMAGE_FAILED, -BLE_NOT_ALLOWED);
}
