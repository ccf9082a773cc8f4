/* Updates of piles: an image is a letter, and what a pile says of it comes back as one. A pile may be offline for days
 * and decides by itself when it installs, so a lease here keeps nobody from starting (docs/adr/0025). What it boots
 * with is a record, or stands in its letter; whichever comes first tells. */
#include "cloud.h"
#include "../core/ble_image.h"

#include <plugins/leases/leases.h>

#include <string.h>

/* ---- what runs there ------------------------------------------------------------------------- */

/* Records and letters come late and out of order: what an earlier boot ran is old news. */
static void runs(struct gv_turn *t, struct pile *p, uint32_t chain, uint32_t boot, uint32_t version)
{
	static char *ways[] = { (char *)"firmware", (char *)"courier" };
	Update__Identity *it = gv_alloc(t, sizeof(*it)); /* the row keeps it until the turn's end */
	const Ble__PileRow *known = p->row;
	Ble__PileRow *row;

	if (chain < known->firmware_chain || (chain == known->firmware_chain && boot <= known->firmware_boot))
		return;
	row = pile_edit(t, p);
	row->firmware_chain = chain;
	row->firmware_boot = boot;
	update__identity__init(it);
	it->version = gv_str(t, "%u", version);
	it->ways = ways;
	it->n_ways = sizeof(ways) / sizeof(*ways);
	lease_identified(t, p->device, it, true);
}

void update_record(struct gv_turn *t, struct pile *p, const struct ble_record *r)
{
	if (r->has & BLE_HAS(BLE_RECORD_VALUE))
		runs(t, p, r->chain, r->boot, r->value);
}

/* ---- how far it is --------------------------------------------------------------------------- */

static void progress(struct gv_turn *t, const char *device, uint64_t number, Update__Step step, const char *detail)
{
	const Update__Order *order = order_of(t, device);

	if (order && order->state == UPDATE__ORDER__STATE__ACCEPTED && order->number == number)
		order_progress(t, device, &(struct order_step){ .number = number, .step = step, .detail = detail });
}

void update_delivered(struct gv_turn *t, const char *device, uint64_t number)
{
	progress(t, device, number, UPDATE__STEP__STEP_DOWNLOADED, "");
}

void update_expired(struct gv_turn *t, const char *device, uint64_t number)
{
	progress(t, device, number, UPDATE__STEP__STEP_DOWNLOAD_FAILED, "no courier brought it in its time");
}

/* A reason that a pile gave, for people. */
static const char *reason(struct gv_turn *t, uint8_t result)
{
	switch (result) {
	case BLE_OK:
		return "";
	case BLE_OTHER_PILE:
		return "it is for other hardware";
	case BLE_STALE:
		return "its release counter is not above that of what runs";
	case BLE_BAD_SIG:
		return "too few of the makers' keys that the pile knows have signed it";
	case BLE_BAD_CRC:
		return "its bytes are not those that its makers have signed";
	case BLE_MALFORMED:
		return "it has no head, or another size than its head says";
	case BLE_UNSUPPORTED:
		return "the pile takes no images";
	case BLE_NOT_ALLOWED:
		return "the pile boots with what it had";
	default:
		return gv_str(t, "the pile says %s", ble_result_name(result));
	}
}

static Update__Step step_of(const struct ble_image_said *it)
{
	switch (it->step) {
	case BLE_IMAGE_WAITS:
		return UPDATE__STEP__STEP_VERIFIED;
	case BLE_IMAGE_INSTALLING:
		return UPDATE__STEP__STEP_INSTALLING;
	case BLE_IMAGE_INSTALLED:
		return UPDATE__STEP__STEP_INSTALLED;
	case BLE_IMAGE_REFUSED:
		return it->result == BLE_BAD_SIG ? UPDATE__STEP__STEP_INVALID_SIGNATURE
						 : UPDATE__STEP__STEP_VERIFICATION_FAILED;
	case BLE_IMAGE_FAILED:
		return UPDATE__STEP__STEP_INSTALLATION_FAILED;
	default:
		return UPDATE__STEP__STEP_NONE;
	}
}

void update_said(struct gv_turn *t, struct pile *p, const uint8_t *body, size_t size)
{
	struct ble_image_said it;
	Update__Step step;

	if (ble_image_said_read(body, size, &it) < 0)
		return;
	step = step_of(&it);
	if (it.step == BLE_IMAGE_INSTALLED)
		runs(t, p, it.chain, it.boot, it.firmware);
	if (step)
		progress(t, p->device, it.number, step, reason(t, it.result));
}

/* ---- handed over, and taken back ------------------------------------------------------------- */

static Update__Hindrance hindrance(void *self, struct gv_turn *t, const char *device, int64_t until_ms,
				   const char **ret_detail, int64_t *ret_free_ms)
{
	struct pile p;

	if (ble_state(self, &ble_cloud_role) && pile_find(t, device, &p))
		return UPDATE__HINDRANCE__HINDRANCE_NONE;
	*ret_detail = "it is no pile of this node: PutPile makes it one";
	return UPDATE__HINDRANCE__HINDRANCE_UNKNOWN;
}

/* What no pile could take is not carried to one; NULL: nothing is wrong. Signatures are the pile's to judge. */
static const char *wrong(struct gv_turn *t, const Update__InstallRequest *r)
{
	uint8_t head[BLE_IMAGE_HEAD_MAX];
	struct ble_image it;
	int64_t there;
	int size;

	if (strcmp(r->kind, "firmware") != 0)
		return "a pile takes firmware only";
	there = gv_blob_read(t, r->sha256, 0, head, sizeof(head));
	if (there < 0)
		return "sha256: this node has no such blob";
	size = ble_image_read(head, (size_t)there, &it);
	if (size < 0)
		return gv_str(t, "it is no image for piles (docs/protocols/ble.md): %s", ble_result_name(size));
	if (strcmp(r->version, gv_str(t, "%u", it.version)) != 0)
		return gv_str(t, "its head says version %u, and the artifact %s", it.version, r->version);
	return NULL;
}

/* A pile has one letter in hand: of images only the last that was ordered goes on its way. */
static void withdraw_others(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &cloud_letters, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ble__LetterRow *row = scan.row;

		if (letter_open(row) && row->letter->kind == BLE_LETTER_FIRMWARE)
			letter_end(t, device, row->letter->number, "withdrawn");
	}
}

static int install(void *self, struct gv_turn *t, struct gv_ticket ticket, Update__Order *order)
{
	const Update__InstallRequest *r = order->request;
	Ble__PutLetterRequest put = BLE__PUT_LETTER_REQUEST__INIT;
	struct cloud *c = cloud_of(self, t, ticket);
	const Ble__Letter *letter;
	struct letter_refusal no;
	const char *why;
	struct pile p;

	if (!c)
		return 0;
	if (!pile_find(t, r->device, &p))
		return gv_fail(t, GV_NOT_FOUND, "%.128s is no pile: PutPile makes it one", r->device);
	why = wrong(t, r);
	if (why)
		return order_answered(t, ticket, r->device, order->number, UPDATE__ORDER__STATE__REFUSED, why);
	withdraw_others(t, r->device);
	put.device = r->device;
	put.id = gv_str(t, "update %.40s %.8s", r->id, r->sha256);
	put.kind = BLE_LETTER_FIRMWARE;
	put.blob = r->sha256;
	letter = letter_put(c, t, &p, &put, &no);
	if (!letter)
		return order_answered(t, ticket, r->device, order->number, UPDATE__ORDER__STATE__REFUSED, no.why);
	order->number = letter->number;
	return order_answered(t, ticket, r->device, order->number, UPDATE__ORDER__STATE__ACCEPTED,
			      "whoever passes by brings it");
}

static int cancel(void *self, struct gv_turn *t, struct gv_ticket ticket, const Update__Order *order)
{
	const char *device = order->request->device;

	if (!letter_open(letter_find(t, device, order->number)))
		return order_cancelled(t, ticket, device, false,
				       "the pile has it, and installs it when nobody uses it");
	letter_end(t, device, order->number, "withdrawn");
	return order_cancelled(t, ticket, device, true, "a courier who has all of it already may still bring it");
}

const struct leases_device leases_device = {
	.gates_itself = true,
	.hindrance = hindrance,
	.install = install,
	.cancel = cancel,
};
