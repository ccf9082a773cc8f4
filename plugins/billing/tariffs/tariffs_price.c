/* From messages to a price and back: one door for quotes, running costs and charges, whatever the tariff's kind. */
#include <plugins/billing/ledger/ledger_names.h>
#include <plugins/billing/pricing/ocpi.h>
#include "places.h"
#include <plugins/billing/pricing/pricing_message.h>
#include "tariffs.h"
#include "tariffs_own.h"

#include <errno.h>
#include <lib/hex.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define LINES_FIRST 64
#define LINES_MAX 16384

const char *tariffs_why(struct gv_turn *t, int error)
{
	switch (-error) {
	case EINVAL:
		return "the use cannot be priced: its times are not in order, or an amount is out of range";
	case EOVERFLOW:
		return "the price is too large for its currency";
	case ENOBUFS:
		return gv_str(t, "the price would have more than %d lines", LINES_MAX);
	case E2BIG:
		return "the tariff has more tax rates than a price can show";
	case ERANGE:
		return "the rental is too long to be priced";
	default:
		return gv_str(t, "the price cannot be computed: %s", strerror(-error));
	}
}

/* ---- tariffs read so far --------------------------------------------------------------------- */

#define SLOTS 64 /* an operator has few tariffs at work; of two in one slot the later one stays */

/* Reading a tariff takes longer than pricing by it. What is kept follows from the text alone. */
struct tariffs {
	struct {
		char *text;
		struct billing_tariff tariff;
	} slots[SLOTS];
};

static void forget(struct tariffs *kept, size_t slot)
{
	if (kept->slots[slot].text)
		billing_tariff_fini(&kept->slots[slot].tariff);
	free(kept->slots[slot].text);
	kept->slots[slot].text = NULL;
}

void tariffs_stop(struct billing *b)
{
	for (size_t i = 0; b->tariffs && i < SLOTS; i++)
		forget(b->tariffs, i);
	free(b->tariffs);
	b->tariffs = NULL;
}

static size_t slot_of(const char *text)
{
	uint64_t hash = ledger_names_hash(LEDGER_NAMES_SEED, text);

	return (hash ^ hash >> 32) % SLOTS;
}

/* Prepared, borrowed until the next read; NULL with *ret_problem. */
static const struct billing_tariff *read_ocpi(struct billing *b, struct gv_turn *t, const char *text,
					      const char **ret_problem)
{
	struct billing_error error = { 0 };
	size_t slot = slot_of(text);
	int r;

	if (!b->tariffs)
		b->tariffs = calloc(1, sizeof *b->tariffs);
	if (!b->tariffs) {
		*ret_problem = tariffs_why(t, -ENOMEM);
		return NULL;
	}
	if (b->tariffs->slots[slot].text && !strcmp(b->tariffs->slots[slot].text, text))
		return &b->tariffs->slots[slot].tariff;
	forget(b->tariffs, slot);
	r = billing_ocpi_read(text, strlen(text), &b->tariffs->slots[slot].tariff, &error);
	if (r < 0) {
		*ret_problem = r == -EINVAL ? gv_str(t, "the tariff cannot be read: %s: %s", error.field, error.text)
					    : tariffs_why(t, r);
		return NULL;
	}
	b->tariffs->slots[slot].text = strdup(text);
	if (b->tariffs->slots[slot].text)
		return &b->tariffs->slots[slot].tariff;
	billing_tariff_fini(&b->tariffs->slots[slot].tariff);
	*ret_problem = tariffs_why(t, -ENOMEM);
	return NULL;
}

/* ---- prices ---------------------------------------------------------------------------------- */

/* One of the two. */
struct use {
	const Billing__PricedUse *message;
	ProtobufCBinaryData packed;
};

/* -ENOBUFS: more lines than `max`. */
static int run(struct gv_turn *t, const struct billing_tariff *tariff, const struct gv_zone *zone,
	       const struct use *use, size_t max, struct gv_buf *out)
{
	struct billing_line *lines = gv_alloc(t, max * sizeof *lines);
	struct billing_period *periods = gv_alloc(t, max * sizeof *periods);
	struct billing_run run;
	struct billing_price *price = gv_alloc(t, sizeof *price);
	int r;

	billing_run_init(&run, tariff, zone, lines, max, periods, max);
	r = use->message ? billing_run_feed(&run, use->message)
			 : billing_run_read(&run, use->packed.data, use->packed.len);
	if (r == 0)
		r = billing_run_price(&run, price);
	return r < 0 ? r : billing_price_write(&run, price, out);
}

static const Billing__Price *price_ocpi(struct billing *b, struct gv_turn *t, const char *ocpi, const char *zone_name,
					const struct use *use, const char **ret_problem)
{
	const struct billing_tariff *tariff = read_ocpi(b, t, ocpi, ret_problem);
	const struct gv_zone *zone = places_zone(b, t, zone_name);
	struct gv_buf packed = { 0 };
	const Billing__Price *price = NULL;
	int r = -ENOBUFS;

	if (!tariff)
		return NULL;
	for (size_t max = LINES_FIRST; r == -ENOBUFS && max <= LINES_MAX; max *= 16)
		r = run(t, tariff, zone, use, max, &packed);
	if (r == 0)
		price = billing__price__unpack(gv_allocator(t), packed.size, packed.data);
	if (!price)
		*ret_problem = tariffs_why(t, r < 0 ? r : -ENOMEM);
	gv_buf_fini(&packed);
	return price;
}

const Billing__Price *tariffs_price(struct billing *b, struct gv_turn *t, const Billing__Tariff *tariff,
				    const Billing__PricedUse *use, const char **ret_problem)
{
	switch (tariff->terms_case) {
	case BILLING__TARIFF__TERMS_OCPI:
		return price_ocpi(b, t, tariff->ocpi, use->zone, &(struct use){ .message = use }, ret_problem);
	case BILLING__TARIFF__TERMS_RENTAL:
		return tariffs_price_rental(b, t, tariff->rental, use, ret_problem);
	case BILLING__TARIFF__TERMS_PACKAGE:
		return tariffs_price_package(t, tariff->package, use, ret_problem);
	default:
		*ret_problem = "the tariff has no terms";
		return NULL;
	}
}

const Billing__Price *tariffs_price_again(struct billing *b, struct gv_turn *t, const Billing__Tariff *tariff,
					  const char *zone, ProtobufCBinaryData use, const char **ret_problem)
{
	const Billing__PricedUse *message;

	if (tariff->terms_case == BILLING__TARIFF__TERMS_OCPI)
		return price_ocpi(b, t, tariff->ocpi, zone, &(struct use){ .packed = use }, ret_problem);
	message = billing__priced_use__unpack(gv_allocator(t), use.len, use.data);
	if (message)
		return tariffs_price(b, t, tariff, message, ret_problem);
	*ret_problem = "what it was priced from cannot be read";
	return NULL;
}

const char *tariffs_currency(struct gv_turn *t, const Billing__Tariff *tariff)
{
	struct billing_tariff read = { 0 };
	struct billing_error error = { 0 };
	char *currency;

	if (tariff->terms_case == BILLING__TARIFF__TERMS_RENTAL)
		return tariff->rental->currency;
	if (tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE)
		return tariff->package->currency;
	if (tariff->terms_case != BILLING__TARIFF__TERMS_OCPI ||
	    billing_ocpi_read(tariff->ocpi, strlen(tariff->ocpi), &read, &error) < 0)
		return "";
	currency = gv_strdup(t, read.currency);
	billing_tariff_fini(&read);
	return currency;
}

/* ---- which terms ----------------------------------------------------------------------------- */

void tariffs_hash(struct gv_turn *t, const Billing__Tariff *tariff, uint8_t ret[static TARIFFS_HASH_SIZE])
{
	size_t size = billing__tariff__get_packed_size(tariff);
	uint8_t *packed = gv_alloc(t, size + 1), hash[EVP_MAX_MD_SIZE];

	billing__tariff__pack(tariff, packed);
	EVP_Digest(packed, size, hash, NULL, EVP_sha256(), NULL);
	memcpy(ret, hash, TARIFFS_HASH_SIZE);
}

char *tariffs_hash_text(struct gv_turn *t, const Billing__Tariff *tariff)
{
	char *text = gv_alloc(t, 2 * TARIFFS_HASH_SIZE + 1);
	uint8_t hash[TARIFFS_HASH_SIZE];

	tariffs_hash(t, tariff, hash);
	gv_hex_write(hash, sizeof hash, text);
	return text;
}
